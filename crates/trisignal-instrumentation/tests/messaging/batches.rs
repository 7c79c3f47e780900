//! Many messages in one operation: a link for each.

use trisignal_instrumentation::messaging::Consumer;

use crate::support::{Headers, Telemetry, attribute, headers, ids, kind, links, parent_in};

fn message(number: usize) -> Headers {
    headers([(
        "traceparent",
        &format!("00-{:032x}-{:016x}-01", number + 1, number + 1),
    )])
}

fn creator(number: usize) -> (String, String) {
    (
        format!("{:032x}", number + 1),
        format!("{:016x}", number + 1),
    )
}

#[tokio::test]
async fn a_batch_is_processed_with_a_link_to_each_creator() {
    for count in [0, 1, 3, 100] {
        for continues in [false, true] {
            let telemetry = Telemetry::new();
            let consumer = telemetry.consumer().continue_trace(continues);
            let mut messages: Vec<_> = (0..count).map(message).collect();
            // One that nobody created is counted, and links nothing.
            messages.push(Headers::new());
            telemetry
                .run(async { consumer.process_batch(&messages, async {}).await })
                .await;
            let span = telemetry.span();
            assert_eq!(links(&span), (0..count).map(creator).collect::<Vec<_>>());
            assert_eq!(
                attribute(&span, "messaging.batch.message_count"),
                (count + 1).to_string()
            );
            assert_eq!(kind(&span), "consumer");
            assert!(!span.parent_span_is_remote);
            let consumed = telemetry.point("messaging.client.consumed.messages").1;
            assert_eq!(consumed, count as u64 + 1);
            assert_eq!(telemetry.point("messaging.process.duration").1, 1);
        }
    }
}

#[tokio::test]
async fn received_messages_are_linked_and_counted_once() {
    let telemetry = Telemetry::new();
    let consumer = telemetry.consumer();
    telemetry
        .run(async {
            for count in [0, 2] {
                let call = async { Ok::<Vec<_>, ()>((0..count).map(message).collect()) };
                let messages = consumer
                    .receive_batch(call, |messages, received| {
                        messages
                            .iter()
                            .for_each(|message| received.message(message));
                    })
                    .await
                    .unwrap();
                for message in &messages {
                    consumer.clone().process(message, async {}).await;
                }
            }
        })
        .await;
    let spans = telemetry.spans();
    let received: Vec<_> = spans
        .iter()
        .filter(|span| span.name == "receive orders")
        .collect();
    assert_eq!(received.len(), 2);
    assert_eq!(attribute(received[0], "messaging.batch.message_count"), "0");
    assert_eq!(attribute(received[1], "messaging.batch.message_count"), "2");
    assert_eq!(links(received[1]), [creator(0), creator(1)]);
    let (attributes, count) = telemetry.point("messaging.client.consumed.messages");
    assert_eq!(
        (count, &*attributes["messaging.operation.name"]),
        (2, "receive")
    );
    assert_eq!(telemetry.point("messaging.process.duration").1, 2);
}

#[tokio::test]
async fn a_clone_for_another_place_counts_for_itself() {
    type Change = fn(Consumer) -> Consumer;
    // What makes the clone, and which operation counts the message that it works on.
    for (change, is_other) in [
        ((|clone| clone) as Change, false),
        (|clone| clone.destination("orders").client_id("b"), false),
        (|clone| clone.destination("mails"), true),
        (|clone| clone.group("b"), true),
        (|clone| clone.subscription("b"), true),
    ] {
        let telemetry = Telemetry::new();
        let consumer = telemetry.consumer();
        let other = change(consumer.clone());
        let received = async { Ok::<_, ()>(message(0)) };
        consumer
            .receive(received, |message, received| received.message(message))
            .await
            .unwrap();
        consumer.process(&message(0), async {}).await;
        other.process(&message(1), async {}).await;
        let mut counted: Vec<_> = telemetry
            .points("messaging.client.consumed.messages")
            .iter()
            .map(|(attributes, count)| (attributes["messaging.operation.name"].clone(), *count))
            .collect();
        counted.sort();
        let mut expected = vec![("receive".to_owned(), 1)];
        if is_other {
            expected.insert(0, ("process".to_owned(), 1));
        }
        assert_eq!(counted, expected);
    }
}

#[tokio::test]
async fn a_batch_is_sent_with_one_context_or_with_those_that_are_there() {
    // How many messages were created before, of three.
    for (created, expected_kind) in [(0, "producer"), (2, "producer"), (3, "client")] {
        let telemetry = Telemetry::new();
        let producer = telemetry.producer();
        let mut sent = Vec::new();
        telemetry
            .run(async {
                let messages = (0..3).map(|number| {
                    let message = producer.message(Headers::new()).id(number.to_string());
                    if number < created {
                        message.create()
                    } else {
                        Headers::new()
                    }
                });
                let messages: Vec<_> = messages.collect();
                producer
                    .send_batch(messages, |messages| {
                        sent = messages;
                        async { Ok::<_, ()>(()) }
                    })
                    .await
                    .unwrap();
            })
            .await;
        let send = telemetry.span_named("send orders");
        let creators: Vec<_> = telemetry
            .spans()
            .iter()
            .filter(|span| span.name == "create orders")
            .map(|span| ids(&span.span_context))
            .collect();
        assert_eq!(creators.len(), created);
        assert_eq!(links(&send), creators);
        assert_eq!(kind(&send), expected_kind);
        assert_eq!(attribute(&send, "messaging.batch.message_count"), "3");
        let carried: Vec<_> = sent.iter().map(parent_in).collect();
        let mut expected = creators;
        expected.resize(3, ids(&send.span_context));
        assert_eq!(carried, expected);
        assert_eq!(telemetry.point("messaging.client.sent.messages").1, 3);
    }
}
