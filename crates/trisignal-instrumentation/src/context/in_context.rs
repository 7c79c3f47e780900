//! Futures and streams that are polled, and dropped, in a context of their own.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use futures_core::Stream;
use pin_project_lite::pin_project;

use super::Captured;

/// Takes a context along with a future or a stream.
pub trait InContextExt: Sized {
    /// The same, polled in the context that is current **now**: that of the code that calls this,
    /// not of the code that polls.
    ///
    /// ```
    /// use opentelemetry::{Context, KeyValue, baggage::BaggageExt};
    /// use tokio::task::JoinSet;
    /// use trisignal_instrumentation::context::{self, InContextExt};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let _request = Context::new().with_baggage([KeyValue::new("tenant", "a")]).attach();
    ///
    /// let mut tasks = JoinSet::new();
    /// for shard in 0..3 {
    ///     let query = async move { (shard, context::current().baggage().len()) };
    ///     tasks.spawn(query.in_current_context());
    /// }
    /// for (_, members) in tasks.join_all().await {
    ///     assert_eq!(members, 1);
    /// }
    /// # }
    /// ```
    fn in_current_context(self) -> InContext<Self> {
        self.in_context(Captured::current())
    }

    /// The same, polled in `context`, which may be one that was captured earlier or an OpenTelemetry
    /// context.
    fn in_context(self, context: impl Into<Captured>) -> InContext<Self> {
        InContext {
            inner: Some(self),
            captured: context.into(),
        }
    }
}

impl<T> InContextExt for T {}

pin_project! {
    /// A future or stream in a context: see [`InContextExt`].
    #[derive(Debug)]
    #[must_use = "futures and streams do nothing unless polled"]
    pub struct InContext<T> {
        // Always there until it is dropped.
        #[pin]
        inner: Option<T>,
        captured: Captured,
    }

    impl<T> PinnedDrop for InContext<T> {
        fn drop(this: Pin<&mut Self>) {
            // What a cancelled task says in its destructors belongs to its context, too.
            let mut this = this.project();
            let _scope = this.captured.enter();
            this.inner.set(None);
        }
    }
}

impl<F: Future> Future for InContext<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let _scope = this.captured.enter();
        match this.inner.as_pin_mut() {
            Some(inner) => inner.poll(cx),
            None => Poll::Pending,
        }
    }
}

impl<S: Stream> Stream for InContext<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        let _scope = this.captured.enter();
        match this.inner.as_pin_mut() {
            Some(inner) => inner.poll_next(cx),
            None => Poll::Ready(None),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.inner.as_ref().map_or((0, Some(0)), S::size_hint)
    }
}
