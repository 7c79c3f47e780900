//! Which traces are recorded.

use opentelemetry::Context;
use opentelemetry::KeyValue;
use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::trace::TraceContextExt as _;

use super::super::common::record;
use super::{EVERYTHING, Service, only, proofs};

proofs! {
    OTEL_TRACES_SAMPLER => {
        let service = Service::ran(&[("OTEL_TRACES_SAMPLER", "always_off")]);
        assert_eq!(service.arrived(), only(&["METRICS", "LOGS"]));
        let service = Service::ran(&[("OTEL_TRACES_SAMPLER", "Always_On")]);
        assert_eq!(service.arrived(), EVERYTHING);
        let service = Service::ran(&[("OTEL_TRACES_SAMPLER", "xray")]);
        assert_eq!((service.arrived(), service.told().len()), (EVERYTHING, 1));
    }

    OTEL_TRACES_SAMPLER_ARG => {
        for sampler in ["traceidratio", "parentbased_traceidratio"] {
            for (ratio, arrives) in [("0", only(&["METRICS", "LOGS"])), ("1.0", EVERYTHING), ("2", EVERYTHING)] {
                let service = Service::ran(&[
                    ("OTEL_TRACES_SAMPLER", sampler),
                    ("OTEL_TRACES_SAMPLER_ARG", ratio),
                ]);
                assert_eq!(service.arrived(), arrives, "{sampler} {ratio}");
            }
        }
        // Only where a sampler is named.
        let service = Service::ran(&[("OTEL_TRACES_SAMPLER_ARG", "0")]);
        assert_eq!(service.arrived(), EVERYTHING);
    }

    OTEL_RUST_SAMPLING_RULES => {
        let service = Service::new(&[("OTEL_RUST_SAMPLING_RULES", "drop name=work; keep name=other")]);
        service.work();
        record(&service.telemetry, || drop(tracing::info_span!("other")));
        service.finish();
        assert_eq!(service.receiver.spans().names(), ["other"]);
    }

    OTEL_RUST_SAMPLING_DEBUG => {
        let variables = [("OTEL_TRACES_SAMPLER", "always_off"), ("OTEL_RUST_SAMPLING_DEBUG", "debug")];
        let service = Service::new(&variables);
        service.work();
        let debugged = Context::new().with_baggage([KeyValue::new("debug", "1")]).attach();
        record(&service.telemetry, || drop(tracing::info_span!("debugged")));
        drop(debugged);
        service.finish();
        assert_eq!(service.receiver.spans().names(), ["debugged"]);
    }

    OTEL_RUST_LOGS_TRACE_BASED => {
        let off = ("OTEL_TRACES_SAMPLER", "always_off");
        let service = Service::ran(&[off, ("OTEL_RUST_LOGS_TRACE_BASED", "true")]);
        // The warning is there all the same.
        let bodies: Vec<_> = service.receiver.logs().all().iter().map(|log| log.message().to_owned()).collect();
        assert_eq!(bodies, ["worked hard"]);
        let service = Service::ran(&[off]);
        assert_eq!(service.receiver.logs().count(), 2);
    }

    OTEL_RUST_SPAN_EVENTS => {
        for (level, events) in [("", 1), ("info", 2), ("error", 0), ("off", 0), ("Warn", 1)] {
            let service = Service::ran(&[("OTEL_RUST_SPAN_EVENTS", level)]);
            assert_eq!(service.span().events.len(), events, "{level}");
        }
    }

    OTEL_RUST_CONTEXT_ACTIVATION => {
        for (activation, is_found) in [("", true), ("On", true), ("off", false), ("0", true)] {
            let service = Service::new(&[("OTEL_RUST_CONTEXT_ACTIVATION", activation)]);
            let found = record(&service.telemetry, || tracing::info_span!("work").in_scope(|| {
                tracing::info!("worked");
                [Context::current(), trisignal::context::current()].map(|cx| cx.has_active_span())
            }));
            assert_eq!(found, [is_found, true], "{activation}");
            service.finish();
            assert_eq!(service.log().span_id, service.span().span_id);
        }
    }
}
