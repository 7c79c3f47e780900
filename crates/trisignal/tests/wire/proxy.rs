//! A TCP proxy before a receiver, for what a receiver does not do: TLS, and connections that stay mute.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use rustls::ServerConfig;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;
use trisignal::Protocol;
use trisignal_receiver::Receiver;

/// The first byte of a TLS connection: a handshake record.
const HANDSHAKE: u8 = 0x16;

/// Listens on a free port until it is dropped.
pub(crate) struct Proxy {
    addr: SocketAddr,
    state: Arc<State>,
    runtime: Option<Runtime>,
}

#[derive(Default)]
struct State {
    tls: OnceLock<TlsAcceptor>,
    mute: AtomicBool,
    connections: AtomicUsize,
    in_the_clear: AtomicUsize,
}

impl Proxy {
    /// Forwards connections to `receiver` as they are.
    pub(crate) fn to(receiver: &Receiver, protocol: Protocol) -> Self {
        let backend = match protocol {
            Protocol::Grpc => receiver.grpc_addr(),
            _ => receiver.http_addr(),
        };
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let addr = listener.local_addr().unwrap();
        let state = Arc::new(State::default());
        runtime.spawn(accept(listener, backend, Arc::clone(&state)));
        Self {
            addr,
            state,
            runtime: Some(runtime),
        }
    }

    /// Ends TLS here. What connects without TLS gets nothing.
    pub(crate) fn tls(self, config: ServerConfig) -> Self {
        assert!(
            self.state
                .tls
                .set(TlsAcceptor::from(Arc::new(config)))
                .is_ok()
        );
        self
    }

    /// Takes connections and never reads from them, from here on.
    pub(crate) fn mute(self) -> Self {
        self.state.mute.store(true, Ordering::SeqCst);
        self
    }

    /// Forwards the connections that come from here on; those that are open stay mute.
    pub(crate) fn speak(&self) {
        self.state.mute.store(false, Ordering::SeqCst);
    }

    pub(crate) fn endpoint(&self, scheme: &str) -> String {
        format!("{scheme}://{}", self.addr)
    }

    /// How many connections came.
    pub(crate) fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// How many connections spoke anything but TLS where TLS was wanted.
    pub(crate) fn in_the_clear(&self) -> usize {
        self.state.in_the_clear.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }
}

async fn accept(listener: TcpListener, backend: SocketAddr, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        state.connections.fetch_add(1, Ordering::SeqCst);
        tokio::spawn(forward(stream, backend, Arc::clone(&state)));
    }
}

async fn forward(mut stream: TcpStream, backend: SocketAddr, state: Arc<State>) {
    if state.mute.load(Ordering::SeqCst) {
        std::future::pending::<()>().await;
    }
    let Some(tls) = state.tls.get() else {
        let Ok(mut backend) = TcpStream::connect(backend).await else {
            return;
        };
        let _ = copy_bidirectional(&mut stream, &mut backend).await;
        return;
    };
    let mut first = [0];
    if stream.peek(&mut first).await.is_ok_and(|bytes| bytes == 1) && first[0] != HANDSHAKE {
        state.in_the_clear.fetch_add(1, Ordering::SeqCst);
        return;
    }
    let Ok(mut stream) = tls.accept(stream).await else {
        return;
    };
    let Ok(mut backend) = TcpStream::connect(backend).await else {
        return;
    };
    let _ = copy_bidirectional(&mut stream, &mut backend).await;
}
