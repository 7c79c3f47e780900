//! Log records: an event with four fields, inside of a span.

use std::hint::black_box;

pub(super) fn tracing(times: u64) {
    let span = tracing::info_span!("GET /items/{id}");
    let _entered = span.enter();
    for turn in 0..times {
        tracing::info!(
            order.id = ["o-17", "o-4711"][black_box(turn as usize) % 2],
            items = black_box(turn as i64),
            total = turn as f64,
            express = turn % 2 == 0,
            "order placed"
        );
    }
}
