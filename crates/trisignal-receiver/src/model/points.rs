//! From the data points of OTLP to [`DataPoint`]s.

use opentelemetry_proto::tonic::metrics::v1::{
    self as proto, exemplar, exponential_histogram_data_point::Buckets, metric::Data,
    number_data_point,
};

use super::{
    Attributes, DataPoint, Exemplar, Malformed, MetricKind, PointValue, Temporality, hex_id,
};

/// The kind of a metric, and its points in one form for all kinds.
pub(super) fn kind_and_points(
    data: Option<Data>,
) -> Result<(MetricKind, Vec<DataPoint>), Malformed> {
    let temporality = Temporality::from_proto;
    Ok(match data {
        None => (MetricKind::Empty, Vec::new()),
        Some(Data::Gauge(gauge)) => (MetricKind::Gauge, all(gauge.data_points, number)?),
        Some(Data::Sum(sum)) => {
            let (monotonic, temporality) =
                (sum.is_monotonic, temporality(sum.aggregation_temporality));
            let kind = MetricKind::Sum {
                monotonic,
                temporality,
            };
            (kind, all(sum.data_points, number)?)
        }
        Some(Data::Histogram(histogram)) => {
            let temporality = temporality(histogram.aggregation_temporality);
            let kind = MetricKind::Histogram { temporality };
            (kind, all(histogram.data_points, explicit)?)
        }
        Some(Data::ExponentialHistogram(histogram)) => {
            let temporality = temporality(histogram.aggregation_temporality);
            let kind = MetricKind::ExponentialHistogram { temporality };
            (kind, all(histogram.data_points, exponential)?)
        }
        Some(Data::Summary(summary)) => {
            let points = summary.data_points.into_iter().map(quantiles);
            (MetricKind::Summary, points.collect())
        }
    })
}

fn all<P>(
    points: Vec<P>,
    convert: impl Fn(P) -> Result<DataPoint, Malformed>,
) -> Result<Vec<DataPoint>, Malformed> {
    points.into_iter().map(convert).collect()
}

fn number(point: proto::NumberDataPoint) -> Result<DataPoint, Malformed> {
    Ok(DataPoint {
        attributes: Attributes::from_proto(point.attributes),
        start_unix_nano: point.start_time_unix_nano,
        time_unix_nano: point.time_unix_nano,
        flags: point.flags,
        value: match point.value {
            None => PointValue::Empty,
            Some(number_data_point::Value::AsInt(value)) => PointValue::Int(value),
            Some(number_data_point::Value::AsDouble(value)) => PointValue::Double(value),
        },
        exemplars: exemplars(point.exemplars)?,
    })
}

fn explicit(point: proto::HistogramDataPoint) -> Result<DataPoint, Malformed> {
    Ok(DataPoint {
        attributes: Attributes::from_proto(point.attributes),
        start_unix_nano: point.start_time_unix_nano,
        time_unix_nano: point.time_unix_nano,
        flags: point.flags,
        value: PointValue::Histogram {
            count: point.count,
            sum: point.sum,
            min: point.min,
            max: point.max,
            bounds: point.explicit_bounds,
            buckets: point.bucket_counts,
        },
        exemplars: exemplars(point.exemplars)?,
    })
}

fn exponential(point: proto::ExponentialHistogramDataPoint) -> Result<DataPoint, Malformed> {
    let side = |buckets: Option<Buckets>| {
        let buckets = buckets.unwrap_or_default();
        (buckets.offset, buckets.bucket_counts)
    };
    Ok(DataPoint {
        attributes: Attributes::from_proto(point.attributes),
        start_unix_nano: point.start_time_unix_nano,
        time_unix_nano: point.time_unix_nano,
        flags: point.flags,
        value: PointValue::ExponentialHistogram {
            count: point.count,
            sum: point.sum,
            min: point.min,
            max: point.max,
            scale: point.scale,
            zero_count: point.zero_count,
            positive: side(point.positive),
            negative: side(point.negative),
        },
        exemplars: exemplars(point.exemplars)?,
    })
}

fn quantiles(point: proto::SummaryDataPoint) -> DataPoint {
    DataPoint {
        attributes: Attributes::from_proto(point.attributes),
        start_unix_nano: point.start_time_unix_nano,
        time_unix_nano: point.time_unix_nano,
        flags: point.flags,
        value: PointValue::Summary {
            count: point.count,
            sum: point.sum,
            quantiles: point
                .quantile_values
                .into_iter()
                .map(|pair| (pair.quantile, pair.value))
                .collect(),
        },
        exemplars: Vec::new(),
    }
}

fn exemplars(list: Vec<proto::Exemplar>) -> Result<Vec<Exemplar>, Malformed> {
    list.into_iter()
        .map(|exemplar| {
            Ok(Exemplar {
                time_unix_nano: exemplar.time_unix_nano,
                value: match exemplar.value {
                    Some(exemplar::Value::AsDouble(value)) => value,
                    Some(exemplar::Value::AsInt(value)) => value as f64,
                    None => f64::NAN,
                },
                trace_id: hex_id(&exemplar.trace_id, 16, "trace ID of an exemplar")?,
                span_id: hex_id(&exemplar.span_id, 8, "span ID of an exemplar")?,
                attributes: Attributes::from_proto(exemplar.filtered_attributes),
            })
        })
        .collect()
}
