//! What operators look at: every query of every dashboard has an answer, every rule is evaluated, and the checks for
//! Nagios and Zabbix fit what the services show.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tracing_subscriber::layer::SubscriberExt as _;
use trisignal_receiver::{Answer, Receiver, Script};
use trisignal_tests::{
    Checkout, Over, Parts, Protocol, Sample, Stack, TracedSpan, get, read_samples, root,
    say_not_run, until,
};

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
        let _end = Over(over);
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
    under_load(&checkout, || {
        all_have_answers(&stack, queries);
        nagios_sees_the_share_of_errors(&stack);
    });
    exemplars_lead_to_traces(&stack);
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
        "otelcol_receiver_accepted_metric_points",
    ];
    let mut queries = queries("gateway");
    queries.retain(|query| !pushed.iter().any(|name| query.contains(name)));
    assert!(queries.len() > 50, "only {} queries", queries.len());
    under_load(&checkout, || all_have_answers(&stack, queries));
    exemplars_lead_to_traces(&stack);
    zabbix_finds_its_metrics(checkout.metrics_at("gateway"));
    rules_are_healthy(&stack);
    let _logs = checkout.end();
}

/// From a metric in Prometheus to a trace in Jaeger.
fn exemplars_lead_to_traces(stack: &Stack) {
    let (start, end) = ("2020-01-01T00:00:00Z", "2100-01-01T00:00:00Z");
    let url = format!(
        "{}/api/v1/query_exemplars?query=http_server_request_duration_seconds_bucket&start={start}&end={end}",
        stack.prometheus_url()
    );
    let trace = until("an exemplar in Prometheus", || {
        let answer = get(&url, &[]).ok()?.json();
        let series = answer["data"].as_array()?.iter();
        let mut exemplars = series.filter_map(|series| series["exemplars"].as_array());
        let trace = &exemplars.next()?.first()?["labels"]["trace_id"];
        trace.as_str().map(str::to_owned)
    });
    let has_route = |spans: &[TracedSpan]| {
        let mut spans = spans.iter();
        spans.any(|span| span.attribute("http.route").is_some())
    };
    let _spans = stack.jaeger().wait_for_trace(&trace, has_route);
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

/// Telemetry that is delivered is OK for Nagios; some that is lost, or a service that is gone, is not.
#[test]
fn nagios_sees_the_health_of_telemetry() {
    if check_http("nagios_sees_the_health_of_telemetry").is_none() {
        return;
    }
    let receiver = Receiver::start_blocking().unwrap();
    let variables = [
        ("OTEL_METRICS_EXPORTER", "otlp,prometheus"),
        ("OTEL_EXPORTER_PROMETHEUS_HOST", "127.0.0.1"),
        ("OTEL_EXPORTER_PROMETHEUS_PORT", "0"),
        ("OTEL_RUST_CONSOLE", "off"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &receiver.http_endpoint()),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let telemetry = trisignal::builder("checkout").environment(BTreeMap::from(variables));
    let telemetry = telemetry.build().unwrap();
    let port = telemetry.metrics_address().unwrap().port().to_string();
    let check = || nagios("check_trisignal_health", &[&port]);
    let (state, told) = check();
    assert!(state == OK && told.starts_with("HTTP OK"), "{told}");

    receiver.script(Script::always(Answer::status(400)));
    let subscriber = tracing_subscriber::registry().with(telemetry.layer());
    tracing::subscriber::with_default(subscriber, || drop(tracing::info_span!("refused")));
    let report = telemetry.flush_blocking(Duration::from_secs(30));
    assert!(report.complete && report.lost() > 0, "{report}");
    let (state, told) = check();
    assert!(state == CRITICAL && told.contains("not found"), "{told}");

    let _report = telemetry.shutdown_blocking(Duration::from_secs(30));
    drop(telemetry);
    let (state, told) = check();
    assert_eq!(state, CRITICAL, "{told}");
}

/// A quarter of the demo's orders fails.
fn nagios_sees_the_share_of_errors(stack: &Stack) {
    if check_http("the check of errors").is_none() {
        return;
    }
    let url = stack.prometheus_url();
    let port = url.rsplit(':').next().unwrap();
    for (allowed, expected) in [("0.9", OK), ("0.01", CRITICAL)] {
        let (state, told) = nagios("check_trisignal_errors", &["gateway", allowed, port]);
        assert_eq!(state, expected, "{allowed}: {told}");
    }
}

const OK: i32 = 0;
const CRITICAL: i32 = 2;
/// Where distributions put the plugins.
const PLUGINS: [&str; 2] = ["/usr/lib/nagios/plugins", "/usr/lib64/nagios/plugins"];

/// The folder of the plugins; it is said where there is none.
fn check_http(test: &str) -> Option<&'static str> {
    let found = PLUGINS
        .into_iter()
        .find(|folder| Path::new(folder).join("check_http").exists());
    if found.is_none() {
        say_not_run(
            test,
            "there is no check_http (Debian: apt-get install monitoring-plugins-basic)",
        );
    }
    found
}

/// Runs a command of the file as Nagios does: macros put in, by a shell. Answers its state and what it says.
fn nagios(command: &str, arguments: &[&str]) -> (i32, String) {
    let file = fs::read_to_string(root().join("collector/nagios/trisignal.cfg")).unwrap();
    let definitions = file.split("define command {").skip(1);
    let mut definitions = definitions.map(|rest| rest.split("\n}").next().unwrap());
    let value = |definition: &str, key: &str| {
        let line = definition
            .lines()
            .find_map(|line| line.trim().strip_prefix(key));
        line.unwrap().trim().to_owned()
    };
    let definition = definitions
        .find(|text| value(text, "command_name") == command)
        .unwrap();
    let mut line = value(definition, "command_line")
        .replace("$USER1$", check_http(command).unwrap())
        .replace("$HOSTADDRESS$", "127.0.0.1");
    for (number, argument) in arguments.iter().enumerate() {
        line = line.replace(&format!("$ARG{}$", number + 1), argument);
    }
    assert!(!line.contains("$ARG"), "{line}");
    let output = Command::new("sh").args(["-c", &line]).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.code().unwrap(), told)
}

