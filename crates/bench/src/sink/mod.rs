//! The receiver: a process that takes OTLP over HTTP and gRPC on one port, counts what comes, and keeps nothing.

mod client;
mod count;
mod server;

pub(crate) use self::client::Sink;
pub(crate) use self::count::Totals;
pub(crate) use self::server::serve;
