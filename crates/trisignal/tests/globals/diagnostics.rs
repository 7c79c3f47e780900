//! Invariant D: whatever goes on for how long, it is one line for one reason in ten seconds.
//!
//! The pipeline's threads speak through the subscriber of the process. One telemetry is installed for that; each
//! case has a pipeline of its own, with a memory of its own of what it has said.

use std::time::{Duration, Instant};

use trisignal::{ByteSize, Limits, Protocol, Telemetry};
use trisignal_receiver::{Answer, Receiver, Rule, Script};

use super::certificates::{Authority, server};
use super::common::{
    PATIENCE, await_outcomes, brisk, builder, builder_to, eventually, is_poisoned, logs,
    numbered_spans, receiver, spans,
};
use super::isolated::isolated;
use super::lines::Lines;
use super::proxy::Proxy;

const FAILING: &str = "telemetry can't be delivered, it is kept and will be sent again";
const AGAIN: &str = "telemetry is delivered again";
const DROPPED: &str = "telemetry was dropped";

/// An installed telemetry that shows what the others say.
fn listen() -> (Telemetry, Lines, Receiver) {
    let (lines, receiver) = (Lines::default(), receiver());
    let telemetry = lines
        .attach(builder(&receiver, Protocol::HttpProtobuf))
        .install()
        .unwrap();
    (telemetry, lines, receiver)
}

fn receiver_of(receiver: &Receiver, protocol: Protocol) -> String {
    match protocol {
        Protocol::Grpc => receiver.grpc_endpoint(),
        _ => receiver.http_endpoint(),
    }
}

fn produce(telemetry: &Telemetry) {
    let counter = telemetry
        .meter("orders")
        .u64_counter("orders.placed")
        .build();
    counter.add(1, &[]);
    spans(telemetry, 100);
    logs(telemetry, 100);
}

/// Rows 1, 4, 6 and 12: many attempts of three signals fail for one reason.
#[test]
fn a_failing_backend_is_one_line() {
    isolated("diagnostics::a_failing_backend_is_one_line", || {
        let (_telemetry, lines, _) = listen();
        // Short enough for many attempts where there is no answer, long enough to have one where there is.
        let (impatient, patient) = (Duration::from_millis(100), PATIENCE);
        let cases = [
            (
                Protocol::HttpProtobuf,
                Answer::status(503),
                patient,
                "HTTP status 503",
            ),
            (
                Protocol::HttpProtobuf,
                Answer::status(429),
                patient,
                "HTTP status 429",
            ),
            (
                Protocol::HttpProtobuf,
                Answer::hang(),
                impatient,
                "no answer within 100ms",
            ),
            (
                Protocol::Grpc,
                Answer::status(503),
                patient,
                "gRPC status Unavailable",
            ),
            (
                Protocol::Grpc,
                Answer::hang(),
                impatient,
                "no answer within 100ms",
            ),
        ];
        for (protocol, answer, timeout, reason) in cases {
            let receiver = receiver();
            receiver.script(answer);
            let limits = Limits {
                retry_max: Some(Duration::from_millis(20)),
                ..brisk()
            };
            let telemetry = builder(&receiver, protocol)
                .timeout(timeout)
                .limits(limits)
                .build()
                .unwrap();
            let begin = Instant::now();
            produce(&telemetry);
            let _ = telemetry.flush_blocking(Duration::from_millis(50));
            await_outcomes(&receiver, 40, |outcome| !outcome.is_success());
            // A busy machine may have a second reason, not to connect in time; it may not say one twice in ten seconds.
            let said = lines.about(&receiver_of(&receiver, protocol));
            let reasons: Vec<_> = said
                .iter()
                .map(|line| line["reason"].as_str().unwrap())
                .collect();
            assert!(
                reasons.iter().any(|said| said.contains(reason)),
                "{reason}: {said:?}"
            );
            let most = 1 + begin.elapsed().as_secs() / 10;
            let different: std::collections::BTreeSet<_> = reasons.iter().collect();
            for reason in &different {
                let times = reasons.iter().filter(|said| said == reason).count() as u64;
                assert!(times <= most, "{times} times: {said:?}");
            }
            assert!(patient != timeout || different.len() == 1, "{said:?}");
            assert!(
                said.iter()
                    .all(|line| line["message"] == FAILING && line["level"] == "WARN")
            );
            let _ = telemetry.shutdown_blocking(Duration::from_millis(10));
        }
    });
}

