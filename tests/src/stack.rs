//! A stack of its own for each test.

mod ports;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use trisignal_receiver::Receiver;

use crate::files::collector_file;
use crate::http::get;
use crate::jaeger::Jaeger;
use crate::process::Process;
use crate::programs::{Programs, say_not_run};
use crate::wait::until;

pub use ports::free_port;
use ports::{Ports, address, url};

/// What a test needs besides Collector, Jaeger and the stand-in for Loki.
#[derive(Clone, Copy, Debug, Default)]
pub struct Parts {
    /// Tempo, and the Collector's pipeline to it.
    pub tempo: bool,
    /// Loki itself in place of its stand-in, which has no log records then.
    pub loki: bool,
    /// Prometheus, scraping the Collector.
    pub prometheus: bool,
    /// The Collector's pipeline that reads console lines from the files `*.log` of the stack's folder `lines`, and from the
    /// logs of the demo's gateway and orders.
    pub files: bool,
}

/// A running stack. Dropping it ends all its processes; a test that fails leaves its folder behind and names it.
#[derive(Debug)]
pub struct Stack {
    /// Stands in Loki's place: it has every log record that the Collector handed on.
    pub loki: Receiver,
    programs: Programs,
    ports: Ports,
    with: Parts,
    collector: Option<Process>,
    others: Vec<Process>,
    // Last: the processes write there until they are gone.
    dir: Option<TempDir>,
}

impl Stack {
    /// Starts the stack and waits until each part is ready. None when a program is missing: that is said, and the
    /// test has nothing to do.
    ///
    /// # Panics
    ///
    /// When the Collector or Jaeger is missing although `TRISIGNAL_E2E=required`, or a part does not become ready. A missing
    /// Tempo, Loki or Prometheus is only said.
    #[must_use]
    #[allow(clippy::expect_used, reason = "a test harness fails by panic")]
    pub fn start(test: &str, parts: Parts) -> Option<Self> {
        let programs = Programs::find(test)?;
        if parts.tempo && programs.tempo.is_none() {
            say_not_run(test, "TEMPO_BIN is not set");
            return None;
        }
        if parts.loki && programs.loki.is_none() {
            say_not_run(test, "LOKI_BIN is not set");
            return None;
        }
        if parts.prometheus && programs.prometheus.is_none() {
            say_not_run(test, "there is no `prometheus` on the PATH");
            return None;
        }
        let mut stack = Self {
            loki: Receiver::start_blocking().expect("loopback has free ports"),
            programs,
            ports: Ports::free(),
            with: parts,
            collector: None,
            others: Vec::new(),
            dir: Some(TempDir::new().expect("there is a place for temporary files")),
        };
        stack.start_jaeger();
        if parts.tempo {
            stack.start_tempo();
        }
        if parts.loki {
            stack.start_loki();
        }
        stack.start_collector();
        if parts.prometheus {
            stack.start_prometheus();
        }
        Some(stack)
    }

    /// Where a service sends OTLP over gRPC.
    #[must_use]
    pub fn grpc_endpoint(&self) -> String {
        url(self.ports.otlp_grpc)
    }

    /// Where a service sends OTLP over HTTP, without `/v1/…`.
    #[must_use]
    pub fn http_endpoint(&self) -> String {
        url(self.ports.otlp_http)
    }

    /// Jaeger's API.
    #[must_use]
    pub fn jaeger(&self) -> Jaeger {
        Jaeger::new(url(self.ports.jaeger_ui))
    }

    /// The page of the services' metrics, which Prometheus scrapes.
    #[must_use]
    pub fn metrics_url(&self) -> String {
        format!("{}/metrics", url(self.ports.exporter))
    }

    /// Tempo's API; answers only where `Parts::tempo` was asked for.
    #[must_use]
    pub fn tempo_url(&self) -> String {
        url(self.ports.tempo_http)
    }

    /// Loki's API; answers only where `Parts::loki` was asked for.
    #[must_use]
    pub fn loki_url(&self) -> String {
        url(self.ports.loki_http)
    }

    /// Prometheus' API; answers only where `Parts::prometheus` was asked for.
    #[must_use]
    pub fn prometheus_url(&self) -> String {
        url(self.ports.prometheus)
    }

