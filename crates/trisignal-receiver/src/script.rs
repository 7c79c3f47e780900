//! Scripts: which request gets which answer.

use std::fmt;
use std::sync::Arc;

use crate::answer::Answer;
use crate::model::{Batch, Signal};

/// Rules that are asked in order; the first one that matches answers, and without any the request is accepted.
///
/// ```
/// use trisignal_receiver::{Answer, Rule, Script, Signal};
///
/// // The first three requests find the backend busy; after that every fifth batch of spans is reset.
/// let script = Script::new()
///     .rule(Rule::new(Answer::status(503).retry_after("1")).times(3))
///     .rule(Rule::new(Answer::reset()).signal(Signal::Traces).every(5));
/// # drop(script);
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a script does nothing until a receiver is given it"]
pub struct Script {
    rules: Vec<Rule>,
}

impl Script {
    /// A script without rules: everything is accepted.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same answer until the script is changed.
    pub fn always(answer: Answer) -> Self {
        Self::new().rule(Rule::new(answer))
    }

    /// The same answer to the next `times` requests.
    pub fn times(times: u64, answer: Answer) -> Self {
        Self::new().rule(Rule::new(answer).times(times))
    }

    /// One answer after the other, one request each; after the last one everything is accepted.
    pub fn sequence(answers: impl IntoIterator<Item = Answer>) -> Self {
        answers.into_iter().fold(Self::new(), |script, answer| {
            script.rule(Rule::new(answer).times(1))
        })
    }

    /// Refuses with 400 each request for which `predicate` is true, until the script is changed.
    pub fn reject_if(predicate: impl Fn(&Batch) -> bool + Send + Sync + 'static) -> Self {
        Self::new().rule(Rule::new(Answer::status(400)).when(predicate))
    }

    /// Adds a rule after those already there.
    pub fn rule(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    /// The answer as far as it can be known before the items are: `None` when a rule has to see them first.
    pub(crate) fn decide_early(&mut self, signal: Signal) -> Option<Answer> {
        let relevant = self.rules.iter().filter(|rule| rule.concerns(signal));
        if relevant.clone().any(|rule| rule.predicate.is_some()) {
            return None;
        }
        Some(self.answer(signal, None))
    }

    pub(crate) fn decide(&mut self, batch: &Batch) -> Answer {
        self.answer(batch.signal, Some(batch))
    }

    /// The answer to a request whose items could not be read, so that no predicate is true of it.
    pub(crate) fn decide_unread(&mut self, signal: Signal) -> Answer {
        self.answer(signal, None)
    }

    fn answer(&mut self, signal: Signal, batch: Option<&Batch>) -> Answer {
        let rule = self
            .rules
            .iter_mut()
            .find_map(|rule| rule.fires(signal, batch));
        rule.unwrap_or_else(Answer::accept)
    }
}

impl From<Answer> for Script {
    fn from(answer: Answer) -> Self {
        Self::always(answer)
    }
}

impl From<Rule> for Script {
    fn from(rule: Rule) -> Self {
        Self::new().rule(rule)
    }
}

type Predicate = Arc<dyn Fn(&Batch) -> bool + Send + Sync>;

/// An answer and when it is given. All conditions must hold; without any it is always given.
#[derive(Clone)]
pub struct Rule {
    answer: Answer,
    signal: Option<Signal>,
    predicate: Option<Predicate>,
    left: u64,
    skip: u64,
    every: u64,
    seen: u64,
    share: Option<Share>,
}

impl Rule {
    /// A rule that always gives `answer`.
    pub fn new(answer: Answer) -> Self {
        Self {
            answer,
            signal: None,
            predicate: None,
            left: u64::MAX,
            skip: 0,
            every: 1,
            seen: 0,
            share: None,
        }
    }

    /// Only for requests of this signal. Default: all.
    pub fn signal(mut self, signal: Signal) -> Self {
        self.signal = Some(signal);
        self
    }

    /// Only when `predicate` is true of the items. It runs on the thread of the receiver and must not call it; a
    /// panic in it counts as false.
    pub fn when(mut self, predicate: impl Fn(&Batch) -> bool + Send + Sync + 'static) -> Self {
        self.predicate = Some(Arc::new(predicate));
        self
    }

    /// At most this many times. Default: no limit.
    pub fn times(mut self, times: u64) -> Self {
        self.left = times;
        self
    }

    /// Not for the first `requests` of those that match otherwise. Default: 0.
    pub fn after(mut self, requests: u64) -> Self {
        self.skip = requests;
        self
    }

    /// Only every k-th of the requests that match otherwise, the k-th the first. Default: 1, each.
    pub fn every(mut self, k: u64) -> Self {
        self.every = k.max(1);
        self
    }

    /// Only a share (0 to 1) of the requests that match otherwise, chosen at random but the same for the same seed.
    pub fn share(mut self, share: f64, seed: u64) -> Self {
        self.share = Some(Share {
            below: share,
            state: seed,
        });
        self
    }

    fn concerns(&self, signal: Signal) -> bool {
        self.left > 0 && self.signal.is_none_or(|wanted| wanted == signal)
    }

    fn fires(&mut self, signal: Signal, batch: Option<&Batch>) -> Option<Answer> {
        if !self.concerns(signal) || !self.predicate_holds(batch) {
            return None;
        }
        self.seen += 1;
        let chosen = self.seen > self.skip
            && (self.seen - self.skip).is_multiple_of(self.every)
            && self.share.as_mut().is_none_or(Share::draw);
        if !chosen {
            return None;
        }
        self.left -= 1;
        Some(self.answer.clone())
    }

    fn predicate_holds(&self, batch: Option<&Batch>) -> bool {
        let Some(predicate) = &self.predicate else {
            return true;
        };
        let Some(batch) = batch else { return false };
        // The thread of the receiver serves others too, and the lock of the script is held.
        let answer = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| predicate(batch)));
        answer.unwrap_or(false)
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rule")
            .field("answer", &self.answer)
            .field("signal", &self.signal)
            .field("has_predicate", &self.predicate.is_some())
            .field("left", &self.left)
            .field("every", &self.every)
            .field("share", &self.share)
            .finish_non_exhaustive()
    }
}

/// A seeded coin, after SplitMix64: a test that failed must fail again.
#[derive(Clone, Debug)]
struct Share {
    below: f64,
    state: u64,
}

impl Share {
    fn draw(&mut self) -> bool {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        // The upper 53 bits are what a double holds exactly.
        ((mixed >> 11) as f64) / ((1_u64 << 53) as f64) < self.below
    }
}
