//! Tempo and Prometheus, where they are.

use std::fs;

use serde_json::Value;
use trisignal_tests::{Checkout, Parts, Protocol, Stack, get, read_trace, root, until};

#[test]
fn tempo_has_the_same_trace_as_jaeger() {
    let parts = Parts {
        tempo: true,
        ..Parts::default()
    };
    let Some(stack) = Stack::start("tempo_has_the_same_trace_as_jaeger", parts) else {
        return;
    };
    let checkout = Checkout::start(&stack, Protocol::Grpc);
    let answer = checkout.order(1, &[]).unwrap();
    let _logs = checkout.end();
    let trace = answer.header("x-correlation-id").unwrap();

    let ids = |mut spans: Vec<trisignal_tests::TracedSpan>| {
        spans.sort_by(|one, other| one.span_id.cmp(&other.span_id));
        spans
            .into_iter()
            .map(|span| (span.span_id, span.parent_span_id, span.kind))
            .collect::<Vec<_>>()
    };
    let jaeger = stack.jaeger();
    let _whole = jaeger.wait_for_trace(trace, Checkout::is_whole);
    let url = format!("{}/api/v2/traces/{trace}", stack.tempo_url());
    until("the same spans in Tempo", || {
        let answer = get(&url, &[("Accept", "application/json")]).ok()?;
        (ids(read_trace(&answer.json())) == ids(jaeger.trace(trace))).then_some(())
    });
}

/// Each panel of the dashboard that asks Prometheus gets an answer from what the services really send.
#[test]
fn the_dashboard_has_an_answer_to_each_of_its_queries() {
    let parts = Parts {
        prometheus: true,
        ..Parts::default()
    };
    let test = "the_dashboard_has_an_answer_to_each_of_its_queries";
    let Some(stack) = Stack::start(test, parts) else {
        return;
    };
    let checkout = Checkout::start(&stack, Protocol::Http);
    for quantity in [1, 2, 0] {
        checkout.order(quantity, &[]).unwrap();
    }
    let _logs = checkout.end();

    let file = root().join("collector/grafana/dashboards/service-red.json");
    let dashboard: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let mut asked = 0;
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            if target["datasource"]["uid"] == "prometheus" {
                let query = target["expr"].as_str().unwrap();
                let query = query
                    .replace("$service", "gateway")
                    .replace("$__rate_interval", "5m");
                answers(&stack, &query);
                asked += 1;
            }
        }
    }
    assert!(asked > 5, "only {asked} queries");
}

fn answers(stack: &Stack, query: &str) {
    let url = format!(
        "{}/api/v1/query?query={}",
        stack.prometheus_url(),
        encoded(query)
    );
    until(query, || {
        let answer = get(&url, &[]).ok()?.json();
        assert_eq!(answer["status"], "success", "{query}: {answer}");
        answer["data"]["result"]
            .as_array()
            .is_some_and(|series| !series.is_empty())
            .then_some(())
    });
}

/// Percent-encodes everything that is not a letter or a digit.
fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}
