//! How bodies are compressed, and over how many connections they go.

use std::time::Duration;

use trisignal::{Compression, Limits, Protocol, Telemetry};
use trisignal_receiver::{Answer, Receiver, RequestInfo, Script, Signal};

use super::common::{
    PATIENCE, PROTOCOLS, assert_balanced, brisk, builder, builder_to, logs, numbered_spans,
    receiver, spans,
};
use super::proxy::Proxy;

/// The encoding of each request, oldest first.
fn encodings(receiver: &Receiver) -> Vec<Option<String>> {
    let header = |request: &RequestInfo| {
        let name = match request.protocol {
            trisignal_receiver::Protocol::Grpc => "grpc-encoding",
            _ => "content-encoding",
        };
        request.header(name).map(str::to_owned)
    };
    receiver.requests().iter().map(header).collect()
}

/// Ends 100 spans and waits until they are delivered.
fn deliver(telemetry: &Telemetry) {
    spans(telemetry, 100);
    let report = telemetry.flush_blocking(PATIENCE);
    assert_balanced(&report);
    assert!(report.complete && report.lost() == 0, "{report}");
}

fn only(encodings: &[&str]) -> Vec<Option<String>> {
    let named = |name: &&str| (!name.is_empty()).then(|| (*name).to_owned());
    encodings.iter().map(named).collect()
}

/// An address of this machine that does not look like one: what `auto` takes for a backend elsewhere.
fn elsewhere(receiver: &Receiver, protocol: Protocol) -> String {
    let port = match protocol {
        Protocol::Grpc => receiver.grpc_addr().port(),
        _ => receiver.http_addr().port(),
    };
    format!("http://0.0.0.0:{port}")
}

#[test]
fn what_is_asked_for_is_on_the_wire_and_smaller() {
    for protocol in PROTOCOLS {
        for (compression, expected) in [
            (Compression::None, ""),
            (Compression::Gzip, "gzip"),
            (Compression::Zstd, "zstd"),
            // The receiver is on the loopback.
            (Compression::Auto, ""),
        ] {
            let receiver = receiver();
            let telemetry = builder(&receiver, protocol).compression(compression);
            let telemetry = telemetry.build().unwrap();
            deliver(&telemetry);
            assert_eq!(encodings(&receiver), only(&[expected]), "{protocol}");
            let request = &receiver.requests()[0];
            let smaller = request.encoded_bytes * 2 < request.decompressed_bytes;
            assert_eq!(smaller, !expected.is_empty(), "{request:?}");
            assert_eq!(receiver.received(Signal::Traces).unique, 100);
        }
    }
}

/// Far more than a socket takes at once, in the pieces in which threads have encoded it, from several of them.
#[test]
fn large_bodies_arrive_whole() {
    for protocol in PROTOCOLS {
        for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
            let receiver = receiver();
            let telemetry = builder(&receiver, protocol).compression(compression);
            let telemetry = telemetry.build().unwrap();
            for _ in 0..3 {
                std::thread::scope(|scope| {
                    for thread in 0..3 {
                        let telemetry = &telemetry;
                        scope.spawn(move || {
                            numbered_spans(telemetry, thread * 3_000..(thread + 1) * 3_000)
                        });
                    }
                });
                let report = telemetry.flush_blocking(PATIENCE);
                assert_balanced(&report);
                assert!(report.complete && report.lost() == 0, "{report}");
            }
            let received = receiver.received(Signal::Traces);
            assert_eq!((received.unique, received.duplicates), (27_000, 0));
            let requests = receiver.requests();
            let largest = requests
                .iter()
                .map(|request| request.decompressed_bytes)
                .max();
            assert!(
                largest.is_some_and(|bytes| bytes > 256 * 1024),
                "{largest:?}"
            );
        }
    }
}

#[test]
fn a_backend_elsewhere_gets_gzip_until_it_says_that_it_takes_zstd() {
    for protocol in PROTOCOLS {
        let receiver = receiver();
        let telemetry = builder_to(elsewhere(&receiver, protocol), protocol);
        let telemetry = telemetry.build().unwrap();
        deliver(&telemetry);
        deliver(&telemetry);
        assert_eq!(encodings(&receiver), only(&["gzip", "zstd"]), "{protocol}");
        assert_eq!(receiver.received(Signal::Traces).items, 200);
    }
}

#[test]
fn an_encoding_that_is_refused_is_given_up_and_nothing_is_lost() {
    for (protocol, refusal) in [
        (Protocol::HttpProtobuf, Answer::status(415)),
        (Protocol::Grpc, Answer::grpc(12)),
    ] {
        let receiver = receiver();
        let telemetry = builder_to(elsewhere(&receiver, protocol), protocol);
        // All in one request: what goes after the first answer may have the encoding that it names.
        let limits = Limits {
            schedule_delay: Some(Duration::from_secs(3_600)),
            ..brisk()
        };
        let telemetry = telemetry.limits(limits).build().unwrap();
        receiver.script(Script::times(1, refusal.clone()));
        deliver(&telemetry);
        assert_eq!(encodings(&receiver), only(&["gzip", ""]), "{protocol}");
        assert_eq!(receiver.received(Signal::Traces).unique, 100);
    }
}

#[test]
fn three_signals_share_one_grpc_connection() {
    let receiver = receiver();
    let proxy = Proxy::to(&receiver, Protocol::Grpc);
    let telemetry = builder_to(proxy.endpoint("http"), Protocol::Grpc);
    let telemetry = telemetry.build().unwrap();
    let placed = telemetry.meter("orders").u64_counter("placed").build();
    for _ in 0..3 {
        placed.add(1, &[]);
        logs(&telemetry, 10);
        deliver(&telemetry);
    }
    for signal in [Signal::Traces, Signal::Metrics, Signal::Logs] {
        assert!(receiver.received(signal).items > 0, "{signal}");
    }
    assert_eq!(proxy.connections(), 1);
}

#[test]
fn http_connections_are_used_again() {
    let receiver = receiver();
    let proxy = Proxy::to(&receiver, Protocol::HttpProtobuf);
    let telemetry = builder_to(proxy.endpoint("http"), Protocol::HttpProtobuf);
    let telemetry = telemetry.build().unwrap();
    for _ in 0..5 {
        logs(&telemetry, 10);
        deliver(&telemetry);
    }
    assert!(receiver.requests().len() >= 10);
    // One for each signal that has a request under way at the same time.
    assert!(proxy.connections() <= 2, "{}", proxy.connections());
}
