//! `cargo xtask stack`: the stack of `docker-compose.yml` without Docker, from the same files.

mod build;
mod process;

use std::fs;
use std::path::{Path, PathBuf};

use crate::run::{Result, is_program, on_path, root, target_dir, variable};
use process::{Place, Service};

/// A file that adds a backend to the Collector's configuration when that backend is there.
pub(crate) struct Overlay {
    pub(crate) file: &'static str,
    backend: &'static str,
}

/// Every overlay of `collector/otelcol.yaml`.
pub(crate) const OVERLAYS: &[Overlay] = &[
    Overlay {
        file: "otelcol-tempo.yaml",
        backend: "tempo",
    },
    Overlay {
        file: "otelcol-loki.yaml",
        backend: "loki",
    },
];

/// The order matters: who receives is there before who sends.
const NAMES: &[&str] = &["jaeger", "tempo", "loki", "otelcol", "prometheus"];

/// The programs that the end-to-end tests and the native stack run.
pub(crate) struct Backends {
    pub(crate) otelcol: PathBuf,
    pub(crate) jaeger: PathBuf,
    pub(crate) tempo: Option<PathBuf>,
    pub(crate) loki: Option<PathBuf>,
    pub(crate) prometheus: Option<PathBuf>,
}

/// Finds or builds the programs, and links the built ones into `target/stack/bin/`, where the tests look.
///
/// # Errors
///
/// When Collector or Jaeger can neither be found nor built.
pub(crate) fn backends() -> Result<Backends> {
    let otelcol = build::program(&build::OTELCOL)?;
    let jaeger = build::program(&build::JAEGER)?;
    let tempo = named("TEMPO_BIN")?;
    let loki = named("LOKI_BIN")?;
    let bin = place().0.join("bin");
    fs::create_dir_all(&bin)?;
    for (name, program) in [("otelcol", &otelcol), ("jaeger", &jaeger)] {
        link(program, &bin.join(name))?;
    }
    Ok(Backends {
        otelcol,
        jaeger,
        tempo,
        loki,
        prometheus: on_path("prometheus"),
    })
}

/// The program that a variable names.
fn named(name: &str) -> Result<Option<PathBuf>> {
    match variable(name) {
        Some(path) if !is_program(Path::new(&path)) => {
            Err(format!("{name} names {path}, which is not a program").into())
        }
        named => Ok(named.map(fs::canonicalize).transpose()?),
    }
}

/// Whether a missing backend is a failure to build rather than a machine without the means.
pub(crate) fn can_build() -> bool {
    build::has_go()
        || [&build::OTELCOL, &build::JAEGER]
            .iter()
            .any(|recipe| variable(recipe.variable).is_some())
}

/// `stack build`: only has the programs ready.
///
/// # Errors
///
/// As [`backends`].
pub(crate) fn build() -> Result {
    let backends = backends()?;
    println!("otelcol  {}", backends.otelcol.display());
    println!("jaeger   {}", backends.jaeger.display());
    Ok(())
}

/// `stack up`: starts what is there, waits until it is ready, and names what is missing.
///
/// # Errors
///
/// When a program cannot be had or does not become ready; what was started before it goes on running.
pub(crate) fn up() -> Result {
    let backends = backends()?;
    let place = place();
    for service in services(&backends, &place)? {
        let pid = place.start(&service)?;
        println!("{:<11} ready, pid {pid}, {}", service.name, service.url);
    }
    for (name, how) in missing(&backends) {
        println!("{name:<11} not here: {how}");
    }
    println!("logs are in {}", place.0.display());
    println!(
        "send there with: OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 cargo run -p checkout"
    );
    Ok(())
}

/// `stack status`: says what runs.
///
/// # Errors
///
/// Never; the form is that of the other commands.
pub(crate) fn status() -> Result {
    let place = place();
    for name in NAMES {
        match place.running(name) {
            Some(pid) => println!(
                "{name:<11} runs, pid {pid}, log {}",
                place.log(name).display()
            ),
            None => println!("{name:<11} does not run"),
        }
    }
    Ok(())
}

/// `stack down`: ends what `up` started, senders first, so that nothing in flight is refused.
///
/// # Errors
///
/// When a program does not end.
pub(crate) fn down() -> Result {
    let place = place();
    for name in NAMES.iter().rev() {
        let ended = place.end(name)?;
        println!("{name:<11} {}", if ended { "ended" } else { "did not run" });
    }
    Ok(())
}

fn place() -> Place {
    Place(target_dir().join("stack"))
}

fn services(backends: &Backends, place: &Place) -> Result<Vec<Service>> {
    let config = root().join("collector");
    let mut services = vec![jaeger(backends, &config)];
    if let Some(tempo) = &backends.tempo {
        services.push(self::tempo(tempo, &config, place));
    }
    if let Some(loki) = &backends.loki {
        services.push(self::loki(loki, &config, place));
    }
    services.push(otelcol(backends, &config, place));
    if let Some(program) = &backends.prometheus {
        services.push(prometheus(program, place)?);
    }
    Ok(services)
}

