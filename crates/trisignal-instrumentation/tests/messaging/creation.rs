//! What a user put into a message stays as it is.

use opentelemetry::context::FutureExt;
use tracing::Instrument;

use crate::support::{
    Headers, PARENT_ID, TRACE_ID, TRACEPARENT, Telemetry, headers, ids, kind, links, parent_in,
    story,
};

const OWN: &str = "own";

/// Sends `message` inside the story `order-1`, and gives back what a broker would get.
async fn send(telemetry: &Telemetry, message: Headers) -> Headers {
    let producer = telemetry.producer();
    let mut sent = Headers::new();
    let work = async {
        producer
            .send(message, |headers| {
                sent = headers;
                async {}
            })
            .await;
    };
    telemetry.run(work.with_context(story("order-1"))).await;
    sent
}

#[tokio::test]
async fn headers_of_the_user_are_untouched() {
    // What the message has, and what is added to it.
    for (message, added) in [
        (
            headers([]),
            vec!["baggage", "traceparent", "x-correlation-id"],
        ),
        (
            headers([("content-type", "x")]),
            vec!["baggage", "traceparent", "x-correlation-id"],
        ),
        (
            headers([("traceparent", TRACEPARENT), ("tracestate", "a=1")]),
            vec!["baggage", "x-correlation-id"],
        ),
        (
            headers([("Traceparent", TRACEPARENT)]),
            vec!["baggage", "x-correlation-id"],
        ),
        (
            headers([("baggage", "tenant=7;p")]),
            vec!["traceparent", "x-correlation-id"],
        ),
        (
            headers([("X-Correlation-Id", "mine")]),
            vec!["baggage", "traceparent"],
        ),
        (
            headers([("x-correlation-id", "not one")]),
            vec!["baggage", "traceparent"],
        ),
    ] {
        let telemetry = Telemetry::new();
        let sent = send(&telemetry, message.clone()).await;
        let mut new: Vec<_> = sent
            .keys()
            .filter(|name| !message.contains_key(*name))
            .map(String::as_str)
            .collect();
        new.sort_unstable();
        assert_eq!(new, added, "{message:?}");
        for (name, value) in &message {
            assert_eq!(sent.get(name), Some(value), "{message:?}");
        }
        // Producer where it creates, client where that was done before.
        let created = message
            .keys()
            .any(|name| name.eq_ignore_ascii_case("traceparent"));
        let span = telemetry.span();
        if created {
            assert_eq!(kind(&span), "client");
            assert_eq!(links(&span), [(TRACE_ID.to_owned(), PARENT_ID.to_owned())]);
        } else {
            assert_eq!((kind(&span), links(&span)), ("producer", vec![]));
            assert_eq!(parent_in(&sent), ids(&span.span_context));
        }
    }
}

#[tokio::test]
async fn the_id_of_a_message_is_its_own_before_that_of_the_sender() {
    for (message, id, in_baggage) in [
        (headers([]), "order-1", "order-1"),
        (headers([("x-correlation-id", "mine")]), "mine", "mine"),
        (
            headers([("x-correlation-id", "not one")]),
            "not one",
            "order-1",
        ),
        (
            headers([("baggage", "correlation.id=mine")]),
            "mine",
            "mine",
        ),
        // Created in another trace: a relay sends what others wrote.
        (headers([("traceparent", TRACEPARENT)]), TRACE_ID, TRACE_ID),
    ] {
        let sent = send(&Telemetry::new(), message.clone()).await;
        assert_eq!(sent["x-correlation-id"], id, "{message:?}");
        assert_eq!(
            sent["baggage"],
            format!("correlation.id={in_baggage}"),
            "{message:?}"
        );
    }
}

#[tokio::test]
async fn a_broken_creation_context_is_none() {
    for broken in ["", "00-0-0-1", "zz"] {
        let telemetry = Telemetry::new();
        let sent = send(
            &telemetry,
            headers([("Traceparent", broken), ("TraceState", "a=1")]),
        )
        .await;
        let span = telemetry.span();
        assert_eq!((kind(&span), links(&span)), ("producer", vec![]));
        assert_eq!(parent_in(&sent), ids(&span.span_context));
        // Neither the broken one is left, nor a state that belongs to no trace.
        let names = sent
            .keys()
            .filter(|name| name.to_lowercase().starts_with("trace"));
        assert_eq!(names.collect::<Vec<_>>(), ["traceparent"]);
    }
}

#[tokio::test]
async fn a_created_message_is_sent_as_it_was_created() {
    let telemetry = Telemetry::new();
    let producer = telemetry.producer();
    telemetry
        .run(async {
            let work = async {
                let created = producer.message(headers([(OWN, "1")])).id("m-1").create();
                let again = producer.message(created.clone()).create();
                assert_eq!(again, created);
                let message = created.clone();
                producer
                    .send(
                        created,
                        |headers| async move { assert_eq!(headers, message) },
                    )
                    .await;
            };
            work.instrument(tracing::info_span!("request")).await;
        })
        .await;
    let (create, send) = (
        telemetry.span_named("create orders"),
        telemetry.span_named("send orders"),
    );
    assert_eq!((kind(&create), kind(&send)), ("producer", "client"));
    assert_eq!(links(&send), [ids(&create.span_context)]);
    assert_eq!(create.parent_span_id, send.parent_span_id);
}
