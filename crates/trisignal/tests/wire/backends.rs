//! The configurations of `docs/backends.md`: what leaves a service that has the variables of a backend's block is
//! what the backend's documentation asks for. Only the host is replaced.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use flate2::read::GzDecoder;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use prost::Message;
use trisignal::{ConsoleFormat, Telemetry};
use trisignal_receiver::Receiver;

use super::common::{PATIENCE, assert_balanced, record};

const PAGE: &str = include_str!("../../../../docs/backends.md");

/// What is put into the places of the page.
const FILLED: &[(&str, &str)] = &[
    ("<tenant>", "blue"),
    ("<zone>", "prod-eu-west-0"),
    ("<credentials>", "MTIzNDU2OmdsY19zZWNyZXQ="),
    ("<key>", "secret-key"),
    ("<dataset>", "checkout-metrics"),
    ("<token>", "secret-token"),
    ("<source>", "acme"),
    ("<environment>", "abc12345"),
    ("<deployment>", "d3adb33f"),
    ("<region>", "eu-central-1.aws"),
];

/// The variables of the section `backend`, filled in.
fn block(backend: &str) -> BTreeMap<String, String> {
    let section = PAGE
        .split("\n## ")
        .find(|section| section.starts_with(backend));
    let section = section.unwrap_or_else(|| panic!("the page has no section {backend}"));
    let (_, rest) = section.split_once("```sh\n").expect("a block of variables");
    let (block, _) = rest.split_once("```").expect("the block ends");
    let mut block = block.to_owned();
    for (place, value) in FILLED {
        block = block.replace(place, value);
    }
    assert!(
        !block.contains('<'),
        "{backend}: something is not filled in: {block}"
    );
    let variable = |line: &str| {
        let (name, value) = line.split_once('=').expect("a variable");
        (name.to_owned(), value.to_owned())
    };
    block.lines().map(variable).collect()
}

/// The host of each endpoint in `variables` replaced by `address`; and what it was, with its scheme.
fn redirect(variables: &mut BTreeMap<String, String>, address: &str) -> Vec<String> {
    let mut replaced = Vec::new();
    for (name, value) in variables.iter_mut() {
        if !name.ends_with("_ENDPOINT") {
            continue;
        }
        let (scheme, rest) = value.split_once("://").expect("a URL");
        let (host, path) = match rest.split_once('/') {
            Some((host, path)) => (host, format!("/{path}")),
            None => (rest, String::new()),
        };
        replaced.push(format!("{scheme}://{host}"));
        *value = format!("http://{address}{path}");
    }
    replaced.dedup();
    replaced
}

/// Records one item of each signal, and ends.
fn work(variables: BTreeMap<String, String>) {
    let telemetry = trisignal::builder("checkout")
        .environment(variables)
        .console(ConsoleFormat::Off)
        .build()
        .unwrap();
    assert!(
        telemetry.warnings().is_empty(),
        "{:?}",
        telemetry.warnings()
    );
    record_all(&telemetry);
    let report = telemetry.shutdown_blocking(PATIENCE);
    assert_balanced(&report);
    assert!(report.complete && report.lost() == 0, "{report}");
}

fn record_all(telemetry: &Telemetry) {
    let meter = telemetry.meter("orders");
    meter.u64_counter("orders.placed").build().add(1, &[]);
    meter.f64_histogram("orders.value").build().record(1.5, &[]);
    meter.i64_up_down_counter("orders.open").build().add(1, &[]);
    record(telemetry, || {
        let text = "x".repeat(5000);
        tracing::info_span!("GET /pay", text).in_scope(|| tracing::info!("paid"));
    });
}

/// One request over HTTP.
#[derive(Debug)]
struct Request {
    path: String,
    headers: BTreeMap<String, String>,
    /// As it came.
    body: Vec<u8>,
}

impl Request {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    fn decoded(&self) -> Vec<u8> {
        match self.header("content-encoding") {
            None => self.body.clone(),
            Some("gzip") => {
                let mut body = Vec::new();
                GzDecoder::new(&*self.body).read_to_end(&mut body).unwrap();
                body
            }
            other => panic!("the encoding {other:?}"),
        }
    }

