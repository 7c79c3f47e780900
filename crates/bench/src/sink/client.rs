//! The side of the process that wants to know what arrived.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::Totals;
use crate::Result;

/// A running receiver. It ends with this value.
pub(crate) struct Sink {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    address: String,
}

impl Sink {
    /// Starts a receiver; a `deep` one looks into every item and into what is compressed.
    ///
    /// # Errors
    ///
    /// When it does not start.
    pub(crate) fn start(deep: bool) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("sink").args(deep.then_some("--deep"));
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdin = child.stdin.take();
        let stdout = child
            .stdout
            .take()
            .ok_or("the sink has no standard output")?;
        let mut sink = Self {
            child,
            stdin,
            stdout: BufReader::new(stdout),
            address: String::new(),
        };
        sink.address = sink.line()?;
        Ok(sink)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What arrived since the last call.
    ///
    /// # Errors
    ///
    /// When the sink is gone.
    pub(crate) fn totals(&mut self) -> Result<Totals> {
        let stdin = self
            .stdin
            .as_mut()
            .ok_or("the sink has no standard input")?;
        stdin.write_all(b"\n")?;
        stdin.flush()?;
        Ok(serde_json::from_str(&self.line()?)?)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        // The end of its standard input is what ends it.
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}
