//! One correlation ID from the producer's caller to whatever the consumer does next.

use opentelemetry::Context;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::context::FutureExt;
use tracing::Instrument;
use trisignal_instrumentation::correlation::CorrelationId;
use trisignal_instrumentation::messaging;

use crate::support::{
    Headers, TRACE_ID, TRACEPARENT, Telemetry, attribute, headers, links, status, story,
};

const NULL: &str = "none";

fn current() -> String {
    CorrelationId::current().map_or_else(|| NULL.to_owned(), |id| id.to_string())
}

#[tokio::test]
async fn the_id_crosses_the_queue_and_goes_on() {
    for inbound in [Some("order-4711"), None] {
        let (shop, worker) = (Telemetry::new(), Telemetry::new());
        let (producer, consumer, next) = (shop.producer(), worker.consumer(), worker.producer());
        let around = inbound.map_or_else(Context::new, story);
        let mut sent = Headers::new();
        let work = async {
            producer
                .send(Headers::new(), |headers| {
                    sent = headers;
                    async {}
                })
                .await;
        };
        let request = {
            let _attached = around.clone().attach();
            let dispatch = shop.dispatch();
            tracing::dispatcher::with_default(&dispatch, || tracing::info_span!("request"))
        };
        shop.run(work.instrument(request).with_context(around))
            .await;
        let id = inbound.map_or_else(
            || {
                shop.span_named("send orders")
                    .span_context
                    .trace_id()
                    .to_string()
            },
            str::to_owned,
        );
        assert_eq!(sent["x-correlation-id"], id);
        assert!(
            sent["baggage"].contains(&format!("correlation.id={id}")),
            "{sent:?}"
        );

        let mut forwarded = Headers::new();
        let mut seen = Vec::new();
        worker
            .run(async {
                let handle = async {
                    seen.push(current());
                    tokio::task::yield_now().await;
                    tracing::info_span!("deeper").in_scope(|| seen.push(current()));
                    next.message(Headers::new())
                        .destination("mails")
                        .send(|headers| {
                            forwarded = headers;
                            async {}
                        })
                        .await;
                };
                consumer.process(&sent, handle).await;
            })
            .await;
        assert_eq!(seen, [&*id, &*id]);
        assert_eq!(forwarded["x-correlation-id"], id);
        let spans = worker.spans();
        assert_eq!(spans.len(), 3);
        for span in &spans {
            assert_eq!(attribute(span, "correlation.id"), id, "{}", span.name);
            let trace = span.span_context.trace_id();
            assert_ne!(
                trace,
                shop.spans()[0].span_context.trace_id(),
                "{}",
                span.name
            );
        }
    }
}

#[tokio::test]
async fn where_the_id_of_a_message_comes_from() {
    let baggage = "a=1,correlation.id=from-baggage";
    // The headers of the message, the ID in processing, what is counted as ill-formed.
    for (message, id, rejected) in [
        (
            headers([("x-correlation-id", "from-header")]),
            "from-header",
            0,
        ),
        (
            headers([("X-Correlation-ID", "from-header")]),
            "from-header",
            0,
        ),
        (
            headers([("x-request-id", "from-request")]),
            "from-request",
            0,
        ),
        (
            headers([("x-correlation-id", "1"), ("x-request-id", "2")]),
            "1",
            0,
        ),
        (
            headers([("x-correlation-id", "not one"), ("x-request-id", "2")]),
            "2",
            1,
        ),
        (
            headers([("x-correlation-id", "1"), ("baggage", baggage)]),
            "1",
            0,
        ),
        (headers([("baggage", baggage)]), "from-baggage", 0),
        (headers([("traceparent", TRACEPARENT)]), TRACE_ID, 0),
        (
            headers([("traceparent", TRACEPARENT), ("baggage", baggage)]),
            "from-baggage",
            0,
        ),
        (
            headers([("x-correlation-id", "a\nb"), ("traceparent", TRACEPARENT)]),
            TRACE_ID,
            1,
        ),
        (
            headers([("x-correlation-id", ""), ("baggage", baggage)]),
            "from-baggage",
            1,
        ),
        (headers([("baggage", "correlation.id=%1B%5B31m")]), "own", 1),
        (headers([]), "own", 0),
    ] {
        for continues in [false, true] {
            let telemetry = Telemetry::new();
            let consumer = telemetry.consumer().continue_trace(continues);
            let mut seen = (String::new(), None);
            let look = async {
                let kept = Context::current()
                    .baggage()
                    .get("a")
                    .map(ToString::to_string);
                seen = (current(), kept);
            };
            telemetry
                .run(async { consumer.process(&message, look).await })
                .await;
            let span = telemetry.span();
            let trace = span.span_context.trace_id().to_string();
            let expected = if id == "own" { &*trace } else { id };
            assert_eq!(seen.0, expected, "{message:?}");
            if id != "own" {
                assert_eq!(attribute(&span, "correlation.id"), id, "{message:?}");
            }
            // Other members go on as they are.
            let has_baggage = message
                .get("baggage")
                .is_some_and(|header| header.contains("a=1"));
            assert_eq!(seen.1.is_some(), has_baggage, "{message:?}");
            let counted: u64 = telemetry
                .points("trisignal.correlation.rejected")
                .iter()
                .map(|(attributes, count)| {
                    assert!(attributes.is_empty());
                    count
                })
                .sum();
            assert_eq!(counted, rejected, "{message:?}");
        }
    }
}

