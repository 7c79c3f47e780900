//! The built-in samplers: a tree that is made once and only read from then on, but for the numbers in it. Another tree may take
//! its place at run time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwapOption;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::trace::{Link, SpanContext, SpanKind, TraceContextExt, TraceId, TraceState};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, ShouldSample};
use trisignal_instrumentation::propagation;

use super::config::{JaegerRemote, SamplerConfig};
use super::rate::Bucket;
use super::remote::{Operations, Remote};
use super::rules::{Candidate, Conditions, Parent};
use super::share::{Level, Share};
use super::threshold::{self, Threshold};

/// A built-in sampler. Clones are the same sampler.
#[derive(Clone, Debug)]
pub(crate) struct Sampler {
    tree: Arc<Tree>,
}

#[derive(Debug)]
struct Tree {
    first: Node,
    /// Whether there was ever another one: asking that is all that changes at run time cost those who never change.
    is_replaced: AtomicBool,
    now: ArcSwapOption<Node>,
    needs_attributes: AtomicBool,
    /// Whether spans with a parent are what that is, all of them.
    follows: AtomicBool,
}

#[derive(Debug)]
pub(super) enum Node {
    Share(Share),
    PerSecond(Arc<Bucket>),
    /// What the parent has.
    Follow,
    ParentBased(Box<Cases>),
    Rules(Vec<(Conditions, Node)>, Box<Node>),
    Debug(Option<String>, Box<Node>),
    Remote(Arc<Remote>),
    Operations(Box<Operations>),
}

#[derive(Debug)]
pub(super) struct Cases {
    root: Node,
    remote_sampled: Node,
    remote_not_sampled: Node,
    local_sampled: Node,
    local_not_sampled: Node,
}

/// A span that is about to begin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question<'a> {
    /// The context of the parent, if it is known: only baggage and flags of debugging are read from it.
    pub(crate) context: Option<&'a Context>,
    /// [`SpanContext::NONE`] for a new trace.
    pub(crate) parent: &'a SpanContext,
    pub(crate) trace_id: TraceId,
    pub(crate) name: &'a str,
    pub(crate) kind: &'a SpanKind,
    pub(crate) attributes: &'a [KeyValue],
}

/// What is decided about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) sampled: bool,
    pub(crate) state: StateChange,
}

/// What becomes of the trace state of the parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StateChange {
    /// It is taken as it is.
    Keep,
    /// The threshold in it is not true any more.
    WithoutThreshold,
    Threshold(Threshold),
}

impl Sampler {
    /// The sampler that `config` describes; for one that the code brings, which is not here, everything.
    pub(crate) fn new(config: &SamplerConfig) -> Self {
        let first = Node::new(config);
        Self {
            tree: Arc::new(Tree {
                follows: AtomicBool::new(first.follows()),
                first,
                is_replaced: AtomicBool::new(false),
                now: ArcSwapOption::empty(),
                needs_attributes: AtomicBool::new(config.needs_attributes()),
            }),
        }
    }

    /// Decides, without an allocation.
    pub(crate) fn decide(&self, question: &Question<'_>) -> Answer {
        self.with_root(|root| root.decide(question))
    }

    /// Whether it need not be asked about a span in `parent`, which is what its parent is and has the same trace state, none.
    #[inline]
    pub(crate) fn follows(&self, parent: &SpanContext) -> bool {
        self.tree.follows.load(Ordering::Acquire)
            && parent.is_valid()
            && *parent.trace_state() == TraceState::NONE
    }

    /// Whether decisions look at attributes now.
    pub(crate) fn needs_attributes(&self) -> bool {
        self.tree.needs_attributes.load(Ordering::Relaxed)
    }

