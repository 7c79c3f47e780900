//! Which jobs there are.

use serde::{Deserialize, Serialize};

use crate::job::{Candidate, Compression, Export, Job, Mode, Work};

use Candidate::{
    Fastrace, FmtJson, Init, Logfire, Otel, PrometheusClient, Stock, StockLean, Tracing, Trisignal,
};
use Export::{Grpc, Http, Null};

/// A chapter of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Micro,
    Export,
    Service,
    Start,
}

/// How much is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Scale {
    Full,
    /// About a minute, for a first look.
    Quick,
    /// As little as shows that everything arrives.
    Smoke,
}

impl Part {
    pub(crate) const ALL: &[Self] = &[Self::Micro, Self::Export, Self::Service, Self::Start];

    /// By the name on the command line.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "micro" => Some(Self::Micro),
            "export" => Some(Self::Export),
            "service" => Some(Self::Service),
            "start" => Some(Self::Start),
            _ => None,
        }
    }
}

impl Scale {
    pub(crate) fn rounds(self) -> usize {
        match self {
            Self::Full => 5,
            Self::Quick | Self::Smoke => 1,
        }
    }

    fn percent(self) -> u64 {
        match self {
            Self::Full => 100,
            Self::Quick => 20,
            Self::Smoke => 1,
        }
    }
}

/// The jobs of the parts, in the order of their tables.
pub(crate) fn jobs(parts: &[Part], scale: Scale) -> Vec<Job> {
    let mut jobs = Vec::new();
    for part in parts {
        match part {
            Part::Micro => micro(&mut jobs),
            Part::Export => export(&mut jobs),
            Part::Service => service(&mut jobs),
            Part::Start => start(&mut jobs),
        }
    }
    for job in &mut jobs {
        job.percent = scale.percent();
    }
    jobs
}

fn micro(jobs: &mut Vec<Job>) {
    let mut add = |work, mode, threads, candidates: &[(Candidate, Export)]| {
        for &(candidate, export) in candidates {
            let job = Job::new(candidate, work, export);
            jobs.push(job.mode(mode).threads(threads));
        }
    };
    let spans = [
        (Tracing, Null),
        (Stock, Null),
        (StockLean, Null),
        (Fastrace, Null),
        (Otel, Null),
        (Trisignal, Http),
        (Trisignal, Grpc),
        (Stock, Http),
        (Stock, Grpc),
        (StockLean, Http),
        (Fastrace, Http),
        (Fastrace, Grpc),
        (Otel, Http),
        (Logfire, Http),
        (Init, Http),
    ];
    add(Work::Span, Mode::Sampled, 1, &spans);
    let few = [
        (Trisignal, Http),
        (Stock, Null),
        (StockLean, Null),
        (Fastrace, Null),
    ];
    add(Work::Span, Mode::Sampled, 2, &few);
    add(Work::Span, Mode::Unsampled, 1, &few);
    add(
        Work::Span,
        Mode::Disabled,
        1,
        &[(Trisignal, Http), (Stock, Null), (Init, Http)],
    );
    let reentered = [
        (Tracing, Null),
        (Trisignal, Http),
        (Stock, Null),
        (StockLean, Null),
        (Fastrace, Null),
        (Otel, Null),
    ];
    add(Work::Reenter, Mode::Sampled, 1, &reentered);
    // What of it is the price of the current context.
    add(Work::Span, Mode::ContextOff, 1, &[(Trisignal, Http)]);
    add(Work::Reenter, Mode::ContextOff, 1, &[(Trisignal, Http)]);
    let logs = [
        (Tracing, Null),
        (Trisignal, Http),
        (Stock, Null),
        (Stock, Http),
        (FmtJson, Null),
        (Logfire, Http),
        (Init, Http),
    ];
    add(Work::Log, Mode::Sampled, 1, &logs);
    add(Work::Log, Mode::Sampled, 2, &logs[1..3]);
    let metrics = [(Trisignal, Http), (Otel, Http), (PrometheusClient, Null)];
    for threads in [1, 2] {
        add(Work::Counter, Mode::Sampled, threads, &metrics);
        add(Work::CounterBound, Mode::Sampled, threads, &metrics);
        add(Work::Histogram, Mode::Sampled, threads, &metrics);
        add(Work::HistogramBound, Mode::Sampled, threads, &metrics);
    }
}

fn export(jobs: &mut Vec<Job>) {
    // Without compression it is the case of the spans above.
    let compressed = [
        (Trisignal, Http, Compression::Gzip),
        (Trisignal, Grpc, Compression::Gzip),
        (Stock, Http, Compression::Gzip),
        (Stock, Grpc, Compression::Gzip),
        (Trisignal, Http, Compression::Zstd),
        (Stock, Http, Compression::Zstd),
    ];
    for (candidate, export, compression) in compressed {
        jobs.push(Job::new(candidate, Work::Span, export).compression(compression));
    }
    let all = [
        (Trisignal, Http),
        (Trisignal, Grpc),
        (Stock, Http),
        (Stock, Grpc),
        (Fastrace, Http),
        (Fastrace, Grpc),
    ];
    let flood = |(candidate, export)| Job::new(candidate, Work::Flood, export).threads(4);
    jobs.extend(all.map(flood));
    let paced = |(candidate, export)| Job::new(candidate, Work::Paced, export);
    jobs.push(paced((Tracing, Null)));
    jobs.extend(all.map(paced));
}

fn service(jobs: &mut Vec<Job>) {
    let candidates = [
        Candidate::None,
        Trisignal,
        Stock,
        StockLean,
        Init,
        Logfire,
        Fastrace,
        Otel,
    ];
    jobs.extend(candidates.map(|candidate| Job::new(candidate, Work::Service, Http)));
}

fn start(jobs: &mut Vec<Job>) {
    let candidates = [Tracing, Trisignal, Stock, Init, Logfire, Fastrace];
    jobs.extend(candidates.map(|candidate| Job::new(candidate, Work::Start, Http)));
}
