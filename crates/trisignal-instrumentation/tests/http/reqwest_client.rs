//! The instrumented `reqwest` client against a server on a free port.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Json;
use axum::extract::RawQuery;
use axum::routing::{get, post};
use http::HeaderMap;
use opentelemetry::trace::SpanKind;
use trisignal_instrumentation::http::Client;

use crate::support::{Telemetry, attribute, status};

/// Serves until the runtime of the test is gone.
async fn serve() -> SocketAddr {
    let echo_headers = |headers: HeaderMap| async move {
        let show = |name| {
            headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
                .to_owned()
        };
        [
            show("traceparent"),
            show("baggage"),
            show("x-correlation-id"),
            show("x-own"),
            show("authorization"),
        ]
        .join("\n")
    };
    let app = axum::Router::new()
        .route("/headers", get(echo_headers))
        .route(
            "/json",
            post(|Json(value): Json<Vec<String>>| async move { value.join("+") }),
        )
        .route("/form", post(|body: String| async move { body }))
        .route(
            "/query",
            get(|RawQuery(query): RawQuery| async move { query.unwrap_or_default() }),
        )
        .route("/missing", get(|| async { http::StatusCode::NOT_FOUND }))
        .route(
            "/slow",
            get(|| async { std::future::pending::<()>().await }),
        );
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await
        .unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

fn client(telemetry: &Telemetry) -> Client {
    // No proxy of the machine may come between.
    Client::new(
        reqwest::Client::builder().no_proxy().build().unwrap(),
        &telemetry.client(),
    )
}

#[tokio::test]
async fn a_call_is_observed_and_carries_its_context() {
    let telemetry = Telemetry::new();
    let address = serve().await;
    let request = client(&telemetry)
        .get(format!("http://{address}/headers?sig=secret"))
        .header("x-own", "1")
        .bearer_auth("token");
    let response = telemetry.run(request.send()).await.unwrap();
    assert_eq!(
        telemetry.spans().len(),
        1,
        "it ends with the head of the response"
    );
    let body = response.text().await.unwrap();

    let span = telemetry.span();
    assert_eq!(
        (&*span.name, &span.span_kind, status(&span)),
        ("GET", &SpanKind::Client, "unset")
    );
    let expected = [
        ("server.address", "127.0.0.1"),
        ("server.port", &*address.port().to_string()),
        (
            "url.full",
            &*format!("http://{address}/headers?sig=REDACTED"),
        ),
        ("http.response.status_code", "200"),
        ("network.protocol.version", "1.1"),
    ];
    for (key, value) in expected {
        assert_eq!(attribute(&span, key), value);
    }
    let (trace_id, span_id) = (span.span_context.trace_id(), span.span_context.span_id());
    let flags = span.span_context.trace_flags();
    let sent = format!(
        "00-{trace_id}-{span_id}-{flags:02x}\ncorrelation.id={trace_id}\n{trace_id}\n1\nBearer token"
    );
    assert_eq!(body, sent);
    assert_eq!(telemetry.duration("client").count, 1);
}

#[tokio::test]
async fn requests_are_built_as_with_reqwest() {
    let telemetry = Telemetry::new();
    let base = format!("http://{}", serve().await);
    let client = client(&telemetry);
    let text = async |request: trisignal_instrumentation::http::RequestBuilder| {
        telemetry
            .run(request.send())
            .await
            .unwrap()
            .error_for_status()
            .unwrap()
            .text()
            .await
            .unwrap()
    };
    assert_eq!(
        text(client.post(format!("{base}/json")).json(&["a", "b"])).await,
        "a+b"
    );
    assert_eq!(
        text(
            client
                .post(format!("{base}/form"))
                .form(&[("a", "1"), ("b", "2")])
        )
        .await,
        "a=1&b=2"
    );
    assert_eq!(
        text(client.post(format!("{base}/form")).body("plain")).await,
        "plain"
    );
    assert_eq!(
        text(client.get(format!("{base}/query")).query(&[("q", "x y")])).await,
        "q=x+y"
    );
    let own: HeaderMap = [(
        http::HeaderName::from_static("x-own"),
        http::HeaderValue::from_static("2"),
    )]
    .into_iter()
    .collect();
    let shown = text(
        client
            .get(format!("{base}/headers"))
            .headers(own)
            .basic_auth("u", Some("p")),
    )
    .await;
    assert!(shown.ends_with("\n2\nBasic dTpw"), "{shown}");
    let request = client.get(format!("{base}/query?a=1")).build().unwrap();
    assert_eq!(
        telemetry
            .run(client.execute(request))
            .await
            .unwrap()
            .text()
            .await
            .unwrap(),
        "a=1"
    );
    assert_eq!(telemetry.spans().len(), 6);
}

#[tokio::test]
async fn failures() {
    let telemetry = Telemetry::new();
    let address = serve().await;
    let response = telemetry
        .run(
            client(&telemetry)
                .get(format!("http://{address}/missing"))
                .send(),
        )
        .await
        .unwrap();
    assert_eq!(response.status(), 404, "a status is no error of the client");
    assert_eq!(
        (
            status(&telemetry.span()),
            attribute(&telemetry.span(), "error.type").as_str()
        ),
        ("error", "404")
    );

    let telemetry = Telemetry::new();
    let slow = client(&telemetry)
        .get(format!("http://{address}/slow"))
        .timeout(Duration::from_millis(50));
    assert!(telemetry.run(slow.send()).await.unwrap_err().is_timeout());
    assert_eq!(
        (
            status(&telemetry.span()),
            attribute(&telemetry.span(), "error.type").as_str()
        ),
        ("error", "timeout")
    );

    let telemetry = Telemetry::new();
    // Bound and never listening: nobody else gets the port meanwhile.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let closed = socket.local_addr().unwrap();
    assert!(
        telemetry
            .run(client(&telemetry).get(format!("http://{closed}/")).send())
            .await
            .unwrap_err()
            .is_connect()
    );
    assert_eq!(
        (
            status(&telemetry.span()),
            attribute(&telemetry.span(), "error.type").as_str()
        ),
        ("error", "connect")
    );
    assert_eq!(
        telemetry.duration("client").attributes["error.type"],
        "connect"
    );

    let telemetry = Telemetry::new();
    assert!(
        telemetry
            .run(client(&telemetry).get("not a url").send())
            .await
            .unwrap_err()
            .is_builder()
    );
    assert!(
        telemetry.spans().is_empty(),
        "what was never sent is no attempt"
    );
}

#[test]
fn debug_shows_no_secret() {
    let telemetry = Telemetry::new();
    let client = client(&telemetry);
    let request = client.get("http://user:canary@a/").bearer_auth("canary");
    assert!(!format!("{client:?} {request:?}").contains("canary"));
}
