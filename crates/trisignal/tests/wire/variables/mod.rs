//! A proof for each variable of `docs/configuration.md`, which is made from the table in the code: what it does on the wire
//! or to the output, not how it is parsed. Each test is called like its variable.
//!
//! What needs a process of its own is in `tests/globals/variables.rs`; [`of_process`] lists it.

mod destinations;
mod limits;
mod metrics;
pub(crate) mod of_process;
mod output;
mod queues;
mod sampling;
mod transport;
mod whole;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::{Tracer as _, TracerProvider as _};
use trisignal::{Builder, Report, Telemetry};
use trisignal_receiver::{LogRecord, Metric, Receiver, Span};

use super::common::{PATIENCE, receiver, record};

/// Makes a test of each proof, and the list of their names.
macro_rules! proofs {
    ($($name:ident => $body:block)*) => {
        /// The variables that are proven here.
        pub(super) const PROVEN: &[&str] = &[$(stringify!($name)),*];

        $(
            #[test]
            #[allow(non_snake_case, reason = "it is called like the variable")]
            fn $name() $body
        )*
    };
}
use proofs;

/// No row without a proof, no proof without a row.
#[test]
fn every_variable_of_the_table_has_a_proof() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
    let page = std::fs::read_to_string(page).unwrap();
    let name = |line: &str| {
        let name = line.strip_prefix("| `")?.split('`').next()?;
        Some(name.to_owned())
    };
    let rows: BTreeSet<String> = page.lines().filter_map(name).collect();
    assert!(rows.len() > 60, "{rows:?}");
    let proofs = [
        destinations::PROVEN,
        limits::PROVEN,
        metrics::PROVEN,
        of_process::PROVEN,
        output::PROVEN,
        queues::PROVEN,
        sampling::PROVEN,
        transport::PROVEN,
        whole::PROVEN,
    ];
    let proven: BTreeSet<String> = proofs.concat().into_iter().map(str::to_owned).collect();
    let unproven: Vec<_> = rows.difference(&proven).collect();
    let unknown: Vec<_> = proven.difference(&rows).collect();
    assert!(
        unproven.is_empty() && unknown.is_empty(),
        "{unproven:?} {unknown:?}"
    );
}

/// The signals, as names of variables spell them.
const SIGNALS: [&str; 3] = ["TRACES", "METRICS", "LOGS"];

/// The forms of a variable of OTLP: for all signals, and for each of them with the signal's name.
fn forms(general: &str) -> Vec<(String, Vec<&'static str>)> {
    let rest = general.strip_prefix("OTEL_EXPORTER_OTLP_").unwrap();
    let own = SIGNALS.map(|signal| (format!("OTEL_EXPORTER_OTLP_{signal}_{rest}"), vec![signal]));
    let all = (general.to_owned(), SIGNALS.to_vec());
    std::iter::once(all).chain(own).collect()
}

/// A service with these variables and no other setting.
struct Service {
    receiver: Receiver,
    telemetry: Telemetry,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Service {
    /// It sends to a receiver by HTTP, where the variables do not say otherwise.
    fn new(variables: &[(&str, &str)]) -> Self {
        Self::with(receiver(), variables)
    }

    fn with(receiver: Receiver, variables: &[(&str, &str)]) -> Self {
        let endpoint = receiver.http_endpoint();
        let mut environment: BTreeMap<String, String> = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        environment
            .entry("OTEL_EXPORTER_OTLP_ENDPOINT".to_owned())
            .or_insert(endpoint);
        let (builder, lines) = captured(trisignal::builder("checkout").environment(environment));
        Self {
            receiver,
            telemetry: builder.build().unwrap(),
            lines,
        }
    }

    /// One of each: a span with an event, a log record, a counter, a histogram.
    fn work(&self) {
        let meter = self.telemetry.meter("orders");
        let counter = meter.u64_counter("orders.placed").build();
        let amount = meter.f64_histogram("orders.amount").build();
        record(&self.telemetry, || {
            tracing::info_span!("work", number = 1, note = "äöüß and more").in_scope(|| {
                tracing::info!(number = 1, note = "äöüß and more", "worked");
                tracing::warn!(number = 2, "worked hard");
                counter.add(1, &[KeyValue::new("item", "book")]);
                amount.record(1.5, &[]);
            });
        });
    }

    /// A span of OpenTelemetry's API with as much on it as its maker wants.
    fn api_span(
        &self,
        make: impl FnOnce(opentelemetry::trace::SpanBuilder) -> opentelemetry::trace::SpanBuilder,
    ) {
        let tracer = self.telemetry.tracer_provider().unwrap().tracer("api");
        let builder = make(tracer.span_builder("api"));
        drop(builder.start(&tracer));
    }

    fn end(&self) -> Report {
        self.telemetry.shutdown_blocking(PATIENCE)
    }

    /// The end, at which nothing is lost.
    fn finish(&self) {
        let report = self.end();
        assert!(report.complete && report.lost() == 0, "{report}");
    }

    /// [`work`](Self::work) and its end; for variables that let everything arrive.
    fn ran(variables: &[(&str, &str)]) -> Self {
        let service = Self::new(variables);
        service.work();
        service.finish();
        service
    }

    fn span(&self) -> Arc<Span> {
        self.receiver.spans().name("work").one().unwrap()
    }

    fn log(&self) -> Arc<LogRecord> {
        self.receiver.logs().body("worked").one().unwrap()
    }

    fn metric(&self, name: &str) -> Arc<Metric> {
        self.receiver.metrics().name(name).last().unwrap()
    }

    fn output(&self) -> String {
        self.lines.lock().unwrap().concat()
    }

    /// How many spans, points of our counter and log records arrived, in the order of [`SIGNALS`].
    fn arrived(&self) -> [usize; 3] {
        arrived(&self.receiver)
    }

    fn told(&self) -> Vec<String> {
        self.telemetry
            .warnings()
            .iter()
            .map(ToString::to_string)
            .collect()
    }
}

fn arrived(receiver: &Receiver) -> [usize; 3] {
    [
        receiver.spans().name("work").count(),
        receiver.metrics().name("orders.placed").count().min(1),
        receiver.logs().count(),
    ]
}

/// What arrives when nothing is in the way.
const EVERYTHING: [usize; 3] = [1, 1, 2];

/// What arrives when only `signals` do.
fn only(signals: &[&str]) -> [usize; 3] {
    let mut expected = EVERYTHING;
    for (count, signal) in expected.iter_mut().zip(SIGNALS) {
        if !signals.contains(&signal) {
            *count = 0;
        }
    }
    expected
}

/// The lines that a builder's console gets.
fn captured(builder: Builder) -> (Builder, Arc<Mutex<Vec<String>>>) {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&lines);
    let builder = builder.console_writer(move |line| {
        sink.lock()
            .unwrap()
            .push(String::from_utf8(line.to_vec()).unwrap());
        Ok(())
    });
    (builder, lines)
}

/// A time that no test waits for.
const NEVER: &str = "3600000";
/// A time that is over at once.
const SOON: &str = "20";

/// Ends without waiting for what can't be delivered.
fn give_up(telemetry: &Telemetry) {
    let _ = telemetry.shutdown_blocking(Duration::from_millis(50));
}