#[tokio::test]
async fn the_message_is_another_story_than_the_loop_around_it() {
    let telemetry = Telemetry::new();
    let consumer = telemetry.consumer();
    let outer = story("loop");
    let message = headers([("x-correlation-id", "order-1")]);
    let mut seen = Vec::new();
    telemetry
        .run(
            async {
                consumer
                    .process(&message, async { seen.push(current()) })
                    .await;
                consumer
                    .process(&Headers::new(), async { seen.push(current()) })
                    .await;
                seen.push(current());
            }
            .with_context(outer),
        )
        .await;
    assert_eq!(seen, ["order-1", "loop", "loop"]);
}

#[tokio::test]
async fn settling_belongs_to_the_story_of_the_message() {
    // The message, the ID around, and that of settling, where it has one that is not its trace.
    for (message, around, expected) in [
        (
            headers([("x-correlation-id", "order-1")]),
            None,
            Some("order-1"),
        ),
        (
            headers([("x-correlation-id", "order-1")]),
            Some("loop"),
            Some("order-1"),
        ),
        (
            headers([("traceparent", TRACEPARENT)]),
            None,
            Some(TRACE_ID),
        ),
        (Headers::new(), Some("loop"), Some("loop")),
        (Headers::new(), None, None),
    ] {
        let telemetry = Telemetry::new();
        let consumer = telemetry.consumer();
        let mut seen = String::new();
        telemetry
            .run(
                async {
                    consumer.process(&message, async {}).await;
                    consumer
                        .settle("ack", &message, async { seen = current() })
                        .await;
                }
                .with_context(around.map_or_else(Context::new, story)),
            )
            .await;
        let span = telemetry.span_named("ack orders");
        let own = span.span_context.trace_id().to_string();
        assert_eq!(seen, expected.unwrap_or(&own), "{message:?}");
        assert_eq!(
            attribute(&span, "correlation.id"),
            expected.unwrap_or_default(),
            "{message:?}"
        );
    }
}

#[tokio::test]
async fn without_a_bridge_the_id_is_carried_all_the_same() {
    let telemetry = Telemetry::without_bridge();
    let (producer, consumer) = (telemetry.producer(), telemetry.consumer());
    for (message, expected) in [
        (headers([("x-correlation-id", "order-1")]), Some("order-1")),
        (Headers::new(), None),
    ] {
        let mut sent = Headers::new();
        let mut seen = String::new();
        let handle = async {
            seen = current();
            producer
                .send(Headers::new(), |headers| {
                    sent = headers;
                    async {}
                })
                .await;
        };
        consumer.process(&message, handle).await;
        // Where there is none one is made, the same for all that the work does.
        assert_eq!(sent["x-correlation-id"], seen);
        assert!(!sent.contains_key("traceparent"));
        match expected {
            Some(id) => assert_eq!(seen, id),
            None => assert_eq!(seen.len(), 32),
        }
    }
}

#[tokio::test]
async fn a_batch_has_the_id_that_all_its_messages_have() {
    let other = headers([("x-correlation-id", "order-2")]);
    let same = headers([("x-correlation-id", "order-1")]);
    let none = Headers::new();
    for (messages, expected) in [
        (vec![&same, &same], Some("order-1")),
        (vec![&same, &other], None),
        (vec![&same, &none], None),
        (vec![&none, &same], None),
        (vec![], None),
    ] {
        let telemetry = Telemetry::new();
        let consumer = telemetry.consumer();
        let mut seen = String::new();
        let work = async { seen = current() };
        telemetry
            .run(async { consumer.process_batch(messages, work).await })
            .await;
        let span = telemetry.span();
        let own = span.span_context.trace_id().to_string();
        assert_eq!(seen, expected.unwrap_or(&own));
        assert_eq!((links(&span), status(&span)), (vec![], "unset"));
    }
}

#[test]
fn the_context_of_a_message_can_be_had_alone() {
    let _ = Telemetry::new();
    let message = headers([
        ("traceparent", TRACEPARENT),
        ("x-correlation-id", "order-1"),
    ]);
    let cx = messaging::extract(&message);
    use opentelemetry::trace::TraceContextExt;
    assert_eq!(cx.span().span_context().trace_id().to_string(), TRACE_ID);
    assert_eq!(
        CorrelationId::from_context(&cx).unwrap().as_str(),
        "order-1"
    );
}
