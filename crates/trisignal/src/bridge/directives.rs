//! The fields that speak to the bridge: `otel.name`, `otel.kind`, `otel.status_code` and `otel.status_message`.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};

use opentelemetry::trace::{SpanKind, Status};
use tracing::field::{Field, Visit};

use super::cut::Bounded;
use super::open::Open;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Directive {
    Name,
    Kind,
    StatusCode,
    Description,
}

impl Directive {
    /// The one that a field of this name is.
    pub(crate) fn named(field: &str) -> Option<Self> {
        match field.strip_prefix("otel.")? {
            "name" => Some(Self::Name),
            "kind" => Some(Self::Kind),
            "status_code" => Some(Self::StatusCode),
            "status_message" | "status_description" => Some(Self::Description),
            _ => None,
        }
    }
}

/// What they said.
#[derive(Debug, Default)]
pub(crate) struct Directives {
    pub(crate) name: Option<String>,
    pub(crate) kind: Option<SpanKind>,
    is_ok: bool,
    is_error: bool,
    description: Option<String>,
}

impl Directives {
    /// The status, if something was said about it. A description is one of an error.
    pub(crate) fn status(&self) -> Option<Status> {
        match &self.description {
            Some(description) if !self.is_ok => Some(Status::error(description.clone())),
            _ if self.is_ok => Some(Status::Ok),
            _ => self.is_error.then(|| Status::error("")),
        }
    }

    /// Does what they say to a span that is open.
    pub(crate) fn apply(self, open: &Open) {
        if let Some(status) = self.status() {
            open.set_status(&status);
        }
        if let Some(kind) = &self.kind {
            open.change(|state, _| state.kind = crate::otlp::span::kind_number(kind));
        }
        if let Some(name) = self.name {
            open.update_name(Cow::Owned(name));
        }
    }

    pub(crate) fn take(&mut self, directive: Directive, text: Cow<'_, str>) {
        match directive {
            Directive::Name => self.name = Some(text.into_owned()),
            Directive::Kind => self.kind = kind(&text),
            Directive::StatusCode => {
                self.is_ok = text.eq_ignore_ascii_case("ok");
                self.is_error = text.eq_ignore_ascii_case("error");
            }
            Directive::Description => self.description = Some(text.into_owned()),
        }
    }

    /// The same for a value that is still to be formatted. What panics says nothing.
    pub(crate) fn take_debug(&mut self, directive: Directive, value: &dyn fmt::Debug) {
        let mut text = String::new();
        let mut out = Bounded::new(&mut text);
        if catch_unwind(AssertUnwindSafe(|| write!(out, "{value:?}"))).is_ok() {
            out.finish();
            self.take(directive, Cow::Owned(text));
        }
    }
}

fn kind(text: &str) -> Option<SpanKind> {
    const KINDS: [(&str, SpanKind); 5] = [
        ("server", SpanKind::Server),
        ("client", SpanKind::Client),
        ("producer", SpanKind::Producer),
        ("consumer", SpanKind::Consumer),
        ("internal", SpanKind::Internal),
    ];
    let as_written = KINDS.iter().find(|(name, _)| text == *name);
    let found = as_written.or_else(|| {
        KINDS
            .iter()
            .find(|(name, _)| text.eq_ignore_ascii_case(name))
    });
    found.map(|(_, kind)| kind.clone())
}

impl Visit for Directives {
    fn record_str(&mut self, field: &Field, value: &str) {
        if let Some(directive) = Directive::named(field.name()) {
            self.take(directive, Cow::Borrowed(value));
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if let Some(directive) = Directive::named(field.name()) {
            self.take_debug(directive, value);
        }
    }

    fn record_f64(&mut self, _: &Field, _: f64) {}
    fn record_i64(&mut self, _: &Field, _: i64) {}
    fn record_u64(&mut self, _: &Field, _: u64) {}
    fn record_i128(&mut self, _: &Field, _: i128) {}
    fn record_u128(&mut self, _: &Field, _: u128) {}
    fn record_bool(&mut self, _: &Field, _: bool) {}
    fn record_bytes(&mut self, _: &Field, _: &[u8]) {}
    fn record_error(&mut self, _: &Field, _: &(dyn std::error::Error + 'static)) {}
}
