//! What a sampler is to do: a tree that code, variables and files describe alike.

use std::fmt;
use std::time::Duration;

use super::rules::{Parents, Rule};

/// Which traces are recorded.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum SamplerConfig {
    AlwaysOn,
    AlwaysOff,
    /// A share of all traces, 0 to 1, chosen consistently by all who take part.
    Ratio(f64),
    /// So many traces per second, above 0.
    PerSecond(f64),
    ParentBased(Box<ParentBased>),
    /// The first rule that matches decides.
    Rules(Vec<Rule>, Box<SamplerConfig>),
    /// Traces with a debug flag are always recorded.
    Debug(DebugRequests, Box<SamplerConfig>),
    JaegerRemote(Box<JaegerRemote>),
    /// A sampler that the code brought.
    OwnCode,
}

/// A sampler for each kind of parent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ParentBased {
    pub(crate) root: SamplerConfig,
    pub(crate) remote_sampled: SamplerConfig,
    pub(crate) remote_not_sampled: SamplerConfig,
    pub(crate) local_sampled: SamplerConfig,
    pub(crate) local_not_sampled: SamplerConfig,
}

/// What marks a request as one to be debugged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DebugRequests {
    /// The key of a baggage member whose value is `1` or `true`. The debug flag of B3 counts anyway.
    pub(crate) baggage: Option<String>,
}

/// A sampler that Jaeger's collector controls.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct JaegerRemote {
    /// `http` or `https`, with the path.
    pub(crate) endpoint: http::Uri,
    /// At least 1 ms.
    pub(crate) interval: Duration,
    /// Until the first answer.
    pub(crate) initial: SamplerConfig,
}

impl JaegerRemote {
    /// How often Jaeger is asked where nobody says otherwise.
    pub(crate) const INTERVAL: Duration = Duration::from_secs(60);
    /// The HTTP endpoint of Jaeger's own collector.
    pub(crate) const ENDPOINT: &str = "http://localhost:5778/sampling";
    /// The share of traces until the first answer, as Jaeger's own clients had it.
    pub(crate) const INITIAL_RATIO: f64 = 0.001;
}

impl SamplerConfig {
    /// `root` for new traces; else what the parent has.
    pub(crate) fn parent_based(root: SamplerConfig) -> Self {
        Self::ParentBased(Box::new(ParentBased {
            root,
            remote_sampled: Self::AlwaysOn,
            remote_not_sampled: Self::AlwaysOff,
            local_sampled: Self::AlwaysOn,
            local_not_sampled: Self::AlwaysOff,
        }))
    }

    /// The baggage of debug requests, the rules, and what is left without them: the explanation has a key for each.
    pub(crate) fn parts(&self) -> (Option<&str>, &[Rule], &Self) {
        let (debug, rest) = match self {
            Self::Debug(
                DebugRequests {
                    baggage: Some(baggage),
                },
                inner,
            ) => (Some(baggage.as_str()), &**inner),
            _ => (None, self),
        };
        match rest {
            Self::Rules(rules, inner) => (debug, rules, inner),
            _ => (debug, &[], rest),
        }
    }

    /// What is impossible about it, for a person.
    pub(crate) fn problem(&self) -> Option<String> {
        match self {
            Self::AlwaysOn | Self::AlwaysOff | Self::OwnCode => None,
            Self::Ratio(ratio) if !(0.0..=1.0).contains(ratio) => {
                Some(format!("the ratio {ratio} is not a number from 0 to 1"))
            }
            Self::PerSecond(rate) if !rate.is_finite() || *rate <= 0.0 => {
                Some(format!("the rate {rate} is not a number above 0"))
            }
            Self::Ratio(_) | Self::PerSecond(_) => None,
            Self::ParentBased(each) => each.all().into_iter().find_map(Self::problem),
            Self::Rules(rules, otherwise) => rules
                .iter()
                .map(|rule| &rule.sampler)
                .chain([&**otherwise])
                .find_map(Self::problem),
            Self::Debug(_, inner) => inner.problem(),
            Self::JaegerRemote(remote) if remote.endpoint.scheme().is_none() => {
                Some("the endpoint is not an http or https URL".to_owned())
            }
            Self::JaegerRemote(remote) => remote.initial.problem(),
        }
    }

    /// Whether a decision looks at attributes.
    pub(crate) fn needs_attributes(&self) -> bool {
        match self {
            Self::AlwaysOn | Self::AlwaysOff | Self::Ratio(_) | Self::PerSecond(_) => false,
            Self::ParentBased(each) => each.all().into_iter().any(Self::needs_attributes),
            Self::Rules(rules, otherwise) => {
                let one = |rule: &Rule| rule.reads_attributes() || rule.sampler.needs_attributes();
                rules.iter().any(one) || otherwise.needs_attributes()
            }
            Self::Debug(_, inner) => inner.needs_attributes(),
            Self::JaegerRemote(remote) => remote.initial.needs_attributes(),
            Self::OwnCode => true,
        }
    }

