//! How each candidate is set up. All are told the same by the environment; what is here is what only code can say.

mod fast;
mod init;
mod logfire;
mod null;
mod stock;
mod trisignal;

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::Result;
use crate::job::{Candidate, Job};

/// Telemetry that runs.
pub(crate) trait Running {
    /// Waits until all that was recorded is sent or thrown away. Does nothing where a candidate can't be asked.
    fn flush(&self);

    /// The same at the end, after which nothing more is recorded.
    fn finish(&mut self) {
        self.flush();
    }

    /// What the candidate itself says that it has lost.
    fn dropped(&self) -> Option<u64> {
        None
    }
}

/// Sets up the candidate of a job, for the whole process.
///
/// # Errors
///
/// When the candidate refuses, or has no such set-up.
pub(crate) fn start(job: &Job) -> Result<Box<dyn Running>> {
    // logfire and reqwest want one to be chosen, although nothing here is encrypted.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Ok(match job.candidate {
        Candidate::Tracing => {
            tracing_subscriber::registry().init();
            Box::new(Nothing)
        }
        Candidate::FmtJson => {
            let layer = tracing_subscriber::fmt::layer()
                .json()
                .with_writer(std::io::sink);
            tracing_subscriber::registry().with(layer).init();
            Box::new(Nothing)
        }
        Candidate::None | Candidate::PrometheusClient => Box::new(Nothing),
        Candidate::Trisignal => trisignal::start(job)?,
        Candidate::Stock | Candidate::StockLean | Candidate::Otel => stock::start(job)?,
        Candidate::Logfire => logfire::start()?,
        Candidate::Init => init::start(job)?,
        Candidate::Fastrace => fast::start(job)?,
    })
}

/// Nothing that could be flushed.
struct Nothing;

impl Running for Nothing {
    fn flush(&self) {}
}
