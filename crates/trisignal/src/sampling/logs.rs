//! Log records that share the fate of their trace.

use opentelemetry::TraceFlags;
use opentelemetry::logs::Severity;

/// Whether a record is exported where logs follow the sampling of traces: warnings and errors always are, and what
/// belongs to no trace.
pub(crate) fn follows(severity: Severity, trace: Option<TraceFlags>) -> bool {
    severity >= Severity::Warn || trace.is_none_or(|flags| flags.is_sampled())
}
