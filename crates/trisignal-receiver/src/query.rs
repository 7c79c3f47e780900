//! Typed queries over the records of the store.

use std::fmt;
use std::sync::Arc;

use crate::model::{DataPoint, LogRecord, Metric, Printable, Span, SpanKind, Value};
use crate::tree::TraceTree;

/// A query over one kind of record: each filter narrows it, in any order.
///
/// It works on the records that were there when it was made, oldest first; what arrives later is not seen.
#[derive(Clone, Debug)]
#[must_use = "a query does nothing until it is asked for its records"]
pub struct Query<R> {
    records: Vec<Arc<R>>,
    attributes: Vec<(String, Value)>,
    /// The filters in words, for the error of [`one`](Query::one).
    asked: String,
}

impl<R: Record> Query<R> {
    pub(crate) fn new(records: Vec<Arc<R>>) -> Self {
        Self {
            records,
            attributes: Vec::new(),
            asked: String::new(),
        }
    }

    /// Only records of this `service.name`.
    pub fn service(self, service: &str) -> Self {
        self.retain(format_args!("service {service:?}"), |record| {
            record.service() == service
        })
    }

    /// Only records of this trace ID (hex, in any case). Metrics: those with an exemplar of the trace.
    pub fn trace(self, trace_id: &str) -> Self {
        let trace_id = trace_id.to_ascii_lowercase();
        self.retain(format_args!("trace {trace_id}"), |record| {
            record.in_trace(&trace_id)
        })
    }

    /// Only records of this name. Log records: the name of the event.
    pub fn name(self, name: &str) -> Self {
        self.retain(format_args!("name {name:?}"), |record| {
            record.name() == name
        })
    }

    /// Only records with this attribute. Metrics: those with one data point that has all the attributes asked for.
    pub fn attr(mut self, key: &str, value: impl Into<Value>) -> Self {
        let value = value.into();
        let words = format!("{key}={value}");
        self.attributes.push((key.to_owned(), value));
        let attributes = self.attributes.clone();
        self.retain(format_args!("{words}"), |record| {
            record.has_attributes(&attributes)
        })
    }

    /// Only records whose attribute `correlation.id` is `id`.
    pub fn correlation_id(self, id: &str) -> Self {
        self.attr("correlation.id", id)
    }

    /// Only records for which `keep` is true.
    pub fn filter(self, keep: impl FnMut(&R) -> bool) -> Self {
        self.retain(format_args!("a filter"), keep)
    }

    /// All records that are left, oldest first.
    pub fn all(self) -> Vec<Arc<R>> {
        self.records
    }

    /// The one record that is left.
    ///
    /// # Errors
    ///
    /// When there is none or more than one; the error says how many, and their names.
    pub fn one(mut self) -> Result<Arc<R>, NotOne> {
        match (self.records.pop(), self.records.is_empty()) {
            (Some(record), true) => Ok(record),
            (last, _) => {
                self.records.extend(last);
                Err(NotOne::new(&self))
            }
        }
    }

    /// The oldest record that is left.
    pub fn first(self) -> Option<Arc<R>> {
        self.records.into_iter().next()
    }

    /// The newest record that is left.
    pub fn last(mut self) -> Option<Arc<R>> {
        self.records.pop()
    }

    /// How many records are left.
    pub fn count(&self) -> usize {
        self.records.len()
    }

    /// Whether no record is left.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The names of the records that are left.
    pub fn names(&self) -> Vec<String> {
        self.records
            .iter()
            .map(|record| record.name().to_owned())
            .collect()
    }

    fn retain(mut self, words: fmt::Arguments<'_>, mut keep: impl FnMut(&R) -> bool) -> Self {
        self.records.retain(|record| keep(record));
        let separator = if self.asked.is_empty() { "" } else { ", " };
        self.asked = format!("{}{separator}{words}", self.asked);
        self
    }
}

impl Query<Span> {
    /// Only spans of this kind.
    pub fn kind(self, kind: SpanKind) -> Self {
        self.retain(format_args!("kind {}", kind.as_str()), |span| {
            span.kind == kind
        })
    }

