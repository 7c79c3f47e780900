//! What a filter says to a callsite, before any event of it comes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failed unwrap is a failed test"
)]

use std::sync::Mutex;

use tracing::{Event, Subscriber, info_span};
use tracing_subscriber::{Layer, Registry, layer::SubscriberExt as _};

use super::*;

/// The metadata of events of every level, and of a span, as real callsites give it.
fn callsites() -> (Vec<&'static Metadata<'static>>, &'static Metadata<'static>) {
    struct Seen(Arc<Mutex<Vec<&'static Metadata<'static>>>>);
    impl<S: Subscriber> Layer<S> for Seen {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            self.0.lock().unwrap().push(event.metadata());
        }
    }
    let seen = Arc::new(Mutex::new(Vec::new()));
    let subscriber = Registry::default().with(Seen(Arc::clone(&seen)));
    let span = tracing::subscriber::with_default(subscriber, || {
        tracing::error!(target: "app", "");
        tracing::warn!(target: "app", "");
        tracing::info!(target: "app", "");
        tracing::debug!(target: "app", "");
        tracing::trace!(target: "app", "");
        tracing::error!(target: "h2::proto", "");
        info_span!(target: "app", "request").metadata().unwrap()
    });
    let events = std::mem::take(&mut *seen.lock().unwrap());
    (events, span)
}

fn letter(interest: &Interest) -> char {
    match (
        interest.is_always(),
        interest.is_sometimes(),
        interest.is_never(),
    ) {
        (true, false, false) => 'a',
        (false, true, false) => 's',
        (false, false, true) => 'n',
        other => panic!("no interest: {other:?}"),
    }
}

/// One letter for each callsite: always, sometimes or never.
fn interests(filter: &dyn layer::Filter<Registry>) -> String {
    let (events, span) = callsites();
    assert_eq!(events.len(), 6);
    events
        .into_iter()
        .chain([span])
        .map(|metadata| letter(&filter.callsite_enabled(metadata)))
        .collect()
}

fn union(console: &str, export: &str, spans: &str) -> Union {
    let some = |directives: &str| {
        (!directives.is_empty()).then(|| Filter::parse(directives).expect("valid directives"))
    };
    Union(Arc::new(EventFilters {
        console: some(console),
        export: some(export).map(Filter::exporting),
        spans: some(spans).map(Filter::exporting),
        ..EventFilters::default()
    }))
}

fn hint(filter: &impl layer::Filter<Registry>) -> Option<LevelFilter> {
    filter.max_level_hint()
}

#[test]
fn disabled_callsites_stay_cheap() {
    let (warn, info) = (Some(LevelFilter::WARN), Some(LevelFilter::INFO));
    let (debug, trace) = (Some(LevelFilter::DEBUG), Some(LevelFilter::TRACE));
    // Events from error to trace, an error of h2, and a span.
    let table = [
        // Without a filter there is no opinion on levels: OFF would be the other layers' as well.
        (("", "", ""), "nnnnnnn", None),
        (("warn", "", ""), "aannnan", warn),
        (("", "warn", ""), "aannnnn", warn),
        (("warn", "debug", "info"), "aaaanaa", debug),
        (("off", "off", "info"), "nnnnnna", info),
        (("off", "app=trace", ""), "aaaaana", trace),
        // A directive for a span makes everything a matter of the moment, up to its level.
        (("[other]=debug", "", ""), "sssssss", debug),
        (("off,[request]=debug", "", ""), "ssssssa", debug),
    ];
    for ((console, export, spans), expected, level) in table {
        let union = union(console, export, spans);
        let case = format!("{console}/{export}/{spans}");
        assert_eq!(interests(&union), expected, "{case}");
        assert_eq!(hint(&union), level, "{case}");
    }
}

#[test]
fn the_span_bridge_takes_spans_by_filter_and_events_from_warnings_up() {
    let table = [
        ("off", "ssnnnnn", LevelFilter::WARN),
        ("info", "ssnnnna", LevelFilter::INFO),
        ("error", "ssnnnnn", LevelFilter::WARN),
        ("trace", "ssnnnna", LevelFilter::TRACE),
    ];
    for (directives, expected, level) in table {
        let filter = Filter::parse(directives).unwrap().exporting();
        let filter = span_layer_filter::<Registry>(filter);
        assert_eq!(interests(&filter), expected, "{directives}");
        assert_eq!(hint(&filter), Some(level), "{directives}");
    }
}

#[test]
fn the_pipelines_own_stack_is_silenced_and_nothing_that_only_sounds_like_it() {
    let table = [
        ("h2", true),
        ("h2::codec::framed_read", true),
        ("h2o", false),
        ("hyper", true),
        ("hyper_util::client::legacy", true),
        ("hyper_extra", false),
        ("tonic::transport", true),
        ("tower::buffer::worker", true),
        ("tower_http::trace", false),
        ("rustls::client::hs", true),
        ("opentelemetry", true),
        ("opentelemetry-otlp", true),
        ("opentelemetry_sdk::logs", true),
        ("mio::poll", true),
        ("app::h2", false),
        ("trisignal::pipeline", false),
        ("", false),
    ];
    for (target, silenced) in table {
        assert_eq!(is_silenced(target), silenced, "{target}");
    }
}

#[test]
fn an_error_names_the_directive_that_is_wrong() {
    let table = [
        ("info,app=loud", "app=loud"),
        ("app=debug,=info,b=warn", "=info"),
        ("[span{}]=info", "[span{}]=info"),
        ("app=\u{1b}[31m", "app=\u{1b}[31m"),
    ];
    for (directives, wrong) in table {
        let error = Filter::parse(directives).unwrap_err();
        assert_eq!(error.directive, wrong, "{directives}");
        let shown = error.to_string();
        assert!(shown.starts_with("invalid filter directive \""), "{shown}");
        assert!(!shown.contains(char::is_control), "{shown:?}");
    }
    for directives in ["", "info", "info,", "off,a::b=trace,[s{f=1}]=debug"] {
        assert!(Filter::parse(directives).is_ok(), "{directives}");
    }
}
