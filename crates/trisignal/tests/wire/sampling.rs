//! Which traces arrive: samplers by variables, by code, and as a Jaeger collector says.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use opentelemetry::baggage::BaggageExt;
use trisignal::otel::{Context, KeyValue};
use trisignal::{Protocol, Sampling, SamplingRule, Telemetry};
use trisignal_receiver::Receiver;

use super::common::{PATIENCE, assert_balanced, builder, eventually, receiver, record};

/// Telemetry with these variables.
fn with(receiver: &Receiver, variables: &[(&str, &str)]) -> Telemetry {
    let variables = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let variables: BTreeMap<String, String> = variables.collect();
    let telemetry = builder(receiver, Protocol::HttpProtobuf)
        .environment(variables)
        .build()
        .unwrap();
    assert!(
        telemetry.warnings().is_empty(),
        "{:?}",
        telemetry.warnings()
    );
    telemetry
}

/// A request of this path, with a span inside of it.
fn request(telemetry: &Telemetry, path: &str) {
    record(telemetry, || {
        tracing::info_span!("GET", otel.kind = "server", url.path = path)
            .in_scope(|| drop(tracing::info_span!("inside")));
    });
}

/// The paths of the requests that arrived, after the end of `telemetry`, which lost none.
fn paths(telemetry: &Telemetry, receiver: &Receiver) -> Vec<String> {
    let report = telemetry.shutdown_blocking(PATIENCE);
    assert_balanced(&report);
    assert!(report.complete && report.lost() == 0, "{report}");
    let spans = receiver.spans().name("GET").all();
    let path = |span: &trisignal_receiver::Span| Some(span.attr("url.path")?.as_str()?.to_owned());
    let mut paths: Vec<_> = spans.iter().filter_map(|span| path(span)).collect();
    paths.sort();
    // What is inside shares the fate of its request.
    assert_eq!(receiver.spans().name("inside").count(), paths.len());
    paths
}

#[test]
fn a_ratio_keeps_its_share_and_says_so() {
    let receiver = receiver();
    let variables = [
        ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "0.25"),
    ];
    let telemetry = with(&receiver, &variables);
    (0..400).for_each(|_| request(&telemetry, "/pay"));
    let kept = paths(&telemetry, &receiver).len();
    // Six standard deviations.
    assert!((48..=152).contains(&kept), "{kept} of 400");
    for span in receiver.spans().all() {
        assert_eq!(span.trace_state, "ot=th:c");
        let random = u64::from_str_radix(&span.trace_id[18..], 16).unwrap();
        assert!(random >= 0xc0_0000_0000_0000, "{}", span.trace_id);
    }
}

#[test]
fn a_rate_keeps_no_more_than_it_says() {
    let receiver = receiver();
    let variables = [
        ("OTEL_TRACES_SAMPLER", "parentbased_ratelimited"),
        ("OTEL_TRACES_SAMPLER_ARG", "0.01"),
    ];
    let telemetry = with(&receiver, &variables);
    (0..50).for_each(|_| request(&telemetry, "/pay"));
    assert_eq!(paths(&telemetry, &receiver), ["/pay"]);
}

#[test]
fn rules_drop_health_checks_and_keep_what_matters() {
    let rules = "drop url.path=/health*|/metrics; keep url.path=/pay kind=server";
    let by_variable = |receiver: &Receiver| {
        with(
            receiver,
            &[
                ("OTEL_TRACES_SAMPLER", "parentbased_always_off"),
                ("OTEL_RUST_SAMPLING_RULES", rules),
            ],
        )
    };
    let by_code = |receiver: &Receiver| {
        let drop = |path| SamplingRule::new(Sampling::always_off()).attribute("url.path", path);
        let keep = SamplingRule::new(Sampling::always_on()).attribute("url.path", "/pay");
        let sampling = Sampling::parent_based(Sampling::always_off())
            .rule(drop("/health*"))
            .rule(drop("/metrics"))
            .rule(keep);
        builder(receiver, Protocol::HttpProtobuf)
            .sampling(sampling)
            .build()
            .unwrap()
    };
    let makers: [&dyn Fn(&Receiver) -> Telemetry; 2] = [&by_variable, &by_code];
    for make in makers {
        let receiver = receiver();
        let telemetry = make(&receiver);
        for path in ["/healthz", "/metrics", "/pay", "/other"] {
            request(&telemetry, path);
        }
        assert_eq!(paths(&telemetry, &receiver), ["/pay"]);
    }
}

#[test]
fn a_request_to_be_debugged_is_recorded_whatever_the_sampler_says() {
    let receiver = receiver();
    let variables = [
        ("OTEL_TRACES_SAMPLER", "always_off"),
        ("OTEL_RUST_SAMPLING_DEBUG", "debug.me"),
    ];
    let telemetry = with(&receiver, &variables);
    for value in ["0", "1"] {
        let cx = Context::new().with_baggage([KeyValue::new("debug.me", value)]);
        let _attached = cx.attach();
        request(&telemetry, &format!("/{value}"));
    }
    assert_eq!(paths(&telemetry, &receiver), ["/1"]);
}

