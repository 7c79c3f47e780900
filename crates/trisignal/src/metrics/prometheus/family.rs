//! From a collection to families: metrics of one name, of all scopes, in an order that does not change.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

use opentelemetry::InstrumentationScope;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, Metric, MetricData, ResourceMetrics};

use super::accept::Format;
use super::labels::Labels;
use super::names::{self, Kind, TOTAL};

/// The names of the page about the service itself.
pub(super) const TARGET: &str = "target";
pub(super) const TARGET_INFO: &str = "target_info";

/// Metrics of one name and kind.
pub(super) struct Family<'a> {
    /// Of its samples: with `_total` where it is a counter.
    pub(super) name: String,
    /// Empty where there is none, or where the name does not end in it.
    pub(super) unit: String,
    pub(super) help: Cow<'a, str>,
    pub(super) kind: Kind,
    pub(super) members: Vec<Member<'a>>,
}

/// One metric of a family: several scopes may have one of the same name.
pub(super) struct Member<'a> {
    pub(super) scope: &'a InstrumentationScope,
    /// The labels that name the scope.
    pub(super) labels: Labels<'a>,
    pub(super) metric: &'a Metric,
}

impl Family<'_> {
    /// The name as OpenMetrics has it: without `_total`.
    pub(super) fn open_metrics_name(&self) -> &str {
        match self.kind {
            Kind::Counter => self.name.strip_suffix(TOTAL).unwrap_or(&self.name),
            Kind::Gauge | Kind::Histogram => &self.name,
        }
    }

    /// Every name that the samples of this family have, or that no other family may have beside it.
    fn reserved(&self, format: Format) -> Vec<String> {
        let name = self.open_metrics_name();
        let with = |suffix: &str| format!("{name}{suffix}");
        match self.kind {
            Kind::Gauge => vec![self.name.clone()],
            Kind::Histogram => ["", "_bucket", "_count", "_sum", "_created"]
                .map(with)
                .to_vec(),
            Kind::Counter if format.is_open_metrics() => ["", TOTAL, "_created"].map(with).to_vec(),
            Kind::Counter => vec![self.name.clone()],
        }
    }
}

/// The families of a collection by name, and the names of metrics for which there is no place beside others.
pub(super) fn families(
    collected: &ResourceMetrics,
    format: Format,
) -> (Vec<Family<'_>>, Vec<String>) {
    let mut metrics: Vec<_> = collected
        .scope_metrics()
        .flat_map(|scope| scope.metrics().map(move |metric| (scope.scope(), metric)))
        .collect();
    // The SDK's order changes from run to run, and which of two wins must not.
    metrics.sort_by_key(|(scope, metric)| (metric.name(), scope.name(), scope.version()));
    let mut by_name: BTreeMap<String, Family<'_>> = BTreeMap::new();
    let mut left_out = Vec::new();
    for (scope, metric) in metrics {
        let kind = kind(metric.data());
        let (name, unit) = names::metric(metric.name(), metric.unit(), kind, format.escaping);
        let member = Member {
            scope,
            labels: Labels::of_scope(scope, format.escaping),
            metric,
        };
        let family = by_name.entry(name).or_insert_with_key(|name| Family {
            unit,
            name: name.clone(),
            help: help(metric),
            kind,
            members: Vec::new(),
        });
        if family.kind == kind {
            family.members.push(member);
        } else {
            left_out.push(metric.name().to_owned());
        }
    }
    let mut families: Vec<_> = by_name.into_values().collect();
    keep_apart(&mut families, format, &mut left_out);
    (families, left_out)
}

/// Leaves out families whose samples could be taken for those of another family.
fn keep_apart(families: &mut Vec<Family<'_>>, format: Format, left_out: &mut Vec<String>) {
    let mut taken = HashSet::from([TARGET.to_owned(), TARGET_INFO.to_owned()]);
    families.retain(|family| {
        let reserved = family.reserved(format);
        if reserved.iter().any(|name| taken.contains(name)) {
            let names = family
                .members
                .iter()
                .map(|member| member.metric.name().to_owned());
            left_out.extend(names);
            return false;
        }
        taken.extend(reserved);
        true
    });
    for family in families {
        let suffix = format!("_{}", family.unit);
        if !family.open_metrics_name().ends_with(&suffix) {
            family.unit.clear();
        }
    }
}

fn kind(data: &AggregatedMetrics) -> Kind {
    match data {
        AggregatedMetrics::F64(data) => kind_of(data),
        AggregatedMetrics::I64(data) => kind_of(data),
        AggregatedMetrics::U64(data) => kind_of(data),
    }
}

fn kind_of<T>(data: &MetricData<T>) -> Kind {
    match data {
        MetricData::Sum(sum) if sum.is_monotonic() => Kind::Counter,
        MetricData::Gauge(_) | MetricData::Sum(_) => Kind::Gauge,
        MetricData::Histogram(_) | MetricData::ExponentialHistogram(_) => Kind::Histogram,
    }
}

/// What the instrument says about itself, else its name in OpenTelemetry.
fn help(metric: &Metric) -> Cow<'_, str> {
    match metric.description() {
        "" => Cow::Owned(format!("The instrument {}.", metric.name())),
        description => Cow::Borrowed(description),
    }
}
