//! The small public types that settings are made of.

use std::fmt;

/// How OTLP travels to the backend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// OTLP over gRPC, by convention on port 4317.
    Grpc,
    /// OTLP over HTTP with protobuf bodies, by convention on port 4318. The default.
    #[default]
    HttpProtobuf,
    /// OTLP over HTTP with JSON bodies: larger and slower, for backends and eyes that can't read protobuf.
    HttpJson,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Grpc => "grpc",
            Self::HttpProtobuf => "http/protobuf",
            Self::HttpJson => "http/json",
        })
    }
}

/// How request bodies are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// Nothing towards a backend on this machine; gzip towards any other, until it says in an answer that it takes zstd.
    /// The default.
    #[default]
    Auto,
    /// Bodies are sent as they are.
    None,
    /// Bodies are compressed with gzip, at its fastest level.
    Gzip,
    /// Bodies are compressed with zstd at level 1, which costs half of what gzip does and is smaller. Not in the OTLP
    /// specification; the Collector takes it.
    Zstd,
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        })
    }
}

/// A number of bytes.
///
/// ```
/// use trisignal::ByteSize;
///
/// assert_eq!(ByteSize::from_mib(2).bytes(), 2 * 1024 * 1024);
/// assert_eq!(ByteSize::from_mib(2).to_string(), "2 MiB");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(u64);

impl ByteSize {
    /// A size in bytes.
    #[must_use]
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// A size in KiB (1,024 bytes); what does not fit in 64 bits is cut to the largest size.
    #[must_use]
    pub const fn from_kib(kib: u64) -> Self {
        Self(kib.saturating_mul(1 << 10))
    }

    /// A size in MiB (1,024 KiB); what does not fit in 64 bits is cut to the largest size.
    #[must_use]
    pub const fn from_mib(mib: u64) -> Self {
        Self(mib.saturating_mul(1 << 20))
    }

    /// The number of bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// The number of bytes as `usize`, cut to the largest one on narrow machines.
    pub(crate) fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MIB: u64 = 1 << 20;
        const KIB: u64 = 1 << 10;
        match self.0 {
            bytes if bytes >= MIB && bytes % MIB == 0 => write!(f, "{} MiB", bytes / MIB),
            bytes if bytes >= KIB && bytes % KIB == 0 => write!(f, "{} KiB", bytes / KIB),
            bytes => write!(f, "{bytes} B"),
        }
    }
}

/// A kind of destination that a signal can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Exporter {
    /// A backend that speaks OTLP. The default of all signals.
    Otlp,
    /// Standard output, in a form for people. For logs these are the lines of the console.
    Console,
    /// Standard output, one line of OTLP/JSON for each batch.
    OtlpStdout,
    /// A page for Prometheus to scrape. Metrics only.
    Prometheus,
}

impl fmt::Display for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Otlp => "otlp",
            Self::Console => "console",
            Self::OtlpStdout => "otlp/stdout",
            Self::Prometheus => "prometheus",
        })
    }
}

/// What sums and histograms that are pushed count from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Temporality {
    /// From the start of the process. The default.
    #[default]
    Cumulative,
    /// From the last collection, for all that only grows and for histograms; from the start for what goes up and down.
    Delta,
    /// From the last collection, for counters and histograms that are not observed; from the start for all else.
    LowMemory,
}

impl Temporality {
    pub(crate) fn for_sdk(self) -> opentelemetry_sdk::metrics::Temporality {
        use opentelemetry_sdk::metrics::Temporality as Sdk;
        match self {
            Self::Cumulative => Sdk::Cumulative,
            Self::Delta => Sdk::Delta,
            Self::LowMemory => Sdk::LowMemory,
        }
    }
}

impl fmt::Display for Temporality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cumulative => "cumulative",
            Self::Delta => "delta",
            Self::LowMemory => "lowmemory",
        })
    }
}

/// The buckets of histograms for which neither instrument nor view says bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HistogramAggregation {
    /// Fixed bounds: the default ones of OpenTelemetry. The default.
    #[default]
    ExplicitBuckets,
    /// Exponential bounds that adapt to what is measured.
    ExponentialBuckets,
}

impl fmt::Display for HistogramAggregation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ExplicitBuckets => "explicit_bucket_histogram",
            Self::ExponentialBuckets => "base2_exponential_bucket_histogram",
        })
    }
}
