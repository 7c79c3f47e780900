//! How much of an item is kept.

use opentelemetry::KeyValue;
use opentelemetry::trace::{Event, Link, SpanContext, SpanId, TraceFlags, TraceId, TraceState};

use super::{Service, proofs};

fn attributes(count: i64) -> Vec<KeyValue> {
    (0..count)
        .map(|n| KeyValue::new(format!("k{n}"), n))
        .collect()
}

fn linked(attributes: Vec<KeyValue>) -> Link {
    let context = SpanContext::new(
        TraceId::from(1),
        SpanId::from(1),
        TraceFlags::SAMPLED,
        false,
        TraceState::NONE,
    );
    Link::new(context, attributes, 0)
}

fn event(attributes: Vec<KeyValue>) -> Event {
    Event::new("e", std::time::SystemTime::now(), attributes, 0)
}

/// The API's span after `make`, as it arrived with these variables.
fn api_span(
    variables: &[(&str, &str)],
    make: impl FnOnce(opentelemetry::trace::SpanBuilder) -> opentelemetry::trace::SpanBuilder,
) -> std::sync::Arc<trisignal_receiver::Span> {
    let service = Service::new(variables);
    service.api_span(make);
    let report = service.end();
    assert!(report.complete && report.lost() == 0, "{report}");
    service.receiver.spans().name("api").one().unwrap()
}

/// The texts of the note on the span of `tracing`, of one of the API, and on the log record.
fn notes(variables: &[(&str, &str)]) -> [String; 3] {
    let service = Service::new(variables);
    service.work();
    service.api_span(|span| span.with_attributes([KeyValue::new("note", "äöüß and more")]));
    service.finish();
    let api = service.receiver.spans().name("api").one().unwrap();
    let (span, log) = (service.span(), service.log());
    [&span.attributes, &api.attributes, &log.attributes]
        .map(|attributes| attributes.str("note").unwrap().to_owned())
}

const WHOLE: &str = "äöüß and more";

/// How many attributes a record with ten of them keeps, and how many it says it lost.
fn log_attributes(variables: &[(&str, &str)]) -> (usize, u32) {
    let service = Service::new(variables);
    super::super::common::record(&service.telemetry, || {
        tracing::info!(
            a = 1,
            b = 2,
            c = 3,
            d = 4,
            e = 5,
            f = 6,
            g = 7,
            h = 8,
            i = 9,
            j = 10,
            "many"
        );
    });
    service.finish();
    let log = service.receiver.logs().body("many").one().unwrap();
    (log.attributes.len(), log.dropped_attributes_count)
}

proofs! {
    OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT => {
        assert_eq!(notes(&[("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "3")]), ["äöü"; 3]);
        assert_eq!(notes(&[]), [WHOLE; 3]);
    }

    OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT => {
        let own = ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "4");
        assert_eq!(notes(&[own]), ["äöüß", "äöüß", WHOLE]);
        assert_eq!(notes(&[own, ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "2")]), ["äöüß", "äöüß", "äö"]);
        let long = || vec![KeyValue::new("note", WHOLE)];
        let span = api_span(&[own], |span| {
            span.with_events(vec![event(long())]).with_links(vec![linked(long())])
        });
        assert_eq!(span.events[0].attributes.str("note"), Some("äöüß"));
        assert_eq!(span.links[0].attributes.str("note"), Some("äöüß"));
    }

    OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT => {
        let own = ("OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", "4");
        assert_eq!(notes(&[own]), [WHOLE, WHOLE, "äöüß"]);
        assert_eq!(notes(&[own, ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "2")]), ["äö", "äö", "äöüß"]);
    }

    OTEL_ATTRIBUTE_COUNT_LIMIT => {
        let limit = [("OTEL_ATTRIBUTE_COUNT_LIMIT", "4")];
        let span = api_span(&limit, |span| span.with_attributes(attributes(10)));
        assert_eq!(span.attributes.len(), 4);
        assert_eq!(log_attributes(&limit).0, 4);
    }

    OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT => {
        let limits = [("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "5"), ("OTEL_ATTRIBUTE_COUNT_LIMIT", "4")];
        let span = api_span(&limits, |span| span.with_attributes(attributes(10)));
        assert_eq!(span.attributes.len(), 5);
        // The pipeline itself adds one, the correlation ID.
        assert!(span.dropped_attributes_count >= 5, "{span:?}");
    }

    OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT => {
        let (kept, dropped) = log_attributes(&[
            ("OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", "6"),
            ("OTEL_ATTRIBUTE_COUNT_LIMIT", "4"),
        ]);
        assert_eq!(kept, 6);
        assert!(dropped >= 4, "{dropped}");
    }

    OTEL_SPAN_EVENT_COUNT_LIMIT => {
        let limit = [("OTEL_SPAN_EVENT_COUNT_LIMIT", "3")];
        let span = api_span(&limit, |span| span.with_events(vec![event(Vec::new()); 7]));
        assert_eq!((span.events.len(), span.dropped_events_count), (3, 4));
    }

    OTEL_SPAN_LINK_COUNT_LIMIT => {
        let limit = [("OTEL_SPAN_LINK_COUNT_LIMIT", "3")];
        let span = api_span(&limit, |span| span.with_links(vec![linked(Vec::new()); 7]));
        assert_eq!((span.links.len(), span.dropped_links_count), (3, 4));
    }

    OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT => {
        let limit = [("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "3")];
        let span = api_span(&limit, |span| span.with_events(vec![event(attributes(7))]));
        let event = &span.events[0];
        assert_eq!((event.attributes.len(), event.dropped_attributes_count), (3, 4));
    }

    OTEL_LINK_ATTRIBUTE_COUNT_LIMIT => {
        let limit = [("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "3")];
        let span = api_span(&limit, |span| span.with_links(vec![linked(attributes(7))]));
        let link = &span.links[0];
        assert_eq!((link.attributes.len(), link.dropped_attributes_count), (3, 4));
    }
}
