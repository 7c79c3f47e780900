//! Tempo, where it is.

use trisignal_tests::{Checkout, Parts, Protocol, Stack, get, read_trace, until};

#[test]
fn tempo_has_the_same_trace_as_jaeger() {
    let parts = Parts {
        tempo: true,
        ..Parts::default()
    };
    let Some(stack) = Stack::start("tempo_has_the_same_trace_as_jaeger", parts) else {
        return;
    };
    let checkout = Checkout::start(&stack, Protocol::Grpc);
    let answer = checkout.order(1, &[]).unwrap();
    let _logs = checkout.end();
    let trace = answer.header("x-correlation-id").unwrap();

    let ids = |mut spans: Vec<trisignal_tests::TracedSpan>| {
        spans.sort_by(|one, other| one.span_id.cmp(&other.span_id));
        spans
            .into_iter()
            .map(|span| (span.span_id, span.parent_span_id, span.kind))
            .collect::<Vec<_>>()
    };
    let jaeger = stack.jaeger();
    let _whole = jaeger.wait_for_trace(trace, Checkout::is_whole);
    let url = format!("{}/api/v2/traces/{trace}", stack.tempo_url());
    until("the same spans in Tempo", || {
        let answer = get(&url, &[("Accept", "application/json")]).ok()?;
        (ids(read_trace(&answer.json())) == ids(jaeger.trace(trace))).then_some(())
    });
}
