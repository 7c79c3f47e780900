//! From `tracing` to OpenTelemetry: spans, and events with the fields of their spans.

pub(crate) mod events;
pub(crate) mod logs;
pub(crate) mod spans;
pub(crate) mod suppress;
