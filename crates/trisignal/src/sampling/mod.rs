//! Which traces are recorded: the samplers that variables, files and code can ask for.
//!
//! A [`SamplerConfig`] says what is wanted, [`configured`] makes it a sampler. The built-in ones never panic and take no
//! lock. They do not allocate either, but for what a decision adds to the trace state: the threshold of a ratio is
//! text there, because that is how the API holds it.

mod config;
pub(crate) mod logs;
mod poll;
mod public;
mod rate;
mod remote;
pub(crate) mod rules;
mod sampler;
mod share;
#[cfg(test)]
mod tests;
mod threshold;

use std::sync::Arc;

use opentelemetry::trace::{Link, SpanKind, TraceId};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SamplingResult, ShouldSample};

pub(crate) use self::config::{DebugRequests, ENTRIES, JaegerRemote, ParentBased, SamplerConfig};
pub use self::public::{Sampling, SamplingRule};
pub(crate) use self::sampler::{Answer, Question, Sampler};
use crate::config::{Config, endpoint_for_people};
use crate::guard::{Guard, GuardedSampler};
use crate::pipeline::Pipeline;

/// The sampler of a pipeline.
#[derive(Clone, Debug)]
pub(crate) struct Chosen {
    /// Its panics are contained.
    pub(crate) sampler: Arc<dyn ShouldSample>,
    /// The same sampler where it is one of ours, which can be changed at run time.
    pub(crate) built_in: Option<Sampler>,
}

impl Chosen {
    /// Whether its decisions look at attributes: whoever can't be asked may.
    pub(crate) fn needs_attributes(&self) -> bool {
        self.built_in.as_ref().is_none_or(Sampler::needs_attributes)
    }

    /// Keeps what is controlled from elsewhere up to date, as long as `pipeline` runs. Where that can't even begin, what
    /// holds at first holds on.
    pub(crate) fn follow(&self, config: &Config, pipeline: &Pipeline) {
        let remotes = self
            .built_in
            .iter()
            .flat_map(|sampler| sampler.remotes(&config.sampler));
        for (wanted, remote) in remotes {
            let shared = Arc::clone(pipeline.shared());
            match poll::Poll::new(wanted, &config.service_name, remote) {
                Ok(poll) => drop(pipeline.runtime().spawn(poll.run(shared))),
                Err(error) => {
                    let endpoint = endpoint_for_people(&wanted.endpoint.to_string());
                    shared
                        .diagnostics
                        .sampling_failed(&endpoint, &error.to_string());
                }
            }
        }
    }
}

/// The SDK wants a sampler by value.
impl ShouldSample for Chosen {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        self.sampler
            .should_sample(parent, trace_id, name, kind, attributes, links)
    }
}

/// The sampler of the code where there is one, else the one that `config` describes.
pub(crate) fn configured(
    config: &SamplerConfig,
    own: Option<Arc<dyn ShouldSample>>,
    guard: &Guard,
) -> Chosen {
    match own {
        Some(inner) => Chosen {
            sampler: Arc::new(GuardedSampler {
                inner,
                guard: guard.clone(),
            }),
            built_in: None,
        },
        None => {
            let sampler = Sampler::new(config);
            Chosen {
                sampler: Arc::new(sampler.clone()),
                built_in: Some(sampler),
            }
        }
    }
}
