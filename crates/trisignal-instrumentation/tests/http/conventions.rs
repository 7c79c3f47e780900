//! Every name that is sent is one of the conventions, in the kind of telemetry where it belongs.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::net::SocketAddr;

use http::{HeaderValue, Method, Request, Response, Version};
use http_body_util::{BodyExt, Empty};
use opentelemetry_semantic_conventions::{attribute as names, metric};
use tower::{Layer, ServiceExt, service_fn};
use trisignal_instrumentation::http::{Resend, UrlTemplate};

use crate::support::{Script, Telemetry, data};

type Call = Request<Empty<bytes::Bytes>>;

const SERVER_SPAN: &[&str] = &[
    names::CLIENT_ADDRESS,
    names::ERROR_TYPE,
    names::HTTP_REQUEST_BODY_SIZE,
    names::HTTP_REQUEST_METHOD,
    names::HTTP_REQUEST_METHOD_ORIGINAL,
    names::HTTP_RESPONSE_BODY_SIZE,
    names::HTTP_RESPONSE_STATUS_CODE,
    names::HTTP_ROUTE,
    names::NETWORK_PEER_ADDRESS,
    names::NETWORK_PEER_PORT,
    names::NETWORK_PROTOCOL_VERSION,
    names::SERVER_ADDRESS,
    names::SERVER_PORT,
    names::URL_PATH,
    names::URL_QUERY,
    names::URL_SCHEME,
    names::USER_AGENT_ORIGINAL,
];

const CLIENT_SPAN: &[&str] = &[
    names::ERROR_TYPE,
    names::HTTP_REQUEST_BODY_SIZE,
    names::HTTP_REQUEST_METHOD,
    names::HTTP_REQUEST_METHOD_ORIGINAL,
    names::HTTP_REQUEST_RESEND_COUNT,
    names::HTTP_RESPONSE_BODY_SIZE,
    names::HTTP_RESPONSE_STATUS_CODE,
    names::NETWORK_PROTOCOL_VERSION,
    names::SERVER_ADDRESS,
    names::SERVER_PORT,
    names::URL_FULL,
    names::URL_TEMPLATE,
];

const SERVER_METRIC: &[&str] = &[
    names::ERROR_TYPE,
    names::HTTP_REQUEST_METHOD,
    names::HTTP_RESPONSE_STATUS_CODE,
    names::HTTP_ROUTE,
    names::NETWORK_PROTOCOL_VERSION,
    names::URL_SCHEME,
];

const CLIENT_METRIC: &[&str] = &[
    names::ERROR_TYPE,
    names::HTTP_REQUEST_METHOD,
    names::HTTP_RESPONSE_STATUS_CODE,
    names::NETWORK_PROTOCOL_VERSION,
    names::SERVER_ADDRESS,
    names::SERVER_PORT,
    names::URL_TEMPLATE,
];

const RPC_SERVER_SPAN: &[&str] = &[
    names::CLIENT_ADDRESS,
    names::CLIENT_PORT,
    names::ERROR_TYPE,
    names::NETWORK_PEER_ADDRESS,
    names::NETWORK_PEER_PORT,
    names::RPC_METHOD,
    names::RPC_METHOD_ORIGINAL,
    names::RPC_RESPONSE_STATUS_CODE,
    names::RPC_SYSTEM_NAME,
    names::SERVER_ADDRESS,
    names::SERVER_PORT,
];

const RPC_CLIENT_SPAN: &[&str] = &[
    names::ERROR_TYPE,
    names::RPC_METHOD,
    names::RPC_RESPONSE_STATUS_CODE,
    names::RPC_SYSTEM_NAME,
    names::SERVER_ADDRESS,
    names::SERVER_PORT,
];

const RPC_SERVER_METRIC: &[&str] = &[
    names::ERROR_TYPE,
    names::RPC_METHOD,
    names::RPC_RESPONSE_STATUS_CODE,
    names::RPC_SYSTEM_NAME,
];

