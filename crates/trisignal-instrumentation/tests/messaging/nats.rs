//! Through a real NATS server.

use std::time::Duration;

use async_nats::{Client, ConnectOptions, HeaderMap, Message, Subscriber};
use opentelemetry::context::FutureExt;
use opentelemetry::trace::SpanId;
use tracing::Instrument;
use trisignal_instrumentation::correlation::CorrelationId;
use trisignal_instrumentation::messaging::{Carrier, Consumer, Producer};

use crate::broker::Broker;
use crate::support::{Telemetry, attribute, ids, kind, links, status, story};

const DEADLINE: Duration = Duration::from_secs(30);

async fn connect(broker: &Broker) -> Client {
    ConnectOptions::new()
        .connect(format!("127.0.0.1:{}", broker.port))
        .await
        .unwrap()
}

async fn next(subscriber: &mut Subscriber) -> Message {
    let next = std::future::poll_fn(|cx| {
        use std::pin::Pin;
        futures_core::Stream::poll_next(Pin::new(&mut *subscriber), cx)
    });
    tokio::time::timeout(DEADLINE, next).await.unwrap().unwrap()
}

/// Waits until the server has the subscriptions of `client`: it works off a connection in order, so a message to
/// ourselves comes after them. A flush only says that they were written.
async fn subscribed(client: &Client) {
    let inbox = client.new_inbox();
    let mut echo = client.subscribe(inbox.clone()).await.unwrap();
    client.publish(inbox, "".into()).await.unwrap();
    next(&mut echo).await;
}

#[tokio::test]
async fn one_story_through_a_real_nats_server() {
    let Some(broker) = Broker::nats().await else {
        return;
    };
    let (shop, worker) = (Telemetry::new(), Telemetry::new());
    let (publishing, subscribing) = (connect(&broker).await, connect(&broker).await);
    let mut orders = subscribing.subscribe("orders").await.unwrap();
    let mut mails = publishing.subscribe("mails").await.unwrap();
    // The server has both before anything is sent.
    subscribed(&subscribing).await;
    subscribed(&publishing).await;

    let producer = Producer::new("nats")
        .destination("orders")
        .operation("publish")
        .server("127.0.0.1", broker.port)
        .meter(&shop.meter());
    let mut own = HeaderMap::new();
    own.append("Own", "1");
    own.append("Own", "2");
    shop.run(
        async {
            let work = async {
                producer
                    .send(own, |headers| {
                        publishing.publish_with_headers("orders", headers, "tea".into())
                    })
                    .await
                    .unwrap();
            };
            work.instrument(tracing::info_span!("request")).await;
        }
        .with_context(story("order-4711")),
    )
    .await;

    let message = next(&mut orders).await;
    assert_eq!(message.payload, "tea");
    assert_eq!(message.headers.values("own"), ["1", "2"]);
    assert_eq!(message.headers.values("x-correlation-id"), ["order-4711"]);
    assert_eq!(
        message.headers.values("baggage"),
        ["correlation.id=order-4711"]
    );
    let send = shop.span_named("publish orders");
    let (trace, span) = ids(&send.span_context);
    assert_eq!(
        message.headers.values("traceparent"),
        [format!("00-{trace}-{span}-01")]
    );
    assert_eq!((kind(&send), status(&send)), ("producer", "unset"));
    assert_eq!(attribute(&send, "server.port"), broker.port.to_string());

    let consumer = Consumer::new("nats")
        .destination("orders")
        .group("workers")
        .meter(&worker.meter());
    let next_producer = Producer::new("nats")
        .destination("mails")
        .meter(&worker.meter());
    worker
        .run(async {
            let handle = async {
                assert_eq!(CorrelationId::current().unwrap().as_str(), "order-4711");
                // Headers that are not there yet are made.
                let publish = |headers: Option<HeaderMap>| {
                    subscribing.publish_with_headers("mails", headers.unwrap(), "sent".into())
                };
                next_producer.send(None, publish).await
            };
            consumer.process(&message.headers, handle).await.unwrap();
        })
        .await;
    let process = worker.span_named("process orders");
    assert_eq!(process.parent_span_id, SpanId::INVALID);
    assert_ne!(
        process.span_context.trace_id(),
        send.span_context.trace_id()
    );
    assert_eq!(links(&process), [ids(&send.span_context)]);
    assert_eq!(attribute(&process, "correlation.id"), "order-4711");

    let mail = next(&mut mails).await;
    assert_eq!(mail.headers.values("x-correlation-id"), ["order-4711"]);
    let mailed = worker.span_named("send mails");
    assert_eq!(mailed.parent_span_id, process.span_context.span_id());
    let trace = mailed.span_context.trace_id().to_string();
    assert!(mail.headers.values("traceparent")[0].contains(&trace));
    assert_eq!(shop.point("messaging.client.sent.messages").1, 1);
    assert_eq!(worker.point("messaging.client.consumed.messages").1, 1);
}

#[tokio::test]
async fn a_batch_through_a_real_nats_server() {
    const MESSAGES: usize = 5;
    let Some(broker) = Broker::nats().await else {
        return;
    };
    let telemetry = Telemetry::new();
    let client = connect(&broker).await;
    let mut orders = client.subscribe("orders").await.unwrap();
    subscribed(&client).await;
    let producer = telemetry.producer();
    let consumer = telemetry.consumer();
    telemetry
        .run(async {
            for number in 0..MESSAGES {
                let publish = |headers| client.publish_with_headers("orders", headers, "".into());
                let message = producer.message(HeaderMap::new()).id(number.to_string());
                message.send(publish).await.unwrap();
            }
            let call = async {
                let mut messages = Vec::new();
                while messages.len() < MESSAGES {
                    messages.push(next(&mut orders).await);
                }
                Ok::<_, std::io::Error>(messages)
            };
            let messages = consumer
                .receive_batch(call, |messages, received| {
                    messages
                        .iter()
                        .for_each(|message| received.message(&message.headers));
                })
                .await
                .unwrap();
            let headers = messages.iter().map(|message| &message.headers);
            consumer.process_batch(headers, async {}).await;
        })
        .await;
    let spans = telemetry.spans();
    let sent: Vec<_> = spans
        .iter()
        .filter(|span| span.name == "send orders")
        .map(|span| ids(&span.span_context))
        .collect();
    assert_eq!(sent.len(), MESSAGES);
    for name in ["receive orders", "process orders"] {
        let span = telemetry.span_named(name);
        assert_eq!(links(&span), sent, "{name}");
        assert_eq!(
            attribute(&span, "messaging.batch.message_count"),
            MESSAGES.to_string()
        );
    }
    assert_eq!(
        telemetry.point("messaging.client.consumed.messages").1,
        MESSAGES as u64
    );
}

#[tokio::test]
async fn a_message_that_is_too_large_for_the_server_is_an_error_of_sending() {
    let Some(broker) = Broker::nats().await else {
        return;
    };
    let telemetry = Telemetry::new();
    let client = connect(&broker).await;
    let payload = vec![0; client.server_info().max_payload + 1];
    let producer = telemetry.producer();
    let publish = |headers| client.publish_with_headers("orders", headers, payload.into());
    let sent = async { producer.send(HeaderMap::new(), publish).await };
    telemetry.run(sent).await.unwrap_err();

    let span = telemetry.span();
    assert_eq!(status(&span), "error");
    assert!(
        attribute(&span, "error.type").contains("PublishErrorKind"),
        "{span:?}"
    );
    let (attributes, count) = telemetry.point("messaging.client.sent.messages");
    assert_eq!(
        (count, &attributes["error.type"]),
        (1, &attribute(&span, "error.type"))
    );
}
