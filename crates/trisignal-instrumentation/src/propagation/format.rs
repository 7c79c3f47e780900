//! The one list of formats: by name, and composed.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

use opentelemetry::propagation::{TextMapCompositePropagator, TextMapPropagator};

use super::trace_context::{TRACEPARENT, TRACESTATE};
use super::{B3Propagator, BaggagePropagator, TraceContextPropagator, XRayPropagator};
use super::{b3, baggage, xray};
use crate::exchange::marks;

/// A format of context in headers.
///
/// Its name is that of the specification's `OTEL_PROPAGATORS`, read in any case.
///
/// ```
/// use trisignal_instrumentation::propagation::Format;
///
/// assert_eq!("b3multi".parse(), Ok(Format::B3Multi));
/// let error = "jaeger".parse::<Format>().unwrap_err();
/// assert_eq!(error.to_string(), "deprecated in favour of tracecontext");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// `tracecontext`: the headers `traceparent` and `tracestate` of W3C Trace Context, level 2.
    TraceContext,
    /// `baggage`: the header of W3C Baggage.
    Baggage,
    /// `b3`: the header of Zipkin. Its several headers are read as well.
    B3,
    /// `b3multi`: the several headers of Zipkin. The one header is read as well, and before them.
    B3Multi,
    /// `xray`: the header `x-amzn-trace-id` of AWS X-Ray.
    XRay,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 5] = [
        Self::TraceContext,
        Self::Baggage,
        Self::B3,
        Self::B3Multi,
        Self::XRay,
    ];

    /// What is in force where nobody says otherwise: `tracecontext,baggage`.
    pub const DEFAULT: [Self; 2] = [Self::TraceContext, Self::Baggage];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TraceContext => "tracecontext",
            Self::Baggage => "baggage",
            Self::B3 => "b3",
            Self::B3Multi => "b3multi",
            Self::XRay => "xray",
        }
    }

    /// The marks of the headers that it reads.
    pub(super) const fn reads(self) -> u64 {
        marks(match self {
            Self::TraceContext => &[TRACEPARENT, TRACESTATE],
            Self::Baggage => &[baggage::HEADER],
            Self::B3 | Self::B3Multi => &b3::HEADERS,
            Self::XRay => &[xray::HEADER],
        })
    }

    /// The format called `name`, or `None` for the name `none`, which stands for no format at all.
    ///
    /// # Errors
    ///
    /// When there is no such format here. The error says whether there is one elsewhere.
    pub fn by_name(name: &str) -> Result<Option<Self>, UnknownFormat> {
        if name.eq_ignore_ascii_case("none") {
            return Ok(None);
        }
        name.parse().map(Some)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let has_name = |format: &Self| format.name().eq_ignore_ascii_case(name);
        match Self::ALL.into_iter().find(has_name) {
            Some(format) => Ok(format),
            None if name.eq_ignore_ascii_case("jaeger") => Err(UnknownFormat::Jaeger),
            None if name.eq_ignore_ascii_case("ottrace") => Err(UnknownFormat::OtTrace),
            None => Err(UnknownFormat::NotKnown),
        }
    }
}

/// Why there is no such format. It continues a sentence that names it, and does not repeat it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnknownFormat {
    /// `jaeger` is deprecated by OpenTelemetry; Jaeger itself reads W3C Trace Context.
    Jaeger,
    /// `ottrace`, OpenTracing's, is deprecated by OpenTelemetry.
    OtTrace,
    /// There is no format of this name.
    NotKnown,
}

impl fmt::Display for UnknownFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Jaeger | Self::OtTrace => "deprecated in favour of tracecontext",
            Self::NotKnown => "none of tracecontext, baggage, b3, b3multi, xray, none",
        })
    }
}

impl Error for UnknownFormat {}

/// One propagator of `formats`, each once.
///
/// Headers are read and written in this order, and where two formats both bring a span, the last
/// one wins. `b3` and `b3multi` together are read once. Without any format nothing is carried.
///
/// ```
/// use opentelemetry::propagation::TextMapPropagator;
/// use trisignal_instrumentation::propagation::{self, Format};
///
/// let propagator = propagation::composite(&[Format::XRay, Format::Baggage]);
/// assert!(propagator.fields().any(|name| name == "x-amzn-trace-id"));
/// ```
pub fn composite(formats: &[Format]) -> TextMapCompositePropagator {
    let both = formats.contains(&Format::B3) && formats.contains(&Format::B3Multi);
    let mut propagators: Vec<Box<dyn TextMapPropagator + Send + Sync>> = Vec::new();
    let mut done = Vec::new();
    for format in formats {
        let format = match format {
            Format::B3Multi if both => Format::B3,
            other => *other,
        };
        if done.contains(&format) {
            continue;
        }
        done.push(format);
        propagators.push(match format {
            Format::TraceContext => Box::new(TraceContextPropagator::new()),
            Format::Baggage => Box::new(BaggagePropagator::new()),
            Format::B3 if both => Box::new(B3Propagator::both()),
            Format::B3 => Box::new(B3Propagator::single()),
            Format::B3Multi => Box::new(B3Propagator::multi()),
            Format::XRay => Box::new(XRayPropagator::new()),
        });
    }
    TextMapCompositePropagator::new(propagators)
}

#[cfg(test)]
mod tests;
