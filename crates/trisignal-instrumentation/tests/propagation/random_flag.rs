//! Flags and debug through the real SDK, which forgets them where it does not sample.

use std::collections::HashMap;

use opentelemetry::Context;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;
use trisignal_instrumentation::context;
use trisignal_instrumentation::propagation::{Format, composite};

const IDS: &str = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331";

/// What a service with this sampler sends on from inside a span of its own.
fn forwarded(sampler: Sampler, format: Format, name: &str, inbound: &str) -> String {
    let provider = SdkTracerProvider::builder().with_sampler(sampler).build();
    let bridge = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    let propagator = composite(&[format]);
    let headers = HashMap::from([(name.to_owned(), inbound.to_owned())]);
    tracing::subscriber::with_default(Registry::default().with(bridge), || {
        let remote = propagator.extract_with_context(&Context::new(), &headers);
        let span = {
            let _attached = remote.attach();
            tracing::info_span!("request")
        };
        span.in_scope(|| {
            let mut sent = HashMap::new();
            propagator.inject_context(&context::current(), &mut sent);
            sent.remove(name).unwrap()
        })
    })
}

#[test]
fn the_random_flag_is_copied_whatever_is_sampled() {
    for (sampler, inbound, expected) in [
        (Sampler::AlwaysOn, "00", "01"),
        (Sampler::AlwaysOn, "02", "03"),
        (Sampler::AlwaysOff, "01", "00"),
        (Sampler::AlwaysOff, "03", "02"),
        (
            Sampler::ParentBased(Box::new(Sampler::AlwaysOn)),
            "02",
            "02",
        ),
        (
            Sampler::ParentBased(Box::new(Sampler::AlwaysOn)),
            "00",
            "00",
        ),
    ] {
        let parent = format!("00-{IDS}-{inbound}");
        let sent = forwarded(sampler, Format::TraceContext, "traceparent", &parent);
        assert_eq!(sent[..36], parent[..36]);
        assert_ne!(sent[36..52], parent[36..52], "a span has an ID of its own");
        assert_eq!(sent[53..], *expected, "{inbound}");
    }
}

#[test]
fn debug_survives_a_service_that_does_not_sample() {
    let sent = forwarded(Sampler::AlwaysOff, Format::B3, "b3", &format!("{IDS}-d"));
    assert!(
        sent.starts_with(&IDS[..33]) && sent.ends_with("-d"),
        "{sent}"
    );
    assert!(!sent.contains(&IDS[33..]), "a span has an ID of its own");
}
