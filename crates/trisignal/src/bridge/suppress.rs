//! Keeps a call site from flooding console and export, where that is asked for, and counts what it keeps back.
//!
//! A call site that logs the same again within the window, or more than its rate, is silent meanwhile. What it kept back is
//! said by its next event that passes, in the field [`SUPPRESSED`]; if none comes, by a line of its own when the window is
//! over and anything else is logged. Errors pass always, unless it is said otherwise.

use std::{
    collections::HashMap,
    fmt,
    hash::{BuildHasher as _, Hash as _, Hasher as _, RandomState},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tracing::{Event, Level, Metadata};
use tracing_log::NormalizeEvent as _;

use super::events::fields::{Fields, Value};

/// The field that says how many events of its call site were kept back since the last one.
pub(crate) const SUPPRESSED: &str = "suppressed_events";

/// Threads that log at different places seldom meet.
const SHARDS: usize = 16;

/// Call sites of one shard that are known. There are only as many as a program has, but the places of `log` records are
/// texts that somebody may make up.
const SITES: usize = 1024;

/// Different events of one call site that are remembered.
const REMEMBERED: usize = 8;

/// The window of the rate.
const SECOND: Duration = Duration::from_secs(1);

/// What keeps call sites of events from flooding console lines and exported logs. By default nothing does.
///
/// ```
/// use std::time::Duration;
/// use trisignal::Suppression;
///
/// let suppression = Suppression {
///     per_second: Some(10),
///     duplicates_for: Some(Duration::from_secs(30)),
///     ..Suppression::default()
/// };
/// # let _ = trisignal::builder("checkout").suppression(suppression);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Suppression {
    /// How many events of one call site pass in a second, also at once. `None` is no limit, the default; 0 is not allowed.
    pub per_second: Option<u32>,
    /// How long an event is not shown again that has the message and the fields of one that was. The fields of its spans don't
    /// count. `None` is not at all, the default.
    pub duplicates_for: Option<Duration>,
    /// Whether events of the level `ERROR` are kept back as well. Default false.
    pub errors: bool,
}

impl Suppression {
    pub(crate) fn is_off(&self) -> bool {
        self.per_second.is_none() && self.duplicates_for.is_none()
    }

    fn window(&self) -> Duration {
        self.duplicates_for.unwrap_or(SECOND).max(SECOND)
    }
}

/// What is known of call sites. Clones share it.
#[derive(Clone)]
pub(crate) struct Suppressor(Arc<Inner>);

struct Inner {
    rules: Suppression,
    hasher: RandomState,
    begin: Instant,
    shards: [Mutex<HashMap<u64, Site>>; SHARDS],
    /// When the first window is over whose events nobody has spoken of, in milliseconds.
    due: AtomicU64,
    total: AtomicU64,
}

struct Site {
    place: Place,
    /// Events that may still pass, at `filled`.
    tokens: f64,
    filled: Instant,
    /// What passed lately, and until when it does not pass again.
    seen: Vec<(u64, Instant)>,
    suppressed: u64,
    /// When the window of the first one that was kept back is over.
    due: Instant,
}

/// Where events come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) level: Level,
    pub(crate) target: String,
    pub(crate) file: Option<String>,
    pub(crate) line: Option<u32>,
}

/// A window that is over, and how many events it kept back.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) place: Place,
    pub(crate) suppressed: u64,
}

impl Suppressor {
    /// `None` where nothing is to be kept back.
    pub(crate) fn new(rules: Suppression) -> Option<Self> {
        if rules.is_off() {
            return None;
        }
        Some(Self(Arc::new(Inner {
            rules,
            hasher: RandomState::new(),
            begin: Instant::now(),
            shards: Default::default(),
            due: AtomicU64::new(u64::MAX),
            total: AtomicU64::new(0),
        })))
    }

