//! Takes encoded requests apart, item by item, and puts chosen items together again.
//!
//! This is the slow path, for requests over the size limit and for those that a backend refuses. An item is a
//! span, a log record, or a metric with all its points.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::{Metric, metric::Data};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::{DecodeError, Message};

use super::batch::Batch;
use super::signal::Signal;

/// A request that carries one item, with the number of items that the ledger counts for it.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    request: Request,
    pub(crate) items: u64,
}

#[derive(Clone, Debug)]
enum Request {
    Traces(ExportTraceServiceRequest),
    Metrics(ExportMetricsServiceRequest),
    Logs(ExportLogsServiceRequest),
}

/// The items of `batch`, each in a request of its own.
pub(crate) fn pieces(batch: &Batch) -> Result<Vec<Piece>, DecodeError> {
    let body = batch.body.reader();
    Ok(match batch.signal {
        Signal::Traces => ExportTraceServiceRequest::decode(body)?
            .explode()
            .map(|(request, items)| Piece {
                request: Request::Traces(request),
                items,
            })
            .collect(),
        Signal::Metrics => ExportMetricsServiceRequest::decode(body)?
            .explode()
            .map(|(request, items)| Piece {
                request: Request::Metrics(request),
                items,
            })
            .collect(),
        Signal::Logs => ExportLogsServiceRequest::decode(body)?
            .explode()
            .map(|(request, items)| Piece {
                request: Request::Logs(request),
                items,
            })
            .collect(),
    })
}

/// One batch with the items of all `pieces`, which are of one signal and as old as `like`.
pub(crate) fn join(pieces: &[Piece], like: &Batch) -> Batch {
    let mut traces = ExportTraceServiceRequest::default();
    let mut metrics = ExportMetricsServiceRequest::default();
    let mut logs = ExportLogsServiceRequest::default();
    for piece in pieces {
        match piece.request.clone() {
            Request::Traces(request) => traces.append(request),
            Request::Metrics(request) => metrics.append(request),
            Request::Logs(request) => logs.append(request),
        }
    }
    let body = match like.signal {
        Signal::Traces => traces.encode_to_vec(),
        Signal::Metrics => metrics.encode_to_vec(),
        Signal::Logs => logs.encode_to_vec(),
    };
    Batch {
        signal: like.signal,
        body: body.into(),
        items: pieces.iter().map(|piece| piece.items).sum(),
        created: like.created,
    }
}

/// `batch` as batches of at most `limit` bytes, and those single items that alone are larger.
pub(crate) fn within(batch: Batch, limit: usize) -> Result<(Vec<Batch>, Vec<Piece>), DecodeError> {
    if batch.body.len() <= limit {
        return Ok((vec![batch], Vec::new()));
    }
    let mut whole = Vec::new();
    let mut too_large = Vec::new();
    let mut open = vec![pieces(&batch)?];
    // Halving needs no estimate of what an item and its resource take once they are encoded together.
    while let Some(mut part) = open.pop() {
        let joined = join(&part, &batch);
        if joined.body.len() <= limit {
            whole.push(joined);
        } else if part.len() <= 1 {
            too_large.append(&mut part);
        } else {
            let rest = part.split_off(part.len() / 2);
            open.push(rest);
            open.push(part);
        }
    }
    Ok((whole, too_large))
}

/// Implements `explode` and `append` for a request of three nested lists: resources, scopes, items.
macro_rules! nested {
    ($request:ident, $item:ty, $resources:ident, $scopes:ident, $items:ident, $count:expr) => {
        impl Explode for $request {
            fn explode(self) -> impl Iterator<Item = (Self, u64)> {
                let count: fn(&$item) -> u64 = $count;
                self.$resources.into_iter().flat_map(move |mut resource| {
                    let scopes = std::mem::take(&mut resource.$scopes);
                    scopes.into_iter().flat_map(move |mut scope| {
                        let items = std::mem::take(&mut scope.$items);
                        let resource = resource.clone();
                        items.into_iter().map(move |item| {
                            let items = count(&item);
                            let (mut resource, mut scope) = (resource.clone(), scope.clone());
                            scope.$items = vec![item];
                            resource.$scopes = vec![scope];
                            (
                                Self {
                                    $resources: vec![resource],
                                },
                                items,
                            )
                        })
                    })
                })
            }

            fn append(&mut self, other: Self) {
                for resource in other.$resources {
                    let same = self.$resources.last_mut().filter(|last| {
                        last.resource == resource.resource && last.schema_url == resource.schema_url
                    });
                    let Some(last) = same else {
                        self.$resources.push(resource);
                        continue;
                    };
                    for scope in resource.$scopes {
                        let same = last.$scopes.last_mut().filter(|last| {
                            last.scope == scope.scope && last.schema_url == scope.schema_url
                        });
                        match same {
                            Some(last) => last.$items.extend(scope.$items),
                            None => last.$scopes.push(scope),
                        }
                    }
                }
            }
        }
    };
}

