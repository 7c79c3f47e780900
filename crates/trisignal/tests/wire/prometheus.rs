//! The page for Prometheus: over its own listener and in a router, next to OTLP, and under bad company.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use flate2::read::GzDecoder;
use opentelemetry::KeyValue;
use tower::ServiceExt;
use trisignal::{Exporter, Protocol, Signal, Telemetry, View};
use trisignal_receiver::{PointValue, Receiver};

use super::common::{PATIENCE, builder, builder_to, free_port, receiver, record};

pub(crate) const OPEN_METRICS: &str = "application/openmetrics-text;version=1.0.0";

/// Telemetry with a page on a free port, and with OTLP.
fn telemetry(receiver: &Receiver) -> (Telemetry, SocketAddr) {
    let telemetry = builder(receiver, Protocol::HttpProtobuf)
        .exporters(Signal::Metrics, [Exporter::Otlp, Exporter::Prometheus])
        .prometheus_address("localhost", 0)
        .build()
        .unwrap();
    let address = telemetry.metrics_address().unwrap();
    assert!(address.ip().is_loopback(), "{address}");
    (telemetry, address)
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// The value of the sample that begins so.
    fn sample(&self, begin: &str) -> Option<f64> {
        let text = self.text();
        let line = text.lines().find(|line| line.starts_with(begin))?;
        let value = line.split(" # ").next()?.rsplit(' ').next()?;
        value.parse().ok()
    }
}