const RPC_CLIENT_METRIC: &[&str] = &[
    names::ERROR_TYPE,
    names::RPC_METHOD,
    names::RPC_RESPONSE_STATUS_CODE,
    names::RPC_SYSTEM_NAME,
    names::SERVER_ADDRESS,
    names::SERVER_PORT,
];

/// A request with all that can be told about one.
fn full() -> Call {
    let mut request = Request::new(Empty::new());
    *request.method_mut() = Method::from_bytes(b"BREW").unwrap();
    *request.uri_mut() = "http://pots:8080/pot/7?a=1".parse().unwrap();
    *request.version_mut() = Version::HTTP_2;
    let headers = request.headers_mut();
    headers.insert("user-agent", HeaderValue::from_static("test/1"));
    headers.insert("content-length", HeaderValue::from_static("0"));
    request.extensions_mut().insert(Resend(1));
    request
        .extensions_mut()
        .insert(UrlTemplate::from("/pot/{id}"));
    request
}

async fn fails(_: Call) -> Result<Response<Script>, Infallible> {
    let response = Response::builder().status(503).version(Version::HTTP_2);
    Ok(response.body(Script::new([data("tea")])).unwrap())
}

fn peer() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 4711))
}

#[tokio::test]
async fn every_name_is_one_of_the_conventions() {
    let telemetry = Telemetry::new();
    let server = telemetry
        .server()
        .body_sizes(true)
        .route(|_| Some("/pot/{id}".to_owned()))
        .peer(|_| Some(peer()))
        .layer(service_fn(fails));
    let client = telemetry.client().body_sizes(true).layer(server);
    let called = telemetry.run(client.oneshot(full())).await.unwrap();
    telemetry.run(called.into_body().collect()).await.unwrap();

    let server = telemetry
        .grpc_server()
        .peer(|_| Some(peer()))
        .layer(service_fn(fails));
    let client = telemetry.grpc_client().layer(server);
    let called = telemetry.run(client.oneshot(full())).await.unwrap();
    telemetry.run(called.into_body().collect()).await.unwrap();

    // Spans end from the inside out.
    let spans = telemetry.spans();
    let expected = [SERVER_SPAN, CLIENT_SPAN, RPC_SERVER_SPAN, RPC_CLIENT_SPAN];
    assert_eq!(spans.len(), expected.len());
    for (span, expected) in spans.iter().zip(expected) {
        let keys = span.attributes.iter().map(|pair| pair.key.as_str());
        // What the bridge adds about the code is its own.
        let found: BTreeSet<_> = keys.filter(|key| !is_of_bridge(key)).collect();
        assert_eq!(found, expected.iter().copied().collect(), "{span:?}");
    }
    let metrics = [
        (metric::HTTP_SERVER_REQUEST_DURATION, SERVER_METRIC),
        (metric::HTTP_SERVER_REQUEST_BODY_SIZE, SERVER_METRIC),
        (metric::HTTP_SERVER_RESPONSE_BODY_SIZE, SERVER_METRIC),
        (metric::HTTP_CLIENT_REQUEST_DURATION, CLIENT_METRIC),
        (metric::HTTP_CLIENT_REQUEST_BODY_SIZE, CLIENT_METRIC),
        (metric::HTTP_CLIENT_RESPONSE_BODY_SIZE, CLIENT_METRIC),
        (metric::RPC_SERVER_CALL_DURATION, RPC_SERVER_METRIC),
        (metric::RPC_CLIENT_CALL_DURATION, RPC_CLIENT_METRIC),
    ];
    for (name, expected) in metrics {
        let point = telemetry.point(name);
        let found: Vec<_> = point.attributes.keys().map(String::as_str).collect();
        assert_eq!(found, expected, "{name}");
    }
    assert_eq!(telemetry.sum(metric::HTTP_SERVER_ACTIVE_REQUESTS), Some(0));
}

fn is_of_bridge(key: &str) -> bool {
    ["code.", "thread.", "target", "level", "busy_ns", "idle_ns"]
        .iter()
        .any(|prefix| key.starts_with(prefix))
}