    /// Whether the event passes: then how many of its call site were kept back since the last that did, else `None`.
    pub(crate) fn admit(
        &self,
        event: &Event<'_>,
        metadata: &Metadata<'_>,
        message: Option<&str>,
        fields: &Fields,
        now: Instant,
    ) -> Option<u64> {
        if *metadata.level() == Level::ERROR && !self.0.rules.errors {
            return Some(0);
        }
        let mut site = self.0.hasher.build_hasher();
        if event.is_log() {
            (
                metadata.target(),
                metadata.file(),
                metadata.line(),
                metadata.level(),
            )
                .hash(&mut site);
        } else {
            event.metadata().callsite().hash(&mut site);
        }
        let mut content = self.0.hasher.build_hasher();
        message.hash(&mut content);
        for (name, value) in fields.iter() {
            name.hash(&mut content);
            match value {
                Value::Bool(value) => value.hash(&mut content),
                Value::I64(value) => value.hash(&mut content),
                Value::U64(value) => value.hash(&mut content),
                Value::F64(value) => value.to_bits().hash(&mut content),
                Value::Text(value) => value.hash(&mut content),
            }
        }
        self.0.admit(site.finish(), content.finish(), metadata, now)
    }

    /// The windows that are over without another event of their call site. Mostly it looks at one number.
    pub(crate) fn ended(&self, now: Instant) -> Vec<Ended> {
        if self.0.due.load(Ordering::Relaxed) > self.0.millis(now) {
            return Vec::new();
        }
        // What is kept back from here on sets it again.
        self.0.due.store(u64::MAX, Ordering::Relaxed);
        let mut ended = Vec::new();
        for shard in &self.0.shards {
            let mut sites = shard.lock().unwrap_or_else(PoisonError::into_inner);
            for site in sites.values_mut().filter(|site| site.suppressed > 0) {
                if site.due <= now {
                    ended.push(Ended {
                        place: site.place.clone(),
                        suppressed: std::mem::take(&mut site.suppressed),
                    });
                } else {
                    self.0.note_due(site.due);
                }
            }
        }
        ended
    }

    /// Events that were kept back since the start.
    pub(crate) fn total(&self) -> u64 {
        self.0.total.load(Ordering::Relaxed)
    }
}

impl Inner {
    fn admit(&self, site: u64, content: u64, metadata: &Metadata<'_>, now: Instant) -> Option<u64> {
        let shard = &self.shards[site as usize % SHARDS];
        let mut sites = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if sites.len() >= SITES && !sites.contains_key(&site) {
            let window = self.rules.window();
            sites.retain(|_, site| site.suppressed > 0 || now < site.filled + window);
            if sites.len() >= SITES {
                return Some(0);
            }
        }
        let site = sites
            .entry(site)
            .or_insert_with(|| Site::new(metadata, &self.rules, now));
        if site.passes(content, &self.rules, now) {
            return Some(std::mem::take(&mut site.suppressed));
        }
        if site.suppressed == 0 {
            site.due = now + self.rules.window();
            self.note_due(site.due);
        }
        site.suppressed += 1;
        self.total.fetch_add(1, Ordering::Relaxed);
        None
    }

    fn note_due(&self, due: Instant) {
        self.due.fetch_min(self.millis(due), Ordering::Relaxed);
    }

    fn millis(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.begin).as_millis();
        u64::try_from(since).unwrap_or(u64::MAX)
    }
}

impl Site {
    fn new(metadata: &Metadata<'_>, rules: &Suppression, now: Instant) -> Self {
        Self {
            place: Place {
                level: *metadata.level(),
                target: metadata.target().to_owned(),
                file: metadata.file().map(str::to_owned),
                line: metadata.line(),
            },
            tokens: rules.per_second.unwrap_or_default().into(),
            filled: now,
            seen: Vec::new(),
            suppressed: 0,
            due: now,
        }
    }

    fn passes(&mut self, content: u64, rules: &Suppression, now: Instant) -> bool {
        self.seen.retain(|(_, until)| *until > now);
        if self.seen.iter().any(|(seen, _)| *seen == content) {
            return false;
        }
        if let Some(rate) = rules.per_second {
            let rate = f64::from(rate);
            let elapsed = now.saturating_duration_since(self.filled).as_secs_f64();
            self.tokens = (self.tokens + elapsed * rate).min(rate);
            self.filled = now;
            if self.tokens < 1.0 {
                return false;
            }
            self.tokens -= 1.0;
        }
        self.filled = now;
        if let Some(window) = rules.duplicates_for {
            if self.seen.len() == REMEMBERED {
                self.seen.remove(0);
            }
            self.seen.push((content, now + window));
        }
        true
    }
}

