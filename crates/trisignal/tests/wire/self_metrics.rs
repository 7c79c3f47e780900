//! `otel.sdk.*`: what the pipeline tells of itself in metrics is what its ledger says, to the item.

use std::collections::BTreeMap;
use std::time::Duration;

use opentelemetry::trace::{Span as _, Tracer as _, TracerProvider as _};
use opentelemetry_semantic_conventions::metric;
use trisignal::otel::{Context, KeyValue};
use trisignal::{
    ConsoleFormat, DropReason, Health, Limits, OwnMetrics, Protocol, SignalAccount, Telemetry,
};
use trisignal_receiver::{Answer, DataPoint, Metric, MetricKind, Receiver, Rule, Script, Signal};

use super::common::{
    PATIENCE, PROTOCOLS, brisk, builder, eventually, is_poisoned, logs, receiver, spans,
};

const ERROR: &str = "error.type";

fn telemetry(receiver: &Receiver, protocol: Protocol, limits: Limits) -> Telemetry {
    builder(receiver, protocol)
        .own_metrics([OwnMetrics::Pipeline])
        .limits(limits)
        .build()
        .unwrap()
}

/// All that was done before is delivered, and then told: the state that the last collection saw.
fn told(telemetry: &Telemetry) -> Health {
    assert!(telemetry.flush_blocking(PATIENCE).complete);
    let health = telemetry.health();
    assert!(telemetry.flush_blocking(PATIENCE).complete);
    health
}

fn last(receiver: &Receiver, name: &str) -> std::sync::Arc<Metric> {
    let metric = receiver.metrics().name(name).last();
    metric.unwrap_or_else(|| panic!("{name} did not arrive"))
}

fn count(point: &DataPoint) -> u64 {
    point.as_i64().unwrap().try_into().unwrap()
}

/// By `error.type`, with an empty text for those without.
fn by_error(metric: &Metric) -> BTreeMap<String, u64> {
    let error = |point: &DataPoint| {
        let error = point.attr(ERROR).and_then(|error| error.as_str());
        error.unwrap_or_default().to_owned()
    };
    metric
        .points
        .iter()
        .map(|point| (error(point), count(point)))
        .collect()
}

/// The metrics of one signal say what its account says.
#[track_caller]
fn assert_agrees(receiver: &Receiver, item: &str, account: &SignalAccount) {
    let value = |what: &str| by_error(&last(receiver, &format!("otel.sdk.{what}")));
    let processed = value(&format!("processor.{item}.processed"));
    let exported = value(&format!("exporter.{item}.exported"));
    let [queued, inflight] = [
        value(&format!("processor.{item}.queue.size")),
        value(&format!("exporter.{item}.inflight")),
    ]
    .map(|sizes| sizes[""]);
    assert_eq!(queued + inflight, account.held, "{account}");
    assert_eq!(exported[""], account.delivered, "{account}");
    assert_eq!(
        processed.values().sum::<u64>() + queued,
        account.produced,
        "{processed:?}: {account}"
    );
    assert_eq!(
        exported.values().sum::<u64>() + inflight,
        processed[""],
        "{exported:?}: {account}"
    );
    for reason in DropReason::ALL {
        let error = reason.as_str();
        let told = processed.get(error).unwrap_or(&0) + exported.get(error).unwrap_or(&0);
        assert_eq!(told, account.dropped.get(reason), "{error}: {account}");
    }
}

