//! Code of users that panics, recurses or lies, and text that wants to be more than text.

use std::{
    fmt, io,
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

use tracing::{info, info_span, warn};

use super::*;

/// Code points that break terminals, lines, JSON, or the eye, and some that do not.
const NASTY: &[char] = &[
    '\0',
    '\x07',
    '\x08',
    '\t',
    '\n',
    '\x0b',
    '\x0c',
    '\r',
    '\x1b',
    '\x1f',
    '"',
    '\\',
    '/',
    '=',
    ' ',
    '{',
    '}',
    'a',
    'Z',
    '\x7f',
    '\u{80}',
    '\u{85}',
    '\u{9b}',
    '\u{9f}',
    '\u{a0}',
    'ß',
    '\u{61c}',
    '\u{200b}',
    '\u{200e}',
    '\u{200f}',
    '\u{2028}',
    '\u{2029}',
    '\u{202a}',
    '\u{202e}',
    '\u{2066}',
    '\u{2069}',
    '\u{feff}',
    '\u{fffd}',
    '\u{ffff}',
    '漢',
    '\u{10ffff}',
    '🦀',
];

/// A small generator, so that every run tries the same texts.
struct Lcg(u64);

impl Lcg {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % below
    }

    fn text(&mut self) -> String {
        let length = self.next(12);
        (0..length).map(|_| NASTY[self.next(NASTY.len())]).collect()
    }
}

/// Prints its text as it is, however it is asked.
struct Raw<'a>(&'a str);

impl fmt::Debug for Raw<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// What must not stand in any line but for its end.
fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}')
        || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn assert_one_line(line: &str) {
    let content = line.strip_suffix('\n').expect("a line ends");
    assert!(!content.contains(is_hostile), "{content:?}");
}

fn log_everywhere(text: &str) {
    let span = info_span!("s", in.span = text, debug = ?Raw(text));
    span.in_scope(|| info!(in.event = text, raw = ?Raw(text), shown = %text, "{text}"));
    // Targets of `tracing` are fixed, those of `log` are not.
    log_record(text, log::Level::Info, format_args!("{text}"));
}

#[test]
fn any_text_is_one_json_line_and_reads_back_the_same() {
    let rig = Rig::new(ALL);
    let mut random = Lcg(42);
    let single = NASTY.iter().map(|c| c.to_string());
    let texts: Vec<_> = single.chain((0..2_000).map(|_| random.text())).collect();
    rig.run(|| texts.iter().for_each(|text| log_everywhere(text)));
    let (lines, records) = (rig.lines(), rig.records());
    assert_eq!(
        (lines.len(), records.len()),
        (2 * texts.len(), 2 * texts.len())
    );
    for (wanted, pair) in texts.iter().zip(lines.chunks(2)) {
        pair.iter().for_each(|line| assert_one_line(line));
        let (event, log) = (parse(&pair[0]), parse(&pair[1]));
        for key in ["message", "in.span", "debug", "in.event", "raw", "shown"] {
            assert_eq!(event[key], wanted.as_str(), "{key}");
        }
        assert_eq!(log["target"], wanted.as_str());
        assert_eq!(log["message"], wanted.as_str());
    }
    for (wanted, pair) in texts.iter().zip(records.chunks(2)) {
        assert_eq!(pair[0].body(), text(wanted).as_ref());
        assert_eq!(attribute(&pair[0], "in.span"), text(wanted));
        assert_eq!(pair[1].target().unwrap(), wanted.as_str());
    }
}

#[test]
fn any_text_is_one_pretty_line() {
    let rig = Rig::with_format(ALL, ConsoleFormat::Pretty);
    let mut random = Lcg(7);
    rig.run(|| {
        for c in NASTY {
            log_everywhere(&c.to_string());
        }
        for _ in 0..1_000 {
            log_everywhere(&random.text());
        }
    });
    let lines = rig.lines();
    assert_eq!(lines.len(), 2 * (NASTY.len() + 1_000));
    lines.iter().for_each(|line| assert_one_line(line));
}

struct Panics;

impl fmt::Debug for Panics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("half")?;
        panic!("from a Debug implementation")
    }
}

impl fmt::Display for Panics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

