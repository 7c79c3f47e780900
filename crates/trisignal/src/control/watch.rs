//! The thread that looks at the configuration file.
//!
//! It looks each second. When the file has changed and then stood still for a second, it is read. Nobody waits for this thread:
//! a file system that hangs holds up neither exports nor the end of the service.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, SystemTime};

use opentelemetry::Context;

use super::Control;
use super::reload::{Source, refused};

/// How often the file is looked at.
const INTERVAL: Duration = Duration::from_secs(1);

/// A configuration file as it was before it was read.
pub(crate) struct Watched {
    path: PathBuf,
    stamp: Option<Stamp>,
}

/// What tells one state of a file from another.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    size: u64,
    /// A file that took the place of another may be as old and as long.
    #[cfg(unix)]
    inode: u64,
}

impl Watched {
    /// To be called before the file is read, so that no change after that goes unseen.
    pub(crate) fn new(path: PathBuf) -> Self {
        let stamp = stamp(&path);
        Self { path, stamp }
    }
}

/// Follows the file until the other side of `end` is gone.
///
/// # Errors
///
/// When the system gives no thread.
pub(crate) fn watch(source: Source, control: Control, end: Receiver<()>) -> io::Result<()> {
    let run = move || {
        // What it says goes to the console, and is never exported.
        let _suppressed = Context::enter_telemetry_suppressed_scope();
        follow(source, &control, &end);
    };
    let builder = std::thread::Builder::new().name("trisignal-file".to_owned());
    builder.spawn(run).map(drop)
}

fn follow(source: Source, control: &Control, end: &Receiver<()>) {
    let Source { file, load, config } = source;
    let Watched {
        path,
        stamp: mut known,
    } = file;
    let started = Arc::new(config);
    let mut last = Arc::clone(&started);
    let mut seen = known.clone();
    while end.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
        let now = stamp(&path);
        // Somebody may be writing it: wait until it stands still.
        let still = std::mem::replace(&mut seen, now.clone()) == now;
        if !still || now == known {
            continue;
        }
        known = now;
        // The environment and the writer of the console may be of the user's making.
        let _ = catch_unwind(AssertUnwindSafe(|| match load() {
            Ok(config) => {
                let outcome = control.reload(&config, &last, &started);
                outcome.say(&path, &config);
                last = Arc::new(config);
            }
            Err(error) => refused(&path, &error),
        }));
    }
}

/// Not there is a state as well.
fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = std::fs::metadata(path).ok()?;
    Some(Stamp {
        modified: metadata.modified().ok(),
        size: metadata.len(),
        #[cfg(unix)]
        inode: std::os::unix::fs::MetadataExt::ino(&metadata),
    })
}
