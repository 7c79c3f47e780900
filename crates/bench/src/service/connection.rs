//! A connection that is never waited for: whoever asks over many looks at one after the other.
//!
//! A load that sleeps until something comes has to be woken by the service, and the service pays for that: the more, the slower it
//! is. A client on another machine costs a service no such thing.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::{REQUEST, response_length};

/// A connection with at most one request on its way.
pub(super) struct Connection {
    stream: TcpStream,
    /// Since when the response is awaited.
    since: Option<Instant>,
    buffer: Vec<u8>,
}

impl Connection {
    pub(super) fn open(server: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(server)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream,
            since: None,
            buffer: Vec::with_capacity(4096),
        })
    }

    pub(super) fn is_free(&self) -> bool {
        self.since.is_none()
    }

    /// Sends a request, whose time counts from `since`.
    ///
    /// # Errors
    ///
    /// When the server has gone away. A connection without another request on its way has room for one.
    pub(super) fn ask(&mut self, since: Instant) -> io::Result<()> {
        self.stream.write_all(REQUEST)?;
        self.since = Some(since);
        Ok(())
    }

    /// The time that the request took whose response is there now.
    ///
    /// # Errors
    ///
    /// When the server has gone away.
    pub(super) fn look(&mut self) -> io::Result<Option<Duration>> {
        let Some(since) = self.since else {
            return Ok(None);
        };
        let mut part = [0; 4096];
        match self.stream.read(&mut part) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(read) => self.buffer.extend_from_slice(&part[..read]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error),
        }
        let Some(length) = response_length(&self.buffer) else {
            return Ok(None);
        };
        self.buffer.drain(..length);
        self.since = None;
        Ok(Some(since.elapsed()))
    }
}

/// So many connections.
///
/// # Errors
///
/// When the server does not take them.
pub(super) fn connections(server: SocketAddr, number: u32) -> io::Result<Vec<Connection>> {
    (0..number).map(|_| Connection::open(server)).collect()
}

/// Takes the responses that are still to come, so that no request is given up.
///
/// # Errors
///
/// When the server goes away.
pub(super) fn finish<'a>(
    connections: impl IntoIterator<Item = &'a mut Connection>,
) -> io::Result<()> {
    for connection in connections {
        while !connection.is_free() {
            connection.look()?;
        }
    }
    Ok(())
}