/// Rejected by the backend, refused in part, larger than a request: each is told by its reason.
#[test]
fn the_metrics_are_the_ledger() {
    for protocol in PROTOCOLS {
        let receiver = receiver();
        let partial = Rule::new(Answer::partial_success(3, "no")).signal(Signal::Logs);
        let script = Script::reject_if(is_poisoned(&[7, 11])).rule(partial.times(1));
        receiver.script(script);
        // All records in one request, of which the three are refused.
        let limits = Limits {
            schedule_delay: Some(Duration::from_secs(3_600)),
            ..brisk()
        };
        let telemetry = telemetry(&receiver, protocol, limits);
        spans(&telemetry, 100);
        logs(&telemetry, 20);
        let huge = "x".repeat(2 << 20);
        // What comes from `tracing` is cut; a span of the SDK is as large as it is.
        let tracer = telemetry.tracer_provider().unwrap().tracer("by hand");
        tracer
            .start("far too much")
            .set_attribute(KeyValue::new("huge", huge));
        let health = told(&telemetry);
        assert_eq!(health.traces.dropped.get(DropReason::Rejected), 2);
        assert!(
            health.traces.dropped.get(DropReason::TooLarge) == 1,
            "{}",
            health.traces
        );
        assert!(
            health.logs.dropped.get(DropReason::Partial) == 3,
            "{}",
            health.logs
        );
        assert_agrees(&receiver, "span", &health.traces);
        assert_agrees(&receiver, "log", &health.logs);
        let created = last(&receiver, metric::OTEL_SDK_LOG_CREATED);
        assert_eq!(count(&created.points[0]), health.logs.produced);
        let points = by_error(&last(
            &receiver,
            metric::OTEL_SDK_EXPORTER_METRIC_DATA_POINT_EXPORTED,
        ));
        assert_eq!(points[""], health.metrics.delivered);
    }
}

/// A queue that overflows, and a backend that is away: what is lost before the outbox is told as the processor's, what
/// waits behind it as the exporter's.
#[test]
fn what_is_lost_and_what_waits_is_told_by_stage() {
    let (receiver, away) = (receiver(), receiver());
    away.pause().unwrap();
    let limits = Limits {
        queue_items: Some(32),
        batch_items: Some(8),
        outbox: Some(trisignal::ByteSize::from_kib(64)),
        ..brisk()
    };
    let variables = BTreeMap::from([
        (
            "OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(),
            receiver.http_endpoint(),
        ),
        (
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT".to_owned(),
            format!("{}/v1/traces", away.http_endpoint()),
        ),
    ]);
    let telemetry = trisignal::builder("checkout")
        .environment(variables)
        .console(ConsoleFormat::Off)
        .own_metrics([OwnMetrics::Pipeline])
        .limits(limits)
        .build()
        .unwrap();
    spans(&telemetry, 5_000);
    // Traces can't be flushed, so each flush takes its time.
    let short = Duration::from_millis(100);
    let told = || {
        let inflight = metric::OTEL_SDK_EXPORTER_SPAN_INFLIGHT;
        receiver.metrics().name(inflight).count()
    };
    let all_encoded = || {
        let inflight = by_error(&last(&receiver, metric::OTEL_SDK_EXPORTER_SPAN_INFLIGHT));
        inflight[""] == telemetry.health().traces.held
    };
    eventually("all is encoded", || {
        assert!(!telemetry.flush_blocking(short).complete);
        told() > 0 && all_encoded()
    });
    let (health, before) = (telemetry.health(), told());
    // One collection may have been under way; the one after it has seen what we have.
    eventually("two more collections", || {
        assert!(!telemetry.flush_blocking(short).complete);
        told() >= before + 2
    });
    assert!(health.traces.held > 0 && health.traces.dropped.get(DropReason::OutboxFull) > 0);
    assert_agrees(&receiver, "span", &health.traces);
    let inflight = by_error(&last(&receiver, metric::OTEL_SDK_EXPORTER_SPAN_INFLIGHT));
    assert_eq!(inflight[""], health.traces.held, "all is encoded");
    let capacity = last(&receiver, metric::OTEL_SDK_PROCESSOR_SPAN_QUEUE_CAPACITY);
    assert_eq!(count(&capacity.points[0]), 32);
}

