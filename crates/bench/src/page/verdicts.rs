//! What Trisignal has promised, and whether it holds.

use super::format::{number, ratio};
use crate::job::Candidate::{
    Fastrace, None as NoTelemetry, Otel, Stock, StockLean, Tracing, Trisignal,
};
use crate::job::Export::{Grpc, Http, Null};
use crate::job::{Candidate, Compression, Export, Mode, Work};
use crate::parent::{Query, Results};

/// One promise: what it says, what was found and what was allowed.
struct Promise {
    says: String,
    found: Option<f64>,
    limit: f64,
    /// Whether more is better.
    at_least: bool,
    digits: usize,
}

/// The list, each with its figure.
pub(super) fn text(results: &Results) -> String {
    let promises = [
        spans(results),
        others(results),
        exports(results),
        service(results),
    ]
    .concat();
    let known: Vec<&Promise> = promises
        .iter()
        .filter(|promise| promise.found.is_some())
        .collect();
    if known.is_empty() {
        return String::new();
    }
    let mut text =
        String::from("## What was promised\n\n| | found | wanted | |\n|---|--:|--:|---|\n");
    for promise in known {
        let found = promise.found.unwrap_or(f64::NAN);
        let holds = if promise.at_least {
            found >= promise.limit
        } else {
            found <= promise.limit
        };
        text += &format!(
            "| {} | {} | {} {} | {} |\n",
            promise.says,
            number(promise.found, promise.digits),
            if promise.at_least { "≥" } else { "≤" },
            number(Some(promise.limit), promise.digits),
            if holds { "met" } else { "**missed**" },
        );
    }
    text.push('\n');
    text
}

impl Clone for Promise {
    fn clone(&self) -> Self {
        Self {
            says: self.says.clone(),
            ..*self
        }
    }
}

fn at_most(says: &str, found: Option<f64>, limit: f64) -> Promise {
    Promise {
        says: says.to_owned(),
        found,
        limit,
        at_least: false,
        digits: 2,
    }
}

fn at_least(says: &str, found: Option<f64>, limit: f64) -> Promise {
    Promise {
        at_least: true,
        ..at_most(says, found, limit)
    }
}

