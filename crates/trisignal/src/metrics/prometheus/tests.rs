//! Pages against what they should say.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::sync::Arc;

use opentelemetry::metrics::{Meter, MeterProvider};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::reader::MetricReader;

use super::accept::{Format, Syntax};
use super::names::Escaping;
use super::scrape::PullReader;
use super::write::{Page, page};
use crate::metrics::exemplar::{ExemplarFilter, Store, filter};
use crate::metrics::guard::GuardedMeterProvider;
use crate::metrics::views::{View, Views};

const OPEN_METRICS: Format = Format {
    syntax: Syntax::OpenMetrics,
    escaping: Escaping::Underscores,
};
const UTF8: Format = Format {
    syntax: Syntax::OpenMetrics,
    escaping: Escaping::Utf8,
};

struct Rig {
    guarded: GuardedMeterProvider,
    /// Metrics end with it.
    _provider: SdkMeterProvider,
    reader: PullReader,
    store: Arc<Store>,
}

fn rig(views: Vec<View>) -> Rig {
    let reader = PullReader::default();
    let store = Arc::new(Store::new(ExemplarFilter::TraceBased));
    let views = Views::new(views, 2_000, Vec::new(), false);
    let resource = Resource::builder_empty()
        .with_attributes([KeyValue::new("service.name", "checkout")])
        .build();
    let builder = SdkMeterProvider::builder().with_resource(resource);
    let provider = views.install(builder).with_reader(reader.clone()).build();
    let guarded = GuardedMeterProvider::new(provider.clone(), Arc::new(|| ()))
        .with_exemplars(Arc::clone(&store), views);
    Rig {
        guarded,
        _provider: provider,
        reader,
        store,
    }
}

impl Rig {
    fn meter(&self, name: &'static str) -> Meter {
        self.guarded
            .meter_with_scope(InstrumentationScope::builder(name).build())
    }

    fn page(&self, format: Format) -> Page {
        let mut collected = ResourceMetrics::default();
        self.reader.collect(&mut collected).unwrap();
        page(&collected, &self.store, format)
    }

    /// The lines of a page but for those of `target_info`.
    fn lines(&self, format: Format) -> Vec<String> {
        let page = self.page(format);
        let lines = page.text.lines();
        lines
            .filter(|line| !line.contains("target"))
            .map(str::to_owned)
            .collect()
    }
}

#[test]
fn both_formats_say_the_same_in_their_own_words() {
    let rig = rig(Vec::new());
    let meter = rig.meter("shop");
    let placed = meter
        .u64_counter("orders.placed")
        .with_unit("{order}")
        .with_description("Orders \"taken\".\nAll of them: \\o/");
    placed
        .build()
        .add(3, &[KeyValue::new("kind", "a\"b\\c\nd")]);
    let fill = meter.f64_gauge("store.fill").with_unit("1").build();
    fill.record(0.75, &[]);
    let latency = meter
        .f64_histogram("latency")
        .with_unit("s")
        .with_boundaries(vec![0.1, 1.0])
        .build();
    for value in [0.05, 0.5, 5.0] {
        latency.record(value, &[KeyValue::new("le", 1)]);
    }
    let text = rig.page(Format::DEFAULT);
    assert!(text.left_out.is_empty());
    let text: Vec<_> = text.text.lines().collect();
    assert_eq!(
        text,
        [
            "# HELP target_info What is known of the service.",
            "# TYPE target_info gauge",
            "target_info{service_name=\"checkout\"} 1",
            "# HELP latency_seconds The instrument latency.",
            "# TYPE latency_seconds histogram",
            "latency_seconds_bucket{exported_le=\"1\",otel_scope_name=\"shop\",le=\"0.1\"} 1",
            "latency_seconds_bucket{exported_le=\"1\",otel_scope_name=\"shop\",le=\"1.0\"} 2",
            "latency_seconds_bucket{exported_le=\"1\",otel_scope_name=\"shop\",le=\"+Inf\"} 3",
            "latency_seconds_sum{exported_le=\"1\",otel_scope_name=\"shop\"} 5.55",
            "latency_seconds_count{exported_le=\"1\",otel_scope_name=\"shop\"} 3",
            "# HELP orders_placed_total Orders \"taken\".\\nAll of them: \\\\o/",
            "# TYPE orders_placed_total counter",
            "orders_placed_total{kind=\"a\\\"b\\\\c\\nd\",otel_scope_name=\"shop\"} 3",
            "# HELP store_fill_ratio The instrument store.fill.",
            "# TYPE store_fill_ratio gauge",
            "store_fill_ratio{otel_scope_name=\"shop\"} 0.75",
        ]
    );
    let open = rig.page(OPEN_METRICS).text;
    for line in [
        "# TYPE target info",
        "# TYPE latency_seconds histogram",
        "# UNIT latency_seconds seconds",
        "# TYPE orders_placed counter",
        "# HELP orders_placed Orders \\\"taken\\\".\\nAll of them: \\\\o/",
        "orders_placed_total{kind=\"a\\\"b\\\\c\\nd\",otel_scope_name=\"shop\"} 3",
        "# UNIT store_fill_ratio ratio",
    ] {
        assert!(open.lines().any(|is| is == line), "{line}\n{open}");
    }
    assert!(open.ends_with("\n# EOF\n"), "{open}");
    let utf8 = rig.page(UTF8).text;
    for line in [
        "# TYPE \"orders.placed\" counter",
        "{\"orders.placed_total\",kind=\"a\\\"b\\\\c\\nd\",otel_scope_name=\"shop\"} 3",
        "target_info{\"service.name\"=\"checkout\"} 1",
    ] {
        assert!(utf8.lines().any(|is| is == line), "{line}\n{utf8}");
    }
}

