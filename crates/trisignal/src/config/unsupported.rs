//! Variables of the specification that there is nothing to do for: they are read to say so.

use super::parse::Problems;
use super::reader::Reader;
use super::variables as table;

/// Says what of the operator's wishes has no effect.
pub(super) fn warn(reader: &mut Reader<'_>) {
    for variable in [
        &table::SEMCONV_STABILITY_OPT_IN,
        &table::SEMCONV_EXCEPTION_SIGNAL_OPT_IN,
        &table::ZIPKIN_ENDPOINT,
        &table::ZIPKIN_TIMEOUT,
        &table::ZIPKIN_PROTOCOL,
    ] {
        // Its warning is all that there is to it.
        let _ = reader.read(variable);
    }
}

/// The stable names are in force anyway; the old ones next to them can't be had.
pub(super) fn stable_only(text: &str, problems: &mut Problems) -> Option<String> {
    if text.split(',').any(|name| name.trim().ends_with("/dup")) {
        return problems.reject("asks for names of old conventions, which were never here");
    }
    Some(text.to_owned())
}

/// Exceptions are in both places, whatever is asked for.
pub(super) fn exception_signal(text: &str, problems: &mut Problems) -> Option<String> {
    match text.to_ascii_lowercase().as_str() {
        "logs" | "logs/dup" => Some(text.to_owned()),
        _ => problems.reject("is none of logs, logs/dup"),
    }
}

pub(super) fn zipkin(_: &str, problems: &mut Problems) -> Option<String> {
    problems.reject(
        "has no effect, Zipkin is not supported: send OTLP to a Collector with the exporter `zipkin` instead",
    )
}
