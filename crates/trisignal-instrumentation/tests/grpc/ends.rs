//! How calls end that do not end as they should.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use opentelemetry::trace::SpanKind;
use opentelemetry_sdk::trace::SpanData;
use tonic::client::Grpc;
use tower::{Layer, ServiceExt, service_fn};

use super::service::{Echo, Raw, client, path, serve, unary};
use crate::support::{DEADLINE, Script, Telemetry, attribute, data, status};

/// Status of the span, `rpc.response.status_code` and `error.type`, on span and metric alike.
#[track_caller]
fn assert_end(telemetry: &Telemetry, span: &SpanData, side: &str, expected: [&str; 3]) {
    let found = [
        status(span),
        &attribute(span, "rpc.response.status_code"),
        &attribute(span, "error.type"),
    ];
    assert_eq!(found, expected, "{side}");
    let point = telemetry.calls(side);
    assert_eq!(point.count, 1, "measured once");
    let shown = |key| point.attributes.get(key).map_or("", String::as_str);
    assert_eq!(shown("rpc.response.status_code"), expected[1], "{side}");
    assert_eq!(shown("error.type"), expected[2], "{side}");
}

async fn ended(telemetry: &Telemetry, kind: SpanKind) -> SpanData {
    let deadline = std::time::Instant::now() + DEADLINE;
    loop {
        let mut spans = telemetry.spans().into_iter();
        if let Some(span) = spans.find(|span| span.span_kind == kind) {
            return span;
        }
        assert!(
            std::time::Instant::now() < deadline,
            "no {kind:?} has ended"
        );
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn a_caller_that_goes_away() {
    // Before the answer, and in the middle of a stream.
    for method in ["Unary", "ServerStream"] {
        let telemetry = Telemetry::new();
        let _subscriber = tracing::dispatcher::set_default(&telemetry.dispatch());
        let echo = Echo::default();
        let hangs = Arc::clone(&echo.hangs);
        let layer = telemetry
            .grpc_server()
            .known_methods([format!("test.Echo/{method}")]);
        let address = serve(layer, echo).await;
        let mut client = client(&telemetry, address).await;
        let message = tonic::Request::new(Bytes::from_static(b"hang"));
        if method == "Unary" {
            tokio::select! {
                _ = client.unary(message, path(method), Raw) => panic!("it answered"),
                () = hangs.notified() => {}
            }
        } else {
            let answer = client.server_streaming(message, path(method), Raw).await;
            let mut answers = answer.unwrap().into_inner();
            answers.next().await.unwrap().unwrap();
            hangs.notified().await;
        }
        let call = ended(&telemetry, SpanKind::Client).await;
        assert_end(
            &telemetry,
            &call,
            "client",
            ["error", "CANCELLED", "CANCELLED"],
        );
        let served = ended(&telemetry, SpanKind::Server).await;
        assert_end(&telemetry, &served, "server", ["unset", "CANCELLED", ""]);
        assert_eq!(served.name, format!("test.Echo/{method}"));
    }
}

#[tokio::test]
async fn a_deadline_that_passes_on_the_server() {
    // The server of `tonic` has a timer of its own; a client without one leaves it to that.
    let telemetry = Telemetry::new();
    let _subscriber = tracing::dispatcher::set_default(&telemetry.dispatch());
    let address = serve(telemetry.grpc_server(), Echo::default()).await;
    let inner = Client::builder(TokioExecutor::new())
        .http2_only(true)
        .build_http::<tonic::body::Body>();
    let target = format!("http://{address}").parse().unwrap();
    let mut client = Grpc::with_origin(telemetry.grpc_client().layer(inner), target);
    client.ready().await.unwrap();
    let mut message = tonic::Request::new(Bytes::from_static(b"hang"));
    message.set_timeout(Duration::from_millis(50));
    client.unary(message, path("Unary"), Raw).await.unwrap_err();
    let served = ended(&telemetry, SpanKind::Server).await;
    let expected = ["error", "DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED"];
    assert_end(&telemetry, &served, "server", expected);
    // What `tonic` answers then.
    let call = ended(&telemetry, SpanKind::Client).await;
    let answered = ["error", "CANCELLED", "CANCELLED"];
    assert_end(&telemetry, &call, "client", answered);
    assert_eq!(attribute(&call, "server.port"), address.port().to_string());
}

#[tokio::test]
async fn deadlines_tell_why_a_call_was_given_up() {
    const LATE: [&str; 3] = ["error", "DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED"];
    const IO: [&str; 3] = ["error", "", "std::io::error::Error"];
    // The deadline, whether the service fails instead of hanging, and the ends that server and
    // client see.
    let cases = [
        ("1m", false, LATE, LATE),
        (
            "1H",
            false,
            ["unset", "CANCELLED", ""],
            ["error", "CANCELLED", "CANCELLED"],
        ),
        // On a client it may be the failure of its own timer.
        ("1m", true, IO, LATE),
        ("1H", true, IO, IO),
    ];
    for (timeout, fails, on_server, on_client) in cases {
        let answered = || {
            service_fn(move |_: Request<Empty<Bytes>>| async move {
                tokio::time::sleep(Duration::from_millis(20)).await;
                if !fails {
                    std::future::pending::<()>().await;
                }
                Err::<Scripted, _>(std::io::Error::other("a bug"))
            })
        };
        let request = || {
            let request = Request::post("/test.Echo/Unary").header("grpc-timeout", timeout);
            request.body(Empty::new()).unwrap()
        };
        let (server, client) = (Telemetry::new(), Telemetry::new());
        let given_up = Duration::from_millis(if fails { 30_000 } else { 30 });
        let call = server.grpc_server().layer(answered()).oneshot(request());
        let _ = server.run(tokio::time::timeout(given_up, call)).await;
        let call = client.grpc_client().layer(answered()).oneshot(request());
        let _ = client.run(tokio::time::timeout(given_up, call)).await;
        for (telemetry, side, expected) in [
            (&server, "server", on_server),
            (&client, "client", on_client),
        ] {
            assert_end(telemetry, &telemetry.span(), side, expected);
        }
    }
}

#[tokio::test]
async fn a_handler_that_panics() {
    for method in ["Unary", "ServerStream"] {
        let telemetry = Telemetry::new();
        let _subscriber = tracing::dispatcher::set_default(&telemetry.dispatch());
        let address = serve(telemetry.grpc_server(), Echo::default()).await;
        let mut client = client(&telemetry, address).await;
        let message = tonic::Request::new(Bytes::from_static(b"panic"));
        if method == "Unary" {
            unary(&mut client, "panic").await.unwrap_err();
        } else {
            let answer = client.server_streaming(message, path(method), Raw).await;
            if let Ok(answer) = answer {
                let mut answers = answer.into_inner();
                while let Some(Ok(_)) = answers.next().await {}
            }
        }
        let served = ended(&telemetry, SpanKind::Server).await;
        assert_end(&telemetry, &served, "server", ["error", "", "panic"]);
        ended(&telemetry, SpanKind::Client).await;
    }
}

#[tokio::test]
async fn nobody_there() {
    let telemetry = Telemetry::new();
    let _subscriber = tracing::dispatcher::set_default(&telemetry.dispatch());
    // Bound and never listening: nobody else gets the port meanwhile.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let closed = socket.local_addr().unwrap();
    let mut client = client(&telemetry, closed).await;
    unary(&mut client, "hello").await.unwrap_err();
    let call = ended(&telemetry, SpanKind::Client).await;
    let error = "tonic::transport::error::Error";
    assert_end(&telemetry, &call, "client", ["error", "", error]);
}

type Scripted = Response<Script>;

/// What both sides see of the answer that `script` makes.
async fn both(answer: impl Fn() -> Scripted, frames: usize) -> (Telemetry, Telemetry) {
    let (server, client) = (Telemetry::new(), Telemetry::new());
    let answered =
        || service_fn(|_: Request<Empty<Bytes>>| async { Ok::<_, Infallible>(answer()) });
    let request = || {
        Request::post("http://a:1/test.Echo/Unary")
            .body(Empty::new())
            .unwrap()
    };
    let layer = server.grpc_server().known_methods(["test.Echo/Unary"]);
    let one = layer.layer(answered()).oneshot(request());
    let two = client.grpc_client().layer(answered()).oneshot(request());
    for (telemetry, response) in [
        (&server, server.run(one).await),
        (&client, client.run(two).await),
    ] {
        let mut body = response.unwrap().into_body();
        for _ in 0..frames {
            let _ = telemetry.run(body.frame()).await;
        }
        telemetry.run(async { drop(body) }).await;
    }
    (server, client)
}

fn trailers(status: &'static str) -> Result<Frame<Bytes>, std::io::Error> {
    let mut trailers = http::HeaderMap::new();
    trailers.insert("grpc-status", status.parse().unwrap());
    Ok(Frame::trailers(trailers))
}

#[tokio::test]
async fn odd_answers() {
    type Frames = fn() -> Vec<Result<Frame<Bytes>, std::io::Error>>;
    /// HTTP status, `grpc-status` in the headers, the body, how many frames are read, and the ends
    /// that server and client see.
    type Case = (
        u16,
        Option<&'static str>,
        Frames,
        usize,
        [&'static str; 3],
        [&'static str; 3],
    );
    const FINE: [&str; 3] = ["unset", "OK", ""];
    const UNKNOWN: [&str; 3] = ["error", "UNKNOWN", "UNKNOWN"];
    const IO: [&str; 3] = ["error", "", "std::io::error::Error"];
    let cases: [Case; 12] = [
        (
            200,
            None,
            || vec![data("one"), trailers("0")],
            2,
            FINE,
            FINE,
        ),
        // A length that was announced is no end before the trailers.
        (
            200,
            None,
            || vec![data("onetwo"), trailers("13")],
            2,
            ["error", "INTERNAL", "INTERNAL"],
            ["error", "INTERNAL", "INTERNAL"],
        ),
        (
            200,
            Some("5"),
            Vec::new,
            0,
            ["unset", "NOT_FOUND", ""],
            ["error", "NOT_FOUND", "NOT_FOUND"],
        ),
        (200, Some("0"), Vec::new, 1, FINE, FINE),
        // Without a status.
        (200, None, || vec![data("one")], 2, UNKNOWN, UNKNOWN),
        (
            200,
            None,
            || vec![data("one"), Ok(Frame::trailers(http::HeaderMap::new()))],
            2,
            UNKNOWN,
            UNKNOWN,
        ),
        (
            200,
            None,
            || vec![trailers("nonsense")],
            1,
            UNKNOWN,
            UNKNOWN,
        ),
        (
            404,
            None,
            || vec![data("not found")],
            2,
            ["error", "UNIMPLEMENTED", "UNIMPLEMENTED"],
            ["error", "UNIMPLEMENTED", "UNIMPLEMENTED"],
        ),
        (
            503,
            None,
            || vec![data("away")],
            0,
            ["error", "UNAVAILABLE", "UNAVAILABLE"],
            ["error", "UNAVAILABLE", "UNAVAILABLE"],
        ),
        (
            401,
            None,
            Vec::new,
            1,
            ["unset", "UNAUTHENTICATED", ""],
            ["error", "UNAUTHENTICATED", "UNAUTHENTICATED"],
        ),
        // Errors, and nobody who reads on.
        (
            200,
            None,
            || vec![data("one"), Err(std::io::Error::other("canary"))],
            2,
            IO,
            IO,
        ),
        (
            200,
            None,
            || vec![data("one"), data("two")],
            1,
            ["unset", "CANCELLED", ""],
            ["error", "CANCELLED", "CANCELLED"],
        ),
    ];
    for (number, (code, header, frames, reads, on_server, on_client)) in
        cases.into_iter().enumerate()
    {
        let answer = || {
            let mut response = Response::builder()
                .status(code)
                .header("content-length", "6");
            if let Some(header) = header {
                response = response.header("grpc-status", header);
            }
            response.body(Script::new(frames())).unwrap()
        };
        let (server, client) = both(answer, reads).await;
        for (telemetry, side, expected) in [
            (&server, "server", on_server),
            (&client, "client", on_client),
        ] {
            let span = telemetry.span();
            assert_end(telemetry, &span, side, expected);
            assert!(!format!("{span:?}").contains("canary"), "case {number}");
        }
    }
}

#[tokio::test]
async fn trailers_pass_unchanged() {
    let telemetry = Telemetry::new();
    let service = telemetry
        .grpc_server()
        .layer(service_fn(|_: Request<Empty<Bytes>>| async {
            Ok::<_, Infallible>(Response::new(Script::new([data("one"), trailers("9")])))
        }));
    let request = Request::post("/a.B/C").body(Empty::new()).unwrap();
    let response = telemetry.run(service.oneshot(request)).await.unwrap();
    let collected = telemetry.run(response.into_body().collect()).await.unwrap();
    assert_eq!(collected.trailers().unwrap()["grpc-status"], "9");
    assert_eq!(collected.to_bytes(), "one");
}
