//! What operators look at: every query of every dashboard has an answer, every rule is evaluated, and the checks for
//! Nagios and Zabbix fit what the services show.

use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use trisignal_tests::{Checkout, Parts, Protocol, Stack, get, root};

/// A rate needs two scrapes, and a recorded one an evaluation behind that.
const PATIENCE: Duration = Duration::from_secs(150);

fn with_prometheus() -> Parts {
    Parts {
        prometheus: true,
        ..Parts::default()
    }
}

/// The queries of all dashboards that go to Prometheus, as Grafana would ask them for `service`.
fn queries(service: &str) -> Vec<String> {
    let folder = fs::read_dir(root().join("collector/grafana/dashboards")).unwrap();
    let mut queries = Vec::new();
    for file in folder {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        let dashboard: Value = serde_json::from_str(&text).unwrap();
        for panel in dashboard["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().unwrap() {
                if target["datasource"]["uid"] == "prometheus" {
                    let query = target["expr"].as_str().unwrap();
                    let query = query.replace("$service", service);
                    queries.push(query.replace("$__rate_interval", "1m"));
                }
            }
        }
    }
    queries
}

/// Whether Prometheus has at least one number for the query.
fn has_answer(stack: &Stack, query: &str) -> bool {
    let url = format!(
        "{}/api/v1/query?query={}",
        stack.prometheus_url(),
        encoded(query)
    );
    let Ok(answer) = get(&url, &[]) else {
        return false;
    };
    let answer = answer.json();
    assert_eq!(answer["status"], "success", "{query}: {answer}");
    let series = answer["data"]["result"].as_array();
    let numbers = series
        .into_iter()
        .flatten()
        .filter_map(|series| series["value"][1].as_str());
    numbers
        .filter_map(|number| number.parse::<f64>().ok())
        .any(|number| !number.is_nan())
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

/// Runs `body` while orders come in, some of which fail.
fn under_load<T>(checkout: &Checkout, body: impl FnOnce() -> T) -> T {
    let over = AtomicBool::new(false);
    let over = &over;
    thread::scope(|scope| {
        scope.spawn(move || {
            for quantity in [1, 2, 0, 3].into_iter().cycle() {
                if over.load(Ordering::Relaxed) || checkout.order(quantity, &[]).is_err() {
                    return;
                }
                thread::sleep(Duration::from_millis(100));
            }
        });
        struct End<'a>(&'a AtomicBool);
        impl Drop for End<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let _end = End(over);
        body()
    })
}

fn all_have_answers(stack: &Stack, mut open: Vec<String>) {
    let begin = Instant::now();
    while !open.is_empty() {
        open.retain(|query| !has_answer(stack, query));
        assert!(begin.elapsed() < PATIENCE, "without an answer: {open:#?}");
        thread::sleep(Duration::from_millis(500));
    }
}

/// Each panel that asks Prometheus gets an answer from what the services really send through the Collector.
#[test]
fn dashboards_have_answers_through_the_collector() {
    let test = "dashboards_have_answers_through_the_collector";
    let Some(stack) = Stack::start(test, with_prometheus()) else {
        return;
    };
    let checkout = Checkout::start(&stack, Protocol::Http);
    let queries = queries("gateway");
    assert!(queries.len() > 50, "only {} queries", queries.len());
    under_load(&checkout, || all_have_answers(&stack, queries));
    rules_are_healthy(&stack);
    let _logs = checkout.end();
}

/// The same, where Prometheus scrapes the services themselves. Nobody pushes metrics then, so there are no exports of them.
#[test]
fn dashboards_have_answers_from_the_services_themselves() {
    let test = "dashboards_have_answers_from_the_services_themselves";
    let Some(stack) = Stack::start(test, with_prometheus()) else {
        return;
    };
    let checkout = Checkout::start_scraped(&stack, Protocol::Grpc);
    let pushed = [
        "otel_sdk_exporter_metric_data_point",
        "otel_sdk_metric_reader",
        "otelcol_receiver_accepted_metric_points",
    ];
    let mut queries = queries("gateway");
    queries.retain(|query| !pushed.iter().any(|name| query.contains(name)));
    assert!(queries.len() > 50, "only {} queries", queries.len());
    under_load(&checkout, || all_have_answers(&stack, queries));
    rules_are_healthy(&stack);
    let _logs = checkout.end();
}

/// Prometheus has loaded all rules, and none fails on what is really there.
fn rules_are_healthy(stack: &Stack) {
    let answer = get(&format!("{}/api/v1/rules", stack.prometheus_url()), &[])
        .unwrap()
        .json();
    let mut names = BTreeSet::new();
    for group in answer["data"]["groups"].as_array().unwrap() {
        for rule in group["rules"].as_array().unwrap() {
            assert_ne!(
                rule["health"], "err",
                "{}: {}",
                rule["name"], rule["lastError"]
            );
            names.insert(rule["name"].as_str().unwrap().to_owned());
        }
    }
    assert!(
        names.contains("CpuAbove90Percent") && names.len() >= 15,
        "{names:?}"
    );
}
