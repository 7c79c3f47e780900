//! A process for a test: the test binary runs itself, with nothing but this test in it.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Set in the child; its value is what the parent wants to tell it.
const CHILD: &str = "TRISIGNAL_TEST_CHILD";
/// A child that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(100);

/// Runs `body` in a process of its own. `test` is the name of the calling test, with its module.
pub(crate) fn isolated(test: &str, body: impl FnOnce()) {
    if told().is_some() {
        return body();
    }
    Process::start(test, "").finish();
}

/// What the parent told this process; `None` in the parent.
pub(crate) fn told() -> Option<String> {
    let told = std::env::var(CHILD).ok()?;
    std::thread::spawn(|| {
        std::thread::sleep(LIMIT);
        eprintln!("the test takes too long");
        std::process::exit(102);
    });
    Some(told)
}

/// Runs `test` in a new process with `variables` in its environment, and answers what it wrote to stdout and to stderr.
/// The test must have passed.
pub(crate) fn output(test: &str, variables: &[(&str, &str)]) -> (String, String) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(CHILD, "")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let [stdout, stderr] =
        [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    // A name that matches no test would pass as well.
    let passed = output.status.success() && stdout.contains("1 passed");
    assert!(passed, "{}: {stdout} {stderr}", output.status);
    (stdout, stderr)
}

/// A running child.
pub(crate) struct Process {
    child: Child,
    stdout: BufReader<std::process::ChildStdout>,
    output: String,
}

impl Process {
    /// Runs `test` in a new process, in which [`told`] answers `tell`.
    pub(crate) fn start(test: &str, tell: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([test, "--exact", "--nocapture", "--test-threads=1"])
            .env(CHILD, tell)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self {
            child,
            stdout,
            output: String::new(),
        }
    }

    /// Waits until the child has printed a line that contains `text`, and answers the line.
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        loop {
            let mut line = String::new();
            let bytes = self.stdout.read_line(&mut line).unwrap();
            assert!(
                bytes > 0,
                "the child ended without {text:?}: {}",
                self.output
            );
            self.output.push_str(&line);
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Sends the signal of this name, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let status = Command::new("kill")
            .args(["-s", name, &id])
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// Waits for the end of the child, whose test must have passed.
    pub(crate) fn finish(mut self) -> String {
        self.stdout.read_to_string(&mut self.output).unwrap();
        let status = self.child.wait().unwrap();
        // A name that matches no test would pass as well.
        let passed = status.success() && self.output.contains("1 passed");
        assert!(passed, "{status}: {}", self.output);
        self.output
    }
}
