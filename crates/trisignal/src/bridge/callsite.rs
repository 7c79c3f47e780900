//! What is the same for every span or event of a callsite, found out once in each thread.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::Metadata;
use tracing::field::Field;

use super::directives::Directive;
use super::spans::RESERVED;
use crate::filter::{Filter, Verdict, is_silenced};
use crate::otlp::key::Key;
use crate::otlp::value::{self, Value, attribute};
use crate::otlp::{log, span};
use crate::redact::Redactor;

/// With more of them in a thread all are forgotten: nobody has as many, but `tracing` can make callsites at run time.
const KEPT: usize = 4096;

/// How many of them are found at once, each in one place by its address.
const NEAR: usize = 128;

thread_local! {
    static KNOWN: RefCell<Known> = const { RefCell::new(Known::new()) };
}

/// What a thread knows, by the addresses of their metadata.
struct Known {
    /// Of those that share a place the one that was asked for last.
    near: [Option<Rc<Callsite>>; NEAR],
    all: HashMap<usize, Rc<Callsite>, BuildHasherDefault<AddressHasher>>,
}

impl Known {
    const fn new() -> Self {
        Self {
            near: [const { None }; NEAR],
            all: HashMap::with_hasher(BuildHasherDefault::new()),
        }
    }

    #[inline]
    fn near(&self, address: usize, bridge: u64) -> Option<&Rc<Callsite>> {
        let callsite = self.near[place(address)].as_ref()?;
        (callsite.address == address && callsite.bridge == bridge).then_some(callsite)
    }

    /// Finds one that is not near, and has it there from now on.
    fn find(&mut self, address: usize, bridge: u64) -> Option<Rc<Callsite>> {
        let callsite = self.all.get(&address)?;
        if callsite.bridge != bridge {
            return None;
        }
        self.near[place(address)] = Some(Rc::clone(callsite));
        Some(Rc::clone(callsite))
    }

    fn insert(&mut self, callsite: &Rc<Callsite>) {
        if self.all.len() >= KEPT {
            *self = Self::new();
        }
        self.near[place(callsite.address)] = Some(Rc::clone(callsite));
        self.all.insert(callsite.address, Rc::clone(callsite));
    }
}

/// The callsites of a bridge: what is known of them depends on its redactor and its filters.
#[derive(Clone, Debug)]
pub(crate) struct Callsites {
    bridge: u64,
    redactor: Redactor,
}

/// The constants of a callsite.
#[derive(Debug)]
pub(crate) struct Callsite {
    bridge: u64,
    address: usize,
    /// Its fields, by their indices.
    pub(crate) fields: Box<[KnownField]>,
    /// Attributes of its place: of a span with its target, of an event as a log record has it.
    pub(crate) place: Attributes,
    /// Attributes of an event as its span has it: level, target and place.
    pub(crate) event: Attributes,
    /// Whether spans have fields that are [`Directive`]s.
    pub(crate) has_directives: bool,
    /// Whether no two fields have one name.
    pub(crate) has_distinct_fields: bool,
    /// Whether a field may have a name that is taken on export.
    pub(crate) has_reserved_fields: bool,
    /// The name that the user gave an event, if so: the default is `event <file>:<line>`.
    pub(crate) event_name: Option<&'static str>,
    /// Whether it belongs to the stack of the pipeline itself.
    pub(crate) is_silenced: bool,
    /// Whether it looks like those that stand for records of the `log` crate.
    pub(crate) may_be_log: bool,
    verdicts: Verdicts,
}

/// What is known of a field.
#[derive(Debug)]
pub(crate) enum KnownField {
    /// Data, and under what it is kept.
    Data(Key),
    /// Data that is a secret because of its name.
    Secret,
    /// What a span says to the bridge, which is no data.
    Directive(Directive),
    /// The message of an event, which is none of its attributes.
    Message,
}

/// Whose verdict it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judge {
    Console,
    Export,
    Spans,
}

/// What the filters of a bridge said, by [`Judge`].
#[derive(Debug, Default)]
struct Verdicts {
    generation: Cell<u64>,
    said: [Cell<Option<Verdict>>; 3],
}

/// Encoded attributes and their number.
#[derive(Debug, Default)]
pub(crate) struct Attributes {
    pub(crate) bytes: Vec<u8>,
    pub(crate) count: u32,
}

