//! What a HTTP response says about how its exchange went.

use http::StatusCode;
use opentelemetry::metrics::Histogram;
use opentelemetry::{KeyValue, StringValue};
use tracing::Span;

use super::semconv;
use crate::exchange::{End, Side};

/// The response as far as it is known.
pub(crate) struct Outcome {
    /// The answer to this request has no body whatever its headers say.
    pub(crate) without_body: bool,
    status: Option<StatusCode>,
    sizes: Option<Sizes>,
}

/// The sizes of the bodies in bytes, where they are asked for.
pub(super) struct Sizes {
    pub(super) request_size: Histogram<u64>,
    pub(super) response_size: Histogram<u64>,
    /// What was announced.
    pub(super) request: Option<u64>,
    /// What has passed; `None` where nobody counts it.
    pub(super) response: Option<u64>,
}

impl Outcome {
    pub(super) fn new(without_body: bool, sizes: Option<Sizes>) -> Self {
        Self {
            without_body,
            status: None,
            sizes,
        }
    }

    pub(crate) fn respond(&mut self, span: &Span, status: StatusCode) {
        self.status = Some(status);
        span.record("http.response.status_code", i64::from(status.as_u16()));
    }

    pub(crate) fn passed(&mut self, bytes: u64) {
        if let Some(sizes) = &mut self.sizes {
            sizes.response = Some(sizes.response.unwrap_or(0).saturating_add(bytes));
        }
    }

    pub(crate) fn finish(
        &self,
        side: Side,
        end: &End,
        span: &Span,
        attributes: &mut Vec<KeyValue>,
    ) -> Option<StringValue> {
        if let Some(status) = self.status {
            attributes.push(KeyValue::new(
                "http.response.status_code",
                i64::from(status.as_u16()),
            ));
        }
        if let Some(sizes) = &self.sizes {
            span.record("http.request.body.size", sizes.request);
            span.record("http.response.body.size", sizes.response);
        }
        self.error_type(side, end)
    }

    /// Measures what is measured beside the duration, with the same attributes.
    pub(crate) fn measure(&self, attributes: &[KeyValue]) {
        let Some(sizes) = &self.sizes else { return };
        if let Some(request) = sizes.request {
            sizes.request_size.record(request, attributes);
        }
        if let Some(response) = sizes.response {
            sizes.response_size.record(response, attributes);
        }
    }

    fn error_type(&self, side: Side, end: &End) -> Option<StringValue> {
        let lowest = if side == Side::Server { 500 } else { 400 };
        let by_status = self
            .status
            .filter(|status| status.as_u16() >= lowest)
            .map(semconv::status_text);
        match *end {
            End::Failed(error_type) => Some(error_type.into()),
            End::Abandoned if side == Side::Server => by_status.or(Some("cancelled".into())),
            End::Abandoned | End::Complete => by_status,
        }
    }
}