    /// Whether somebody else says what a part of it does.
    pub(crate) fn has_remote(&self) -> bool {
        match self {
            Self::AlwaysOn
            | Self::AlwaysOff
            | Self::Ratio(_)
            | Self::PerSecond(_)
            | Self::OwnCode => false,
            Self::ParentBased(each) => each.all().into_iter().any(Self::has_remote),
            Self::Rules(rules, otherwise) => {
                otherwise.has_remote() || rules.iter().any(|rule| rule.sampler.has_remote())
            }
            Self::Debug(_, inner) => inner.has_remote(),
            Self::JaegerRemote(_) => true,
        }
    }

    /// What can be changed at run time: "always", "never" or a ratio, where everything else has been asked.
    pub(crate) fn main_leaf(&self) -> Option<&Self> {
        match self {
            Self::AlwaysOn | Self::AlwaysOff | Self::Ratio(_) => Some(self),
            Self::ParentBased(each) => each.root.main_leaf(),
            Self::Rules(_, inner) | Self::Debug(_, inner) => inner.main_leaf(),
            Self::PerSecond(_) | Self::JaegerRemote(_) | Self::OwnCode => None,
        }
    }

    /// The share of traces that [`main_leaf`](Self::main_leaf) keeps.
    pub(crate) fn main_ratio(&self) -> Option<f64> {
        match self.main_leaf()? {
            Self::Ratio(ratio) => Some(*ratio),
            Self::AlwaysOff => Some(0.0),
            _ => Some(1.0),
        }
    }

    /// The same sampler with `leaf` where [`main_leaf`](Self::main_leaf) has found one.
    pub(crate) fn with_main_leaf(&self, leaf: &Self) -> Self {
        let mut changed = self.clone();
        let mut at = &mut changed;
        loop {
            match at {
                Self::ParentBased(each) => at = &mut each.root,
                Self::Rules(_, inner) | Self::Debug(_, inner) => at = inner,
                Self::AlwaysOn | Self::AlwaysOff | Self::Ratio(_) => {
                    *at = leaf.clone();
                    return changed;
                }
                Self::PerSecond(_) | Self::JaegerRemote(_) | Self::OwnCode => return changed,
            }
        }
    }
}

impl ParentBased {
    pub(super) fn all(&self) -> [&SamplerConfig; 5] {
        [
            &self.root,
            &self.remote_sampled,
            &self.remote_not_sampled,
            &self.local_sampled,
            &self.local_not_sampled,
        ]
    }
}

/// As the variables spell it, as far as they can.
impl fmt::Display for SamplerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlwaysOn => f.write_str("always_on"),
            Self::AlwaysOff => f.write_str("always_off"),
            Self::Ratio(ratio) => write!(f, "traceidratio {ratio}"),
            Self::PerSecond(rate) => write!(f, "ratelimited {rate}/s"),
            Self::ParentBased(each) => {
                write!(f, "parentbased_{}", each.root)?;
                let others = [
                    (
                        "remote_parent_sampled",
                        &each.remote_sampled,
                        Self::AlwaysOn,
                    ),
                    (
                        "remote_parent_not_sampled",
                        &each.remote_not_sampled,
                        Self::AlwaysOff,
                    ),
                    ("local_parent_sampled", &each.local_sampled, Self::AlwaysOn),
                    (
                        "local_parent_not_sampled",
                        &each.local_not_sampled,
                        Self::AlwaysOff,
                    ),
                ];
                for (name, sampler, default) in others {
                    if *sampler != default {
                        write!(f, ", {name} {sampler}")?;
                    }
                }
                Ok(())
            }
            Self::Rules(rules, otherwise) => {
                for rule in rules {
                    write!(f, "{rule}; ")?;
                }
                write!(f, "else {otherwise}")
            }
            Self::Debug(debug, inner) => match &debug.baggage {
                Some(key) => write!(f, "debug by baggage {key}; else {inner}"),
                None => write!(f, "debug by b3; else {inner}"),
            },
            Self::JaegerRemote(remote) => write!(
                f,
                "jaeger_remote {} every {} ms, until then {}",
                crate::config::endpoint_for_people(&remote.endpoint.to_string()),
                remote.interval.as_millis(),
                remote.initial
            ),
            Self::OwnCode => f.write_str("of the code"),
        }
    }
}

/// Spans that begin a part of a trace in this process.
pub(crate) const ENTRIES: Parents = Parents {
    none: true,
    remote: true,
    local: false,
};
