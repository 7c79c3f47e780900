//! The listener of its own: a thread with a small HTTP server that shows the page and nothing else.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use opentelemetry::Context;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tower_service::Service;

use super::scrape::Scraper;
use super::service::{MetricsBody, MetricsService, plain};
use crate::config::value_for_people;
use crate::error::{Error, ErrorKind};
use crate::metrics::HealthService;

/// Where the pages are.
const METRICS: &str = "/metrics";
const HEALTH: &str = "/health";
/// Open connections. Beyond it the one that idles for longest gives way to a new one.
const CONNECTIONS: usize = 32;
/// How long a request may take to arrive, and a connection to stay without one.
const HEADER_TIMEOUT: Duration = Duration::from_secs(7);
/// After this a connection takes no more requests.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(300);
/// A page that nobody reads on is given up.
const LAST_PAGE: Duration = Duration::from_secs(60);
/// The largest head of a request.
const HEAD_BYTES: usize = 16 * 1024;
/// How long to wait when the system gives no connections, for want of descriptors, say.
const PAUSE: Duration = Duration::from_millis(100);

/// What is served.
#[derive(Clone)]
struct Served {
    metrics: MetricsService,
    health: HealthService,
}

/// A listener, which is closed when it is dropped.
#[derive(Debug)]
pub(crate) struct Listener {
    address: SocketAddr,
    end: watch::Sender<bool>,
}

/// An address that is taken, before anything is served on it.
#[derive(Debug)]
pub(crate) struct Bound {
    socket: TcpListener,
    address: SocketAddr,
}

impl Bound {
    /// Takes the address.
    ///
    /// # Errors
    ///
    /// When there is no such address, or another process has it.
    pub(crate) fn new(host: &str, port: u16) -> Result<Self, Error> {
        bind(host, port).map_err(|error| {
            let host = value_for_people(host);
            let text = format!("can't listen for Prometheus on {host}, port {port}: {error}");
            Error::new(ErrorKind::System, text).with_source(error)
        })
    }

    /// Serves pages from now on.
    ///
    /// # Errors
    ///
    /// When the system gives no thread.
    pub(crate) fn serve(self, scraper: Scraper, health: HealthService) -> Result<Listener, Error> {
        let no_thread = |error: io::Error| {
            Error::new(ErrorKind::System, "no thread for Prometheus' listener").with_source(error)
        };
        let Self { socket, address } = self;
        let (end, ended) = watch::channel(false);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .map_err(no_thread)?;
        let run = move || {
            let _suppressed = Context::enter_telemetry_suppressed_scope();
            let pages = Served {
                metrics: MetricsService::new(Some(scraper)),
                health,
            };
            runtime.block_on(listen(socket, pages, ended));
        };
        std::thread::Builder::new()
            .name("trisignal-metrics".to_owned())
            .spawn(run)
            .map_err(no_thread)?;
        Ok(Listener { address, end })
    }
}

impl Listener {
    /// The address with the port that the system has chosen where none was asked for.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more connections, and closes those there are.
    pub(crate) fn close(&self) {
        self.end.send_replace(true);
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.close();
    }
}

fn bind(host: &str, port: u16) -> io::Result<Bound> {
    // Brackets are how an IPv6 address is written beside a port.
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let mut addresses: Vec<_> = (host, port).to_socket_addrs()?.collect();
    // `localhost` may be both; scrapers are mostly told 127.0.0.1.
    addresses.sort_by_key(SocketAddr::is_ipv6);
    let socket = TcpListener::bind(addresses.as_slice())?;
    socket.set_nonblocking(true)?;
    let address = socket.local_addr()?;
    Ok(Bound { socket, address })
}

async fn listen(socket: TcpListener, service: Served, mut ended: watch::Receiver<bool>) {
    let Ok(socket) = tokio::net::TcpListener::from_std(socket) else {
        return;
    };
    let mut open = Connections::default();
    loop {
        let accepted = tokio::select! {
            accepted = socket.accept() => accepted,
            _ = ended.wait_for(|ended| *ended) => return,
        };
        match accepted {
            Ok((stream, _)) => open.add(stream, service.clone()),
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// The open connections.
#[derive(Default)]
struct Connections {
    open: Vec<Connection>,
    /// Counts what happens on them.
    clock: Arc<AtomicU64>,
}

struct Connection {
    task: AbortHandle,
    /// When something last happened on it, by the clock; [`BUSY`] while an answer is being made.
    active: Arc<AtomicU64>,
}

/// Later than anything.
const BUSY: u64 = u64::MAX;

impl Connections {
    fn add(&mut self, stream: TcpStream, service: Served) {
        self.open
            .retain(|connection| !connection.task.is_finished());
        if self.open.len() >= CONNECTIONS {
            let active = |connection: &Connection| connection.active.load(Ordering::Relaxed);
            let oldest = (0..self.open.len()).min_by_key(|index| active(&self.open[*index]));
            // All of them wait for their pages: the new one would only wait longer.
            let Some(oldest) = oldest.filter(|index| active(&self.open[*index]) != BUSY) else {
                return;
            };
            self.open.swap_remove(oldest).task.abort();
        }
        let clock = Arc::clone(&self.clock);
        let active = Arc::new(AtomicU64::new(clock.fetch_add(1, Ordering::Relaxed)));
        let activity = Activity {
            clock,
            active: Arc::clone(&active),
        };
        let task = tokio::spawn(serve(stream, service, activity)).abort_handle();
        self.open.push(Connection { task, active });
    }
}

async fn serve(stream: TcpStream, service: Served, activity: Activity) {
    let answer = service_fn(move |request: Request<Incoming>| {
        let busy = activity.begin();
        let mut service = service.clone();
        async move {
            let _busy = busy;
            match request.uri().path() {
                METRICS => service.metrics.call(request).await,
                HEALTH => service.health.call(request).await,
                _ => not_here(),
            }
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), answer);
    let mut connection = pin!(connection);
    // However it ends, there is nobody to tell.
    if timeout(CONNECTION_TIMEOUT, connection.as_mut())
        .await
        .is_err()
    {
        connection.as_mut().graceful_shutdown();
        let _ = timeout(LAST_PAGE, connection).await;
    }
}

fn not_here() -> Result<Response<MetricsBody>, Infallible> {
    Ok(plain(
        StatusCode::NOT_FOUND,
        "metrics are at /metrics, the health of telemetry is at /health\n",
    ))
}

/// Tells what happens on a connection.
#[derive(Clone)]
struct Activity {
    clock: Arc<AtomicU64>,
    active: Arc<AtomicU64>,
}

impl Activity {
    /// Busy from now on, until what is returned is dropped.
    fn begin(&self) -> Busy {
        self.active.store(BUSY, Ordering::Relaxed);
        Busy(self.clone())
    }
}

struct Busy(Activity);

impl Drop for Busy {
    fn drop(&mut self) {
        let Activity { clock, active } = &self.0;
        active.store(clock.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
    }
}
