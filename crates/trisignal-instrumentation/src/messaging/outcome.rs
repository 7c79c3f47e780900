//! What an operation's result says about it.

use std::any::type_name;
use std::borrow::Cow;

/// The result of an operation on messages, as telemetry sees it.
///
/// It is there for `Result`, whose error is named by its type, and for `()`, which is always a
/// success. For a type of your own, or for errors with better names, implement it:
///
/// ```
/// use std::borrow::Cow;
/// use trisignal_instrumentation::messaging::{Consumer, Outcome};
///
/// enum Handled { Done, Requeue }
///
/// impl Outcome for Handled {
///     fn error_type(&self) -> Option<Cow<'static, str>> {
///         matches!(self, Self::Requeue).then_some(Cow::Borrowed("requeue"))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let consumer = Consumer::new("rabbitmq").destination("orders");
/// let headers = http::HeaderMap::new();
/// consumer.process(&headers, async { Handled::Requeue }).await;
/// # }
/// ```
pub trait Outcome {
    /// The value of `error.type`, one of few, when the operation failed.
    fn error_type(&self) -> Option<Cow<'static, str>>;
}

impl Outcome for () {
    fn error_type(&self) -> Option<Cow<'static, str>> {
        None
    }
}

impl<T, E> Outcome for Result<T, E> {
    fn error_type(&self) -> Option<Cow<'static, str>> {
        self.as_ref().err().map(|_| {
            let name = type_name::<E>();
            // The name of a boxed trait object says nothing about the error.
            Cow::Borrowed(if name.contains("dyn ") {
                "_OTHER"
            } else {
                name
            })
        })
    }
}
