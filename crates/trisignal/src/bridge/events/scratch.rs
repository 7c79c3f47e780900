//! The memory of a thread for reading events, reused from one to the next, and the guard against recursion.

use std::{cell::Cell, thread::LocalKey};

use super::{capture::EventText, fields::Fields};

/// Above this many bytes the memory is given back rather than kept for the next event.
const KEPT: usize = 64 * 1024;

/// How deep events may nest: one logged by a `Debug` implementation of a field of another, and so on.
const MAX_DEPTH: u32 = 4;

thread_local! {
    static SPARE: Cell<Option<Box<Scratch>>> = const { Cell::new(None) };
    static TEXT: Cell<Option<String>> = const { Cell::new(None) };
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    static ENTERED: Cell<u64> = const { Cell::new(0) };
    static IN_CONSOLE: Cell<bool> = const { Cell::new(false) };
    static IN_EXPORT: Cell<bool> = const { Cell::new(false) };
}

/// Buffers for one event.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) fields: Fields,
    pub(crate) text: EventText,
    pub(crate) line: String,
}

impl Scratch {
    #[cold]
    fn allocated() -> Box<Self> {
        Box::default()
    }

    fn clear(&mut self) {
        self.fields.clear();
        self.text.clear();
        self.line.clear();
    }

    fn capacity(&self) -> usize {
        self.fields.capacity() + self.text.capacity() + self.line.capacity()
    }
}

/// Lends the thread's buffers, empty. A nested call finds them taken and gets its own, as does one that comes while
/// the thread is being torn down.
#[inline(always)]
pub(crate) fn with_scratch<R>(f: impl FnOnce(&mut Scratch) -> R) -> R {
    let spare = SPARE.try_with(Cell::take).ok().flatten();
    let mut scratch = spare.unwrap_or_else(Scratch::allocated);
    let result = f(&mut scratch);
    if scratch.capacity() <= KEPT {
        scratch.clear();
        // When the thread is being torn down there is no next event.
        let _ = SPARE.try_with(|spare| spare.set(Some(scratch)));
    }
    result
}

/// Lends the thread's buffer for one text, empty; see [`with_scratch`].
pub(crate) fn with_text<R>(f: impl FnOnce(&mut String) -> R) -> R {
    let mut text = TEXT.try_with(Cell::take).ok().flatten().unwrap_or_default();
    let result = f(&mut text);
    if text.capacity() <= KEPT {
        text.clear();
        let _ = TEXT.try_with(|spare| spare.set(Some(text)));
    }
    result
}

/// Counts one level of nesting while it lives.
pub(crate) struct Nesting(());

impl Nesting {
    /// One level deeper, or nothing when that is too deep: user code that logs itself would go on for ever.
    pub(crate) fn enter() -> Option<Nesting> {
        ENTERED.set(ENTERED.get().wrapping_add(1));
        DEPTH.with(|depth| {
            let deeper = depth.get() + 1;
            (deeper <= MAX_DEPTH).then(|| {
                depth.set(deeper);
                Nesting(())
            })
        })
    }

    /// How often this thread came here, whether it was let in or not. It tells whether some code logged.
    #[cfg(any(test, feature = "tracing-opentelemetry"))]
    pub(crate) fn entered() -> u64 {
        ENTERED.get()
    }
}

impl Drop for Nesting {
    fn drop(&mut self) {
        DEPTH.with(|depth| depth.set(depth.get() - 1));
    }
}

/// A place that events of this thread do not enter while an event is already there: a log processor, or the writer of
/// the console, that logs what it does would otherwise feed itself, or wait for its own lock.
pub(crate) struct Gate(&'static LocalKey<Cell<bool>>);

impl Gate {
    pub(crate) const CONSOLE: Gate = Gate(&IN_CONSOLE);
    pub(crate) const EXPORT: Gate = Gate(&IN_EXPORT);

    /// Whether this thread is not inside.
    pub(crate) fn is_free(&self) -> bool {
        !self.0.get()
    }

    /// Goes in, until the guard is dropped.
    pub(crate) fn enter(&self) -> Inside {
        self.0.set(true);
        Inside(self.0)
    }
}

/// This thread is behind a [`Gate`] while it lives.
pub(crate) struct Inside(&'static LocalKey<Cell<bool>>);

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_come_back_empty_and_huge_ones_do_not_come_back() {
        let capacity = |text: &str| {
            with_scratch(|scratch| {
                assert!(scratch.line.is_empty());
                scratch.line.push_str(text);
            });
            with_scratch(|scratch| scratch.capacity())
        };
        assert!(capacity(&"x".repeat(1_000)) >= 1_000);
        assert!(capacity(&"x".repeat(2 * KEPT)) <= KEPT);
    }

    #[test]
    fn a_nested_call_gets_buffers_of_its_own() {
        with_scratch(|outer| {
            outer.line.push_str("outer");
            with_scratch(|inner| assert!(inner.line.is_empty()));
            assert_eq!(outer.line, "outer");
        });
    }

    #[test]
    fn nesting_ends_and_leaves_no_trace() {
        for _ in 0..2 {
            let levels: Vec<_> = std::iter::from_fn(Nesting::enter).collect();
            assert_eq!(levels.len(), MAX_DEPTH as usize);
        }
    }

    #[test]
    fn a_gate_is_free_again_once_its_guard_is_gone() {
        let inside = Gate::EXPORT.enter();
        assert!(!Gate::EXPORT.is_free());
        assert!(Gate::CONSOLE.is_free());
        drop(inside);
        assert!(Gate::EXPORT.is_free());
    }
}
