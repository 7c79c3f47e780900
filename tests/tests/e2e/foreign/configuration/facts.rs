//! What a receiver got, as plain facts that can be compared.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use trisignal_receiver::{Metric, MetricKind, PointValue, Receiver, Span};

/// What both sides say of themselves, which is never the same.
const OWN: [&str; 4] = ["telemetry.", "process.", "host.", "os."];

pub(super) fn facts(receiver: &Receiver) -> BTreeMap<String, String> {
    let mut facts = BTreeMap::new();
    let spans = receiver.spans().all();
    let mut names: Vec<_> = spans.iter().map(|span| span.name.clone()).collect();
    names.sort();
    put(&mut facts, "spans", names);
    if let Some(root) = spans.iter().find(|span| span.name == "root") {
        of_span(&mut facts, root);
    }
    if let Some(log) = receiver.logs().first() {
        put(&mut facts, "log.body", log.message());
        let keys = ["text", "k0", "k1"].map(|key| log.attr(key).cloned());
        put(&mut facts, "log.attributes", keys);
    }
    for metric in receiver.metrics().all() {
        of_metric(&mut facts, &metric);
    }
    of_resource(&mut facts, receiver);
    of_requests(&mut facts, receiver);
    facts
}

fn put(facts: &mut BTreeMap<String, String>, key: &str, value: impl Debug) {
    facts.insert(key.to_owned(), format!("{value:?}"));
}

fn of_span(facts: &mut BTreeMap<String, String>, span: &Span) {
    // Ours are on every span.
    let own = |key: &str| key == "correlation.id";
    let attributes: BTreeMap<_, _> = span
        .attributes
        .iter()
        .filter(|(key, _)| !own(key))
        .collect();
    put(facts, "root.attributes", attributes);
    put(facts, "root.attributes.count", span.attributes.len().min(7));
    put(
        facts,
        "root.attributes.dropped",
        span.dropped_attributes_count > 0,
    );
    put(
        facts,
        "root.events",
        span.events
            .iter()
            .map(|event| &event.name)
            .collect::<Vec<_>>(),
    );
    put(facts, "root.events.dropped", span.dropped_events_count);
    put(
        facts,
        "root.links",
        (span.links.len(), span.dropped_links_count),
    );
    if let Some(event) = span.events.first() {
        put(facts, "event.text", event.attributes.get("text"));
        put(
            facts,
            "event.attributes",
            (event.attributes.len(), event.dropped_attributes_count),
        );
    }
    if let Some(link) = span.links.first() {
        put(
            facts,
            "link.attributes",
            (link.attributes.len(), link.dropped_attributes_count),
        );
    }
}

fn of_metric(facts: &mut BTreeMap<String, String>, metric: &Metric) {
    let name = format!("metric.{}", metric.name);
    put(facts, &name, metric.kind);
    put(
        facts,
        &format!("{name}.about"),
        (&metric.unit, &metric.description),
    );
    let Some(point) = metric.points.first() else {
        return;
    };
    let keys: BTreeSet<_> = point.attributes.keys().collect();
    put(facts, &format!("{name}.attributes"), keys);
    match &point.value {
        PointValue::Histogram {
            bounds,
            buckets,
            min,
            max,
            sum,
            ..
        } => {
            put(facts, &format!("{name}.buckets"), (bounds, buckets));
            put(facts, &format!("{name}.values"), (min, max, sum));
        }
        PointValue::ExponentialHistogram {
            scale,
            min,
            max,
            sum,
            ..
        } => {
            put(facts, &format!("{name}.scale"), scale);
            put(facts, &format!("{name}.values"), (min, max, sum));
        }
        _ => put(
            facts,
            &format!("{name}.value"),
            point.as_f64().or(point.as_i64().map(|n| n as f64)),
        ),
    }
    debug_assert!(metric.kind != MetricKind::Empty);
}

fn of_resource(facts: &mut BTreeMap<String, String>, receiver: &Receiver) {
    let resource = receiver.spans().first().map(|span| span.resource.clone());
    let resource = resource.or_else(|| {
        receiver
            .metrics()
            .first()
            .map(|metric| metric.resource.clone())
    });
    let Some(resource) =
        resource.or_else(|| receiver.logs().first().map(|log| log.resource.clone()))
    else {
        return;
    };
    let is_own = |key: &str| OWN.iter().any(|start| key.starts_with(start));
    for (key, value) in resource.attributes.iter().filter(|(key, _)| !is_own(key)) {
        // Random, and named after the program.
        let value = match key {
            "service.instance.id" => "any".to_owned(),
            _ => format!("{value:?}"),
        };
        put(facts, &format!("resource.{key}"), value);
    }
    put(facts, "resource.schema_url", &resource.schema_url);
}

/// Sets over all requests of a signal, because several exporters of one finish in any order.
fn of_requests(facts: &mut BTreeMap<String, String>, receiver: &Receiver) {
    let mut seen: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for request in receiver.requests() {
        let Some(signal) = request.signal else {
            continue;
        };
        let name = format!("request.{signal}.{:?}", request.protocol);
        let mut see = |key: &str, value: String| {
            seen.entry(format!("{name}{key}"))
                .or_default()
                .insert(value);
        };
        see("", request.path.clone());
        for header in ["content-encoding", "content-type", "grpc-encoding"] {
            see(
                &format!(".{header}"),
                format!("{:?}", request.header(header)),
            );
        }
        let theirs = request
            .headers
            .iter()
            .filter(|(key, _)| key.starts_with("x-"));
        let theirs: BTreeSet<_> = theirs.cloned().collect();
        see(".headers", format!("{theirs:?}"));
    }
    for (name, values) in seen {
        put(facts, &name, values);
    }
}