fn jaeger(backends: &Backends, config: &Path) -> Service {
    Service {
        name: "jaeger",
        program: backends.jaeger.clone(),
        arguments: vec![format!(
            "--config=file:{}",
            config.join("jaeger.yaml").display()
        )],
        environment: Vec::new(),
        ready: ("127.0.0.1:16686", "/"),
        url: "http://127.0.0.1:16686",
    }
}

fn tempo(program: &Path, config: &Path, place: &Place) -> Service {
    Service {
        name: "tempo",
        program: program.to_owned(),
        arguments: vec![
            format!("-config.file={}", config.join("tempo.yaml").display()),
            "-config.expand-env=true".to_owned(),
        ],
        environment: vec![("TEMPO_STORAGE", shown(&place.0.join("tempo")))],
        ready: ("127.0.0.1:3200", "/ready"),
        url: "http://127.0.0.1:3200",
    }
}

fn loki(program: &Path, config: &Path, place: &Place) -> Service {
    Service {
        name: "loki",
        program: program.to_owned(),
        arguments: vec![
            format!("-config.file={}", config.join("loki.yaml").display()),
            "-config.expand-env=true".to_owned(),
        ],
        environment: vec![("LOKI_STORAGE", shown(&place.0.join("loki")))],
        ready: ("127.0.0.1:3100", "/ready"),
        url: "http://127.0.0.1:3100",
    }
}

fn otelcol(backends: &Backends, config: &Path, place: &Place) -> Service {
    let overlays = OVERLAYS
        .iter()
        .filter(|overlay| match overlay.backend {
            "tempo" => backends.tempo.is_some(),
            _ => backends.loki.is_some(),
        })
        .map(|overlay| overlay.file);
    Service {
        name: "otelcol",
        program: backends.otelcol.clone(),
        arguments: ["otelcol.yaml"]
            .into_iter()
            .chain(overlays)
            .map(|file| format!("--config=file:{}", config.join(file).display()))
            .collect(),
        environment: vec![("OTELCOL_STORAGE", shown(&place.0.join("otelcol-queue")))],
        ready: ("127.0.0.1:13133", "/"),
        url: "OTLP on 127.0.0.1:4317 (gRPC) and 127.0.0.1:4318 (HTTP)",
    }
}

/// Lays out the folder that Prometheus runs from. It reads its targets from a file beside its configuration,
/// the only thing that differs from Docker.
///
/// # Errors
///
/// When a file cannot be copied.
pub(crate) fn stage_prometheus(home: &Path, targets: &str) -> Result {
    let source = root().join("collector/prometheus");
    fs::create_dir_all(home)?;
    fs::copy(source.join("prometheus.yml"), home.join("prometheus.yml"))?;
    fs::copy(source.join(targets), home.join("targets.yml"))?;
    fs::create_dir_all(home.join("rules"))?;
    for rules in fs::read_dir(source.join("rules"))? {
        let rules = rules?;
        fs::copy(rules.path(), home.join("rules").join(rules.file_name()))?;
    }
    Ok(())
}

fn prometheus(program: &Path, place: &Place) -> Result<Service> {
    let home = place.0.join("prometheus");
    stage_prometheus(&home, "targets.native.yml")?;
    Ok(Service {
        name: "prometheus",
        program: program.to_owned(),
        arguments: vec![
            format!("--config.file={}", home.join("prometheus.yml").display()),
            format!("--storage.tsdb.path={}", home.join("data").display()),
            "--web.listen-address=127.0.0.1:9090".to_owned(),
            "--enable-feature=exemplar-storage".to_owned(),
        ],
        environment: Vec::new(),
        ready: ("127.0.0.1:9090", "/-/ready"),
        url: "http://127.0.0.1:9090",
    })
}

fn missing(backends: &Backends) -> Vec<(&'static str, &'static str)> {
    let mut missing = Vec::new();
    if backends.tempo.is_none() {
        missing.push((
            "tempo",
            "set TEMPO_BIN to the program of any release 2.x or 3.x",
        ));
    }
    if backends.prometheus.is_none() {
        missing.push((
            "prometheus",
            "put it on the PATH (Debian: apt-get install prometheus)",
        ));
    }
    if backends.loki.is_none() {
        missing.push(("loki", "set LOKI_BIN to the program of any release 3.x"));
    }
    missing.push(("grafana", "only with `docker compose up`"));
    missing
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// Points a name at a program; where links are not to be had, a copy does.
fn link(program: &Path, name: &Path) -> Result {
    match fs::remove_file(name) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error.into()),
    }
    #[cfg(unix)]
    std::os::unix::fs::symlink(program, name)?;
    #[cfg(not(unix))]
    fs::copy(program, name)?;
    Ok(())
}