#[test]
fn attributes_of_one_label_are_joined() {
    let rig = rig(Vec::new());
    let counter = rig.meter("shop").u64_counter("c").build();
    let attributes = [
        KeyValue::new("a_b", "2"),
        KeyValue::new("a.b", "1"),
        KeyValue::new("a-b", "0"),
        KeyValue::new("otel_scope_name", "mine"),
    ];
    counter.add(1, &attributes);
    let lines = rig.lines(Format::DEFAULT);
    assert!(
        lines.contains(&"c_total{a_b=\"0;1;2\",otel_scope_name=\"shop;mine\"} 1".to_owned()),
        "{lines:?}"
    );
}

#[test]
fn scopes_are_told_apart_and_share_one_head() {
    let rig = rig(Vec::new());
    let scope = InstrumentationScope::builder("b")
        .with_version("2")
        .with_schema_url("https://s/1")
        .with_attributes([KeyValue::new("shard", 7), KeyValue::new("name", "no")])
        .build();
    rig.guarded
        .meter_with_scope(scope)
        .u64_counter("c")
        .with_description("B")
        .build()
        .add(2, &[]);
    let first = rig
        .meter("a")
        .u64_counter("c")
        .with_description("A")
        .build();
    first.add(1, &[]);
    assert_eq!(
        rig.lines(Format::DEFAULT),
        [
            "# HELP c_total A",
            "# TYPE c_total counter",
            "c_total{otel_scope_name=\"a\"} 1",
            "c_total{otel_scope_name=\"b\",otel_scope_schema_url=\"https://s/1\",otel_scope_shard=\"7\",otel_scope_version=\"2\"} 2",
        ]
    );
}

#[test]
fn what_would_spoil_the_page_is_left_out_and_named() {
    let rig = rig(Vec::new());
    let meter = rig.meter("shop");
    meter.u64_counter("a.x").build().add(1, &[]);
    // Another kind under the same name, of a later scope.
    rig.meter("zoo")
        .f64_gauge("a.x_total")
        .build()
        .record(1.0, &[]);
    // The name of the page's own, the name of a bucket, values that are none of a counter, a series twice.
    meter.f64_gauge("target.info").build().record(1.0, &[]);
    meter.f64_histogram("h").build().record(1.0, &[]);
    meter.f64_gauge("h.count").build().record(1.0, &[]);
    meter.f64_counter("less").build().add(-1.0, &[]);
    let twice = meter.u64_counter("twice").build();
    twice.add(1, &[KeyValue::new("n", 1)]);
    twice.add(1, &[KeyValue::new("n", "1")]);
    for format in [Format::DEFAULT, OPEN_METRICS] {
        let mut left_out = rig.page(format).left_out;
        left_out.sort();
        let expected = ["a.x_total", "h.count", "less", "target.info", "twice"];
        assert_eq!(left_out, expected, "{format:?}");
        let text = rig.page(format).text;
        assert!(!text.contains("less"), "{text}");
        assert_eq!(text.matches("twice_total{").count(), 1, "{text}");
    }
}

#[test]
fn numbers_are_as_short_as_they_can_be() {
    let rig = rig(Vec::new());
    let gauge = rig.meter("").f64_gauge("g").build();
    let rows = [
        (1e300, "1e300"),
        (5e-324, "5e-324"),
        (-0.1, "-0.1"),
        (3.0, "3.0"),
    ];
    for (value, text) in rows {
        gauge.record(value, &[]);
        assert!(
            rig.lines(Format::DEFAULT).contains(&format!("g {text}")),
            "{text}"
        );
    }
    // The SDK leaves out what is not finite; a sum may get there.
    let sum = rig.meter("").f64_up_down_counter("u").build();
    sum.add(f64::MAX, &[]);
    sum.add(f64::MAX, &[]);
    assert!(rig.lines(Format::DEFAULT).contains(&"u +Inf".to_owned()));
    rig.meter("").u64_counter("c").build().add(u64::MAX, &[]);
    let lines = rig.lines(Format::DEFAULT);
    assert!(
        lines.contains(&"c_total 18446744073709551615".to_owned()),
        "{lines:?}"
    );
}

