//! The lines of the console, kept to be looked at.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use serde_json::Value;
use trisignal::{Builder, ConsoleFormat};

/// The target of what telemetry says about itself.
const OURS: &str = "trisignal";

#[derive(Clone, Default)]
pub(crate) struct Lines {
    lines: Arc<Mutex<Vec<String>>>,
}

impl Lines {
    /// Has `builder` write the console here, as JSON.
    pub(crate) fn attach(&self, builder: Builder) -> Builder {
        let lines = Arc::clone(&self.lines);
        builder
            .console(ConsoleFormat::Json)
            .console_writer(move |line| {
                lines
                    .lock()
                    .unwrap()
                    .push(String::from_utf8(line.to_vec()).unwrap());
                Ok(())
            })
    }

    /// All lines since the last call.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.lines.lock().unwrap())
    }

    /// What telemetry said about itself so far.
    pub(crate) fn ours(&self) -> Vec<Value> {
        let lines = self.lines.lock().unwrap();
        let parsed = lines
            .iter()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        parsed.filter(|line| line["target"] == OURS).collect()
    }

    /// What telemetry said about the backend at `endpoint`.
    pub(crate) fn about(&self, endpoint: &str) -> Vec<Value> {
        let is_about = |line: &Value| {
            line["endpoint"]
                .as_str()
                .is_some_and(|at| at.starts_with(endpoint))
        };
        self.ours().into_iter().filter(is_about).collect()
    }

    /// The messages of [`ours`](Self::ours).
    pub(crate) fn messages(&self) -> Vec<String> {
        self.ours()
            .iter()
            .map(|line| line["message"].as_str().unwrap().to_owned())
            .collect()
    }

    /// That telemetry said `expected` and nothing else since `begin`, and nothing of it more than once in ten seconds.
    #[track_caller]
    pub(crate) fn assert_said(&self, expected: &[&str], begin: Instant) {
        let said = self.messages();
        let most = 1 + begin.elapsed().as_secs() / 10;
        for message in expected {
            let times = said.iter().filter(|said| said == message).count() as u64;
            assert!(
                (1..=most).contains(&times),
                "{times} times {message}: {:?}",
                self.ours()
            );
        }
        let is_expected = |said: &String| expected.contains(&said.as_str());
        assert!(said.iter().all(is_expected), "{:?}", self.ours());
    }
}