    /// The temporality of each metric that has one: 1 is delta, 2 cumulative.
    fn temporalities(&self) -> BTreeMap<String, i32> {
        let request = ExportMetricsServiceRequest::decode(&*self.decoded()).unwrap();
        let metrics = request
            .resource_metrics
            .into_iter()
            .flat_map(|resource| resource.scope_metrics);
        let metrics = metrics.flat_map(|scope| scope.metrics);
        let one = |metric: opentelemetry_proto::tonic::metrics::v1::Metric| {
            let temporality = match metric.data? {
                Data::Sum(sum) => sum.aggregation_temporality,
                Data::Histogram(histogram) => histogram.aggregation_temporality,
                _ => return None,
            };
            Some((metric.name, temporality))
        };
        metrics.filter_map(one).collect()
    }
}

/// Takes whatever is posted to any path.
struct Capture {
    address: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Capture {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let taken = Arc::clone(&requests);
        // Ends with the process: it blocks in `accept`.
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let taken = Arc::clone(&taken);
                std::thread::spawn(move || serve(&stream, &taken));
            }
        });
        Self { address, requests }
    }
}

fn serve(stream: &TcpStream, taken: &Mutex<Vec<Request>>) {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read(&mut reader) {
        taken.lock().unwrap().push(request);
        let answer =
            "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
        let mut stream = stream;
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn read(reader: &mut BufReader<&TcpStream>) -> Option<Request> {
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let mut words = line.split_whitespace();
    assert_eq!(words.next(), Some("POST"), "{line}");
    let path = words.next()?.to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length")?.parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request {
        path,
        headers,
        body,
    })
}

