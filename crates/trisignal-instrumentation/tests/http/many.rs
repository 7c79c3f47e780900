//! A thousand exchanges at once, each of which ends in a way of its own: nothing is left open.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Empty};
use tower::{Layer, Service, ServiceExt, service_fn};
use tracing::instrument::WithSubscriber;

use crate::support::{DEADLINE, Telemetry, attribute};

const EXCHANGES: usize = 1_000;

/// Numbers that look random and are the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        // A linear congruential generator; its high bits are the good ones.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

#[derive(Debug, Clone, Copy)]
enum Step {
    /// Others run first.
    Wait,
    Data,
    Trailers,
    Fail,
    Panic,
    /// For ever.
    Hang,
}

/// What a handler does before it answers, and what its body does.
#[derive(Debug, Clone)]
struct Plan {
    handler: Vec<Step>,
    body: VecDeque<Step>,
    /// How many times the caller waits until it gives up, if it does; never before it has begun.
    patience: Option<u64>,
}

impl Plan {
    fn new(random: &mut Random) -> Self {
        let mut steps = |ends: &[Step]| -> Vec<Step> {
            let mut steps = Vec::new();
            for _ in 0..random.below(5) {
                steps.push([Step::Wait, Step::Data][usize::try_from(random.below(2)).unwrap()]);
            }
            let last = ends.get(usize::try_from(random.below(2 * ends.len() as u64)).unwrap());
            steps.extend(last);
            steps
        };
        let handler = steps(&[Step::Fail, Step::Panic, Step::Hang]);
        let body = steps(&[Step::Trailers, Step::Fail, Step::Panic, Step::Hang]).into();
        let patience = random.below(2) == 0;
        let mut plan = Self {
            handler,
            body,
            patience: patience.then(|| 1 + random.below(12)),
        };
        let mut all = plan.handler.iter().chain(&plan.body);
        if all.any(|step| matches!(step, Step::Hang)) {
            // Somebody has to give up.
            plan.patience.get_or_insert(6);
        }
        plan
    }
}

/// A panic that is not reported: hundreds of reports would hide the failure of a test.
fn panic_quietly() -> ! {
    std::panic::resume_unwind(Box::new("a bug"))
}

async fn handle(request: Request<Empty<Bytes>>) -> Result<Response<Steps>, std::io::Error> {
    let plan: Plan = request.extensions().get::<Plan>().unwrap().clone();
    for step in plan.handler {
        match step {
            Step::Fail => return Err(std::io::Error::other("a bug")),
            Step::Panic => panic_quietly(),
            Step::Hang => std::future::pending().await,
            Step::Wait | Step::Data | Step::Trailers => tokio::task::yield_now().await,
        }
    }
    Ok(Response::new(Steps(plan.body)))
}

struct Steps(VecDeque<Step>);

impl Body for Steps {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.0.pop_front() {
            None => Poll::Ready(None),
            Some(Step::Data) => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"data"))))),
            Some(Step::Trailers) => {
                let mut trailers = HeaderMap::new();
                trailers.insert("grpc-status", "0".parse().unwrap());
                Poll::Ready(Some(Ok(Frame::trailers(trailers))))
            }
            Some(Step::Fail) => Poll::Ready(Some(Err(std::io::Error::other("a bug")))),
            Some(Step::Panic) => panic_quietly(),
            Some(Step::Hang) => {
                self.0.push_front(Step::Hang);
                Poll::Pending
            }
            Some(Step::Wait) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }
}

