//! Through a real RabbitMQ.

use std::pin::Pin;
use std::time::{Duration, Instant};

use futures_core::Stream;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use opentelemetry::context::FutureExt;
use tracing::Instrument;
use trisignal_instrumentation::correlation::CorrelationId;
use trisignal_instrumentation::messaging::{Carrier, Consumer, Producer};

use crate::broker::Broker;
use crate::support::{Telemetry, attribute, ids, kind, links, status, story};

const DEADLINE: Duration = Duration::from_secs(60);

async fn connect(broker: &Broker) -> Connection {
    let uri = format!("amqp://127.0.0.1:{}/%2f", broker.port);
    let start = Instant::now();
    loop {
        // The port is there before the broker is ready to be talked to.
        match Connection::connect(&uri, ConnectionProperties::default()).await {
            Ok(connection) => return connection,
            Err(error) if start.elapsed() > DEADLINE => panic!("{error}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn queue(connection: &Connection, name: &str) -> (Channel, lapin::Consumer) {
    let channel = connection.create_channel().await.unwrap();
    let options = QueueDeclareOptions::default();
    channel
        .queue_declare(name.into(), options, FieldTable::default())
        .await
        .unwrap();
    let options = BasicConsumeOptions::default();
    let consumer = channel.basic_consume(name.into(), "".into(), options, FieldTable::default());
    let consumer = consumer.await.unwrap();
    (channel, consumer)
}

async fn next(consumer: &mut lapin::Consumer) -> Delivery {
    let next = std::future::poll_fn(|cx| Stream::poll_next(Pin::new(&mut *consumer), cx));
    tokio::time::timeout(DEADLINE, next)
        .await
        .unwrap()
        .unwrap()
        .unwrap()
}

async fn publish(channel: &Channel, queue: &str, headers: FieldTable) -> lapin::Result<()> {
    let properties = BasicProperties::default().with_headers(headers);
    let options = BasicPublishOptions::default();
    channel
        .basic_publish("".into(), queue.into(), options, b"tea", properties)
        .await?
        .await?;
    Ok(())
}

#[tokio::test]
async fn one_story_through_a_real_rabbitmq() {
    let Some(broker) = Broker::rabbitmq().await else {
        return;
    };
    let (shop, worker) = (Telemetry::new(), Telemetry::new());
    let (publishing, subscribing) = (connect(&broker).await, connect(&broker).await);
    let (channel, mut orders) = queue(&subscribing, "orders").await;
    let (sending, mut mails) = queue(&publishing, "mails").await;

    let producer = Producer::new("rabbitmq")
        .destination("orders")
        .operation("publish")
        .server("127.0.0.1", broker.port)
        .meter(&shop.meter());
    let mut own = FieldTable::default();
    own.insert("own".into(), AMQPValue::LongLongInt(7));
    shop.run(
        async {
            let work = async {
                let message = producer
                    .message(own)
                    .attribute("messaging.rabbitmq.destination.routing_key", "orders");
                message
                    .send(|headers| publish(&sending, "orders", headers))
                    .await
                    .unwrap();
            };
            work.instrument(tracing::info_span!("request")).await;
        }
        .with_context(story("order-4711")),
    )
    .await;

    let delivery = next(&mut orders).await;
    let headers = delivery.properties.headers();
    assert_eq!(delivery.data, b"tea");
    let kept = headers.as_ref().unwrap().inner().get("own").cloned();
    assert_eq!(kept, Some(AMQPValue::LongLongInt(7)));
    assert_eq!(headers.values("x-correlation-id"), ["order-4711"]);
    let send = shop.span_named("publish orders");
    let (trace, span) = ids(&send.span_context);
    assert_eq!(
        headers.values("traceparent"),
        [format!("00-{trace}-{span}-01")]
    );
    assert_eq!((kind(&send), status(&send)), ("producer", "unset"));
    assert_eq!(
        attribute(&send, "messaging.rabbitmq.destination.routing_key"),
        "orders"
    );

    let consumer = Consumer::new("rabbitmq")
        .destination("orders")
        .meter(&worker.meter());
    let next_producer = Producer::new("rabbitmq")
        .destination("mails")
        .meter(&worker.meter());
    worker
        .run(async {
            let handle = async {
                assert_eq!(CorrelationId::current().unwrap().as_str(), "order-4711");
                let headers = FieldTable::default();
                next_producer
                    .send(headers, |headers| publish(&channel, "mails", headers))
                    .await
            };
            consumer.process(headers, handle).await.unwrap();
            consumer
                .settle("ack", headers, delivery.ack(BasicAckOptions::default()))
                .await
                .unwrap();
        })
        .await;
    let creator = [ids(&send.span_context)];
    let (process, ack) = (
        worker.span_named("process orders"),
        worker.span_named("ack orders"),
    );
    assert_eq!(
        (links(&process), kind(&process)),
        (creator.to_vec(), "consumer")
    );
    assert_eq!(
        (links(&ack), kind(&ack), status(&ack)),
        (creator.to_vec(), "client", "unset")
    );
    assert_ne!(
        process.span_context.trace_id(),
        send.span_context.trace_id()
    );
    assert_eq!(attribute(&process, "correlation.id"), "order-4711");

    let mail = next(&mut mails).await;
    assert_eq!(
        mail.properties.headers().values("x-correlation-id"),
        ["order-4711"]
    );
    let mailed = worker.span_named("send mails");
    assert_eq!(mailed.parent_span_id, process.span_context.span_id());

    // A channel that is closed takes no message, and sending says so.
    let failing = Telemetry::new();
    let lost = subscribing.create_channel().await.unwrap();
    lost.close(200, "done".into()).await.unwrap();
    let producer = failing.producer();
    let sent = async {
        producer
            .send(FieldTable::default(), |headers| {
                publish(&lost, "orders", headers)
            })
            .await
    };
    failing.run(sent).await.unwrap_err();
    let span = failing.span();
    assert_eq!(
        (status(&span), &*attribute(&span, "error.type")),
        ("error", "lapin::error::Error")
    );
    assert_eq!(
        failing.point("messaging.client.sent.messages").0["error.type"],
        "lapin::error::Error"
    );
}
