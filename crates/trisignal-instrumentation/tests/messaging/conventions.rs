//! The messaging conventions, a row for a rule, by the names that the published crate has.

use std::collections::BTreeMap;

use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData};
use opentelemetry_semantic_conventions::{attribute as attr, metric};
use trisignal_instrumentation::messaging::{Consumer, Producer};

use crate::support::{Headers, Telemetry, attributes, kind, status};

fn expected<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

/// What the bridge adds of itself is not what is tested.
fn conventional(span: &opentelemetry_sdk::trace::SpanData) -> BTreeMap<String, String> {
    let mut all = attributes(span);
    all.retain(|key, _| {
        ["messaging.", "server.", "error."]
            .iter()
            .any(|prefix| key.starts_with(prefix))
    });
    all
}

#[tokio::test]
async fn span_names_say_operation_and_destination_at_low_cardinality() {
    type Case = (&'static str, fn(Producer) -> Producer, Option<&'static str>);
    let cases: [Case; 9] = [
        ("send orders", |p| p.destination("orders"), None),
        (
            "send orders.eu",
            |p| p.destination("orders"),
            Some("orders.eu"),
        ),
        (
            "publish orders",
            |p| p.destination("orders").operation("publish"),
            None,
        ),
        (
            "send orders.{region}",
            |p| {
                p.destination("orders.eu")
                    .destination_template("orders.{region}")
            },
            None,
        ),
        (
            "send orders.{region}",
            |p| p.destination_template("orders.{region}"),
            Some("orders.eu"),
        ),
        (
            "send",
            |p| {
                p.destination("_INBOX.x7")
                    .transient_destination(true)
                    .server("a", 1)
            },
            None,
        ),
        ("send broker:4222", |p| p.server("broker", 4222), None),
        ("send broker", |p| p.server("broker", None), None),
        ("send", |p| p, None),
    ];
    for (name, set, destination) in cases {
        let telemetry = Telemetry::new();
        let producer = set(Producer::new("nats").meter(&telemetry.meter()));
        let mut message = producer.message(Headers::new());
        if let Some(destination) = destination {
            message = message.destination(destination);
        }
        telemetry
            .run(async { message.send(|_| async {}).await })
            .await;
        assert_eq!(telemetry.span().name, name);
    }
}

#[tokio::test]
async fn a_sent_message_has_every_name() {
    let telemetry = Telemetry::new();
    let producer = Producer::new("kafka")
        .destination("orders.eu")
        .destination_template("orders.{region}")
        .server("broker", 9092)
        .client_id("shop-1")
        .meter(&telemetry.meter());
    let message = producer
        .message(Headers::new())
        .id("m-1")
        .conversation_id("c-1")
        .partition("3")
        .attribute(attr::MESSAGING_KAFKA_MESSAGE_KEY, "k-1");
    telemetry
        .run(async { message.send(|_| async {}).await })
        .await;

    let span = telemetry.span();
    assert_eq!((kind(&span), status(&span)), ("producer", "unset"));
    let on_both = [
        (attr::MESSAGING_SYSTEM, "kafka"),
        (attr::MESSAGING_OPERATION_NAME, "send"),
        (attr::MESSAGING_DESTINATION_TEMPLATE, "orders.{region}"),
        (attr::MESSAGING_DESTINATION_PARTITION_ID, "3"),
        (attr::SERVER_ADDRESS, "broker"),
        (attr::SERVER_PORT, "9092"),
    ];
    let mut on_span = expected(on_both);
    on_span.extend(expected([
        (attr::MESSAGING_OPERATION_TYPE, "send"),
        (attr::MESSAGING_DESTINATION_NAME, "orders.eu"),
        (attr::MESSAGING_CLIENT_ID, "shop-1"),
        (attr::MESSAGING_MESSAGE_ID, "m-1"),
        (attr::MESSAGING_MESSAGE_CONVERSATION_ID, "c-1"),
        (attr::MESSAGING_KAFKA_MESSAGE_KEY, "k-1"),
    ]));
    assert_eq!(conventional(&span), on_span);

    let sent = (expected(on_both), 1);
    assert_eq!(
        telemetry.point(metric::MESSAGING_CLIENT_SENT_MESSAGES),
        sent
    );
    let mut timed = sent;
    timed
        .0
        .insert(attr::MESSAGING_OPERATION_TYPE.to_owned(), "send".to_owned());
    assert_eq!(
        telemetry.point(metric::MESSAGING_CLIENT_OPERATION_DURATION),
        timed
    );
    assert_eq!(telemetry.points(metric::MESSAGING_PROCESS_DURATION), []);
}

