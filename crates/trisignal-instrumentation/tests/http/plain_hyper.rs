//! Plain hyper on both sides, over sockets: the server of `hyper`, the client of `hyper-util`.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, Version};
use http_body::Frame;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use opentelemetry::trace::SpanKind;
use opentelemetry_sdk::trace::SpanData;
use opentelemetry_semantic_conventions::attribute as names;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower::{Layer, ServiceExt, service_fn};

use crate::support::{DEADLINE, Script, Telemetry, attribute, data, status};

async fn handle(mut request: Request<Incoming>) -> Result<Response<Script>, Infallible> {
    let response = match request.uri().path() {
        "/trailers" => {
            let mut trailers = HeaderMap::new();
            trailers.insert("x-sum", "7".parse().unwrap());
            Response::new(Script::new([data("one"), Ok(Frame::trailers(trailers))]))
        }
        "/broken" => {
            let error = std::io::Error::other("a bug");
            Response::new(Script::new([data("one"), Err(error)]))
        }
        "/upgrade" => {
            let upgrade = hyper::upgrade::on(&mut request);
            tokio::spawn(async move {
                let mut io = TokioIo::new(upgrade.await.unwrap());
                let mut question = [0; 4];
                io.read_exact(&mut question).await.unwrap();
                io.write_all(&question).await.unwrap();
            });
            Response::builder()
                .status(StatusCode::SWITCHING_PROTOCOLS)
                .header("connection", "upgrade")
                .header("upgrade", "echo")
                .body(Script::default())
                .unwrap()
        }
        // Over HTTP/2 hyper leaves this to the service.
        _ if request.method() == Method::HEAD => Response::new(Script::default()),
        _ => {
            let body = request.into_body().collect().await.unwrap().to_bytes();
            let frames = (!body.is_empty()).then(|| Ok(Frame::data(body)));
            Response::new(Script::new(frames.into_iter().chain([data("!")])))
        }
    };
    Ok(response)
}

/// Serves HTTP/1 and HTTP/2 until the runtime of the test is gone.
async fn serve(telemetry: &Telemetry) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = telemetry.server().layer(service_fn(handle));
    let service = TowerToHyperService::new(service);
    let server = Arc::new(auto::Builder::new(TokioExecutor::new()));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (server, service) = (Arc::clone(&server), service.clone());
            tokio::spawn(async move {
                let connection =
                    server.serve_connection_with_upgrades(TokioIo::new(stream), service);
                let _ = connection.await;
            });
        }
    });
    address
}

fn of_kind(spans: &[SpanData], kind: SpanKind) -> &SpanData {
    let mut found = spans.iter().filter(|span| span.span_kind == kind);
    let span = found.next().unwrap();
    assert!(found.next().is_none());
    span
}

#[tokio::test]
async fn both_versions() {
    // Path, method, body and trailer.
    let cases = [
        (Method::GET, "/", "!", None),
        (Method::GET, "/trailers", "one", Some("7")),
        (Method::HEAD, "/", "", None),
    ];
    for version in [Version::HTTP_11, Version::HTTP_2] {
        for (method, path, body, trailer) in &cases {
            let telemetry = Telemetry::new();
            let _subscriber = tracing::dispatcher::set_default(&telemetry.dispatch());
            let address = serve(&telemetry).await;
            let inner = Client::builder(TokioExecutor::new())
                .http2_only(version == Version::HTTP_2)
                .build_http::<Empty<Bytes>>();
            let request = Request::builder()
                .method(method)
                .uri(format!("http://{address}{path}"))
                .header("te", "trailers")
                .body(Empty::new())
                .unwrap();
            let client = telemetry.client().layer(inner);
            let response = client.oneshot(request).await.unwrap();
            assert!(response.headers().contains_key("x-correlation-id"));
            let collected = response.into_body().collect().await.unwrap();
            if version == Version::HTTP_2 {
                let found = collected.trailers().map(|trailers| &trailers["x-sum"]);
                let expected = trailer.map(|text: &str| text.parse().unwrap());
                assert_eq!(found, expected.as_ref());
            }
            assert_eq!(collected.to_bytes(), *body);

            let spans = telemetry.wait_for_spans(2).await;
            let call = of_kind(&spans, SpanKind::Client);
            let served = of_kind(&spans, SpanKind::Server);
            assert_eq!(served.parent_span_id, call.span_context.span_id());
            let shown = if version == Version::HTTP_2 {
                "2"
            } else {
                "1.1"
            };
            for span in [call, served] {
                assert_eq!((&*span.name, status(span)), (method.as_str(), "unset"));
                assert_eq!(attribute(span, names::NETWORK_PROTOCOL_VERSION), shown);
                assert_eq!(
                    attribute(span, names::SERVER_PORT),
                    address.port().to_string()
                );
            }
            assert_eq!(telemetry.active(), Some(0));
        }
    }
}