/// Every metric that the template asks for is on the page of a real service, with the labels that it asks by; what may be
/// absent has a value for that. A pattern of Zabbix finds no series without the label, also where it says what the label is not.
fn zabbix_finds_its_metrics(address: &str) {
    let page = get(&format!("http://{address}/metrics"), &[]).unwrap();
    let samples = read_samples(&page.body);
    let health = get(&format!("http://{address}/health"), &[])
        .unwrap()
        .json();
    let template = fs::read_to_string(root().join("collector/zabbix/trisignal.yaml")).unwrap();
    let template: Value = yaml_serde::from_str(&template).unwrap();
    let items = &template["zabbix_export"]["templates"][0]["items"];
    let steps = items
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|item| item["preprocessing"].as_array());
    let mut asked = 0;
    for step in steps.flatten() {
        let pattern = step["parameters"][0].as_str().unwrap();
        match step["type"].as_str().unwrap() {
            "PROMETHEUS_PATTERN" => {
                let (name, labels) = pattern.split_once('{').unwrap_or((pattern, ""));
                let label = labels.split(['=', '!']).next().unwrap();
                let has_label =
                    |sample: &Sample| label.is_empty() || sample.labels.contains_key(label);
                let of_name = || samples.iter().filter(|sample| sample.name == name);
                assert!(of_name().next().is_some(), "{pattern} is not on the page");
                assert!(
                    of_name().any(has_label) || step["error_handler"] == "CUSTOM_VALUE",
                    "{pattern}: there is no label {label}"
                );
            }
            "JSONPATH" => {
                let path = pattern.trim_start_matches('$').replace('.', "/");
                assert!(health.pointer(&path).is_some(), "{pattern}: {health}");
            }
            _ => continue,
        }
        asked += 1;
    }
    assert!(asked >= 15, "only {asked} metrics");
}