/// What a backend's documentation asks for.
struct Asked {
    backend: &'static str,
    host: &'static str,
    /// Of spans, metrics and logs; empty is "not sent".
    paths: [&'static str; 3],
    /// With each request.
    headers: &'static [(&'static str, &'static str)],
    /// With spans alone, and with metrics alone.
    more: [&'static [(&'static str, &'static str)]; 2],
    compression: Option<&'static str>,
    delta: bool,
}

const DEFAULT: Asked = Asked {
    backend: "",
    host: "",
    paths: ["/v1/traces", "/v1/metrics", "/v1/logs"],
    headers: &[],
    more: [&[], &[]],
    compression: None,
    delta: false,
};

const OVER_HTTP: &[Asked] = &[
    Asked {
        backend: "Tempo",
        host: "http://tempo:4318",
        paths: ["/v1/traces", "", ""],
        headers: &[("x-scope-orgid", "blue")],
        ..DEFAULT
    },
    Asked {
        backend: "Grafana Cloud",
        host: "https://otlp-gateway-prod-eu-west-0.grafana.net",
        paths: ["/otlp/v1/traces", "/otlp/v1/metrics", "/otlp/v1/logs"],
        headers: &[("authorization", "Basic MTIzNDU2OmdsY19zZWNyZXQ=")],
        ..DEFAULT
    },
    Asked {
        backend: "Honeycomb",
        host: "https://api.honeycomb.io",
        headers: &[("x-honeycomb-team", "secret-key")],
        more: [&[], &[("x-honeycomb-dataset", "checkout-metrics")]],
        ..DEFAULT
    },
    Asked {
        backend: "Datadog",
        host: "https://otlp.datadoghq.com",
        headers: &[("dd-api-key", "secret-key")],
        more: [&[("dd-protocol", "otlp"), ("dd-otlp-source", "acme")], &[]],
        delta: true,
        ..DEFAULT
    },
    Asked {
        backend: "Dynatrace",
        host: "https://abc12345.live.dynatrace.com",
        paths: [
            "/api/v2/otlp/v1/traces",
            "/api/v2/otlp/v1/metrics",
            "/api/v2/otlp/v1/logs",
        ],
        headers: &[("authorization", "Api-Token secret-token")],
        delta: true,
        ..DEFAULT
    },
    Asked {
        backend: "New Relic",
        host: "https://otlp.nr-data.net",
        headers: &[("api-key", "secret-key")],
        compression: Some("gzip"),
        delta: true,
        ..DEFAULT
    },
    Asked {
        backend: "Elastic",
        host: "https://d3adb33f.ingest.eu-central-1.aws.elastic.cloud:443",
        headers: &[("authorization", "ApiKey secret-key")],
        delta: true,
        ..DEFAULT
    },
    Asked {
        backend: "CloudWatch",
        host: "http://localhost:4318",
        ..DEFAULT
    },
    Asked {
        backend: "Any of them through a Collector",
        host: "http://localhost:4318",
        delta: true,
        ..DEFAULT
    },
];

#[test]
fn what_is_sent_over_http_is_what_the_backend_asks_for() {
    for asked in OVER_HTTP {
        let backend = asked.backend;
        let capture = Capture::start();
        let mut variables = block(backend);
        assert_eq!(
            redirect(&mut variables, &capture.address),
            [asked.host],
            "{backend}"
        );
        work(variables);
        let requests = capture.requests.lock().unwrap();
        let one = |path: &str| {
            let mut found = requests.iter().filter(|request| request.path == path);
            found
                .next_back()
                .unwrap_or_else(|| panic!("{backend}: nothing at {path}"))
        };
        let expected = asked.paths.iter().filter(|path| !path.is_empty());
        for path in expected.clone() {
            let request = one(path);
            let is = |name: &str, value: Option<&str>| {
                assert_eq!(request.header(name), value, "{backend} {path}: {name}")
            };
            is("content-type", Some("application/x-protobuf"));
            is("content-encoding", asked.compression);
            for (name, value) in asked.headers {
                is(name, Some(value));
            }
        }
        assert!(
            requests
                .iter()
                .all(|request| expected.clone().any(|path| request.path == *path)),
            "{backend}: {requests:?}"
        );
        for (path, more) in asked.paths.iter().zip(asked.more) {
            for (name, value) in more {
                assert_eq!(
                    one(path).header(name),
                    Some(*value),
                    "{backend} {path}: {name}"
                );
            }
        }
        if !asked.paths[1].is_empty() {
            let temporalities = one(asked.paths[1]).temporalities();
            let expected = if asked.delta { 1 } else { 2 };
            for (name, expected) in [
                ("orders.placed", expected),
                ("orders.value", expected),
                ("orders.open", 2),
            ] {
                assert_eq!(
                    temporalities.get(name),
                    Some(&expected),
                    "{backend}: {name}"
                );
            }
        }
    }
}

/// Backend, host, header, and whether it takes metrics.
type OverGrpc = (
    &'static str,
    &'static str,
    Option<(&'static str, &'static str)>,
    bool,
);

const OVER_GRPC: &[OverGrpc] = &[
    ("Jaeger", "http://jaeger:4317", None, false),
    (
        "ServiceNow Cloud Observability",
        "https://ingest.lightstep.com:443",
        Some(("lightstep-access-token", "secret-token")),
        true,
    ),
];

#[test]
fn what_is_sent_over_grpc_is_what_the_backend_asks_for() {
    for (backend, host, header, metrics) in OVER_GRPC {
        let receiver = Receiver::start_blocking().unwrap();
        let mut variables = block(backend);
        let replaced = redirect(&mut variables, &receiver.grpc_addr().to_string());
        assert_eq!(replaced, [*host], "{backend}");
        work(variables);
        let requests = receiver.requests();
        for request in &requests {
            assert_eq!(
                request.protocol,
                trisignal_receiver::Protocol::Grpc,
                "{backend}"
            );
            if let Some((name, value)) = header {
                assert_eq!(request.header(name), Some(*value), "{backend}");
            }
        }
        assert_eq!(receiver.spans().count(), 1, "{backend}");
        assert_eq!(
            receiver.metrics().name("orders.placed").is_empty(),
            !metrics,
            "{backend}"
        );
        assert!(receiver.logs().is_empty(), "{backend}");
    }
}

#[test]
fn texts_are_cut_where_new_relic_would_cut_them() {
    let receiver = Receiver::start_blocking().unwrap();
    let mut variables = block("New Relic");
    redirect(&mut variables, &receiver.http_addr().to_string());
    work(variables);
    let span = receiver.spans().name("GET /pay").one().unwrap();
    let text = span
        .attr("text")
        .and_then(|text| text.as_str().map(str::len));
    assert_eq!(text, Some(4095));
}

/// A section without a test would be a promise.
#[test]
fn every_backend_of_the_page_is_tested() {
    let tested = OVER_HTTP
        .iter()
        .map(|asked| asked.backend)
        .chain(OVER_GRPC.iter().map(|asked| asked.0));
    let tested: Vec<_> = tested.collect();
    let sections = PAGE.split("\n## ").skip(1);
    let mut count = 0;
    for section in sections {
        let title = section.lines().next().unwrap();
        assert!(
            tested.iter().any(|tested| title.starts_with(tested)),
            "{title} has no test"
        );
        assert!(section.contains("```sh\n"), "{title} has no variables");
        count += 1;
    }
    assert_eq!(count, tested.len());
}
