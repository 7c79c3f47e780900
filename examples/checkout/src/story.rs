//! What the receiver got: for each order one trace across both services, its logs, and the metrics of all.

use std::time::Duration;

use trisignal_receiver::{DataPoint, Receiver, Store, TraceTree};

use crate::demo::Sent;

/// How long telemetry may take to arrive; it takes well under a second.
const PATIENCE: Duration = Duration::from_secs(60);
/// What the services measure.
const METRICS: [&str; 5] = [
    "http.server.request.duration",
    "http.client.request.duration",
    "checkout.orders",
    "orders.placed",
    "orders.items",
];

/// Waits until the traces of all orders are whole, with logs of both services, and the metrics are there. Says
/// what is missing otherwise.
pub(crate) async fn arrives(receiver: &Receiver, sent: &[Sent]) -> bool {
    let arrived = receiver.wait_for(PATIENCE, |store| {
        let traces = sent.iter().all(|order| is_whole(store, order));
        let metrics = METRICS.iter().all(|name| !store.metrics().name(name).is_empty());
        (traces && metrics).then_some(())
    });
    if let Err(timeout) = arrived.await {
        eprintln!("The telemetry of the orders is not whole: {timeout}");
        return false;
    }
    true
}

/// One trace with both services and no span missing, and a log record of each service with the same trace and
/// correlation ID.
fn is_whole(store: &Store, order: &Sent) -> bool {
    let tree = trace(store, order);
    let both = ["gateway", "orders"];
    let logged = both.iter().all(|service| {
        let logs = store.logs().service(service).correlation_id(&order.correlation_id);
        logs.filter(|log| tree.walk().any(|(_, span)| span.span_id == log.span_id)).first().is_some()
    });
    tree.is_whole() && tree.services() == both && logged
}

fn trace(store: &Store, order: &Sent) -> TraceTree {
    store.spans().correlation_id(&order.correlation_id).tree()
}

/// Prints it all.
pub(crate) fn show(receiver: &Receiver, sent: &[Sent]) {
    for order in sent {
        let Sent { correlation_id, status } = order;
        println!("\n── Order with correlation ID {correlation_id}, answered with HTTP status {status}\n");
        print!("{}", trace(receiver.store(), order));
        println!();
        let mut logs = receiver.logs().correlation_id(correlation_id).all();
        logs.sort_by_key(|log| log.time_unix_nano);
        for log in logs {
            println!("{:<5} {:<8} {}  [{}]", log.severity_text, log.service, log.message(), log.span_id);
        }
    }
    println!("\n── Metrics of all orders\n");
    for name in METRICS {
        for service in ["gateway", "orders"] {
            let Some(metric) = receiver.metrics().name(name).service(service).last() else { continue };
            for point in &metric.points {
                let count = point.count().map_or_else(
                    || point.as_f64().unwrap_or_default().to_string(),
                    |count| format!("{count} times, {} on average", average(point, &metric.unit)),
                );
                println!("{service:<8} {name}  {count}  {}", attributes(point));
            }
        }
    }
}

/// The mean of a histogram; of durations in milliseconds, which are easier to read.
fn average(point: &DataPoint, unit: &str) -> String {
    let count = point.count().unwrap_or_default().max(1);
    let mean = point.sum().unwrap_or_default() / count as f64;
    match unit {
        "s" => format!("{:.2} ms", mean * 1_000.0),
        unit => format!("{mean:.1} {unit}"),
    }
}

fn attributes(point: &DataPoint) -> String {
    let shown = point.attributes.iter().map(|(key, value)| format!("{key}={value}"));
    let mut shown: Vec<_> = shown.collect();
    shown.sort();
    shown.join(" ")
}
