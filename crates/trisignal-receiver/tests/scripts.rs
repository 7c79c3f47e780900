//! Scripted answers, seen by real clients.

// Tests may panic.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod common;

use std::time::{Duration, Instant};

use common::*;
use prost::Message;
use tonic::Code;
use trisignal_receiver::{Answer, Outcome, Receiver, Rule, Script, Signal, Value};

#[tokio::test]
async fn one_answer_fits_both_protocols() {
    let cases = [
        (Answer::status(400), 400, Code::InvalidArgument),
        (Answer::status(401), 401, Code::Unauthenticated),
        (Answer::status(403), 403, Code::PermissionDenied),
        (Answer::status(404), 404, Code::NotFound),
        (Answer::status(429), 429, Code::ResourceExhausted),
        (Answer::status(500), 500, Code::Internal),
        (Answer::status(502), 502, Code::Unavailable),
        (Answer::status(503), 503, Code::Unavailable),
        (Answer::status(504), 504, Code::DeadlineExceeded),
        (Answer::status(418), 418, Code::Unknown),
        (Answer::grpc(14), 503, Code::Unavailable),
        (Answer::grpc(8), 429, Code::ResourceExhausted),
        (Answer::grpc(1), 499, Code::Cancelled),
        (Answer::grpc(10), 409, Code::Aborted),
        (Answer::grpc(15), 500, Code::DataLoss),
        (Answer::grpc(16), 401, Code::Unauthenticated),
    ];
    let receiver = Receiver::start().await.unwrap();
    for (answer, status, code) in cases {
        receiver.clear();
        receiver.script(answer.message("näh"));
        let http = post(&receiver.http_endpoint(), "traces", JSON, "{}")
            .await
            .unwrap();
        assert_eq!(http.status, status);
        assert_eq!(
            (
                http.json()["code"].as_i64(),
                http.json()["message"].as_str()
            ),
            (Some(code as i64), Some("näh"))
        );
        let grpc = grpc_spans(&receiver.grpc_endpoint(), spans(1..4), false)
            .await
            .unwrap_err();
        assert_eq!(
            (grpc.code(), grpc.message(), grpc.details()),
            (code, "näh", &b""[..])
        );
        let outcomes: Vec<_> = receiver
            .requests()
            .iter()
            .map(|request| request.outcome)
            .collect();
        assert_eq!(
            outcomes,
            [Outcome::Http(status), Outcome::Grpc(code as i32)]
        );
        let received = receiver.received(Signal::Traces);
        assert_eq!(
            (received.requests, received.items, received.rejected),
            (2, 0, 3)
        );
    }
    assert!(receiver.spans().is_empty());
}

#[tokio::test]
async fn retry_after_is_sent_as_it_is_and_as_retry_info() {
    let receiver = Receiver::start().await.unwrap();
    // The RetryInfo of google.rpc, encoded by hand: field 1 is a Duration of seconds (1) and nanos (2).
    let cases: [(&str, Option<&[u8]>); 5] = [
        ("2", Some(&[0x0a, 2, 0x08, 2])),
        ("120", Some(&[0x0a, 2, 0x08, 120])),
        ("0.5", Some(&[0x0a, 6, 0x10, 0x80, 0xca, 0xb5, 0xee, 0x01])),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        ("soon -1", None),
    ];
    for (value, info) in cases {
        receiver.script(Answer::status(503).retry_after(value));
        let http = post_spans(&receiver.http_endpoint(), &spans(1..2)).await;
        assert_eq!(
            (http.status, http.header("retry-after")),
            (503, Some(value))
        );
        let grpc = grpc_spans(&receiver.grpc_endpoint(), spans(1..2), false)
            .await
            .unwrap_err();
        assert_eq!(grpc.code(), Code::Unavailable);
        match info {
            None => assert!(grpc.details().is_empty(), "{value}"),
            Some(info) => {
                assert!(
                    grpc.details().ends_with(info),
                    "{value}: {:?}",
                    grpc.details()
                );
                let details = String::from_utf8_lossy(grpc.details());
                assert!(
                    details.contains("type.googleapis.com/google.rpc.RetryInfo"),
                    "{value}"
                );
            }
        }
    }
}

