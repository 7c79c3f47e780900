//! What is written to the console and what is exported of it.

use serde_json::Value;

use super::super::common::record;
use super::{Service, proofs};

/// What arrived of a record and a span with these fields.
fn redacted(variables: &[(&str, &str)], key: &'static str) -> [String; 2] {
    let service = Service::new(variables);
    record(&service.telemetry, || {
        tracing::info_span!(
            "work",
            api_key = "hunter2",
            shoe_size = "44",
            url = "http://x/?sig=a&token=b"
        )
        .in_scope(|| {
            tracing::info!(
                api_key = "hunter2",
                shoe_size = "44",
                url = "http://x/?sig=a&token=b",
                "worked"
            )
        });
    });
    service.finish();
    let (span, log) = (service.span(), service.log());
    [&span.attributes, &log.attributes].map(|attributes| attributes.str(key).unwrap().to_owned())
}

/// How many records arrived of 100 equal ones of the level INFO and of ERROR each.
fn repeated(variables: &[(&str, &str)]) -> [usize; 2] {
    let service = Service::new(variables);
    record(&service.telemetry, || {
        for _ in 0..100 {
            tracing::info!("repeated");
            tracing::error!("failed");
        }
    });
    service.finish();
    ["repeated", "failed"].map(|body| service.receiver.logs().body(body).count())
}

proofs! {
    RUST_LOG => {
        let service = Service::ran(&[("RUST_LOG", "warn")]);
        assert!(!service.output().contains("\"worked\"") && service.output().contains("worked hard"));
        // Nothing else follows it.
        assert_eq!(service.arrived(), super::EVERYTHING);
    }

    OTEL_RUST_LOGS_FILTER => {
        let service = Service::ran(&[("OTEL_RUST_LOGS_FILTER", "warn")]);
        assert_eq!(service.receiver.logs().count(), 1);
        assert_eq!(service.receiver.spans().name("work").count(), 1);
        assert!(service.output().contains("\"worked\""));
    }

    OTEL_RUST_TRACES_FILTER => {
        let service = Service::ran(&[("OTEL_RUST_TRACES_FILTER", "warn")]);
        assert_eq!(service.receiver.spans().name("work").count(), 0);
        assert_eq!(service.receiver.logs().count(), 2);
    }

    OTEL_RUST_CONSOLE => {
        let output = |form| Service::ran(&[("OTEL_RUST_CONSOLE", form)]).output();
        let json: Value = serde_json::from_str(output("json").lines().next().unwrap()).unwrap();
        assert_eq!(json["message"], "worked");
        let ecs: Value = serde_json::from_str(output("ecs").lines().next().unwrap()).unwrap();
        assert!(ecs.get("ecs.version").is_some() || ecs.get("ecs").is_some(), "{ecs}");
        assert!(output("pretty").contains(" INFO "));
        assert_eq!(output("off"), "");
        assert_eq!(output("none"), "");
    }

    OTEL_RUST_SUPPRESSION_RATE => {
        assert_eq!(repeated(&[]), [100, 100]);
        let [info, error] = repeated(&[("OTEL_RUST_SUPPRESSION_RATE", "1")]);
        assert!((1..100).contains(&info) && error == 100, "{info} {error}");
    }

    OTEL_RUST_SUPPRESSION_DUPLICATES => {
        assert_eq!(repeated(&[("OTEL_RUST_SUPPRESSION_DUPLICATES", "3600000")]), [1, 100]);
    }

    OTEL_RUST_SUPPRESSION_ERRORS => {
        let variables = [("OTEL_RUST_SUPPRESSION_DUPLICATES", "3600000"), ("OTEL_RUST_SUPPRESSION_ERRORS", "true")];
        assert_eq!(repeated(&variables), [1, 1]);
    }

    OTEL_RUST_REDACTION => {
        for value in redacted(&[], "api_key") {
            assert!(!value.contains("hunter2"), "{value}");
        }
        for value in redacted(&[("OTEL_RUST_REDACTION", "off")], "api_key") {
            assert_eq!(value, "hunter2");
        }
    }

    OTEL_RUST_REDACTION_KEYS => {
        for value in redacted(&[("OTEL_RUST_REDACTION_KEYS", "size")], "shoe_size") {
            assert_ne!(value, "44");
        }
        for value in redacted(&[], "shoe_size") {
            assert_eq!(value, "44");
        }
    }

    OTEL_RUST_REDACTION_QUERY_PARAMETERS => {
        for value in redacted(&[], "url") {
            assert!(!value.contains("sig=a"), "{value}");
        }
        let variables = [("OTEL_RUST_REDACTION_QUERY_PARAMETERS", "page")];
        for value in redacted(&variables, "url") {
            assert!(value.contains("sig=a"), "{value}");
        }
    }
}
