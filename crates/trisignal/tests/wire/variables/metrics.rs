//! How metrics are collected and shown.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use trisignal_receiver::{MetricKind, Signal, Temporality};

use super::super::common::{await_unique, free_port};
use super::queues::gives_up;
use super::{NEVER, SOON, Service, proofs};

fn exemplars(service: &Service, name: &str) -> usize {
    let metric = service.metric(name);
    metric
        .points
        .iter()
        .map(|point| point.exemplars.len())
        .sum()
}

/// The page at this address, or nothing.
fn page(address: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .ok()?;
    let mut page = String::new();
    stream.read_to_string(&mut page).ok()?;
    Some(page)
}

fn temporality_of(service: &Service, name: &str) -> Temporality {
    match service.metric(name).kind {
        MetricKind::Sum { temporality, .. } | MetricKind::Histogram { temporality } => temporality,
        other => panic!("{other:?}"),
    }
}

proofs! {
    OTEL_METRIC_EXPORT_INTERVAL => {
        let service = Service::new(&[
            ("OTEL_METRIC_EXPORT_INTERVAL", SOON),
            ("OTEL_BSP_SCHEDULE_DELAY", NEVER),
        ]);
        service.work();
        // Without a flush, of its own.
        await_unique(&service.receiver, Signal::Metrics, 1);
        assert_eq!(service.receiver.received(Signal::Traces).requests, 0);
        service.finish();
        let slow = Service::new(&[("OTEL_METRIC_EXPORT_INTERVAL", NEVER), ("OTEL_BSP_SCHEDULE_DELAY", SOON)]);
        slow.work();
        await_unique(&slow.receiver, Signal::Traces, 1);
        assert_eq!(slow.receiver.received(Signal::Metrics).requests, 0);
        slow.finish();
    }

    OTEL_METRIC_EXPORT_TIMEOUT => { gives_up("OTEL_METRIC_EXPORT_TIMEOUT", Signal::Metrics); }

    OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE => {
        let variable = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE";
        let up_down = |service: &Service| {
            service.telemetry.meter("orders").i64_up_down_counter("orders.open").build().add(1, &[]);
        };
        for (value, counter, open) in [
            ("delta", Temporality::Delta, Temporality::Cumulative),
            ("lowmemory", Temporality::Delta, Temporality::Cumulative),
            ("cumulative", Temporality::Cumulative, Temporality::Cumulative),
        ] {
            let service = Service::new(&[(variable, value)]);
            service.work();
            up_down(&service);
            service.finish();
            assert_eq!(temporality_of(&service, "orders.placed"), counter, "{value}");
            assert_eq!(temporality_of(&service, "orders.amount"), counter, "{value}");
            assert_eq!(temporality_of(&service, "orders.open"), open, "{value}");
        }
    }

    OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION => {
        let variable = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION";
        let service = Service::ran(&[(variable, "base2_exponential_bucket_histogram")]);
        let kind = service.metric("orders.amount").kind;
        assert!(matches!(kind, MetricKind::ExponentialHistogram { .. }), "{kind:?}");
        let service = Service::ran(&[(variable, "explicit_bucket_histogram")]);
        let kind = service.metric("orders.amount").kind;
        assert!(matches!(kind, MetricKind::Histogram { .. }), "{kind:?}");
    }

    OTEL_METRICS_EXEMPLAR_FILTER => {
        let with = |filter| {
            let service = Service::new(&[("OTEL_METRICS_EXEMPLAR_FILTER", filter)]);
            service.work();
            service.telemetry.meter("orders").u64_counter("orders.alone").build().add(1, &[]);
            service.finish();
            (exemplars(&service, "orders.placed"), exemplars(&service, "orders.alone"))
        };
        assert_eq!(with("trace_based"), (1, 0));
        assert_eq!(with("always_on"), (1, 1));
        assert_eq!(with("always_off"), (0, 0));
    }

    OTEL_EXPORTER_PROMETHEUS_PORT => {
        let port = free_port().to_string();
        let service = Service::new(&[
            ("OTEL_METRICS_EXPORTER", "prometheus"),
            ("OTEL_EXPORTER_PROMETHEUS_PORT", &port),
        ]);
        service.work();
        let page = page(&format!("localhost:{port}")).unwrap();
        assert!(page.contains("orders_placed"), "{page}");
        service.finish();
        assert_eq!(service.receiver.received(Signal::Metrics).requests, 0);
    }

    OTEL_EXPORTER_PROMETHEUS_HOST => {
        // Another address of the loopback, where the default, `localhost`, is not.
        let port = free_port().to_string();
        let service = Service::new(&[
            ("OTEL_METRICS_EXPORTER", "prometheus,otlp"),
            ("OTEL_EXPORTER_PROMETHEUS_HOST", "127.0.0.2"),
            ("OTEL_EXPORTER_PROMETHEUS_PORT", &port),
        ]);
        service.work();
        assert!(page(&format!("127.0.0.2:{port}")).unwrap().contains("orders_placed"));
        assert_eq!(page(&format!("127.0.0.1:{port}")), None);
        service.finish();
        assert!(service.receiver.received(Signal::Metrics).requests > 0);
    }

    OTEL_RUST_OWN_METRICS => {
        let own = |value| {
            let service = Service::ran(&[("OTEL_RUST_OWN_METRICS", value)]);
            let metrics = service.receiver.metrics().names();
            metrics.iter().any(|name| name.starts_with("process."))
        };
        assert!(!own("none"));
        assert!(own("process"));
    }
}