impl Attributes {
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, Value<'_>)> {
        value::attributes(&self.bytes)
            .filter_map(|attribute| Some((attribute.key, attribute.value()?)))
    }

    fn push(&mut self, field: u32, key: &str, value: Value<'_>) {
        attribute(&mut self.bytes, field, key, value);
        self.count += 1;
    }

    /// Where in the code it is.
    fn push_place(&mut self, field: u32, metadata: &Metadata<'_>, with_module: bool) {
        if let Some(file) = metadata.file() {
            self.push(field, "code.file.path", Value::Text(file));
        }
        if let Some(module) = metadata.module_path().filter(|_| with_module) {
            self.push(field, "code.module.name", Value::Text(module));
        }
        if let Some(line) = metadata.line() {
            self.push(field, "code.line.number", Value::I64(line.into()));
        }
    }

    /// The attributes of a log record with `metadata`.
    pub(crate) fn of_log(metadata: &Metadata<'_>) -> Self {
        let mut attributes = Self::default();
        // The target already is the scope's name, and nearly always the module.
        let with_module = metadata.module_path() != Some(metadata.target());
        attributes.push_place(log::ATTRIBUTES, metadata, with_module);
        attributes
    }

    /// The attributes of an event of a span with `metadata`.
    pub(crate) fn of_event(metadata: &Metadata<'_>) -> Self {
        let mut attributes = Self::default();
        let level = metadata.level().as_str();
        attributes.push(span::EVENT_ATTRIBUTES, "level", Value::Text(level));
        attributes.push(
            span::EVENT_ATTRIBUTES,
            "target",
            Value::Text(metadata.target()),
        );
        attributes.push_place(span::EVENT_ATTRIBUTES, metadata, true);
        attributes
    }

    fn of_span(metadata: &Metadata<'_>) -> Self {
        let mut attributes = Self::default();
        attributes.push(span::ATTRIBUTES, "target", Value::Text(metadata.target()));
        attributes.push_place(span::ATTRIBUTES, metadata, true);
        attributes
    }
}

impl Callsites {
    pub(crate) fn new(redactor: Redactor) -> Self {
        static BRIDGES: AtomicU64 = AtomicU64::new(0);
        Self {
            bridge: BRIDGES.fetch_add(1, Ordering::Relaxed),
            redactor,
        }
    }

    /// Tells the bridges of a process apart.
    pub(crate) fn bridge(&self) -> u64 {
        self.bridge
    }

    /// The constants of the callsite of `metadata`.
    #[inline]
    pub(crate) fn of(&self, metadata: &'static Metadata<'static>) -> Rc<Callsite> {
        let known = KNOWN.try_with(|known| {
            // Nothing that runs below comes back here.
            let known = known.try_borrow().ok()?;
            known.near(address(metadata), self.bridge).map(Rc::clone)
        });
        known.ok().flatten().unwrap_or_else(|| self.find(metadata))
    }

    #[cold]
    fn find(&self, metadata: &'static Metadata<'static>) -> Rc<Callsite> {
        let find = |known: &RefCell<Known>| {
            let mut known = known.try_borrow_mut().ok()?;
            known.find(address(metadata), self.bridge)
        };
        let found = KNOWN.try_with(find).ok().flatten();
        found.unwrap_or_else(|| self.learn(metadata))
    }

    fn learn(&self, metadata: &'static Metadata<'static>) -> Rc<Callsite> {
        let callsite = Rc::new(Callsite::new(metadata, self));
        let _ = KNOWN.try_with(|known| {
            if let Ok(mut known) = known.try_borrow_mut() {
                known.insert(&callsite);
            }
        });
        callsite
    }
}

impl Callsite {
    fn new(metadata: &'static Metadata<'static>, callsites: &Callsites) -> Self {
        let fields = metadata.fields().iter();
        Self {
            bridge: callsites.bridge,
            address: address(metadata),
            fields: fields
                .map(|field| KnownField::new(&field, metadata, &callsites.redactor))
                .collect(),
            place: if metadata.is_span() {
                Attributes::of_span(metadata)
            } else {
                Attributes::of_log(metadata)
            },
            event: if metadata.is_span() {
                Attributes::default()
            } else {
                Attributes::of_event(metadata)
            },
            has_directives: has_directives(metadata),
            has_distinct_fields: has_distinct_fields(metadata),
            has_reserved_fields: has_reserved_fields(metadata),
            event_name: event_name(metadata),
            is_silenced: is_silenced(metadata.target()),
            may_be_log: metadata.target() == "log",
            verdicts: Verdicts::default(),
        }
    }

