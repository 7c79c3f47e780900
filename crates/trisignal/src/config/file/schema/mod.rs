//! The configuration schema 1.1 as tables: what may stand where, and what this crate does with it.
//!
//! Validation ([`validate`](super::validate)), the documentation (`docs/configuration-file.md`) and the comparison with the published
//! schema all read these tables. What a key does is written next to it; a key that has no effect says why.

mod common;
mod instrumentation;
mod logs;
mod metrics;
mod root;
mod traces;
mod trisignal;

pub(super) use common::SEVERITIES;
pub(in super::super) use root::ROOT;

/// The version of the schema, as `file_format` has it.
pub(super) const MAJOR: u32 = 1;
/// The newest minor version that is known.
pub(super) const MINOR: u32 = 1;

/// A mapping of the schema.
#[derive(Debug)]
pub(in super::super) struct Type {
    /// As the schema calls it.
    #[allow(dead_code, reason = "for the documentation and tests")]
    pub name: &'static str,
    /// `key:` without a value is the same as `key: {}`.
    pub nullable: bool,
    pub form: Form,
    pub keys: &'static [Key],
}

/// How many keys a mapping has, and which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Form {
    /// Any number of the keys that are named.
    Record,
    /// Exactly one key, which chooses what it is; the text says what is chosen.
    Choice(&'static str),
    /// Keys of other people as well.
    Open,
    /// Keys of other people as well, each with a mapping, and at least so many in all.
    Vendors(usize),
}

/// A key of a [`Type`].
#[derive(Debug)]
pub(in super::super) struct Key {
    pub name: &'static str,
    pub shape: Shape,
    pub required: bool,
    pub support: Support,
}

/// What may stand behind a key.
#[derive(Clone, Copy, Debug)]
pub(in super::super) enum Shape {
    Bool {
        nullable: bool,
    },
    Text {
        nullable: bool,
    },
    /// From and to, both included.
    Whole {
        nullable: bool,
        min: i64,
        max: i64,
    },
    Number {
        nullable: bool,
        min: f64,
        max: f64,
    },
    /// One of these texts, or nothing.
    OneOf(&'static [&'static str]),
    Mapping(&'static Type),
    List {
        of: &'static Shape,
        min: usize,
    },
    /// A scalar or a list of scalars of one type, or nothing: the value of an attribute.
    Attribute,
}

/// What this crate does with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Support {
    /// Its effect.
    Yes(&'static str),
    /// It is valid, has no effect here, and is a warning that says why.
    No(&'static str),
}

impl Key {
    pub(super) const fn new(name: &'static str, shape: Shape, effect: &'static str) -> Self {
        Self {
            name,
            shape,
            required: false,
            support: Support::Yes(effect),
        }
    }

    pub(super) const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// A key that has no effect; `why` completes "… is not used: ".
    pub(super) const fn unused(name: &'static str, shape: Shape, why: &'static str) -> Self {
        Self {
            name,
            shape,
            required: false,
            support: Support::No(why),
        }
    }
}

impl Type {
    pub(super) const fn record(name: &'static str, keys: &'static [Key]) -> Self {
        Self {
            name,
            nullable: false,
            form: Form::Record,
            keys,
        }
    }

    pub(super) const fn choice(
        name: &'static str,
        what: &'static str,
        keys: &'static [Key],
    ) -> Self {
        Self {
            name,
            nullable: false,
            form: Form::Choice(what),
            keys,
        }
    }

    pub(super) const fn open(name: &'static str, keys: &'static [Key]) -> Self {
        Self {
            name,
            nullable: false,
            form: Form::Open,
            keys,
        }
    }

    pub(super) const fn vendors(name: &'static str, least: usize, keys: &'static [Key]) -> Self {
        Self {
            name,
            nullable: false,
            form: Form::Vendors(least),
            keys,
        }
    }

    pub(super) const fn nullable(mut self) -> Self {
        self.nullable = true;
        self
    }

    pub(in super::super) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

const BOOL: Shape = Shape::Bool { nullable: true };
const TEXT: Shape = Shape::Text { nullable: true };
const NAME: Shape = Shape::Text { nullable: false };
/// From 0.
const COUNT: Shape = whole(0, i64::MAX);
/// From 1.
const SIZE: Shape = whole(1, i64::MAX);
const RATIO: Shape = Shape::Number {
    nullable: true,
    min: 0.0,
    max: 1.0,
};
/// At least one text.
const TEXTS: Shape = Shape::List { of: &NAME, min: 1 };
/// A list of texts that may be empty.
const ANY_TEXTS: Shape = Shape::List { of: &NAME, min: 0 };

const fn whole(min: i64, max: i64) -> Shape {
    Shape::Whole {
        nullable: true,
        min,
        max,
    }
}

const fn list(of: &'static Shape) -> Shape {
    Shape::List { of, min: 1 }
}
