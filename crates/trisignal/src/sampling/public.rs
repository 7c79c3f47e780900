//! What code says about sampling.

use std::time::Duration;

use opentelemetry::trace::SpanKind;

use super::config::{DebugRequests, ENTRIES, JaegerRemote, SamplerConfig};
use super::rules::{AttributeCondition, Parents, Pattern, Rule};

/// Which traces are recorded, for [`Builder::sampling`](crate::Builder::sampling).
///
/// ```
/// use trisignal::{Sampling, SamplingRule};
///
/// // What the caller records; of what begins here at most 50 traces a second, and no health checks.
/// let sampling = Sampling::parent_based(Sampling::per_second(50.0))
///     .rule(SamplingRule::new(Sampling::always_off()).attribute("url.path", "/health*"));
/// # let _ = trisignal::builder("checkout").sampling(sampling);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Sampling(SamplerConfig);

impl Sampling {
    /// Everything.
    #[must_use]
    pub const fn always_on() -> Self {
        Self(SamplerConfig::AlwaysOn)
    }

    /// Nothing.
    #[must_use]
    pub const fn always_off() -> Self {
        Self(SamplerConfig::AlwaysOff)
    }

    /// A share of traces, from 0 to 1, which all who follow the rule of consistent probability choose alike: see
    /// `ot=th` in the specification of OpenTelemetry. It can be changed at run time.
    #[must_use]
    pub const fn ratio(share: f64) -> Self {
        Self(SamplerConfig::Ratio(share))
    }

    /// So many traces a second (above 0), and as many at once.
    #[must_use]
    pub const fn per_second(traces: f64) -> Self {
        Self(SamplerConfig::PerSecond(traces))
    }

    /// What the parent records; `root` is asked for traces that begin here. Default of everything is
    /// `parent_based(always_on())`.
    #[must_use]
    pub fn parent_based(root: Sampling) -> Self {
        Self(SamplerConfig::parent_based(root.0))
    }

    /// What a Jaeger collector says, asked at `endpoint`, an `http` or `https` URL such as
    /// `http://localhost:5778/sampling`, every minute. Until its first answer one in a thousand traces is recorded. An
    /// endpoint that is no URL is an error of [`install`](crate::Builder::install).
    #[must_use]
    pub fn jaeger_remote(endpoint: impl AsRef<str>) -> Self {
        let mut problems = crate::config::Problems::default();
        let parsed = crate::config::sampling::jaeger_endpoint(endpoint.as_ref(), &mut problems);
        Self(SamplerConfig::JaegerRemote(Box::new(JaegerRemote {
            // Empty is what `problem` finds.
            endpoint: parsed.unwrap_or_default(),
            interval: JaegerRemote::INTERVAL,
            initial: SamplerConfig::Ratio(JaegerRemote::INITIAL_RATIO),
        })))
    }

    /// How often Jaeger is asked; without effect on other samplers. Default 60 s.
    #[must_use]
    pub fn polling_interval(mut self, interval: Duration) -> Self {
        if let SamplerConfig::JaegerRemote(remote) = &mut self.0 {
            remote.interval = crate::config::sampling::jaeger_interval(interval);
        }
        self
    }

    /// What holds until Jaeger's first answer; without effect on other samplers. Default a ratio of 0.001.
    #[must_use]
    pub fn initial(mut self, initial: Sampling) -> Self {
        if let SamplerConfig::JaegerRemote(remote) = &mut self.0 {
            remote.initial = initial.0;
        }
        self
    }

    /// Adds a rule that is asked before this sampler, after the rules that are there already.
    #[must_use]
    pub fn rule(self, rule: SamplingRule) -> Self {
        match self.0 {
            SamplerConfig::Rules(mut rules, otherwise) => {
                rules.push(rule.0);
                Self(SamplerConfig::Rules(rules, otherwise))
            }
            other => Self(SamplerConfig::Rules(vec![rule.0], Box::new(other))),
        }
    }

    /// Always records a trace in which the member `baggage_key` of the baggage is `1` or `true`, or which has the debug
    /// flag of B3. Callers choose it: use it where they are trusted. To be said last.
    #[must_use]
    pub fn or_debug(self, baggage_key: impl Into<String>) -> Self {
        let debug = DebugRequests {
            baggage: Some(baggage_key.into()),
        };
        Self(SamplerConfig::Debug(debug, Box::new(self.0)))
    }

    pub(crate) fn into_config(self) -> SamplerConfig {
        self.0
    }
}

/// A rule about spans: all of its conditions must hold, then its sampler decides.
///
/// It sees what is known when a span begins: attributes that are set later, such as the status of a response, can't
/// be in it. It is asked about spans without a parent in this process, unless
/// [`every_span`](Self::every_span) is said.
#[derive(Clone, Debug, PartialEq)]
pub struct SamplingRule(Rule);

impl SamplingRule {
    /// A rule that matches every span that begins here.
    #[must_use]
    pub fn new(then: Sampling) -> Self {
        Self(Rule {
            parents: ENTRIES,
            kinds: Vec::new(),
            name: None,
            attributes: Vec::new(),
            sampler: then.0,
        })
    }

    /// The span has this name. In `pattern` a `*` is any text and a `?` any character.
    #[must_use]
    pub fn name(mut self, pattern: impl Into<String>) -> Self {
        self.0.name = Some(Pattern::new(pattern));
        self
    }

    /// The span has an attribute `key` with this value, or an item of it has. In `pattern` a `*` is any text and a `?`
    /// any character.
    #[must_use]
    pub fn attribute(mut self, key: impl Into<String>, pattern: impl Into<String>) -> Self {
        self.0.attributes.push(AttributeCondition {
            key: key.into(),
            included: vec![Pattern::new(pattern)],
            excluded: Vec::new(),
        });
        self
    }

    /// The span is of one of these kinds.
    #[must_use]
    pub fn kind(mut self, kind: SpanKind) -> Self {
        self.0.kinds.push(kind);
        self
    }

    /// It is asked about spans inside of this process as well, not only about those that begin a part of a trace here.
    #[must_use]
    pub fn every_span(mut self) -> Self {
        self.0.parents = Parents::ANY;
        self
    }
}
