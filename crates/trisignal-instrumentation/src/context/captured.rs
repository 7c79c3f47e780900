//! The context of one moment, to go back to.

use opentelemetry::{Context, ContextGuard};
use tracing::Span;
use tracing::span::Entered;

/// The `tracing` span and the OpenTelemetry context that were current at one moment.
///
/// A clone is cheap, and holds the span open as well.
///
/// ```
/// use opentelemetry::{Context, KeyValue, baggage::BaggageExt};
/// use trisignal_instrumentation::context::{self, Captured};
///
/// let captured = {
///     let _attached = Context::new().with_baggage([KeyValue::new("tenant", "a")]).attach();
///     Captured::current()
/// };
/// let thread = std::thread::spawn(move || {
///     captured.run(|| context::current().baggage().get("tenant").unwrap().to_string())
/// });
/// assert_eq!(thread.join().unwrap(), "a");
/// ```
#[derive(Debug, Clone)]
pub struct Captured {
    span: Span,
    context: Context,
}

impl Captured {
    /// What is current now.
    pub fn current() -> Self {
        Self {
            span: Span::current(),
            context: super::current(),
        }
    }

    /// The OpenTelemetry context in it.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Runs `f` in it, and nothing else: what was current before is so again afterwards, also when
    /// `f` panics.
    ///
    /// For futures there is [`InContextExt`](super::InContextExt): what `f` awaits later on does not
    /// run in it.
    pub fn run<R>(&self, f: impl FnOnce() -> R) -> R {
        let _scope = self.enter();
        f()
    }

    pub(super) fn enter(&self) -> Scope<'_> {
        // The bridge attaches the span's own context when it is entered. What was attached inside
        // the span, baggage for one, comes on top of it.
        let span = self.span.enter();
        Scope {
            _context: self.context.clone().attach(),
            _span: span,
        }
    }
}

/// A context without a `tracing` span, such as one that was extracted from a message.
impl From<Context> for Captured {
    fn from(context: Context) -> Self {
        Self {
            span: Span::none(),
            context,
        }
    }
}

/// Both are current until it is dropped: first the context goes, then the span.
pub(super) struct Scope<'a> {
    _context: ContextGuard,
    _span: Entered<'a>,
}

/// `f`, to run in the context that is current now: for `tokio::task::spawn_blocking`,
/// `std::thread::spawn` and pools of threads.
///
/// What the closure owns is dropped in that context as well, once it has run.
///
/// ```
/// use trisignal_instrumentation::context;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let digest = tokio::task::spawn_blocking(context::bind(|| {
///     tracing::info!("hashing");
///     42
/// }));
/// assert_eq!(digest.await.unwrap(), 42);
/// # }
/// ```
pub fn bind<R>(f: impl FnOnce() -> R) -> impl FnOnce() -> R {
    let captured = Captured::current();
    move || captured.run(f)
}
