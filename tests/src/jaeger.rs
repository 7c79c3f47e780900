//! Reading traces back: Jaeger's API, and the OTLP/JSON that it and Tempo answer with.

use serde_json::Value;

use crate::http::get;
use crate::wait::until;

/// One span as a backend gives it back.
#[derive(Clone, Debug)]
pub struct TracedSpan {
    /// `service.name` of its resource.
    pub service: String,
    /// Its name.
    pub name: String,
    /// Trace ID, lower-case hex.
    pub trace_id: String,
    /// Span ID, lower-case hex.
    pub span_id: String,
    /// Span ID of the parent; empty for a root.
    pub parent_span_id: String,
    /// The number of OTLP: 1 internal, 2 server, 3 client, 4 producer, 5 consumer.
    pub kind: u64,
    /// The number of OTLP: 0 unset, 1 ok, 2 error.
    pub status: u64,
    /// The spans that it is linked to, as trace ID and span ID.
    pub links: Vec<(String, String)>,
    attributes: Value,
}

impl TracedSpan {
    /// An attribute as text; numbers and booleans as they are written.
    #[must_use]
    pub fn attribute(&self, key: &str) -> Option<String> {
        attribute(&self.attributes, key)
    }
}

/// The API of a running Jaeger.
#[derive(Clone, Debug)]
pub struct Jaeger {
    url: String,
}

impl Jaeger {
    pub(crate) fn new(url: String) -> Self {
        Self { url }
    }

    /// What is stored of a trace now; nothing for one that Jaeger does not know.
    ///
    /// # Panics
    ///
    /// When Jaeger does not answer.
    #[must_use]
    #[allow(clippy::expect_used, reason = "a test harness fails by panic")]
    pub fn trace(&self, trace_id: &str) -> Vec<TracedSpan> {
        let url = format!("{}/api/v3/traces/{trace_id}", self.url);
        let answer = get(&url, &[]).expect("jaeger answers");
        read_trace(&answer.json())
    }

    /// Waits until what is stored of the trace is `enough`: its spans come in any order, from each service by itself.
    ///
    /// # Panics
    ///
    /// When it is not in time; the last state is said.
    #[must_use]
    pub fn wait_for_trace(
        &self,
        trace_id: &str,
        enough: impl Fn(&[TracedSpan]) -> bool,
    ) -> Vec<TracedSpan> {
        let mut last = 0;
        until(&format!("the whole trace {trace_id} in Jaeger"), || {
            let found = self.trace(trace_id);
            if found.len() != last {
                last = found.len();
                eprintln!("Jaeger has {last} spans of trace {trace_id}");
            }
            enough(&found).then_some(found)
        })
    }
}

/// Reads every span of an OTLP/JSON answer, wherever in it the resource spans are.
///
/// Jaeger wraps them in `result`, Tempo in `trace`; IDs come as hex or as base64.
#[must_use]
pub fn read_trace(answer: &Value) -> Vec<TracedSpan> {
    let resources = [
        &answer["result"]["resourceSpans"],
        &answer["trace"]["resourceSpans"],
        &answer["resourceSpans"],
    ];
    let mut spans = Vec::new();
    for resource in resources.into_iter().filter_map(Value::as_array).flatten() {
        let service =
            attribute(&resource["resource"]["attributes"], "service.name").unwrap_or_default();
        let scopes = resource["scopeSpans"].as_array();
        for span in scopes
            .into_iter()
            .flatten()
            .filter_map(|scope| scope["spans"].as_array())
            .flatten()
        {
            spans.push(TracedSpan {
                service: service.clone(),
                name: text(&span["name"]),
                trace_id: id(&span["traceId"]),
                span_id: id(&span["spanId"]),
                parent_span_id: id(&span["parentSpanId"]),
                kind: number(
                    &span["kind"],
                    "SPAN_KIND_",
                    &["INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"],
                ),
                status: number(&span["status"]["code"], "STATUS_CODE_", &["OK", "ERROR"]),
                links: links(&span["links"]),
                attributes: span["attributes"].clone(),
            });
        }
    }
    spans
}

fn links(links: &Value) -> Vec<(String, String)> {
    let links = links.as_array().into_iter().flatten();
    links
        .map(|link| (id(&link["traceId"]), id(&link["spanId"])))
        .collect()
}

fn attribute(attributes: &Value, key: &str) -> Option<String> {
    let found = attributes
        .as_array()?
        .iter()
        .find(|attribute| attribute["key"] == key)?;
    let (_, value) = found["value"].as_object()?.iter().next()?;
    Some(
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned),
    )
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// An enumeration, as its number or as its name; `names` begin at 1.
fn number(value: &Value, prefix: &str, names: &[&str]) -> u64 {
    value.as_u64().unwrap_or_else(|| {
        let name = value.as_str().and_then(|name| name.strip_prefix(prefix));
        (1..)
            .zip(names)
            .find(|(_, known)| name == Some(**known))
            .map_or(0, |(number, _)| number)
    })
}

/// An ID as lower-case hex: 16 or 32 digits are hex already, 12 or 24 characters are base64.
fn id(value: &Value) -> String {
    let text = text(value);
    if matches!(text.len(), 12 | 24) {
        return base64(&text)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
    }
    text.to_ascii_lowercase()
}

fn base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::new();
    let (mut bits, mut held) = (0_u32, 0);
    for digit in text
        .bytes()
        .filter_map(|byte| DIGITS.iter().position(|digit| *digit == byte))
    {
        bits = (bits << 6) | u32::try_from(digit).unwrap_or_default();
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.extend((bits >> held).to_le_bytes().first());
            bits &= (1 << held) - 1;
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_ids_and_enumerations_are_read() {
        let span = |trace: &str, kind: Value| {
            serde_json::json!({"traceId": trace, "spanId": "7uGbfsPBsXQ=", "name": "n", "kind": kind,
                "status": {"code": "STATUS_CODE_ERROR"},
                "attributes": [{"key": "a", "value": {"intValue": "7"}}]})
        };
        let answer = serde_json::json!({"trace": {"resourceSpans": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "s"}}]},
        "scopeSpans": [{"spans": [
            span("W47/95gDgQPSabYzgT/GDA==", "SPAN_KIND_CLIENT".into()),
            span("5B8EFFF798038103D269B633813FC60C", 2.into()),
        ]}]}]}});
        let spans = read_trace(&answer);
        assert_eq!(spans.len(), 2);
        for (span, kind) in spans.iter().zip([3, 2]) {
            assert_eq!(span.trace_id, "5b8efff798038103d269b633813fc60c");
            assert_eq!(span.span_id, "eee19b7ec3c1b174");
            assert_eq!(span.parent_span_id, "");
            assert_eq!((span.kind, span.status), (kind, 2));
            assert_eq!(span.service, "s");
            assert_eq!(span.attribute("a").as_deref(), Some("7"));
        }
    }
}
