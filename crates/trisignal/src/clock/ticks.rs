//! The processor's time stamp counter, which is read in a third of the time that the system's clock takes.
//!
//! A thread looks at both now and then, and counts ticks from there for [`WITHIN`]. So it does not matter that a counter drifts, and
//! what somebody sets the clock to shows soon. The counter is asked only where Linux itself keeps time by it, which it does where the
//! counter goes on steadily and is the same on all processors, and only for as long as the two agree.

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

use quanta::Clock;

/// For how long ticks are counted from one look at the clock, in nanoseconds.
const WITHIN: u64 = 1_000_000;

/// How long a look at the clock may take to be counted from, in nanoseconds. What takes longer was interrupted.
const AT_ONCE: u64 = 500;

/// The longest time over which clock and counter are compared, in nanoseconds.
const COMPARED: u64 = 1_000_000_000;

/// How often in a row they may disagree. Somebody sets the clock now and then, and machines are put to sleep; but a
/// length of ticks that was measured wrongly shows each time.
const DOUBTS: u8 = 10;

/// What Linux keeps time by.
const SOURCE: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";

/// How long ticks are, once that is known; nothing in it where they are not to be counted.
static COUNTER: OnceLock<Option<Clock>> = OnceLock::new();

/// How often in a row they did.
static DOUBTED: AtomicU8 = AtomicU8::new(0);

thread_local! {
    static MARK: Cell<Mark> = const { Cell::new(Mark { ticks: 0, time: 0 }) };
}

/// A look at the counter and the clock at once.
#[derive(Clone, Copy)]
struct Mark {
    ticks: u64,
    /// In nanoseconds since the epoch.
    time: u64,
}

/// Measures how long ticks are.
pub(super) fn learn() {
    COUNTER.get_or_init(|| {
        let source = std::fs::read_to_string(SOURCE).ok()?;
        (source.trim_end() == "tsc").then(Clock::new)
    });
}

/// The time now, if ticks can be counted.
#[inline]
pub(super) fn now() -> Option<u64> {
    let counter = COUNTER.get()?.as_ref()?;
    let counted = MARK.try_with(|mark| {
        let Mark { ticks, time } = mark.get();
        let now = counter.raw();
        let since = counter.delta_as_nanos(ticks, now);
        if now >= ticks && since < WITHIN {
            time.saturating_add(since)
        } else {
            look(counter, mark)
        }
    });
    // The thread ends.
    counted.ok()
}

/// Looks at both. Threads that are interrupted meanwhile do so again the next time.
#[cold]
fn look(counter: &Clock, mark: &Cell<Mark>) -> u64 {
    let before = counter.raw();
    let time = super::of_the_system();
    let ticks = counter.raw();
    if counter.delta_as_nanos(before, ticks) < AT_ONCE && DOUBTED.load(Ordering::Relaxed) < DOUBTS {
        let last = mark.replace(Mark { ticks, time });
        doubt(counter.delta_as_nanos(last.ticks, ticks), last.time, time);
    }
    time
}

/// Compares the nanoseconds that were `counted` between two looks with the clock.
fn doubt(counted: u64, from: u64, to: u64) {
    if counted > COMPARED {
        return;
    }
    if agree(counted, from, to) {
        if DOUBTED.load(Ordering::Relaxed) > 0 {
            DOUBTED.store(0, Ordering::Relaxed);
        }
    } else if DOUBTED.fetch_add(1, Ordering::Relaxed) >= DOUBTS - 1 {
        // The marks are too old soon, and there will be no more.
        DOUBTED.store(DOUBTS, Ordering::Relaxed);
    }
}

/// Whether the clock went on by as much as was `counted`, but for a thousandth: it is slewed by half of that at most.
fn agree(counted: u64, from: u64, to: u64) -> bool {
    let passed = to.saturating_sub(from);
    passed.abs_diff(counted) <= counted / 1_000 + 2 * AT_ONCE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on_between_two_looks() {
        learn();
        if COUNTER.get().is_some_and(Option::is_none) {
            eprintln!("ticks are not counted: Linux keeps time by something else here");
            return;
        }
        // A thread that is interrupted all the time looks all the time, but not for ever.
        let is_counted = (0..1_000_000).any(|_| {
            let first = now();
            let mark = MARK.get();
            let second = now();
            mark.ticks == MARK.get().ticks && first < second && Some(mark.time) < second
        });
        assert!(is_counted);
    }

    #[test]
    fn a_thousandth_is_nothing() {
        const START: u64 = 1_700_000_000_000_000_000;

        for (passed, is_fine) in [
            (2_000_000, true),
            (2_002_900, true),
            (1_997_100, true),
            (2_004_000, false),
            (1_996_000, false),
            (0, false),
            (3_600_000_000_000, false),
        ] {
            assert_eq!(agree(2_000_000, START, START + passed), is_fine, "{passed}");
        }
        assert!(!agree(2_000_000, START, START - 1));
    }
}
