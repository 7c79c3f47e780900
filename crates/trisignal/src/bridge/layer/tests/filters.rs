//! Three filters that know nothing of each other.

use tracing::{debug, debug_span, error, info, info_span, level_filters::LevelFilter, trace, warn};

use super::*;

fn speak() {
    let request = info_span!("request", user = "ann");
    let _request = request.enter();
    let step = debug_span!("step", number = 2);
    let _step = step.enter();
    trace!("trace");
    debug!("debug");
    info!("info");
    warn!("warn");
    error!("error");
}

#[test]
fn each_filter_decides_for_itself() {
    let from = |level: &str| -> Vec<&str> {
        let all = ["trace", "debug", "info", "warn", "error"];
        let first = all.iter().position(|name| *name == level);
        first.map_or(vec![], |first| all[first..].to_vec())
    };
    for console in ["trace", "warn", "error", "off"] {
        for logs in ["debug", "info", "off"] {
            for (spans, exported) in [
                ("trace", vec!["step", "request"]),
                ("info", vec!["request"]),
                ("off", vec![]),
            ] {
                let rig = Rig::new(Filters {
                    console,
                    logs,
                    spans,
                });
                rig.run(speak);
                let case = format!("console={console} logs={logs} spans={spans}");
                assert_eq!(messages(&rig), from(console), "{case}");
                assert_eq!(bodies(&rig), from(logs), "{case}");
                let names: Vec<_> = rig.spans().iter().map(|span| span.name.clone()).collect();
                assert_eq!(names, exported, "{case}");
            }
        }
    }
}

#[test]
fn a_quiet_console_leaves_traces_whole_and_lines_complete() {
    let rig = Rig::new(Filters {
        console: "warn",
        logs: "error",
        spans: "trace",
    });
    rig.run(speak);
    let (request, step) = (rig.span("request"), rig.span("step"));
    assert_eq!(step.parent_span_id, request.span_context.span_id());
    assert!(span_attribute(&request, "user").is_some());
    for line in rig.json() {
        assert_eq!(line["user"], "ann");
        assert_eq!(line["number"], 2);
        assert_eq!(
            line["trace_id"],
            step.span_context.trace_id().to_string().as_str()
        );
        assert_eq!(
            line["span_id"],
            step.span_context.span_id().to_string().as_str()
        );
    }
    assert_eq!(messages(&rig), ["warn", "error"]);
    let events: Vec<_> = step.events.iter().map(|event| event.name.clone()).collect();
    assert_eq!(events, ["warn", "error"], "warnings are events of the span");
}

#[test]
fn spans_that_no_filter_wants_give_no_fields() {
    let rig = Rig::new(Filters {
        console: "warn",
        logs: "warn",
        spans: "warn",
    });
    rig.run(speak);
    assert_eq!(messages(&rig), ["warn", "error"]);
    assert!(rig.json().iter().all(|line| line.get("user").is_none()));
}

#[test]
fn directives_may_depend_on_the_fields_of_entered_spans() {
    let rig = Rig::new(Filters {
        console: "warn,[request{user=ann}]=debug",
        logs: "error,[step]=trace",
        spans: "info",
    });
    rig.run(|| {
        speak();
        let other = info_span!("request", user = tracing::field::Empty);
        other.record("user", "ann");
        other.in_scope(|| debug!("late"));
        debug!("outside");
    });
    assert_eq!(messages(&rig), ["debug", "info", "warn", "error", "late"]);
    assert_eq!(bodies(&rig), ["trace", "debug", "info", "warn", "error"]);
}

#[test]
fn the_pipelines_own_stack_is_shown_but_never_exported() {
    let rig = Rig::new(Filters {
        console: "trace",
        logs: "trace,h2=trace",
        spans: "trace,hyper=trace",
    });
    rig.run(|| {
        info_span!(target: "hyper::proto", "hidden").in_scope(|| {
            error!(target: "h2::codec", "h2");
            warn!(target: "opentelemetry-otlp", "otel");
            info!(target: "tower_http::trace", "kept");
        });
        log_record("rustls::client", log::Level::Error, format_args!("rustls"));
    });
    assert_eq!(messages(&rig), ["h2", "otel", "kept", "rustls"]);
    assert_eq!(bodies(&rig), ["kept"]);
    assert!(rig.spans().is_empty());
}

#[test]
fn without_a_destination_nothing_is_followed() {
    let hint = |console: Option<ConsoleFormat>| {
        let layer = layer::<Registry>(BridgeOptions {
            console: console.map(|format| ConsoleOptions {
                format,
                service: String::new(),
                resource: Resource::builder_empty().build(),
                filter: Filter::parse("debug").unwrap(),
                writer: ConsoleWriter::stdout(),
                no_color: false,
            }),
            span_filter: Some(Filter::parse("trace").unwrap()),
            ..BridgeOptions::default()
        });
        layer.max_level_hint()
    };
    // Not OFF, which would silence the layers beside it.
    assert_eq!(hint(None), None);
    assert_eq!(hint(Some(ConsoleFormat::Off)), None);
    assert_eq!(hint(Some(ConsoleFormat::Json)), Some(LevelFilter::TRACE));
}
