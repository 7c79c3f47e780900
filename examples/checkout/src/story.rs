//! What the receiver got: for each order one trace from the customer to the queue, a trace of its fulfilment that is
//! linked to it, the logs of both, and the metrics of all.

use std::time::Duration;

use trisignal_receiver::{DataPoint, Receiver, Span, SpanKind, Store, TraceTree};

use crate::services::Sent;

/// How long telemetry may take to arrive; it takes well under two seconds.
const PATIENCE: Duration = Duration::from_secs(60);
/// What the services measure.
const METRICS: [&str; 11] = [
    "http.server.request.duration",
    "rpc.client.call.duration",
    "rpc.server.call.duration",
    "db.client.operation.duration",
    "messaging.client.sent.messages",
    "messaging.process.duration",
    "checkout.orders",
    "request_count",
    "request_latency_seconds",
    "orders.items",
    "orders.fulfilled",
];
/// Shown, but not waited for: only Linux tells it.
const CPU_LOAD: &str = "cpu_load";
const SERVICES: [&str; 3] = ["gateway", "orders", "fulfilment"];

/// Waits until the stories of all orders are whole, and the metrics are there. Says what is missing otherwise.
pub(crate) async fn arrives(receiver: &Receiver, sent: &[Sent], fulfilled_by: &str) -> bool {
    let arrived = receiver.wait_for(PATIENCE, |store| {
        let stories = sent
            .iter()
            .all(|order| is_whole(store, order, fulfilled_by));
        let metrics = METRICS
            .iter()
            .all(|name| !store.metrics().name(name).is_empty());
        (stories && metrics).then_some(())
    });
    if let Err(timeout) = arrived.await {
        eprintln!("The telemetry of the orders is not whole: {timeout}");
        return false;
    }
    true
}

/// A trace through gateway and orders with no span missing, and where the order was placed a trace of its fulfilment
/// with a link into the first; log records in both; and the one correlation ID on all of it.
fn is_whole(store: &Store, order: &Sent, fulfilled_by: &str) -> bool {
    let Some(request) = request(store, order) else {
        return false;
    };
    let fulfilment = fulfilment(store, order);
    let request_is_whole = request.is_whole() && request.services() == ["gateway", "orders"];
    let is_logged = |service| logged(store, order, &request, service);
    let fulfilled = match (&fulfilment, order.is_placed()) {
        (Some(fulfilment), true) => {
            let links: Vec<_> = fulfilment
                .walk()
                .flat_map(|(_, span)| &span.links)
                .collect();
            let linked = |span: &Span| links.iter().any(|link| link.span_id == span.span_id);
            fulfilment.is_whole()
                && request
                    .walk()
                    .any(|(_, span)| span.kind == SpanKind::Producer && linked(span))
                && logged(store, order, fulfilment, fulfilled_by)
        }
        (fulfilment, placed) => fulfilment.is_some() == placed,
    };
    request_is_whole && is_logged("gateway") && is_logged("orders") && fulfilled
}

/// Whether `service` has a log record with the order's correlation ID in one of the trace's spans.
fn logged(store: &Store, order: &Sent, trace: &TraceTree, service: &str) -> bool {
    let logs = store
        .logs()
        .service(service)
        .correlation_id(&order.correlation_id);
    logs.filter(|log| trace.walk().any(|(_, span)| span.span_id == log.span_id))
        .first()
        .is_some()
}

/// The trace of the customer's request.
fn request(store: &Store, order: &Sent) -> Option<TraceTree> {
    let served = store
        .spans()
        .correlation_id(&order.correlation_id)
        .kind(SpanKind::Server);
    let root = served.service("gateway").first()?;
    Some(
        store
            .spans()
            .correlation_id(&order.correlation_id)
            .trace(&root.trace_id)
            .tree(),
    )
}

/// The trace of the order's way after the queue.
fn fulfilment(store: &Store, order: &Sent) -> Option<TraceTree> {
    let processed = store
        .spans()
        .correlation_id(&order.correlation_id)
        .kind(SpanKind::Consumer);
    let root = processed.first()?;
    Some(
        store
            .spans()
            .correlation_id(&order.correlation_id)
            .trace(&root.trace_id)
            .tree(),
    )
}

/// Prints it all.
pub(crate) fn show(receiver: &Receiver, sent: &[Sent]) {
    for order in sent {
        let Sent {
            correlation_id,
            status,
        } = order;
        println!(
            "\n── Order with correlation ID {correlation_id}, answered with HTTP status {status}\n"
        );
        let traces = [
            request(receiver.store(), order),
            fulfilment(receiver.store(), order),
        ];
        for trace in traces.into_iter().flatten() {
            println!("{trace}");
        }
        let mut logs = receiver.logs().correlation_id(correlation_id).all();
        logs.sort_by_key(|log| log.time_unix_nano);
        for log in logs {
            println!(
                "{:<5} {:<10} {}  [{}]",
                log.severity_text,
                log.service,
                log.message(),
                log.span_id
            );
        }
    }
    println!("\n── Metrics of all orders\n");
    for name in METRICS.into_iter().chain([CPU_LOAD]) {
        for service in SERVICES {
            let Some(metric) = receiver.metrics().name(name).service(service).last() else {
                continue;
            };
            for point in &metric.points {
                let line = format!(
                    "{service:<10} {name}  {}  {}",
                    value(point, &metric.unit),
                    attributes(point)
                );
                println!("{}", line.trim_end());
            }
        }
    }
}

/// A sum, or how often and how much; of durations in milliseconds, which are easier to read.
fn value(point: &DataPoint, unit: &str) -> String {
    let Some(count) = point.count() else {
        return point.as_f64().unwrap_or_default().to_string();
    };
    let mean = point.sum().unwrap_or_default() / count.max(1) as f64;
    match unit {
        "s" => format!("{count} × {:.2} ms", mean * 1_000.0),
        unit => format!("{count} × {mean:.1} {unit}"),
    }
}

fn attributes(point: &DataPoint) -> String {
    let shown = point
        .attributes
        .iter()
        .map(|(key, value)| format!("{key}={value}"));
    let mut shown: Vec<_> = shown.collect();
    shown.sort();
    shown.join(" ")
}
