//! Context over tasks, threads, streams and channels, with a real bridge: children have their
//! parents, and nothing stays behind.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context as TaskContext, Poll};
use std::thread;

use futures_core::Stream;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::trace::{TraceContextExt, TracerProvider as _};
use opentelemetry::{Context, KeyValue, SpanId};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
use tracing::{Dispatch, Span, info_span};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;
use trisignal_instrumentation::context::{self, Captured, Carried, InContextExt};

fn bridge() -> (Dispatch, InMemorySpanExporter) {
    let spans = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder()
        .with_simple_exporter(spans.clone())
        .build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    (Dispatch::new(Registry::default().with(layer)), spans)
}

fn tenant() -> Option<String> {
    context::current()
        .baggage()
        .get("tenant")
        .map(ToString::to_string)
}

fn span_id() -> SpanId {
    context::current().span().span_context().span_id()
}

/// Runs `f` inside a span, with baggage that was attached inside of it.
fn in_request<R>(f: impl FnOnce(SpanId) -> R) -> R {
    info_span!("request").in_scope(|| {
        let _baggage = context::current()
            .with_baggage([KeyValue::new("tenant", "a")])
            .attach();
        f(span_id())
    })
}

/// Here there is nothing.
fn assert_clean() {
    assert_eq!((span_id(), tenant()), (SpanId::INVALID, None));
    assert!(Span::current().is_none());
}

#[test]
fn a_closure_takes_span_and_baggage_to_a_thread() {
    let (dispatch, spans) = bridge();
    let _default = tracing::dispatcher::set_default(&dispatch);
    let (bound, request) = in_request(|request| {
        let bound = context::bind(|| {
            drop(info_span!("child").entered());
            (span_id(), tenant())
        });
        (bound, request)
    });
    assert_clean();
    let there = thread::spawn(move || {
        let _default = tracing::dispatcher::set_default(&dispatch);
        let seen = bound();
        assert_clean();
        seen
    });
    assert_eq!(there.join().unwrap(), (request, Some("a".to_owned())));
    let spans = spans.get_finished_spans().unwrap();
    let names: Vec<_> = spans.iter().map(|span| &*span.name).collect();
    assert_eq!(
        names,
        ["child", "request"],
        "the span ends with its last holder"
    );
    assert_eq!(spans[0].parent_span_id, request);
}

#[tokio::test]
async fn a_task_is_polled_in_the_context_of_its_maker() {
    let (dispatch, spans) = bridge();
    let _default = tracing::dispatcher::set_default(&dispatch);
    let (task, request) = in_request(|request| {
        let work = async {
            let before = (span_id(), tenant());
            tokio::task::yield_now().await;
            drop(info_span!("child").entered());
            (before, (span_id(), tenant()))
        };
        (tokio::spawn(work.in_current_context()), request)
    });
    assert_clean();
    let expected = (request, Some("a".to_owned()));
    assert_eq!(task.await.unwrap(), (expected.clone(), expected));
    assert_clean();
    let spans = spans.get_finished_spans().unwrap();
    assert_eq!(spans[0].name, "child");
    assert_eq!(spans[0].parent_span_id, request);
}

#[tokio::test]
async fn a_future_that_never_ends_is_dropped_in_its_context() {
    struct Says(std::sync::mpsc::Sender<Option<String>>);
    impl Drop for Says {
        fn drop(&mut self) {
            self.0.send(tenant()).unwrap();
        }
    }
    let (sender, receiver) = std::sync::mpsc::channel();
    let cx = Context::new().with_baggage([KeyValue::new("tenant", "a")]);
    let mut never = Box::pin(
        async move {
            let _says = Says(sender);
            std::future::pending::<()>().await;
        }
        .in_context(cx),
    );
    let first = poll_fn(|cx| Poll::Ready(never.as_mut().poll(cx))).await;
    assert!(first.is_pending());
    drop(never);
    assert_eq!(receiver.recv().unwrap().as_deref(), Some("a"));
    assert_clean();
}

struct Tenants(usize);

impl Stream for Tenants {
    type Item = Option<String>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        if self.0 == 0 {
            return Poll::Ready(None);
        }
        self.0 -= 1;
        Poll::Ready(Some(tenant()))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.0, Some(self.0))
    }
}

#[tokio::test]
async fn a_stream_is_polled_in_the_context_of_its_maker() {
    let cx = Context::new().with_baggage([KeyValue::new("tenant", "a")]);
    let mut stream = pin!(Tenants(2).in_context(cx));
    assert_eq!(stream.size_hint(), (2, Some(2)));
    let mut seen = Vec::new();
    while let Some(item) = poll_fn(|cx| stream.as_mut().poll_next(cx)).await {
        assert_clean();
        seen.push(item);
    }
    assert_eq!(seen, [Some("a".to_owned()), Some("a".to_owned())]);
}

#[tokio::test]
async fn an_envelope_brings_each_value_its_own_context() {
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel::<Carried<u32>>();
    for (number, name) in [(1, "a"), (2, "b")] {
        let cx = Context::new().with_baggage([KeyValue::new("tenant", name)]);
        let _request = cx.attach();
        sender.send(Carried::new(number)).unwrap();
    }
    let first = receiver.recv().await.unwrap();
    assert_eq!(*first.get(), 1);
    let mapped = first.map(|number| (number, tenant()));
    assert_eq!(mapped.get(), &(1, Some("a".to_owned())));
    assert_eq!(mapped.enter(|_| tenant()).as_deref(), Some("a"));
    let second = receiver.recv().await.unwrap();
    let processed = second.process(async |number| {
        tokio::task::yield_now().await;
        (number, tenant())
    });
    assert_eq!(processed.await, (2, Some("b".to_owned())));
    assert_clean();
}

#[test]
fn a_panic_leaves_nothing_behind() {
    let cx = Context::new().with_baggage([KeyValue::new("tenant", "a")]);
    let captured = Captured::from(cx);
    assert_eq!(captured.context().baggage().len(), 1);
    let run = std::panic::AssertUnwindSafe(|| captured.run(|| panic!("of a test")));
    assert!(std::panic::catch_unwind(run).is_err());
    assert_clean();
}