#[tokio::test]
async fn errors_in_the_middle_of_the_body() {
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let telemetry = Telemetry::new();
        let _subscriber = tracing::dispatcher::set_default(&telemetry.dispatch());
        let address = serve(&telemetry).await;
        let inner = Client::builder(TokioExecutor::new())
            .http2_only(version == Version::HTTP_2)
            .build_http::<Empty<Bytes>>();
        let request = Request::get(format!("http://{address}/broken"));
        let client = telemetry.client().layer(inner);
        let call = client.oneshot(request.body(Empty::new()).unwrap());
        // Whether the head still comes through is up to the connection.
        if let Ok(response) = call.await {
            response.into_body().collect().await.unwrap_err();
        }
        let spans = telemetry.wait_for_spans(2).await;
        let served = of_kind(&spans, SpanKind::Server);
        let error = "std::io::error::Error";
        assert_eq!(
            (status(served), &*attribute(served, names::ERROR_TYPE)),
            ("error", error)
        );
        let call = of_kind(&spans, SpanKind::Client);
        assert_eq!(status(call), "error");
        assert!(
            attribute(call, names::ERROR_TYPE).contains("::Error"),
            "{call:?}"
        );
        assert_eq!(telemetry.active(), Some(0));
    }
}

async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut text = String::new();
    while !text.contains(end) {
        let mut byte = [0];
        let read = tokio::time::timeout(DEADLINE, stream.read_exact(&mut byte));
        read.await.expect("nothing more came").unwrap();
        text.push(char::from(byte[0]));
    }
    text
}

#[tokio::test]
async fn an_upgrade_ends_the_span_with_its_response() {
    let telemetry = Telemetry::new();
    let _subscriber = tracing::dispatcher::set_default(&telemetry.dispatch());
    let address = serve(&telemetry).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request =
        "GET /upgrade HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let head = read_until(&mut stream, "\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    let span = telemetry.wait_for_spans(1).await.remove(0);
    assert_eq!(
        (status(&span), &*attribute(&span, names::ERROR_TYPE)),
        ("unset", "")
    );
    assert_eq!(attribute(&span, names::HTTP_RESPONSE_STATUS_CODE), "101");
    assert_eq!(telemetry.active(), Some(0));
    // What follows is another protocol, and goes on.
    stream.write_all(b"ping").await.unwrap();
    assert_eq!(read_until(&mut stream, "ping").await, "ping");
}

#[tokio::test]
async fn interim_responses_are_none() {
    let telemetry = Telemetry::new();
    let _subscriber = tracing::dispatcher::set_default(&telemetry.dispatch());
    let address = serve(&telemetry).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = "POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let interim = read_until(&mut stream, "\r\n\r\n").await;
    assert!(interim.starts_with("HTTP/1.1 100"), "{interim}");
    assert!(telemetry.spans().is_empty());
    stream.write_all(b"hello").await.unwrap();
    let answer = read_until(&mut stream, "\r\n0\r\n\r\n").await;
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.contains("hello"),
        "{answer}"
    );
    let span = telemetry.wait_for_spans(1).await.remove(0);
    assert_eq!(attribute(&span, names::HTTP_RESPONSE_STATUS_CODE), "200");
    assert_eq!(telemetry.duration("server").count, 1);
}
