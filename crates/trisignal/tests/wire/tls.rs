//! TLS: who is not trusted gets nothing, in the clear least of all, and the data waits.

use std::time::Duration;

use trisignal::{Builder, ErrorKind, Protocol};

use super::certificates::{Authority, Identity, server};
use super::common::{
    PATIENCE, PROTOCOLS, assert_all_delivered, assert_conserved, brisk, builder_to, eventually,
    receiver, shut_down, spans,
};
use super::proxy::Proxy;

const HOST: &str = "127.0.0.1";
const VALID: i32 = 4_000;

/// A telemetry of `client` before a server with `identity`: either all arrives, or nothing does.
fn exchange(
    protocol: Protocol,
    identity: &Identity,
    clients: Option<&Authority>,
    client: impl FnOnce(Builder) -> Builder,
    trusted: bool,
) {
    let receiver = receiver();
    let proxy = Proxy::to(&receiver, protocol).tls(server(identity, clients, protocol));
    let builder = client(builder_to(proxy.endpoint("https"), protocol).limits(brisk()));
    let telemetry = builder.build().unwrap();
    spans(&telemetry, 100);
    if trusted {
        assert_all_delivered(&telemetry.shutdown_blocking(PATIENCE), &receiver);
    } else {
        // The second connection shows that the first one came to its end.
        eventually("two attempts", || {
            let _ = telemetry.flush_blocking(Duration::from_millis(20));
            proxy.connections() >= 2
        });
        let health = telemetry.health();
        assert_eq!((health.traces.held, health.traces.delivered), (100, 0));
        let report = shut_down(&telemetry, Duration::from_millis(100));
        assert_conserved(&report, &receiver);
        assert_eq!(report.lost(), 100, "{report}");
        assert!(receiver.requests().is_empty(), "{:?}", receiver.requests());
    }
    assert_eq!(proxy.in_the_clear(), 0);
}

/// Row 12: certificates that the client must not accept, and the one that it must.
#[test]
fn only_a_server_with_the_right_certificate_gets_data() {
    let (ours, foreign) = (Authority::new(), Authority::new());
    let good = ours.sign(HOST, VALID);
    let of_another_host = ours.sign("collector.example", VALID);
    let expired = ours.sign(HOST, 2_020);
    let of_another_authority = foreign.sign(HOST, VALID);
    let trusting = |builder: Builder| builder.ca_certificate(ours.file());
    for protocol in PROTOCOLS {
        exchange(protocol, &good, None, trusting, true);
        for identity in [&of_another_host, &expired, &of_another_authority] {
            exchange(protocol, identity, None, trusting, false);
        }
    }
}

/// Row 12: a server that wants a certificate of the client.
#[test]
fn a_client_certificate_is_shown() {
    let ours = Authority::new();
    let (identity, client) = (ours.sign(HOST, VALID), ours.sign("checkout", VALID));
    let with = |builder: Builder| {
        let builder = builder.ca_certificate(ours.file());
        builder.client_certificate(&client.certificate_file, &client.key_file)
    };
    let without = |builder: Builder| builder.ca_certificate(ours.file());
    for protocol in PROTOCOLS {
        exchange(protocol, &identity, Some(&ours), with, true);
        exchange(protocol, &identity, Some(&ours), without, false);
    }
}

/// A server that does not speak TLS gets a handshake and nothing else.
#[test]
fn an_https_endpoint_is_never_spoken_to_in_the_clear() {
    let ours = Authority::new();
    for protocol in PROTOCOLS {
        let receiver = receiver();
        let proxy = Proxy::to(&receiver, protocol);
        let telemetry = builder_to(proxy.endpoint("https"), protocol)
            .ca_certificate(ours.file())
            .limits(brisk())
            .build()
            .unwrap();
        spans(&telemetry, 100);
        eventually("two attempts", || {
            let _ = telemetry.flush_blocking(Duration::from_millis(20));
            proxy.connections() >= 2
        });
        let report = shut_down(&telemetry, Duration::from_millis(100));
        assert_conserved(&report, &receiver);
        assert_eq!(report.lost(), 100, "{report}");
        assert!(receiver.requests().is_empty(), "{:?}", receiver.requests());
    }
}

/// Files that can't be used are an error at the start, not a surprise later.
#[test]
fn unusable_certificate_files_are_an_error() {
    let ours = Authority::new();
    let identity = ours.sign(HOST, VALID);
    let https = || builder_to("https://127.0.0.1:1".to_owned(), Protocol::Grpc);
    let cases = [
        https().ca_certificate("does-not-exist.pem"),
        https().ca_certificate(&identity.key_file),
        https()
            .ca_certificate(ours.file())
            .client_certificate(&identity.key_file, ours.file()),
    ];
    for builder in cases {
        let error = builder.build().expect_err("a file is wrong");
        assert_eq!(error.kind(), ErrorKind::Tls, "{error}");
    }
}

/// Who rotates an authority or a certificate of the client need not restart the service; files that don't fit each other
/// for a moment change nothing.
#[test]
fn certificates_are_read_again_when_they_change() {
    let (old, new) = (Authority::new(), Authority::new());
    let directory = tempfile::tempdir().unwrap();
    let [ca, certificate, key] =
        ["ca.pem", "client.pem", "client.key"].map(|name| directory.path().join(name));
    let put = |file: &std::path::Path, from: &std::path::Path| {
        std::fs::copy(from, file).unwrap();
    };
    let (old_client, new_client) = (old.sign("checkout", VALID), new.sign("checkout", VALID));
    put(&ca, &old.file());
    put(&certificate, &old_client.certificate_file);
    put(&key, &old_client.key_file);
    for protocol in PROTOCOLS {
        let receiver = receiver();
        // The backend has the new ones already.
        let identity = new.sign(HOST, VALID);
        let proxy = Proxy::to(&receiver, protocol).tls(server(&identity, Some(&new), protocol));
        let telemetry = builder_to(proxy.endpoint("https"), protocol)
            .ca_certificate(&ca)
            .client_certificate(&certificate, &key)
            .limits(brisk())
            .build()
            .unwrap();
        spans(&telemetry, 100);
        let attempts = |count: usize| {
            let wanted = proxy.connections() + count;
            eventually("attempts", || {
                let _ = telemetry.flush_blocking(Duration::from_millis(20));
                proxy.connections() >= wanted
            });
        };
        attempts(2);
        put(&ca, &new.file());
        attempts(2);
        // Half of it: the old pair is still the one that fits.
        put(&certificate, &new_client.certificate_file);
        attempts(2);
        assert!(receiver.requests().is_empty(), "{:?}", receiver.requests());
        put(&key, &new_client.key_file);
        eventually("delivery", || {
            telemetry
                .flush_blocking(Duration::from_millis(100))
                .traces
                .delivered
                == 100
        });
        assert_all_delivered(&telemetry.shutdown_blocking(PATIENCE), &receiver);
        assert_eq!(proxy.in_the_clear(), 0);
        put(&ca, &old.file());
        put(&certificate, &old_client.certificate_file);
        put(&key, &old_client.key_file);
    }
}
