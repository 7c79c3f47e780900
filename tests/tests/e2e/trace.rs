//! One request through all services: one trace to the queue, a linked one behind it, their logs and metrics, tied by one
//! correlation ID.

use serde_json::Value;
use trisignal_tests::{
    Checkout, DEADLINE, Parts, Protocol, Stack, TracedSpan, get, read_samples, until,
};

const SERVER: u64 = 2;
const CLIENT: u64 = 3;
const PRODUCER: u64 = 4;
const CONSUMER: u64 = 5;
const ERROR: u64 = 2;

/// The three spans that every order has: the gateway's, its gRPC call, and the one of `orders`.
struct Order<'a> {
    gateway: &'a TracedSpan,
    call: &'a TracedSpan,
    orders: &'a TracedSpan,
}

impl<'a> Order<'a> {
    fn of(spans: &'a [TracedSpan]) -> Self {
        let one = |service: &str, kind: u64| {
            let mut found = spans
                .iter()
                .filter(|span| span.service == service && span.kind == kind);
            match (found.next(), found.next()) {
                (Some(span), None) => span,
                other => panic!("not one span of kind {kind} in {service}: {other:?}"),
            }
        };
        Self {
            gateway: one("gateway", SERVER),
            call: one("gateway", CLIENT),
            orders: one("orders", SERVER),
        }
    }
}

/// Whether `span` is below `above`, through any number of spans between.
fn is_below(span: &TracedSpan, above: &TracedSpan, spans: &[TracedSpan]) -> bool {
    let parent = spans
        .iter()
        .find(|parent| parent.span_id == span.parent_span_id);
    parent.is_some_and(|parent| parent.span_id == above.span_id || is_below(parent, above, spans))
}

#[test]
fn one_request_is_one_trace_by_grpc() {
    one_request_is_one_trace("one_request_is_one_trace_by_grpc", Protocol::Grpc);
}

#[test]
fn one_request_is_one_trace_by_http() {
    one_request_is_one_trace("one_request_is_one_trace_by_http", Protocol::Http);
}

fn one_request_is_one_trace(test: &str, protocol: Protocol) {
    let Some(stack) = Stack::start(test, Parts::default()) else {
        return;
    };
    let checkout = Checkout::start(&stack, protocol);
    let good = checkout.order(1, &[]).unwrap();
    assert_eq!(good.status, 200, "{good:?}");
    let bad = checkout
        .order(0, &[("x-correlation-id", "order-4711")])
        .unwrap();
    assert!(bad.status >= 500, "{bad:?}");
    let fulfilled_by = checkout.fulfilled_by();
    // The worker comes after the answer. What it logs says that it had its turn.
    let trace = good.header("x-correlation-id").unwrap();
    wait_for_log(&stack, fulfilled_by, "order packed", trace);
    // SIGTERM: what is still in the pipelines has to come out now.
    let gateway_log = checkout.end();

    // Nobody gave the good order an ID, so the answer's is that of its trace.
    assert_eq!(
        (trace.len(), bad.header("x-correlation-id")),
        (32, Some("order-4711"))
    );
    order_is_one_trace(&stack, trace, trace, false);
    logs_belong_to_the_trace(&stack, trace, trace);
    placing_is_in_the_trace(&stack, trace);
    fulfilment_is_linked(&stack, fulfilled_by, trace);
    console_belongs_to_the_trace(&gateway_log, trace);

    // The bad order is found by the ID that its client gave it.
    let log = stack
        .loki
        .wait_for_blocking(DEADLINE, |store| {
            store.logs().correlation_id("order-4711").first()
        })
        .unwrap();
    assert_ne!(log.trace_id, trace);
    order_is_one_trace(&stack, &log.trace_id, "order-4711", true);
    logs_belong_to_the_trace(&stack, &log.trace_id, "order-4711");

    metrics_are_on_the_page(&stack);
    exemplars_lead_to_traces(&stack);
}

fn order_is_one_trace(stack: &Stack, trace: &str, correlation: &str, failed: bool) {
    let spans = stack.jaeger().wait_for_trace(trace, Checkout::is_whole);
    let order = Order::of(&spans);
    assert_eq!(
        order.gateway.parent_span_id, "",
        "the gateway's span is the root: {spans:#?}"
    );
    assert!(is_below(order.call, order.gateway, &spans), "{spans:#?}");
    assert_eq!(
        order.orders.parent_span_id, order.call.span_id,
        "{spans:#?}"
    );
    for span in &spans {
        assert_eq!(span.trace_id, trace);
        assert_eq!(
            span.attribute("correlation.id").as_deref(),
            Some(correlation),
            "{span:#?}"
        );
    }
    assert_eq!(order.gateway.name, "POST /checkout");
    assert_eq!(
        order.gateway.attribute("http.route").as_deref(),
        Some("/checkout")
    );
    for span in [order.gateway, order.call, order.orders] {
        assert_eq!(span.status == ERROR, failed, "{span:#?}");
    }
    let status = if failed { "INTERNAL" } else { "OK" };
    for span in [order.call, order.orders] {
        assert_eq!(span.name, "checkout.v1.Orders/Place");
        for (key, value) in [
            ("rpc.system.name", "grpc"),
            ("rpc.method", "checkout.v1.Orders/Place"),
            ("rpc.response.status_code", status),
        ] {
            assert_eq!(span.attribute(key).as_deref(), Some(value), "{span:#?}");
        }
    }
}

