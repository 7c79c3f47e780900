//! The work of `configured.py`, item by item.

use opentelemetry::trace::{
    Link, Span as _, SpanBuilder, SpanContext, SpanId, SpanKind, TraceContextExt as _, TraceFlags,
    TraceId, TraceState, Tracer, TracerProvider as _,
};
use opentelemetry::{Context, KeyValue};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt as _;
use trisignal::Telemetry;

const TEXT: &str = "0123456789";

pub(super) fn work(telemetry: &Telemetry) {
    if let Some(provider) = telemetry.tracer_provider() {
        spans(&provider.tracer("work"));
    }
    let subscriber = Registry::default().with(telemetry.layer());
    tracing::subscriber::with_default(subscriber, || {
        tracing::info!(text = TEXT, k0 = 0, k1 = 1, "paid");
    });
    let meter = telemetry.meter("work");
    let book = KeyValue::new("item", "book");
    let placed = meter.u64_counter("placed").with_unit("{order}").build();
    placed.add(2, &[book.clone(), KeyValue::new("more", "x")]);
    let size = meter.f64_histogram("size").with_unit("{item}").build();
    size.record(3.0, std::slice::from_ref(&book));
    meter.i64_up_down_counter("open").build().add(1, &[book]);
}

fn spans<T>(tracer: &T)
where
    T: Tracer<Span: Send + Sync + 'static>,
{
    let ids = SpanContext::new(
        1.into(),
        1.into(),
        TraceFlags::default(),
        false,
        TraceState::NONE,
    );
    let three = || ["a", "b", "c"].map(|key| KeyValue::new(key, 1)).to_vec();
    let link = || Link::new(ids.clone(), three(), 0);
    let mut attributes = vec![KeyValue::new("text", TEXT)];
    attributes.extend((0..6).map(|n| KeyValue::new(format!("k{n}"), n)));
    let root = SpanBuilder::from_name("root")
        .with_attributes(attributes)
        .with_links(vec![link(), link(), link()]);
    let mut root = tracer.build_with_context(root, &Context::new());
    for name in ["e0", "e1", "e2"] {
        let attributes = vec![
            KeyValue::new("text", TEXT),
            KeyValue::new("b", 2),
            KeyValue::new("c", 3),
        ];
        root.add_event(name, attributes);
    }
    let context = Context::new().with_span(root);
    tracer.start_with_context("child", &context).end();
    context.span().end();
    for sampled in [true, false] {
        let flags = if sampled {
            TraceFlags::SAMPLED
        } else {
            TraceFlags::default()
        };
        let trace = TraceId::from(0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c);
        let parent = SpanContext::new(
            trace,
            SpanId::from(0xb7ad_6b71_6920_3331),
            flags,
            true,
            TraceState::NONE,
        );
        let parent = Context::new().with_remote_span_context(parent);
        let span = SpanBuilder::from_name(format!("of-{sampled}")).with_kind(SpanKind::Server);
        tracer.build_with_context(span, &parent).end();
    }
    let health = SpanBuilder::from_name("health")
        .with_kind(SpanKind::Server)
        .with_attributes([KeyValue::new("http.route", "/health")]);
    tracer.build_with_context(health, &Context::new()).end();
}