    /// Only spans whose parent is `parent`.
    pub fn child_of(self, parent: &Span) -> Self {
        self.retain(format_args!("child of {:?}", parent.name), |span| {
            span.parent_span_id == parent.span_id && span.trace_id == parent.trace_id
        })
    }

    /// The spans that are left, as trees of parents and children.
    pub fn tree(self) -> TraceTree {
        TraceTree::new(self.records)
    }
}

impl Query<LogRecord> {
    /// Only log records whose body is this string.
    pub fn body(self, body: &str) -> Self {
        self.retain(format_args!("body {body:?}"), |log| {
            log.body.as_str() == Some(body)
        })
    }

    /// Only log records of this target, which is the name of the scope.
    pub fn target(self, target: &str) -> Self {
        self.retain(format_args!("target {target:?}"), |log| {
            log.target() == target
        })
    }

    /// Only log records of at least this severity number (INFO is 9, WARN 13, ERROR 17).
    pub fn severity(self, at_least: i32) -> Self {
        self.retain(format_args!("severity {at_least}"), |log| {
            log.severity_number >= at_least
        })
    }
}

impl Query<Metric> {
    /// The data point with the attributes asked for, from the newest of the metrics that are left.
    pub fn point(self) -> Option<DataPoint> {
        let attributes = self.attributes.clone();
        let metric = self.last()?;
        metric
            .points
            .iter()
            .find(|point| point.attributes.matches(&attributes))
            .cloned()
    }
}

/// A query for one record found none or several. `Debug` is as readable as `Display`, for `unwrap` in tests.
#[derive(Clone, PartialEq, Eq)]
pub struct NotOne {
    asked: String,
    found: Vec<String>,
}

impl NotOne {
    fn new<R: Record>(query: &Query<R>) -> Self {
        Self {
            asked: query.asked.clone(),
            found: query.names(),
        }
    }

    /// How many records there were.
    pub fn found(&self) -> usize {
        self.found.len()
    }
}

impl fmt::Display for NotOne {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected one record, found {}", self.found.len())?;
        if !self.asked.is_empty() {
            write!(f, " with {}", Printable(&self.asked))?;
        }
        for (index, name) in self.found.iter().take(10).enumerate() {
            write!(f, "{}{:?}", if index == 0 { ": " } else { ", " }, name)?;
        }
        if self.found.len() > 10 {
            f.write_str(", …")
        } else {
            Ok(())
        }
    }
}

impl fmt::Debug for NotOne {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for NotOne {}

/// What all kinds of records have in common; implemented by [`Span`], [`LogRecord`] and [`Metric`] only.
pub trait Record: sealed::Sealed {
    /// `service.name` of the resource.
    fn service(&self) -> &str;
    /// The name that [`Query::name`] compares.
    fn name(&self) -> &str;
    /// Whether the record belongs to the trace of this lower-case hex ID.
    fn in_trace(&self, trace_id: &str) -> bool;
    /// Whether the record has all these attributes.
    fn has_attributes(&self, wanted: &[(String, Value)]) -> bool;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for crate::Span {}
    impl Sealed for crate::LogRecord {}
    impl Sealed for crate::Metric {}
}

impl Record for Span {
    fn service(&self) -> &str {
        &self.service
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn in_trace(&self, trace_id: &str) -> bool {
        self.trace_id == trace_id
    }

    fn has_attributes(&self, wanted: &[(String, Value)]) -> bool {
        self.attributes.matches(wanted)
    }
}

impl Record for LogRecord {
    fn service(&self) -> &str {
        &self.service
    }

    fn name(&self) -> &str {
        &self.event_name
    }

    fn in_trace(&self, trace_id: &str) -> bool {
        self.trace_id == trace_id
    }

    fn has_attributes(&self, wanted: &[(String, Value)]) -> bool {
        self.attributes.matches(wanted)
    }
}

impl Record for Metric {
    fn service(&self) -> &str {
        &self.service
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn in_trace(&self, trace_id: &str) -> bool {
        self.points
            .iter()
            .flat_map(|point| &point.exemplars)
            .any(|e| e.trace_id == trace_id)
    }

    fn has_attributes(&self, wanted: &[(String, Value)]) -> bool {
        self.points
            .iter()
            .any(|point| point.attributes.matches(wanted))
    }
}
