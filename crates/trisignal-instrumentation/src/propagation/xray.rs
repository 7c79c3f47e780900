//! AWS X-Ray: the header `x-amzn-trace-id`.
//!
//! ```text
//! Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=100:e3b0c442:11
//!        |        the other 24 digits             span ID                  |  1, 0 or ? (open)
//!        first 8 digits of the trace ID
//! ```
//!
//! Fields come in any order, each at most once. Without `Parent`, as a load balancer writes it,
//! there is no span to continue. A decision that is left open counts as not sampled. `Self` belongs
//! to one hop and is dropped; `Lineage`, by which AWS finds loops, and fields of others are kept
//! beside the span context and sent on within the trace, as AWS's own libraries do. One that is
//! ill-formed is dropped alone.

use std::sync::{Arc, LazyLock};

use opentelemetry::propagation::text_map_propagator::FieldIter;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::{SpanContext, TraceContextExt, TraceState};
use opentelemetry::{Context, SpanId, TraceFlags, TraceId};

use super::{Header, count_rejected, header, hex};

pub(super) const HEADER: &str = "x-amzn-trace-id";

/// The fields that AWS has come to about 120 bytes.
const MAX_BYTES: usize = 1024;
const MAX_FIELDS: usize = 16;

static FIELDS: LazyLock<[String; 1]> = LazyLock::new(|| [HEADER.to_owned()]);

/// The header of AWS X-Ray.
#[derive(Debug, Clone, Copy, Default)]
pub struct XRayPropagator {
    _private: (),
}

impl XRayPropagator {
    /// The propagator. It has no settings.
    pub const fn new() -> Self {
        Self { _private: () }
    }
}

/// In the context: the fields to send on within a trace, each with a `;` before it.
struct Kept {
    trace_id: TraceId,
    fields: Arc<str>,
}

impl TextMapPropagator for XRayPropagator {
    fn inject_context(&self, cx: &Context, injector: &mut dyn Injector) {
        let span = cx.span();
        let span = span.span_context();
        if !span.is_valid() {
            return;
        }
        let trace_id = span.trace_id().to_string();
        let (time, rest) = trace_id.split_at(8);
        let kept = cx
            .get::<Kept>()
            .filter(|kept| kept.trace_id == span.trace_id())
            .map_or("", |kept| &kept.fields);
        injector.set(
            HEADER,
            format!(
                "Root=1-{time}-{rest};Parent={};Sampled={}{kept}",
                span.span_id(),
                u8::from(span.is_sampled()),
            ),
        );
    }

    fn extract_with_context(&self, cx: &Context, extractor: &dyn Extractor) -> Context {
        let parsed = match header(extractor, HEADER) {
            Header::Absent => return cx.clone(),
            Header::One(text) => Parsed::from(text),
            Header::Several => None,
        };
        let Some(parsed) = parsed else {
            count_rejected(HEADER);
            return cx.clone();
        };
        if !parsed.is_whole {
            count_rejected(HEADER);
        }
        let (Some(trace_id), Some(span_id)) = (parsed.root, parsed.parent) else {
            return cx.clone();
        };
        let flags = TraceFlags::NOT_SAMPLED.with_sampled(parsed.sampled == Some(true));
        let cx = cx.with_remote_span_context(SpanContext::new(
            trace_id,
            span_id,
            flags,
            true,
            TraceState::NONE,
        ));
        if parsed.kept.is_empty() {
            return cx;
        }
        cx.with_value(Kept {
            trace_id,
            fields: parsed.kept.into(),
        })
    }

    fn fields(&self) -> FieldIter<'_> {
        FieldIter::new(&*FIELDS)
    }
}

struct Parsed {
    root: Option<TraceId>,
    parent: Option<SpanId>,
    /// `Some(None)` of the wire, `?`, is `None` here as well.
    sampled: Option<bool>,
    kept: String,
    is_whole: bool,
}

impl Parsed {
    /// `None` when the header as a whole is ill-formed.
    fn from(text: &str) -> Option<Self> {
        if text.len() > MAX_BYTES {
            return None;
        }
        let mut parsed = Self {
            root: None,
            parent: None,
            sampled: None,
            kept: String::new(),
            is_whole: true,
        };
        let mut seen = Vec::new();
        let fields = text.split(';').map(|field| field.trim_matches([' ', '\t']));
        for field in fields.filter(|field| !field.is_empty()) {
            let (key, value) = field.split_once('=')?;
            if seen.len() == MAX_FIELDS || seen.contains(&key) {
                return None;
            }
            seen.push(key);
            parsed.take(key, value)?;
        }
        // All else is about a trace.
        parsed.root.map(|_| parsed)
    }

    fn take(&mut self, key: &str, value: &str) -> Option<()> {
        match key {
            "Root" => self.root = Some(parse_root(value.as_bytes())?),
            "Parent" => self.parent = Some(hex::span_id(value.as_bytes())?),
            "Sampled" => {
                self.sampled = match value {
                    "0" => Some(false),
                    "1" => Some(true),
                    "?" => None,
                    _ => return None,
                }
            }
            "Self" => {}
            _ if is_kept(key, value) => {
                self.kept.extend([";", key, "=", value]);
            }
            _ => self.is_whole = false,
        }
        Some(())
    }
}

fn parse_root(text: &[u8]) -> Option<TraceId> {
    let rest = text.strip_prefix(b"1-")?;
    if rest.len() != 33 || rest[8] != b'-' {
        return None;
    }
    let mut digits = [0; 32];
    digits[..8].copy_from_slice(&rest[..8]);
    digits[8..].copy_from_slice(&rest[9..]);
    hex::trace_id(&digits)
}

fn is_kept(key: &str, value: &str) -> bool {
    if key == "Lineage" {
        return is_lineage(value);
    }
    let in_key = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let in_value = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b',' | b'"' | b'\\');
    !key.is_empty() && key.bytes().all(in_key) && !value.is_empty() && value.bytes().all(in_value)
}

/// A counter, eight hex digits and a counter.
fn is_lineage(value: &str) -> bool {
    let is_counter =
        |text: &str| matches!(text.len(), 1..=5) && text.bytes().all(|byte| byte.is_ascii_digit());
    let mut parts = value.split(':');
    let (Some(first), Some(hash), Some(last), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    is_counter(first) && hex::bytes::<4>(hash.as_bytes()).is_some() && is_counter(last)
}

#[cfg(test)]
mod tests;
