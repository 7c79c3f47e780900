//! The tables of the page.

use super::format::{number, ratio, table, times, title};
use crate::job::{Candidate, Compression, Export, Job, Mode, Work};
use crate::parent::Results;

/// All tables, each with what its figures are.
pub(super) fn text(results: &Results) -> String {
    let mut text = String::new();
    spans(results, &mut text);
    logs(results, &mut text);
    metrics(results, &mut text);
    export(results, &mut text);
    service(results, &mut text);
    start(results, &mut text);
    text
}

/// The jobs of a kind that were measured, in the order of the plan.
fn jobs(results: &Results, wanted: impl Fn(&Job) -> bool) -> Vec<Job> {
    let jobs = results.entries.iter().map(|entry| entry.job);
    jobs.filter(wanted).collect()
}

/// Nanoseconds per unit, with what they are in terms of Trisignal's.
fn costs(results: &Results, jobs: &[Job]) -> String {
    let reference = jobs
        .iter()
        .find(|job| job.candidate == Candidate::Trisignal)
        .copied();
    let rows: Vec<Vec<String>> = jobs
        .iter()
        .map(|&job| {
            let entry = results.entry(job);
            let figure = |name: &str| entry.and_then(|entry| entry.median(name));
            let of = |name: &str| {
                let own = reference.and_then(|reference| results.figure(reference, name));
                times(ratio(figure(name), own))
            };
            let minimum = entry.and_then(|entry| entry.minimum("producing_min"));
            let lost = ratio(figure("arrived"), figure("units"));
            let lost = lost.filter(|_| {
                job.export != Export::Null && matches!(job.mode, Mode::Sampled | Mode::ContextOff)
            });
            vec![
                title(job),
                number(figure("producing"), 1),
                number(minimum, 1),
                of("producing"),
                number(figure("whole"), 1),
                of("whole"),
                number(figure("allocations"), 1),
                lost.map_or("–".to_owned(), |share| format!("{:.1} %", share * 100.0)),
            ]
        })
        .collect();
    let header = [
        "",
        "producing thread, ns",
        "minimum",
        "of Trisignal's",
        "whole process, ns",
        "of Trisignal's",
        "allocations",
        "arrived",
    ];
    table(&header, &rows)
}

fn section(
    results: &Results,
    text: &mut String,
    title: &str,
    about: &str,
    wanted: impl Fn(&Job) -> bool,
) {
    let jobs = jobs(results, wanted);
    if !jobs.is_empty() {
        *text += &format!("{title}\n\n{about}\n\n{}", costs(results, &jobs));
    }
}

fn spans(results: &Results, text: &mut String) {
    let of = |work, mode, threads| {
        move |job: &Job| {
            (job.work, job.mode, job.threads, job.compression)
                == (work, mode, threads, Compression::None)
        }
    };
    // OpenTelemetry's current context.
    let with_and_without = |work| {
        move |job: &Job| of(work, Mode::Sampled, 1)(job) || of(work, Mode::ContextOff, 1)(job)
    };
    section(
        results,
        text,
        "## A span",
        "A trace of a parent and three children, five attributes each, one warning that is an event of the parent; the \
         figures are per span. The producing thread is the processor time of the thread that makes the spans, the whole \
         process that of all threads until everything is sent or thrown away. Queues are made so large that nobody \
         drops. \"Thrown away\" is an exporter that does nothing; Trisignal has no such exporter and always sends. \"Without the OTel \
         context\" is `Builder::context_activation(false)`, for services without code on OpenTelemetry's API.",
        with_and_without(Work::Span),
    );
    section(
        results,
        text,
        "### On two threads at once",
        "The same, per span and thread.",
        of(Work::Span, Mode::Sampled, 2),
    );
    section(
        results,
        text,
        "### Not sampled",
        "A ratio of zero at the root; for fastrace a root that is not sampled.",
        of(Work::Span, Mode::Unsampled, 1),
    );
    section(
        results,
        text,
        "### Disabled",
        "`OTEL_SDK_DISABLED=true`; for the parts put together by hand a layer with a provider that has no processor.",
        |job| {
            of(Work::Span, Mode::Disabled, 1)(job)
                || (job.candidate == Candidate::Tracing && of(Work::Span, Mode::Sampled, 1)(job))
        },
    );
    section(
        results,
        text,
        "### Entered again",
        "What each poll of an instrumented future pays: an existing span is entered and left.",
        with_and_without(Work::Reenter),
    );
}

