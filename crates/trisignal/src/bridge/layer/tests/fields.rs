//! Which fields an event carries, with which values and under which names.

use std::time::Duration;
use std::{error::Error, fmt, io};

use serde_json::json;
use tracing::{error, field, info, info_span, warn};

use super::*;

#[derive(Debug)]
struct Wrapped(&'static str, Option<Box<dyn Error + 'static>>);

impl fmt::Display for Wrapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for Wrapped {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.1.as_deref()
    }
}

#[test]
fn every_kind_of_value_keeps_its_type() {
    let rig = Rig::new(ALL);
    rig.run(|| {
        info!(
            yes = true,
            small = -3_i64,
            count = 7_u64,
            large = u64::MAX,
            huge = i128::MAX,
            half = 0.5,
            whole = 2.0,
            tiny = 1e-300,
            nan = f64::NAN,
            minus = f64::NEG_INFINITY,
            name = "plain",
            shown = %"displayed",
            debug = ?Some("inner"),
            bytes = &b"\x00\xff"[..],
            r#type = "raw",
            "all {}", "kinds"
        );
    });
    let (line, record) = rig.only();
    let int = |value| Some(AnyValue::Int(value));
    let double = |value| Some(AnyValue::Double(value));
    let table = [
        ("yes", json!(true), Some(AnyValue::Boolean(true))),
        ("small", json!(-3), int(-3)),
        ("count", json!(7), int(7)),
        // Beyond the signed numbers a field is the same text in both.
        (
            "large",
            json!("18446744073709551615"),
            text("18446744073709551615"),
        ),
        (
            "huge",
            json!(i128::MAX.to_string()),
            text(&i128::MAX.to_string()),
        ),
        ("half", json!(0.5), double(0.5)),
        ("whole", json!(2.0), double(2.0)),
        ("tiny", json!(1e-300), double(1e-300)),
        ("minus", json!("-Infinity"), double(f64::NEG_INFINITY)),
        ("name", json!("plain"), text("plain")),
        ("shown", json!("displayed"), text("displayed")),
        ("debug", json!("Some(\"inner\")"), text("Some(\"inner\")")),
        ("bytes", json!("[00 ff]"), text("[00 ff]")),
        ("type", json!("raw"), text("raw")),
    ];
    for (name, shown, exported) in table {
        assert_eq!(line[name], shown, "{name}");
        assert_eq!(attribute(&record, name), exported, "{name}");
    }
    assert_eq!(line["nan"], json!("NaN"));
    assert!(matches!(attribute(&record, "nan"), Some(AnyValue::Double(value)) if value.is_nan()));
    assert_eq!(line["message"], "all kinds");
    assert_eq!(record.body(), text("all kinds").as_ref());
}

#[test]
fn a_record_says_what_when_and_where() {
    // Their clock is off by less than that.
    const NEARLY: Duration = Duration::from_micros(100);

    let rig = Rig::new(ALL);
    let before = SystemTime::now() - NEARLY;
    rig.run(|| {
        tracing::event!(Level::TRACE, "t");
        tracing::event!(Level::DEBUG, "d");
        tracing::event!(Level::INFO, "i");
        tracing::event!(Level::WARN, "w");
        tracing::event!(target: "elsewhere", Level::ERROR, "e");
    });
    let after = SystemTime::now() + NEARLY;
    let levels = [
        ("TRACE", 1),
        ("DEBUG", 5),
        ("INFO", 9),
        ("WARN", 13),
        ("ERROR", 17),
    ];
    let (lines, records) = (rig.json(), rig.records());
    assert_eq!((lines.len(), records.len()), (levels.len(), levels.len()));
    for ((name, number), (line, record)) in levels.iter().zip(lines.iter().zip(&records)) {
        assert_eq!(line["level"], *name);
        assert_eq!(line["service"], "checkout");
        assert_eq!(record.severity_text(), Some(*name));
        assert_eq!(record.severity_number().map(|n| n as i32), Some(*number));
        let time = record.timestamp().unwrap();
        assert!(before <= time && time <= after);
        assert_eq!(record.observed_timestamp(), Some(time));
        assert_eq!(record.event_name(), None, "a default name is no name");
        let file = attribute(record, "code.file.path");
        assert_eq!(file, text(file!()));
        assert!(matches!(
            attribute(record, "code.line.number"),
            Some(AnyValue::Int(line)) if line > 0
        ));
        let target = if *name == "ERROR" {
            "elsewhere"
        } else {
            module_path!()
        };
        assert_eq!(line["target"], target);
        assert_eq!(record.target().unwrap(), target);
        let module = attribute(record, "code.module.name");
        assert_eq!(
            module.is_some(),
            *name == "ERROR",
            "only where it says more"
        );
    }
}

