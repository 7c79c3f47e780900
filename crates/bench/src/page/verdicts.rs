//! What Trisignal has promised, and whether it holds.

use super::format::{number, ratio, table};
use crate::job::Candidate::{
    Fastrace, None as NoTelemetry, Otel, Stock, StockLean, Tracing, Trisignal,
};
use crate::job::Export::{Grpc, Http, Null};
use crate::job::{Candidate, Compression, Export, Job, Mode, Work};
use crate::parent::Results;

/// One promise: what it says and of whose figure, what was found and what was allowed.
struct Promise {
    says: String,
    baseline: &'static str,
    found: Option<f64>,
    limit: f64,
    /// Whether more is better.
    at_least: bool,
    digits: usize,
}

/// Peers as they are compared with, by what the tables call them.
const STOCK_NULL: &str = "tracing-opentelemetry + SDK, thrown away";
const STOCK_HTTP: &str = "tracing-opentelemetry + SDK, HTTP";
const FASTRACE_NULL: &str = "fastrace, thrown away";
const FASTRACE_HTTP: &str = "fastrace, HTTP";
const ITSELF: &str = "–";

/// The list, each with its figure.
pub(super) fn text(results: &Results) -> String {
    let groups = [
        spans(results),
        others(results),
        exports(results),
        service(results),
    ];
    // Where a part was left out nothing is said; where a job of it failed there is a dash.
    let measured = groups
        .into_iter()
        .filter(|group| group.iter().any(|promise| promise.found.is_some()));
    let rows: Vec<Vec<String>> = measured.flatten().map(|promise| promise.row()).collect();
    if rows.is_empty() {
        return String::new();
    }
    let about = "Each is a ratio to the figure of the baseline from this run, where there is one. \"Thrown away\" is an exporter that \
         does nothing; Trisignal has none, so its sending thread is left out where that is the baseline, and stays in where both send.";
    let header = ["", "baseline", "found", "wanted", ""];
    format!(
        "## What was promised\n\n{about}\n\n{}",
        table(&header, &rows)
    )
}

impl Promise {
    fn row(&self) -> Vec<String> {
        let verdict = match self.found {
            None => "not measured",
            Some(found) if self.at_least && found >= self.limit => "met",
            Some(found) if !self.at_least && found <= self.limit => "met",
            Some(_) => "**missed**",
        };
        let sign = if self.at_least { "≥" } else { "≤" };
        vec![
            self.says.clone(),
            self.baseline.to_owned(),
            number(self.found, self.digits),
            format!("{sign} {}", number(Some(self.limit), self.digits)),
            verdict.to_owned(),
        ]
    }
}

fn at_most(says: &str, baseline: &'static str, found: Option<f64>, limit: f64) -> Promise {
    Promise {
        says: says.to_owned(),
        baseline,
        found,
        limit,
        at_least: false,
        digits: 2,
    }
}

fn at_least(says: &str, baseline: &'static str, found: Option<f64>, limit: f64) -> Promise {
    Promise {
        at_least: true,
        ..at_most(says, baseline, found, limit)
    }
}

