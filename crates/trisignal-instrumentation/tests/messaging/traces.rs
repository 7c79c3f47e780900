//! Where the spans of producers and consumers hang together.

use opentelemetry::Context;
use opentelemetry::trace::{SpanId, TraceContextExt, Tracer};
use tracing::Instrument;

use crate::support::{
    Headers, PARENT_ID, TRACE_ID, TRACEPARENT, Telemetry, attribute, headers, ids, links, parent_in,
};

fn creator() -> (String, String) {
    (TRACE_ID.to_owned(), PARENT_ID.to_owned())
}

#[tokio::test]
async fn a_message_carries_the_span_that_sent_it_to_a_linked_trace() {
    let (shop, worker) = (Telemetry::new(), Telemetry::new());
    let producer = shop.producer();
    let sent = shop
        .run(async {
            let mut sent = Headers::new();
            let send = async {
                producer
                    .send(Headers::new(), |headers| {
                        sent = headers;
                        async {
                            // What is called while sending is inside.
                            tracing::info_span!("socket").in_scope(|| {});
                        }
                    })
                    .await;
            };
            send.instrument(tracing::info_span!("request")).await;
            sent
        })
        .await;
    let (request, send, socket) = (
        shop.span_named("request"),
        shop.span_named("send orders"),
        shop.span_named("socket"),
    );
    assert_eq!(send.parent_span_id, request.span_context.span_id());
    assert_eq!(socket.parent_span_id, send.span_context.span_id());
    assert_eq!(links(&send), []);
    assert_eq!(parent_in(&sent), ids(&send.span_context));

    let consumer = worker.consumer();
    worker
        .run(async { consumer.process(&sent, async {}).await })
        .await;
    let process = worker.span();
    assert_eq!(process.parent_span_id, SpanId::INVALID);
    assert_ne!(
        process.span_context.trace_id(),
        send.span_context.trace_id()
    );
    assert_eq!(links(&process), [ids(&send.span_context)]);
}

#[tokio::test]
async fn parents_and_links_of_processing() {
    let with = headers([("traceparent", TRACEPARENT)]);
    let without = Headers::new();
    // Continues, has a span around it, has a creator: parent and links.
    for (continues, is_inside, message, parent, linked) in [
        (false, false, &with, "none", "creator"),
        (false, true, &with, "around", "creator"),
        (false, false, &without, "none", "nothing"),
        (false, true, &without, "around", "nothing"),
        (true, false, &with, "creator", "nothing"),
        (true, true, &with, "creator", "around"),
        (true, false, &without, "none", "nothing"),
        (true, true, &without, "around", "nothing"),
    ] {
        let case = format!("{continues} {is_inside} {message:?}");
        let telemetry = Telemetry::new();
        let consumer = telemetry.consumer().continue_trace(continues);
        let work = async { consumer.process(message, async {}).await };
        if is_inside {
            let work = async { work.instrument(tracing::info_span!("around")).await };
            telemetry.run(work).await;
        } else {
            telemetry.run(work).await;
        }
        let span = telemetry.span_named("process orders");
        let around = is_inside.then(|| ids(&telemetry.span_named("around").span_context));
        let resolve = |name| match name {
            "creator" => Some(creator()),
            "around" => around.clone(),
            _ => None,
        };
        let expected = resolve(parent);
        let trace_of_parent = expected.as_ref().map(|(trace, _)| trace.clone());
        let parent_id = expected.map_or_else(|| SpanId::INVALID.to_string(), |(_, id)| id);
        assert_eq!(span.parent_span_id.to_string(), parent_id, "{case}");
        if let Some(trace) = trace_of_parent {
            assert_eq!(span.span_context.trace_id().to_string(), trace, "{case}");
        }
        assert_eq!(span.parent_span_is_remote, parent == "creator", "{case}");
        assert_eq!(
            links(&span),
            resolve(linked).into_iter().collect::<Vec<_>>(),
            "{case}"
        );
    }
}

#[tokio::test]
async fn receiving_and_settling_link_their_messages() {
    let telemetry = Telemetry::new();
    let consumer = telemetry.consumer();
    let message = headers([("traceparent", TRACEPARENT)]);
    telemetry
        .run(async {
            consumer
                .receive(
                    async { Ok::<_, ()>(Some(message.clone())) },
                    |message, received| {
                        received.message(message);
                    },
                )
                .await
                .unwrap();
            consumer.settle("ack", &message, async {}).await;
        })
        .await;
    for name in ["receive orders", "ack orders"] {
        assert_eq!(links(&telemetry.span_named(name)), [creator()], "{name}");
    }
}

#[tokio::test]
async fn a_span_that_the_filter_leaves_out_leaves_the_one_around_it_alone() {
    let telemetry = Telemetry::filtered("info,trisignal::messaging=off");
    let consumer = telemetry.consumer();
    let message = headers([("traceparent", TRACEPARENT)]);
    let work = consumer.message(&message).attribute("mine", 1);
    telemetry
        .run(async {
            let work = async { work.process(async {}).await };
            work.instrument(tracing::info_span!("around")).await;
        })
        .await;
    let around = telemetry.span();
    assert_eq!((&*around.name, links(&around)), ("around", vec![]));
    assert_eq!(attribute(&around, "mine"), "");
    assert_eq!(telemetry.point("messaging.process.duration").1, 1);
}

#[tokio::test]
async fn a_span_that_the_filter_leaves_out_leaves_the_one_alone_that_awaits_it() {
    let telemetry = Telemetry::filtered("info,trisignal::messaging=off");
    let consumer = telemetry.consumer();
    let message = headers([("traceparent", TRACEPARENT)]);
    telemetry
        .run(async {
            // It begins in one span, and goes on in another.
            let begins = tracing::info_span!("begins");
            let receive = begins.in_scope(|| {
                consumer.receive(async { Ok::<_, ()>(message) }, |message, received| {
                    received.message(message);
                })
            });
            let awaits = tracing::info_span!("awaits");
            receive.instrument(awaits).await.unwrap();
        })
        .await;
    for name in ["begins", "awaits"] {
        assert_eq!(links(&telemetry.span_named(name)), [], "{name}");
    }
    assert_eq!(telemetry.point("messaging.client.consumed.messages").1, 1);
}

#[test]
fn without_a_bridge_the_span_around_is_left_alone() {
    let telemetry = Telemetry::without_bridge();
    let message = headers([("traceparent", TRACEPARENT)]);
    // Of the OpenTelemetry API, so it is current with no bridge at all.
    let around = telemetry.tracer().start("around");
    let guard = Context::current_with_span(around).attach();
    telemetry
        .consumer()
        .message(&message)
        .attribute("mine", 1)
        .process_blocking(|| {});
    drop(guard);
    let around = telemetry.span();
    assert_eq!(
        (links(&around), attribute(&around, "mine")),
        (vec![], String::new())
    );
}

#[tokio::test]
async fn suppressed_telemetry_passes_messages_through() {
    let telemetry = Telemetry::new();
    let _suppressed = Context::enter_telemetry_suppressed_scope();
    let mut sent = None;
    telemetry
        .run(async {
            let producer = telemetry.producer();
            producer
                .send(Headers::new(), |headers| {
                    sent = Some(headers);
                    async {}
                })
                .await;
            telemetry
                .consumer()
                .process(&Headers::new(), async {})
                .await;
        })
        .await;
    assert_eq!(sent.unwrap(), Headers::new());
    assert!(telemetry.spans().is_empty());
    assert!(
        telemetry
            .points("messaging.client.sent.messages")
            .is_empty()
    );
}
