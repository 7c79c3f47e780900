//! Captured headers, which a file says for all servers and clients of the process.

use std::collections::BTreeMap;
use std::convert::Infallible;

use http::{HeaderName, Request, Response};
use tower::{Layer as _, Service as _, service_fn};
use trisignal::ConsoleFormat;
use trisignal::http::ServerLayer;

use super::common::{PATIENCE, receiver};
use super::isolated::isolated;

#[test]
fn a_file_names_the_headers_that_spans_show() {
    isolated("headers::a_file_names_the_headers_that_spans_show", || {
        let answer = service_fn(|_: Request<String>| async {
            let answer = Response::builder()
                .header("x-shard", "7")
                .header("set-cookie", "hush");
            Ok::<_, Infallible>(answer.body(String::new()).unwrap())
        });
        // Made before the installation, as a router may be; the second one says for itself.
        let mut of_file = ServerLayer::new().layer(answer);
        let own = [HeaderName::from_static("x-own")];
        let mut of_code = ServerLayer::new()
            .capture_request_headers(own)
            .layer(answer);
        let receiver = receiver();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("telemetry.yaml");
        let text = r#"
file_format: "1.1"
tracer_provider:
  processors: [{batch: {exporter: {otlp_http: {endpoint: "${HTTP}/v1/traces"}}}}]
instrumentation/development:
  general:
    http:
      server:
        request_captured_headers: [X-Tenant, authorization]
        response_captured_headers: [x-shard, set-cookie]
      client: {request_captured_headers: [x-other]}
"#;
        std::fs::write(&path, text).unwrap();
        let telemetry = trisignal::builder("checkout")
            .environment(BTreeMap::from([(
                "HTTP".to_owned(),
                receiver.http_endpoint(),
            )]))
            .config_file(&path)
            .console(ConsoleFormat::Off)
            .install()
            .unwrap();
        assert!(
            telemetry.warnings().is_empty(),
            "{:?}",
            telemetry.warnings()
        );
        let line = "http.server.request_captured_headers = x-tenant,authorization (";
        assert!(
            telemetry.explain().contains(line),
            "{}",
            telemetry.explain()
        );
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let request = |path: &str| {
            let request = Request::get(path)
                .header("x-tenant", "a")
                .header("x-own", "b");
            let request = request
                .header("authorization", "Bearer hush")
                .header("x-other", "c");
            request.body(String::new()).unwrap()
        };
        drop(runtime.block_on(of_file.call(request("/file"))).unwrap());
        drop(runtime.block_on(of_code.call(request("/code"))).unwrap());
        let report = telemetry.shutdown_blocking(PATIENCE);
        assert!(report.complete && report.lost() == 0, "{report}");

        let span = |path: &str| receiver.spans().attr("url.path", path).one().unwrap();
        let shown = |path: &str| -> Vec<String> {
            let span = span(path);
            let keys = span
                .attributes
                .keys()
                .filter(|key| key.contains(".header."));
            let mut keys: Vec<_> = keys.map(str::to_owned).collect();
            keys.sort();
            keys
        };
        let of_response = [
            "http.response.header.set-cookie",
            "http.response.header.x-shard",
        ];
        assert_eq!(
            shown("/file"),
            [
                &[
                    "http.request.header.authorization",
                    "http.request.header.x-tenant"
                ][..],
                &of_response
            ]
            .concat()
        );
        assert_eq!(
            shown("/code"),
            [&["http.request.header.x-own"][..], &of_response].concat()
        );
        // Whoever asks for them does not get secrets either.
        let all = format!("{:?}", receiver.spans().all());
        assert!(!all.contains("hush"), "{all}");
    });
}
