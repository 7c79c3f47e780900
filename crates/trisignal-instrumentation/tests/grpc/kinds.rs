//! All four kinds of calls: the spans of both sides end with the trailers, and say what those say.

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use opentelemetry::trace::SpanKind;
use tonic::client::Grpc;
use tonic::transport::Channel;
use tonic::{Request, Status};
use trisignal_instrumentation::grpc::ClientService;

use super::service::{Echo, Raw, client, path, serve};
use crate::support::{Telemetry, attribute, status};

const KINDS: [&str; 4] = ["Unary", "ServerStream", "ClientStream", "Both"];

/// Calls one method of a kind, and reads all messages of the answer.
async fn call(
    client: &mut Grpc<ClientService<Channel>>,
    kind: &str,
    message: &'static str,
) -> Result<Vec<Bytes>, Status> {
    let one = Bytes::from_static(message.as_bytes());
    let many = stream::iter([one.clone()]);
    client.ready().await.unwrap();
    let path = path(kind);
    let answer = match kind {
        "Unary" => {
            let answer = client.unary(Request::new(one), path, Raw).await?;
            return Ok(vec![answer.into_inner()]);
        }
        "ClientStream" => {
            let answer = client
                .client_streaming(Request::new(many), path, Raw)
                .await?;
            return Ok(vec![answer.into_inner()]);
        }
        "ServerStream" => {
            client
                .server_streaming(Request::new(one), path, Raw)
                .await?
        }
        _ => client.streaming(Request::new(many), path, Raw).await?,
    };
    let mut messages = Vec::new();
    let mut answer = answer.into_inner();
    while let Some(message) = answer.next().await {
        messages.push(message?);
    }
    Ok(messages)
}

#[tokio::test]
async fn answers_end_with_their_trailers() {
    for kind in KINDS {
        let telemetry = Telemetry::new();
        let _subscriber = tracing::dispatcher::set_default(&telemetry.dispatch());
        let address = serve(telemetry.grpc_server(), Echo::default()).await;
        let mut client = client(&telemetry, address).await;
        let messages = call(&mut client, kind, "hello").await.unwrap();
        assert!(messages.iter().all(|message| message == "hello"), "{kind}");
        assert_eq!(messages.len(), if kind == "ServerStream" { 2 } else { 1 });

        let spans = telemetry.wait_for_spans(3).await;
        let name = format!("test.Echo/{kind}");
        let sides: Vec<_> = spans.iter().filter(|span| span.name == name).collect();
        assert_eq!(sides.len(), 2, "{spans:?}");
        for span in &sides {
            assert_eq!(attribute(span, "rpc.response.status_code"), "OK");
            assert_eq!(
                (status(span), attribute(span, "error.type").as_str()),
                ("unset", "")
            );
        }
        // What the handler does belongs to its span, also while it streams.
        let served = sides
            .iter()
            .find(|span| span.span_kind == SpanKind::Server)
            .unwrap();
        let work = telemetry.span_named("work");
        assert_eq!(work.parent_span_id, served.span_context.span_id(), "{kind}");
        for side in ["server", "client"] {
            assert_eq!(telemetry.calls(side).count, 1);
        }
    }
}

#[tokio::test]
async fn statuses_of_trailers_and_of_answers_without_a_body() {
    // The status, and whether a server calls it an error.
    let codes = [
        (1, "CANCELLED", false),
        (2, "UNKNOWN", true),
        (3, "INVALID_ARGUMENT", false),
        (4, "DEADLINE_EXCEEDED", true),
        (5, "NOT_FOUND", false),
        (6, "ALREADY_EXISTS", false),
        (7, "PERMISSION_DENIED", false),
        (8, "RESOURCE_EXHAUSTED", false),
        (9, "FAILED_PRECONDITION", false),
        (10, "ABORTED", false),
        (11, "OUT_OF_RANGE", false),
        (12, "UNIMPLEMENTED", true),
        (13, "INTERNAL", true),
        (14, "UNAVAILABLE", true),
        (15, "DATA_LOSS", true),
        (16, "UNAUTHENTICATED", false),
    ];
    for kind in KINDS {
        let telemetry = Telemetry::new();
        let _subscriber = tracing::dispatcher::set_default(&telemetry.dispatch());
        let layer = telemetry
            .grpc_server()
            .known_methods(KINDS.map(|kind| format!("test.Echo/{kind}")));
        let address = serve(layer, Echo::default()).await;
        let mut client = client(&telemetry, address).await;
        for (number, _, _) in codes {
            let message: &'static str = format!("fail {number}").leak();
            let answer = call(&mut client, kind, message).await;
            assert_eq!(i32::from(answer.unwrap_err().code()), number);
        }
        // Both sides and the work, for each.
        let spans = telemetry.wait_for_spans(3 * codes.len()).await;
        for (_, name, server_error) in codes {
            for (side, is_error) in [(SpanKind::Server, server_error), (SpanKind::Client, true)] {
                let mut found = spans.iter().filter(|span| {
                    span.span_kind == side && attribute(span, "rpc.response.status_code") == name
                });
                let span = found.next().unwrap();
                assert!(found.next().is_none());
                let expected = if is_error {
                    ("error", name)
                } else {
                    ("unset", "")
                };
                let error_type = attribute(span, "error.type");
                assert_eq!(
                    (status(span), &*error_type),
                    expected,
                    "{kind} {side:?} {name}"
                );
                assert!(
                    !format!("{span:?}").contains("canary"),
                    "a message may be a secret"
                );
            }
        }
        for side in ["server", "client"] {
            let points = telemetry.histogram(&format!("rpc.{side}.call.duration"));
            for (_, name, server_error) in codes {
                let mut found = points
                    .iter()
                    .filter(|point| point.attributes["rpc.response.status_code"] == name);
                let point = found.next().unwrap();
                assert_eq!(point.count, 1);
                let error_type = point
                    .attributes
                    .get("error.type")
                    .map_or("", String::as_str);
                let is_error = side == "client" || server_error;
                assert_eq!(
                    error_type,
                    if is_error { name } else { "" },
                    "{kind} {side}"
                );
            }
        }
    }
}

#[tokio::test]
async fn the_span_of_a_stream_is_open_while_it_streams() {
    let telemetry = Telemetry::new();
    let _subscriber = tracing::dispatcher::set_default(&telemetry.dispatch());
    let address = serve(telemetry.grpc_server(), Echo::default()).await;
    let mut client = client(&telemetry, address).await;
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    let questions = stream::unfold(receiver, |mut receiver| async move {
        Some((receiver.recv().await?, receiver))
    });
    sender.send(Bytes::from_static(b"one")).unwrap();
    let answer = client.streaming(Request::new(questions), path("Both"), Raw);
    let mut answers = answer.await.unwrap().into_inner();
    for question in ["two", "three"] {
        answers.next().await.unwrap().unwrap();
        sender
            .send(Bytes::from_static(question.as_bytes()))
            .unwrap();
    }
    assert_eq!(answers.next().await.unwrap().unwrap(), "three");
    let is_call = |name: &str| name == "test.Echo/Both";
    assert!(telemetry.spans().iter().all(|span| !is_call(&span.name)));
    drop(sender);
    assert!(answers.next().await.is_none());
    let spans = telemetry.wait_for_spans(5).await;
    assert_eq!(spans.iter().filter(|span| is_call(&span.name)).count(), 2);
}
