//! Sampling as a Jaeger collector says: its answers, and the sampler that is made of them.
//!
//! The answer is JSON in the form of Jaeger's `sampling.proto`. It has one strategy for the service, or one for each
//! operation, which is the name of a span. What can't be read leaves the last strategy in force.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use serde_json::Value;

use super::rate::Bucket;
use super::sampler::{Answer, Node, Question, StateChange};
use super::share::{Level, Share};

/// The sampler whose strategy changes.
#[derive(Debug)]
pub(super) struct Remote {
    strategy: ArcSwap<Node>,
}

/// A ratio for each operation.
#[derive(Debug)]
pub(super) struct Operations {
    known: HashMap<String, Operation>,
    others: Operation,
}

#[derive(Clone, Debug)]
struct Operation {
    level: Level,
    /// So many traces per second whatever the ratio says, so that rare operations are seen at all.
    at_least: Option<Arc<Bucket>>,
}

impl Remote {
    pub(super) fn new(initial: Node) -> Self {
        Self {
            strategy: ArcSwap::from_pointee(initial),
        }
    }

    pub(super) fn decide(&self, question: &Question<'_>) -> Answer {
        self.strategy.load().decide(question)
    }

    /// Puts the strategy of an answer in force.
    ///
    /// # Errors
    ///
    /// Why it can't be; the last strategy stays.
    pub(super) fn update(&self, answer: &[u8]) -> Result<(), String> {
        let strategy = read(answer, &self.strategy.load())?;
        self.strategy.store(Arc::new(strategy));
        Ok(())
    }
}

impl Operations {
    pub(super) fn decide(&self, question: &Question<'_>) -> Answer {
        let operation = self.known.get(question.name).unwrap_or(&self.others);
        let answer = operation.level.decide(question);
        let more = |bucket: &Arc<Bucket>| bucket.take();
        if !answer.sampled && operation.at_least.as_ref().is_some_and(more) {
            // Beyond what the ratio keeps, so it stands for no other trace.
            return Answer {
                sampled: true,
                state: StateChange::WithoutThreshold,
            };
        }
        answer
    }
}

/// The strategy in `answer`. What `last` has counted of this second goes on.
fn read(answer: &[u8], last: &Node) -> Result<Node, String> {
    let answer: Value = serde_json::from_slice(answer)
        .map_err(|error| format!("the answer is no JSON: {error}"))?;
    if let operations @ Value::Object(_) = &answer["operationSampling"] {
        return Ok(Node::Operations(Box::new(operations_of(operations, last)?)));
    }
    // Its number where the enum is not spelt out.
    let by_rate = matches!(&answer["strategyType"], Value::String(name) if name == "RATE_LIMITING")
        || answer["strategyType"] == 1;
    if by_rate || answer["probabilisticSampling"].is_null() {
        let Value::Object(limit) = &answer["rateLimitingSampling"] else {
            return Err("the answer has no strategy".to_owned());
        };
        let rate = number(limit.get("maxTracesPerSecond"), "maxTracesPerSecond")?;
        let bucket = match last {
            Node::PerSecond(bucket) => {
                bucket.set_rate(rate);
                Arc::clone(bucket)
            }
            _ => Arc::new(Bucket::new(rate)),
        };
        return Ok(Node::PerSecond(bucket));
    }
    let rate = &answer["probabilisticSampling"]["samplingRate"];
    Ok(Node::Share(Share::new(ratio(Some(rate), "samplingRate")?)))
}

fn operations_of(answer: &Value, last: &Node) -> Result<Operations, String> {
    let last = match last {
        Node::Operations(last) => Some(last),
        _ => None,
    };
    let lower = "defaultLowerBoundTracesPerSecond";
    let rate = number(answer.get(lower), lower)?;
    let at_least = |last: Option<&Operation>| {
        let bucket = last.and_then(|last| last.at_least.clone());
        let bucket = bucket.unwrap_or_else(|| Arc::new(Bucket::new(rate)));
        bucket.set_rate(rate);
        (rate > 0.0).then_some(bucket)
    };
    let default = "defaultSamplingProbability";
    let others = Operation {
        level: ratio(answer.get(default), default)?,
        at_least: at_least(last.map(|last| &last.others)),
    };
    let mut known = HashMap::new();
    let strategies = match &answer["perOperationStrategies"] {
        Value::Array(strategies) => strategies.as_slice(),
        _ => &[],
    };
    for strategy in strategies {
        let Value::String(name) = &strategy["operation"] else {
            return Err("the answer has a strategy without an operation".to_owned());
        };
        let rate = strategy["probabilisticSampling"].get("samplingRate");
        let operation = Operation {
            level: ratio(rate, "samplingRate")?,
            at_least: at_least(last.and_then(|last| last.known.get(name))),
        };
        known.insert(name.clone(), operation);
    }
    Ok(Operations { known, others })
}

