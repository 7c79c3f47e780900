//! What can be set before a receiver starts.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use crate::limits::{ServerLimits, StoreLimits};
use crate::receiver::Receiver;
use crate::store::Store;

/// Settings of a [`Receiver`]; each has a default.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it is started"]
pub struct ReceiverBuilder {
    pub(crate) grpc_addr: SocketAddr,
    pub(crate) http_addr: SocketAddr,
    pub(crate) store: Option<Store>,
    pub(crate) store_limits: StoreLimits,
    pub(crate) server_limits: ServerLimits,
    pub(crate) log_identity: Option<String>,
}

impl Default for ReceiverBuilder {
    fn default() -> Self {
        let free_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            grpc_addr: free_port,
            http_addr: free_port,
            store: None,
            store_limits: StoreLimits::default(),
            server_limits: ServerLimits::default(),
            log_identity: None,
        }
    }
}

impl ReceiverBuilder {
    /// Where to listen for gRPC. Default: a free port of 127.0.0.1.
    pub fn grpc_addr(mut self, addr: impl Into<SocketAddr>) -> Self {
        self.grpc_addr = addr.into();
        self
    }

    /// Where to listen for HTTP. Default: a free port of 127.0.0.1.
    pub fn http_addr(mut self, addr: impl Into<SocketAddr>) -> Self {
        self.http_addr = addr.into();
        self
    }

    /// Stores into `store`, which may already hold what another receiver took. Default: an empty one.
    pub fn store(mut self, store: Store) -> Self {
        self.store = Some(store);
        self
    }

    /// Bounds of the store; without effect where [`store`](Self::store) is given. Default: [`StoreLimits::default`].
    pub fn store_limits(mut self, limits: StoreLimits) -> Self {
        self.store_limits = limits;
        self
    }

    /// Bounds of the server. Default: [`ServerLimits::default`].
    pub fn server_limits(mut self, limits: ServerLimits) -> Self {
        self.server_limits = limits;
        self
    }

    /// The attribute that tells log records apart in [`Received`](crate::Received). Default: none, the whole
    /// payload does, which takes two records that are equal to the nanosecond for one.
    pub fn log_identity(mut self, attribute: impl Into<String>) -> Self {
        self.log_identity = Some(attribute.into());
        self
    }

    /// Starts the receiver, from any async runtime.
    ///
    /// # Errors
    ///
    /// When an address cannot be bound, or the thread cannot be started.
    pub async fn start(self) -> io::Result<Receiver> {
        // Binding two sockets does not wait for anybody.
        self.start_blocking()
    }

    /// Starts the receiver, without any async runtime.
    ///
    /// # Errors
    ///
    /// When an address cannot be bound, or the thread cannot be started.
    pub fn start_blocking(self) -> io::Result<Receiver> {
        Receiver::launch(self)
    }
}
