//! The sections of the three providers: processors, samplers, views and configurators, and what becomes of them.

use std::sync::Arc;
use std::time::Duration;

use super::sink::SINK;
use super::{load, warnings};
use crate::metrics::keys::Keys;

#[test]
fn simple_processors_do_not_wait() {
    let simple = "file_format: \"1.1\"\ntracer_provider:\n  processors:\n    - simple: {exporter: {otlp_http: }}\n";
    let config = load(simple, &[]).unwrap();
    assert_eq!(config.span_batch.max_batch_items, 1);
    assert_eq!(config.span_batch.delay, Duration::from_millis(1));
    assert_eq!(warnings(&config), [""; 0]);
    let both = format!("{simple}    - batch: {{schedule_delay: 7, exporter: {{console: }}}}\n");
    let config = load(&both, &[]).unwrap();
    assert_eq!(config.span_batch.delay, Duration::from_millis(7));
    assert_eq!(config.span_batch.max_batch_items, 2_048);
    assert!(
        warnings(&config)[0].contains("shares the batches"),
        "{:?}",
        warnings(&config)
    );
}

#[test]
fn what_only_one_of_several_can_say_is_told() {
    let text = "file_format: \"1.1\"
tracer_provider:
  processors:
    - batch: {max_queue_size: 5, max_export_batch_size: 6, exporter: {otlp_http: }}
    - batch: {max_queue_size: 7, exporter: {console: }}
    - batch: {exporter: {console: }}
meter_provider:
  readers:
    - periodic: {interval: 0, exporter: {otlp_http: }}
    - periodic: {interval: 5, exporter: {otlp_grpc: {temporality_preference: delta}}}
";
    let config = load(text, &[]).unwrap();
    assert_eq!(config.span_batch.max_batch_items, 5);
    let told = warnings(&config);
    let expected = [
        "telemetry.yaml:4=\"6\" is more than the queue holds; 5 is used",
        "5:31: tracer_provider.processors[1].batch.max_queue_size differs",
        "6:26: tracer_provider.processors[2].batch.exporter.console is there already",
        "9:28: meter_provider.readers[0].periodic.interval is 0, which is no interval; 60000 is used",
        "10:28: meter_provider.readers[1].periodic.interval differs",
        "10:78: meter_provider.readers[1].periodic.exporter.otlp_grpc.temporality_preference differs",
    ];
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for text in expected {
        assert!(
            told.iter().any(|told| told.contains(text)),
            "{text} in {told:#?}"
        );
    }
}

#[test]
fn samplers_are_trees() {
    let cases = [
        ("always_off:", "always_off"),
        ("trace_id_ratio_based: {ratio: 0.5}", "traceidratio 0.5"),
        ("trace_id_ratio_based:", "traceidratio 1"),
        (
            "probability/development: {ratio: 0.25}",
            "traceidratio 0.25",
        ),
        ("parent_based:", "parentbased_always_on"),
        (
            "parent_based: {root: {trace_id_ratio_based: {ratio: 1}}, local_parent_not_sampled: {always_on: }}",
            "parentbased_traceidratio 1, local_parent_not_sampled always_on",
        ),
        (
            "jaeger_remote/development: {endpoint: \"http://jaeger:5778\", interval: 5, initial_sampler: {always_off: }}",
            "jaeger_remote http://jaeger:5778/sampling every 5 ms, until then always_off",
        ),
        (
            "composite/development: {parent_threshold: {root: {probability: {ratio: 0.5}}}}",
            "parentbased_traceidratio 0.5",
        ),
        ("composite/development: {rule_based: }", "else always_off"),
    ];
    for (sampler, expected) in cases {
        let text = format!(
            "file_format: \"1.1\"\ntracer_provider:\n  processors: [{{simple: {{exporter: {{console: }}}}}}]\n  sampler:\n    {sampler}\n"
        );
        let config = load(&text, &[]).unwrap();
        assert_eq!(config.sampler.to_string(), expected, "{sampler}");
        assert_eq!(warnings(&config), [""; 0], "{sampler}");
    }
}

#[test]
fn views_and_limits_of_series() {
    let config = load(SINK, &[]).unwrap();
    let streams = &config.metric_streams;
    assert_eq!(streams.cardinality_limit, 2001);
    assert!(streams.exponential);
    assert_eq!(
        (streams.prometheus.host.as_str(), streams.prometheus.port),
        ("127.0.0.1", 9999)
    );
    let view = &streams.views[0];
    assert_eq!(view.select.name.as_deref(), Some("http.request"));
    assert_eq!(view.select.meter_name.as_deref(), Some("shop"));
    assert_eq!(view.keep.name.as_deref(), Some("requests"));
    assert_eq!(view.keep.cardinality_limit, Some(100));
    let keys = ["http.route"].map(opentelemetry::Key::from);
    assert_eq!(
        view.keep.attributes,
        Some(Keys::Only(Arc::new(keys.into())))
    );

    let text = "file_format: \"1.1\"
meter_provider:
  readers:
    - periodic:
        exporter: {console: }
        cardinality_limits: {counter: 7, histogram: 8}
  views:
    - selector: {instrument_name: a*}
      stream: {attribute_keys: {excluded: [a]}, aggregation: {drop: }}
    - selector: {}
      stream: {attribute_keys: {included: [\"a*\"]}}
";
    let config = load(text, &[]).unwrap();
    let streams = &config.metric_streams;
    assert_eq!(
        (streams.cardinality_limit, streams.kind_limits.len()),
        (2000, 2)
    );
    let has = |view: usize, key: &'static str| {
        let keys = streams.views[view].keep.attributes.as_ref().unwrap();
        keys.have(&key.into())
    };
    assert_eq!((has(0, "a"), has(0, "b")), (false, true));
    assert_eq!((has(1, "ab"), has(1, "b")), (true, false));
    assert_eq!(warnings(&config), [""; 0]);

    let bad = "file_format: \"1.1\"
meter_provider:
  readers: [{periodic: {exporter: {console: }}}]
  views:
    - {selector: {instrument_name: a*}, stream: {name: b}}
    - {selector: {}, stream: {aggregation: {explicit_bucket_histogram: {boundaries: [2, 1]}}}}
    - {selector: {instrument_type: counted}, stream: {aggregation: {sum: , drop: }}}
";
    let found = load(bad, &[]).unwrap_err();
    let expected = [
        "5:7: meter_provider.views[0]: one name for the metrics of any number of instruments",
        "6:7: meter_provider.views[1]: the view of * can't be used",
        "7:36: meter_provider.views[2].selector.instrument_type: expected one of counter",
        "7:68: meter_provider.views[2].stream.aggregation: expected exactly one aggregation, found 2",
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.contains(expected), "{expected} in {found}");
    }
}

#[test]
fn a_single_logger_does_not_follow_traces() {
    let text = "file_format: \"1.1\"
logger_provider:
  processors: [{simple: {exporter: {console: }}}]
  logger_configurator/development:
    default_config: {minimum_severity: warn}
    loggers:
      - {name: a, config: {trace_based: true}}
      - {name: b, config: {trace_based: false, minimum_severity: fatal4}}
";
    let config = load(text, &[]).unwrap();
    let path = "logger_provider.logger_configurator/development.loggers[0].config.trace_based";
    assert_eq!(
        warnings(&config),
        [format!(
            "telemetry.yaml:7:41: {path} is not used: all log records follow their traces, or none; what `default_config` says holds"
        )]
    );
    assert!(!config.logs_trace_based);
    let shown = config.loggers.unwrap().to_string();
    assert_eq!(shown, "a on; b from severity 24; others from severity 13");
}