#[tokio::test]
async fn a_processed_message_has_every_name() {
    let telemetry = Telemetry::new();
    let consumer = Consumer::new("nats")
        .destination("orders")
        .server("broker", 4222)
        .client_id("worker-1")
        .group("fulfilment")
        .subscription("eu")
        .meter(&telemetry.meter());
    let message = consumer
        .message(&Headers::new())
        .id("m-1")
        .conversation_id("c-1")
        .partition("3");
    telemetry
        .run(async { message.process(async {}).await })
        .await;

    let span = telemetry.span();
    assert_eq!(
        (&*span.name, kind(&span), status(&span)),
        ("process orders", "consumer", "unset")
    );
    let on_both = [
        (attr::MESSAGING_SYSTEM, "nats"),
        (attr::MESSAGING_OPERATION_NAME, "process"),
        (attr::MESSAGING_DESTINATION_NAME, "orders"),
        (attr::MESSAGING_DESTINATION_PARTITION_ID, "3"),
        (attr::MESSAGING_DESTINATION_SUBSCRIPTION_NAME, "eu"),
        (attr::MESSAGING_CONSUMER_GROUP_NAME, "fulfilment"),
        (attr::SERVER_ADDRESS, "broker"),
        (attr::SERVER_PORT, "4222"),
    ];
    let mut on_span = expected(on_both);
    on_span.extend(expected([
        (attr::MESSAGING_OPERATION_TYPE, "process"),
        (attr::MESSAGING_CLIENT_ID, "worker-1"),
        (attr::MESSAGING_MESSAGE_ID, "m-1"),
        (attr::MESSAGING_MESSAGE_CONVERSATION_ID, "c-1"),
    ]));
    assert_eq!(conventional(&span), on_span);
    for name in [
        metric::MESSAGING_PROCESS_DURATION,
        metric::MESSAGING_CLIENT_CONSUMED_MESSAGES,
    ] {
        assert_eq!(telemetry.point(name), (expected(on_both), 1), "{name}");
    }
    assert_eq!(
        telemetry.points(metric::MESSAGING_CLIENT_OPERATION_DURATION),
        []
    );
}

#[tokio::test]
async fn kinds_and_types_of_the_other_operations() {
    let telemetry = Telemetry::new();
    let (producer, consumer) = (telemetry.producer(), telemetry.consumer());
    telemetry
        .run(async {
            let created = producer.message(Headers::new()).create();
            consumer
                .receive(async { Ok::<_, ()>(created) }, |one, seen| {
                    seen.message(one)
                })
                .await
                .unwrap();
            consumer.settle("ack", &Headers::new(), async {}).await;
        })
        .await;
    for (name, kind_of, operation, of_type) in [
        ("create orders", "producer", "create", "create"),
        ("receive orders", "client", "receive", "receive"),
        ("ack orders", "client", "ack", "settle"),
    ] {
        let span = telemetry.span_named(name);
        let names = conventional(&span);
        assert_eq!(kind(&span), kind_of, "{name}");
        assert_eq!(names[attr::MESSAGING_OPERATION_NAME], operation);
        assert_eq!(names[attr::MESSAGING_OPERATION_TYPE], of_type);
        assert!(
            !names.contains_key(attr::MESSAGING_BATCH_MESSAGE_COUNT),
            "{name}"
        );
    }
    let mut timed: Vec<_> = telemetry
        .points(metric::MESSAGING_CLIENT_OPERATION_DURATION)
        .into_iter()
        .map(|(attributes, _)| attributes[attr::MESSAGING_OPERATION_NAME].clone())
        .collect();
    timed.sort_unstable();
    assert_eq!(timed, ["ack", "receive"]);
}

#[tokio::test]
async fn names_of_any_number_are_on_no_metric() {
    let telemetry = Telemetry::new();
    let producer = telemetry.producer().transient_destination(true);
    for inbox in ["_INBOX.1", "_INBOX.2"] {
        let message = producer
            .message(Headers::new())
            .destination(inbox)
            .id(inbox);
        telemetry
            .run(async { message.send(|_| async {}).await })
            .await;
    }
    let (attributes, count) = telemetry.point(metric::MESSAGING_CLIENT_SENT_MESSAGES);
    assert_eq!(count, 2);
    assert!(
        !attributes.contains_key(attr::MESSAGING_DESTINATION_NAME),
        "{attributes:?}"
    );
    for span in telemetry.spans() {
        let names = conventional(&span);
        assert!(names[attr::MESSAGING_DESTINATION_NAME].starts_with("_INBOX."));
        assert_eq!(names[attr::MESSAGING_DESTINATION_TEMPORARY], "true");
    }
}

#[tokio::test]
async fn durations_are_seconds_in_the_buckets_of_the_conventions() {
    let telemetry = Telemetry::new();
    let (producer, consumer) = (telemetry.producer(), telemetry.consumer());
    telemetry
        .run(async {
            producer.send(Headers::new(), |_| async {}).await;
            consumer.process(&Headers::new(), async {}).await;
        })
        .await;
    for name in [
        metric::MESSAGING_CLIENT_OPERATION_DURATION,
        metric::MESSAGING_PROCESS_DURATION,
    ] {
        let (unit, bounds) = telemetry
            .metric(name, |metric| {
                let AggregatedMetrics::F64(MetricData::Histogram(histogram)) = metric.data() else {
                    panic!("{name} is no histogram");
                };
                let point = histogram.data_points().next().unwrap();
                (metric.unit().to_owned(), point.bounds().collect::<Vec<_>>())
            })
            .unwrap();
        assert_eq!(unit, "s", "{name}");
        let asked = [
            0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
        ];
        assert_eq!(bounds, asked, "{name}");
    }
    for name in [
        metric::MESSAGING_CLIENT_SENT_MESSAGES,
        metric::MESSAGING_CLIENT_CONSUMED_MESSAGES,
    ] {
        assert_eq!(
            telemetry
                .metric(name, |metric| metric.unit().to_owned())
                .unwrap(),
            "{message}"
        );
    }
}
