//! Writes OTLP messages field by field into bytes, where the values are at hand.
//!
//! The field numbers are those of `opentelemetry-proto`; the tests decode what is written with its types. Whatever is
//! the default of its field is left out, as protobuf asks, but for what each span and each record has; lengths take as few
//! bytes as they can.

pub(crate) mod key;
pub(crate) mod log;
pub(crate) mod request;
pub(crate) mod sdk;
pub(crate) mod span;
pub(crate) mod value;
pub(crate) mod wire;
