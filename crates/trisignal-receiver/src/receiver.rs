//! The handle of a running receiver.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::builder::ReceiverBuilder;
use crate::model::{LogRecord, Metric, Signal, Span};
use crate::query::Query;
use crate::request::RequestInfo;
use crate::script::Script;
use crate::server::{self, Command};
use crate::store::{Received, Store};
use crate::tree::TraceTree;
use crate::wait::Timeout;

/// An OTLP backend in the process, on a thread and a runtime of its own.
///
/// It runs from [`start`](Self::start) until [`stop`](Self::stop) or until it is dropped. What it stored can be read
/// afterwards too.
#[derive(Debug)]
pub struct Receiver {
    grpc_addr: SocketAddr,
    http_addr: SocketAddr,
    shared: Arc<server::Shared>,
    commands: mpsc::UnboundedSender<Command>,
    runtime: tokio::runtime::Handle,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
}

impl Receiver {
    /// Starts on two free ports of 127.0.0.1, from any async runtime.
    ///
    /// # Errors
    ///
    /// When no port can be bound, or the thread cannot be started.
    pub async fn start() -> io::Result<Self> {
        Self::builder().start().await
    }

    /// Starts on two free ports of 127.0.0.1, without any async runtime.
    ///
    /// # Errors
    ///
    /// When no port can be bound, or the thread cannot be started.
    pub fn start_blocking() -> io::Result<Self> {
        Self::builder().start_blocking()
    }

    /// Sets addresses and bounds before the start.
    pub fn builder() -> ReceiverBuilder {
        ReceiverBuilder::default()
    }

    /// `http://127.0.0.1:PORT` for `OTEL_EXPORTER_OTLP_PROTOCOL=grpc`.
    pub fn grpc_endpoint(&self) -> String {
        format!("http://{}", self.grpc_addr)
    }

    /// `http://127.0.0.1:PORT` for `http/protobuf` and `http/json`: the base, without `/v1/...`.
    pub fn http_endpoint(&self) -> String {
        format!("http://{}", self.http_addr)
    }

    /// The address of the gRPC listener.
    pub fn grpc_addr(&self) -> SocketAddr {
        self.grpc_addr
    }

    /// The address of the HTTP listener.
    pub fn http_addr(&self) -> SocketAddr {
        self.http_addr
    }

    /// What was stored; the handle outlives the receiver.
    pub fn store(&self) -> &Store {
        &self.shared.store
    }

    /// A query over the spans.
    pub fn spans(&self) -> Query<Span> {
        self.store().spans()
    }

    /// A query over the log records.
    pub fn logs(&self) -> Query<LogRecord> {
        self.store().logs()
    }

    /// A query over the metrics; each export of a metric is a record of its own.
    pub fn metrics(&self) -> Query<Metric> {
        self.store().metrics()
    }

    /// All spans of one trace as a tree.
    pub fn trace(&self, trace_id: &str) -> TraceTree {
        self.store().trace(trace_id)
    }

    /// The requests that came, oldest first.
    pub fn requests(&self) -> Vec<RequestInfo> {
        self.store().requests()
    }

    /// The totals of one signal.
    pub fn received(&self, signal: Signal) -> Received {
        self.store().received(signal)
    }

    /// How many items of one signal the bounds of the store have pushed out.
    pub fn dropped(&self, signal: Signal) -> u64 {
        self.store().dropped(signal)
    }

    /// Forgets all records, requests and totals. The script stays.
    pub fn clear(&self) {
        self.store().clear();
    }

    /// Replaces the script. Requests that were already decided on, hanging ones included, keep their answer.
    pub fn script(&self, script: impl Into<Script>) {
        *self
            .shared
            .script
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = script.into();
    }

    /// Waits until `condition` gives a value; it is asked at once, and again whenever something arrived.
    ///
    /// Works on any async runtime: the deadline is kept by the receiver, in real time also where the test has
    /// stopped the clock of its runtime. After [`stop`](Self::stop) the condition is asked once.
    ///
    /// # Errors
    ///
    /// [`Timeout`] when it gave none within `deadline`; it says what the receiver holds.
    pub async fn wait_for<T>(
        &self,
        deadline: Duration,
        condition: impl FnMut(&Store) -> Option<T>,
    ) -> Result<T, Timeout> {
        // Made inside of the task: a timer belongs to the clock of the runtime that makes it.
        let timer = async move { tokio::time::sleep(deadline).await };
        let expired = Expiry(self.runtime.spawn(timer));
        self.store().wait_until(expired, condition).await
    }