/// Where the order was placed, it was written down and put on the queue.
fn placing_is_in_the_trace(stack: &Stack, trace: &str) {
    let spans = stack.jaeger().wait_for_trace(trace, Checkout::is_whole);
    let order = Order::of(&spans);
    let inserted = [
        ("db.system.name", "sqlite"),
        ("db.operation.name", "INSERT"),
        ("db.collection.name", "orders"),
    ];
    let sent = [
        ("messaging.operation.name", "send"),
        ("messaging.destination.name", "orders"),
    ];
    for (kind, name, attributes) in [
        (CLIENT, "INSERT orders", &inserted[..]),
        (PRODUCER, "send orders", &sent[..]),
    ] {
        let found = spans
            .iter()
            .find(|span| span.kind == kind && span.name == name)
            .unwrap_or_else(|| panic!("no span {name}: {spans:#?}"));
        assert!(is_below(found, order.orders, &spans), "{spans:#?}");
        for (key, value) in attributes {
            assert_eq!(found.attribute(key).as_deref(), Some(*value), "{found:#?}");
        }
    }
}

/// Behind the queue there is a trace of its own, linked to the message's, with the same correlation ID.
fn fulfilment_is_linked(stack: &Stack, fulfilled_by: &str, correlation: &str) {
    let log = wait_for_log(stack, fulfilled_by, "order packed", correlation);
    assert_ne!(log.trace_id, correlation, "the trace ends at the queue");
    let request = stack
        .jaeger()
        .wait_for_trace(correlation, Checkout::is_whole);
    let spans = stack.jaeger().wait_for_trace(&log.trace_id, |spans| {
        spans.iter().any(|span| span.span_id == log.span_id)
            && spans.iter().any(|span| span.kind == CONSUMER)
    });
    let process = spans.iter().find(|span| span.kind == CONSUMER).unwrap();
    assert_eq!(
        (process.name.as_str(), process.parent_span_id.as_str()),
        ("process orders", ""),
        "{process:#?}"
    );
    assert!(
        request.iter().any(|span| span.kind == PRODUCER
            && process
                .links
                .contains(&(span.trace_id.clone(), span.span_id.clone()))),
        "{process:#?}"
    );
    for span in &spans {
        assert_eq!(span.service, fulfilled_by);
        let id = span.attribute("correlation.id");
        assert_eq!(id.as_deref(), Some(correlation), "{span:#?}");
    }
}

fn wait_for_log(
    stack: &Stack,
    service: &str,
    message: &str,
    correlation: &str,
) -> std::sync::Arc<trisignal_receiver::LogRecord> {
    let log = stack.loki.wait_for_blocking(DEADLINE, |store| {
        let logs = store.logs().service(service).correlation_id(correlation);
        logs.body(message).first()
    });
    log.unwrap_or_else(|error| panic!("no log {message:?} of {service}: {error}"))
}

fn logs_belong_to_the_trace(stack: &Stack, trace: &str, correlation: &str) {
    let spans = stack.jaeger().wait_for_trace(trace, Checkout::is_whole);
    for service in ["gateway", "orders"] {
        let logs = stack
            .loki
            .wait_for_blocking(DEADLINE, |store| {
                let logs = store.logs().service(service).trace(trace).all();
                (!logs.is_empty()).then_some(logs)
            })
            .unwrap_or_else(|error| panic!("no log of {service} in the trace: {error}"));
        for log in logs {
            assert_eq!(log.correlation_id(), Some(correlation), "{log:?}");
            assert!(
                spans.iter().any(|span| span.span_id == log.span_id),
                "{log:?}"
            );
        }
    }
}

/// The same IDs are on the service's own stdout, which is no terminal here and so has JSON lines.
fn console_belongs_to_the_trace(log: &str, trace: &str) {
    let line = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find(|line| line["trace_id"] == trace)
        .unwrap_or_else(|| panic!("no JSON line with the trace:\n{log}"));
    assert_eq!(
        (&line["service"], &line["correlation_id"]),
        (&"gateway".into(), &trace.into())
    );
}

fn metrics_are_on_the_page(stack: &Stack) {
    let wanted = [
        ("gateway", "http_server_request_duration_seconds_count"),
        ("gateway", "rpc_client_call_duration_seconds_count"),
        ("orders", "rpc_server_call_duration_seconds_count"),
    ];
    for (service, name) in wanted {
        until(&format!("{name} of {service}"), || {
            let samples = read_samples(&get(&stack.metrics_url(), &[]).ok()?.body);
            let of_service = samples
                .iter()
                .filter(|sample| sample.name == name && sample.labels["service_name"] == service);
            let requests: f64 = of_service.map(|sample| sample.value).sum();
            // A good and a bad one, each counted once.
            ((requests - 2.0).abs() < f64::EPSILON).then_some(())
        });
    }
}

/// From a point of a metric, as the Collector shows it to Prometheus, to the trace in Jaeger.
fn exemplars_lead_to_traces(stack: &Stack) {
    const OPEN_METRICS: (&str, &str) = ("Accept", "application/openmetrics-text;version=1.0.0");
    for name in [
        "http_server_request_duration_seconds_bucket{",
        "rpc_server_call_duration_seconds_bucket{",
    ] {
        let trace = until(&format!("an exemplar of {name}"), || {
            let page = get(&stack.metrics_url(), &[OPEN_METRICS]).ok()?.body;
            let mut buckets = page.lines().filter(|line| line.starts_with(name));
            buckets.find_map(|line| {
                let (_, exemplar) = line.split_once(" # ")?;
                let (_, after) = exemplar.split_once("trace_id=\"")?;
                Some(after.split_once('"')?.0.to_owned())
            })
        });
        let spans = stack.jaeger().wait_for_trace(&trace, Checkout::is_whole);
        assert!(spans.iter().any(|span| span.kind == SERVER), "{spans:#?}");
    }
}
