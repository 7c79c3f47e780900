//! Row 36: canary secrets in headers, URLs, cookies, variables, fields and panics. None of them is on standard output,
//! standard error, in the `Debug` of a public type or on the wire, with everything at `trace`.

use std::collections::BTreeMap;
use std::fmt;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri};
use axum::routing::get;
use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::trace::{Span as _, Status, Tracer as _, TracerProvider as _};
use opentelemetry::{Array, KeyValue, Value};
use tower::{Layer as _, ServiceExt as _, service_fn};
use tracing::field::Empty;
use trisignal::{ConsoleFormat, Telemetry};
use trisignal_receiver::{Receiver, Signal};

use super::common::{PATIENCE, receiver};
use super::isolated::{output, told};

const TEST: &str = "secrets::no_secret_is_shown_or_sent";

/// What every secret of this test has in it.
const CANARY: &str = "canary";

#[derive(Debug)]
#[allow(dead_code)] // shown by `Debug`
struct Login {
    user: &'static str,
    password: Option<&'static str>,
}

#[derive(Debug)]
struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("refused https://ann:canary-error@db/?sig=canary-error-sig")
    }
}

impl std::error::Error for Refused {}

struct Panics;

impl fmt::Debug for Panics {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("password=canary-panic-debug")
    }
}

fn headers() -> HeaderMap {
    let headers = [
        ("authorization", "Bearer canary-header-bearer1"),
        ("cookie", "session=canary-cookie; other=canary-cookie-2"),
        ("x-api-key", "canary-header-key"),
    ];
    let pair = |(name, value)| {
        (
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )
    };
    headers.map(pair).into_iter().collect()
}

/// A handler that logs what it should not.
async fn pay(headers: HeaderMap, uri: Uri) -> Response<Body> {
    tracing::info!(?headers, %uri, "request with token=canary-message");
    tracing::Span::current().record("password", "canary-late-field");
    let response = Response::builder().header("set-cookie", "id=canary-set-cookie");
    response.status(StatusCode::OK).body(Body::empty()).unwrap()
}

