//! Real brokers, each started for one test: on free ports, with a directory of its own, ended by pid.

use std::io;
#[cfg(feature = "lapin")]
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long a broker may take to be there. RabbitMQ needs some seconds on an idle machine.
const DEADLINE: Duration = Duration::from_secs(90);

/// Set to `required`, a broker that is not installed is a failure.
const REQUIRED: &str = "TRISIGNAL_E2E";

/// A broker that runs until it is dropped.
pub(crate) struct Broker {
    pub(crate) port: u16,
    // Ended in this order, and the directory last.
    _processes: Vec<Process>,
    _directory: TempDir,
}

impl Broker {
    /// Starts a NATS server, or says that there is none.
    #[cfg(feature = "nats")]
    pub(crate) async fn nats() -> Option<Self> {
        let program = find("nats-server", &[])?;
        let directory = TempDir::new().unwrap();
        // The server takes a free port by itself, and writes down which.
        let mut server = Process::start(
            Command::new(program)
                .args(["--addr", "127.0.0.1", "--port", "-1", "--ports_file_dir"])
                .arg(directory.path()),
            directory.path(),
            "nats",
        );
        let port = wait("NATS", || {
            server.assert_runs();
            let file = std::fs::read_dir(directory.path())
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .find(|path| {
                    path.extension()
                        .is_some_and(|extension| extension == "ports")
                })?;
            let text = std::fs::read_to_string(file).unwrap();
            let (_, rest) = text.split_once("nats://127.0.0.1:")?;
            rest.split_once('"')?.0.parse().ok()
        })
        .await;
        Some(Self {
            port,
            _processes: vec![server],
            _directory: directory,
        })
    }

    /// Starts RabbitMQ, or says that there is none. It may not answer yet.
    #[cfg(feature = "lapin")]
    pub(crate) async fn rabbitmq() -> Option<Self> {
        // The one on the PATH changes the user, and then the data is no longer ours.
        let server = find("rabbitmq-server", &["/usr/lib/rabbitmq/bin"])?;
        let epmd = find("epmd", &["/usr/lib/erlang/bin"])?;
        let directory = TempDir::new().unwrap();
        let path = directory.path();
        let [amqp, distribution, names] = free_ports();

        let mut mapper = Process::start(
            Command::new(epmd)
                .args(["-address", "127.0.0.1", "-port", &names.to_string()])
                .env("HOME", path),
            path,
            "epmd",
        );
        wait("epmd", || {
            mapper.assert_runs();
            std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, names)).ok()
        })
        .await;
        let mut broker = Command::new(server);
        broker
            .env("HOME", path)
            .env("ERL_EPMD_PORT", names.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODENAME", format!("trisignal-{amqp}@localhost"))
            .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODE_PORT", amqp.to_string())
            .env("RABBITMQ_DIST_PORT", distribution.to_string())
            .env("RABBITMQ_LOGS", "-")
            .env("RABBITMQ_PID_FILE", path.join("rabbitmq.pid"));
        for (variable, name) in [
            ("RABBITMQ_MNESIA_BASE", "data"),
            ("RABBITMQ_LOG_BASE", "log"),
            ("RABBITMQ_CONFIG_FILE", "rabbitmq"),
            ("RABBITMQ_CONF_ENV_FILE", "environment"),
            ("RABBITMQ_ENABLED_PLUGINS_FILE", "plugins"),
            ("RABBITMQ_GENERATED_CONFIG_DIR", "generated"),
        ] {
            broker.env(variable, path.join(name));
        }
        let mut broker = Process::start(&mut broker, path, "rabbitmq");
        wait("RabbitMQ", || {
            broker.assert_runs();
            std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, amqp)).ok()
        })
        .await;
        Some(Self {
            port: amqp,
            _processes: vec![broker, mapper],
            _directory: directory,
        })
    }
}

/// A child in a process group of its own, which ends with it.
struct Process {
    child: Child,
    name: &'static str,
    output: PathBuf,
}

impl Process {
    fn start(command: &mut Command, directory: &Path, name: &'static str) -> Self {
        let output = directory.join(format!("{name}.out"));
        let file = std::fs::File::create(&output).unwrap();
        let child = command
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        Self {
            child,
            name,
            output,
        }
    }

    #[track_caller]
    fn assert_runs(&mut self) {
        if let Some(status) = self.child.try_wait().unwrap() {
            let output = std::fs::read_to_string(&self.output).unwrap_or_default();
            panic!("{} ended with {status}:\n{output}", self.name);
        }
    }

    fn signal(&self, signal: &str) -> io::Result<()> {
        let group = format!("-{}", self.child.id());
        Command::new("kill")
            .args([signal, "--", &group])
            .stderr(Stdio::null())
            .status()
            .map(drop)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Until it is waited for its pid is nobody else's, and so is that of the group.
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.signal("-KILL");
            let _ = self.child.wait();
        }
    }
}

/// The path of a program. Without one it says so, and fails where it is required.
fn find(program: &str, directories: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = directories
        .iter()
        .map(PathBuf::from)
        .chain(std::env::split_paths(&path))
        .map(|directory| directory.join(program))
        .find(|file| file.is_file());
    if found.is_none() {
        assert_ne!(
            std::env::var(REQUIRED).as_deref(),
            Ok("required"),
            "{program} is not installed, but {REQUIRED}=required"
        );
        eprintln!("{program} is not installed: the test with this broker DID NOT RUN");
    }
    found
}

/// Ports that nobody has. The broker takes some seconds until it takes them, so they are none of those that the system gives
/// away by itself.
#[cfg(feature = "lapin")]
fn free_ports<const N: usize>() -> [u16; N] {
    // Runs at the same time begin at different ones.
    let begin = u16::try_from(std::process::id().wrapping_mul(7_919) % 20_000).unwrap();
    let mut free = (10_000 + begin..32_000)
        .filter(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok());
    [(); N].map(|()| free.next().unwrap())
}

/// Waits until `condition` is there.
async fn wait<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(
            start.elapsed() < DEADLINE,
            "{what} did not start in {DEADLINE:?}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