#[tokio::test]
async fn partial_success_takes_the_rest() {
    let receiver = Receiver::start().await.unwrap();
    receiver.script(Answer::partial_success(37, "too\nmuch"));
    let grpc = grpc_spans(&receiver.grpc_endpoint(), spans(0..512), false)
        .await
        .unwrap();
    let partial = grpc.partial_success.unwrap();
    assert_eq!(
        (partial.rejected_spans, &*partial.error_message),
        (37, "too\nmuch")
    );
    let received = receiver.received(Signal::Traces);
    assert_eq!((received.unique, received.rejected), (475, 37));
    assert_eq!(receiver.requests()[0].accepted, 475);

    let body = serde_json::to_vec(&logs("s", vec![log("a", 1), log("b", 2)])).unwrap();
    receiver.script(Answer::partial_success(1, "no"));
    let json = post(&receiver.http_endpoint(), "logs", JSON, body)
        .await
        .unwrap();
    assert_eq!(json.status, 200);
    let expected = serde_json::json!({"rejectedLogRecords": "1", "errorMessage": "no"});
    assert_eq!(json.json()["partialSuccess"], expected);
    assert_eq!(receiver.logs().one().unwrap().message(), "a");

    // More than there are, and a mere warning.
    for (answer, rejected) in [
        (Answer::partial_success(9, "all"), 2),
        (Answer::partial_success(0, "hm"), 0),
    ] {
        receiver.clear();
        receiver.script(answer);
        let answer = post_spans(&receiver.http_endpoint(), &spans(0..2)).await;
        let decoded =
            opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse::decode(
                answer.body,
            );
        assert_eq!(
            decoded.unwrap().partial_success.unwrap().rejected_spans,
            rejected
        );
        assert_eq!(receiver.received(Signal::Traces).rejected, rejected as u64);
    }
}

/// The statuses of `requests` posts, one after the other; 0 where the connection broke.
async fn statuses(receiver: &Receiver, requests: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..requests {
        let body = spans(1..2).encode_to_vec();
        let answer = post(&receiver.http_endpoint(), "traces", PROTOBUF, body).await;
        statuses.push(answer.map_or(0, |answer| answer.status));
    }
    statuses
}

#[tokio::test]
async fn rules_choose_requests() {
    let busy = || Rule::new(Answer::status(503));
    let cases: Vec<(&str, Script, Vec<u16>)> = vec![
        ("empty", Script::new(), vec![200, 200]),
        (
            "always",
            Script::always(Answer::status(429)),
            vec![429, 429, 429],
        ),
        (
            "times",
            Script::times(2, Answer::status(503)),
            vec![503, 503, 200],
        ),
        (
            "sequence",
            Script::sequence([
                Answer::status(503),
                Answer::accept(),
                Answer::reset(),
                Answer::status(401),
            ]),
            vec![503, 200, 0, 401, 200],
        ),
        (
            "every",
            busy().every(3).into(),
            vec![200, 200, 503, 200, 200, 503],
        ),
        (
            "after",
            busy().after(2).times(1).into(),
            vec![200, 200, 503, 200],
        ),
        ("signal", busy().signal(Signal::Logs).into(), vec![200]),
        (
            "in order",
            Script::new()
                .rule(busy().times(1))
                .rule(Rule::new(Answer::status(500)).times(2)),
            vec![503, 500, 500, 200],
        ),
        ("lie", Answer::status(200).into(), vec![200]),
        (
            "a panic is false",
            Script::reject_if(|_| panic!("this panic is part of the test")),
            vec![200, 200],
        ),
    ];
    for (name, script, expected) in cases {
        let receiver = Receiver::start().await.unwrap();
        receiver.script(script);
        assert_eq!(
            statuses(&receiver, expected.len()).await,
            expected,
            "{name}"
        );
        let taken = expected.iter().filter(|status| **status == 200).count() as u64;
        let stored = if name == "lie" { 0 } else { taken };
        assert_eq!(receiver.received(Signal::Traces).items, stored, "{name}");
    }
}

#[tokio::test]
async fn a_share_is_random_but_the_same_for_the_same_seed() {
    let run = async |seed| {
        let receiver = Receiver::start().await.unwrap();
        receiver.script(Rule::new(Answer::status(503)).share(0.3, seed));
        statuses(&receiver, 200).await
    };
    let first = run(1).await;
    let busy = first.iter().filter(|status| **status == 503).count();
    // 60 are expected, and 6.5 is the standard deviation.
    assert!((35..=85).contains(&busy), "{busy}");
    assert_eq!(first, run(1).await);
    assert_ne!(first, run(2).await);
}

#[tokio::test]
async fn a_predicate_sees_the_items() {
    let receiver = Receiver::start().await.unwrap();
    let poisoned = |id: u64| {
        let mut one = span(1, id, 0, "poisoned");
        one.attributes = vec![text("poison", "yes")];
        one
    };
    receiver.script(Script::reject_if(|batch| {
        batch
            .spans
            .iter()
            .any(|span| span.attr("poison").and_then(Value::as_str) == Some("yes"))
    }));
    let endpoint = receiver.http_endpoint();
    let good = post_spans(&endpoint, &spans(1..10)).await;
    let bad = post_spans(
        &endpoint,
        &traces("s", vec![span(1, 20, 0, "a"), poisoned(21)]),
    )
    .await;
    let grpc = grpc_spans(
        &receiver.grpc_endpoint(),
        traces("s", vec![poisoned(22)]),
        true,
    )
    .await;
    assert_eq!((good.status, bad.status), (200, 400));
    assert_eq!(grpc.unwrap_err().code(), Code::InvalidArgument);
    // Nothing can be seen in a body that cannot be read: the receiver's own answer stands.
    assert_eq!(
        post(&endpoint, "traces", PROTOBUF, "x")
            .await
            .unwrap()
            .status,
        400
    );
    let received = receiver.received(Signal::Traces);
    assert_eq!(
        (received.requests, received.unique, received.rejected),
        (4, 9, 3)
    );
}