fn spans(results: &Results) -> Vec<Promise> {
    let figure = |candidate, export, mode, name: &str| {
        results.figure(Query::new(candidate, Work::Span, export).mode(mode), name)
    };
    let sampled = |candidate, export, name: &str| figure(candidate, export, Mode::Sampled, name);
    let own = |name: &str| sampled(Trisignal, Http, name);
    // All but its transport, as the peers' exporter that throws away has none.
    let unsent = own("whole")
        .zip(own("thread.trisignal-send"))
        .map(|(whole, sending)| whole - sending);
    let unsampled = |candidate, export| figure(candidate, export, Mode::Unsampled, "producing");
    let entered = |candidate, export| {
        results.figure(Query::new(candidate, Work::Reenter, export), "producing")
    };
    vec![
        at_most(
            "span, producing thread, of tracing-opentelemetry's",
            ratio(own("producing"), sampled(Stock, Null, "producing")),
            0.3,
        ),
        at_most(
            "span, producing thread, of fastrace's",
            ratio(own("producing"), sampled(Fastrace, Null, "producing")),
            2.0,
        ),
        at_most(
            "span, whole process without transport, of tracing-opentelemetry's that throws away",
            ratio(unsent, sampled(Stock, Null, "whole")),
            0.22,
        ),
        at_most(
            "span, whole process, both sending over HTTP, of tracing-opentelemetry's",
            ratio(own("whole"), sampled(Stock, Http, "whole")),
            0.22,
        ),
        at_most(
            "span, whole process without transport, of fastrace's that throws away",
            ratio(unsent, sampled(Fastrace, Null, "whole")),
            0.6,
        ),
        at_most(
            "span, whole process, both sending over HTTP, of fastrace's",
            ratio(own("whole"), sampled(Fastrace, Http, "whole")),
            0.6,
        ),
        at_most(
            "span, allocations of the producing thread",
            own("allocations"),
            1.0,
        ),
        at_most(
            "span not sampled, of tracing-opentelemetry's",
            ratio(unsampled(Trisignal, Http), unsampled(Stock, Null)),
            0.25,
        ),
        at_most(
            "span entered again, of tracing-opentelemetry's",
            ratio(entered(Trisignal, Http), entered(Stock, Null)),
            0.5,
        ),
        at_most(
            "span disabled, of plain `tracing`'s",
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
        results.figure(Query::new(candidate, work, export).threads(threads), name)
    };
    let log = |candidate, export, name: &str| figure(candidate, Work::Log, export, 1, name);
    let log_unsent =
        log(Trisignal, Http, "whole").zip(log(Trisignal, Http, "thread.trisignal-send"));
    let log_unsent = log_unsent.map(|(whole, sending)| whole - sending);
    let counter = |candidate, threads| figure(candidate, Work::Counter, Http, threads, "producing");
    vec![
        at_most(
            "log record, whole process without transport, of opentelemetry-appender-tracing's that throws away",
            ratio(log_unsent, log(Stock, Null, "whole")),
            0.35,
        ),
        at_most(
            "log record, whole process, both sending over HTTP, of opentelemetry-appender-tracing's",
            ratio(log(Trisignal, Http, "whole"), log(Stock, Http, "whole")),
            0.35,
        ),
        at_most(
            "log record, allocations of the producing thread",
            log(Trisignal, Http, "allocations"),
            0.05,
        ),
        at_most(
            "counter with three attributes, of OpenTelemetry's",
            ratio(counter(Trisignal, 1), counter(Otel, 1)),
            0.5,
        ),
        at_most(
            "counter with three attributes, two threads of one",
            ratio(counter(Trisignal, 2), counter(Trisignal, 1)),
            1.1,
        ),
    ]
}

fn exports(results: &Results) -> Vec<Promise> {
    let background = |candidate, export, compression| {
        let query = Query::new(candidate, Work::Span, export).compression(compression);
        results.figure(query, "background")
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
            &format!("{says}, background CPU per span, of the stock's"),
            found,
            0.15,
        ));
    }
    let flood = |export: Export| {
        let query = Query::new(Trisignal, Work::Flood, export).threads(4);
        ratio(
            results.figure(query, "arrived"),
            results.figure(query, "seconds"),
        )
    };
    let mut arriving = at_least(
        "flooded by four threads, spans/s that arrive over HTTP",
        flood(Http),
        1_000_000.0,
    );
    arriving.digits = 0;
    promises.push(arriving);
    let paced =
        |candidate, name: &str| results.figure(Query::new(candidate, Work::Paced, Http), name);
    let lost = paced(Trisignal, "units")
        .zip(paced(Trisignal, "arrived"))
        .map(|(made, arrived)| made - arrived);
    promises.extend([
        at_most("100,000 spans/s, dropped", lost, 0.0),
        at_most(
            "100,000 spans/s, resident MiB",
            paced(Trisignal, "resident_mib"),
            20.0,
        ),
        at_most(
            "100,000 spans/s, CPU, of the stock's",
            ratio(paced(Trisignal, "whole"), paced(Stock, "whole")),
            0.25,
        ),
    ]);
    promises
}

fn service(results: &Results) -> Vec<Promise> {
    let figure = |candidate: Candidate, name: &str| {
        results.figure(Query::new(candidate, Work::Service, Http), name)
    };
    let added = |candidate| {
        let base = figure(NoTelemetry, "cpu_per_request_ns");
        figure(candidate, "cpu_per_request_ns")
            .zip(base)
            .map(|(cpu, base)| cpu - base)
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
    vec![
        at_most(
            "axum request, CPU that telemetry adds, of upstream by hand",
            ratio(added(Trisignal), added(StockLean)),
            0.25,
        ),
        at_most(
            "axum request, CPU that telemetry adds, of fastrace",
            ratio(added(Trisignal), added(Fastrace)),
            0.5,
        ),
        at_most(
            "axum request, CPU that telemetry adds, of the contrib layer",
            ratio(added(Trisignal), added(Otel)),
            0.5,
        ),
        at_least(
            "axum requests/s, of upstream by hand",
            ratio(per_second(Trisignal), per_second(StockLean)),
            2.5,
        ),
        at_most(
            "axum p99 in the closed loop, of the best peer's",
            ratio(figure(Trisignal, "closed_p99_us"), best_p99),
            1.0,
        ),
    ]
}