/// Asks once, and closes.
pub(crate) fn ask(address: SocketAddr, method: &str, path: &str, headers: &str) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head =
        format!("{method} {path} HTTP/1.1\r\nhost: here\r\nconnection: close\r\n{headers}\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut all = Vec::new();
    stream.read_to_end(&mut all).unwrap();
    let end = all.windows(4).position(|part| part == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(all[..end].to_vec()).unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap();
    let pair = |line: &str| {
        let (name, value) = line.split_once(": ").unwrap();
        (name.to_owned(), value.to_owned())
    };
    Answer {
        status: status.parse().unwrap(),
        headers: lines.map(pair).collect(),
        body: all[end + 4..].to_vec(),
    }
}

fn scrape(address: SocketAddr, accept: &str) -> Answer {
    let answer = ask(address, "GET", "/metrics", &format!("accept: {accept}\r\n"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer
}

#[test]
fn metrics_go_to_the_page_and_to_otlp() {
    let receiver = receiver();
    let (telemetry, address) = telemetry(&receiver);
    let counter = telemetry.meter("shop").u64_counter("orders.placed").build();
    for expected in 1..=3 {
        counter.add(1, &[]);
        // Fresh each time, and nothing is taken away from the next one.
        let page = scrape(address, "*/*");
        assert_eq!(
            page.sample("orders_placed_total{"),
            Some(f64::from(expected))
        );
        assert_eq!(
            page.headers["content-type"],
            "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"
        );
        assert!(
            page.text().contains("target_info{")
                && page.text().contains("service_name=\"checkout\"")
        );
    }
    let report = telemetry.shutdown_blocking(PATIENCE);
    assert!(report.complete && report.lost() == 0, "{report}");
    let point = receiver.metrics().name("orders.placed").all()[0].points[0].clone();
    assert_eq!(point.value, PointValue::Int(3));
    // The page ends with telemetry.
    assert!(closed(address));
}

fn closed(address: SocketAddr) -> bool {
    let begin = Instant::now();
    while TcpStream::connect(address).is_ok() {
        if begin.elapsed() > PATIENCE {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    true
}

#[test]
fn the_scraper_chooses_format_and_compression() {
    let receiver = receiver();
    let (telemetry, address) = telemetry(&receiver);
    let meter = telemetry.meter("shop");
    let counter = meter.u64_counter("orders.placed").build();
    (0..100).for_each(|number| counter.add(1, &[KeyValue::new("number", number)]));
    let open = scrape(address, OPEN_METRICS);
    assert_eq!(
        open.headers["content-type"],
        "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"
    );
    assert!(open.text().ends_with("# EOF\n"));
    assert!(!open.headers.contains_key("content-encoding"));
    let utf8 = format!("{OPEN_METRICS};escaping=allow-utf-8");
    assert!(
        scrape(address, &utf8)
            .text()
            .contains("{\"orders.placed_total\",")
    );
    let headers = format!("accept: {OPEN_METRICS}\r\naccept-encoding: br, gzip;q=0.5\r\n");
    let zipped = ask(address, "GET", "/metrics", &headers);
    assert_eq!(zipped.headers["content-encoding"], "gzip");
    let mut text = String::new();
    GzDecoder::new(zipped.body.as_slice())
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(text.matches("orders_placed_total{").count(), 100);
    let refused = "accept-encoding: gzip;q=0\r\n";
    let plain = ask(address, "GET", "/metrics", refused);
    assert!(!plain.headers.contains_key("content-encoding"));
    drop(telemetry);
}

#[test]
fn the_listener_answers_nothing_else() {
    let receiver = receiver();
    let (_telemetry, address) = telemetry(&receiver);
    assert_eq!(ask(address, "GET", "/", "").status, 404);
    assert_eq!(ask(address, "GET", "/metrics/../etc", "").status, 404);
    assert_eq!(ask(address, "GET", "/metrics?name[]=x", "").status, 200);
    let posted = ask(address, "POST", "/metrics", "content-length: 0\r\n");
    assert_eq!(posted.status, 405);
    assert_eq!(posted.headers["allow"], "GET, HEAD");
    let head = ask(address, "HEAD", "/metrics", "");
    assert_eq!((head.status, head.body.len()), (200, 0));
    // A head that is too large, and one that is none.
    let large = format!("x: {}\r\n", "x".repeat(40_000));
    assert_eq!(ask(address, "GET", "/metrics", &large).status, 431);
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"\x16\x03\x01 no http\r\n\r\n").unwrap();
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all);
    assert!(!String::from_utf8_lossy(&all).contains("target_info"));
    assert_eq!(scrape(address, "*/*").status, 200);
}

#[test]
fn idle_connections_do_not_hold_up_a_scrape() {
    let receiver = receiver();
    let (_telemetry, address) = telemetry(&receiver);
    scrape(address, "*/*");
    let mut idle = Vec::new();
    for number in 0..200 {
        let mut stream = TcpStream::connect(address).unwrap();
        // Half of them begin to ask, and never end.
        if number % 2 == 0 {
            stream
                .write_all(b"GET /metrics HTTP/1.1\r\nhost: ")
                .unwrap();
        }
        idle.push(stream);
    }
    let begin = Instant::now();
    for _ in 0..10 {
        scrape(address, "*/*");
    }
    // Far less than any timeout of a connection: nobody was waited for.
    assert!(
        begin.elapsed() < Duration::from_secs(5),
        "{:?}",
        begin.elapsed()
    );
    // Most of them are closed by now, whatever they wait for.
    let is_closed = |stream: &mut TcpStream| {
        let briefly = Some(Duration::from_millis(1));
        stream.set_read_timeout(briefly).unwrap();
        match stream.read(&mut [0]) {
            Ok(read) => read == 0,
            Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        }
    };
    let open = idle
        .iter_mut()
        .filter_map(|stream| (!is_closed(stream)).then_some(()));
    assert!(open.count() <= 32);
}

#[test]
fn a_taken_port_is_an_error_that_says_which() {
    let port = free_port();
    let taken = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let build = || {
        let receiver = "http://127.0.0.1:9".to_owned();
        builder_to(receiver, Protocol::HttpProtobuf)
            .exporters(Signal::Metrics, [Exporter::Prometheus])
            .prometheus_address("127.0.0.1", port)
            .build()
    };
    let error = build().unwrap_err();
    assert_eq!(error.kind(), trisignal::ErrorKind::System);
    let text = error.to_string();
    assert!(
        text.contains(&port.to_string()) && text.contains("127.0.0.1"),
        "{text}"
    );
    drop(taken);
    assert!(build().is_ok());
}

#[test]
fn variables_choose_the_page() {
    let free = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let variables = [
        ("OTEL_METRICS_EXPORTER", "prometheus".to_owned()),
        ("OTEL_EXPORTER_PROMETHEUS_HOST", "127.0.0.1".to_owned()),
        ("OTEL_EXPORTER_PROMETHEUS_PORT", free.port().to_string()),
        ("OTEL_TRACES_EXPORTER", "none".to_owned()),
        ("OTEL_LOGS_EXPORTER", "none".to_owned()),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value));
    let telemetry = trisignal::builder("checkout")
        .environment(std::collections::HashMap::from(variables))
        .console(trisignal::ConsoleFormat::Off)
        .build()
        .unwrap();
    assert_eq!(telemetry.metrics_address(), Some(free));
    telemetry.meter("shop").u64_counter("c").build().add(7, &[]);
    assert_eq!(scrape(free, "*/*").sample("c_total{"), Some(7.0));
    assert!(
        telemetry.warnings().is_empty(),
        "{:?}",
        telemetry.warnings()
    );
    // Nothing else takes metrics: nothing is held for nobody.
    let report = telemetry.shutdown_blocking(PATIENCE);
    assert_eq!(
        (report.metrics.produced, report.complete),
        (0, true),
        "{report}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_router_shows_the_page() {
    let receiver = tokio::task::spawn_blocking(receiver).await.unwrap();
    let telemetry = builder(&receiver, Protocol::HttpProtobuf)
        .metrics_service()
        .build()
        .unwrap();
    assert_eq!(telemetry.metrics_address(), None);
    telemetry.meter("shop").u64_counter("c").build().add(7, &[]);
    let app: axum::Router =
        axum::Router::new().route_service("/metrics", telemetry.metrics_service());
    let get = || {
        let request = http::Request::get("/metrics").body(axum::body::Body::empty());
        app.clone().oneshot(request.unwrap())
    };
    let answer = get().await.unwrap();
    assert_eq!(answer.status(), 200);
    let body = axum::body::to_bytes(answer.into_body(), usize::MAX)
        .await
        .unwrap();
    let text = String::from_utf8(body.to_vec()).unwrap();
    assert!(
        text.contains("c_total{otel_scope_name=\"shop\"} 7"),
        "{text}"
    );
    let _ = telemetry.shutdown(PATIENCE).await;
    assert_eq!(get().await.unwrap().status(), 503, "telemetry has ended");
    let without = builder(&receiver, Protocol::HttpProtobuf).build().unwrap();
    let request = http::Request::get("/metrics").body(()).unwrap();
    let answer = without.metrics_service().oneshot(request).await.unwrap();
    assert_eq!(answer.status(), 404);
}

#[test]
fn recording_goes_on_while_pages_are_made() {
    let receiver = receiver();
    let (telemetry, address) = telemetry(&receiver);
    let counter = telemetry.meter("shop").u64_counter("orders.placed").build();
    let (go_on, added) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicU64::new(0)));
    let workers: Vec<_> = (0..2)
        .map(|worker| {
            let (counter, go_on, added) = (counter.clone(), Arc::clone(&go_on), Arc::clone(&added));
            std::thread::spawn(move || {
                let mut number = 0;
                while go_on.load(Ordering::Relaxed) {
                    number = (number + 1) % 500;
                    counter.add(
                        1,
                        &[
                            KeyValue::new("number", number),
                            KeyValue::new("worker", worker),
                        ],
                    );
                    added.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let total = |page: &Answer| -> f64 {
        let text = page.text();
        let samples = text
            .lines()
            .filter(|line| line.starts_with("orders_placed_total{"));
        samples
            .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
            .sum()
    };
    for _ in 0..20 {
        let before = added.load(Ordering::Relaxed);
        #[expect(clippy::cast_precision_loss, reason = "far fewer than that")]
        let least = before as f64;
        assert!(total(&scrape(address, "*/*")) >= least);
    }
    go_on.store(false, Ordering::Relaxed);
    workers
        .into_iter()
        .for_each(|worker| worker.join().unwrap());
    #[expect(clippy::cast_precision_loss, reason = "far fewer than that")]
    let all = added.load(Ordering::Relaxed) as f64;
    assert_eq!(total(&scrape(address, "*/*")), all);
}

#[test]
fn a_callback_that_panics_or_waits_is_no_harm_to_others() {
    let receiver = receiver();
    let (telemetry, address) = telemetry(&receiver);
    let meter = telemetry.meter("shop");
    meter.u64_counter("c").build().add(7, &[]);
    let _panics = meter
        .u64_observable_gauge("panics")
        .with_callback(|_| panic!("a test of panics"))
        .build();
    let (entered, enter) = std::sync::mpsc::channel();
    let (release, wait) = std::sync::mpsc::channel::<()>();
    let (wait, blocks) = (std::sync::Mutex::new(wait), Arc::new(AtomicBool::new(true)));
    let once = Arc::clone(&blocks);
    let _waits = meter
        .u64_observable_gauge("waits")
        .with_callback(move |gauge| {
            if once.swap(false, Ordering::Relaxed) {
                entered.send(()).unwrap();
                let _ = wait.lock().unwrap().recv();
            }
            gauge.observe(1, &[]);
        })
        .build();
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| scrape(address, "*/*"));
        enter.recv_timeout(PATIENCE).unwrap();
        // The listener is not held up, nor is who measures.
        assert_eq!(ask(address, "HEAD", "/metrics", "").status, 200);
        meter.u64_counter("c").build().add(1, &[]);
        release.send(()).unwrap();
        assert_eq!(slow.join().unwrap().sample("c_total{"), Some(8.0));
    });
    let page = scrape(address, "*/*");
    assert_eq!(page.sample("waits{"), Some(1.0));
    assert!(telemetry.health().callback_panics >= 2);
}

#[test]
fn exemplars_lead_from_both_exports_to_the_trace() {
    let receiver = receiver();
    let (telemetry, address) = telemetry(&receiver);
    let histogram = telemetry
        .meter("shop")
        .f64_histogram("latency")
        .with_unit("s")
        .with_boundaries(vec![0.1, 1.0])
        .build();
    record(&telemetry, || {
        tracing::info_span!("work", number = 0).in_scope(|| histogram.record(0.5, &[]));
    });
    histogram.record(0.05, &[]);
    let page = scrape(address, OPEN_METRICS);
    let report = telemetry.shutdown_blocking(PATIENCE);
    assert!(report.complete && report.lost() == 0, "{report}");
    let span = receiver.spans().name("work").all()[0].clone();
    let points = receiver.metrics().name("latency").all()[0].points.clone();
    let [exemplar] = points[0].exemplars.as_slice() else {
        panic!("{points:?}");
    };
    assert_eq!(exemplar.trace_id, span.trace_id);
    assert_eq!(exemplar.span_id, span.span_id);
    let text = page.text();
    let line = text
        .lines()
        .find(|line| line.contains("le=\"1.0\""))
        .unwrap();
    assert!(
        line.contains(&format!("trace_id=\"{}\"", span.trace_id)),
        "{line}"
    );
    assert_eq!(text.matches("trace_id=").count(), 1, "{text}");
}

#[test]
fn views_drop_rename_and_cut_down_in_both_exports() {
    let receiver = receiver();
    let telemetry = builder(&receiver, Protocol::HttpProtobuf)
        .exporters(Signal::Metrics, [Exporter::Otlp, Exporter::Prometheus])
        .prometheus_address("localhost", 0)
        .own_metrics([])
        .view(View::of("noise.*").drop())
        .view(
            View::of("orders.placed")
                .rename("orders.taken")
                .attributes(["kind"]),
        )
        .view(View::of("wide").meter("shop").cardinality_limit(3))
        .build()
        .unwrap();
    let meter = telemetry.meter("shop");
    meter.u64_counter("noise.a").build().add(1, &[]);
    let placed = meter.u64_counter("orders.placed").build();
    let wide = meter.u64_counter("wide").build();
    for number in 0..10 {
        let number = KeyValue::new("number", number);
        placed.add(1, &[KeyValue::new("kind", "book"), number.clone()]);
        wide.add(1, &[number]);
    }
    let page = scrape(telemetry.metrics_address().unwrap(), "*/*");
    let text = page.text();
    assert!(!text.contains("noise"), "{text}");
    assert_eq!(
        page.sample("orders_taken_total{kind=\"book\",otel"),
        Some(10.0)
    );
    assert_eq!(
        page.sample("wide_total{otel_metric_overflow=\"true\""),
        Some(7.0)
    );
    let report = telemetry.shutdown_blocking(PATIENCE);
    assert!(report.complete && report.lost() == 0, "{report}");
    let metrics = receiver.metrics().all();
    let names: Vec<_> = metrics.iter().map(|metric| metric.name.as_str()).collect();
    assert!(
        names.contains(&"orders.taken") && !names.iter().any(|name| name.contains("noise")),
        "{names:?}"
    );
    assert_eq!(report.metrics.delivered, 1 + 4, "{report}");
}
