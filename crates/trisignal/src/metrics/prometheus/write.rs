//! Writes families as text: Prometheus' format 0.0.4 and OpenMetrics 1.0.0, which differ in little.

use std::borrow::Cow;
use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::fmt::Write;
use std::hash::BuildHasher;
use std::time::UNIX_EPOCH;

use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData, ResourceMetrics};

use super::accept::Format;
use super::buckets::{Buckets, classic};
use super::family::{Family, Member, TARGET, TARGET_INFO, families};
use super::labels::{self, Labels};
use super::names::{self, Kind};
use crate::metrics::exemplar::{Exemplar, Number, Store, Stream};

/// Characters of all labels of an exemplar, by OpenMetrics.
const EXEMPLAR_CHARACTERS: usize = 128;
/// About what one sample takes, to begin with.
const SAMPLE_BYTES: usize = 128;

/// A page, and the names of metrics of which something is not on it.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) text: String,
    pub(super) left_out: Vec<String>,
}

/// The page of a collection, with exemplars where the format has them.
pub(super) fn page(collected: &ResourceMetrics, exemplars: &Store, format: Format) -> Page {
    let (families, left_out) = families(collected, format);
    let points = crate::metrics::count::data_points(collected);
    let mut writer = Writer {
        format,
        exemplars,
        out: String::with_capacity(SAMPLE_BYTES * (points + 16)),
        left_out,
        series: HashSet::new(),
        hasher: RandomState::new(),
    };
    writer.target(collected.resource());
    for family in &families {
        writer.family(family);
    }
    if format.is_open_metrics() {
        writer.out.push_str("# EOF\n");
    }
    Page {
        text: writer.out,
        left_out: writer.left_out,
    }
}

struct Writer<'a> {
    format: Format,
    exemplars: &'a Store,
    out: String,
    left_out: Vec<String>,
    /// Hashes of the labels of the series of the family that is being written.
    series: HashSet<u64>,
    hasher: RandomState,
}

/// A sample that is about to be written.
struct Sample<'a> {
    name: &'a str,
    suffix: &'a str,
    labels: &'a str,
    /// The bound of a bucket.
    le: Option<f64>,
}

