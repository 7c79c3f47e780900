//! fastrace.

use std::borrow::Cow;

use fastrace::collector::Config;
use fastrace_opentelemetry::OpenTelemetryReporter;
use opentelemetry::InstrumentationScope;
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::Resource;
use tokio::runtime::Runtime;

use super::Running;
use super::null::Null;
use super::stock::{Providers, subscribe_logs};
use crate::Result;
use crate::job::{Export, Job};

struct Fastrace {
    /// Its logs and metrics.
    stock: Option<Providers>,
    /// What tonic needs.
    _runtime: Option<Runtime>,
}

pub(super) fn start(job: &Job) -> Result<Box<dyn Running>> {
    let mut kept = None;
    let mut stock = None;
    if job.has_logs() {
        let providers = stock.insert(Providers::new(job)?);
        subscribe_logs(job, providers);
    }
    match job.export {
        Export::Null => fastrace::set_reporter(Null, Config::default()),
        Export::Http => {
            fastrace::set_reporter(
                reporter(SpanExporter::builder().with_http().build()?),
                Config::default(),
            );
        }
        Export::Grpc => {
            let mut builder = tokio::runtime::Builder::new_multi_thread();
            let runtime = builder.worker_threads(1).enable_all().build()?;
            let _inside = runtime.enter();
            let handle = runtime.handle().clone();
            let reporter = reporter(SpanExporter::builder().with_tonic().build()?)
                .with_block_on(move |export| handle.block_on(export));
            fastrace::set_reporter(reporter, Config::default());
            kept = Some(runtime);
        }
    }
    Ok(Box::new(Fastrace {
        stock,
        _runtime: kept,
    }))
}

fn reporter(exporter: SpanExporter) -> OpenTelemetryReporter {
    let resource = Cow::Owned(Resource::builder().build());
    let scope = InstrumentationScope::builder("bench").build();
    OpenTelemetryReporter::new(exporter, resource, scope)
}

impl Running for Fastrace {
    fn flush(&self) {
        fastrace::flush();
        if let Some(stock) = &self.stock {
            stock.flush();
        }
    }
}