    /// What `filter` says, who is `judge` of its bridge. It is asked only when the answer may be another one.
    #[inline]
    pub(crate) fn verdict(
        &self,
        judge: Judge,
        filter: &Filter,
        ask: impl FnOnce(&Filter) -> bool,
    ) -> bool {
        let Verdicts { generation, said } = &self.verdicts;
        if generation.get() == Filter::generation() {
            match said[judge as usize].get() {
                Some(Verdict::Always) => return true,
                Some(Verdict::Never) => return false,
                Some(Verdict::Depends) | None => {}
            }
        }
        self.ask(judge, filter, ask)
    }

    #[cold]
    fn ask(&self, judge: Judge, filter: &Filter, ask: impl FnOnce(&Filter) -> bool) -> bool {
        // Before the question: an answer that is older than a change is asked for again.
        let now = Filter::generation();
        let answer = ask(filter);
        let Verdicts { generation, said } = &self.verdicts;
        if generation.replace(now) != now {
            said.iter().for_each(|said| said.set(None));
        }
        said[judge as usize].set(Some(filter.verdict(answer)));
        answer
    }
}

impl KnownField {
    fn new(field: &Field, metadata: &Metadata<'_>, redactor: &Redactor) -> Self {
        let (name, is_span) = (data_name(field), metadata.is_span());
        let number = if is_span {
            span::ATTRIBUTES
        } else {
            log::ATTRIBUTES
        };
        let directive = Directive::named(field.name()).filter(|_| is_span);
        if let Some(directive) = directive {
            Self::Directive(directive)
        } else if !is_span && field.name() == "message" {
            Self::Message
        } else if redactor.hides(name) {
            Self::Secret
        } else {
            Self::Data(Key::new(number, name))
        }
    }
}

/// The name of a field as data: `r#type = 1` is a field named `type`.
pub(crate) fn data_name(field: &Field) -> &'static str {
    field.name().strip_prefix("r#").unwrap_or(field.name())
}

pub(crate) fn has_directives(metadata: &Metadata<'_>) -> bool {
    let mut fields = metadata.fields().iter();
    fields.any(|field| Directive::named(field.name()).is_some())
}

fn has_distinct_fields(metadata: &Metadata<'_>) -> bool {
    let names: Vec<_> = metadata
        .fields()
        .iter()
        .map(|field| data_name(&field))
        .collect();
    let is_new = |(index, name): (usize, &&str)| !names[..index].contains(name);
    names.iter().enumerate().all(is_new)
}

fn has_reserved_fields(metadata: &Metadata<'_>) -> bool {
    let mut fields = metadata.fields().iter();
    fields.any(|field| RESERVED.contains(&data_name(&field)))
}

fn event_name(metadata: &'static Metadata<'static>) -> Option<&'static str> {
    let is_default = || {
        let place = metadata.name().strip_prefix("event ")?;
        let line = place.strip_prefix(metadata.file()?)?.strip_prefix(':')?;
        (line.parse() == Ok(metadata.line()?)).then_some(())
    };
    is_default().is_none().then(|| metadata.name())
}

fn address(metadata: &'static Metadata<'static>) -> usize {
    std::ptr::from_ref(metadata).addr()
}

/// The upper bits of an address that is multiplied by this are as good as any.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

#[inline]
fn place(address: usize) -> usize {
    let upper = (address as u64).wrapping_mul(SPREAD) >> (64 - NEAR.ilog2());
    upper as usize
}

/// An address needs no more than to be spread.
#[derive(Default)]
struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_usize(usize::from(*byte));
        }
    }

    #[inline]
    fn write_usize(&mut self, value: usize) {
        // The upper bits choose among the entries of a group, the lower ones the group.
        let spread = (self.0 ^ value as u64).wrapping_mul(SPREAD);
        self.0 = spread.rotate_left(32);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
