//! The layers in a real server on a free port: what hyper does with bodies, and with callers that
//! go away.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::{Method, Response};
use opentelemetry_sdk::trace::SpanData;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use trisignal_instrumentation::http::{Client, ServerLayer};

use crate::support::{DEADLINE, Script, Telemetry, attribute, data, status};

fn streamed() -> Body {
    Body::new(Script::new([data("one"), data("two")]))
}

/// Serves until the runtime of the test is gone. What it spawns runs on the thread of the test,
/// under the subscriber that the test has set there.
async fn serve(telemetry: &Telemetry, started: Arc<Notify>) -> SocketAddr {
    let sized = || async {
        Response::builder()
            .header("content-length", "6")
            .body(streamed())
            .unwrap()
    };
    let hangs = async move || {
        started.notify_one();
        std::future::pending::<()>().await
    };
    let endless = || async {
        let chunk = || data("0123456789abcdef0123456789abcdef");
        Body::new(Script::new((0..1_000_000).map(|_| chunk())))
    };
    let app = Router::new()
        .route("/full", get(|| async { "hello" }))
        .route("/empty", get(|| async {}))
        .route("/streamed", get(|| async { streamed() }))
        .route("/sized", get(sized))
        .route(
            "/unmodified",
            get(|| async { (http::StatusCode::NOT_MODIFIED, streamed()) }),
        )
        .route(
            "/broken",
            get(|| async {
                Body::new(Script::new([
                    data("one"),
                    Err(std::io::Error::other("bug")),
                ]))
            }),
        )
        .route(
            "/panics",
            get(async || {
                if true {
                    panic!("a bug")
                }
            }),
        )
        .route("/hangs", get(hangs))
        .route("/endless", get(endless))
        .layer(ServerLayer::axum().meter(&telemetry.meter()));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    address
}

/// The server's span of the route, as soon as it has ended.
async fn server_span(telemetry: &Telemetry, route: &str) -> SpanData {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let spans = telemetry.spans();
        if let Some(span) = spans
            .iter()
            .find(|span| attribute(span, "http.route") == route)
        {
            return span.clone();
        }
        assert!(
            Instant::now() < deadline,
            "the span of {route} has not ended: {spans:?}"
        );
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn answered_requests_are_complete() {
    let cases = [
        (Method::GET, "/full", "hello"),
        (Method::GET, "/empty", ""),
        (Method::GET, "/streamed", "onetwo"),
        (Method::GET, "/sized", "onetwo"),
        (Method::GET, "/unmodified", ""),
        (Method::HEAD, "/full", ""),
        (Method::HEAD, "/streamed", ""),
        (Method::HEAD, "/sized", ""),
    ];
    for (method, path, body) in cases {
        let telemetry = Telemetry::new();
        let _subscriber = tracing::dispatcher::set_default(&telemetry.dispatch());
        let address = serve(&telemetry, Arc::default()).await;
        let plain = reqwest::Client::builder().no_proxy().build().unwrap();
        let client = Client::new(plain, &telemetry.client());
        let response = client
            .request(method.clone(), format!("http://{address}{path}"))
            .send()
            .await
            .unwrap();
        assert_eq!(response.text().await.unwrap(), body, "{method} {path}");

        let span = server_span(&telemetry, path).await;
        assert_eq!(&*span.name, format!("{method} {path}"));
        assert_eq!(
            (status(&span), attribute(&span, "error.type").as_str()),
            ("unset", ""),
            "{span:?}"
        );
        assert_eq!(attribute(&span, "network.peer.address"), "127.0.0.1");
        let call = telemetry.span_named(method.as_str());
        assert_eq!(span.parent_span_id, call.span_context.span_id());
        assert_eq!(telemetry.active(), Some(0));
    }
}

#[tokio::test]
async fn callers_that_go_away_are_cancelled_requests() {
    // Before the response, and in the middle of its body.
    for (path, reads) in [("/hangs", false), ("/endless", true)] {
        let telemetry = Telemetry::new();
        let _subscriber = tracing::dispatcher::set_default(&telemetry.dispatch());
        let started = Arc::new(Notify::new());
        let address = serve(&telemetry, Arc::clone(&started)).await;
        let mut caller = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n");
        caller.write_all(request.as_bytes()).await.unwrap();
        if reads {
            caller.read_exact(&mut [0; 1024]).await.unwrap();
        } else {
            tokio::time::timeout(DEADLINE, started.notified())
                .await
                .unwrap();
            assert_eq!(telemetry.active(), Some(1));
        }
        drop(caller);

        let span = server_span(&telemetry, path).await;
        assert_eq!(
            (status(&span), attribute(&span, "error.type").as_str()),
            ("error", "cancelled")
        );
        let point = telemetry.duration("server");
        assert_eq!(point.attributes["error.type"], "cancelled");
        assert_eq!(
            point.attributes.contains_key("http.response.status_code"),
            reads
        );
        assert_eq!(telemetry.active(), Some(0));
    }
}

#[tokio::test]
async fn failures_end_the_span_of_their_request() {
    for (path, error_type) in [("/broken", "axum_core::error::Error"), ("/panics", "panic")] {
        let telemetry = Telemetry::new();
        let _subscriber = tracing::dispatcher::set_default(&telemetry.dispatch());
        let address = serve(&telemetry, Arc::default()).await;
        let mut caller = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n");
        caller.write_all(request.as_bytes()).await.unwrap();
        let span = server_span(&telemetry, path).await;
        assert_eq!(
            (status(&span), attribute(&span, "error.type").as_str()),
            ("error", error_type)
        );
        assert_eq!(telemetry.active(), Some(0));
    }
}
