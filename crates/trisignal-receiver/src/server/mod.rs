//! The server: two listeners, their connections, and the commands of the handle.

mod connection;
mod decode;
mod exchange;
mod grpc;
mod http;
mod reply;
mod status;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};

use crate::limits::ServerLimits;
use crate::script::Script;
use crate::store::Store;

/// What all connections share with the handle.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) script: Mutex<Script>,
    pub(crate) limits: ServerLimits,
    pub(crate) log_identity: Option<String>,
}

/// Where the answer to a command goes.
pub(crate) type Ack = std::sync::mpsc::Sender<io::Result<()>>;

/// What the handle asks of the server.
#[derive(Debug)]
pub(crate) enum Command {
    Pause(Ack),
    Resume(Ack),
    Stop,
}

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1024;

/// Which protocol a listener speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Grpc,
    Http,
}

/// Serves until it is told to stop, or until the handle is gone.
pub(crate) async fn run(
    shared: Arc<Shared>,
    grpc: std::net::TcpListener,
    http: std::net::TcpListener,
    mut commands: mpsc::UnboundedReceiver<Command>,
) {
    let ports = Port::open(Kind::Grpc, grpc, &shared).and_then(|grpc| {
        let http = Port::open(Kind::Http, http, &shared)?;
        Ok([grpc, http])
    });
    // Fails only when the runtime has no IO driver, and ours has: then every command answers "stopped".
    let Ok(mut ports) = ports else { return };
    while let Some(command) = commands.recv().await {
        let (ack, result) = match command {
            Command::Pause(ack) => {
                let [grpc, http] = &mut ports;
                tokio::join!(grpc.pause(), http.pause());
                (ack, Ok(()))
            }
            Command::Resume(ack) => (
                ack,
                ports.iter_mut().try_for_each(|port| port.resume(&shared)),
            ),
            Command::Stop => break,
        };
        // The asking thread waits for this; it is only gone if the process is ending.
        let _ = ack.send(result);
    }
    for port in &mut ports {
        port.close().await;
    }
}

/// One address, listening or reserved.
struct Port {
    kind: Kind,
    addr: SocketAddr,
    state: PortState,
}

enum PortState {
    Listening {
        stop: oneshot::Sender<()>,
        task: JoinHandle<()>,
    },
    /// Bound but not listening: connecting is refused, and nobody else gets the port. `None` where that failed.
    Reserved(Option<TcpSocket>),
}

impl Port {
    fn open(kind: Kind, listener: std::net::TcpListener, shared: &Arc<Shared>) -> io::Result<Self> {
        let listener = TcpListener::from_std(listener)?;
        let addr = listener.local_addr()?;
        Ok(Self {
            kind,
            addr,
            state: listening(kind, listener, shared),
        })
    }

    async fn pause(&mut self) {
        if matches!(self.state, PortState::Listening { .. }) {
            self.close().await;
            self.state = PortState::Reserved(reserve(self.addr).ok());
        }
    }

    fn resume(&mut self, shared: &Arc<Shared>) -> io::Result<()> {
        let PortState::Reserved(socket) = &mut self.state else {
            return Ok(());
        };
        let socket = socket.take().map_or_else(|| reserve(self.addr), Ok)?;
        socket.set_reuseaddr(true)?;
        self.state = listening(self.kind, socket.listen(BACKLOG)?, shared);
        Ok(())
    }

    /// Ends listening and all connections; both are closed when this returns.
    async fn close(&mut self) {
        let state = std::mem::replace(&mut self.state, PortState::Reserved(None));
        if let PortState::Listening { stop, task } = state {
            // Both only fail when the task has ended, which is what is wanted.
            let _ = stop.send(());
            let _ = task.await;
        }
    }
}

fn listening(kind: Kind, listener: TcpListener, shared: &Arc<Shared>) -> PortState {
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(accept_until(kind, listener, Arc::clone(shared), stopped));
    PortState::Listening { stop, task }
}

fn reserve(addr: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if addr.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    }?;
    // Connections that were just closed still hold the address for a while.
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    // Two sockets that both allow it may share an address: from now on this one does not.
    socket.set_reuseaddr(false)?;
    Ok(socket)
}

async fn accept_until(
    kind: Kind,
    listener: TcpListener,
    shared: Arc<Shared>,
    mut stopped: oneshot::Receiver<()>,
) {
    let permits = Arc::new(Semaphore::new(
        shared.limits.connections.min(Semaphore::MAX_PERMITS),
    ));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stopped => break,
            Some(_) = connections.join_next() => {}
            accepted = accept(&listener, &permits) => match accepted {
                Ok((stream, permit)) => {
                    connections.spawn(connection::serve(kind, stream, permit, Arc::clone(&shared)));
                }
                // Mostly out of descriptors: others may be closed soon, and a tight loop would not help.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
        }
    }
    drop(listener);
    connections.shutdown().await;
}

async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits)
        .acquire_owned()
        .await
        .map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, permit))
}
