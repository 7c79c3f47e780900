//! Proofs of the variables whose effect needs a process of its own. Each test is called like its variable; the others are
//! in `tests/wire/variables`.

#[path = "../wire/variables/of_process.rs"]
mod of_process;

use std::collections::{BTreeMap, HashMap};
use std::process::Command;
use std::time::Duration;

use opentelemetry::global;
use opentelemetry::trace::TraceContextExt as _;
use trisignal::Protocol;

use super::common::{PATIENCE, brisk, builder, builder_to, eventually, receiver, shut_down, spans};
use super::isolated::{isolated, told};
use super::lines::Lines;

macro_rules! proofs {
    ($($name:ident => $body:block)*) => {
        const HERE: &[&str] = &[$(stringify!($name)),*];

        $(
            #[test]
            #[allow(non_snake_case, reason = "it is called like the variable")]
            fn $name() {
                isolated(concat!("variables::", stringify!($name)), || $body);
            }
        )*
    };
}

#[test]
fn the_list_of_proofs_is_that_of_the_tests() {
    let mut here = HERE.to_vec();
    // It needs a terminal around it.
    here.push("NO_COLOR");
    assert_eq!(here, of_process::PROVEN);
}

fn environment(name: &str, value: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(name.to_owned(), value.to_owned())])
}

/// The headers of a call inside of a span.
fn headers() -> HashMap<String, String> {
    let mut headers = HashMap::new();
    tracing::info_span!("call").in_scope(|| {
        let context = opentelemetry::Context::current();
        assert!(context.span().span_context().is_valid());
        global::get_text_map_propagator(|propagator| {
            propagator.inject_context(&context, &mut headers);
        });
    });
    headers
}

proofs! {
    OTEL_PROPAGATORS => {
        let receiver = receiver();
        let telemetry = builder(&receiver, Protocol::HttpProtobuf)
            .environment(environment("OTEL_PROPAGATORS", "b3,xray,b3"))
            .install()
            .unwrap();
        let headers = headers();
        let mut names: Vec<_> = headers.keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["b3", "x-amzn-trace-id"]);
        let report = telemetry.shutdown_blocking(PATIENCE);
        assert!(report.complete, "{report}");
        let span = receiver.spans().name("call").one().unwrap();
        assert!(headers["b3"].starts_with(&span.trace_id), "{headers:?}");
    }

    OTEL_LOG_LEVEL => {
        let lines = Lines::default();
        // Nobody is there, which is worth a warning.
        let telemetry = lines
            .attach(builder_to("http://127.0.0.1:9".to_owned(), Protocol::HttpProtobuf))
            .limits(brisk())
            .environment(environment("OTEL_LOG_LEVEL", "error"))
            .install()
            .unwrap();
        spans(&telemetry, 1);
        tracing::info!("the service speaks");
        let tried = || telemetry.flush_blocking(Duration::from_millis(50)).traces.held == 1;
        eventually("an attempt", tried);
        let report = shut_down(&telemetry, Duration::from_secs(1));
        assert_eq!(report.lost() - report.metrics.dropped.total(), 2, "{report}");
        let all = lines.take().concat();
        assert!(all.contains("the service speaks") && !all.contains("\"target\":\"trisignal\""), "{all}");
    }

    OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS => {
        use tower::{Layer as _, Service as _};

        // Made before the installation, as a router may be.
        let mut service = trisignal::http::ServerLayer::new().layer(tower::service_fn(
            |_: http::Request<String>| async { Ok::<_, std::convert::Infallible>(http::Response::new(String::new())) },
        ));
        let receiver = receiver();
        let telemetry = builder(&receiver, Protocol::HttpProtobuf)
            .environment(environment("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS", "GET,PURGE"))
            .install()
            .unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for method in ["PURGE", "POST"] {
            let request = http::Request::builder().method(method).body(String::new()).unwrap();
            runtime.block_on(service.call(request)).unwrap();
        }
        let report = telemetry.shutdown_blocking(PATIENCE);
        assert!(report.complete, "{report}");
        let methods = |name| {
            let spans = receiver.spans().attr("http.request.method", name).all();
            spans.len()
        };
        assert_eq!((methods("PURGE"), methods("_OTHER"), methods("POST")), (1, 1, 0));
    }
}

#[cfg(target_os = "linux")]
/// On a terminal, which `script` makes: colours, unless the variable is set to anything.
#[test]
#[allow(non_snake_case, reason = "it is called like the variable")]
fn NO_COLOR() {
    if told().is_some() {
        let telemetry = trisignal::builder("checkout").install().unwrap();
        tracing::info!("painted or not");
        let _ = telemetry.shutdown_blocking(PATIENCE);
        return;
    }
    let exe = std::env::current_exe().unwrap();
    let exe = exe.to_str().unwrap();
    let line = |variable: &str| {
        let command = format!(
            "env {variable} OTEL_RUST_CONSOLE=pretty OTEL_SDK_DISABLED=true TRISIGNAL_TEST_CHILD=x '{exe}' variables::NO_COLOR --exact --nocapture"
        );
        let output = Command::new("script")
            .args(["-qec", &command, "/dev/null"])
            .output()
            .unwrap();
        let output = String::from_utf8(output.stdout).unwrap();
        let line = output.lines().find(|line| line.contains("painted or not"));
        line.unwrap_or_else(|| panic!("{output}")).to_owned()
    };
    assert!(line("-u NO_COLOR").contains("\x1b["));
    assert!(!line("NO_COLOR=1").contains("\x1b["));
    assert!(line("NO_COLOR=").contains("\x1b["), "empty is unset");
}
