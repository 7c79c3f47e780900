//! Where lines go: one call for each line, under a lock, and errors are counted.

use std::{
    fmt,
    io::{self, IsTerminal as _, Write as _},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

/// The destination of console lines. Clones share it, and its count of errors.
#[derive(Clone)]
pub(crate) struct ConsoleWriter(Arc<Inner>);

struct Inner {
    sink: Sink,
    terminal: bool,
    errors: AtomicU64,
    /// Whether the last line may have been written in part.
    torn: AtomicBool,
}

type WriteLine = dyn FnMut(&[u8]) -> io::Result<()> + Send;

enum Sink {
    /// With the lock of the standard library, which `println!` takes too.
    Stdout,
    Custom(Mutex<Box<WriteLine>>),
}

impl ConsoleWriter {
    /// Standard output.
    pub(crate) fn stdout() -> ConsoleWriter {
        ConsoleWriter::new(Sink::Stdout, io::stdout().is_terminal())
    }

    /// Hands each line, with its newline, to `write`, never from two threads at once. Not a terminal.
    pub(crate) fn from_fn(
        write: impl FnMut(&[u8]) -> io::Result<()> + Send + 'static,
    ) -> ConsoleWriter {
        ConsoleWriter::new(Sink::Custom(Mutex::new(Box::new(write))), false)
    }

    /// The same, said to be a terminal.
    #[cfg(test)]
    pub(crate) fn terminal_from_fn(
        write: impl FnMut(&[u8]) -> io::Result<()> + Send + 'static,
    ) -> ConsoleWriter {
        ConsoleWriter::new(Sink::Custom(Mutex::new(Box::new(write))), true)
    }

    fn new(sink: Sink, terminal: bool) -> ConsoleWriter {
        ConsoleWriter(Arc::new(Inner {
            sink,
            terminal,
            errors: AtomicU64::new(0),
            torn: AtomicBool::new(false),
        }))
    }

    /// Whether people look at it.
    pub(crate) fn is_terminal(&self) -> bool {
        self.0.terminal
    }

    /// Lines that could not be written.
    pub(crate) fn errors(&self) -> u64 {
        self.0.errors.load(Ordering::Relaxed)
    }

    /// Writes one line, and answers whether it could. It never fails: a service goes on when nobody reads its output any
    /// more.
    pub(crate) fn write(&self, line: &[u8]) -> bool {
        let result = match &self.0.sink {
            Sink::Stdout => {
                let mut stdout = io::stdout().lock();
                self.write_whole(line, |bytes| stdout.write_all(bytes))
            }
            Sink::Custom(write) => {
                let mut write = write.lock().unwrap_or_else(PoisonError::into_inner);
                // It is code of the user, and a panic of it must cost no more than this line.
                catch_unwind(AssertUnwindSafe(|| {
                    self.write_whole(line, |bytes| write(bytes))
                }))
                .unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))
            }
        };
        if result.is_err() {
            self.0.errors.fetch_add(1, Ordering::Relaxed);
        }
        result.is_ok()
    }

    /// Runs under the lock of the sink.
    fn write_whole(
        &self,
        line: &[u8],
        mut write: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        // After a failure the last line may stand there half; this one must not be glued to it.
        if self.0.torn.load(Ordering::Relaxed) {
            write(b"\n")?;
        }
        let result = write(line);
        self.0.torn.store(result.is_err(), Ordering::Relaxed);
        result
    }
}

impl Default for ConsoleWriter {
    fn default() -> Self {
        ConsoleWriter::stdout()
    }
}

impl fmt::Debug for ConsoleWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsoleWriter")
            .field("terminal", &self.0.terminal)
            .field("errors", &self.errors())
            .finish_non_exhaustive()
    }
}