    /// The samplers in it that are controlled from elsewhere, with the places that control them.
    pub(super) fn remotes<'a>(
        &self,
        config: &'a SamplerConfig,
    ) -> Vec<(&'a JaegerRemote, Arc<Remote>)> {
        let mut found = Vec::new();
        self.with_root(|root| root.remotes(config, &mut found));
        found
    }

    /// Another leaf, where there is one to change: see [`SamplerConfig::main_leaf`]. Says whether there is.
    pub(crate) fn set_leaf(&self, leaf: &SamplerConfig) -> bool {
        self.with_root(|root| {
            let (Some(share), Some(level)) = (root.main_share(), level_of(leaf)) else {
                return false;
            };
            share.set(level);
            true
        })
    }

    /// Decides as `config` describes from now on. What rates have counted begins anew.
    pub(crate) fn replace(&self, config: &SamplerConfig) {
        let tree = &self.tree;
        let needs_attributes = config.needs_attributes();
        // Attributes that nobody reads do no harm; those that are missing would.
        if needs_attributes {
            tree.needs_attributes.store(true, Ordering::Relaxed);
        }
        let node = Arc::new(Node::new(config));
        let follows = node.follows();
        tree.follows.store(false, Ordering::Release);
        tree.now.store(Some(node));
        tree.is_replaced.store(true, Ordering::Release);
        tree.follows.store(follows, Ordering::Release);
        if !needs_attributes {
            tree.needs_attributes.store(false, Ordering::Relaxed);
        }
    }

    fn with_root<T>(&self, look: impl FnOnce(&Node) -> T) -> T {
        let tree = &self.tree;
        if !tree.is_replaced.load(Ordering::Acquire) {
            return look(&tree.first);
        }
        look(tree.now.load().as_deref().unwrap_or(&tree.first))
    }
}

fn level_of(leaf: &SamplerConfig) -> Option<Level> {
    match leaf {
        SamplerConfig::AlwaysOn => Some(Level::All),
        SamplerConfig::AlwaysOff => Some(Level::None),
        SamplerConfig::Ratio(ratio) => Some(Level::of_ratio(*ratio)),
        _ => None,
    }
}

impl StateChange {
    /// The trace state of a new span, whose parent has `state`.
    pub(crate) fn apply(self, state: &TraceState) -> TraceState {
        match self {
            Self::Keep => state.clone(),
            Self::WithoutThreshold => threshold::with_threshold(state, None),
            Self::Threshold(threshold) => threshold::with_threshold(state, Some(threshold)),
        }
    }
}

impl ShouldSample for Sampler {
    fn should_sample(
        &self,
        parent_context: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        _links: &[Link],
    ) -> SamplingResult {
        let decide = |parent: &SpanContext| {
            let answer = self.decide(&Question {
                context: parent_context,
                parent,
                trace_id,
                name,
                kind,
                attributes,
            });
            SamplingResult {
                decision: if answer.sampled {
                    SamplingDecision::RecordAndSample
                } else {
                    SamplingDecision::Drop
                },
                attributes: Vec::new(),
                trace_state: answer.state.apply(parent.trace_state()),
            }
        };
        match parent_context {
            Some(cx) => decide(cx.span().span_context()),
            None => decide(&SpanContext::NONE),
        }
    }
}

impl Node {
    fn new(config: &SamplerConfig) -> Self {
        match config {
            SamplerConfig::AlwaysOn | SamplerConfig::OwnCode => Self::Share(Share::new(Level::All)),
            SamplerConfig::AlwaysOff => Self::Share(Share::new(Level::None)),
            SamplerConfig::Ratio(ratio) => Self::Share(Share::new(Level::of_ratio(*ratio))),
            SamplerConfig::PerSecond(rate) => Self::PerSecond(Arc::new(Bucket::new(*rate))),
            SamplerConfig::ParentBased(each) => Self::ParentBased(Box::new(Cases {
                root: Self::new(&each.root),
                remote_sampled: Self::after_yes(&each.remote_sampled),
                remote_not_sampled: Self::after_no(&each.remote_not_sampled),
                local_sampled: Self::after_yes(&each.local_sampled),
                local_not_sampled: Self::after_no(&each.local_not_sampled),
            })),
            SamplerConfig::Rules(rules, otherwise) => {
                let rules = rules
                    .iter()
                    .map(|rule| (rule.conditions(), Self::new(&rule.sampler)));
                Self::Rules(rules.collect(), Box::new(Self::new(otherwise)))
            }
            SamplerConfig::Debug(debug, inner) => {
                Self::Debug(debug.baggage.clone(), Box::new(Self::new(inner)))
            }
            SamplerConfig::JaegerRemote(remote) => {
                Self::Remote(Arc::new(Remote::new(Self::new(&remote.initial))))
            }
        }
    }

    /// "Always" after a parent that is sampled means what the parent means, its threshold included.
    fn after_yes(config: &SamplerConfig) -> Self {
        match config {
            SamplerConfig::AlwaysOn => Self::Follow,
            other => Self::new(other),
        }
    }

    fn after_no(config: &SamplerConfig) -> Self {
        match config {
            SamplerConfig::AlwaysOff => Self::Follow,
            other => Self::new(other),
        }
    }

