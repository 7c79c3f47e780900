//! All the ways in which a server's exchange can end.

use std::convert::Infallible;
use std::future::pending;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Empty, Full};
use opentelemetry::trace::TraceContextExt;
use tower::{Layer, Service, ServiceExt, service_fn};
use trisignal_instrumentation::http::ServerService;

use crate::support::{DEADLINE, Script, Telemetry, attribute, data, status};

fn get() -> Request<Empty<Bytes>> {
    Request::get("/").body(Empty::new()).unwrap()
}

#[track_caller]
fn assert_end(telemetry: &Telemetry, span_status: &str, error_type: &str) {
    let span = telemetry.span();
    assert_eq!(
        (status(&span), attribute(&span, "error.type").as_str()),
        (span_status, error_type)
    );
    let point = telemetry.duration("server");
    assert_eq!(point.count, 1, "measured once");
    assert_eq!(
        point
            .attributes
            .get("error.type")
            .map_or("", String::as_str),
        error_type
    );
    assert_eq!(telemetry.active(), Some(0));
}

#[tokio::test]
async fn cancelled_before_the_response() {
    // What a cancelled handler does while it is dropped still belongs to its span.
    struct SaysGoodbye(Arc<Mutex<Option<bool>>>);
    impl Drop for SaysGoodbye {
        fn drop(&mut self) {
            *self.0.lock().unwrap() = Some(opentelemetry::Context::current().has_active_span());
        }
    }
    let telemetry = Telemetry::new();
    let dropped_inside = Arc::new(Mutex::new(None));
    let service = telemetry
        .server()
        .layer(service_fn(|_: Request<Empty<Bytes>>| {
            let goodbye = SaysGoodbye(Arc::clone(&dropped_inside));
            async move {
                let _goodbye = goodbye;
                pending::<()>().await;
                Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
            }
        }));
    let call = tokio::time::timeout(std::time::Duration::from_millis(1), service.oneshot(get()));
    assert!(telemetry.run(call).await.is_err());
    assert_eq!(*dropped_inside.lock().unwrap(), Some(true));
    assert_end(&telemetry, "error", "cancelled");
    assert!(
        !telemetry
            .duration("server")
            .attributes
            .contains_key("http.response.status_code")
    );
}

#[tokio::test]
async fn cancelled_before_it_was_polled() {
    let telemetry = Telemetry::new();
    let mut service = telemetry
        .server()
        .layer(service_fn(|_: Request<Empty<Bytes>>| async {
            Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
        }));
    telemetry.run(async { drop(service.call(get())) }).await;
    assert_end(&telemetry, "error", "cancelled");
}

async fn respond(
    telemetry: &Telemetry,
    response: Response<Script>,
    request: Request<Empty<Bytes>>,
) -> Response<impl Body<Data = Bytes, Error = std::io::Error> + Unpin> {
    let mut response = Some(response);
    let service = telemetry
        .server()
        .layer(service_fn(move |_: Request<Empty<Bytes>>| {
            let response = response.take().unwrap();
            async { Ok::<_, Infallible>(response) }
        }));
    telemetry.run(service.oneshot(request)).await.unwrap()
}

#[tokio::test]
async fn cancelled_in_the_middle_of_the_body() {
    for (polls, code, error_type) in [
        (0, 200, "cancelled"),
        (1, 200, "cancelled"),
        (1, 500, "500"),
    ] {
        let telemetry = Telemetry::new();
        let mut response = Response::new(Script::new([data("one"), data("two")]));
        *response.status_mut() = http::StatusCode::from_u16(code).unwrap();
        let mut body = respond(&telemetry, response, get()).await.into_body();
        for _ in 0..polls {
            telemetry.run(body.frame()).await.unwrap().unwrap();
        }
        assert!(telemetry.spans().is_empty());
        telemetry.run(async { drop(body) }).await;
        assert_end(&telemetry, "error", error_type);
        assert_eq!(
            telemetry.duration("server").attributes["http.response.status_code"],
            code.to_string()
        );
    }
}

#[tokio::test]
async fn failed_in_the_middle_of_the_body() {
    let telemetry = Telemetry::new();
    let script = Script::new([
        data("one"),
        Err(std::io::Error::other("canary")),
        data("two"),
    ]);
    let mut body = respond(&telemetry, Response::new(script), get())
        .await
        .into_body();
    telemetry.run(body.frame()).await.unwrap().unwrap();
    let error = telemetry.run(body.frame()).await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "canary", "the error passes unchanged");
    assert_end(&telemetry, "error", "std::io::error::Error");
    assert!(
        !format!("{:?}", telemetry.span()).contains("canary"),
        "an error's text may be a secret"
    );
}

