//! A value with the context that it was made in.

use std::future::Future;

use super::{Captured, InContext, InContextExt};

/// An envelope for what goes through a channel or waits in a queue: the value, and the context of
/// whoever put it in.
///
/// ```
/// use opentelemetry::{Context, KeyValue, baggage::BaggageExt};
/// use tokio::sync::mpsc;
/// use trisignal_instrumentation::context::{self, Carried};
///
/// async fn fulfil(order: u32) -> String {
///     format!("{order} of {}", context::current().baggage().get("tenant").unwrap())
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let (sender, mut receiver) = mpsc::channel::<Carried<u32>>(8);
/// let worker = tokio::spawn(async move {
///     let order = receiver.recv().await.unwrap();
///     order.process(fulfil).await
/// });
///
/// // In the handler of a request:
/// let _request = Context::new().with_baggage([KeyValue::new("tenant", "a")]).attach();
/// sender.try_send(Carried::new(7)).unwrap();
///
/// assert_eq!(worker.await.unwrap(), "7 of a");
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "the value is still inside"]
pub struct Carried<T> {
    value: T,
    captured: Captured,
}

impl<T> Carried<T> {
    /// `value` with the context that is current now.
    pub fn new(value: T) -> Self {
        Self::with(value, Captured::current())
    }

    /// `value` with `context`, which may be one that was captured earlier or an OpenTelemetry
    /// context.
    pub fn with(value: T, context: impl Into<Captured>) -> Self {
        Self {
            value,
            captured: context.into(),
        }
    }

    /// Runs `f` on the value, in its context.
    pub fn enter<R>(self, f: impl FnOnce(T) -> R) -> R {
        let Self { value, captured } = self;
        captured.run(|| f(value))
    }

    /// The future that `f` makes of the value, which is made and polled in its context.
    pub fn process<F: Future>(self, f: impl FnOnce(T) -> F) -> InContext<F> {
        let Self { value, captured } = self;
        captured.run(|| f(value)).in_context(captured)
    }

    /// What `f` makes of the value, with the same context. `f` runs in it.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Carried<U> {
        let Self { value, captured } = self;
        Carried {
            value: captured.run(|| f(value)),
            captured,
        }
    }

    /// A look at the value.
    pub fn get(&self) -> &T {
        &self.value
    }

    /// The context.
    pub fn context(&self) -> &Captured {
        &self.captured
    }

    /// Both.
    pub fn into_parts(self) -> (T, Captured) {
        (self.value, self.captured)
    }
}
