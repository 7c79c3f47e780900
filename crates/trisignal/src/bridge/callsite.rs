//! What is the same for every span or event of a callsite, encoded once in each thread.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use tracing::{Metadata, callsite};

use crate::otlp::value::{self, Value, attribute};
use crate::otlp::{log, span};

/// Fields that speak to the bridge and are no data.
pub(crate) const DIRECTIVES: [&str; 5] = [
    "otel.name",
    "otel.kind",
    "otel.status_code",
    "otel.status_message",
    "otel.status_description",
];

/// More of them in a thread are encoded each time: nobody has as many, but `tracing` can make callsites at run time.
const KEPT: usize = 4096;

thread_local! {
    static KNOWN: RefCell<HashMap<callsite::Identifier, Arc<Callsite>, BuildHasherDefault<PointerHasher>>> =
        RefCell::default();
}

/// The constants of a callsite.
#[derive(Debug)]
pub(crate) struct Callsite {
    /// Attributes of a span: target and place in the code.
    pub(crate) span: Attributes,
    /// Attributes of an event of a span: level, target and place.
    pub(crate) event: Attributes,
    /// Attributes of a log record: the place.
    pub(crate) log: Attributes,
    /// Whether spans have fields that are [`DIRECTIVES`].
    pub(crate) has_directives: bool,
    /// Whether no two fields have one name.
    pub(crate) has_distinct_fields: bool,
    /// The name that the user gave an event, if so: the default is `event <file>:<line>`.
    pub(crate) event_name: Option<&'static str>,
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

impl Callsite {
    fn new(metadata: &'static Metadata<'static>) -> Self {
        Self {
            span: Attributes::of_span(metadata),
            event: Attributes::of_event(metadata),
            log: Attributes::of_log(metadata),
            has_directives: metadata
                .fields()
                .iter()
                .any(|field| DIRECTIVES.contains(&field.name())),
            has_distinct_fields: has_distinct_fields(metadata),
            event_name: event_name(metadata),
        }
    }

    /// The constants of the callsite of `metadata`.
    pub(crate) fn of(metadata: &'static Metadata<'static>) -> Arc<Self> {
        let known = KNOWN.try_with(|known| {
            // Nothing that runs below comes back here.
            let mut known = known.try_borrow_mut().ok()?;
            if let Some(callsite) = known.get(&metadata.callsite()) {
                return Some(Arc::clone(callsite));
            }
            let callsite = Arc::new(Self::new(metadata));
            if known.len() < KEPT {
                known.insert(metadata.callsite(), Arc::clone(&callsite));
            }
            Some(callsite)
        });
        known
            .ok()
            .flatten()
            .unwrap_or_else(|| Arc::new(Self::new(metadata)))
    }
}

fn has_distinct_fields(metadata: &Metadata<'_>) -> bool {
    // `r#type` and `type` are one name.
    let name =
        |field: tracing::field::Field| field.name().strip_prefix("r#").unwrap_or(field.name());
    let names: Vec<_> = metadata.fields().iter().map(name).collect();
    let is_new = |(index, name): (usize, &&str)| !names[..index].contains(name);
    names.iter().enumerate().all(is_new)
}

fn event_name(metadata: &'static Metadata<'static>) -> Option<&'static str> {
    let is_default = || {
        let place = metadata.name().strip_prefix("event ")?;
        let line = place.strip_prefix(metadata.file()?)?.strip_prefix(':')?;
        (line.parse() == Ok(metadata.line()?)).then_some(())
    };
    is_default().is_none().then(|| metadata.name())
}

/// A callsite is known by its address, which needs no more than to be spread.
#[derive(Default)]
struct PointerHasher(u64);

impl Hasher for PointerHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
