//! The stack by itself, fed by hand: what the end-to-end tests of the services stand on.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::{Value, json};
use trisignal_receiver::Signal;
use trisignal_tests::{DEADLINE, Parts, Stack, TracedSpan, get, post, read_samples, until};

const TRACE: &str = "5b8efff798038103d269b633813fc60c";
const SPAN: &str = "eee19b7ec3c1b174";

fn resource() -> Value {
    json!({"attributes": [{"key": "service.name", "value": {"stringValue": "by-hand"}}]})
}

fn traces(spans: &[(String, String)]) -> String {
    let spans: Vec<Value> = spans
        .iter()
        .map(|(trace, span)| {
            json!({"traceId": trace, "spanId": span, "name": "GET /", "kind": 2,
                "startTimeUnixNano": "1700000000000000000", "endTimeUnixNano": "1700000000000000001",
                "status": {"code": 2}})
        })
        .collect();
    json!({"resourceSpans": [{"resource": resource(), "scopeSpans": [{"spans": spans}]}]})
        .to_string()
}

fn logs(body: &str) -> String {
    let record = json!({"timeUnixNano": "1700000000000000000", "body": {"stringValue": body},
        "traceId": TRACE, "spanId": SPAN,
        "attributes": [{"key": "correlation.id", "value": {"stringValue": "c-1"}}]});
    json!({"resourceLogs": [{"resource": resource(), "scopeLogs": [{"logRecords": [record]}]}]})
        .to_string()
}

fn metrics() -> String {
    let point = json!({"startTimeUnixNano": "1700000000000000000", "timeUnixNano": "1700000001000000000",
        "count": "2", "sum": 0.3, "explicitBounds": [0.1, 1], "bucketCounts": ["1", "1", "0"],
        "attributes": [{"key": "http.route", "value": {"stringValue": "/pay"}}]});
    let metric = json!({"name": "http.server.request.duration", "unit": "s",
        "histogram": {"aggregationTemporality": 2, "dataPoints": [point]}});
    json!({"resourceMetrics": [{"resource": resource(), "scopeMetrics": [{"metrics": [metric]}]}]})
        .to_string()
}

#[test]
fn each_signal_goes_to_its_backend() {
    let Some(stack) = Stack::start("each_signal_goes_to_its_backend", Parts::default()) else {
        return;
    };
    let span = (TRACE.to_owned(), SPAN.to_owned());
    for (path, body) in [
        ("traces", traces(&[span])),
        ("logs", logs("hello")),
        ("metrics", metrics()),
    ] {
        let url = format!("{}/v1/{path}", stack.http_endpoint());
        assert_eq!(post(&url, &[], &body).unwrap().status, 200, "{path}");
    }

    let spans = stack
        .jaeger()
        .wait_for_trace(TRACE, |spans| !spans.is_empty());
    assert_eq!(spans.len(), 1, "{spans:?}");
    assert_eq!(
        (spans[0].service.as_str(), spans[0].kind, spans[0].status),
        ("by-hand", 2, 2)
    );

    let log = stack
        .loki
        .wait_for_blocking(DEADLINE, |store| {
            store.logs().trace(TRACE).correlation_id("c-1").first()
        })
        .unwrap();
    assert_eq!((log.service.as_str(), log.message()), ("by-hand", "hello"));

    // The name and the labels that the dashboard asks for.
    let count = until("the histogram on the page", || {
        let page = get(&stack.metrics_url(), &[]).ok()?.body;
        let samples = read_samples(&page);
        samples
            .into_iter()
            .find(|sample| sample.name == "http_server_request_duration_seconds_count")
    });
    assert!((count.value - 2.0).abs() < f64::EPSILON);
    assert_eq!(count.labels["service_name"], "by-hand");
    assert_eq!(count.labels["http_route"], "/pay");
}

/// What the Collector has acknowledged survives it: no batch is lost when it is killed between acknowledging and
/// handing on, here while its backend for logs is away.
#[test]
fn a_killed_collector_hands_on_what_it_has_acknowledged() {
    let test = "a_killed_collector_hands_on_what_it_has_acknowledged";
    let Some(mut stack) = Stack::start(test, Parts::default()) else {
        return;
    };
    stack.loki.pause().unwrap();
    let url = format!("{}/v1/logs", stack.http_endpoint());
    let sent: BTreeSet<String> = (0..50).map(|number| format!("log {number}")).collect();
    for body in &sent {
        assert_eq!(post(&url, &[], &logs(body)).unwrap().status, 200);
    }
    stack.kill_collector();
    assert_eq!(
        stack.loki.received(Signal::Logs).items,
        0,
        "the backend was not away"
    );
    stack.loki.resume().unwrap();
    stack.start_collector();
    let arrived = |store: &trisignal_receiver::Store| {
        let bodies: BTreeSet<String> = store
            .logs()
            .all()
            .iter()
            .map(|log| log.message().to_owned())
            .collect();
        (bodies == sent).then_some(())
    };
    stack.loki.wait_for_blocking(DEADLINE, arrived).unwrap();
}

/// A client that holds a batch until it is acknowledged loses none when the Collector is killed under load.
#[test]
fn a_collector_killed_under_load_loses_nothing_that_is_sent_again() {
    let test = "a_collector_killed_under_load_loses_nothing_that_is_sent_again";
    let Some(mut stack) = Stack::start(test, Parts::default()) else {
        return;
    };
    let url = format!("{}/v1/traces", stack.http_endpoint());
    let spans: Vec<(String, String)> = (1..=2000)
        .map(|number: u64| (TRACE.to_owned(), format!("{number:016x}")))
        .collect();
    let wanted: BTreeSet<String> = spans.iter().map(|(_, span)| span.clone()).collect();
    let acknowledged = AtomicUsize::new(0);
    thread::scope(|scope| {
        let client = scope.spawn(|| {
            for batch in spans.chunks(10) {
                let body = traces(batch);
                until("a batch is acknowledged", || {
                    let answer = post(&url, &[], &body);
                    answer
                        .is_ok_and(|answer| answer.status == 200)
                        .then_some(())
                });
                acknowledged.fetch_add(batch.len(), Ordering::Relaxed);
            }
        });
        for before in [500, 1000] {
            until("load before the kill", || {
                (acknowledged.load(Ordering::Relaxed) >= before).then_some(())
            });
            stack.kill_collector();
            stack.start_collector();
        }
        client.join().unwrap();
    });
    let distinct = |spans: &[TracedSpan]| -> BTreeSet<String> {
        spans.iter().map(|span| span.span_id.clone()).collect()
    };
    let jaeger = stack.jaeger();
    let found = jaeger.wait_for_trace(TRACE, |spans| distinct(spans).len() >= wanted.len());
    assert_eq!(distinct(&found), wanted);
}
