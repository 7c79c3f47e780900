//! A share of all traces that can be changed while it is asked.

use std::sync::atomic::{AtomicU64, Ordering};

use super::sampler::{Answer, Question, StateChange};
use super::threshold::{self, Threshold};

/// All, none, or a ratio of traces, in one number.
#[derive(Debug)]
pub(super) struct Share(AtomicU64);

/// What a [`Share`] is set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// Whatever is asked for, without a word about probability.
    All,
    None,
    Consistent(Threshold),
}

const ALL: u64 = u64::MAX;
const NONE: u64 = u64::MAX - 1;

impl Share {
    pub(super) fn new(level: Level) -> Self {
        let share = Self(AtomicU64::new(NONE));
        share.set(level);
        share
    }

    pub(super) fn get(&self) -> Level {
        match self.0.load(Ordering::Relaxed) {
            ALL => Level::All,
            NONE => Level::None,
            bits => Level::Consistent(Threshold::from_bits(bits)),
        }
    }

    pub(super) fn set(&self, level: Level) {
        let number = match level {
            Level::All => ALL,
            Level::None => NONE,
            // Of 56 bits, so never one of the two above.
            Level::Consistent(threshold) => threshold.bits(),
        };
        self.0.store(number, Ordering::Relaxed);
    }
}

impl Level {
    pub(super) fn of_ratio(ratio: f64) -> Self {
        Threshold::of_ratio(ratio).map_or(Self::None, Self::Consistent)
    }

    pub(super) fn decide(self, question: &Question<'_>) -> Answer {
        let state = question.parent.trace_state();
        match self {
            // A threshold of the parent would speak of another decision than this one.
            Self::All => Answer {
                sampled: true,
                state: match threshold::threshold(state) {
                    Some(_) => StateChange::Threshold(Threshold::ALL),
                    None => StateChange::Keep,
                },
            },
            Self::None => Answer {
                sampled: false,
                state: StateChange::WithoutThreshold,
            },
            Self::Consistent(threshold) => {
                if threshold.keeps(threshold::randomness(question.trace_id, state)) {
                    Answer {
                        sampled: true,
                        state: StateChange::Threshold(threshold),
                    }
                } else {
                    Answer {
                        sampled: false,
                        state: StateChange::WithoutThreshold,
                    }
                }
            }
        }
    }
}
