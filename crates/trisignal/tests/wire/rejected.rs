//! Backends that refuse some of the data: the rest is delivered, what is refused is counted.

use trisignal::{DropReason, Limits, Protocol, Telemetry};
use trisignal_receiver::{Answer, Receiver, Script, Signal};

use super::common::{
    PATIENCE, PROTOCOLS, assert_all_delivered, assert_conserved, brisk, builder, is_poisoned, logs,
    numbered_spans, receiver, span_numbers, spans,
};

/// Items in one batch. A batch that is full goes out as one request.
const BATCH: u64 = 512;

fn telemetry(receiver: &Receiver, protocol: Protocol) -> Telemetry {
    let hour = std::time::Duration::from_secs(3_600);
    let limits = Limits {
        schedule_delay: Some(hour),
        batch_items: Some(512),
        ..brisk()
    };
    builder(receiver, protocol).limits(limits).build().unwrap()
}

/// Row 9: one span of 512, wherever it stands, is found in ten more requests.
#[test]
fn one_bad_span_does_not_cost_its_neighbours() {
    for protocol in PROTOCOLS {
        for poison in [&[0_i64], &[200], &[255], &[256], &[511]] {
            let receiver = receiver();
            receiver.script(Script::reject_if(is_poisoned(poison)));
            let telemetry = telemetry(&receiver, protocol);
            spans(&telemetry, BATCH);
            let report = telemetry.shutdown_blocking(PATIENCE);
            assert_conserved(&report, &receiver);
            assert!(report.complete, "{report}");
            assert_eq!(report.traces.delivered, 511, "{report}");
            assert_eq!(report.traces.dropped.get(DropReason::Rejected), 1);
            let missing: Vec<_> = (0..BATCH)
                .filter(|number| !span_numbers(&receiver).contains(number))
                .collect();
            assert_eq!(missing, [poison[0].cast_unsigned()]);
            let more = receiver.requests().len() - 1;
            assert!(
                more <= 10,
                "{protocol}, culprit {poison:?}: {more} more requests"
            );
            println!("{protocol}, culprit {poison:?}: {more} more requests");
        }
    }
}

/// Row 9, for log records and for several culprits.
#[test]
fn several_bad_items_are_all_found() {
    for protocol in PROTOCOLS {
        const MANY: &[i64] = &[
            3, 40, 77, 78, 120, 160, 200, 256, 257, 300, 350, 400, 450, 511,
        ];
        let poisons: [&'static [i64]; 4] = [&[17, 18], &[0, 255, 511], &[1, 100, 101, 400], MANY];
        for poison in poisons {
            let receiver = receiver();
            receiver.script(Script::reject_if(is_poisoned(poison)));
            let telemetry = telemetry(&receiver, protocol);
            logs(&telemetry, BATCH);
            let report = telemetry.shutdown_blocking(PATIENCE);
            assert_conserved(&report, &receiver);
            let bad = poison.len() as u64;
            assert_eq!(report.logs.delivered, BATCH - bad, "{report}");
            assert_eq!(report.logs.dropped.get(DropReason::Rejected), bad);
            let more = receiver.requests().len() - 1;
            assert!(
                more <= 10 * poison.len(),
                "{poison:?}: {more} more requests"
            );
            println!("{protocol}, culprits {poison:?}: {more} more requests");
        }
    }
}

/// Row 9: a backend that dislikes everything is not asked for ever, and what comes later is not held up.
#[test]
fn a_batch_that_is_bad_throughout_is_given_up() {
    for protocol in PROTOCOLS {
        let receiver = receiver();
        receiver.script(Answer::status(400));
        let telemetry = telemetry(&receiver, protocol);
        spans(&telemetry, BATCH);
        let report = telemetry.flush_blocking(PATIENCE);
        assert_conserved(&report, &receiver);
        assert!(report.complete, "{report}");
        assert_eq!(
            report.traces.dropped.get(DropReason::Rejected),
            BATCH,
            "{report}"
        );
        let requests = receiver.requests().len();
        assert!(requests <= 35, "{requests} requests for one batch");
        println!("{protocol}, all bad: {requests} requests");

        receiver.script(Script::new());
        numbered_spans(&telemetry, BATCH..2 * BATCH);
        let report = telemetry.shutdown_blocking(PATIENCE);
        assert_conserved(&report, &receiver);
        assert_eq!(report.traces.delivered, BATCH);
    }
}

/// Row 9: a status that means the request and not its items is no reason to search.
#[test]
fn a_request_that_is_refused_as_a_whole_is_dropped_at_once() {
    let receiver = receiver();
    receiver.script(Script::times(1, Answer::status(501)));
    let telemetry = telemetry(&receiver, Protocol::HttpProtobuf);
    spans(&telemetry, BATCH);
    let report = telemetry.flush_blocking(PATIENCE);
    assert_conserved(&report, &receiver);
    assert_eq!(
        report.traces.dropped.get(DropReason::Rejected),
        BATCH,
        "{report}"
    );
    assert_eq!(receiver.requests().len(), 1);
    let _ = telemetry.shutdown_blocking(PATIENCE);
}

/// Row 11: what a partial success refuses is counted and not sent again.
#[test]
fn a_partial_success_is_final() {
    for protocol in PROTOCOLS {
        let receiver = receiver();
        receiver.script(Script::times(
            1,
            Answer::partial_success(37, "37 spans are too old"),
        ));
        let telemetry = telemetry(&receiver, protocol);
        spans(&telemetry, BATCH);
        let report = telemetry.flush_blocking(PATIENCE);
        assert_conserved(&report, &receiver);
        assert!(report.complete, "{report}");
        assert_eq!(report.traces.delivered, 475);
        assert_eq!(report.traces.dropped.get(DropReason::Partial), 37);
        assert_eq!(report.lost(), 37);

        numbered_spans(&telemetry, BATCH..2 * BATCH);
        let report = telemetry.shutdown_blocking(PATIENCE);
        assert_conserved(&report, &receiver);
        assert_eq!(report.traces.delivered, 475 + BATCH);
        let received = receiver.received(Signal::Traces);
        assert_eq!((received.requests, received.rejected), (2, 37));
    }
}

/// Row 11: a partial success that refuses nothing is a remark.
#[test]
fn a_remark_of_the_backend_costs_nothing() {
    for protocol in PROTOCOLS {
        let receiver = receiver();
        receiver.script(Answer::partial_success(0, "please use a newer schema"));
        let telemetry = telemetry(&receiver, protocol);
        spans(&telemetry, BATCH);
        assert_all_delivered(&telemetry.shutdown_blocking(PATIENCE), &receiver);
        assert_eq!(receiver.requests().len(), 1);
    }
}
