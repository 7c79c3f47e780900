//! Loki itself: what the dashboards ask it, and logs that are found by trace and by correlation ID, however they came.

use std::fs;

use serde_json::Value;
use trisignal_tests::{Checkout, Parts, Protocol, Stack, get, root, until};

const CORRELATION: &str = "order-4711";

/// Every query of a dashboard that goes to Loki, as Grafana would ask it.
fn queries() -> Vec<String> {
    let folder = fs::read_dir(root().join("collector/grafana/dashboards")).unwrap();
    let mut queries = Vec::new();
    for file in folder {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        let dashboard: Value = serde_json::from_str(&text).unwrap();
        for panel in dashboard["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().unwrap() {
                if target["datasource"]["uid"] == "loki" {
                    let query = target["expr"].as_str().unwrap();
                    let query = query.replace("$service", "gateway");
                    queries.push(query.replace("$correlation_id", CORRELATION));
                }
            }
        }
    }
    queries
}

/// The labels and metadata of the streams that answer the query.
fn ask(stack: &Stack, query: &str) -> Vec<Value> {
    let query: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let url = format!(
        "{}/loki/api/v1/query_range?query={query}&since=1h",
        stack.loki_url()
    );
    let answer = get(&url, &[]).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    let answer = answer.json();
    let streams = answer["data"]["result"].as_array().unwrap().iter();
    streams.map(|stream| stream["stream"].clone()).collect()
}

#[test]
fn loki_finds_logs_by_trace_and_by_correlation_id() {
    let test = "loki_finds_logs_by_trace_and_by_correlation_id";
    let parts = Parts {
        loki: true,
        files: true,
        ..Parts::default()
    };
    let Some(stack) = Stack::start(test, parts) else {
        return;
    };
    let checkout = Checkout::start(&stack, Protocol::Grpc);
    let own = checkout.order(1, &[]).unwrap();
    let trace = own.header("x-correlation-id").unwrap().to_owned();
    let given = [("x-correlation-id", CORRELATION)];
    assert_eq!(checkout.order(2, &given).unwrap().status, 200);
    let _lines = checkout.end();

    let queries = queries();
    assert!(queries.len() >= 2, "{queries:?}");
    for query in queries {
        until(&query, || (!ask(&stack, &query).is_empty()).then_some(()));
    }
    // As Grafana leads from a trace to its logs. Each line came by OTLP and out of the file.
    let of_trace = format!("{{service_name=\"gateway\"}} | trace_id=`{trace}`");
    let streams = until("the logs of a trace", || {
        let streams = ask(&stack, &of_trace);
        let has = |file: bool| {
            let mut streams = streams.iter();
            streams.any(|stream| stream["log_file_name"].is_string() == file)
        };
        (has(true) && has(false)).then_some(streams)
    });
    for stream in streams {
        assert_eq!(stream["correlation_id"], *trace, "{stream}");
        assert_eq!(stream["span_id"].as_str().unwrap().len(), 16, "{stream}");
    }
}
