//! Futures that are an operation.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::Outcome;
use super::operation::{Operation, within};

pin_project! {
    /// A future inside the span of its operation, which started when this was made. Dropped before
    /// it is ready, the operation counts as cancelled.
    #[must_use = "futures do nothing unless awaited"]
    pub struct Observed<F: Future> {
        #[pin]
        inner: Watched<F, fn(Operation, &F::Output)>,
    }
}

impl<F: Future> Observed<F>
where
    F::Output: Outcome,
{
    /// The future that `make` makes inside of `operation`.
    pub(super) fn start(mut operation: Option<Operation>, make: impl FnOnce() -> F) -> Self {
        let future = within(&mut operation, make);
        Self {
            inner: Watched::new(operation, future, Operation::finish),
        }
    }
}

impl<F: Future> Future for Observed<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().inner.poll(cx)
    }
}

pin_project! {
    /// A future with what is to be done with its operation at the end.
    pub(super) struct Watched<F, E> {
        // An option so that it can be dropped inside the span: a cancelled handler may still have
        // something to log.
        #[pin]
        inner: Option<F>,
        operation: Option<Operation>,
        end: Option<E>,
    }

    impl<F, E> PinnedDrop for Watched<F, E> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            within(this.operation, || this.inner.set(None));
        }
    }
}

impl<F: Future, E: FnOnce(Operation, &F::Output)> Watched<F, E> {
    pub(super) fn new(operation: Option<Operation>, inner: F, end: E) -> Self {
        Self {
            inner: Some(inner),
            operation,
            end: Some(end),
        }
    }
}

impl<F: Future, E: FnOnce(Operation, &F::Output)> Future for Watched<F, E> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(inner) = this.inner.as_pin_mut() else {
            // Only a drop takes it out.
            return Poll::Pending;
        };
        let output = ready!(within(this.operation, || inner.poll(cx)));
        if let (Some(operation), Some(end)) = (this.operation.take(), this.end.take()) {
            end(operation, &output);
        }
        Poll::Ready(output)
    }
}