#[test]
fn a_panic_while_formatting_costs_its_value_only() {
    let rig = Rig::new(ALL);
    rig.run(|| {
        let span = info_span!("s", bad = ?Panics, late = tracing::field::Empty, good = 1);
        span.record("late", tracing::field::debug(Panics));
        span.in_scope(|| {
            info!(before = 1, own = ?Panics, after = 2, "fine");
            info!("{Panics}");
        });
    });
    let lines = rig.json();
    let records = rig.records();
    assert_eq!((lines.len(), records.len()), (2, 2));
    let wanted = [
        ("before", Json::from(1)),
        ("own", "<panicked>".into()),
        ("after", 2.into()),
        ("bad", "<panicked>".into()),
        ("late", "<panicked>".into()),
        ("good", 1.into()),
        ("message", "fine".into()),
    ];
    for (name, value) in wanted {
        assert_eq!(lines[0][name], value, "{name}");
    }
    assert_eq!(attribute(&records[0], "own"), text("<panicked>"));
    assert_eq!(lines[1]["message"], "<panicked>");
    let span = rig.span("s");
    for (name, value) in [("bad", "<panicked>"), ("late", "<panicked>")] {
        assert_eq!(span_attribute(&span, name).unwrap().value.as_str(), value);
    }
    assert_eq!(span_attribute(&span, "good").unwrap().value, 1.into());
}

#[test]
fn a_panic_while_formatting_a_warning_costs_the_span_its_value_only() {
    let rig = Rig::new(ALL);
    rig.run(|| {
        info_span!("s").in_scope(|| {
            warn!(bad = ?Panics, "one");
            warn!("{Panics}");
            warn!(good = 1, "three");
        });
    });
    assert_eq!(messages(&rig), ["one", "<panicked>", "three"]);
    let span = rig.span("s");
    let events: Vec<_> = span.events.iter().map(|event| event.name.clone()).collect();
    assert_eq!(events, ["one", "<panicked>", "three"]);
}

/// Logs `value` past the guard that `tracing` has against recursion, but for scoped subscribers only.
fn log_directly(dispatch: &Dispatch, message: &str, value: &dyn fmt::Debug) {
    static __CALLSITE: tracing::callsite::DefaultCallsite = tracing::callsite2! {
        name: "direct",
        kind: tracing::metadata::Kind::EVENT,
        level: Level::WARN,
        fields: message, value
    };
    let metadata = tracing::Callsite::metadata(&__CALLSITE);
    let fields = metadata.fields();
    let (first, second) = (
        fields.field("message").unwrap(),
        fields.field("value").unwrap(),
    );
    let values = [
        (&first, Some(&message as &dyn tracing::Value)),
        (&second, Some(&tracing::field::debug(value))),
    ];
    if dispatch.enabled(metadata) {
        dispatch.event(&Event::new(metadata, &fields.value_set(&values)));
    }
}

/// Logs itself whenever it is formatted.
struct Recursive<'a> {
    dispatch: &'a Dispatch,
    formatted: AtomicU32,
}

impl fmt::Debug for Recursive<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.formatted.fetch_add(1, Ordering::Relaxed);
        log_directly(self.dispatch, "nested", self);
        f.write_str("itself")
    }
}

#[test]
fn a_value_that_logs_itself_comes_to_an_end() {
    let rig = Rig::new(ALL);
    let lost = lost_events();
    let value = Recursive {
        dispatch: &rig.dispatch,
        formatted: AtomicU32::new(0),
    };
    // In a span, and as a warning, so that the span bridge formats it as well.
    rig.run(|| info_span!("s").in_scope(|| warn!(first = ?value, "outer")));
    let formatted = value.formatted.load(Ordering::Relaxed);
    let lines = messages(&rig);
    assert!(lines.len() >= 2, "{lines:?}");
    assert_eq!(lines.last().unwrap(), "outer");
    let mut exported = bodies(&rig);
    // They come by their time, and the outer one began first.
    exported.rotate_left(1);
    assert_eq!(exported, lines, "what is shown is exported too");
    assert!((2..50).contains(&formatted), "{formatted}");
    let events = rig.span("s").events;
    assert_eq!(events.len(), lines.len(), "the span has them all");
    assert!(lost_events() > lost, "what was cut off is counted");
    // The guard is back where it was.
    rig.run(|| info!("later"));
    assert_eq!(messages(&rig).last().unwrap(), "later");
}

/// Logs itself while it is formatted, and ends a span each time.
struct Ending<'a> {
    dispatch: &'a Dispatch,
    spans: Mutex<Vec<tracing::Span>>,
}

impl fmt::Debug for Ending<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        log_directly(self.dispatch, "nested", self);
        drop(self.spans.lock().unwrap().pop());
        f.write_str("ending")
    }
}