fn logs(results: &Results, text: &mut String) {
    for (threads, title) in [(1, "## A log record"), (2, "### On two threads at once")] {
        let about = "An event with four fields and a message, inside of a span. No candidate but init-tracing-opentelemetry, \
             where it can't be switched off, writes to a console.";
        let about = if threads == 1 {
            about
        } else {
            "The same, per record and thread."
        };
        section(results, text, title, about, |job| {
            job.work == Work::Log && job.threads == threads
        });
    }
}

fn metrics(results: &Results, text: &mut String) {
    let works = [
        (Work::Counter, "a counter, three attributes"),
        (Work::CounterBound, "a counter, attributes bound before"),
        (Work::Histogram, "a histogram, three attributes"),
        (Work::HistogramBound, "a histogram, attributes bound before"),
    ];
    let mut rows = Vec::new();
    for (work, title_of_work) in works {
        for job in jobs(results, |job| job.work == work && job.threads == 1) {
            let one = results.figure(job, "producing");
            let two = results.figure(job.threads(2), "producing");
            rows.push(vec![
                format!("{title_of_work}: {}", super::format::name(job.candidate)),
                number(one, 1),
                number(two, 1),
                times(ratio(two, one)),
                number(results.figure(job, "allocations"), 1),
            ]);
        }
    }
    if !rows.is_empty() {
        *text += "## Metrics\n\nNanoseconds of the recording thread per measurement; one of the attributes varies a little.\n\n";
        *text += &table(
            &[
                "",
                "one thread, ns",
                "two threads, ns",
                "two of one",
                "allocations",
            ],
            &rows,
        );
    }
}

fn export(results: &Results, text: &mut String) {
    let sent = jobs(results, |job| {
        job.work == Work::Span
            && job.mode == Mode::Sampled
            && job.threads == 1
            && job.export != Export::Null
            && !matches!(job.candidate, Candidate::Tracing)
    });
    let rows: Vec<Vec<String>> = sent
        .iter()
        .map(|&job| {
            let figure = |name| results.figure(job, name);
            vec![
                title(job),
                number(figure("background"), 0),
                number(figure("whole"), 0),
                number(
                    ratio(figure("bytes"), figure("arrived"))
                        .filter(|_| job.compression == Compression::None),
                    0,
                ),
                number(ratio(figure("bytes"), figure("units")), 0),
            ]
        })
        .collect();
    if !rows.is_empty() {
        *text += "## Export\n\nThe spans of the first table, sent. Background is all but the producing thread: conversion, encoding, \
            compression, sending.\n\n";
        let header = [
            "",
            "background, ns per span",
            "whole process, ns per span",
            "bytes per span",
            "bytes on the wire per span made",
        ];
        *text += &table(&header, &rows);
    }
    flood(results, text);
    paced(results, text);
}

fn flood(results: &Results, text: &mut String) {
    let rows: Vec<Vec<String>> = jobs(results, |job| job.work == Work::Flood)
        .iter()
        .map(|&job| {
            let figure = |name| results.figure(job, name);
            let arrived = figure("arrived");
            vec![
                title(job),
                number(ratio(arrived, figure("seconds")), 0),
                number(ratio(figure("units"), figure("seconds")), 0),
                number(
                    ratio(arrived, figure("units")).map(|share| 100.0 * (1.0 - share)),
                    1,
                ),
                number(figure("whole"), 0),
                number(figure("resident_mib"), 0),
            ]
        })
        .collect();
    if !rows.is_empty() {
        *text += "### Flooded by four threads\n\nThree seconds of spans as fast as four threads on this machine's processors can make them, \
            beside a receiver that has to share these; everything as it comes. The time is that until the candidate has \
            ended its delivery.\n\n";
        let header = [
            "",
            "arrive, spans/s",
            "made, spans/s",
            "dropped, %",
            "whole process, ns per span made",
            "resident, MiB",
        ];
        *text += &table(&header, &rows);
    }
}

/// Spans in a second: what a span costs in nanoseconds becomes percent of a processor.
const PACED_RATE: f64 = 100_000.0;

