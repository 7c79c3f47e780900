//! How OTLP leaves: for all signals, and for one of them.

use std::path::PathBuf;
use std::time::Duration;

use super::Builder;
use crate::config::{Compression, Otlp, Protocol};
use crate::pipeline::signal::Signal;

impl Builder {
    /// Where OTLP goes, for all signals: the base URL of an OTLP/HTTP receiver, to which `v1/traces` and its like are
    /// appended, or the URL of an OTLP/gRPC one. Default `http://localhost:4318`, for gRPC `http://localhost:4317`.
    pub fn endpoint(mut self, url: impl Into<String>) -> Self {
        self.settings.otlp.endpoint = Some(url.into());
        self
    }

    /// Whether a gRPC endpoint without a scheme is plain text, instead of `OTEL_EXPORTER_OTLP_INSECURE`. Default false.
    pub fn insecure(mut self, insecure: bool) -> Self {
        self.settings.otlp.insecure = Some(insecure);
        self
    }

    /// How OTLP travels. Default [`Protocol::HttpProtobuf`].
    pub fn protocol(mut self, protocol: Protocol) -> Self {
        self.settings.otlp.protocol = Some(protocol);
        self
    }

    /// Adds a header (gRPC: metadata) to every request. Its value is treated as a secret.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.otlp.headers.push((name.into(), value.into()));
        self
    }

    /// A file with a token, which is sent as `authorization: Bearer …`, instead of `OTEL_RUST_BEARER_TOKEN_FILE`. It is read for
    /// each request, so it can be rotated; while it can't be read, data waits as it does for a backend that is away.
    pub fn bearer_token_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.settings.otlp.bearer_token_file = Some(file.into());
        self
    }

    /// How long one attempt to send a request may take; zero is "no limit". Default 10 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.otlp.timeout = Some(timeout);
        self
    }

    /// How requests are compressed. Default [`Compression::Auto`].
    pub fn compression(mut self, compression: Compression) -> Self {
        self.settings.otlp.compression = Some(compression);
        self
    }

    /// A PEM file of the certificates to trust, instead of the system's.
    pub fn ca_certificate(mut self, file: impl Into<PathBuf>) -> Self {
        self.settings.otlp.ca_certificate = Some(file.into());
        self
    }

    /// PEM files of the certificate, with its chain, and the private key to show to the backend (mTLS).
    pub fn client_certificate(
        mut self,
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Self {
        self.settings.otlp.client_certificate = Some(certificate.into());
        self.settings.otlp.client_key = Some(key.into());
        self
    }

    /// How one signal goes out, where it is not as all signals do. Said again for the same signal, the last one counts.
    ///
    /// ```
    /// use trisignal::{Otlp, Signal};
    ///
    /// let traces = Otlp {
    ///     endpoint: Some("https://traces.example/v1/traces".into()),
    ///     headers: vec![("x-api-key".into(), "of the traces".into())],
    ///     ..Otlp::default()
    /// };
    /// let builder = trisignal::builder("checkout")
    ///     .endpoint("https://all-others.example")
    ///     .otlp(Signal::Traces, traces);
    /// # let _ = builder;
    /// ```
    pub fn otlp(mut self, signal: Signal, otlp: Otlp) -> Self {
        self.settings.otlp_of[signal.index()] = otlp;
        self
    }
}
