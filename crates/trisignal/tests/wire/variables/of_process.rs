//! Variables that are proven in `tests/globals/variables.rs`, in processes of their own.

pub(crate) const PROVEN: &[&str] = &[
    "OTEL_PROPAGATORS",
    "OTEL_LOG_LEVEL",
    "OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS",
    "NO_COLOR",
];