/// A request that can be taken apart into single items and put together again.
trait Explode: Sized {
    fn explode(self) -> impl Iterator<Item = (Self, u64)>;
    fn append(&mut self, other: Self);
}

nested!(
    ExportTraceServiceRequest,
    Span,
    resource_spans,
    scope_spans,
    spans,
    |_| 1
);
nested!(
    ExportLogsServiceRequest,
    LogRecord,
    resource_logs,
    scope_logs,
    log_records,
    |_| 1
);
nested!(
    ExportMetricsServiceRequest,
    Metric,
    resource_metrics,
    scope_metrics,
    metrics,
    points
);

fn points(metric: &Metric) -> u64 {
    let points = match &metric.data {
        None => 0,
        Some(Data::Gauge(data)) => data.data_points.len(),
        Some(Data::Sum(data)) => data.data_points.len(),
        Some(Data::Histogram(data)) => data.data_points.len(),
        Some(Data::ExponentialHistogram(data)) => data.data_points.len(),
        Some(Data::Summary(data)) => data.data_points.len(),
    };
    points as u64
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed decode fails the test

    use opentelemetry_proto::tonic::metrics::v1::{
        Gauge, NumberDataPoint, ResourceMetrics, ScopeMetrics,
    };
    use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans};

    use super::*;

    fn spans(names: &[&str]) -> Batch {
        let spans = |names: &[&str]| ScopeSpans {
            spans: names
                .iter()
                .map(|name| Span {
                    name: (*name).to_owned(),
                    ..Span::default()
                })
                .collect(),
            ..ScopeSpans::default()
        };
        let (left, right) = names.split_at(names.len() / 2);
        let request = ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans {
                scope_spans: vec![spans(left), spans(right)],
                ..ResourceSpans::default()
            }],
        };
        Batch::new(Signal::Traces, request.encode_to_vec(), names.len() as u64)
    }

    fn names(batch: &Batch) -> Vec<String> {
        let request = ExportTraceServiceRequest::decode(batch.body.reader()).unwrap();
        let scopes = request
            .resource_spans
            .into_iter()
            .flat_map(|resource| resource.scope_spans);
        scopes
            .flat_map(|scope| scope.spans)
            .map(|span| span.name)
            .collect()
    }

    #[test]
    fn pieces_join_to_what_they_were() {
        let batch = spans(&["a", "b", "c", "d"]);
        let pieces = pieces(&batch).unwrap();
        assert_eq!(
            pieces.iter().map(|piece| piece.items).collect::<Vec<_>>(),
            [1, 1, 1, 1]
        );
        let joined = join(&pieces, &batch);
        assert_eq!(names(&joined), ["a", "b", "c", "d"]);
        assert_eq!(joined.items, 4);
        let request = ExportTraceServiceRequest::decode(joined.body.reader()).unwrap();
        assert_eq!(
            request.resource_spans.len(),
            1,
            "equal resources are written once"
        );
        assert_eq!(names(&join(&pieces[1..3], &batch)), ["b", "c"]);
    }

    #[test]
    fn within_keeps_the_order_and_names_what_is_too_large() {
        let huge = "x".repeat(500);
        let batch = spans(&["a", "b", &huge, "c"]);
        let (whole, too_large) = within(batch, 100).unwrap();
        let kept: Vec<_> = whole.iter().flat_map(names).collect();
        assert_eq!(kept, ["a", "b", "c"]);
        assert!(whole.iter().all(|batch| batch.body.len() <= 100));
        assert_eq!(too_large.len(), 1);
    }

    #[test]
    fn concatenated_batches_are_one_request() {
        let joined = Batch::concat(&[spans(&["a", "b"]), spans(&["c"])]).unwrap();
        assert_eq!(names(&joined), ["a", "b", "c"]);
        assert_eq!(joined.items, 3);
        assert!(Batch::concat(&[]).is_none());
    }

    #[test]
    fn a_metric_counts_its_points() {
        let gauge = Gauge {
            data_points: vec![NumberDataPoint::default(); 3],
        };
        let metric = Metric {
            data: Some(Data::Gauge(gauge)),
            ..Metric::default()
        };
        let scope = ScopeMetrics {
            metrics: vec![metric],
            ..ScopeMetrics::default()
        };
        let resource = ResourceMetrics {
            scope_metrics: vec![scope],
            ..ResourceMetrics::default()
        };
        let request = ExportMetricsServiceRequest {
            resource_metrics: vec![resource],
        };
        let batch = Batch::new(Signal::Metrics, request.encode_to_vec(), 3);
        let pieces = pieces(&batch).unwrap();
        assert_eq!(
            pieces.iter().map(|piece| piece.items).collect::<Vec<_>>(),
            [3]
        );
    }
}
