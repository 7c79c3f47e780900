//! Three signals from one service, over both protocols, tied together by trace and correlation ID.

use trisignal::otel::KeyValue;
use trisignal::{Compression, Limits, Protocol};
use trisignal_receiver::{Signal, SpanKind};

use super::common::{
    PATIENCE, PROTOCOLS, assert_all_delivered, assert_balanced, builder, receiver, record, spans,
    telemetry,
};

#[test]
fn spans_logs_and_metrics_arrive_by_either_protocol() {
    for protocol in PROTOCOLS {
        for compression in [Compression::None, Compression::Gzip] {
            let receiver = receiver();
            let telemetry = builder(&receiver, protocol)
                .service_version("1.2.3")
                .compression(compression)
                .header("x-team", "payments")
                .build()
                .unwrap();
            let orders = telemetry
                .meter("orders")
                .u64_counter("orders.placed")
                .build();
            record(&telemetry, || {
                tracing::info_span!("parent", otel.kind = "server").in_scope(|| {
                    tracing::info_span!("child", item = "book").in_scope(|| {
                        tracing::info!(quantity = 2, "order placed");
                        orders.add(2, &[KeyValue::new("item", "book")]);
                    });
                });
            });
            let report = telemetry.shutdown_blocking(PATIENCE);
            assert_balanced(&report);
            assert!(report.complete && report.lost() == 0, "{report}");

            let parent = receiver.spans().name("parent").one().unwrap();
            let child = receiver.spans().name("child").one().unwrap();
            assert_eq!(parent.kind, SpanKind::Server);
            assert!(parent.is_root());
            assert_eq!(child.parent_span_id, parent.span_id);
            assert_eq!(
                child.attr("item").and_then(|item| item.as_str()),
                Some("book")
            );
            assert_eq!(child.service, "checkout");
            assert_eq!(
                child.resource.attributes.str("service.version"),
                Some("1.2.3")
            );
            assert_eq!(parent.correlation_id(), Some(parent.trace_id.as_str()));
            assert_eq!(child.correlation_id(), Some(parent.trace_id.as_str()));

            let log = receiver.logs().trace(&parent.trace_id).one().unwrap();
            assert_eq!(log.message(), "order placed");
            assert_eq!(log.span_id, child.span_id);
            assert_eq!(log.correlation_id(), Some(parent.trace_id.as_str()));

            let metric = receiver.metrics().name("orders.placed").one().unwrap();
            assert_eq!(metric.point("item", "book").unwrap().as_i64(), Some(2));

            assert_eq!(report.traces.delivered, 2);
            assert_eq!(report.logs.delivered, 1);
            assert_eq!(
                report.metrics.delivered,
                receiver.received(Signal::Metrics).items
            );
            for request in receiver.requests() {
                assert_eq!(request.header("x-team"), Some("payments"));
                let agent = request.header("user-agent").unwrap();
                assert!(
                    agent.starts_with("trisignal/") && agent.contains(" OTel-OTLP-Exporter-Rust/")
                );
            }
        }
    }
}

#[test]
fn a_flush_says_what_was_delivered_and_the_service_goes_on() {
    let receiver = receiver();
    let telemetry = telemetry(&receiver);
    for round in 1..=3 {
        spans(&telemetry, 1_000);
        let report = telemetry.flush_blocking(PATIENCE);
        assert_balanced(&report);
        assert!(report.complete, "{report}");
        assert_eq!(report.traces.delivered, round * 1_000);
    }
    assert_eq!(receiver.received(Signal::Traces).unique, 3_000);
}

#[test]
fn what_comes_after_the_shutdown_is_dropped_and_counted() {
    let receiver = receiver();
    let telemetry = telemetry(&receiver);
    spans(&telemetry, 10);
    let first = telemetry.shutdown_blocking(PATIENCE);
    spans(&telemetry, 5);
    let second = telemetry.shutdown_blocking(PATIENCE);
    assert_eq!((first.traces.produced, first.traces.delivered), (10, 10));
    assert_eq!(
        second.traces, first.traces,
        "the second shutdown answers the first's report"
    );
    let health = telemetry.health();
    assert!(health.traces.balances());
    assert_eq!(
        health.traces.dropped.get(trisignal::DropReason::Shutdown),
        5
    );
}

#[test]
fn no_request_is_larger_than_a_mebibyte_and_what_is_too_long_is_cut() {
    let receiver = receiver();
    let telemetry = builder(&receiver, Protocol::HttpProtobuf)
        .limits(Limits {
            batch_items: Some(10_000),
            ..Limits::default()
        })
        .build()
        .unwrap();
    record(&telemetry, || {
        for number in 0..2_000 {
            let text = "x".repeat(if number == 1_000 { 2 << 20 } else { 2_000 });
            drop(tracing::info_span!("work", number, text));
        }
    });
    let report = telemetry.shutdown_blocking(PATIENCE);
    assert_all_delivered(&report, &receiver);
    assert_eq!(report.traces.delivered, 2_000, "{report}");
    let cut = receiver.spans().attr("number", 1_000).one().unwrap();
    let text = cut
        .attributes
        .get("text")
        .and_then(|text| text.as_str())
        .unwrap();
    assert!(text.len() <= 64 * 1024 && text.ends_with("… [cut, 2097152 bytes]"));
    assert!(
        receiver
            .requests()
            .iter()
            .all(|request| request.decompressed_bytes <= 1 << 20)
    );
}
