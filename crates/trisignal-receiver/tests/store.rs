//! The store: bounds, exact totals, queries, waiting, and the picture of a trace.

// Tests may panic.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod common;

use std::time::Duration;

use common::*;
use opentelemetry_proto::tonic::trace::v1::Status;
use prost::Message;
use trisignal_receiver::{Answer, Receiver, Signal, SpanKind, StoreLimits};

async fn with_limits(limits: StoreLimits) -> Receiver {
    Receiver::builder()
        .store_limits(limits)
        .start()
        .await
        .unwrap()
}

#[tokio::test]
async fn totals_stay_exact_when_records_are_dropped() {
    let limits = StoreLimits {
        items: 10,
        requests: 3,
        ..Default::default()
    };
    let receiver = with_limits(limits).await;
    for batch in 0..10 {
        // Each batch repeats the last span of the one before.
        post_spans(&receiver.http_endpoint(), &spans(batch * 5..batch * 5 + 6)).await;
    }
    let received = receiver.received(Signal::Traces);
    assert_eq!(
        (received.items, received.unique, received.duplicates),
        (60, 51, 9)
    );
    assert!(!received.inexact);
    assert_eq!((received.requests, receiver.requests().len()), (10, 3));
    assert_eq!(receiver.dropped(Signal::Traces), 50);
    let kept = receiver.spans().all();
    assert_eq!((kept.len(), &*kept[9].name), (10, "span 50"));
    assert_eq!(
        receiver.wait_for_spans(51, DEADLINE).await.unwrap().len(),
        10
    );
    receiver.clear();
    assert_eq!(receiver.received(Signal::Traces), Default::default());
    assert_eq!(
        (receiver.dropped(Signal::Traces), receiver.requests().len()),
        (0, 0)
    );
}

#[tokio::test]
async fn bytes_are_bounded_and_forgotten_identities_are_admitted() {
    let receiver = with_limits(StoreLimits {
        bytes: 20_000,
        identities: 2,
        ..Default::default()
    })
    .await;
    for id in 1..=5 {
        let mut one = span(1, id, 0, "large");
        one.attributes = vec![text("blob", &"x".repeat(8_000))];
        post_spans(&receiver.http_endpoint(), &traces("s", vec![one])).await;
    }
    assert_eq!(
        (receiver.spans().count(), receiver.dropped(Signal::Traces)),
        (2, 3)
    );
    let received = receiver.received(Signal::Traces);
    assert_eq!((received.unique, received.inexact), (5, true));
}

#[tokio::test]
async fn duplicates_are_told_from_neighbours() {
    let receiver = Receiver::start().await.unwrap();
    let endpoint = receiver.http_endpoint();
    let mut other = span(7, 1, 0, "span 1");
    other.end_time_unix_nano += 1;
    post_spans(&endpoint, &spans(1..3)).await;
    // The same ID with other content, then the same ID in another trace.
    post_spans(
        &endpoint,
        &traces("svc", vec![other, span(8, 1, 0, "span 1")]),
    )
    .await;
    let received = receiver.received(Signal::Traces);
    assert_eq!(
        (received.unique, received.duplicates, received.conflicts),
        (3, 1, 1)
    );

    let send = async |service: &str, records| {
        post(
            &endpoint,
            "logs",
            PROTOBUF,
            logs(service, records).encode_to_vec(),
        )
        .await
        .unwrap();
    };
    send("a", vec![log("x", 1), log("x", 2), log("y", 1)]).await;
    send("a", vec![log("x", 2)]).await;
    send("b", vec![log("x", 1)]).await;
    let received = receiver.received(Signal::Logs);
    assert_eq!(
        (received.items, received.unique, received.duplicates),
        (5, 4, 1)
    );
}

#[tokio::test]
async fn an_attribute_can_be_the_identity_of_log_records() {
    let receiver = Receiver::builder()
        .log_identity("test.id")
        .start()
        .await
        .unwrap();
    let record = |id: Option<&str>, time| {
        let mut record = log("same", time);
        record.attributes = id.map(|id| text("test.id", id)).into_iter().collect();
        record
    };
    let request = logs(
        "s",
        vec![
            record(Some("1"), 1),
            record(Some("2"), 1),
            record(Some("1"), 2),
            record(None, 3),
            record(None, 3),
        ],
    );
    grpc_logs(&receiver.grpc_endpoint(), request).await.unwrap();
    let received = receiver.received(Signal::Logs);
    assert_eq!(
        (received.unique, received.duplicates, received.conflicts),
        (3, 2, 1)
    );
}