    /// The same, blocking the thread.
    ///
    /// # Errors
    ///
    /// [`Timeout`] when it gave none within `deadline`; it says what the receiver holds.
    pub fn wait_for_blocking<T>(
        &self,
        deadline: Duration,
        condition: impl FnMut(&Store) -> Option<T>,
    ) -> Result<T, Timeout> {
        self.store().wait_for_blocking(deadline, condition)
    }

    /// Waits until at least `count` different spans came, and gives all that are held.
    ///
    /// # Errors
    ///
    /// [`Timeout`] when fewer came within `deadline`.
    pub async fn wait_for_spans(
        &self,
        count: u64,
        deadline: Duration,
    ) -> Result<Vec<Arc<Span>>, Timeout> {
        let enough = |store: &Store| store.received(Signal::Traces).unique >= count;
        self.wait_for(deadline, |store| enough(store).then(|| store.spans().all()))
            .await
    }

    /// Waits until at least `count` different log records came, and gives all that are held.
    ///
    /// # Errors
    ///
    /// [`Timeout`] when fewer came within `deadline`.
    pub async fn wait_for_logs(
        &self,
        count: u64,
        deadline: Duration,
    ) -> Result<Vec<Arc<LogRecord>>, Timeout> {
        let enough = |store: &Store| store.received(Signal::Logs).unique >= count;
        self.wait_for(deadline, |store| enough(store).then(|| store.logs().all()))
            .await
    }

    /// Plays an outage: closes the listeners and all connections, so that connecting is refused. When it returns, it
    /// is so. The ports stay reserved. Does nothing while already paused.
    ///
    /// # Errors
    ///
    /// When the receiver was stopped.
    pub fn pause(&self) -> io::Result<()> {
        self.command(Command::Pause)
    }

    /// Ends the outage: listens on the same ports again. Does nothing while not paused.
    ///
    /// # Errors
    ///
    /// When the receiver was stopped, or the port was lost to another process.
    pub fn resume(&self) -> io::Result<()> {
        self.command(Command::Resume)
    }

    /// Closes everything and ends the thread; the ports are free when it returns. Stopping twice is fine.
    pub fn stop(&self) {
        // The thread is gone already when nobody takes the command.
        let _ = self.commands.send(Command::Stop);
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        // A receiver dropped by its own thread, inside a predicate, must not wait for itself.
        if let Some(thread) = thread.filter(|it| it.thread().id() != thread::current().id()) {
            // It has no panic to report: predicates are caught, and each connection is a task of its own.
            let _ = thread.join();
        }
    }

    pub(crate) fn launch(builder: ReceiverBuilder) -> io::Result<Self> {
        let grpc = listen(builder.grpc_addr)?;
        let http = listen(builder.http_addr)?;
        let (grpc_addr, http_addr) = (grpc.local_addr()?, http.local_addr()?);
        let shared = Arc::new(server::Shared {
            store: builder
                .store
                .unwrap_or_else(|| Store::new(builder.store_limits)),
            script: Mutex::new(Script::new()),
            limits: builder.server_limits,
            log_identity: builder.log_identity,
        });
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()?;
        let handle = runtime.handle().clone();
        let (commands, inbox) = mpsc::unbounded_channel();
        let for_server = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("otlp-receiver".to_owned())
            .spawn(move || runtime.block_on(server::run(for_server, grpc, http, inbox)))?;
        Ok(Self {
            grpc_addr,
            http_addr,
            shared,
            commands,
            runtime: handle,
            thread: Mutex::new(Some(thread)),
        })
    }

    fn command(&self, command: impl FnOnce(server::Ack) -> Command) -> io::Result<()> {
        let stopped = || io::Error::new(io::ErrorKind::NotConnected, "the receiver was stopped");
        let (ack, answer) = std::sync::mpsc::channel();
        self.commands.send(command(ack)).map_err(|_| stopped())?;
        answer.recv().map_err(|_| stopped())?
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.stop();
    }
}

fn listen(addr: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(addr)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// A timer on the receiver's runtime, taken back when the wait is over.
struct Expiry(tokio::task::JoinHandle<()>);

impl Future for Expiry {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // An error means that the receiver was stopped: then nothing can arrive any more.
        Pin::new(&mut self.0).poll(cx).map(drop)
    }
}

impl Drop for Expiry {
    fn drop(&mut self) {
        self.0.abort();
    }
}
