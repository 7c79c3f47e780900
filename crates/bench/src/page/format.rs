//! Names, numbers and tables as text.

use crate::job::{Candidate, Compression, Export, Job, Mode};

/// What a candidate is called on the page.
pub(super) fn name(candidate: Candidate) -> &'static str {
    match candidate {
        Candidate::None => "no telemetry",
        Candidate::Tracing => "`tracing` + registry only",
        Candidate::Trisignal => "**Trisignal**",
        Candidate::Stock => "tracing-opentelemetry + SDK",
        Candidate::StockLean => "the same, locations, threads, inactivity off",
        Candidate::Logfire => "logfire",
        Candidate::Init => "init-tracing-opentelemetry",
        Candidate::Fastrace => "fastrace",
        Candidate::Otel => "OpenTelemetry API + SDK",
        Candidate::FmtJson => "`fmt` JSON, thrown away",
        Candidate::PrometheusClient => "prometheus-client",
    }
}

/// The candidate, and where it sends.
pub(super) fn title(job: Job) -> String {
    let compression = match job.compression {
        Compression::None => "",
        Compression::Gzip => ", gzip",
        Compression::Zstd => ", zstd",
    };
    let export = match job.export {
        _ if matches!(
            job.candidate,
            Candidate::Tracing | Candidate::FmtJson | Candidate::PrometheusClient
        ) =>
        {
            ""
        }
        Export::Null => ", thrown away",
        Export::Http => ", HTTP",
        Export::Grpc => ", gRPC",
    };
    let mode = match job.mode {
        Mode::ContextOff => ", without the OTel context",
        _ => "",
    };
    format!("{}{export}{compression}{mode}", name(job.candidate))
}

/// With so many digits behind the point, and commas between thousands.
pub(super) fn number(value: Option<f64>, digits: usize) -> String {
    let Some(value) = value.filter(|value| value.is_finite()) else {
        return "–".to_owned();
    };
    let text = format!("{:.digits$}", value.abs());
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let sign = if value < 0.0 && text.bytes().any(|byte| (b'1'..=b'9').contains(&byte)) {
        "−"
    } else {
        ""
    };
    format!("{sign}{grouped}{rest}")
}

/// One figure in terms of another.
pub(super) fn ratio(value: Option<f64>, of: Option<f64>) -> Option<f64> {
    Some(value? / of?).filter(|ratio| ratio.is_finite())
}

/// `1.7 ×`, and for small ones more digits.
pub(super) fn times(ratio: Option<f64>) -> String {
    match ratio {
        Some(ratio) if ratio < 0.995 => format!("{} ×", number(Some(ratio), 2)),
        ratio => format!("{} ×", number(ratio, 1)),
    }
}

/// A table; nothing without rows.
pub(super) fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut text = format!(
        "| {} |\n|---|{}\n",
        header.join(" | "),
        "--:|".repeat(header.len() - 1)
    );
    for row in rows {
        text += &format!("| {} |\n", row.join(" | "));
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(number(Some(1_234_567.8), 0), "1,234,568");
        assert_eq!(number(Some(12.345), 2), "12.35");
        assert_eq!(number(Some(-1234.0), 0), "−1,234");
        assert_eq!(number(Some(-0.01), 1), "0.0");
        assert_eq!(number(None, 1), "–");
        assert_eq!(times(Some(0.25)), "0.25 ×");
        assert_eq!(times(Some(25.0)), "25.0 ×");
    }
}