impl Writer<'_> {
    /// What the resource says, as the labels of one metric.
    fn target(&mut self, resource: &Resource) {
        if resource.is_empty() {
            return;
        }
        let (name, kind) = if self.format.is_open_metrics() {
            (TARGET, "info")
        } else {
            (TARGET_INFO, "gauge")
        };
        self.head(name, kind, "", "What is known of the service.");
        let mut labels = Labels::default();
        for (key, value) in resource {
            labels.push_pair(key.as_str(), labels::text(value), self.format.escaping);
        }
        let mut text = String::new();
        labels.write(&mut text);
        self.sample(&Sample {
            name: TARGET_INFO,
            suffix: "",
            labels: &text,
            le: None,
        });
        self.out.push_str("1\n");
    }

    fn family(&mut self, family: &Family<'_>) {
        let kind = match family.kind {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
            Kind::Histogram => "histogram",
        };
        let name = if self.format.is_open_metrics() {
            family.open_metrics_name()
        } else {
            &family.name
        };
        let begin = self.out.len();
        self.head(name, kind, &family.unit, &family.help);
        let head = self.out.len();
        self.series.clear();
        for member in &family.members {
            match member.metric.data() {
                AggregatedMetrics::F64(data) => self.member(family, member, data),
                AggregatedMetrics::I64(data) => self.member(family, member, data),
                AggregatedMetrics::U64(data) => self.member(family, member, data),
            }
        }
        if self.out.len() == head {
            self.out.truncate(begin);
        }
    }

    fn head(&mut self, name: &str, kind: &str, unit: &str, help: &str) {
        self.out.push_str("# HELP ");
        labels::name(name, &mut self.out);
        self.out.push(' ');
        for character in help.chars() {
            match character {
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '"' if self.format.is_open_metrics() => self.out.push_str("\\\""),
                character => self.out.push(character),
            }
        }
        self.out.push_str("\n# TYPE ");
        labels::name(name, &mut self.out);
        self.out.push(' ');
        self.out.push_str(kind);
        self.out.push('\n');
        if self.format.is_open_metrics() && !unit.is_empty() {
            self.out.push_str("# UNIT ");
            labels::name(name, &mut self.out);
            self.out.push(' ');
            self.out.push_str(unit);
            self.out.push('\n');
        }
    }

    fn member<T: Value>(&mut self, family: &Family<'_>, member: &Member<'_>, data: &MetricData<T>) {
        let stream = (self.format.is_open_metrics() && family.kind != Kind::Gauge)
            .then(|| self.exemplars.find(member.scope, member.metric.name()))
            .flatten();
        let series = Series {
            family,
            member,
            stream: stream.as_deref(),
        };
        match data {
            MetricData::Gauge(gauge) => {
                for point in gauge.data_points() {
                    let attributes: Vec<_> = point.attributes().collect();
                    self.value(&series, &attributes, point.value());
                }
            }
            MetricData::Sum(sum) => {
                for point in sum.data_points() {
                    let attributes: Vec<_> = point.attributes().collect();
                    self.value(&series, &attributes, point.value());
                }
            }
            MetricData::Histogram(histogram) => {
                for point in histogram.data_points() {
                    let buckets = Buckets {
                        bounds: point.bounds().collect(),
                        counts: point.bucket_counts().collect(),
                        count: point.count(),
                        sum: point.sum().as_number().as_f64(),
                        has_negative: point
                            .min()
                            .is_some_and(|min| min.as_number().as_f64() < 0.0),
                    };
                    let attributes: Vec<_> = point.attributes().collect();
                    self.histogram(&series, &attributes, &buckets);
                }
            }
            MetricData::ExponentialHistogram(histogram) => {
                for point in histogram.data_points() {
                    let buckets = classic(point, point.sum().as_number().as_f64());
                    let attributes: Vec<_> = point.attributes().collect();
                    self.histogram(&series, &attributes, &buckets);
                }
            }
        }
    }

    /// The labels of a series; `None` where the family has a series with these already.
    fn series_labels<'a>(
        &mut self,
        series: &Series<'a>,
        attributes: &[&'a KeyValue],
    ) -> Option<String> {
        let mut labels = series.member.labels.clone();
        for attribute in attributes {
            labels.push(attribute, self.format.escaping);
        }
        if series.family.kind == Kind::Histogram {
            labels.without_le();
        }
        let mut text = String::with_capacity(SAMPLE_BYTES);
        labels.write(&mut text);
        if self.series.insert(self.hasher.hash_one(&text)) {
            return Some(text);
        }
        self.leave_out(series.member);
        None
    }

    fn leave_out(&mut self, member: &Member<'_>) {
        self.left_out.push(member.metric.name().to_owned());
    }

    fn value<'a, T: Value>(&mut self, series: &Series<'a>, attributes: &[&'a KeyValue], value: T) {
        let is_counter = series.family.kind == Kind::Counter;
        let number = value.as_number().as_f64();
        // Neither may a counter be, and one that is makes the whole page unreadable for some.
        if is_counter && (number.is_nan() || number < 0.0) {
            return self.leave_out(series.member);
        }
        let Some(labels) = self.series_labels(series, attributes) else {
            return;
        };
        self.sample(&Sample {
            name: &series.family.name,
            suffix: "",
            labels: &labels,
            le: None,
        });
        value.write(&mut self.out);
        if let Some(stream) = series.stream.filter(|_| is_counter) {
            let exemplars = self.exemplars.exemplars(stream, attributes.iter().copied());
            if let Some(newest) = exemplars.iter().max_by_key(|exemplar| exemplar.time) {
                self.exemplar(newest);
            }
        }
        self.out.push('\n');
    }

    fn histogram<'a>(
        &mut self,
        series: &Series<'a>,
        attributes: &[&'a KeyValue],
        buckets: &Buckets,
    ) {
        let Some(labels) = self.series_labels(series, attributes) else {
            return;
        };
        let exemplars = series
            .stream
            .map(|stream| self.exemplars.exemplars(stream, attributes.iter().copied()))
            .unwrap_or_default();
        let name = &series.family.name;
        let mut sample = Sample {
            name,
            suffix: "_bucket",
            labels: &labels,
            le: None,
        };
        let mut below = f64::NEG_INFINITY;
        for (bound, count) in buckets.cumulative() {
            sample.le = Some(bound);
            self.sample(&sample);
            let _ = write!(self.out, "{count}");
            let inside = exemplars.iter().filter(|exemplar| {
                let value = exemplar.value.as_f64();
                below < value && value <= bound
            });
            let largest = inside.max_by(|a, b| a.value.as_f64().total_cmp(&b.value.as_f64()));
            if let Some(exemplar) = largest {
                self.exemplar(exemplar);
            }
            self.out.push('\n');
            below = bound;
        }
        sample.le = None;
        let sum = buckets.monotonic_sum();
        if let Some(sum) = sum {
            sample.suffix = "_sum";
            self.sample(&sample);
            labels::float(sum, &mut self.out);
            self.out.push('\n');
        }
        // OpenMetrics has both or none; the last bucket tells the count.
        if sum.is_none() && self.format.is_open_metrics() {
            return;
        }
        sample.suffix = "_count";
        self.sample(&sample);
        let _ = writeln!(self.out, "{}", buckets.count);
    }

    /// The name and the labels of a sample, up to its value.
    fn sample(&mut self, sample: &Sample<'_>) {
        let out = &mut self.out;
        let is_legacy = names::is_legacy(sample.name, true);
        if is_legacy {
            out.push_str(sample.name);
            out.push_str(sample.suffix);
        } else {
            // A name in quotes is the first of what is in the braces.
            out.push_str("{\"");
            labels::escape(sample.name, out);
            out.push_str(sample.suffix);
            out.push('"');
        }
        if !sample.labels.is_empty() || sample.le.is_some() {
            out.push(if is_legacy { '{' } else { ',' });
            out.push_str(sample.labels);
            if let Some(le) = sample.le {
                if !sample.labels.is_empty() {
                    out.push(',');
                }
                out.push_str("le=\"");
                labels::float(le, out);
                out.push('"');
            }
            out.push('}');
        } else if !is_legacy {
            out.push('}');
        }
        out.push(' ');
    }

    fn exemplar(&mut self, exemplar: &Exemplar) {
        let mut labels = Labels::default();
        if let Some((trace, span)) = exemplar.span {
            let escaping = self.format.escaping;
            labels.push_pair("trace_id", Cow::Owned(trace.to_string()), escaping);
            labels.push_pair("span_id", Cow::Owned(span.to_string()), escaping);
        }
        let own = labels.len();
        for attribute in &exemplar.filtered {
            labels.push(attribute, self.format.escaping);
        }
        if labels.characters() > EXEMPLAR_CHARACTERS {
            labels.truncate(own);
        }
        self.out.push_str(" # {");
        labels.write(&mut self.out);
        self.out.push_str("} ");
        match exemplar.value {
            Number::Int(value) => {
                let _ = write!(self.out, "{value}");
            }
            Number::Float(value) => labels::float(value, &mut self.out),
        }
        let since_epoch = exemplar.time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let (seconds, millis) = (since_epoch.as_secs(), since_epoch.subsec_millis());
        let _ = write!(self.out, " {seconds}.{millis:03}");
    }
}

/// What the series of one metric have in common.
struct Series<'a> {
    family: &'a Family<'a>,
    member: &'a Member<'a>,
    /// Where its exemplars are.
    stream: Option<&'a Stream>,
}

/// The types of measurements.
trait Value: Copy {
    fn as_number(self) -> Number;
    fn write(self, out: &mut String);
}

impl Value for u64 {
    fn as_number(self) -> Number {
        self.into()
    }

    fn write(self, out: &mut String) {
        let _ = write!(out, "{self}");
    }
}

impl Value for i64 {
    fn as_number(self) -> Number {
        self.into()
    }

    fn write(self, out: &mut String) {
        let _ = write!(out, "{self}");
    }
}

impl Value for f64 {
    fn as_number(self) -> Number {
        self.into()
    }

    fn write(self, out: &mut String) {
        labels::float(self, out);
    }
}