impl fmt::Debug for Suppressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Suppressor")
            .field("rules", &self.0.rules)
            .field("total", &self.total())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use tracing::callsite::{Callsite, Identifier};
    use tracing::field::FieldSet;
    use tracing::metadata::Kind;
    use tracing::subscriber::Interest;

    use super::*;

    const MILLI: Duration = Duration::from_millis(1);

    fn suppressor(per_second: Option<u32>, duplicates_for: Option<Duration>) -> Suppressor {
        let rules = Suppression {
            per_second,
            duplicates_for,
            errors: false,
        };
        Suppressor::new(rules).unwrap()
    }

    /// The metadata of some call site.
    fn metadata() -> &'static Metadata<'static> {
        static SITE: Here = Here;
        static META: Metadata<'static> = Metadata::new(
            "event",
            "checkout",
            Level::INFO,
            Some("pay.rs"),
            Some(7),
            None,
            FieldSet::new(&[], Identifier(&SITE)),
            Kind::EVENT,
        );
        struct Here;
        impl Callsite for Here {
            fn set_interest(&self, _: Interest) {}
            fn metadata(&self) -> &Metadata<'_> {
                &META
            }
        }
        &META
    }

    #[test]
    fn a_rate_lets_bursts_pass_and_says_what_it_kept_back() {
        let suppressor = suppressor(Some(10), None);
        let begin = Instant::now();
        let admit = |at| suppressor.0.admit(1, 1, metadata(), at);
        let passed = (0..100).filter(|_| admit(begin).is_some()).count();
        assert_eq!((passed, suppressor.total()), (10, 90));
        assert_eq!(admit(begin + MILLI * 100), Some(90));
        assert_eq!(admit(begin + MILLI * 100), None);
        assert_eq!(admit(begin + MILLI * 10_000), Some(1));
        // Another call site has a rate of its own.
        assert_eq!(suppressor.0.admit(2, 1, metadata(), begin), Some(0));
    }

    #[test]
    fn the_same_event_passes_once_in_its_window() {
        let suppressor = suppressor(None, Some(MILLI * 1_500));
        let begin = Instant::now();
        let admit = |content, at: u32| {
            suppressor
                .0
                .admit(1, content, metadata(), begin + MILLI * at)
        };
        assert_eq!(admit(1, 0), Some(0));
        assert_eq!(admit(1, 1), None);
        assert_eq!(admit(2, 2), Some(1));
        assert_eq!(admit(1, 1_499), None);
        assert_eq!(admit(2, 1_499), None);
        assert_eq!(admit(1, 1_500), Some(2));
        assert_eq!(suppressor.total(), 3);
        // Only some are remembered: memory is bounded.
        for content in 0..100 {
            let _ = admit(content, 5_000);
        }
        let sites = suppressor.0.shards[1].lock().unwrap();
        assert_eq!(sites[&1].seen.len(), REMEMBERED);
    }

    #[test]
    fn a_window_that_ends_in_silence_is_told_once() {
        let suppressor = suppressor(Some(1), None);
        let begin = Instant::now();
        for site in 0..3 {
            for _ in 0..=site {
                let _ = suppressor.0.admit(site, 0, metadata(), begin);
            }
        }
        assert_eq!(suppressor.ended(begin + MILLI * 999), []);
        let mut ended: Vec<_> = suppressor
            .ended(begin + MILLI * 1_001)
            .iter()
            .map(|ended| ended.suppressed)
            .collect();
        ended.sort_unstable();
        assert_eq!(ended, [1, 2]);
        assert_eq!(suppressor.ended(begin + MILLI * 5_000), []);
        assert_eq!(suppressor.total(), 3);
    }

    #[test]
    fn call_sites_without_end_take_bounded_memory_and_pass() {
        let suppressor = suppressor(Some(1), None);
        let begin = Instant::now();
        for site in 0..100_000 {
            assert_eq!(suppressor.0.admit(site, 0, metadata(), begin), Some(0));
        }
        let known: usize = suppressor
            .0
            .shards
            .iter()
            .map(|shard| shard.lock().unwrap().len())
            .sum();
        assert!(known <= SHARDS * SITES, "{known}");
        // Later the old ones make room.
        let later = begin + MILLI * 2_000;
        assert_eq!(suppressor.0.admit(200_000, 0, metadata(), later), Some(0));
        assert_eq!(suppressor.0.admit(200_000, 0, metadata(), later), None);
    }
}