#[tracing::instrument(fields(secret = Empty))]
fn log_in(user: &str, password: &str) {
    tracing::Span::current().record("secret", "canary-recorded");
    tracing::warn!(login = ?Login { user: "ann", password: Some("canary-debug") }, "Authorization: Basic dXNlcjpjYW5hcnk=");
    tracing::error!(
        error = &Refused as &dyn std::error::Error,
        api.key = 4711_0815_4711_u64,
        "failed"
    );
    tracing::trace!(shape = ?Panics, body = r#"{"client_secret":"canary-json"}"#, "shown");
    log::info!("log says password: canary-log and postgres://ann:canary-log-url@db/orders");
}

fn with_the_api(telemetry: &Telemetry) {
    let Some(provider) = telemetry.tracer_provider() else {
        return;
    };
    let mut span = provider
        .tracer("by-hand")
        .start("GET /?token=canary-span-name");
    span.set_attribute(KeyValue::new("db.password", "canary-attribute"));
    let cookies = vec!["canary-array".into(), "canary-array-2".into()];
    span.set_attribute(KeyValue::new(
        "http.request.header.cookie",
        Value::Array(Array::String(cookies)),
    ));
    span.set_attribute(KeyValue::new(
        "url.full",
        "https://ann:canary-url-full@host/?X-Amz-Signature=canary-query",
    ));
    span.add_event(
        "secret=canary-event-name",
        vec![KeyValue::new("token", "canary-event")],
    );
    span.add_link(
        opentelemetry::trace::SpanContext::empty_context(),
        vec![KeyValue::new("token", "canary-link")],
    );
    span.set_status(Status::error("password=canary-status"));
    span.end();
}

async fn exchange() {
    let capture = || ["authorization", "cookie", "x-api-key"].map(HeaderName::from_static);
    let app = Router::new().route("/pay", get(pay)).layer(
        trisignal::http::ServerLayer::new()
            .capture_request_headers(capture())
            .capture_response_headers([HeaderName::from_static("set-cookie")]),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    // Over a connection, for what the HTTP stacks say at `trace`.
    let url = format!(
        "http://ann:canary-userinfo@{address}/pay?token=canary-token&sig=canary-sig&X-Amz-Signature=canary-amz"
    );
    let request = reqwest::Client::new().get(&url).headers(headers());
    assert_eq!(request.send().await.unwrap().status(), 200);
    // And what the layer of clients says.
    let client = trisignal::http::ClientLayer::new().capture_request_headers(capture());
    let answer = |_: Request<Body>| async { Ok::<_, std::io::Error>(Response::new(Body::empty())) };
    let mut request = Request::get(&url).body(Body::empty()).unwrap();
    *request.headers_mut() = headers();
    client
        .layer(service_fn(answer))
        .oneshot(request)
        .await
        .unwrap();
}

/// The service, with the variables that its parent set.
fn service() {
    // What a panic says on standard error is the process' own and not telemetry's.
    std::panic::set_hook(Box::new(|_| {}));
    let builder = trisignal::builder("checkout")
        .console(ConsoleFormat::Json)
        .own_metrics([])
        .header("x-api-key", "canary-builder-header")
        .baggage_attributes(["session.token"])
        .redact_with(|key, _| match key {
            "shape" => panic!("token=canary-own-rule"),
            _ => None,
        });
    println!("{builder:?}");
    let telemetry = builder.install().unwrap();
    {
        let baggage = [KeyValue::new("session.token", "canary-baggage")];
        let _request = opentelemetry::Context::current_with_baggage(baggage).attach();
        log_in("ann", "canary-argument");
    }
    with_the_api(&telemetry);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(exchange());
    let caught = std::panic::catch_unwind(|| {
        let _span = tracing::info_span!("panics", token = "canary-panic-field").entered();
        panic!("password=canary-panic");
    });
    assert!(caught.is_err());
    println!(
        "{telemetry:?} {:?} {:?}",
        telemetry.health(),
        telemetry.warnings()
    );
    println!("{}", telemetry.explain());
    let report = telemetry.shutdown_blocking(PATIENCE);
    println!("{report:?} {report}");
    assert!(report.complete && report.lost() == 0, "{report}");
    assert!(telemetry.health().callback_panics > 0);
}

/// Everything that `receiver` was sent.
fn wire(receiver: &Receiver) -> String {
    let (spans, logs, metrics) = (
        receiver.spans().all(),
        receiver.logs().all(),
        receiver.metrics().all(),
    );
    assert!(
        receiver.received(Signal::Traces).unique > 0 && receiver.received(Signal::Logs).unique > 0
    );
    format!("{spans:?}\n{logs:?}\n{metrics:?}")
}

/// The lines of `text` that have a canary in them, cut to what is around it.
fn canaries(text: &str) -> Vec<String> {
    let near = |(at, _): (usize, &str)| {
        let start = text[..at]
            .char_indices()
            .rev()
            .nth(60)
            .map_or(0, |(start, _)| start);
        text[start..].chars().take(100).collect()
    };
    text.match_indices(CANARY).map(near).collect()
}

#[test]
fn no_secret_is_shown_or_sent() {
    if told().is_some() {
        return service();
    }
    for protocol in ["http/protobuf", "grpc"] {
        for redaction in ["on", "off"] {
            let receiver = receiver();
            let endpoint = match protocol {
                "grpc" => receiver.grpc_endpoint(),
                _ => receiver.http_endpoint(),
            };
            let (stdout, stderr) = output(
                TEST,
                &[
                    ("RUST_LOG", "trace"),
                    ("OTEL_RUST_LOGS_FILTER", "trace"),
                    ("OTEL_RUST_TRACES_FILTER", "trace"),
                    ("OTEL_RUST_REDACTION", redaction),
                    ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
                    ("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint),
                    (
                        "OTEL_EXPORTER_OTLP_HEADERS",
                        "authorization=Bearer%20canary-variable,broken-canary",
                    ),
                    (
                        "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
                        "x-tenant=canary-variable-traces",
                    ),
                ],
            );
            let shown = [
                ("stdout", stdout),
                ("stderr", stderr),
                ("wire", wire(&receiver)),
            ];
            let found: BTreeMap<_, _> = shown
                .iter()
                .map(|(place, text)| (*place, canaries(text)))
                .collect();
            if redaction == "on" {
                assert!(found.values().all(Vec::is_empty), "{protocol}: {found:#?}");
                assert!(shown[0].1.contains("REDACTED") && shown[2].1.contains("REDACTED"));
            } else {
                // They do travel. What is never telemetry is hidden even so.
                assert!(
                    found["stdout"].len() > 10 && found["wire"].len() > 10,
                    "{found:#?}"
                );
                let hidden = ["canary-variable", "canary-builder"];
                let all = found.values().flatten();
                assert_eq!(
                    all.filter(|text| hidden.iter().any(|hidden| text.contains(hidden)))
                        .count(),
                    0,
                    "{found:#?}"
                );
            }
        }
    }
}