#[test]
fn keys_come_in_their_order_and_absent_ones_are_left_out() {
    let rig = Rig::new(ALL);
    rig.run(|| {
        info!(one = 1);
        info_span!("s", two = 2).in_scope(|| info!(one = 1, "hello"));
    });
    let lines = rig.lines();
    let keys = |line: &str, keys: &[&str]| {
        let places: Vec<_> = keys
            .iter()
            .map(|key| line.find(&format!("\"{key}\":")).expect(key))
            .collect();
        assert!(places.is_sorted(), "{line}");
        let object: Json = serde_json::from_str(line).unwrap();
        assert_eq!(object.as_object().unwrap().len(), keys.len(), "{line}");
    };
    keys(
        &lines[0],
        &["timestamp", "level", "service", "target", "one"],
    );
    keys(
        &lines[1],
        &[
            "timestamp",
            "level",
            "service",
            "message",
            "target",
            "trace_id",
            "span_id",
            "trace_flags",
            "correlation_id",
            "one",
            "two",
        ],
    );
}

#[test]
fn late_fields_are_there_and_the_innermost_wins() {
    let rig = Rig::new(ALL);
    rig.run(|| {
        let outer = info_span!("outer", user = "outer", late = field::Empty, only.outer = 1);
        let inner = info_span!(parent: &outer, "inner", user = "inner", shared = "span");
        let _outer = outer.enter();
        let _inner = inner.enter();
        info!(shared = "event", "before");
        outer.record("late", "first");
        outer.record("late", 42);
        info!("after");
    });
    let (lines, records) = (rig.json(), rig.records());
    assert!(lines[0].get("late").is_none());
    assert_eq!(attribute(&records[0], "late"), None);
    assert_eq!(lines[1]["late"], 42);
    assert_eq!(attribute(&records[1], "late"), Some(AnyValue::Int(42)));
    for (line, record, shared) in [
        (&lines[0], &records[0], "event"),
        (&lines[1], &records[1], "span"),
    ] {
        assert_eq!(line["user"], "inner");
        assert_eq!(attribute(record, "user"), text("inner"));
        assert_eq!(line["only.outer"], 1);
        assert_eq!(line["shared"], shared);
        assert_eq!(attribute(record, "shared"), text(shared));
    }
}

#[test]
fn directives_of_the_bridge_are_no_data() {
    let rig = Rig::new(ALL);
    rig.run(|| {
        let span = info_span!("s", otel.kind = "server", otel.name = "GET /", kept = 1);
        span.in_scope(|| info!("inside"));
    });
    let (line, record) = rig.only();
    assert_eq!(line["kept"], 1);
    for name in ["otel.kind", "otel.name"] {
        assert!(line.get(name).is_none());
        assert_eq!(attribute(&record, name), None);
    }
    assert!(rig.span("GET /").name == "GET /");
}

