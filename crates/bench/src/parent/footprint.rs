//! What a candidate adds to a build: crates, time and bytes, in a program of its own that does nothing else.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::Result;

/// What was measured of one program.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Footprint {
    pub(crate) name: String,
    /// Crates that are compiled for it, the program itself left out.
    pub(crate) crates: usize,
    /// Of a clean release build, if it was asked for.
    pub(crate) build_s: Option<f64>,
    /// Of the stripped program.
    pub(crate) binary_mib: Option<f64>,
}

/// A program: its name, its dependencies and what it does.
struct Program {
    name: &'static str,
    dependencies: &'static str,
    main: &'static str,
}

/// Each sets up three signals, or what of them the candidate has, and makes a span and a log record.
const PROGRAMS: &[Program] = &[
    Program {
        name: "tracing",
        dependencies: "tracing-subscriber = \"0.3\"",
        main: "tracing_subscriber::fmt().json().init(); work();",
    },
    Program {
        name: "trisignal",
        dependencies: "trisignal = { path = \"TRISIGNAL\" }",
        main: "let telemetry = trisignal::init(\"footprint\").unwrap(); work(); \
            println!(\"{}\", telemetry.shutdown_blocking(std::time::Duration::from_secs(1)));",
    },
    Program {
        name: "upstream by hand",
        dependencies: "opentelemetry = \"0.33.1\"\nopentelemetry_sdk = \"0.33.1\"\nopentelemetry-otlp = \"0.33.1\"\n\
            opentelemetry-appender-tracing = \"0.33.1\"\ntracing-opentelemetry = \"0.34\"\ntracing-subscriber = \"0.3\"",
        main: "use opentelemetry::{global, trace::TracerProvider as _}; \
            use tracing_subscriber::{layer::SubscriberExt as _, util::SubscriberInitExt as _}; \
            let traces = opentelemetry_otlp::SpanExporter::builder().with_http().build().unwrap(); \
            let logs = opentelemetry_otlp::LogExporter::builder().with_http().build().unwrap(); \
            let metrics = opentelemetry_otlp::MetricExporter::builder().with_http().build().unwrap(); \
            let tracer = opentelemetry_sdk::trace::SdkTracerProvider::builder().with_batch_exporter(traces).build(); \
            let logger = opentelemetry_sdk::logs::SdkLoggerProvider::builder().with_batch_exporter(logs).build(); \
            let meter = opentelemetry_sdk::metrics::SdkMeterProvider::builder().with_periodic_exporter(metrics).build(); \
            global::set_meter_provider(meter.clone()); \
            tracing_subscriber::registry() \
                .with(tracing_opentelemetry::layer().with_tracer(tracer.tracer(\"footprint\"))) \
                .with(opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge::new(&logger)) \
                .with(tracing_subscriber::fmt::layer().json()) \
                .init(); \
            work(); \
            let _ = (tracer.shutdown(), logger.shutdown(), meter.shutdown());",
    },
    Program {
        name: "init-tracing-opentelemetry",
        dependencies: "init-tracing-opentelemetry = { version = \"0.44\", default-features = false, \
            features = [\"tracing_subscriber_ext\", \"tls-ring\", \"logs\", \"metrics\"] }",
        main: "let _guard = init_tracing_opentelemetry::TracingConfig::production().init_subscriber().unwrap(); work();",
    },
    Program {
        name: "logfire",
        dependencies: "logfire = \"0.13.1\"",
        main: "let logfire = logfire::configure().finish().unwrap(); work(); let _ = logfire.shutdown();",
    },
    Program {
        name: "fastrace",
        dependencies: "fastrace = { version = \"0.7.19\", features = [\"enable\"] }\nfastrace-opentelemetry = \"0.19\"\n\
            opentelemetry = \"0.33.1\"\nopentelemetry_sdk = \"0.33.1\"\nopentelemetry-otlp = \"0.33.1\"",
        main: "let exporter = opentelemetry_otlp::SpanExporter::builder().with_http().build().unwrap(); \
            let resource = std::borrow::Cow::Owned(opentelemetry_sdk::Resource::builder().build()); \
            let scope = opentelemetry::InstrumentationScope::builder(\"footprint\").build(); \
            fastrace::set_reporter(fastrace_opentelemetry::OpenTelemetryReporter::new(exporter, resource, scope), \
                fastrace::collector::Config::default()); \
            drop(fastrace::Span::root(\"work\", fastrace::collector::SpanContext::random())); \
            work(); fastrace::flush();",
    },
];

/// Counts the crates of every program; with `build` also builds them, which takes minutes. A program that can't be built is told
/// and left out.
pub(super) fn measure(build: bool) -> Vec<Footprint> {
    let measured = PROGRAMS.iter().map(|program| {
        eprintln!("footprint of {}", program.name);
        one(program, build).inspect_err(|error| eprintln!("{}: {error}", program.name))
    });
    measured.filter_map(std::result::Result::ok).collect()
}

fn one(program: &Program, build: bool) -> Result<Footprint> {
    let folder = std::env::current_exe()?.with_file_name("footprint");
    in_folder(program, &folder.join(program.name.replace(' ', "-")), build)
}

fn in_folder(program: &Program, folder: &Path, build: bool) -> Result<Footprint> {
    write(program, folder)?;
    let mut tree = cargo(folder);
    tree.args([
        "tree",
        "--prefix=none",
        "--edges=normal,build",
        "--format={p}",
    ]);
    let output = tree.output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let text = String::from_utf8(output.stdout)?;
    let crates: std::collections::BTreeSet<_> = text
        .lines()
        .map(|line| line.split(' ').take(2).collect::<Vec<_>>())
        .collect();
    let mut footprint = Footprint {
        name: program.name.to_owned(),
        crates: crates.len().saturating_sub(2),
        build_s: None,
        binary_mib: None,
    };
    if build {
        let target = folder.join("target");
        // Only what this very function built before.
        let _ = fs::remove_dir_all(&target);
        let begin = Instant::now();
        let mut cargo = cargo(folder);
        if !cargo
            .args(["build", "--release", "--quiet", "--target-dir"])
            .arg(&target)
            .status()?
            .success()
        {
            return Err(format!("{} can't be built", program.name).into());
        }
        footprint.build_s = Some(begin.elapsed().as_secs_f64());
        let bytes = fs::metadata(target.join("release/footprint"))?.len();
        footprint.binary_mib = Some(bytes as f64 / f64::from(1 << 20));
        let _ = fs::remove_dir_all(&target);
    }
    Ok(footprint)
}

/// The locked versions are those that the other figures are of.
fn write(program: &Program, folder: &Path) -> Result {
    let manifest = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    fs::create_dir_all(folder.join("src"))?;
    fs::copy(manifest.join("Cargo.lock"), folder.join("Cargo.lock"))?;
    let trisignal = manifest.join("../trisignal").canonicalize()?;
    let dependencies = program
        .dependencies
        .replace("TRISIGNAL", &trisignal.to_string_lossy());
    let toml = format!(
        "[package]\nname = \"footprint\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
         [profile.release]\nstrip = true\n\n[dependencies]\ntracing = \"0.1\"\n{dependencies}\n"
    );
    fs::write(folder.join("Cargo.toml"), toml)?;
    let main = format!(
        "fn main() {{ {} }}\n\nfn work() {{ tracing::info_span!(\"work\").in_scope(|| tracing::info!(\"done\")); }}\n",
        program.main
    );
    fs::write(folder.join("src/main.rs"), main)?;
    Ok(())
}

fn cargo(folder: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(folder).env_remove("CARGO_TARGET_DIR");
    command
}
