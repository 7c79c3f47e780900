//! Programs that outlive the chore which started them, remembered by pid in `target/stack/`.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::run::{Result, on_path};

/// How long a program may take until its readiness page answers. Tempo's ring alone takes 15 s.
const READY_DEADLINE: Duration = Duration::from_secs(60);
/// How long a program may take to end after SIGTERM before it is killed.
const END_DEADLINE: Duration = Duration::from_secs(15);

/// A program to run, and how to see that it is ready.
pub(super) struct Service {
    pub(super) name: &'static str,
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<String>,
    pub(super) environment: Vec<(&'static str, String)>,
    /// `host:port` and path of a page that answers 200 once the program is ready.
    pub(super) ready: (&'static str, &'static str),
    /// What a person opens or sends to.
    pub(super) url: &'static str,
}

/// Where pids and logs are.
pub(super) struct Place(pub(super) PathBuf);

impl Place {
    pub(super) fn log(&self, name: &str) -> PathBuf {
        self.0.join(format!("{name}.log"))
    }

    fn pid_file(&self, name: &str) -> PathBuf {
        self.0.join(format!("{name}.pid"))
    }

    /// The pid of the program, if it still runs and still is that program.
    pub(super) fn running(&self, name: &str) -> Option<u32> {
        let text = fs::read_to_string(self.pid_file(name)).ok()?;
        let (pid, program) = text.trim_end().split_once(' ')?;
        let pid = pid.parse().ok()?;
        (program_of(pid).as_deref() == Some(program)).then_some(pid)
    }

    /// Starts the program unless it runs, and waits until it is ready.
    ///
    /// # Errors
    ///
    /// When it cannot be started, ends, or is not ready in time. The end of its log is in the message.
    pub(super) fn start(&self, service: &Service) -> Result<u32> {
        if let Some(pid) = self.running(service.name) {
            return Ok(pid);
        }
        let (address, page) = service.ready;
        if TcpStream::connect(address).is_ok() {
            return Err(format!(
                "{} cannot start: another program has {address}",
                service.name
            )
            .into());
        }
        let mut child = self.spawn(service)?;
        let start = Instant::now();
        while start.elapsed() < READY_DEADLINE {
            if let Some(status) = child.try_wait()? {
                let what = format!("ended at once with {status}");
                return Err(self.with_log(service.name, &what).into());
            }
            if answers(address, page) {
                return Ok(child.id());
            }
            thread::sleep(Duration::from_millis(100));
        }
        Err(self.with_log(service.name, "is not ready in time").into())
    }

    /// Ends the program that was started from here, and only that one.
    ///
    /// # Errors
    ///
    /// When it does not end, not even by SIGKILL.
    pub(super) fn end(&self, name: &str) -> Result<bool> {
        let Some(pid) = self.running(name) else {
            // Stale or none: the pid may by now be another program's, so it is only forgotten.
            let _ = fs::remove_file(self.pid_file(name));
            return Ok(false);
        };
        for signal in ["TERM", "KILL"] {
            signal_pid(pid, signal)?;
            let start = Instant::now();
            while start.elapsed() < END_DEADLINE {
                if self.running(name).is_none() {
                    fs::remove_file(self.pid_file(name))?;
                    return Ok(true);
                }
                thread::sleep(Duration::from_millis(50));
            }
        }
        Err(format!("{name} (pid {pid}) does not end").into())
    }

    fn spawn(&self, service: &Service) -> Result<Child> {
        fs::create_dir_all(&self.0)?;
        let log = File::create(self.log(service.name))?;
        let mut command = Command::new(&service.program);
        command
            .args(&service.arguments)
            .envs(
                service
                    .environment
                    .iter()
                    .map(|(name, value)| (name, value)),
            )
            .current_dir(&self.0)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        #[cfg(unix)]
        {
            use std::os::unix::process::CommandExt as _;
            // A group of its own: Ctrl-C in this terminal is not meant for the stack.
            command.process_group(0);
        }
        let child = command
            .spawn()
            .map_err(|error| format!("cannot run {}: {error}", service.program.display()))?;
        let line = format!("{} {}\n", child.id(), service.program.display());
        fs::write(self.pid_file(service.name), line)?;
        Ok(child)
    }

    fn with_log(&self, name: &str, what: &str) -> String {
        let path = self.log(name);
        let text = fs::read_to_string(&path).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let tail = lines[lines.len().saturating_sub(12)..].join("\n");
        format!("{name} {what}; the end of {}:\n{tail}", path.display())
    }
}

/// Whether an HTTP page answers 200.
pub(super) fn answers(address: &str, path: &str) -> bool {
    let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let Ok(mut stream) = TcpStream::connect(address) else {
        return false;
    };
    let limit = Some(Duration::from_secs(2));
    let mut head = [0; 12];
    stream.set_read_timeout(limit).is_ok()
        && stream.write_all(request.as_bytes()).is_ok()
        && stream.read_exact(&mut head).is_ok()
        && head.ends_with(b" 200")
}

/// The program that a pid runs, as it was called; none for a pid that is gone or only waits to be reaped.
fn program_of(pid: u32) -> Option<String> {
    let proc = Path::new("/proc").join(pid.to_string());
    if Path::new("/proc/self/cmdline").exists() {
        let words = fs::read(proc.join("cmdline")).ok()?;
        let first = words.split(|byte| *byte == 0).next()?;
        return Some(String::from_utf8_lossy(first).into_owned()).filter(|word| !word.is_empty());
    }
    // Elsewhere `ps` knows; it is on every such system.
    let ps = on_path("ps")?;
    let output = Command::new(ps)
        .args(["-o", "comm=", "-p", &pid.to_string()])
        .output()
        .ok()?;
    let word = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Some(word).filter(|word| !word.is_empty())
}

/// Signals are sent by the shell's own `kill`: std has none, and this workspace forbids unsafe code.
fn signal_pid(pid: u32, signal: &str) -> Result {
    let status = Command::new("sh")
        .args([
            "-c",
            "kill -s \"$1\" \"$2\"",
            "kill",
            signal,
            &pid.to_string(),
        ])
        .status()?;
    if status.success() {
        return Ok(());
    }
    Err(format!("cannot send SIG{signal} to pid {pid}").into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panic")]
    use super::*;

    /// A pid that was given to another program since must not be signalled.
    #[test]
    fn a_pid_of_another_program_is_left_alone() {
        let dir = std::env::temp_dir().join(format!("trisignal-stack-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let place = Place(dir.clone());
        let mut other = Command::new("sleep").arg("60").spawn().unwrap();
        fs::write(
            place.pid_file("x"),
            format!("{} {}/otelcol\n", other.id(), dir.display()),
        )
        .unwrap();
        assert_eq!(place.running("x"), None);
        assert!(!place.end("x").unwrap());
        assert!(
            other.try_wait().unwrap().is_none(),
            "the other program was ended"
        );
        fs::write(place.pid_file("x"), format!("{} sleep\n", other.id())).unwrap();
        // Between fork and exec a process has no command line yet.
        let start = Instant::now();
        while place.running("x").is_none() && start.elapsed() < READY_DEADLINE {
            thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(place.running("x"), Some(other.id()));
        other.kill().unwrap();
        other.wait().unwrap();
        assert_eq!(place.running("x"), None);
        fs::remove_dir_all(&dir).unwrap();
    }
}