#[tokio::test]
async fn queries_narrow() {
    let receiver = Receiver::start().await.unwrap();
    let endpoint = receiver.http_endpoint();
    let mut server = span(1, 1, 0, "POST /pay");
    server.kind = 2;
    server.attributes = vec![text("correlation.id", "c-1")];
    post_spans(
        &endpoint,
        &traces("gateway", vec![server, span(1, 2, 1, "charge")]),
    )
    .await;
    post_spans(&endpoint, &traces("orders", vec![span(2, 3, 0, "charge")])).await;

    let root = receiver.spans().correlation_id("c-1").one().unwrap();
    assert_eq!((root.is_root(), root.correlation_id()), (true, Some("c-1")));
    let cases = [
        (receiver.spans().count(), 3),
        (receiver.spans().service("gateway").count(), 2),
        (receiver.spans().name("charge").count(), 2),
        (receiver.spans().name("charge").service("orders").count(), 1),
        (receiver.spans().trace(&"01".repeat(16)).count(), 2),
        (receiver.spans().kind(SpanKind::Server).count(), 1),
        (receiver.spans().child_of(&root).count(), 1),
        (receiver.spans().attr("correlation.id", "c-2").count(), 0),
        (receiver.spans().filter(|span| span.is_root()).count(), 2),
    ];
    for (index, (found, expected)) in cases.into_iter().enumerate() {
        assert_eq!(found, expected, "case {index}");
    }
    assert_eq!(receiver.spans().first().unwrap().name, "POST /pay");
    assert_eq!(receiver.spans().last().unwrap().service, "orders");

    let several = receiver.spans().name("charge").one().unwrap_err();
    let words = "expected one record, found 2 with name \"charge\": \"charge\", \"charge\"";
    assert_eq!((several.to_string().as_str(), several.found()), (words, 2));
    let none = receiver
        .spans()
        .service("x")
        .attr("k", 1)
        .one()
        .unwrap_err();
    assert_eq!(
        format!("{none:?}"),
        "expected one record, found 0 with service \"x\", k=1"
    );
}

#[tokio::test]
async fn a_timeout_says_what_was_there() {
    let receiver = with_limits(StoreLimits {
        items: 3,
        ..Default::default()
    })
    .await;
    let endpoint = receiver.http_endpoint();
    post_spans(
        &endpoint,
        &traces(
            "gateway",
            vec![span(1, 1, 0, "a"), span(1, 2, 1, "b\u{1b}[2J")],
        ),
    )
    .await;
    post_spans(
        &endpoint,
        &traces(
            "gateway",
            vec![span(1, 3, 1, "b\u{1b}[2J"), span(1, 4, 1, "a")],
        ),
    )
    .await;
    receiver.script(Answer::status(503));
    let body = logs("orders", vec![log("paid", 1)]).encode_to_vec();
    post(&endpoint, "logs", PROTOBUF, body).await.unwrap();

    let short = Duration::from_millis(20);
    let timeout = receiver.wait_for_logs(1, short).await.unwrap_err();
    let words = timeout.to_string();
    assert!(words.starts_with("not seen within "), "{words}");
    let held = "the receiver has 3 spans (gateway: a, gateway: b\\u{1b}[2J ×2); 0 log records; 0 metrics; \
        3 requests (HTTP 200 ×2, HTTP 503); 1 items of traces were dropped by the bounds of the store";
    assert!(words.ends_with(held), "{words}");
    assert_eq!(format!("{timeout:?}"), words);
    let blocking = receiver
        .wait_for_blocking(short, |store| store.logs().first())
        .unwrap_err();
    assert!(blocking.to_string().ends_with(held));
}

#[tokio::test]
async fn waiting_is_woken_by_arrivals() {
    let receiver = Receiver::start().await.unwrap();
    let endpoint = receiver.http_endpoint();
    let mut looks = 0;
    let wait = receiver.wait_for(DEADLINE, |store| {
        looks += 1;
        store.spans().name("span 9").first()
    });
    let send = async {
        for id in 5..10 {
            post_spans(&endpoint, &spans(id..id + 1)).await;
        }
    };
    let (found, ()) = tokio::join!(wait, send);
    assert_eq!(found.unwrap().span_id, "0000000000000009");
    // Each request makes two changes at most: polling would look far more often.
    assert!(looks <= 11, "{looks}");
}