#[test]
fn a_span_that_ends_however_deep_is_exported() {
    for rig in [Rig::new(ALL), alone::alone(ALL)] {
        let spans = rig.run(|| (0..3).map(|n| info_span!("ended", n)).collect());
        let value = Ending {
            dispatch: &rig.dispatch,
            spans: Mutex::new(spans),
        };
        rig.run(|| warn!(value = ?value, "outer"));
        assert!(value.spans.lock().unwrap().is_empty());
        assert_eq!(rig.out.spans().len(), 3);
    }
}

/// A processor that logs what it is given.
#[derive(Debug)]
struct Talkative(Arc<OnceLock<Dispatch>>, Arc<AtomicU32>);

impl opentelemetry_sdk::logs::LogProcessor for Talkative {
    fn emit(&self, _: &mut SdkLogRecord, _: &InstrumentationScope) {
        self.1.fetch_add(1, Ordering::Relaxed);
        log_directly(self.0.get().unwrap(), "from a processor", &());
    }

    fn force_flush(&self) -> opentelemetry_sdk::error::OTelSdkResult {
        Ok(())
    }
}

#[test]
fn destinations_that_log_do_not_feed_themselves() {
    let (own, emitted) = (Arc::new(OnceLock::new()), Arc::new(AtomicU32::new(0)));
    let logger = SdkLoggerProvider::builder()
        .with_log_processor(Talkative(Arc::clone(&own), Arc::clone(&emitted)))
        .build()
        .logger("talkative");
    let lines = Arc::new(AtomicU32::new(0));
    let (counted, dispatch) = (Arc::clone(&lines), Arc::clone(&own));
    let writer = ConsoleWriter::from_fn(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        log_directly(dispatch.get().unwrap(), "from the writer", &());
        Ok(())
    });
    let layer = layer(BridgeOptions {
        console: Some(ConsoleOptions {
            format: ConsoleFormat::Json,
            service: String::new(),
            resource: Resource::builder_empty().build(),
            filter: Filter::parse("info").unwrap(),
            writer,
            no_color: false,
        }),
        logs: Some((LogExport::Sdk(logger), Filter::parse("info").unwrap())),
        ..BridgeOptions::default()
    });
    let dispatch = own.get_or_init(|| Dispatch::new(Registry::default().with(layer)));
    dispatcher::with_default(dispatch, || info!("first"));
    // The event itself; what the writer says goes to the exporter, what the processor says to the console.
    assert_eq!(emitted.load(Ordering::Relaxed), 2);
    assert_eq!(lines.load(Ordering::Relaxed), 2);
}

#[test]
fn lines_of_many_threads_are_written_whole() {
    let rig = Rig::new(ALL);
    let (threads, each) = (8, 200);
    thread::scope(|scope| {
        for thread in 0..threads {
            let rig = &rig;
            scope.spawn(move || {
                rig.run(|| {
                    (0..each).for_each(|turn| info!(thread, turn, "\n{}", "x".repeat(turn)))
                });
            });
        }
    });
    let mut seen: Vec<_> = rig
        .json()
        .iter()
        .map(|line| (line["thread"].as_u64(), line["turn"].as_u64()))
        .collect();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), threads * each);
}

#[test]
fn a_console_that_fails_stops_nothing() {
    let answers = Mutex::new(vec![Ok(()), Err(io::ErrorKind::BrokenPipe), Ok(()), Ok(())]);
    let written = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&written);
    let writer = ConsoleWriter::from_fn(move |line| {
        seen.lock().unwrap().push(line.len());
        answers.lock().unwrap().remove(0).map_err(io::Error::from)
    });
    let layer = layer(BridgeOptions {
        console: Some(ConsoleOptions {
            format: ConsoleFormat::Json,
            service: String::new(),
            resource: Resource::builder_empty().build(),
            filter: Filter::parse("info").unwrap(),
            writer: writer.clone(),
            no_color: false,
        }),
        ..BridgeOptions::default()
    });
    tracing::subscriber::with_default(Registry::default().with(layer), || {
        info!("good");
        info!("fails");
        // A newline first, in case half of the last line is there; then the answers run out and it panics.
        info!("good");
        info!("panics");
    });
    let lengths = written.lock().unwrap().clone();
    assert_eq!(lengths.len(), 5);
    assert_eq!(lengths[2], 1);
    assert_eq!(writer.errors(), 2);
}
