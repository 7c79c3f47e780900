//! Where each signal goes.

use super::{EVERYTHING, Service, only, proofs};

/// What goes to the backend and to the output, for each value.
fn goes(variable: &str, signal: &'static str, output: &str) {
    let others: Vec<_> = super::SIGNALS
        .into_iter()
        .filter(|other| *other != signal)
        .collect();
    let quiet = ("OTEL_RUST_CONSOLE", "off");
    for (value, to_backend, to_output) in [
        ("otlp", true, false),
        ("none", false, false),
        ("otlp/stdout", false, true),
        ("Otlp/Stdout, otlp", true, true),
        // Nothing usable is left: the default.
        ("logging", true, false),
    ] {
        let service = Service::ran(&[(variable, value), quiet]);
        let expected = if to_backend {
            EVERYTHING
        } else {
            only(&others)
        };
        assert_eq!(service.arrived(), expected, "{variable}={value}");
        assert_eq!(
            service.output().contains(output),
            to_output,
            "{variable}={value}"
        );
    }
}

proofs! {
    OTEL_TRACES_EXPORTER => {
        goes("OTEL_TRACES_EXPORTER", "TRACES", "{\"resourceSpans\":[");
        let service = Service::ran(&[("OTEL_TRACES_EXPORTER", "console"), ("OTEL_RUST_CONSOLE", "off")]);
        assert!(service.output().contains(" SPAN work "), "{}", service.output());
        assert_eq!(service.arrived(), only(&["METRICS", "LOGS"]));
    }

    OTEL_METRICS_EXPORTER => {
        goes("OTEL_METRICS_EXPORTER", "METRICS", "{\"resourceMetrics\":[");
        let service = Service::ran(&[("OTEL_METRICS_EXPORTER", "console"), ("OTEL_RUST_CONSOLE", "off")]);
        assert!(service.output().contains(" METRIC orders.placed{item=book} 1\n"), "{}", service.output());
        assert_eq!(service.arrived(), only(&["TRACES", "LOGS"]));
    }

    OTEL_LOGS_EXPORTER => {
        goes("OTEL_LOGS_EXPORTER", "LOGS", "{\"resourceLogs\":[");
        // The console is the console: one line for one event.
        let service = Service::ran(&[("OTEL_LOGS_EXPORTER", "console")]);
        assert_eq!(service.output().matches("worked hard").count(), 1);
        assert_eq!(service.arrived(), only(&["TRACES", "METRICS"]));
        assert!(service.told().is_empty());
        // Off is off, and worth a word: no log record goes anywhere.
        let service = Service::ran(&[("OTEL_LOGS_EXPORTER", "console"), ("OTEL_RUST_CONSOLE", "off")]);
        assert_eq!(service.output(), "");
        let told = "OTEL_LOGS_EXPORTER asks for logs on the console, which is off (OTEL_RUST_CONSOLE); no log record is written there";
        assert_eq!(service.told(), [told]);
    }

    OTEL_CONFIG_FILE => {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("telemetry.yaml");
        // Absent providers export nothing, whatever the variables say.
        std::fs::write(&file, "file_format: \"1.1\"\n").unwrap();
        let service = Service::new(&[("OTEL_CONFIG_FILE", file.to_str().unwrap())]);
        service.work();
        service.finish();
        assert_eq!(service.arrived(), [0, 0, 0]);
    }

    OTEL_EXPERIMENTAL_CONFIG_FILE => {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("telemetry.yaml");
        std::fs::write(&file, "file_format: \"1.1\"\n").unwrap();
        let service = Service::new(&[("OTEL_EXPERIMENTAL_CONFIG_FILE", file.to_str().unwrap())]);
        service.work();
        service.finish();
        assert_eq!(service.arrived(), [0, 0, 0]);
        assert!(service.told()[0].contains("old name of OTEL_CONFIG_FILE"), "{:?}", service.told());
    }
}