fn spans(results: &Results) -> Vec<Promise> {
    let figure = |candidate, export, mode, name: &str| {
        results.figure(Job::new(candidate, Work::Span, export).mode(mode), name)
    };
    let sampled = |candidate, export, name: &str| figure(candidate, export, Mode::Sampled, name);
    let own = |name: &str| sampled(Trisignal, Http, name);
    // All but its transport, as the peers' exporter that throws away has none.
    let unsent = own("whole")
        .zip(own("thread.trisignal-send"))
        .map(|(whole, sending)| whole - sending);
    let unsampled = |candidate, export| figure(candidate, export, Mode::Unsampled, "producing");
    let entered =
        |candidate, export| results.figure(Job::new(candidate, Work::Reenter, export), "producing");
    let without = Job::new(Trisignal, Work::Reenter, Http).mode(Mode::ContextOff);
    let entered_without = results.figure(without, "producing");
    vec![
        at_most(
            "span, producing thread",
            STOCK_NULL,
            ratio(own("producing"), sampled(Stock, Null, "producing")),
            0.3,
        ),
        at_most(
            "span, producing thread",
            FASTRACE_NULL,
            ratio(own("producing"), sampled(Fastrace, Null, "producing")),
            2.0,
        ),
        at_most(
            "span, whole process without sending",
            STOCK_NULL,
            ratio(unsent, sampled(Stock, Null, "whole")),
            0.22,
        ),
        at_most(
            "span, whole process",
            STOCK_HTTP,
            ratio(own("whole"), sampled(Stock, Http, "whole")),
            0.22,
        ),
        at_most(
            "span, whole process without sending",
            FASTRACE_NULL,
            ratio(unsent, sampled(Fastrace, Null, "whole")),
            0.6,
        ),
        at_most(
            "span, whole process",
            FASTRACE_HTTP,
            ratio(own("whole"), sampled(Fastrace, Http, "whole")),
            0.6,
        ),
        at_most(
            "span, allocations of the producing thread",
            ITSELF,
            own("allocations"),
            1.0,
        ),
        at_most(
            "span without OpenTelemetry's context, allocations of the producing thread",
            ITSELF,
            figure(Trisignal, Http, Mode::ContextOff, "allocations"),
            1.0,
        ),
        at_most(
            "span not sampled, producing thread",
            STOCK_NULL,
            ratio(unsampled(Trisignal, Http), unsampled(Stock, Null)),
            0.25,
        ),
        at_most(
            "span entered again, producing thread",
            STOCK_NULL,
            ratio(entered(Trisignal, Http), entered(Stock, Null)),
            0.5,
        ),
        at_most(
            "span entered again without OpenTelemetry's context, producing thread",
            STOCK_NULL,
            ratio(entered_without, entered(Stock, Null)),
            0.3,
        ),
        at_most(
            "span disabled, producing thread",
            "`tracing` + registry only",
            ratio(
                figure(Trisignal, Http, Mode::Disabled, "producing"),
                sampled(Tracing, Null, "producing"),
            ),
            1.05,
        ),
    ]
}

fn others(results: &Results) -> Vec<Promise> {
    let figure = |candidate, work, export, threads, name: &str| {
        results.figure(Job::new(candidate, work, export).threads(threads), name)
    };
    let log = |candidate, export, name: &str| figure(candidate, Work::Log, export, 1, name);
    let log_unsent =
        log(Trisignal, Http, "whole").zip(log(Trisignal, Http, "thread.trisignal-send"));
    let log_unsent = log_unsent.map(|(whole, sending)| whole - sending);
    let counter = |candidate, threads| figure(candidate, Work::Counter, Http, threads, "producing");
    vec![
        at_most(
            "log record, whole process without sending",
            "opentelemetry-appender-tracing + SDK, thrown away",
            ratio(log_unsent, log(Stock, Null, "whole")),
            0.35,
        ),
        at_most(
            "log record, whole process",
            "opentelemetry-appender-tracing + SDK, HTTP",
            ratio(log(Trisignal, Http, "whole"), log(Stock, Http, "whole")),
            0.35,
        ),
        at_most(
            "log record, allocations of the producing thread",
            ITSELF,
            log(Trisignal, Http, "allocations"),
            0.05,
        ),
        at_most(
            "counter with three attributes",
            "OpenTelemetry API + SDK",
            ratio(counter(Trisignal, 1), counter(Otel, 1)),
            0.5,
        ),
        at_most(
            "counter with three attributes, two threads",
            "Trisignal on one thread",
            ratio(counter(Trisignal, 2), counter(Trisignal, 1)),
            1.1,
        ),
    ]
}

