//! How OTLP travels, for all signals and for each of them.

use std::time::Instant;

use trisignal_receiver::{Answer, Protocol, Script};

use super::super::certificates::{Authority, server};
use super::super::common::{eventually, receiver};
use super::super::proxy::Proxy;
use super::{EVERYTHING, SIGNALS, SOON, Service, arrived, forms, give_up, only, proofs};

const HOST: &str = "127.0.0.1";
const VALID: i32 = 4_000;

/// The signal of a request, as names of variables spell it.
fn signal_of(request: &trisignal_receiver::RequestInfo) -> &'static str {
    let signal = request.signal.unwrap().as_str().to_uppercase();
    SIGNALS.into_iter().find(|name| *name == signal).unwrap()
}

/// That exactly the requests of `signals` have it.
fn have(
    service: &Service,
    signals: &[&str],
    has: impl Fn(&trisignal_receiver::RequestInfo) -> bool,
) {
    assert_eq!(service.arrived(), EVERYTHING);
    for request in service.receiver.requests() {
        let signal = signal_of(&request);
        assert_eq!(
            has(&request),
            signals.contains(&signal),
            "{signal}: {request:?}"
        );
    }
}

/// The variables that make all signals speak gRPC to `endpoint`.
fn grpc(endpoint: &str) -> [(&'static str, String); 2] {
    [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc".to_owned()),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.to_owned()),
    ]
}

/// That with `variable` only `signals` reach an endpoint without a scheme: the others want TLS.
fn insecure(variable: &str, signals: &[&str]) {
    let receiver = receiver();
    let authority = receiver.grpc_addr().to_string();
    let mut variables = grpc(&authority).to_vec();
    variables.push(("OTEL_BSP_SCHEDULE_DELAY", SOON.to_owned()));
    variables.push(("OTEL_BLRP_SCHEDULE_DELAY", SOON.to_owned()));
    let mut variables: Vec<(&str, &str)> = variables
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    variables.push((variable, "true"));
    let service = Service::with(receiver, &variables);
    service.work();
    let reached = || arrived(&service.receiver) == only(signals);
    eventually(variable, || {
        let _ = service
            .telemetry
            .flush_blocking(std::time::Duration::from_millis(50));
        reached()
    });
    give_up(&service.telemetry);
    assert!(reached(), "{variable}: {:?}", service.arrived());
}

/// That with `variables` exactly `signals` arrive through a server that speaks TLS.
fn through_tls(
    clients: Option<&Authority>,
    ours: &Authority,
    variables: &[(&str, &str)],
    signals: &[&str],
) {
    let receiver = receiver();
    let identity = ours.sign(HOST, VALID);
    let protocol = trisignal::Protocol::HttpProtobuf;
    let proxy = Proxy::to(&receiver, protocol).tls(server(&identity, clients, protocol));
    let endpoint = proxy.endpoint("https");
    let mut all = vec![("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str())];
    all.extend(variables);
    let service = Service::with(receiver, &all);
    service.work();
    eventually("the trusted signals", || {
        let _ = service
            .telemetry
            .flush_blocking(std::time::Duration::from_millis(50));
        arrived(&service.receiver) == only(signals)
    });
    give_up(&service.telemetry);
    assert_eq!(service.arrived(), only(signals), "{variables:?}");
}

proofs! {
    OTEL_EXPORTER_OTLP_ENDPOINT => {
        // For all signals: a path is gone on from.
        let there = receiver();
        let endpoint = there.http_endpoint();
        let service = Service::with(there, &[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)]);
        service.work();
        service.finish();
        assert_eq!(service.arrived(), EVERYTHING);
        // For one: as it is, and the others stay where they were.
        for signal in SIGNALS {
            let elsewhere = receiver();
            let own = format!("{}/v1/{}", elsewhere.http_endpoint(), signal.to_lowercase());
            let variable = format!("OTEL_EXPORTER_OTLP_{signal}_ENDPOINT");
            let service = Service::ran(&[(&variable, &own)]);
            assert_eq!(arrived(&elsewhere), only(&[signal]), "{variable}");
            let others: Vec<_> = SIGNALS.into_iter().filter(|other| *other != signal).collect();
            assert_eq!(service.arrived(), only(&others), "{variable}");
        }
    }

    OTEL_EXPORTER_OTLP_PROTOCOL => {
        for (variable, signals) in forms("OTEL_EXPORTER_OTLP_PROTOCOL") {
            let service = Service::ran(&[(&variable, "http/json")]);
            have(&service, &signals, |request| request.protocol == Protocol::HttpJson);
        }
        let receiver = receiver();
        let variables = grpc(&receiver.grpc_endpoint());
        let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
        let service = Service::with(receiver, &variables);
        service.work();
        service.finish();
        have(&service, &SIGNALS, |request| request.protocol == Protocol::Grpc);
    }

    OTEL_EXPORTER_OTLP_HEADERS => {
        for (variable, signals) in forms("OTEL_EXPORTER_OTLP_HEADERS") {
            let service = Service::ran(&[(&variable, "x-team=a%20b,api-key=k=v")]);
            have(&service, &signals, |request| request.header("x-team") == Some("a b"));
            have(&service, &signals, |request| request.header("api-key") == Some("k=v"));
        }
    }

    OTEL_EXPORTER_OTLP_COMPRESSION => {
        for (variable, signals) in forms("OTEL_EXPORTER_OTLP_COMPRESSION") {
            let service = Service::ran(&[(&variable, "gzip")]);
            have(&service, &signals, |request| request.header("content-encoding") == Some("gzip"));
        }
        let service = Service::ran(&[("OTEL_EXPORTER_OTLP_COMPRESSION", "none")]);
        have(&service, &[], |request| request.header("content-encoding").is_some());
    }

    OTEL_EXPORTER_OTLP_TIMEOUT => {
        for (variable, signals) in forms("OTEL_EXPORTER_OTLP_TIMEOUT") {
            let receiver = receiver();
            receiver.script(Script::always(Answer::hang()));
            let begin = Instant::now();
            let service = Service::with(receiver, &[
                (&variable, "100"),
                ("OTEL_BSP_SCHEDULE_DELAY", SOON),
                ("OTEL_BLRP_SCHEDULE_DELAY", SOON),
                ("OTEL_METRIC_EXPORT_INTERVAL", SOON),
            ]);
            service.work();
            let requests = |of: &str| {
                let all = service.receiver.requests();
                all.iter().filter(|request| signal_of(request) == of).count()
            };
            eventually(&variable, || signals.iter().all(|signal| requests(signal) >= 2));
            for other in SIGNALS.into_iter().filter(|other| !signals.contains(other)) {
                // The others wait for the ten seconds of the default.
                assert!(requests(other) <= 1 || begin.elapsed().as_secs() >= 9, "{variable}: {other}");
            }
            give_up(&service.telemetry);
        }
    }

    OTEL_EXPORTER_OTLP_INSECURE => {
        for (variable, signals) in forms("OTEL_EXPORTER_OTLP_INSECURE") {
            insecure(&variable, &signals);
        }
    }

    OTEL_EXPORTER_OTLP_SPAN_INSECURE => { insecure("OTEL_EXPORTER_OTLP_SPAN_INSECURE", &["TRACES"]); }

    OTEL_EXPORTER_OTLP_METRIC_INSECURE => { insecure("OTEL_EXPORTER_OTLP_METRIC_INSECURE", &["METRICS"]); }

    OTEL_EXPORTER_OTLP_CERTIFICATE => {
        let (ours, foreign) = (Authority::new(), Authority::new());
        let (good, bad) = (ours.file(), foreign.file());
        let (good, bad) = (good.to_str().unwrap(), bad.to_str().unwrap());
        for (variable, signals) in forms("OTEL_EXPORTER_OTLP_CERTIFICATE") {
            let mut variables = vec![(variable.as_str(), good)];
            if signals.len() == 1 {
                variables.push(("OTEL_EXPORTER_OTLP_CERTIFICATE", bad));
            }
            through_tls(None, &ours, &variables, &signals);
        }
    }

    OTEL_RUST_BEARER_TOKEN_FILE => {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        std::fs::write(&file, "of-the-file\n").unwrap();
        let service = Service::ran(&[
            ("OTEL_RUST_BEARER_TOKEN_FILE", file.to_str().unwrap()),
            ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=weaker,x-other=stays"),
        ]);
        for request in service.receiver.requests() {
            assert_eq!(request.header("authorization"), Some("Bearer of-the-file"));
            assert_eq!(request.header("x-other"), Some("stays"));
        }
        assert_eq!(service.arrived(), EVERYTHING);
    }

    OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE => { client_files("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"); }

    OTEL_EXPORTER_OTLP_CLIENT_KEY => { client_files("OTEL_EXPORTER_OTLP_CLIENT_KEY"); }
}

/// That a server which wants a certificate gets it from the signals whose own variables name the files.
fn client_files(asked: &str) {
    let (ours, foreign) = (Authority::new(), Authority::new());
    let (client, stranger) = (
        ours.sign("checkout", VALID),
        foreign.sign("stranger", VALID),
    );
    let ca = ours.file();
    let text = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    for (variable, signals) in forms(asked) {
        let other = if asked.ends_with("_KEY") {
            variable.replace("CLIENT_KEY", "CLIENT_CERTIFICATE")
        } else {
            variable.replace("CLIENT_CERTIFICATE", "CLIENT_KEY")
        };
        let (own, pair) = if asked.ends_with("_KEY") {
            (text(&client.key_file), text(&client.certificate_file))
        } else {
            (text(&client.certificate_file), text(&client.key_file))
        };
        let mut variables = vec![
            ("OTEL_EXPORTER_OTLP_CERTIFICATE".to_owned(), text(&ca)),
            (variable, own),
            (other, pair),
        ];
        if signals.len() == 1 {
            // The others show one that the server does not know.
            variables.push((
                "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE".to_owned(),
                text(&stranger.certificate_file),
            ));
            variables.push((
                "OTEL_EXPORTER_OTLP_CLIENT_KEY".to_owned(),
                text(&stranger.key_file),
            ));
        }
        let variables: Vec<_> = variables
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        through_tls(Some(&ours), &ours, &variables, &signals);
    }
}
