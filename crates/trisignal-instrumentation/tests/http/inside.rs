//! What is current while a request runs, with any bridge, and how often `tracing` is told.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::ready;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context as TaskContext, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Empty, Full};
use opentelemetry::Context;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tower::{Layer as _, ServiceExt, service_fn};
use tracing::instrument::WithSubscriber;
use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Subscriber};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::{Context as LayerContext, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use trisignal_instrumentation::correlation::CorrelationId;

use crate::support::{TRACE_ID, TRACEPARENT, Telemetry};

/// Where code looked, the tenant in the baggage there, and the correlation ID.
type Seen = Arc<Mutex<Vec<(&'static str, Option<String>, Option<String>)>>>;

fn look(seen: &Seen, place: &'static str) {
    let cx = Context::current();
    let tenant = cx.baggage().get("tenant").map(ToString::to_string);
    let correlation = CorrelationId::current().map(|id| id.to_string());
    seen.lock().unwrap().push((place, tenant, correlation));
}

/// A body that looks around whenever it is polled, and when it is dropped.
struct Looks {
    seen: Seen,
    left: usize,
}

impl Body for Looks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        look(&self.seen, "frame");
        match self.left {
            0 => Poll::Ready(None),
            _ => {
                self.left -= 1;
                Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"data")))))
            }
        }
    }
}

impl Drop for Looks {
    fn drop(&mut self) {
        look(&self.seen, "drop");
    }
}

/// What a request with `headers` sees that is given up after the first frame.
async fn seen_with(dispatch: Dispatch, headers: &[(&str, &str)]) -> Seen {
    let seen = Seen::default();
    let service = Telemetry::new()
        .server()
        .layer(service_fn(|_: Request<Empty<Bytes>>| {
            look(&seen, "call");
            let seen = Arc::clone(&seen);
            async move {
                look(&seen, "poll");
                tokio::task::yield_now().await;
                look(&seen, "poll");
                Ok::<_, Infallible>(Response::new(Looks { seen, left: 2 }))
            }
        }));
    let request = headers
        .iter()
        .fold(Request::get("/"), |request, (name, value)| {
            request.header(*name, *value)
        });
    let exchange = async {
        let response = service.oneshot(request.body(Empty::new()).unwrap()).await;
        let mut body = response.unwrap().into_body();
        let _ = body.frame().await;
    };
    exchange.with_subscriber(dispatch).await;
    look(&seen, "after");
    seen
}

#[tokio::test]
async fn what_came_along_is_there_wherever_the_request_runs() {
    let bridge = |activates| {
        let tracer = SdkTracerProvider::default().tracer("test");
        let bridge = tracing_opentelemetry::layer().with_tracer(tracer);
        let bridge = bridge.with_context_activation(activates);
        Dispatch::new(Registry::default().with(bridge))
    };
    let plain = || Dispatch::new(Registry::default());
    let trace = ("traceparent", TRACEPARENT);
    let tenant = ("baggage", "tenant=a");
    let own = ("x-correlation-id", "order-1");
    for (headers, expected) in [
        (vec![trace, tenant], TRACE_ID),
        (vec![trace, tenant, own], "order-1"),
        (vec![tenant, own], "order-1"),
        (vec![tenant], ""),
    ] {
        for (name, dispatch) in [
            ("activating", bridge(true)),
            ("not activating", bridge(false)),
            ("without spans", plain()),
            ("none", Dispatch::none()),
        ] {
            let seen = seen_with(dispatch, &headers).await;
            let mut seen = seen.lock().unwrap().clone();
            assert_eq!(seen.pop(), Some(("after", None, None)));
            let first = seen[0].2.clone();
            assert!(first.is_some(), "{name} {headers:?}");
            for (number, place) in ["call", "poll", "poll", "frame", "drop"]
                .into_iter()
                .enumerate()
            {
                let expected = match expected {
                    "" => first.clone(),
                    text => Some(text.to_owned()),
                };
                let expected = (place, Some("a".to_owned()), expected);
                assert_eq!(seen[number], expected, "{name} {headers:?}");
            }
            assert_eq!(seen.len(), 5);
        }
    }
}

/// Counts what `tracing` is told.
#[derive(Clone, Default)]
struct Calls(Arc<Mutex<BTreeMap<&'static str, u32>>>);

impl Calls {
    fn count(&self, call: &'static str) {
        *self.0.lock().unwrap().entry(call).or_default() += 1;
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Calls {
    fn on_new_span(&self, _: &Attributes<'_>, _: &Id, _: LayerContext<'_, S>) {
        self.count("new");
    }

    fn on_record(&self, _: &Id, _: &Record<'_>, _: LayerContext<'_, S>) {
        self.count("record");
    }

    fn on_enter(&self, _: &Id, _: LayerContext<'_, S>) {
        self.count("enter");
    }

    fn on_exit(&self, _: &Id, _: LayerContext<'_, S>) {
        self.count("exit");
    }

    fn on_close(&self, _: Id, _: LayerContext<'_, S>) {
        self.count("close");
    }
}

/// Each of these costs more than the rest of the layers, so they are few: the span is entered for the call, for each poll
/// of the answer and of its body, and for nothing else.
#[tokio::test]
async fn tracing_is_told_once_of_each_thing() {
    for (text, status, expected) in [
        ("hello", 200, [("enter", 3), ("record", 1)]),
        ("", 204, [("enter", 2), ("record", 1)]),
        ("broken", 500, [("enter", 3), ("record", 2)]),
    ] {
        for side in ["server", "client"] {
            let telemetry = Telemetry::new();
            let calls = Calls::default();
            let dispatch = Dispatch::new(Registry::default().with(calls.clone()));
            let answer = service_fn(move |_: Request<Empty<Bytes>>| {
                let body = Full::<Bytes>::from(text);
                let response = Response::builder().status(status).body(body);
                ready(Ok::<_, Infallible>(response.unwrap()))
            });
            let request = Request::get("http://a/").body(Empty::new()).unwrap();
            let exchange = async {
                let body = if side == "server" {
                    let service = telemetry.server().layer(answer);
                    service.oneshot(request).await.unwrap().into_body()
                } else {
                    let service = telemetry.client().layer(answer);
                    service.oneshot(request).await.unwrap().into_body()
                };
                body.collect().await.unwrap()
            };
            exchange.with_subscriber(dispatch).await;
            let mut all = BTreeMap::from(expected);
            all.extend([("new", 1), ("exit", all["enter"]), ("close", 1)]);
            assert_eq!(*calls.0.lock().unwrap(), all, "{side} {status}");
        }
    }
}