/// Row 1: no backend at the start, then one, then none again, all within ten seconds.
#[test]
fn an_outage_is_a_line_at_its_start_and_one_at_its_end() {
    isolated(
        "diagnostics::an_outage_is_a_line_at_its_start_and_one_at_its_end",
        || {
            let receiver = receiver();
            receiver.pause().unwrap();
            let lines = Lines::default();
            let builder = builder(&receiver, Protocol::HttpProtobuf).limits(brisk());
            let telemetry = lines.attach(builder).install().unwrap();
            assert!(
                lines.messages().is_empty(),
                "starting is no news: {:?}",
                lines.ours()
            );
            for number in 0..100 {
                tracing::info!(number, "the service works");
                std::thread::sleep(Duration::from_millis(10));
            }
            eventually("the bad news", || !lines.messages().is_empty());
            assert_eq!(lines.messages(), [FAILING], "{:?}", lines.ours());
            let said = lines.ours();
            assert_eq!(
                said[0]["endpoint"].as_str().unwrap(),
                format!("{}/v1/logs", receiver.http_endpoint())
            );

            receiver.resume().unwrap();
            assert!(telemetry.flush_blocking(PATIENCE).complete);
            eventually("the good news", || lines.messages() == [FAILING, AGAIN]);

            receiver.pause().unwrap();
            tracing::info!("the service goes on");
            std::thread::sleep(Duration::from_secs(1));
            assert_eq!(telemetry.health().logs.held, 1);
            assert_eq!(
                lines.messages(),
                [FAILING, AGAIN],
                "not again within ten seconds"
            );
            receiver.resume().unwrap();
            let report = telemetry.shutdown_blocking(PATIENCE);
            assert!(report.complete && report.logs.delivered == 101, "{report}");
            assert_eq!(
                receiver
                    .logs()
                    .filter(|log| log.target() == "trisignal")
                    .count(),
                0
            );
            assert_eq!(lines.messages(), [FAILING, AGAIN]);
        },
    );
}

/// A backend that takes every other request is no news each time.
#[test]
fn a_flapping_backend_is_two_lines() {
    isolated("diagnostics::a_flapping_backend_is_two_lines", || {
        let (_telemetry, lines, _) = listen();
        let receiver = receiver();
        receiver.script(Rule::new(Answer::status(503)).every(2));
        let telemetry = builder(&receiver, Protocol::Grpc)
            .limits(brisk())
            .build()
            .unwrap();
        let begin = Instant::now();
        for round in 0..30 {
            numbered_spans(&telemetry, round * 10..(round + 1) * 10);
            assert!(telemetry.flush_blocking(PATIENCE).complete);
        }
        let _ = telemetry.shutdown_blocking(PATIENCE);
        lines.assert_said(&[FAILING, AGAIN], begin);
    });
}

/// Rows 9 and 11: losses, each time anew.
#[test]
fn losses_of_one_kind_are_one_line() {
    isolated("diagnostics::losses_of_one_kind_are_one_line", || {
        let (_telemetry, lines, _) = listen();
        let cases: [(&str, Script); 2] = [
            ("rejected", Script::reject_if(is_poisoned(&[3]))),
            (
                "partial",
                Script::always(Answer::partial_success(1, "too old")),
            ),
        ];
        for (reason, script) in cases {
            let receiver = receiver();
            receiver.script(script);
            let telemetry = builder(&receiver, Protocol::HttpProtobuf)
                .limits(brisk())
                .build()
                .unwrap();
            let begin = Instant::now();
            for _ in 0..20 {
                spans(&telemetry, 10);
                assert!(telemetry.flush_blocking(PATIENCE).complete);
            }
            let report = telemetry.shutdown_blocking(PATIENCE);
            // One of each request; on a slow machine the spans of a round may go in two.
            let lost = match reason {
                "partial" => receiver.requests().len() as u64,
                _ => 20,
            };
            assert_eq!(report.lost(), lost, "{report}");
            lines.assert_said(&[DROPPED], begin);
            let said = lines.ours();
            assert_eq!(
                (said[0]["reason"].as_str(), said[0]["items"].as_u64()),
                (Some(reason), Some(1))
            );
            lines.take();
        }
    });
}

/// Row 2 in memory: the outbox overflows again and again.
#[test]
fn an_overflowing_outbox_is_one_line() {
    isolated("diagnostics::an_overflowing_outbox_is_one_line", || {
        let (_telemetry, lines, _) = listen();
        let receiver = receiver();
        receiver.pause().unwrap();
        let limits = Limits {
            outbox: Some(ByteSize::from_kib(16)),
            batch_items: Some(10),
            ..brisk()
        };
        let telemetry = builder(&receiver, Protocol::Grpc)
            .limits(limits)
            .build()
            .unwrap();
        let begin = Instant::now();
        for round in 0..40 {
            numbered_spans(&telemetry, round * 10..(round + 1) * 10);
            let _ = telemetry.flush_blocking(Duration::from_millis(5));
        }
        assert!(telemetry.health().traces.dropped.total() > 20);
        lines.assert_said(&[FAILING, DROPPED], begin);
        let _ = telemetry.shutdown_blocking(Duration::from_millis(10));
    });
}