    pub(super) fn decide(&self, question: &Question<'_>) -> Answer {
        match self {
            Self::Share(share) => share.get().decide(question),
            Self::Remote(remote) => remote.decide(question),
            Self::Operations(operations) => operations.decide(question),
            Self::PerSecond(bucket) => Answer {
                sampled: bucket.take(),
                state: StateChange::WithoutThreshold,
            },
            Self::Follow => follow(question),
            Self::ParentBased(each) => each.of(question.parent).decide(question),
            Self::Rules(rules, otherwise) => {
                let span = Candidate {
                    parent: parent_of(question.parent),
                    kind: question.kind,
                    name: question.name,
                    attributes: question.attributes,
                };
                let rule = rules.iter().find(|(conditions, _)| conditions.hold(&span));
                rule.map_or(&**otherwise, |(_, sampler)| sampler)
                    .decide(question)
            }
            Self::Debug(key, inner) => {
                if question
                    .context
                    .is_some_and(|cx| is_debug(cx, key.as_deref()))
                {
                    Answer {
                        sampled: true,
                        state: StateChange::WithoutThreshold,
                    }
                } else {
                    inner.decide(question)
                }
            }
        }
    }

    /// The tree and its description side by side.
    fn remotes<'a>(
        &self,
        config: &'a SamplerConfig,
        found: &mut Vec<(&'a JaegerRemote, Arc<Remote>)>,
    ) {
        match (self, config) {
            (Self::Remote(remote), SamplerConfig::JaegerRemote(config)) => {
                found.push((config, Arc::clone(remote)));
            }
            (Self::ParentBased(cases), SamplerConfig::ParentBased(each)) => {
                for (node, config) in cases.all().into_iter().zip(each.all()) {
                    node.remotes(config, found);
                }
            }
            (Self::Rules(nodes, node), SamplerConfig::Rules(rules, config)) => {
                for ((_, node), rule) in nodes.iter().zip(rules) {
                    node.remotes(&rule.sampler, found);
                }
                node.remotes(config, found);
            }
            (Self::Debug(_, node), SamplerConfig::Debug(_, config)) => node.remotes(config, found),
            _ => {}
        }
    }

    /// Whether every span that has a parent is what that is.
    fn follows(&self) -> bool {
        match self {
            Self::ParentBased(each) => {
                let [_, of_parents @ ..] = each.all();
                of_parents
                    .into_iter()
                    .all(|node| matches!(node, Self::Follow))
            }
            _ => false,
        }
    }

    fn main_share(&self) -> Option<&Share> {
        match self {
            Self::Share(share) => Some(share),
            Self::ParentBased(each) => each.root.main_share(),
            Self::Rules(_, inner) | Self::Debug(_, inner) => inner.main_share(),
            Self::PerSecond(_) | Self::Follow | Self::Remote(_) | Self::Operations(_) => None,
        }
    }
}

impl Cases {
    fn all(&self) -> [&Node; 5] {
        [
            &self.root,
            &self.remote_sampled,
            &self.remote_not_sampled,
            &self.local_sampled,
            &self.local_not_sampled,
        ]
    }

    fn of(&self, parent: &SpanContext) -> &Node {
        match (parent_of(parent), parent.is_sampled()) {
            (Parent::None, _) => &self.root,
            (Parent::Remote, true) => &self.remote_sampled,
            (Parent::Remote, false) => &self.remote_not_sampled,
            (Parent::Local, true) => &self.local_sampled,
            (Parent::Local, false) => &self.local_not_sampled,
        }
    }
}

fn parent_of(parent: &SpanContext) -> Parent {
    match (parent.is_valid(), parent.is_remote()) {
        (false, _) => Parent::None,
        (true, true) => Parent::Remote,
        (true, false) => Parent::Local,
    }
}

/// As the parent, with its threshold where that agrees with what the parent did.
fn follow(question: &Question<'_>) -> Answer {
    let sampled = question.parent.is_sampled();
    let state = question.parent.trace_state();
    let agrees = threshold::threshold(state).is_none_or(|threshold| {
        sampled && threshold.keeps(threshold::randomness(question.trace_id, state))
    });
    Answer {
        sampled,
        state: if agrees {
            StateChange::Keep
        } else {
            StateChange::WithoutThreshold
        },
    }
}

/// Whether the caller wants this trace whatever happens.
fn is_debug(cx: &Context, key: Option<&str>) -> bool {
    let by_baggage = || {
        let value = cx.baggage().get(key?)?;
        let value = value.as_str();
        Some(value == "1" || value.eq_ignore_ascii_case("true"))
    };
    propagation::is_debug(cx) || by_baggage().unwrap_or(false)
}
