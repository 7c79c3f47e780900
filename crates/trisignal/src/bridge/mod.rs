//! From `tracing` to OpenTelemetry: spans, and events with the fields of their spans.
//!
//! One layer for both. A span has one record while it is open ([`open`]); its fields are encoded when they come, and
//! used for its export, for the log records inside of it, and for the console. When it ends it is written as OTLP
//! into a buffer of its thread.
//!
//! What means something else than in `tracing-opentelemetry` is in `docs/spans.md`.

pub(crate) mod callsite;
mod core;
pub(crate) mod correlated;
pub(crate) mod current;
pub(crate) mod cut;
mod directives;
pub(crate) mod events;
mod ext;
mod handle;
mod happened;
pub(crate) mod ids;
pub(crate) mod layer;
mod local;
pub(crate) mod open;
#[cfg(feature = "tracing-opentelemetry")]
pub(crate) mod other;
mod room;
pub(crate) mod spans;
mod start;
mod state;
pub(crate) mod suppress;
mod table;

pub use self::ext::SpanExt;
