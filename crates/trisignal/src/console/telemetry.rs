//! Spans and metrics as lines of text for people, from the requests that backends get.
//!
//! `17:00:00.123Z  SPAN GET /pay 12.345 ms server http.route=/pay trace_id=4bf9… span_id=00f0…` and
//! `17:00:00.123Z METRIC http.server.request.duration{http.route=/pay} count=3 sum=0.25 s`.

use std::fmt::Write as _;
use std::time::{Duration, UNIX_EPOCH};

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{Metric, number_data_point};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;

use super::pretty::{push_quoted, push_text};
use super::time::push_time_of_day;

/// A line for each span, each with its line feed.
pub(crate) fn span_lines(request: &ExportTraceServiceRequest) -> Vec<String> {
    let scopes = request
        .resource_spans
        .iter()
        .flat_map(|resource| &resource.scope_spans);
    scopes.flat_map(|scope| &scope.spans).map(span).collect()
}

/// A line for each data point, each with its line feed.
pub(crate) fn metric_lines(request: &ExportMetricsServiceRequest) -> Vec<String> {
    let scopes = request
        .resource_metrics
        .iter()
        .flat_map(|resource| &resource.scope_metrics);
    let mut lines = Vec::new();
    for metric in scopes.flat_map(|scope| &scope.metrics) {
        points(metric, &mut lines);
    }
    lines
}

fn span(span: &Span) -> String {
    let mut line = String::new();
    push_time(&mut line, span.start_time_unix_nano);
    line.push_str("  SPAN ");
    push_text(&mut line, &span.name);
    let nanos = span
        .end_time_unix_nano
        .saturating_sub(span.start_time_unix_nano);
    // Milliseconds with three decimals are microseconds.
    let _ = write!(
        line,
        " {}.{:03} ms",
        nanos / 1_000_000,
        nanos / 1_000 % 1_000
    );
    match span.kind() {
        SpanKind::Unspecified | SpanKind::Internal => {}
        SpanKind::Server => line.push_str(" server"),
        SpanKind::Client => line.push_str(" client"),
        SpanKind::Producer => line.push_str(" producer"),
        SpanKind::Consumer => line.push_str(" consumer"),
    }
    if let Some(status) = &span.status
        && status.code() == StatusCode::Error
    {
        line.push_str(" error");
        if !status.message.is_empty() {
            line.push('=');
            push_quoted(&mut line, &status.message);
        }
    }
    push_attributes(&mut line, &span.attributes);
    for event in &span.events {
        line.push_str(" event=");
        push_quoted(&mut line, &event.name);
    }
    push_id(&mut line, "trace_id", &span.trace_id);
    push_id(&mut line, "span_id", &span.span_id);
    push_id(&mut line, "parent_id", &span.parent_span_id);
    for link in &span.links {
        push_id(&mut line, "link", &link.span_id);
    }
    line.push('\n');
    line
}

fn points(metric: &Metric, lines: &mut Vec<String>) {
    let mut line = |time: u64, attributes: &[KeyValue], value: String| {
        let mut line = String::new();
        push_time(&mut line, time);
        line.push_str(" METRIC ");
        push_text(&mut line, &metric.name);
        if !attributes.is_empty() {
            line.push('{');
            let mut inner = String::new();
            push_attributes(&mut inner, attributes);
            line.push_str(inner.trim_start());
            line.push('}');
        }
        line.push(' ');
        line.push_str(&value);
        if !metric.unit.is_empty() {
            line.push(' ');
            push_text(&mut line, &metric.unit);
        }
        line.push('\n');
        lines.push(line);
    };
    let number = |value: &Option<number_data_point::Value>| match value {
        Some(number_data_point::Value::AsInt(value)) => value.to_string(),
        Some(number_data_point::Value::AsDouble(value)) => format!("{value:?}"),
        None => "no value".to_owned(),
    };
    match &metric.data {
        Some(Data::Gauge(gauge)) => {
            for point in &gauge.data_points {
                line(
                    point.time_unix_nano,
                    &point.attributes,
                    number(&point.value),
                );
            }
        }
        Some(Data::Sum(sum)) => {
            for point in &sum.data_points {
                line(
                    point.time_unix_nano,
                    &point.attributes,
                    number(&point.value),
                );
            }
        }
        Some(Data::Histogram(histogram)) => {
            for point in &histogram.data_points {
                let value = summary(point.count, point.sum, point.min, point.max);
                line(point.time_unix_nano, &point.attributes, value);
            }
        }
        Some(Data::ExponentialHistogram(histogram)) => {
            for point in &histogram.data_points {
                let value = summary(point.count, point.sum, point.min, point.max);
                line(point.time_unix_nano, &point.attributes, value);
            }
        }
        Some(Data::Summary(quantiles)) => {
            for point in &quantiles.data_points {
                let value = summary(point.count, Some(point.sum), None, None);
                line(point.time_unix_nano, &point.attributes, value);
            }
        }
        None => {}
    }
}

/// What a histogram tells without its buckets.
fn summary(count: u64, sum: Option<f64>, min: Option<f64>, max: Option<f64>) -> String {
    let mut text = format!("count={count}");
    for (name, value) in [("sum", sum), ("min", min), ("max", max)] {
        if let Some(value) = value {
            let _ = write!(text, " {name}={value:?}");
        }
    }
    text
}

fn push_time(line: &mut String, unix_nanos: u64) {
    push_time_of_day(line, UNIX_EPOCH + Duration::from_nanos(unix_nanos));
}

fn push_attributes(line: &mut String, attributes: &[KeyValue]) {
    for attribute in attributes {
        line.push(' ');
        push_text(line, &attribute.key);
        line.push('=');
        push_value(line, attribute.value.as_ref());
    }
}

fn push_value(line: &mut String, value: Option<&AnyValue>) {
    let _ = match value.and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => {
            push_quoted(line, text);
            Ok(())
        }
        Some(Value::BoolValue(value)) => write!(line, "{value}"),
        Some(Value::IntValue(value)) => write!(line, "{value}"),
        Some(Value::DoubleValue(value)) => write!(line, "{value:?}"),
        Some(Value::BytesValue(bytes)) => write!(line, "({} bytes)", bytes.len()),
        Some(Value::ArrayValue(array)) => {
            line.push('[');
            for (index, value) in array.values.iter().enumerate() {
                if index > 0 {
                    line.push(' ');
                }
                push_value(line, Some(value));
            }
            line.push(']');
            Ok(())
        }
        Some(Value::KvlistValue(list)) => {
            line.push('{');
            let mut inner = String::new();
            push_attributes(&mut inner, &list.values);
            line.push_str(inner.trim_start());
            line.push('}');
            Ok(())
        }
        Some(Value::StringValueStrindex(_)) | None => Ok(()),
    };
}

fn push_id(line: &mut String, name: &str, id: &[u8]) {
    if id.is_empty() {
        return;
    }
    let _ = write!(line, " {name}=");
    for byte in id {
        let _ = write!(line, "{byte:02x}");
    }
}