#[tokio::test]
async fn a_trace_is_printed_as_a_tree() {
    let receiver = Receiver::start().await.unwrap();
    let endpoint = receiver.http_endpoint();
    let at = |mut one: opentelemetry_proto::tonic::trace::v1::Span, kind, start: u64, end: u64| {
        one.kind = kind;
        (one.start_time_unix_nano, one.end_time_unix_nano) = (start * 1_000_000, end * 1_000_000);
        one
    };
    let mut order = at(span(1, 3, 2, "POST /orders"), 2, 3, 9);
    order.status = Some(Status {
        code: 2,
        message: "out\nof stock".to_owned(),
    });
    // Children before parents, and one delivered twice, as it happens.
    post_spans(&endpoint, &traces("orders", vec![order.clone()])).await;
    post_spans(&endpoint, &traces("orders", vec![order])).await;
    let gateway = vec![
        at(span(1, 4, 1, "render"), 1, 11, 12),
        at(span(1, 2, 1, "POST"), 3, 2, 10),
        at(span(1, 1, 0, "POST /checkout"), 2, 1, 13),
    ];
    post_spans(&endpoint, &traces("gateway", gateway)).await;
    post_spans(
        &endpoint,
        &traces("gateway", vec![span(2, 1, 0, "other trace")]),
    )
    .await;

    let tree = receiver.trace(&"01".repeat(16));
    let expected = "\
gateway  POST /checkout  server  12.00 ms
├─ gateway  POST  client  8.00 ms
│  └─ orders  POST /orders  server  6.00 ms  ERROR: out\\nof stock
└─ gateway  render  internal  1.00 ms
";
    assert_eq!(tree.to_string(), expected);
    assert!(tree.is_whole());
    assert_eq!(
        (tree.len(), tree.services()),
        (4, vec!["gateway", "orders"])
    );
    let walked: Vec<_> = tree
        .walk()
        .map(|(depth, span)| (depth, span.name.as_str()))
        .collect();
    assert_eq!(
        walked,
        [
            (0, "POST /checkout"),
            (1, "POST"),
            (2, "POST /orders"),
            (1, "render")
        ]
    );
    let root = tree.roots().next().unwrap();
    assert_eq!(
        root.children()
            .map(|child| child.span().name.as_str())
            .last(),
        Some("render")
    );
}

#[tokio::test]
async fn a_broken_trace_is_shown_too() {
    /// Name, IDs with their parents, expected depths with IDs.
    type Case<'a> = (&'a str, Vec<(u64, u64)>, Vec<(usize, u64)>);
    let cases: Vec<Case<'_>> = vec![
        ("orphan", vec![(2, 1)], vec![(0, 2)]),
        ("own parent", vec![(1, 1)], vec![(0, 1)]),
        ("circle", vec![(1, 2), (2, 1)], vec![(0, 1), (1, 2)]),
        (
            "circle beside a root",
            vec![(1, 0), (2, 3), (3, 2), (4, 3)],
            vec![(0, 1), (0, 2), (1, 3), (2, 4)],
        ),
        ("two roots", vec![(1, 0), (2, 0)], vec![(0, 1), (0, 2)]),
    ];
    for (name, ids, expected) in cases {
        let receiver = Receiver::start().await.unwrap();
        let list = ids
            .iter()
            .map(|(id, parent)| span(1, *id, *parent, "s"))
            .collect();
        post_spans(&receiver.http_endpoint(), &traces("svc", list)).await;
        let tree = receiver.trace(&"01".repeat(16));
        let walked: Vec<_> = tree
            .walk()
            .map(|(depth, s)| (depth, s.start_unix_nano / 1_000_000))
            .collect();
        assert_eq!(walked, expected, "{name}");
        assert!(!tree.is_whole(), "{name}");
        assert_eq!(tree.to_string().lines().count(), expected.len(), "{name}");
    }
}

#[tokio::test]
async fn a_very_deep_trace_does_no_harm() {
    let receiver = Receiver::start().await.unwrap();
    post_spans(
        &receiver.http_endpoint(),
        &traces(
            "s",
            (1..20_000).map(|id| span(1, id, id - 1, "s")).collect(),
        ),
    )
    .await;
    let tree = receiver.trace(&"01".repeat(16));
    assert!(tree.is_whole());
    assert_eq!(tree.walk().last().unwrap().0, 19_998);
    // A few hundred bytes a line, not one more for each level.
    assert!(tree.to_string().len() < 20_000 * 400);
}
