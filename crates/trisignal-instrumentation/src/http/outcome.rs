//! What a HTTP response says about how its exchange went.

use http::{StatusCode, Version};
use opentelemetry::KeyValue;
use opentelemetry::metrics::Histogram;
use tracing::{Span, record_all};

use super::protocol_version;
use crate::exchange::{Added, End, Part, Side};

/// The response as far as it is known.
pub(crate) struct Outcome {
    /// The answer to this request has no body whatever its headers say.
    pub(crate) without_body: bool,
    status: Option<StatusCode>,
    /// The protocol version, where that is known from the response only.
    version: Option<&'static str>,
    /// Hardly anybody asks for them.
    sizes: Option<Box<Sizes>>,
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
            version: None,
            sizes: sizes.map(Box::new),
        }
    }

    #[inline]
    pub(crate) fn respond(
        &mut self,
        side: Side,
        span: &Span,
        status: StatusCode,
        version: Version,
    ) {
        self.status = Some(status);
        let status = i64::from(status.as_u16());
        if side == Side::Server {
            span.record("http.response.status_code", status);
            return;
        }
        self.version = protocol_version(version);
        record_all!(
            span,
            "http.response.status_code" = status,
            "network.protocol.version" = self.version,
        );
    }

    pub(crate) fn passed(&mut self, bytes: u64) {
        if let Some(sizes) = &mut self.sizes {
            sizes.response = Some(sizes.response.unwrap_or(0).saturating_add(bytes));
        }
    }

    /// Writes what is known at the end, and answers what of it is measured.
    #[inline]
    pub(crate) fn finish(&self, side: Side, end: End, span: &Span) -> Added<'_> {
        let error_type = self.error_type(side, end);
        let error = error_type.as_ref().and_then(Part::text);
        match &self.sizes {
            Some(sizes) => record_all!(
                span,
                "http.request.body.size" = sizes.request,
                "http.response.body.size" = sizes.response,
                "error.type" = error,
                "otel.status_code" = error.map(|_| "ERROR"),
            ),
            None if error.is_some() => {
                record_all!(span, "error.type" = error, "otel.status_code" = "ERROR",)
            }
            None => {}
        }
        let status = self.status.map(|status| i64::from(status.as_u16()));
        [
            ("network.protocol.version", self.version.map(Part::Fixed)),
            ("http.response.status_code", status.map(Part::Number)),
            ("error.type", error_type),
        ]
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

    fn error_type(&self, side: Side, end: End) -> Option<Part<'_>> {
        let lowest = if side == Side::Server { 500 } else { 400 };
        let by_status = self
            .status
            .as_ref()
            .filter(|status| status.as_u16() >= lowest)
            .map(|status| Part::Text(status.as_str()));
        match end {
            End::Failed(error_type) => Some(Part::Fixed(error_type)),
            End::Abandoned if side == Side::Server => by_status.or(Some(Part::Fixed("cancelled"))),
            End::Abandoned | End::Complete => by_status,
        }
    }
}
