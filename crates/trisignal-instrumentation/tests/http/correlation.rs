//! The correlation ID on its way through a server.

use std::convert::Infallible;

use bytes::Bytes;
use http::{HeaderName, Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use opentelemetry::Context;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::trace::TraceContextExt;
use tower::{Layer, ServiceExt, service_fn};
use trisignal_instrumentation::correlation::CorrelationId;
use trisignal_instrumentation::http::{ServerLayer, Trust};

use crate::support::{TRACE_ID, TRACEPARENT, Telemetry};

type Headers<'a> = &'a [(&'a str, &'a [u8])];

/// What a handler saw and what was answered.
struct Seen {
    current: String,
    baggage: Option<String>,
    tenant: Option<String>,
    answered: String,
}

async fn send(telemetry: &Telemetry, layer: ServerLayer, headers: &[(&str, &[u8])]) -> Seen {
    let service = layer.layer(service_fn(|_: Request<Empty<Bytes>>| async {
        let cx = Context::current();
        let member = |key| {
            cx.baggage()
                .get(key)
                .map(|value| value.as_str().to_owned())
                .unwrap_or_default()
        };
        let current = CorrelationId::current().unwrap();
        let lines = [
            current.as_str().to_owned(),
            member("correlation.id"),
            member("tenant"),
        ]
        .join("\n");
        // An answer of its own is replaced: the caller is told what is in the logs.
        let response = Response::builder().header("x-correlation-id", "handler");
        Ok::<_, Infallible>(response.body(Full::<Bytes>::from(lines)).unwrap())
    }));
    let mut request = Request::get("/").body(Empty::new()).unwrap();
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        request
            .headers_mut()
            .append(name, http::HeaderValue::from_bytes(value).unwrap());
    }
    let response = telemetry.run(service.oneshot(request)).await.unwrap();
    let answered: Vec<_> = response
        .headers()
        .get_all("x-correlation-id")
        .iter()
        .collect();
    assert_eq!(answered.len(), 1);
    let answered = answered[0].to_str().unwrap().to_owned();
    let body = telemetry
        .run(response.into_body().collect())
        .await
        .unwrap()
        .to_bytes();
    let mut lines = std::str::from_utf8(&body)
        .unwrap()
        .split('\n')
        .map(str::to_owned);
    let mut next = || lines.next().filter(|line| !line.is_empty());
    Seen {
        current: next().unwrap(),
        baggage: next(),
        tenant: next(),
        answered,
    }
}

