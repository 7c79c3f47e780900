//! What a layer measures when telemetry is installed: with instruments that are bound to what requests have in common.

use std::collections::BTreeMap;
use std::convert::Infallible;

use http::{Request, Response, StatusCode};
use tower::{Layer as _, Service as _, service_fn};
use trisignal::ConsoleFormat;
use trisignal::http::ServerLayer;
use trisignal_receiver::{DataPoint, Receiver};

use super::common::{PATIENCE, receiver};
use super::isolated::isolated;

/// Requests of a thread between two collections, each second one of which fails.
const REQUESTS: u64 = 100;
const THREADS: u64 = 2;

#[test]
fn each_request_is_measured_once_and_none_stays_active() {
    let name = "requests::each_request_is_measured_once_and_none_stays_active";
    isolated(name, || {
        let receiver = receiver();
        let endpoint = (
            "OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(),
            receiver.http_endpoint(),
        );
        let telemetry = trisignal::builder("checkout")
            .environment(BTreeMap::from([endpoint]))
            .console(ConsoleFormat::Off)
            .install()
            .unwrap();
        let layer = ServerLayer::new().route(|_| Some("/orders/{id}".to_owned()));
        // More than one collection: each begins the series anew.
        for round in 1..=3 {
            std::thread::scope(|scope| {
                for _ in 0..THREADS {
                    scope.spawn(|| serve(&layer));
                }
            });
            assert!(telemetry.flush_blocking(PATIENCE).complete);
            let each = round * THREADS * REQUESTS / 2;
            assert_eq!(measured(&receiver), [(200, each), (503, each)]);
            assert_eq!(active(&receiver), [Some(0)]);
        }
        let report = telemetry.shutdown_blocking(PATIENCE);
        assert!(report.complete && report.lost() == 0, "{report}");
    });
}

fn serve(layer: &ServerLayer) {
    let mut number = 0;
    let mut service = layer.layer(service_fn(move |_: Request<String>| {
        number += 1;
        let status = [StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE][number % 2];
        let mut answer = Response::new(String::new());
        *answer.status_mut() = status;
        std::future::ready(Ok::<_, Infallible>(answer))
    }));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    for _ in 0..REQUESTS {
        let request = Request::get("/orders/7").body(String::new()).unwrap();
        drop(runtime.block_on(service.call(request)).unwrap());
    }
}

/// The requests that were measured, by status, each with an example.
fn measured(receiver: &Receiver) -> Vec<(i64, u64)> {
    let metric = receiver.metrics().name("http.server.request.duration");
    let metric = metric.last().unwrap();
    let mut counts: Vec<_> = metric
        .points
        .iter()
        .map(|point| {
            assert!(!point.exemplars.is_empty(), "{point:?}");
            let status = point.attr("http.response.status_code");
            (status.unwrap().as_i64().unwrap(), point.count().unwrap())
        })
        .collect();
    counts.sort_unstable();
    counts
}

fn active(receiver: &Receiver) -> Vec<Option<i64>> {
    let metric = receiver.metrics().name("http.server.active_requests");
    let metric = metric.last().unwrap();
    metric.points.iter().map(DataPoint::as_i64).collect()
}