#[tokio::test]
async fn a_delay_comes_before_the_items_are_taken() {
    let receiver = Receiver::start().await.unwrap();
    let delay = Duration::from_millis(200);
    receiver.script(Script::sequence([
        Answer::accept().delay(delay),
        Answer::status(503).delay(delay),
    ]));
    for expected in [200, 503] {
        let started = Instant::now();
        assert_eq!(
            post_spans(&receiver.http_endpoint(), &spans(1..2))
                .await
                .status,
            expected
        );
        assert!(started.elapsed() >= delay);
    }

    // A client that gives up has not delivered, by any protocol.
    for grpc in [false, true] {
        receiver.clear();
        receiver.script(Answer::accept().delay(Duration::from_secs(3600)));
        let (http, h2) = (receiver.http_endpoint(), receiver.grpc_endpoint());
        let client = tokio::spawn(async move {
            match grpc {
                true => drop(grpc_spans(&h2, spans(1..2), false).await),
                false => drop(post_spans(&http, &spans(1..2)).await),
            }
        });
        let seen = |outcome| {
            receiver.wait_for(DEADLINE, move |store| {
                store
                    .requests()
                    .first()
                    .filter(|request| request.outcome == outcome)
                    .map(drop)
            })
        };
        seen(Outcome::Pending).await.unwrap();
        client.abort();
        seen(Outcome::Abandoned).await.unwrap();
        assert_eq!(receiver.received(Signal::Traces).items, 0);
    }
}

#[tokio::test]
async fn hanging_requests_get_no_answer_and_harm_no_other() {
    let receiver = Receiver::start().await.unwrap();
    receiver.script(Script::times(2, Answer::hang()));
    let (http, grpc) = (receiver.http_endpoint(), receiver.grpc_endpoint());
    let first = tokio::spawn(async move { post(&http, "traces", PROTOBUF, "").await });
    let second = tokio::spawn(async move { grpc_spans(&grpc, spans(1..2), false).await });
    let hung = |store: &trisignal_receiver::Store| {
        let hung = store
            .requests()
            .iter()
            .filter(|r| r.outcome == Outcome::Hung)
            .count();
        (hung == 2).then_some(())
    };
    receiver.wait_for(DEADLINE, hung).await.unwrap();
    assert_eq!(
        post_spans(&receiver.http_endpoint(), &spans(5..6))
            .await
            .status,
        200
    );
    assert!(!first.is_finished() && !second.is_finished());
    // The end of the receiver is the end of the wait.
    receiver.stop();
    assert!(first.await.unwrap().is_err());
    assert!(second.await.unwrap().is_err());
    assert_eq!(receiver.received(Signal::Traces).items, 1);
}

#[tokio::test]
async fn resets_break_the_connection() {
    let receiver = Receiver::start().await.unwrap();
    let large = spans(0..20_000).encode_to_vec();
    let always = Script::always(Answer::reset());
    let after_reading = Script::from(Rule::new(Answer::reset()).when(|batch| batch.items() > 0));
    for (script, early) in [(always, true), (after_reading, false)] {
        receiver.clear();
        receiver.script(script);
        let error = post(&receiver.http_endpoint(), "traces", PROTOBUF, large.clone())
            .await
            .unwrap_err();
        // A write may meet the reset first, as a broken pipe.
        assert!(
            error.contains("reset") || error.contains("roken pipe"),
            "{error}"
        );
        let status = grpc_spans(&receiver.grpc_endpoint(), spans(0..1000), false)
            .await
            .unwrap_err();
        assert!(
            matches!(status.code(), Code::Unavailable | Code::Unknown),
            "{status:?}"
        );
        let requests = receiver.requests();
        assert_eq!(requests.len(), 2);
        assert!(
            requests
                .iter()
                .all(|request| request.outcome == Outcome::Reset)
        );
        assert_eq!(requests[0].encoded_bytes < large.len(), early);
        assert_eq!(receiver.received(Signal::Traces).items, 0);
    }
}

#[tokio::test]
async fn a_lost_answer_makes_a_duplicate() {
    let receiver = Receiver::start().await.unwrap();
    receiver.script(Script::times(1, Answer::accept_then_reset()));
    let body = spans(1..4).encode_to_vec();
    assert!(
        post(&receiver.http_endpoint(), "traces", PROTOBUF, body.clone())
            .await
            .is_err()
    );
    assert_eq!(
        post(&receiver.http_endpoint(), "traces", PROTOBUF, body)
            .await
            .unwrap()
            .status,
        200
    );
    let received = receiver.received(Signal::Traces);
    assert_eq!(
        (
            received.items,
            received.unique,
            received.duplicates,
            received.conflicts
        ),
        (6, 3, 3, 0)
    );
}