/// Protobuf leaves out what is 0.
fn number(value: Option<&Value>, name: &str) -> Result<f64, String> {
    match value {
        None | Some(Value::Null) => Ok(0.0),
        Some(value) => value
            .as_f64()
            .filter(|number| *number >= 0.0)
            .ok_or_else(|| format!("the {name} of the answer is no number from 0 on")),
    }
}

fn ratio(value: Option<&Value>, name: &str) -> Result<Level, String> {
    match number(value, name)? {
        ratio if ratio <= 1.0 => Ok(Level::of_ratio(ratio)),
        _ => Err(format!("the {name} of the answer is above 1")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use opentelemetry::trace::{SpanContext, SpanKind, TraceId};

    use super::*;

    /// Whether a new trace with these random bits is kept.
    fn keeps(remote: &Remote, name: &str, randomness: u128) -> bool {
        let question = Question {
            context: None,
            parent: &SpanContext::NONE,
            trace_id: TraceId::from(randomness),
            name,
            kind: &SpanKind::Server,
            attributes: &[],
        };
        remote.decide(&question).sampled
    }

    const MIDDLE: u128 = 0x80_0000_0000_0000;

    fn remote() -> Remote {
        Remote::new(Node::Share(Share::new(Level::None)))
    }

    #[test]
    fn strategies_of_a_service() {
        let cases = [
            (
                r#"{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0.6}}"#,
                true,
            ),
            (r#"{"probabilisticSampling":{"samplingRate":0.4}}"#, false),
            (
                r#"{"strategyType":0,"probabilisticSampling":{"samplingRate":1}}"#,
                true,
            ),
            // A rate of 0 is left out.
            (
                r#"{"strategyType":"PROBABILISTIC","probabilisticSampling":{}}"#,
                false,
            ),
            (
                r#"{"strategyType":"RATE_LIMITING","rateLimitingSampling":{"maxTracesPerSecond":5}}"#,
                true,
            ),
            (
                r#"{"strategyType":1,"rateLimitingSampling":{"maxTracesPerSecond":5}}"#,
                true,
            ),
            (
                r#"{"strategyType":"RATE_LIMITING","rateLimitingSampling":{}}"#,
                false,
            ),
            (
                r#"{"operationSampling":{"defaultSamplingProbability":0.6}}"#,
                true,
            ),
            (r#"{"operationSampling":{}}"#, false),
        ];
        for (answer, kept) in cases {
            let remote = remote();
            remote.update(answer.as_bytes()).unwrap();
            assert_eq!(keeps(&remote, "x", MIDDLE), kept, "{answer}");
        }
    }

    #[test]
    fn what_can_not_be_read_leaves_the_last_strategy() {
        let remote = remote();
        remote
            .update(br#"{"probabilisticSampling":{"samplingRate":1}}"#)
            .unwrap();
        let nested = "[".repeat(100_000);
        let bad = [
            "",
            "no JSON",
            "[]",
            "{}",
            "null",
            &nested,
            r#"{"strategyType":"RATE_LIMITING","probabilisticSampling":{"samplingRate":0}}"#,
            r#"{"probabilisticSampling":{"samplingRate":1.5}}"#,
            r#"{"probabilisticSampling":{"samplingRate":-1}}"#,
            r#"{"probabilisticSampling":{"samplingRate":"half"}}"#,
            r#"{"operationSampling":{"perOperationStrategies":[{}]}}"#,
            r#"{"operationSampling":{"perOperationStrategies":[{"operation":"x","probabilisticSampling":{"samplingRate":7}}]}}"#,
        ];
        for answer in bad {
            assert!(remote.update(answer.as_bytes()).is_err(), "{answer:.40}");
            assert!(keeps(&remote, "x", 0), "{answer:.40}");
        }
    }

    #[test]
    fn operations_have_ratios_of_their_own_and_a_least_rate() {
        let answer = |least: u32| {
            format!(
                r#"{{"operationSampling":{{
                    "defaultSamplingProbability":0.001,
                    "defaultLowerBoundTracesPerSecond":{least},
                    "perOperationStrategies":[
                        {{"operation":"GET /pay","probabilisticSampling":{{"samplingRate":1}}}},
                        {{"operation":"GET /metrics","probabilisticSampling":{{}}}}]}}}}"#
            )
        };
        let remote = remote();
        remote.update(answer(0).as_bytes()).unwrap();
        assert!(keeps(&remote, "GET /pay", 0));
        assert!(!keeps(&remote, "GET /metrics", MIDDLE));
        assert!(!keeps(&remote, "other", MIDDLE));
        remote.update(answer(3).as_bytes()).unwrap();
        let kept = |name| (0..10).filter(|_| keeps(&remote, name, MIDDLE)).count();
        assert_eq!(
            (kept("GET /metrics"), kept("other"), kept("another")),
            (3, 3, 0)
        );
        // The same answer again does not fill the buckets.
        remote.update(answer(3).as_bytes()).unwrap();
        assert_eq!(kept("GET /metrics"), 0);
    }
}