#[test]
fn a_sum_of_negative_numbers_is_not_shown() {
    let rig = rig(Vec::new());
    let histogram = rig
        .meter("")
        .f64_histogram("h")
        .with_boundaries(vec![0.0])
        .build();
    histogram.record(5.0, &[]);
    assert!(rig.lines(OPEN_METRICS).contains(&"h_sum 5.0".to_owned()));
    histogram.record(-1.0, &[]);
    assert!(rig.lines(Format::DEFAULT).contains(&"h_count 2".to_owned()));
    let lines = rig.lines(OPEN_METRICS);
    assert!(!lines.contains(&"h_count 2".to_owned()), "{lines:?}");
    assert!(
        !lines.iter().any(|line| line.starts_with("h_sum")),
        "{lines:?}"
    );
}

#[test]
fn exponential_buckets_are_shown_by_powers_of_two() {
    let rig = rig(vec![View::of("*").exponential_buckets()]);
    let histogram = rig.meter("").f64_histogram("h").build();
    for value in [0.0, 0.3, 1.0, 1.5, 3.0, 100.0, -3.0] {
        histogram.record(value, &[]);
    }
    let lines = rig.lines(Format::DEFAULT);
    let buckets: Vec<_> = lines.iter().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(
        buckets,
        [
            "h_bucket{le=\"-2.0\"} 1",
            "h_bucket{le=\"0.0\"} 2",
            "h_bucket{le=\"0.5\"} 3",
            "h_bucket{le=\"1.0\"} 4",
            "h_bucket{le=\"2.0\"} 5",
            "h_bucket{le=\"4.0\"} 6",
            "h_bucket{le=\"128.0\"} 7",
            "h_bucket{le=\"+Inf\"} 7",
            "h_count 7",
        ]
    );
    // Far apart, so that the scale is coarser than powers of two: each bucket still has all that is below its bound.
    for value in [1e-200, 1e200] {
        histogram.record(value, &[]);
    }
    let lines = rig.lines(Format::DEFAULT);
    assert!(
        lines.contains(&"h_bucket{le=\"+Inf\"} 9".to_owned()),
        "{lines:?}"
    );
    let bucket = |line: &String| {
        let (bound, count) = line.strip_prefix("h_bucket{le=\"")?.split_once("\"} ")?;
        Some((bound.parse::<f64>().ok()?, count.parse::<u64>().ok()?))
    };
    let mut last = 0;
    for (bound, count) in lines.iter().filter_map(bucket) {
        let all = [0.0, 0.3, 1.0, 1.5, 3.0, 100.0, -3.0, 1e-200, 1e200];
        let below = all.iter().filter(|value| **value <= bound).count() as u64;
        assert_eq!(count, below, "{bound}");
        assert!(count > last, "{bound}");
        last = count.min(8);
    }
}

#[test]
fn exemplars_are_in_open_metrics_only() {
    let rig = rig(vec![View::of("c").attributes(["kind"])]);
    let meter = rig.meter("");
    let counter = meter.u64_counter("c").build();
    let histogram = meter.f64_histogram("h").with_boundaries(vec![1.0]).build();
    let gauge = meter.f64_gauge("g").build();
    let attributes = [KeyValue::new("kind", "book"), KeyValue::new("user", "u1")];
    let (span, inside) = filter::enter(true);
    counter.add(2, &attributes);
    histogram.record(0.5, &[]);
    gauge.record(0.5, &[]);
    drop(inside);
    histogram.record(7.0, &[]);
    let lines = rig.lines(OPEN_METRICS);
    let (trace, id) = (span.trace_id(), span.span_id());
    let exemplar = format!("# {{span_id=\"{id}\",trace_id=\"{trace}\"");
    let found = |begin: &str| lines.iter().find(|line| line.starts_with(begin)).unwrap();
    assert!(
        found("c_total{").starts_with(&format!(
            "c_total{{kind=\"book\"}} 2 {exemplar},user=\"u1\"}} 2 "
        )),
        "{lines:?}"
    );
    let bucket = format!("h_bucket{{le=\"1.0\"}} 1 {exemplar}}} 0.5 ");
    assert!(
        found("h_bucket{le=\"1.0\"").starts_with(&bucket),
        "{lines:?}"
    );
    assert_eq!(found("h_bucket{le=\"+Inf\"}"), "h_bucket{le=\"+Inf\"} 2");
    assert_eq!(found("g "), "g 0.5");
    let text = rig.page(Format::DEFAULT).text;
    assert!(!text.contains("trace_id"), "{text}");
    // Too much to say besides the IDs is left out.
    let long = [
        KeyValue::new("kind", "pen"),
        KeyValue::new("user", "u".repeat(100)),
    ];
    let (_, _inside) = filter::enter(true);
    counter.add(1, &long);
    let lines = rig.lines(OPEN_METRICS);
    let line = lines.iter().find(|line| line.contains("pen")).unwrap();
    assert!(line.contains("trace_id") && !line.contains("uuu"), "{line}");
}