fn exports(results: &Results) -> Vec<Promise> {
    let background = |candidate, export, compression| {
        let job = Job::new(candidate, Work::Span, export).compression(compression);
        results.figure(job, "background")
    };
    let mut promises = Vec::new();
    for (export, compression, says) in [
        (Http, Compression::None, "export over HTTP"),
        (Grpc, Compression::None, "export over gRPC"),
        (Http, Compression::Gzip, "export over HTTP with gzip"),
        (Grpc, Compression::Gzip, "export over gRPC with gzip"),
        (Http, Compression::Zstd, "export over HTTP with zstd"),
    ] {
        let found = ratio(
            background(Trisignal, export, compression),
            background(Stock, export, compression),
        );
        promises.push(at_most(
            &format!("{says}, background CPU per span"),
            "tracing-opentelemetry + SDK, the same protocol",
            found,
            0.15,
        ));
    }
    let flood = |export: Export| {
        let job = Job::new(Trisignal, Work::Flood, export).threads(4);
        ratio(
            results.figure(job, "arrived"),
            results.figure(job, "seconds"),
        )
    };
    for (export, says) in [(Http, "HTTP"), (Grpc, "gRPC")] {
        let says = format!("flooded by four threads, spans/s that arrive over {says}");
        let mut arriving = at_least(&says, ITSELF, flood(export), 1_000_000.0);
        arriving.digits = 0;
        promises.push(arriving);
    }
    promises.extend(paced(results));
    promises
}

fn paced(results: &Results) -> Vec<Promise> {
    let figure =
        |candidate, name: &str| results.figure(Job::new(candidate, Work::Paced, Http), name);
    let lost = figure(Trisignal, "units")
        .zip(figure(Trisignal, "arrived"))
        .map(|(made, arrived)| made - arrived);
    // The stock drops some: what it does not send costs it nothing.
    let per_arrived = |candidate| {
        let whole = figure(candidate, "whole").zip(figure(candidate, "units"));
        ratio(
            whole.map(|(each, made)| each * made),
            figure(candidate, "arrived"),
        )
    };
    vec![
        at_most("100,000 spans/s, spans dropped", ITSELF, lost, 0.0),
        at_most(
            "100,000 spans/s, resident MiB",
            ITSELF,
            figure(Trisignal, "resident_mib"),
            20.0,
        ),
        at_most(
            "100,000 spans/s, CPU",
            "tracing-opentelemetry + SDK, HTTP, with what it drops",
            ratio(figure(Trisignal, "whole"), figure(Stock, "whole")),
            0.25,
        ),
        at_most(
            "100,000 spans/s, CPU per span that arrives",
            STOCK_HTTP,
            ratio(per_arrived(Trisignal), per_arrived(Stock)),
            0.25,
        ),
    ]
}

fn service(results: &Results) -> Vec<Promise> {
    let figure = |candidate: Candidate, name: &str| {
        results.figure(Job::new(candidate, Work::Service, Http), name)
    };
    let adds = |says: &str, name: &str| {
        let added = |candidate| {
            let base = figure(NoTelemetry, name);
            figure(candidate, name)
                .zip(base)
                .map(|(cpu, base)| cpu - base)
        };
        let to = |peer, title: &'static str, bound| {
            at_most(says, title, ratio(added(Trisignal), added(peer)), bound)
        };
        [
            to(StockLean, "upstream by hand, best practice", 0.25),
            to(Fastrace, "fastrace", 0.5),
            to(Otel, "OpenTelemetry API + contrib layer", 0.5),
        ]
    };
    let best_p99 = [
        Stock,
        StockLean,
        Candidate::Init,
        Candidate::Logfire,
        Fastrace,
        Otel,
    ]
    .into_iter()
    .filter_map(|candidate| figure(candidate, "closed_p99_us"))
    .reduce(f64::min);
    let per_second = |candidate| figure(candidate, "requests_per_s");
    let mut promises = Vec::from(adds(
        "axum request, CPU that telemetry adds",
        "closed_cpu_per_request_ns",
    ));
    promises.extend(adds(
        "axum request at 4,000 a second, CPU that telemetry adds",
        "open_cpu_per_request_ns",
    ));
    promises.extend([
        at_least(
            "axum requests/s",
            "upstream by hand, best practice",
            ratio(per_second(Trisignal), per_second(StockLean)),
            2.5,
        ),
        at_most(
            "axum p99 in the closed loop",
            "the best of all peers",
            ratio(figure(Trisignal, "closed_p99_us"), best_p99),
            1.0,
        ),
    ]);
    promises
}