/// Row 11: the backend's message is cut, and can't break out of its line.
#[test]
fn a_hostile_message_of_the_backend_stays_in_its_line() {
    isolated(
        "diagnostics::a_hostile_message_of_the_backend_stays_in_its_line",
        || {
            let (_telemetry, lines, _) = listen();
            let hostile = format!(
                "bad\r\n\u{1b}[31mred\u{202e}\u{7f}\u{9b}\0{}",
                "é".repeat(10_000)
            );
            for protocol in [Protocol::HttpProtobuf, Protocol::Grpc] {
                for answer in [
                    Answer::partial_success(37, hostile.clone()),
                    Answer::partial_success(0, hostile.clone()),
                ] {
                    let receiver = receiver();
                    receiver.script(answer);
                    let telemetry = builder(&receiver, protocol).build().unwrap();
                    spans(&telemetry, 512);
                    let _ = telemetry.shutdown_blocking(PATIENCE);
                    let said = lines.ours();
                    let raw = lines.take();
                    assert_eq!((said.len(), raw.len()), (1, 1), "{said:?}");
                    let text = said[0]["detail"]
                        .as_str()
                        .or(said[0]["message"].as_str())
                        .unwrap();
                    let text = said[0]["fields.message"].as_str().unwrap_or(text);
                    assert!(text.starts_with("bad") && text.contains("red"), "{text:?}");
                    assert!(
                        text.len() <= 256 && !text.contains(char::is_control),
                        "{text:?}"
                    );
                    let line = raw[0].strip_suffix('\n').unwrap();
                    assert!(
                        !line.contains(char::is_control) && !line.contains('\u{202e}'),
                        "{line:?}"
                    );
                }
            }
        },
    );
}

/// Row 12: a certificate of an unknown authority: one line with the reason, over attempt after attempt.
#[test]
fn an_unknown_authority_is_one_line() {
    isolated("diagnostics::an_unknown_authority_is_one_line", || {
        let (_telemetry, lines, _) = listen();
        let (ours, foreign) = (Authority::new(), Authority::new());
        let identity = foreign.sign("127.0.0.1", 4_000);
        for protocol in [Protocol::HttpProtobuf, Protocol::Grpc] {
            let receiver = receiver();
            let proxy = Proxy::to(&receiver, protocol).tls(server(&identity, None, protocol));
            let telemetry = builder_to(proxy.endpoint("https"), protocol)
                .ca_certificate(ours.file())
                .limits(brisk())
                .build()
                .unwrap();
            let begin = Instant::now();
            produce(&telemetry);
            eventually("attempts", || {
                let _ = telemetry.flush_blocking(Duration::from_millis(20));
                proxy.connections() >= 10
            });
            let said = lines.about(&proxy.endpoint("https"));
            let most = 1 + begin.elapsed().as_secs() / 10;
            assert!((1..=most).contains(&(said.len() as u64)), "{said:?}");
            assert_eq!(said[0]["message"], FAILING);
            let reason = said[0]["reason"].as_str().unwrap();
            assert!(reason.contains("invalid peer certificate"), "{reason}");
            assert!(receiver.requests().is_empty());
            let _ = telemetry.shutdown_blocking(Duration::from_millis(10));
        }
    });
}

/// However often metrics are collected, and by how many.
#[test]
fn an_instrument_with_too_many_series_is_named_once() {
    let test = "diagnostics::an_instrument_with_too_many_series_is_named_once";
    isolated(test, || {
        let (lines, receiver) = (Lines::default(), receiver());
        let telemetry = lines
            .attach(builder(&receiver, Protocol::HttpProtobuf))
            .cardinality_limit(2)
            .install()
            .unwrap();
        let meter = telemetry.meter("orders");
        for name in ["narrow", "wide", "wider"] {
            let counter = meter.u64_counter(name).build();
            let most = if name == "narrow" { 2 } else { 5 };
            for number in 0..most {
                counter.add(1, &[trisignal::otel::KeyValue::new("number", number)]);
            }
        }
        for _ in 0..3 {
            assert!(telemetry.flush_blocking(PATIENCE).complete);
        }
        let named = |line: &serde_json::Value| {
            let told = line["message"]
                .as_str()?
                .contains("more series than its limit");
            told.then(|| line["instrument"].as_str().unwrap().to_owned())
        };
        let mut said: Vec<_> = lines.ours().iter().filter_map(named).collect();
        said.sort();
        assert_eq!(said, ["wide", "wider"]);
    });
}