#[tokio::test]
async fn taken_from_the_first_good_source() {
    let long = "x".repeat(64 * 1024);
    // Headers, the ID that is to come out (`None`: that of the span's own trace), and how many were
    // rejected.
    let cases: &[(Headers<'_>, Option<&str>, i64)] = &[
        (&[], None, 0),
        (&[("x-correlation-id", b"order-1")], Some("order-1"), 0),
        (&[("x-request-id", b"request-1")], Some("request-1"), 0),
        (
            &[
                ("x-request-id", b"request-1"),
                ("x-correlation-id", b"order-1"),
            ],
            Some("order-1"),
            0,
        ),
        (
            &[
                ("x-correlation-id", b"order-1"),
                ("traceparent", TRACEPARENT.as_bytes()),
            ],
            Some("order-1"),
            0,
        ),
        (
            &[("baggage", b"correlation.id=from-baggage,tenant=a")],
            Some("from-baggage"),
            0,
        ),
        (
            &[
                ("baggage", b"correlation.id=from-baggage"),
                ("x-request-id", b"request-1"),
            ],
            Some("request-1"),
            0,
        ),
        (
            &[
                ("baggage", b"tenant=a"),
                ("traceparent", TRACEPARENT.as_bytes()),
            ],
            Some(TRACE_ID),
            0,
        ),
        // Ill-formed ones are replaced by the next source.
        (&[("x-correlation-id", b"no good")], None, 1),
        (&[("x-correlation-id", b"")], None, 1),
        (&[("x-correlation-id", b"caf\xe9")], None, 1),
        (&[("x-correlation-id", "a\u{202e}b".as_bytes())], None, 1),
        (&[("x-correlation-id", long.as_bytes())], None, 1),
        (
            &[
                ("x-correlation-id", b"no,good"),
                ("x-request-id", b"request-1"),
            ],
            Some("request-1"),
            1,
        ),
        (
            &[
                ("x-correlation-id", b"no good"),
                ("x-request-id", b"nor this"),
            ],
            None,
            2,
        ),
        (
            &[
                ("x-correlation-id", b"no good"),
                ("baggage", b"correlation.id=from-baggage"),
            ],
            Some("from-baggage"),
            1,
        ),
        (
            &[
                ("baggage", b"correlation.id=no%0Agood,tenant=a"),
                ("traceparent", TRACEPARENT.as_bytes()),
            ],
            Some(TRACE_ID),
            1,
        ),
    ];
    for (headers, expected, rejected) in cases {
        let telemetry = Telemetry::new();
        let seen = send(&telemetry, telemetry.server(), headers).await;
        let span = telemetry.span();
        let expected =
            expected.map_or_else(|| span.span_context.trace_id().to_string(), str::to_owned);
        assert_eq!(seen.current, expected, "{headers:?}");
        assert_eq!(seen.answered, expected, "{headers:?}");
        assert_eq!(
            telemetry.sum("trisignal.correlation.rejected").unwrap_or(0),
            *rejected,
            "{headers:?}"
        );
        // What is ill-formed must not travel on in the baggage, and what is not about the ID must.
        assert!(seen.baggage.is_none_or(|id| id == expected), "{headers:?}");
        let had_tenant = headers
            .iter()
            .any(|(_, value)| value.ends_with(b"tenant=a"));
        assert_eq!(seen.tenant.is_some(), had_tenant, "{headers:?}");
        let point = telemetry.duration("server");
        assert!(
            !point.attributes.values().any(|value| *value == expected),
            "an ID in a metric: {point:?}"
        );
    }
}

#[tokio::test]
async fn the_names_of_the_headers_are_configurable() {
    let telemetry = Telemetry::new();
    let layer = telemetry
        .server()
        .correlation_headers([HeaderName::from_static("x-amzn-trace-id")]);
    let headers: &[(&str, &[u8])] = &[
        ("x-amzn-trace-id", b"Root=1-67891233"),
        ("x-correlation-id", b"order-1"),
    ];
    assert_eq!(
        send(&telemetry, layer, headers).await.answered,
        "Root=1-67891233"
    );
}

#[tokio::test]
async fn an_edge_keeps_a_good_header_only() {
    let cases: &[(Headers<'_>, Option<&str>)] = &[
        (
            &[
                ("x-correlation-id", b"order-1"),
                ("baggage", b"tenant=a,correlation.id=other"),
            ],
            Some("order-1"),
        ),
        (&[("baggage", b"tenant=a,correlation.id=other")], None),
    ];
    for (headers, expected) in cases {
        let telemetry = Telemetry::new();
        let seen = send(&telemetry, telemetry.server().trust(Trust::Edge), headers).await;
        let expected = expected.map_or_else(
            || telemetry.span().span_context.trace_id().to_string(),
            str::to_owned,
        );
        assert_eq!(
            (seen.current, seen.answered, seen.tenant),
            (expected.clone(), expected, None)
        );
    }
}

#[tokio::test]
async fn without_a_bridge_an_id_is_made_and_holds() {
    let telemetry = Telemetry::without_bridge();
    let seen = send(&telemetry, telemetry.server(), &[]).await;
    assert_eq!(seen.current, seen.answered);
    assert_eq!(seen.baggage, Some(seen.answered.clone()));
    assert_eq!(seen.answered.len(), 32);
    let other = send(&telemetry, telemetry.server(), &[]).await;
    assert_ne!(seen.answered, other.answered);
    assert_eq!(telemetry.duration("server").count, 2);

    let seen = send(
        &telemetry,
        telemetry.server(),
        &[("traceparent", TRACEPARENT.as_bytes())],
    )
    .await;
    assert_eq!(
        seen.answered, TRACE_ID,
        "a trace that passes through gives the ID too"
    );
}

#[tokio::test]
async fn the_id_is_in_the_parent_when_the_span_starts() {
    // A span processor sees the parent context: this is what stamps the ID on spans.
    #[derive(Debug, Clone, Default)]
    struct Stamps(std::sync::Arc<std::sync::Mutex<Vec<Option<String>>>>);

    impl opentelemetry_sdk::trace::SpanProcessor for Stamps {
        fn on_start(&self, _: &mut opentelemetry_sdk::trace::Span, parent: &Context) {
            self.0
                .lock()
                .unwrap()
                .push(CorrelationId::from_context(parent).map(|id| id.to_string()));
        }
        fn on_end(&self, _: opentelemetry_sdk::trace::SpanData) {}
        fn force_flush(&self) -> opentelemetry_sdk::error::OTelSdkResult {
            Ok(())
        }
        fn shutdown_with_timeout(
            &self,
            _: std::time::Duration,
        ) -> opentelemetry_sdk::error::OTelSdkResult {
            Ok(())
        }
    }

    use opentelemetry::trace::TracerProvider as _;
    use tracing::instrument::WithSubscriber;
    use tracing_subscriber::layer::SubscriberExt;

    let stamps = Stamps::default();
    let provider = opentelemetry_sdk::trace::SdkTracerProvider::builder()
        .with_span_processor(stamps.clone())
        .build();
    let bridge = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    let subscriber = tracing_subscriber::Registry::default().with(bridge);

    let service = Telemetry::new()
        .server()
        .layer(service_fn(|_: Request<Empty<Bytes>>| async {
            tracing::info_span!("inner").in_scope(|| assert!(Context::current().has_active_span()));
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
        }));
    let request = Request::get("/")
        .header("x-correlation-id", "order-1")
        .body(Empty::new())
        .unwrap();
    service
        .oneshot(request)
        .with_subscriber(subscriber)
        .await
        .unwrap();
    let expected = Some("order-1".to_owned());
    assert_eq!(*stamps.0.lock().unwrap(), [expected.clone(), expected]);
}