/// Every part has a name that is the same after each start, and exporters say where they send.
#[test]
fn parts_are_named_by_convention() {
    for (protocol, exporter, status) in [
        (
            Protocol::HttpProtobuf,
            "otlp_http",
            "http.response.status_code",
        ),
        (Protocol::Grpc, "otlp_grpc", "rpc.response.status_code"),
    ] {
        let receiver = receiver();
        let address = match protocol {
            Protocol::Grpc => receiver.grpc_addr(),
            _ => receiver.http_addr(),
        };
        let telemetry = telemetry(&receiver, protocol, brisk());
        spans(&telemetry, 1);
        logs(&telemetry, 1);
        told(&telemetry);
        told(&telemetry);
        for (name, kind) in [
            (
                metric::OTEL_SDK_PROCESSOR_SPAN_PROCESSED,
                "batching_span_processor".to_owned(),
            ),
            (
                metric::OTEL_SDK_PROCESSOR_LOG_PROCESSED,
                "batching_log_processor".to_owned(),
            ),
            (
                metric::OTEL_SDK_EXPORTER_SPAN_EXPORTED,
                format!("{exporter}_span_exporter"),
            ),
            (
                metric::OTEL_SDK_EXPORTER_LOG_EXPORTED,
                format!("{exporter}_log_exporter"),
            ),
            (
                metric::OTEL_SDK_EXPORTER_METRIC_DATA_POINT_EXPORTED,
                format!("{exporter}_metric_exporter"),
            ),
            (
                metric::OTEL_SDK_METRIC_READER_COLLECTION_DURATION,
                "periodic_metric_reader".to_owned(),
            ),
        ] {
            let metric = last(&receiver, name);
            let point = &metric.points[0];
            let text = |key: &str| {
                point
                    .attr(key)
                    .and_then(|value| value.as_str())
                    .map(str::to_owned)
            };
            assert_eq!(
                text("otel.component.name"),
                Some(format!("{kind}/0")),
                "{name}"
            );
            assert_eq!(text("otel.component.type"), Some(kind), "{name}");
            if name.contains(".exporter.") {
                assert_eq!(text("server.address"), Some(address.ip().to_string()));
                let port = point.attr("server.port").and_then(|port| port.as_i64());
                assert_eq!(port, Some(i64::from(address.port())));
            }
        }
        let exports = last(&receiver, metric::OTEL_SDK_EXPORTER_OPERATION_DURATION);
        assert!(matches!(exports.kind, MetricKind::Histogram { .. }));
        assert_eq!(exports.unit, "s");
        for point in &exports.points {
            assert!(
                point.attr(ERROR).is_none() && point.attr(status).is_some(),
                "{point:?}"
            );
            assert!(point.count() >= Some(1) && point.sum() > Some(0.0));
        }
        let collections = last(
            &receiver,
            metric::OTEL_SDK_METRIC_READER_COLLECTION_DURATION,
        );
        let requests = receiver
            .metrics()
            .name(metric::OTEL_SDK_LOG_CREATED)
            .count() as u64;
        // The one that told it is not in it yet.
        assert_eq!(collections.points[0].count(), Some(requests - 1));
    }
}

/// An export is told once, when it is over, with its last answer.
#[test]
fn the_time_of_an_export_has_its_tries_in_it() {
    let receiver = receiver();
    let busy = Rule::new(Answer::status(503))
        .signal(Signal::Traces)
        .times(3);
    let refused = Rule::new(Answer::status(400)).signal(Signal::Logs);
    receiver.script(Script::new().rule(busy).rule(refused));
    let telemetry = telemetry(&receiver, Protocol::HttpProtobuf, brisk());
    spans(&telemetry, 1);
    logs(&telemetry, 1);
    told(&telemetry);
    let exports = last(&receiver, metric::OTEL_SDK_EXPORTER_OPERATION_DURATION);
    let of = |kind: &str| exports.point("otel.component.type", kind).unwrap();
    let traces = of("otlp_http_span_exporter");
    assert_eq!(
        (traces.count(), traces.attr(ERROR)),
        (Some(1), None),
        "three tries and a success"
    );
    let logs = of("otlp_http_log_exporter");
    assert_eq!(
        logs.attr(ERROR).and_then(|error| error.as_str()),
        Some("400")
    );
    let status = logs
        .attr("http.response.status_code")
        .and_then(|status| status.as_i64());
    assert_eq!(status, Some(400));
}

