//! The health of telemetry as a page: what monitors see of a backend that takes everything, refuses some, is away.

use std::collections::BTreeMap;

use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;
use trisignal::{DropReason, Limits, Protocol, Telemetry};
use trisignal_receiver::{Script, Signal};

use super::common::{PATIENCE, brisk, builder, is_poisoned, logs, receiver, spans};

fn ask(telemetry: &Telemetry, method: http::Method) -> (http::Response<()>, String) {
    let request = http::Request::builder().method(method).body(()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let answer = telemetry.health_service().oneshot(request).await.unwrap();
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(body.to_vec()).unwrap();
        (http::Response::from_parts(parts, ()), text)
    })
}

fn health(telemetry: &Telemetry) -> Value {
    let (answer, body) = ask(telemetry, http::Method::GET);
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/json");
    serde_json::from_str(&body).unwrap()
}

#[test]
fn the_page_is_the_ledger_and_says_whether_it_is_good() {
    let receiver = receiver();
    receiver.script(Script::reject_if(is_poisoned(&[3])));
    let telemetry = builder(&receiver, Protocol::HttpProtobuf)
        .limits(brisk())
        .build()
        .unwrap();
    let page = health(&telemetry);
    assert_eq!(page["status"], "ok", "{page}");
    assert_eq!(page["reasons"].as_array().map(Vec::len), Some(0));

    spans(&telemetry, 10);
    logs(&telemetry, 2);
    assert!(telemetry.flush_blocking(PATIENCE).complete);
    let (page, known) = (health(&telemetry), telemetry.health());
    assert_eq!(page["status"], "degraded", "{page}");
    assert_eq!(page["reasons"][0], "1 items were dropped in the last 300 s");
    assert_eq!(known.traces.dropped.get(DropReason::Rejected), 1);
    for (signal, account) in [
        ("traces", known.traces),
        ("metrics", known.metrics),
        ("logs", known.logs),
    ] {
        let told = &page[signal];
        let numbers = [&told["produced"], &told["delivered"], &told["held"]];
        let expected = [account.produced, account.delivered, account.held];
        assert_eq!(
            numbers.map(|number| number.as_u64().unwrap()),
            expected,
            "{signal}"
        );
        let dropped = told["dropped"].as_object().unwrap();
        let dropped: BTreeMap<_, _> = dropped
            .iter()
            .map(|(reason, count)| (reason.as_str(), count.as_u64()))
            .collect();
        let expected = account
            .dropped
            .iter()
            .map(|(reason, count)| (reason.as_str(), Some(count)));
        assert_eq!(dropped, expected.collect(), "{signal}");
    }

    let (answer, body) = ask(&telemetry, http::Method::HEAD);
    assert_eq!((answer.status().as_u16(), body.as_str()), (200, ""));
    let (answer, _) = ask(&telemetry, http::Method::POST);
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["allow"]),
        (405, &"GET, HEAD".parse().unwrap())
    );

    let _ = telemetry.shutdown_blocking(PATIENCE);
    let (answer, body) = ask(&telemetry, http::Method::GET);
    assert_eq!(answer.status(), 503);
    assert!(body.contains("\"status\":\"ended\""), "{body}");
}

/// What waits is told with its age; only after a minute is that a reason.
#[test]
fn a_backend_that_is_away_is_seen_by_what_waits() {
    let receiver = receiver();
    receiver.pause().unwrap();
    let telemetry = builder(&receiver, Protocol::HttpProtobuf)
        .limits(Limits {
            outbox: Some(trisignal::ByteSize::from_mib(1)),
            ..brisk()
        })
        .build()
        .unwrap();
    spans(&telemetry, 5);
    super::common::eventually("a batch that waits for a second", || {
        health(&telemetry)["waiting_seconds"].as_u64() >= Some(1)
    });
    let page = health(&telemetry);
    assert_eq!(
        (&page["status"], page["traces"]["held"].as_u64()),
        (&Value::from("ok"), Some(5))
    );
    assert!(page["outbox_bytes"].as_u64() > Some(0));
    receiver.resume().unwrap();
    super::common::await_unique(&receiver, Signal::Traces, 5);
    super::common::eventually("nothing waits", || {
        let page = health(&telemetry);
        page["waiting_seconds"] == 0 && page["outbox_bytes"] == 0
    });
}

/// The listener of the metrics has it as well.
#[test]
fn the_listener_shows_health_beside_metrics() {
    let variables = [
        ("OTEL_METRICS_EXPORTER", "prometheus"),
        ("OTEL_EXPORTER_PROMETHEUS_PORT", "0"),
        ("OTEL_TRACES_EXPORTER", "none"),
        ("OTEL_LOGS_EXPORTER", "none"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let telemetry = trisignal::builder("checkout")
        .environment(BTreeMap::from(variables))
        .console(trisignal::ConsoleFormat::Off)
        .build()
        .unwrap();
    let address = telemetry.metrics_address().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let get = |path: &str| {
        let url = format!("http://{address}{path}");
        runtime.block_on(async {
            let answer = reqwest::get(url).await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        })
    };
    let (status, body) = get("/health");
    assert_eq!(status, 200);
    assert!(
        body.starts_with("{") && body.contains("\"status\":\"ok\""),
        "{body}"
    );
    assert_eq!(get("/metrics").0, 200);
    assert_eq!(get("/").0, 404);
}
