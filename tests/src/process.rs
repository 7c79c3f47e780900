//! A child process with its log, ended by its own handle.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long a process may take to end after SIGTERM.
const GRACE: Duration = Duration::from_secs(30);
/// How much of a log a test that fails shows: lines, and characters of each. The whole log stays on the disk.
const TAIL: usize = 12;
const WIDTH: usize = 240;

/// A running program. Dropping it kills it; in a test that fails it says the end of its log first.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts the program; both its outputs go to `log`, after what is there already.
    ///
    /// # Errors
    ///
    /// When the log cannot be opened or the program cannot be run.
    pub fn spawn(name: &str, command: &mut Command, log: &Path) -> io::Result<Self> {
        let output = File::options().create(true).append(true).open(log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()?;
        Ok(Self {
            name: name.to_owned(),
            child,
            log: log.to_owned(),
        })
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Everything that it wrote.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Where its log is; the file outlives the process.
    #[must_use]
    pub fn log_path(&self) -> PathBuf {
        self.log.clone()
    }

    /// Ends it at once, as a crash would (SIGKILL).
    ///
    /// # Panics
    ///
    /// When it cannot be waited for.
    #[allow(clippy::expect_used, reason = "a test harness fails by panic")]
    pub fn kill(mut self) {
        // An error means that it is gone already.
        let _ = self.child.kill();
        self.child.wait().expect("a child can be waited for once");
    }

    /// Asks it to end (SIGTERM) and waits until it has.
    ///
    /// # Panics
    ///
    /// When it does not end in time.
    #[allow(clippy::expect_used, reason = "a test harness fails by panic")]
    pub fn terminate(mut self) -> ExitStatus {
        let pid = self.child.id().to_string();
        // The shell's own `kill`: std sends SIGKILL only, and this workspace forbids unsafe code.
        let sent = Command::new("sh")
            .args(["-c", "kill -s TERM \"$1\"", "kill", &pid])
            .status();
        assert!(
            sent.is_ok_and(|status| status.success()),
            "cannot signal {}",
            self.name
        );
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                return status;
            }
            assert!(
                start.elapsed() < GRACE,
                "{} does not end after SIGTERM",
                self.name
            );
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if thread::panicking() {
            let log = self.log();
            eprintln!("--- the end of the log of {}", self.name);
            for line in log.lines().skip(log.lines().count().saturating_sub(TAIL)) {
                eprintln!("{}", line.chars().take(WIDTH).collect::<String>());
            }
        }
        // It may be gone already, and there is nobody left to tell.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