/// Spans are counted when they begin, also those that are not recorded, by parent and by what the sampler said.
#[test]
fn spans_are_counted_from_their_beginning() {
    use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId};
    use opentelemetry::trace::{Tracer, TracerProvider};

    let remote = |flags| {
        let ids = (TraceId::from_bytes([1; 16]), SpanId::from_bytes([2; 8]));
        Context::new().with_remote_span_context(SpanContext::new(
            ids.0,
            ids.1,
            flags,
            true,
            Default::default(),
        ))
    };
    let receiver = receiver();
    let telemetry = telemetry(&receiver, Protocol::HttpProtobuf, brisk());
    let tracer = telemetry.tracer_provider().unwrap().tracer("test");
    let begin = |parent: &Context| tracer.start_with_context("work", parent);
    let root = Context::new().with_span(begin(&Context::new()));
    let child = begin(&root);
    let (sampled, not_sampled) = (remote(TraceFlags::SAMPLED), remote(TraceFlags::default()));
    let served = begin(&sampled);
    drop((begin(&not_sampled), begin(&not_sampled)));
    told(&telemetry);
    let started = || {
        let metric = last(&receiver, metric::OTEL_SDK_SPAN_STARTED);
        let text =
            |point: &DataPoint, key: &str| point.attr(key).unwrap().as_str().unwrap().to_owned();
        let series = metric.points.iter().map(|point| {
            let origin = text(point, "otel.span.parent.origin");
            (
                (origin, text(point, "otel.span.sampling_result")),
                count(point),
            )
        });
        series.collect::<BTreeMap<_, _>>()
    };
    let live = || {
        let metric = last(&receiver, metric::OTEL_SDK_SPAN_LIVE);
        count(
            metric
                .point("otel.span.sampling_result", "RECORD_AND_SAMPLE")
                .unwrap(),
        )
    };
    let of = |origin: &str, result: &str| (origin.to_owned(), result.to_owned());
    let expected = BTreeMap::from([
        (of("none", "RECORD_AND_SAMPLE"), 1),
        (of("local", "RECORD_AND_SAMPLE"), 1),
        (of("remote", "RECORD_AND_SAMPLE"), 1),
        (of("remote", "DROP"), 2),
    ]);
    assert_eq!((started(), live()), (expected, 3));
    drop((child, served, root));
    // Those of `tracing` count as well.
    spans(&telemetry, 10);
    told(&telemetry);
    assert_eq!(
        (started()[&of("none", "RECORD_AND_SAMPLE")], live()),
        (11, 0)
    );
}

/// Each destination has an account of its own, and each way of collecting its own times.
#[test]
fn every_destination_and_every_reader_is_told_apart() {
    let receiver = receiver();
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.http_endpoint()),
        ("OTEL_TRACES_EXPORTER", "console,otlp".to_owned()),
        ("OTEL_METRICS_EXPORTER", "otlp,prometheus".to_owned()),
        ("OTEL_EXPORTER_PROMETHEUS_PORT", "0".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value));
    receiver.script(Script::reject_if(is_poisoned(&[1])));
    let telemetry = trisignal::builder("checkout")
        .environment(BTreeMap::from(variables))
        .console(ConsoleFormat::Off)
        .console_writer(|_| Ok(()))
        .own_metrics([OwnMetrics::Pipeline])
        .limits(brisk())
        .build()
        .unwrap();
    spans(&telemetry, 3);
    let url = format!("http://{}/metrics", telemetry.metrics_address().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async { reqwest::get(url).await.unwrap().text().await.unwrap() });
    let health = told(&telemetry);
    let exported = last(&receiver, metric::OTEL_SDK_EXPORTER_SPAN_EXPORTED);
    let told_of = |kind: &str| {
        let points = exported.points.iter();
        let of_kind = points.filter(|point| {
            point
                .attr("otel.component.type")
                .and_then(|kind| kind.as_str())
                == Some(kind)
        });
        let error = |point: &DataPoint| point.attr(ERROR).is_some();
        of_kind
            .map(|point| (error(point), count(point)))
            .collect::<BTreeMap<_, _>>()
    };
    assert_eq!(
        told_of("console_span_exporter"),
        BTreeMap::from([(false, 3)])
    );
    let otlp = BTreeMap::from([(false, 2), (true, 1)]);
    assert_eq!(
        told_of("otlp_http_span_exporter"),
        otlp,
        "{}",
        health.traces
    );
    let collections = last(
        &receiver,
        metric::OTEL_SDK_METRIC_READER_COLLECTION_DURATION,
    );
    for (kind, at_least) in [
        ("periodic_metric_reader", 1),
        ("prometheus_http_text_metric_exporter", 1),
    ] {
        let point = collections.point("otel.component.type", kind);
        assert!(
            point.and_then(|point| point.count()) >= Some(at_least),
            "{kind}"
        );
    }
}