fn paced(results: &Results, text: &mut String) {
    let rows: Vec<Vec<String>> = jobs(results, |job| job.work == Work::Paced)
        .iter()
        .map(|&job| {
            let figure = |name| results.figure(job, name);
            let lost = ratio(figure("arrived"), figure("units")).map(|share| 100.0 * (1.0 - share));
            vec![
                title(job),
                number(lost.filter(|_| job.candidate != Candidate::Tracing), 1),
                number(figure("spans_per_s"), 0),
                number(figure("whole").map(|whole| whole * PACED_RATE / 1e7), 1),
                number(figure("resident_mib"), 1),
            ]
        })
        .collect();
    if !rows.is_empty() {
        *text += "### 100,000 spans a second\n\nFor five seconds, from one thread, everything as it comes. Processor time is percent of \
            one processor, the work of the thread that makes the spans included.\n\n";
        let header = [
            "",
            "dropped, %",
            "made, spans/s",
            "processor, %",
            "resident, MiB",
        ];
        *text += &table(&header, &rows);
    }
}

fn service(results: &Results, text: &mut String) {
    let rows: Vec<Vec<String>> = jobs(results, |job| job.work == Work::Service)
        .iter()
        .map(|&job| {
            let figure = |name| results.figure(job, name);
            let lost =
                ratio(figure("arrived"), figure("units")).map(|each| 100.0 * (1.0 - each / 2.0));
            vec![
                service_title(job.candidate).to_owned(),
                number(figure("requests_per_s"), 0),
                number(
                    figure("closed_cpu_per_request_ns").map(|time| time / 1e3),
                    1,
                ),
                number(figure("closed_p50_us"), 0),
                number(figure("closed_p99_us"), 0),
                number(figure("open_cpu_per_request_ns").map(|time| time / 1e3), 1),
                number(figure("open_p50_us"), 0),
                number(figure("open_p99_us"), 0),
                number(figure("resident_mib"), 1),
                number(lost.filter(|_| job.candidate != Candidate::None), 1),
            ]
        })
        .collect();
    if !rows.is_empty() {
        *text += "## A service\n\nAn axum service on one processor; load and receiver are on the other. A request has two spans, two log records \
            and the standard metric, sent over HTTP with everything as it comes. The closed loop is 32 connections for three \
            seconds, the open one 4,000 requests a second on 64 connections. The CPU per request is that of the whole process while the loop runs. The load \
            never sleeps: a service would have to wake it for its answers, and only one that is slower than the load would, which is nothing that \
            telemetry costs where clients are elsewhere.\n\n";
        let header = [
            "",
            "requests/s",
            "CPU per request, µs",
            "closed p50, µs",
            "closed p99, µs",
            "open, CPU per request, µs",
            "open p50, µs",
            "open p99, µs",
            "resident, MiB",
            "spans dropped, %",
        ];
        *text += &table(&header, &rows);
    }
}

/// What each candidate's service is made of.
fn service_title(candidate: Candidate) -> &'static str {
    match candidate {
        Candidate::Stock => {
            "upstream by hand: tracing-opentelemetry, opentelemetry-appender-tracing, SDK"
        }
        Candidate::StockLean => {
            "upstream by hand, best practice: locations, threads, inactivity off"
        }
        Candidate::Init => "init-tracing-opentelemetry + axum-tracing-opentelemetry",
        Candidate::Logfire => "logfire + axum-tracing-opentelemetry",
        Candidate::Fastrace => "fastrace + fastrace-axum + stock logs and metrics",
        Candidate::Otel => {
            "OpenTelemetry API + opentelemetry-instrumentation-tower, no `tracing` spans"
        }
        other => super::format::name(other),
    }
}

fn start(results: &Results, text: &mut String) {
    let rows: Vec<Vec<String>> = jobs(results, |job| job.work == Work::Start)
        .iter()
        .map(|&job| {
            let figure = |name| results.figure(job, name);
            vec![
                super::format::name(job.candidate).to_owned(),
                number(figure("start_us"), 0),
                number(figure("start_cpu_us"), 0),
                number(figure("finish_us"), 0),
                number(figure("added_mib"), 1),
            ]
        })
        .collect();
    if !rows.is_empty() {
        *text += "## Start and size\n\nSetting up in a process that has done nothing yet, and ending it with nothing to send.\n\n";
        *text += &table(
            &[
                "",
                "start, µs",
                "start, µs of CPU",
                "end, µs",
                "memory, MiB",
            ],
            &rows,
        );
    }
    let rows: Vec<Vec<String>> = results
        .footprints
        .iter()
        .map(|footprint| {
            vec![
                footprint.name.clone(),
                footprint.crates.to_string(),
                number(footprint.build_s, 0),
                number(footprint.binary_mib, 1),
            ]
        })
        .collect();
    if !rows.is_empty() {
        *text += "A program that sets it up as its first page says, and makes a span and a log record: release, stripped, nothing cached.\n\n";
        *text += &table(&["", "crates", "clean build, s", "binary, MiB"], &rows);
    }
}