/// Answers every GET with what is set, and remembers what was asked.
struct Strategies {
    url: String,
    answer: Arc<Mutex<(u16, String)>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Strategies {
    fn start(status: u16, body: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answer = Arc::new(Mutex::new((status, body.to_owned())));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (answers, questions) = (Arc::clone(&answer), Arc::clone(&asked));
        // Ends with the process: it blocks in `accept`.
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
                let Some(line) = lines.next() else { continue };
                let _headers: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
                questions.lock().unwrap().push(line);
                let (status, body) = answers.lock().unwrap().clone();
                let head = format!(
                    "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    body.len()
                );
                let _ = (&stream).write_all((head + &body).as_bytes());
            }
        });
        Self { url, answer, asked }
    }

    /// Gives this answer from now on, and waits until it was given twice: the first may have been under way.
    fn answer(&self, status: u16, body: &str) {
        *self.answer.lock().unwrap() = (status, body.to_owned());
        let before = self.asked.lock().unwrap().len();
        eventually("two more questions", || {
            self.asked.lock().unwrap().len() > before + 2
        });
    }
}

#[test]
fn a_jaeger_collector_decides_from_afar() {
    let receiver = receiver();
    let jaeger = Strategies::start(503, "");
    let variables = [
        ("OTEL_SERVICE_NAME", "check out".to_owned()),
        (
            "OTEL_TRACES_SAMPLER",
            "parentbased_jaeger_remote".to_owned(),
        ),
        (
            "OTEL_TRACES_SAMPLER_ARG",
            format!(
                "endpoint={},pollingIntervalMs=20,initialSamplingRate=0",
                jaeger.url
            ),
        ),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value));
    let telemetry = builder(&receiver, Protocol::HttpProtobuf)
        .environment(BTreeMap::from(variables))
        .build()
        .unwrap();
    assert!(
        telemetry.warnings().is_empty(),
        "{:?}",
        telemetry.warnings()
    );
    let all = r#"{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":1}}"#;
    let none = r#"{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0}}"#;
    let by_name = r#"{"operationSampling":{"defaultSamplingProbability":0,"perOperationStrategies":[
        {"operation":"GET","probabilisticSampling":{"samplingRate":1}}]}}"#;

    jaeger.answer(503, "");
    request(&telemetry, "/before");
    jaeger.answer(200, all);
    request(&telemetry, "/all");
    jaeger.answer(200, none);
    request(&telemetry, "/none");
    jaeger.answer(200, by_name);
    request(&telemetry, "/by-name");
    record(&telemetry, || drop(tracing::info_span!("other name")));
    // What can't be used changes nothing.
    jaeger.answer(200, "{");
    jaeger.answer(404, none);
    request(&telemetry, "/still-by-name");

    assert_eq!(
        paths(&telemetry, &receiver),
        ["/all", "/by-name", "/still-by-name"]
    );
    assert_eq!(receiver.spans().name("other name").count(), 0);
    let asked = jaeger.asked.lock().unwrap().clone();
    let expected = "GET /sampling?service=check%20out HTTP/1.1";
    assert!(asked.iter().all(|line| line == expected), "{asked:?}");
    // The end of telemetry is the end of the questions.
    let after = jaeger.asked.lock().unwrap().len();
    std::thread::sleep(std::time::Duration::from_millis(200));
    assert!(jaeger.asked.lock().unwrap().len() <= after + 1);
}

#[test]
fn logs_share_the_fate_of_their_trace_where_that_is_asked_for() {
    for (trace_based, expected) in [("false", 7), ("true", 5)] {
        let receiver = receiver();
        let variables = [
            ("OTEL_TRACES_SAMPLER", "always_on"),
            (
                "OTEL_RUST_SAMPLING_RULES",
                "drop name=dropped; drop parent=any name=inside",
            ),
            ("OTEL_RUST_LOGS_TRACE_BASED", trace_based),
        ];
        let telemetry = with(&receiver, &variables);
        record(&telemetry, || {
            tracing::info!("outside");
            tracing::info_span!("kept").in_scope(|| tracing::info!("in a kept trace"));
            tracing::info_span!("dropped").in_scope(|| {
                tracing::info!("gone");
                tracing::warn!("a warning");
                tracing::error!("an error");
                // Another trace than the one that it is in.
                tracing::info!(parent: None, "of no trace");
                tracing::info_span!("inside").in_scope(|| tracing::info!("gone as well"));
            });
        });
        let report = telemetry.shutdown_blocking(PATIENCE);
        assert_balanced(&report);
        let mut bodies: Vec<_> = receiver
            .logs()
            .all()
            .iter()
            .map(|log| log.message().to_owned())
            .collect();
        bodies.sort();
        assert_eq!(bodies.len(), expected, "{trace_based}: {bodies:?}");
        assert_eq!(
            bodies.iter().any(|body| body.starts_with("gone")),
            trace_based == "false"
        );
    }
}
