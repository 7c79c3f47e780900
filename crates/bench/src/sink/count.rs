//! Counts what an OTLP request holds, by stepping over the fields of its protobuf messages.

use serde::{Deserialize, Serialize};

/// What arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Totals {
    pub(crate) requests: u64,
    /// Of request bodies, as they were sent.
    pub(crate) bytes: u64,
    pub(crate) spans: u64,
    /// Of spans; only counted by a deep sink.
    pub(crate) events: u64,
    /// Attributes of spans; only counted by a deep sink.
    pub(crate) attributes: u64,
    pub(crate) logs: u64,
    pub(crate) points: u64,
    /// The largest sum over the data points of a request: counters count their value, histograms their measurements.
    pub(crate) measured: u64,
}

/// The metrics that the work makes; candidates have others of their own.
const MEASURED: [&[u8]; 3] = [
    b"bench.requests",
    b"bench.duration",
    b"http.server.request.duration",
];

/// A field of a message.
enum Field<'a> {
    Varint,
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32,
}

/// The fields of one message. Ends at the first byte that is not protobuf.
struct Fields<'a>(&'a [u8]);

impl Totals {
    pub(crate) fn add_traces(&mut self, request: &[u8], deep: bool) {
        for_each_item(request, |span| {
            self.spans += 1;
            if deep {
                let numbers = Fields(span).map(|(number, _)| number);
                for number in numbers {
                    self.attributes += u64::from(number == 9);
                    self.events += u64::from(number == 11);
                }
            }
        });
    }

    pub(crate) fn add_logs(&mut self, request: &[u8]) {
        for_each_item(request, |_| self.logs += 1);
    }

    pub(crate) fn add_metrics(&mut self, request: &[u8]) {
        let mut measured = 0;
        for_each_item(request, |metric| {
            if !messages(metric).any(|(number, name)| number == 1 && MEASURED.contains(&name)) {
                return;
            }
            // Sum, histogram and exponential histogram; a gauge measures nothing that could be added up.
            for (number, data) in
                messages(metric).filter(|(number, _)| matches!(number, 7 | 9 | 10))
            {
                for (_, point) in messages(data).filter(|(number, _)| *number == 1) {
                    self.points += 1;
                    let wanted = if number == 7 { 6 } else { 4 };
                    measured += Fields(point)
                        .find_map(|(number, field)| match field {
                            Field::Fixed64(value) if number == wanted => Some(value),
                            _ => None,
                        })
                        .unwrap_or(0);
                }
            }
        });
        self.measured = self.measured.max(measured);
    }
}

/// The spans, the log records or the metrics of a request: its resources, their scopes, the items of these.
fn for_each_item(request: &[u8], mut visit: impl FnMut(&[u8])) {
    for (_, resource) in messages(request).filter(|(number, _)| *number == 1) {
        for (_, scope) in messages(resource).filter(|(number, _)| *number == 2) {
            for (_, item) in messages(scope).filter(|(number, _)| *number == 2) {
                visit(item);
            }
        }
    }
}

fn messages(message: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    Fields(message).filter_map(|(number, field)| match field {
        Field::Bytes(bytes) => Some((number, bytes)),
        Field::Varint | Field::Fixed64(_) | Field::Fixed32 => None,
    })
}

impl<'a> Iterator for Fields<'a> {
    type Item = (u64, Field<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let key = self.varint()?;
        let field = match key & 7 {
            0 => {
                self.varint()?;
                Field::Varint
            }
            1 => Field::Fixed64(u64::from_le_bytes(self.take(8)?.try_into().ok()?)),
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Field::Bytes(self.take(length)?)
            }
            5 => {
                self.take(4)?;
                Field::Fixed32
            }
            _ => return None,
        };
        Some((key >> 3, field))
    }
}

impl<'a> Fields<'a> {
    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(number: u8, content: &[u8]) -> Vec<u8> {
        let length = u8::try_from(content.len()).unwrap_or(u8::MAX);
        [&[number << 3 | 2, length], content].concat()
    }

    #[test]
    fn items_are_counted_in_every_resource_and_scope() {
        let span = [
            message(5, b"name"),
            message(9, b""),
            message(9, b""),
            message(11, b""),
        ]
        .concat();
        let scope = message(2, &[message(2, &span), message(2, &span)].concat());
        let request = message(1, &[message(1, b"resource"), scope.clone(), scope].concat());
        let mut totals = Totals::default();
        totals.add_traces(&[request.clone(), request].concat(), true);
        assert_eq!((totals.spans, totals.attributes, totals.events), (8, 16, 8));
    }

    #[test]
    fn the_largest_sum_of_a_request_is_kept() {
        let point = |value: u64| [vec![6 << 3 | 1], value.to_le_bytes().to_vec()].concat();
        let sum = message(7, &[message(1, &point(3)), message(1, &point(4))].concat());
        let metric = |name: &[u8]| message(2, &[message(1, name), sum.clone()].concat());
        let scope = message(2, &[metric(b"bench.requests"), metric(b"other")].concat());
        let request = message(1, &scope);
        let mut totals = Totals::default();
        totals.add_metrics(&request);
        totals.add_metrics(&request);
        assert_eq!((totals.points, totals.measured), (4, 7));
    }

    #[test]
    fn what_is_no_protobuf_ends_the_counting() {
        for bytes in [&[0xff; 12][..], &[0x0a, 200], &[0x0b], &[0x09, 1]] {
            let mut totals = Totals::default();
            totals.add_traces(bytes, true);
            totals.add_metrics(bytes);
            assert_eq!(totals, Totals::default());
        }
    }
}
