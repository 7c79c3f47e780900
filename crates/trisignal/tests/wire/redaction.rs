//! What is secret does not leave the process, from wherever it comes; what is not, does as it is.

use std::collections::HashMap;

use opentelemetry::trace::{Span as _, Status, Tracer as _, TracerProvider as _};
use opentelemetry::{Array, KeyValue, Value};
use trisignal::{Builder, Protocol, Redaction, Telemetry};
use trisignal_receiver::{Attributes, Receiver};

use super::common::{PATIENCE, assert_all_delivered, builder, receiver, record};

const HIDDEN: &str = "REDACTED";

fn finish(telemetry: &Telemetry, receiver: &Receiver) {
    let report = telemetry.shutdown_blocking(PATIENCE);
    assert_all_delivered(&report, receiver);
}

fn run(
    receiver: &Receiver,
    settings: impl FnOnce(Builder) -> Builder,
    work: impl FnOnce(&Telemetry),
) {
    let telemetry = settings(builder(receiver, Protocol::HttpProtobuf))
        .build()
        .unwrap();
    record(&telemetry, || work(&telemetry));
    finish(&telemetry, receiver);
}

fn assert_texts(attributes: &Attributes, expected: &[(&str, &str)]) {
    for (key, value) in expected {
        assert_eq!(attributes.str(key), Some(*value), "{key}: {attributes:?}");
    }
}

#[test]
fn records_of_events_with_their_fields_and_those_of_their_spans() {
    let receiver = receiver();
    run(
        &receiver,
        |builder| builder,
        |_| {
            let span = tracing::info_span!(
                "request",
                session.token = "s3cret",
                user = "ann",
                late.password = tracing::field::Empty
            );
            span.record("late.password", "hunter2");
            let _inside = span.enter();
            tracing::info!(
                api_key = "k",
                pin.secret = 471_147_114_711_471_147_i64,
                items = 3,
                url = "https://ann:hunter2@host/?sig=1&page=2",
                "login with password=hunter2 by ann"
            );
        },
    );
    let log = receiver.logs().one().unwrap();
    assert_eq!(log.message(), "login with password=REDACTED by ann");
    assert_texts(
        &log.attributes,
        &[
            ("api_key", HIDDEN),
            ("pin.secret", HIDDEN),
            ("session.token", HIDDEN),
            ("late.password", HIDDEN),
            ("user", "ann"),
            ("url", "https://REDACTED:REDACTED@host/?sig=REDACTED&page=2"),
        ],
    );
    assert_eq!(log.attr("items"), Some(&3_i64.into()));
    let span = receiver.spans().one().unwrap();
    assert_texts(
        &span.attributes,
        &[
            ("session.token", HIDDEN),
            ("late.password", HIDDEN),
            ("user", "ann"),
        ],
    );
}

#[test]
fn warnings_and_errors_that_are_events_of_their_span() {
    let receiver = receiver();
    run(
        &receiver,
        |builder| builder,
        |_| {
            let _span = tracing::info_span!("request").entered();
            let error = std::io::Error::other("refused by https://ann:hunter2@host");
            tracing::error!(
                error = &error as &dyn std::error::Error,
                cookie = "id=1",
                "failed with token=sesame"
            );
        },
    );
    let span = receiver.spans().one().unwrap();
    let shown = format!("{span:?} {:?}", receiver.logs().one().unwrap());
    for secret in ["hunter2", "id=1", "sesame"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    assert!(
        shown.contains("refused by https://REDACTED:REDACTED@host"),
        "{shown}"
    );
}

#[test]
fn spans_of_the_api_with_all_that_they_have() {
    let receiver = receiver();
    run(
        &receiver,
        |builder| builder,
        |telemetry| {
            let mut span = telemetry
                .tracer_provider()
                .unwrap()
                .tracer("by-hand")
                .start("GET /?token=sesame");
            span.set_attribute(KeyValue::new("db.password", "hunter2"));
            span.set_attribute(KeyValue::new("login.token", 471_147_114_711_471_147_i64));
            let cookies = Value::Array(Array::String(vec!["id=1".into(), "id=2".into()]));
            span.set_attribute(KeyValue::new("http.request.header.cookie", cookies));
            span.set_attribute(KeyValue::new("user", "ann"));
            span.add_event(
                "sent",
                vec![KeyValue::new("authorization", "Bearer sesame")],
            );
            span.set_status(Status::error("refused password=hunter2"));
            span.end();
        },
    );
    let span = receiver.spans().one().unwrap();
    assert_eq!(span.name, "GET /?token=REDACTED");
    assert_texts(
        &span.attributes,
        &[
            ("db.password", HIDDEN),
            ("login.token", HIDDEN),
            ("user", "ann"),
        ],
    );
    let shown = format!("{span:?}");
    for secret in ["hunter2", "id=1", "id=2", "sesame", "471147114711471147"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    assert!(shown.contains("refused password=REDACTED"), "{shown}");
}

#[test]
fn code_and_variables_say_what_is_hidden() {
    let fields = |settings: &dyn Fn(Builder) -> Builder| {
        let receiver = receiver();
        run(&receiver, settings, |_| {
            tracing::info!(
                password = "hunter2",
                iban = "DE00",
                mail = "ann@example.org",
                url = "http://a:b@c",
                "shown"
            );
        });
        let log = receiver.logs().one().unwrap();
        ["password", "iban", "mail", "url"].map(|key| log.attributes.str(key).unwrap().to_owned())
    };
    let variables = |pairs: &[(&str, &str)]| -> HashMap<String, String> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    };
    let of = |pairs: &[(&str, &str)]| {
        let variables = variables(pairs);
        fields(&|builder| builder.environment(variables.clone()))
    };
    let url = "http://REDACTED:REDACTED@c";
    assert_eq!(of(&[]), [HIDDEN, "DE00", "ann@example.org", url]);
    assert_eq!(
        of(&[("OTEL_RUST_REDACTION", "off")]),
        ["hunter2", "DE00", "ann@example.org", "http://a:b@c"]
    );
    assert_eq!(
        of(&[
            ("OTEL_RUST_REDACTION", "on,emails"),
            ("OTEL_RUST_REDACTION_KEYS", "IBAN")
        ]),
        [HIDDEN, HIDDEN, HIDDEN, url]
    );
    // What can't be read hides as ever.
    assert_eq!(of(&[("OTEL_RUST_REDACTION", "nothing")])[0], HIDDEN);
    let own = fields(&|builder| {
        builder
            .redaction(Redaction::off())
            .redact_with(|key, value| match key {
                "iban" => Some(format!("{} characters", value.len())),
                "mail" => panic!("of the rule"),
                _ => None,
            })
            .environment(variables(&[("OTEL_RUST_REDACTION", "on")]))
    });
    assert_eq!(own, ["hunter2", "4 characters", HIDDEN, "http://a:b@c"]);
}
