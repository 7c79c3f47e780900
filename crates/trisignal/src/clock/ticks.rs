//! The processor's time stamp counter, which is read in a third of the time that the system's clock takes.
//!
//! A thread looks at both now and then, and counts ticks from there for [`WITHIN`]. So it does not matter that a counter drifts, and
//! what somebody sets the clock to shows soon. The counter is asked only where Linux itself keeps time by it, which it does where the
//! counter goes on steadily and is the same on all processors.

use std::cell::Cell;
use std::sync::OnceLock;

use quanta::Clock;

/// For how long ticks are counted from one look at the clock, in nanoseconds.
const WITHIN: u64 = 1_000_000;

/// How long a look at the clock may take to be counted from, in nanoseconds. What takes longer was interrupted.
const AT_ONCE: u64 = 500;

/// What Linux keeps time by.
const SOURCE: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";

/// How long ticks are, once that is known; nothing in it where they are not to be counted.
static COUNTER: OnceLock<Option<Clock>> = OnceLock::new();

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
            time + since
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
    if counter.delta_as_nanos(before, ticks) < AT_ONCE {
        mark.set(Mark { ticks, time });
    }
    time
}
