//! The records the store holds: plain structs with public fields, made from the OTLP messages.
//!
//! IDs are lower-case hex strings, and empty where the sender set none; times are nanoseconds since the
//! Unix epoch, and 0 where the sender set none.

mod batch;
mod log;
mod metric;
mod origin;
mod points;
mod span;
mod value;

pub use batch::{Batch, Signal};
pub use log::LogRecord;
pub use metric::{DataPoint, Exemplar, Metric, MetricKind, PointValue, Temporality};
pub use origin::{Resource, Scope};
pub use span::{Span, SpanEvent, SpanKind, SpanLink, SpanStatus};
pub use value::{Attributes, Value};

pub(crate) use batch::{Identity, Malformed};
pub(crate) use value::Printable;

/// Writes `bytes` as lower-case hex; an ID of any length but `len` or none is malformed, as it is for a Collector.
fn hex_id(bytes: &[u8], len: usize, what: &'static str) -> Result<String, Malformed> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    if !bytes.is_empty() && bytes.len() != len {
        return Err(Malformed(format!("{what} of {} bytes", bytes.len())));
    }
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble & 0x0f)]);
    Ok(bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(*byte)])
        .collect())
}
