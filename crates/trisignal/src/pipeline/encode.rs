//! From the SDK's items to the bytes of an OTLP request.
//!
//! Spans and log records are written field by field ([`otlp::sdk`](crate::otlp::sdk)). Metrics, which come once in a
//! while, are converted by `opentelemetry-proto`.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use opentelemetry::InstrumentationScope;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::SdkLogRecord;
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::trace::SpanData;
use prost::Message;

use crate::limits::ItemLimits;
use crate::metrics::exemplar::Store;
use crate::metrics::exemplar::otlp::add_exemplars;
use crate::otlp::request::{ResourceHead, ScopeHead, ScopeItems, request};
use crate::otlp::sdk;

/// The encoder of spans.
#[derive(Debug)]
pub(crate) struct SpanEncoder {
    resource: ResourceHead,
}

impl SpanEncoder {
    pub(crate) fn new(resource: &Resource) -> Self {
        Self {
            resource: ResourceHead::new(resource),
        }
    }

    pub(crate) fn encode(&self, spans: &[SpanData]) -> Bytes {
        let mut scopes = Scopes::default();
        for span in spans {
            let scope = &span.instrumentation_scope;
            let items = scopes.items(scope, || ScopeHead::new(scope));
            sdk::span(items, span);
        }
        scopes.request(&self.resource)
    }
}

/// The encoder of log records.
#[derive(Debug)]
pub(crate) struct LogEncoder {
    resource: ResourceHead,
    limits: ItemLimits,
}

impl LogEncoder {
    pub(crate) fn new(resource: &Resource, limits: ItemLimits) -> Self {
        Self {
            resource: ResourceHead::new(resource),
            limits,
        }
    }

    pub(crate) fn encode(&self, records: &[(SdkLogRecord, InstrumentationScope)]) -> Bytes {
        let mut scopes = Scopes::default();
        for (record, scope) in records {
            let key = (record.target(), scope);
            let items = scopes.items(key, || sdk::log_scope(record, scope));
            sdk::log_record(items, record, self.limits);
        }
        scopes.request(&self.resource)
    }
}

/// Items by the scope that they are of, which `K` tells.
struct Scopes<K> {
    places: HashMap<K, usize>,
    encoded: Vec<(ScopeHead, Vec<u8>)>,
}

impl<K> Default for Scopes<K> {
    fn default() -> Self {
        Self {
            places: HashMap::new(),
            encoded: Vec::new(),
        }
    }
}

impl<K: Eq + Hash> Scopes<K> {
    fn items(&mut self, scope: K, head: impl FnOnce() -> ScopeHead) -> &mut Vec<u8> {
        let place = *self.places.entry(scope).or_insert_with(|| {
            self.encoded.push((head(), Vec::new()));
            self.encoded.len() - 1
        });
        &mut self.encoded[place].1
    }

    fn request(self, resource: &ResourceHead) -> Bytes {
        let scopes = self.encoded.iter().map(|(head, items)| ScopeItems {
            head: head.clone(),
            parts: vec![items],
        });
        request(resource, &scopes.collect::<Vec<_>>()).into()
    }
}

/// The encoder of metrics, which adds the exemplars that the SDK has no hand in.
#[derive(Debug)]
pub(crate) struct MetricEncoder {
    temporality: Temporality,
    exemplars: Arc<Store>,
    /// When metrics were last encoded: exemplars from before that have been exported.
    last: Mutex<SystemTime>,
}

impl MetricEncoder {
    pub(crate) fn new(temporality: Temporality, exemplars: Arc<Store>) -> Self {
        Self {
            temporality,
            exemplars,
            last: Mutex::new(SystemTime::UNIX_EPOCH),
        }
    }

    pub(crate) fn encode(&self, metrics: &ResourceMetrics) -> Bytes {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let since = std::mem::replace(&mut *last, SystemTime::now());
        drop(last);
        let mut request = ExportMetricsServiceRequest::from(metrics);
        add_exemplars(&mut request, metrics, &self.exemplars, since);
        self.exemplars.collected();
        request.encode_to_vec().into()
    }

    pub(crate) fn temporality(&self) -> Temporality {
        self.temporality
    }
}
