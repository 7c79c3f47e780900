//! gRPC to a backend with the windows and the frames that HTTP/2 has by default: a message is many frames there, cut across
//! its pieces of memory, and waits for the backend again and again.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::net::TcpListener;
use trisignal::Protocol;

use super::common::{NUMBER, PATIENCE, assert_balanced, builder_to, numbered_spans};

const WINDOW: u32 = 65_535;
const FRAME: u32 = 16_384;
/// Together some times a window.
const SPANS: u64 = 6_000;

type Requests = Arc<Mutex<Vec<Bytes>>>;

/// Starts a backend for one connection, and answers its endpoint.
fn backend(requests: &Requests) -> String {
    let requests = Arc::clone(requests);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let serve = async move {
        let listener = TcpListener::from_std(listener).unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let service = service_fn(move |request| answer(request, Arc::clone(&requests)));
        let mut server = http2::Builder::new(TokioExecutor::new());
        server
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .max_frame_size(FRAME);
        // It ends when the client closes the connection.
        let _ = server.serve_connection(TokioIo::new(stream), service).await;
    };
    std::thread::spawn(move || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().build().unwrap().block_on(serve);
    });
    endpoint
}

async fn answer(
    request: Request<Incoming>,
    requests: Requests,
) -> Result<Response<impl http_body::Body<Data = Bytes, Error = Infallible>>, hyper::Error> {
    assert!(request.headers().get("content-length").is_none());
    let message = request.into_body().collect().await?.to_bytes();
    requests.lock().unwrap().push(message);
    let trailers = HeaderMap::from_iter([(
        "grpc-status".parse().unwrap(),
        HeaderValue::from_static("0"),
    )]);
    // An empty message that is not compressed.
    let body = Full::new(Bytes::from_static(&[0; 5]));
    let mut response = Response::new(body.with_trailers(async { Some(Ok(trailers)) }));
    let kind = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert("content-type", kind);
    Ok(response)
}

fn number(span: &Span) -> u64 {
    let mut attributes = span.attributes.iter();
    let number = attributes
        .find(|attribute| attribute.key == NUMBER)
        .unwrap();
    match number.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(Value::IntValue(number)) => number.cast_unsigned(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn messages_larger_than_the_window_arrive_whole() {
    let requests = Requests::default();
    let telemetry = builder_to(backend(&requests), Protocol::Grpc)
        .build()
        .unwrap();
    numbered_spans(&telemetry, 0..SPANS);
    let report = telemetry.shutdown_blocking(PATIENCE);
    assert_balanced(&report);
    assert!(report.complete && report.lost() == 0, "{report}");

    let requests = requests.lock().unwrap();
    let mut numbers = BTreeSet::new();
    for framed in requests.iter() {
        let (frame, message) = framed.split_at(5);
        assert_eq!(frame[0], 0);
        assert_eq!(
            frame[1..],
            u32::try_from(message.len()).unwrap().to_be_bytes()
        );
        let request = ExportTraceServiceRequest::decode(message).unwrap();
        let scopes = request
            .resource_spans
            .iter()
            .flat_map(|one| &one.scope_spans);
        numbers.extend(scopes.flat_map(|scope| &scope.spans).map(number));
    }
    assert_eq!(numbers, (0..SPANS).collect());
    let large = requests
        .iter()
        .filter(|framed| framed.len() > 4 * WINDOW as usize);
    assert!(large.count() > 0);
}