/// Sends all the requests, and waits until the last of them has ended somehow.
async fn storm<S, B>(telemetry: &Telemetry, service: S, seed: u64)
where
    S: Service<Request<Empty<Bytes>>, Response = Response<B>, Error = std::io::Error>,
    S: Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes, Error = std::io::Error> + Send + Unpin + 'static,
{
    let mut random = Random(seed);
    let exchanges: Vec<_> = (0..EXCHANGES)
        .map(|_| {
            let plan = Plan::new(&mut random);
            let patience = plan.patience;
            let mut request = Request::post("http://a:1/test.Echo/Unary")
                .body(Empty::new())
                .unwrap();
            request.extensions_mut().insert(plan);
            let call = service.clone().oneshot(request);
            let exchange = async move {
                if let Ok(response) = call.await {
                    let _ = response.into_body().collect().await;
                }
            };
            let caller = async move {
                match patience {
                    None => std::future::pending().await,
                    Some(patience) => {
                        for _ in 0..patience {
                            tokio::task::yield_now().await;
                        }
                    }
                }
            };
            let either = async move {
                tokio::select! {
                    () = exchange => {}
                    () = caller => {}
                }
            };
            tokio::spawn(either.with_subscriber(telemetry.dispatch()))
        })
        .collect();
    for exchange in exchanges {
        // A panic is one of the ends.
        let _ = tokio::time::timeout(DEADLINE, exchange).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_http_exchange_is_left_open() {
    let telemetry = Telemetry::new();
    let service = telemetry.server().layer(service_fn(handle));
    let service = telemetry.client().layer(service);
    storm(&telemetry, service, 1).await;
    assert_eq!(telemetry.active(), Some(0));
    assert_eq!(telemetry.spans().len(), 2 * EXCHANGES);
    for side in ["server", "client"] {
        let points = telemetry.histogram(&format!("http.{side}.request.duration"));
        assert_eq!(
            points.iter().map(|point| point.count).sum::<u64>(),
            EXCHANGES as u64
        );
        // All the kinds of ends were among them.
        let errors: Vec<_> = points
            .iter()
            .filter_map(|point| point.attributes.get("error.type"))
            .collect();
        for error in ["panic", "std::io::error::Error"] {
            assert!(errors.iter().any(|found| *found == error), "{errors:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_grpc_exchange_is_left_open() {
    let telemetry = Telemetry::new();
    let service = telemetry.grpc_server().layer(service_fn(handle));
    let service = telemetry.grpc_client().layer(service);
    storm(&telemetry, service, 2).await;
    assert_eq!(telemetry.spans().len(), 2 * EXCHANGES);
    for side in ["server", "client"] {
        let points = telemetry.histogram(&format!("rpc.{side}.call.duration"));
        assert_eq!(
            points.iter().map(|point| point.count).sum::<u64>(),
            EXCHANGES as u64
        );
        let statuses: Vec<_> = points
            .iter()
            .filter_map(|point| point.attributes.get("rpc.response.status_code"))
            .collect();
        for status in ["OK", "UNKNOWN", "CANCELLED"] {
            assert!(
                statuses.iter().any(|found| *found == status),
                "{statuses:?}"
            );
        }
    }
}

/// More routes than a thread remembers, each with more ends than are remembered of it.
#[tokio::test]
async fn each_route_is_named_and_measured_by_itself() {
    const ROUTES: u16 = 100;
    const STATUSES: [u16; 6] = [200, 201, 302, 404, 500, 503];
    let telemetry = Telemetry::new();
    let layer = telemetry.server().route(|parts| {
        let (route, _) = parts.uri.path().rsplit_once('/')?;
        Some(route.to_owned())
    });
    let service = layer.layer(service_fn(|request: Request<Empty<Bytes>>| async move {
        let (_, status) = request.uri().path().rsplit_once('/').unwrap();
        let status: u16 = status.parse().unwrap();
        let response = Response::builder().status(status);
        Ok::<_, std::io::Error>(response.body(Empty::<Bytes>::new()).unwrap())
    }));
    for round in 1..=2_u64 {
        for status in STATUSES {
            for route in 0..ROUTES {
                let request = Request::get(format!("/route-{route}/{status}"));
                let call = service.clone().oneshot(request.body(Empty::new()).unwrap());
                telemetry.run(call).await.unwrap();
            }
        }
        let points = telemetry.histogram("http.server.request.duration");
        assert_eq!(points.len(), usize::from(ROUTES) * STATUSES.len());
        for status in STATUSES {
            for route in 0..ROUTES {
                let (status, route) = (status.to_string(), format!("/route-{route}"));
                let mut expected = vec![
                    ("http.request.method", "GET"),
                    ("url.scheme", "http"),
                    ("http.route", &*route),
                    ("network.protocol.version", "1.1"),
                    ("http.response.status_code", &*status),
                ];
                if status.starts_with('5') {
                    expected.push(("error.type", &*status));
                }
                let point = points.iter().find(|point| point.has(&expected)).unwrap();
                assert_eq!(point.count, round);
            }
        }
    }
    for span in telemetry.spans() {
        let route = attribute(&span, "http.route");
        assert_eq!(span.name, format!("GET {route}"));
        assert!(attribute(&span, "url.path").starts_with(&(route + "/")));
    }
    assert_eq!(telemetry.active(), Some(0));
}