    /// The folder of this stack, for files of the test.
    ///
    /// # Panics
    ///
    /// Never; it exists as long as the stack.
    #[must_use]
    #[allow(clippy::expect_used, reason = "only `drop` takes it")]
    pub fn dir(&self) -> &Path {
        self.dir.as_ref().expect("only `drop` takes it").path()
    }

    /// Tells Prometheus the pages of services, by name.
    ///
    /// # Panics
    ///
    /// When the folder of the test can't be written.
    #[allow(clippy::expect_used, reason = "a test harness fails by panic")]
    pub(crate) fn scrape(
        &self,
        pages: BTreeMap<&'static str, String>,
    ) -> BTreeMap<&'static str, String> {
        if self.with.prometheus && !pages.is_empty() {
            let target = |(name, page): (&&str, &String)| {
                format!("- targets: [{page:?}]\n  labels: {{ service_name: {name} }}\n")
            };
            let targets: String = pages.iter().map(target).collect();
            let file = self.dir().join("prometheus/direct-demo.yml");
            fs::write(file, targets).expect("the folder of the test can be written");
        }
        pages
    }

    /// What the Collector has logged.
    #[must_use]
    pub fn collector_log(&self) -> String {
        fs::read_to_string(self.log("otelcol")).unwrap_or_default()
    }

    /// Kills the Collector (SIGKILL). What it had acknowledged is on its disk.
    ///
    /// # Panics
    ///
    /// When it does not run.
    #[allow(clippy::expect_used, reason = "a test harness fails by panic")]
    pub fn kill_collector(&mut self) {
        self.collector.take().expect("the collector runs").kill();
    }

    /// Starts the Collector on the same ports and the same disk, and waits until it is ready.
    ///
    /// # Panics
    ///
    /// When it runs already or does not become ready.
    pub fn start_collector(&mut self) {
        assert!(self.collector.is_none(), "the collector runs already");
        let mut command = Command::new(&self.programs.otelcol);
        let tempo = self.with.tempo.then_some("otelcol-tempo.yaml");
        let files = self.with.files.then_some("otelcol-files.yaml");
        for file in ["otelcol.yaml", "otelcol-loki.yaml"]
            .into_iter()
            .chain(tempo)
            .chain(files)
        {
            command.arg(format!("--config=file:{}", collector_file(file).display()));
        }
        let loki = if self.with.loki {
            format!("{}/otlp", self.loki_url())
        } else {
            self.loki.http_endpoint()
        };
        let port = |port: u16| port.to_string();
        command
            .env("OTELCOL_GRPC_PORT", port(self.ports.otlp_grpc))
            .env("OTELCOL_HTTP_PORT", port(self.ports.otlp_http))
            .env("OTELCOL_HEALTH_PORT", port(self.ports.health))
            .env("OTELCOL_PROMETHEUS_PORT", port(self.ports.exporter))
            .env("OTELCOL_METRICS_PORT", port(self.ports.own_metrics))
            .env("OTELCOL_STORAGE", self.dir().join("queue"))
            .env("LOG_FILES", self.dir().join("{lines/*,gateway,orders}.log"))
            .env("JAEGER_ENDPOINT", address(self.ports.jaeger_otlp))
            .env("TEMPO_ENDPOINT", address(self.ports.tempo_otlp))
            .env("LOKI_ENDPOINT", loki);
        let ready = format!("{}/", url(self.ports.health));
        self.collector = Some(self.launch("otelcol", &mut command, &ready));
    }

    fn start_jaeger(&mut self) {
        let mut command = Command::new(&self.programs.jaeger);
        command
            .arg(format!(
                "--config=file:{}",
                collector_file("jaeger.yaml").display()
            ))
            .env("JAEGER_OTLP_PORT", self.ports.jaeger_otlp.to_string())
            .env("JAEGER_UI_PORT", self.ports.jaeger_ui.to_string())
            .env("JAEGER_API_PORT", self.ports.jaeger_api.to_string())
            .env("JAEGER_HEALTH_PORT", self.ports.jaeger_health.to_string());
        let ready = format!("{}/status", url(self.ports.jaeger_health));
        let process = self.launch("jaeger", &mut command, &ready);
        self.others.push(process);
    }

    fn start_tempo(&mut self) {
        let Some(program) = self.programs.tempo.clone() else {
            return;
        };
        let mut command = Command::new(program);
        command
            .arg(format!(
                "-config.file={}",
                collector_file("tempo.yaml").display()
            ))
            .arg("-config.expand-env=true")
            .env("TEMPO_HTTP_PORT", self.ports.tempo_http.to_string())
            .env("TEMPO_GRPC_PORT", self.ports.tempo_grpc.to_string())
            .env("TEMPO_OTLP_PORT", self.ports.tempo_otlp.to_string())
            .env("TEMPO_STORAGE", self.dir().join("tempo"));
        let ready = format!("{}/ready", self.tempo_url());
        let process = self.launch("tempo", &mut command, &ready);
        self.others.push(process);
    }

    fn start_loki(&mut self) {
        let Some(program) = self.programs.loki.clone() else {
            return;
        };
        let mut command = Command::new(program);
        let file = collector_file("loki.yaml");
        command
            .arg(format!("-config.file={}", file.display()))
            .arg("-config.expand-env=true")
            .env("LOKI_HTTP_PORT", self.ports.loki_http.to_string())
            .env("LOKI_GRPC_PORT", self.ports.loki_grpc.to_string())
            .env("LOKI_STORAGE", self.dir().join("loki"));
        let ready = format!("{}/ready", self.loki_url());
        let process = self.launch("loki", &mut command, &ready);
        self.others.push(process);
    }

    #[allow(clippy::expect_used, reason = "a test harness fails by panic")]
    fn start_prometheus(&mut self) {
        let Some(program) = self.programs.prometheus.clone() else {
            return;
        };
        let home = self.dir().join("prometheus");
        fs::create_dir_all(&home).expect("the folder of the test can be written");
        fs::copy(
            collector_file("prometheus/prometheus.yml"),
            home.join("prometheus.yml"),
        )
        .expect("collector/prometheus/prometheus.yml can be copied");
        copy_folder("prometheus/rules", &home.join("rules"));
        let targets = [self.ports.exporter, self.ports.own_metrics].map(address);
        fs::write(
            home.join("targets.yml"),
            format!("- targets: {targets:?}\n"),
        )
        .expect("the folder of the test can be written");
        let mut command = Command::new(program);
        command
            .arg(format!(
                "--config.file={}",
                home.join("prometheus.yml").display()
            ))
            .arg(format!(
                "--storage.tsdb.path={}",
                home.join("data").display()
            ))
            .arg(format!(
                "--web.listen-address={}",
                address(self.ports.prometheus)
            ))
            .arg("--enable-feature=exemplar-storage");
        let ready = format!("{}/-/ready", self.prometheus_url());
        let process = self.launch("prometheus", &mut command, &ready);
        self.others.push(process);
    }

    #[allow(clippy::expect_used, reason = "a test harness fails by panic")]
    fn launch(&self, name: &str, command: &mut Command, ready: &str) -> Process {
        let mut process = Process::spawn(name, command.current_dir(self.dir()), &self.log(name))
            .expect("the program can be run");
        until(&format!("{name} is ready"), || {
            assert!(process.runs(), "{name} ended at once:\n{}", process.log());
            get(ready, &[])
                .is_ok_and(|answer| answer.status == 200)
                .then_some(())
        });
        process
    }

    fn log(&self, name: &str) -> PathBuf {
        self.dir().join(format!("{name}.log"))
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(dir) = self.dir.take()
        {
            eprintln!("the logs are in {}", dir.keep().display());
        }
    }
}

/// Copies the files of a folder of `collector/`.
#[allow(clippy::expect_used, reason = "a test harness fails by panic")]
fn copy_folder(from: &str, to: &Path) {
    fs::create_dir_all(to).expect("the folder of the test can be written");
    for file in fs::read_dir(collector_file(from)).expect("the folder is there") {
        let file = file.expect("the folder can be read");
        fs::copy(file.path(), to.join(file.file_name())).expect("the file can be copied");
    }
}