#[test]
fn fields_never_take_the_place_of_what_is_said_by_the_event_itself() {
    let rig = Rig::new(ALL);
    rig.run(|| {
        let span = info_span!("s", message = "of the span", correlation.id = "mine");
        span.in_scope(|| {
            info!(
                level = "high",
                fields.level = "moved",
                trace_id = "fake",
                service = "other",
                code.line.number = 1,
                "real"
            );
        });
    });
    let (line, record) = rig.only();
    assert_eq!(line["message"], "real");
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["service"], "checkout");
    assert_eq!(line["trace_id"].as_str().unwrap().len(), 32);
    assert_eq!(line["fields.message"], "of the span");
    assert_eq!(line["fields.level"], "high");
    assert_eq!(line["fields.fields.level"], "moved");
    assert_eq!(line["fields.trace_id"], "fake");
    assert_eq!(attribute(&record, "message"), text("of the span"));
    let correlation = line["correlation_id"].as_str().unwrap();
    assert_eq!(attribute(&record, "correlation.id"), text(correlation));
    assert_eq!(attribute(&record, "fields.correlation.id"), text("mine"));
    assert_ne!(
        attribute(&record, "code.line.number"),
        Some(AnyValue::Int(1))
    );
    assert_eq!(
        attribute(&record, "fields.code.line.number"),
        Some(AnyValue::Int(1))
    );
}

#[test]
fn errors_come_with_their_sources_and_as_exceptions() {
    let rig = Rig::new(ALL);
    let refused = || io::Error::new(io::ErrorKind::ConnectionRefused, "refused");
    let chain = Wrapped("payment failed", Some(Box::new(refused())));
    let repeats = Wrapped("failed: refused", Some(Box::new(refused())));
    rig.run(|| {
        let plain: &(dyn Error + 'static) = &chain;
        error!(error = plain, "no");
        let repeats: &(dyn Error + 'static) = &repeats;
        warn!(err = repeats, exception.message = "by hand", "no");
        error!(cause = plain, "no");
        error!(error = %chain, "no");
    });
    let (lines, records) = (rig.json(), rig.records());
    let table = [
        ("error", "payment failed: refused", Some("payment failed")),
        ("err", "failed: refused", Some("by hand")),
        ("cause", "payment failed: refused", None),
        ("error", "payment failed", None),
    ];
    assert_eq!(lines.len(), table.len());
    for ((field, shown, exception), (line, record)) in table.iter().zip(lines.iter().zip(&records))
    {
        assert_eq!(line[field], *shown);
        assert_eq!(attribute(record, field), text(shown));
        assert_eq!(
            attribute(record, "exception.message"),
            exception.and_then(text)
        );
    }
}

#[test]
fn only_a_name_that_was_given_is_an_event_name() {
    let rig = Rig::new(ALL);
    rig.run(|| {
        tracing::event!(name: "order.placed", Level::INFO, "named");
        tracing::event!(name: "event horizon", Level::INFO, "named");
        info!("not named");
    });
    let names: Vec<_> = rig.records().iter().map(SdkLogRecord::event_name).collect();
    assert_eq!(names, [Some("order.placed"), Some("event horizon"), None]);
}

#[test]
fn a_record_of_the_log_crate_keeps_its_own_place() {
    let rig = Rig::new(ALL);
    rig.run(|| {
        let record = log::Record::builder()
            .args(format_args!("from log"))
            .level(log::Level::Warn)
            .target("legacy::db")
            .module_path(Some("legacy::inner"))
            .file(Some("legacy/src/db.rs"))
            .line(Some(12))
            .build();
        info_span!("s", user = 1).in_scope(|| tracing_log::format_trace(&record).unwrap());
    });
    let (line, record) = rig.only();
    assert_eq!(line["message"], "from log");
    assert_eq!(line["level"], "WARN");
    assert_eq!(line["target"], "legacy::db");
    assert_eq!(line["user"], 1);
    assert_eq!(record.target().unwrap(), "legacy::db");
    assert_eq!(
        attribute(&record, "code.file.path"),
        text("legacy/src/db.rs")
    );
    assert_eq!(
        attribute(&record, "code.line.number"),
        Some(AnyValue::Int(12))
    );
    assert_eq!(
        attribute(&record, "code.module.name"),
        text("legacy::inner")
    );
    assert_eq!(record.event_name(), None);
    let leaked = |(name, _): (&String, &Json)| name.starts_with("log.");
    assert!(!line.as_object().unwrap().iter().any(leaked));
    assert_eq!(attribute(&record, "log.target"), None);
}
