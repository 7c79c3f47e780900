//! What is known of an event before it becomes a console line and an OTLP record.
//!
//! An event is read once: `capture` runs the user's formatting code and stores plain values in `fields`, `trace`
//! finds the OpenTelemetry context that it belongs to, and only then are locks taken and bytes written. So whatever
//! a `Debug` implementation does (log, panic, take long), it never does it while something of ours is held.

pub(crate) mod capture;
pub(crate) mod fields;
pub(crate) mod otlp;
pub(crate) mod scratch;
pub(crate) mod trace;