#[tokio::test]
async fn ended_without_the_body_being_asked_to_its_end() {
    let head = Request::builder()
        .method(Method::HEAD)
        .uri("/")
        .body(Empty::new())
        .unwrap();
    let response = |code: u16, length: Option<&str>, script| {
        let mut builder = Response::builder().status(code);
        if let Some(length) = length {
            builder = builder.header("content-length", length);
        }
        builder.body(script).unwrap()
    };
    let frames = || Script::new([data("one"), data("two")]);
    // How many frames are read before the body is dropped, as a server does that knows that there
    // are no more to come.
    let cases = [
        (head, response(200, None, frames()), 0),
        (get(), response(204, None, frames()), 0),
        (get(), response(304, None, frames()), 0),
        (get(), response(200, Some("0"), frames()), 0),
        (get(), response(200, Some("6"), frames()), 2),
        (
            get(),
            response(
                200,
                None,
                Script {
                    exact: Some(6),
                    ..frames()
                },
            ),
            2,
        ),
        (
            get(),
            response(
                200,
                None,
                Script::new([data("one"), Ok(Frame::trailers(HeaderMap::new()))]),
            ),
            2,
        ),
        (get(), response(200, None, frames()), 3),
    ];
    for (number, (request, response, polls)) in cases.into_iter().enumerate() {
        let telemetry = Telemetry::new();
        let mut body = respond(&telemetry, response, request).await.into_body();
        for _ in 0..polls {
            assert!(telemetry.spans().is_empty(), "case {number} ended early");
            let _ = telemetry.run(body.frame()).await;
        }
        assert_eq!(telemetry.spans().len(), 1, "case {number} has not ended");
        drop(body);
        assert_end(&telemetry, "unset", "");
    }
}

#[tokio::test]
async fn the_body_passes_unchanged() {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", "0".parse().unwrap());
    let telemetry = Telemetry::new();
    let script = Script::new([
        data("one"),
        data("two"),
        Ok(Frame::trailers(trailers.clone())),
    ]);
    let response = respond(&telemetry, Response::new(script), get()).await;
    assert_eq!(response.body().size_hint().exact(), None);
    assert!(!response.body().is_end_stream());
    let collected = telemetry.run(response.into_body().collect()).await.unwrap();
    assert_eq!(collected.trailers(), Some(&trailers));
    assert_eq!(collected.to_bytes(), "onetwo");
    assert_end(&telemetry, "unset", "");

    let telemetry = Telemetry::new();
    let service = telemetry
        .server()
        .layer(service_fn(|_: Request<Empty<Bytes>>| async {
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("four")))
        }));
    let response = telemetry.run(service.oneshot(get())).await.unwrap();
    assert_eq!(response.body().size_hint().exact(), Some(4));
}

#[tokio::test]
async fn a_service_that_fails() {
    let telemetry = Telemetry::new();
    let service = telemetry
        .server()
        .layer(service_fn(|_: Request<Empty<Bytes>>| async {
            Err::<Response<Empty<Bytes>>, _>(std::io::Error::other("canary"))
        }));
    let error = telemetry.run(service.oneshot(get())).await.unwrap_err();
    assert_eq!(error.to_string(), "canary");
    assert_end(&telemetry, "error", "std::io::error::Error");
}

/// Runs `call` as a server does: on a task of its own, whose panic is its own.
async fn spawned<F: Future<Output: Send> + Send + 'static>(
    telemetry: &Telemetry,
    call: F,
) -> tokio::task::JoinError {
    use tracing::instrument::WithSubscriber;
    let task = tokio::spawn(call.with_subscriber(telemetry.dispatch()));
    tokio::time::timeout(DEADLINE, task)
        .await
        .unwrap()
        .err()
        .unwrap()
}

#[tokio::test]
async fn a_handler_that_panics() {
    let telemetry = Telemetry::new();
    let service = telemetry
        .server()
        .layer(service_fn(|_: Request<Empty<Bytes>>| async {
            tokio::task::yield_now().await;
            if true {
                panic!("a bug");
            }
            Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
        }));
    let error = spawned(&telemetry, service.oneshot(get())).await;
    assert!(error.is_panic(), "the panic went on");
    assert_end(&telemetry, "error", "panic");
}

#[tokio::test]
async fn a_service_that_panics_when_it_is_called() {
    fn panics(
        _: Request<Empty<Bytes>>,
    ) -> std::future::Ready<Result<Response<Empty<Bytes>>, Infallible>> {
        panic!("a bug");
    }
    let telemetry = Telemetry::new();
    let error = spawned(
        &telemetry,
        telemetry.server().layer(service_fn(panics)).oneshot(get()),
    )
    .await;
    assert!(error.is_panic());
    assert_end(&telemetry, "error", "panic");
}

#[tokio::test]
async fn a_body_that_panics() {
    struct Panics;
    impl Body for Panics {
        type Data = Bytes;
        type Error = Infallible;
        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            panic!("a bug");
        }
    }
    let telemetry = Telemetry::new();
    let service: ServerService<_> =
        telemetry
            .server()
            .layer(service_fn(|_: Request<Empty<Bytes>>| async {
                Ok::<_, Infallible>(Response::new(Panics))
            }));
    let call = async move {
        service
            .oneshot(get())
            .await
            .unwrap()
            .into_body()
            .collect()
            .await
            .map(|body| body.to_bytes())
    };
    assert!(spawned(&telemetry, call).await.is_panic());
    assert_end(&telemetry, "error", "panic");
}

#[tokio::test]
async fn a_panic_that_is_caught_on_the_way() {
    // A layer that catches panics polls and drops the future as if nothing had happened; the span
    // must have ended by then.
    let telemetry = Telemetry::new();
    let service = telemetry
        .server()
        .layer(service_fn(|_: Request<Empty<Bytes>>| async {
            if true {
                panic!("a bug");
            }
            Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
        }));
    let mut call = Box::pin(service.oneshot(get()));
    let dispatch = telemetry.dispatch();
    let caught = tracing::dispatcher::with_default(&dispatch, || {
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let mut cx = Context::from_waker(std::task::Waker::noop());
            call.as_mut().poll(&mut cx).is_ready()
        }))
    });
    assert!(caught.is_err());
    assert_end(&telemetry, "error", "panic");
    drop(call);
    assert_end(&telemetry, "error", "panic");
}
