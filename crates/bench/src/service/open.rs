//! An open loop: requests come at their time, whether those before them have been answered or not.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::connection::{Connection, connections, finish};
use super::{microseconds, quantile};
use crate::Result;
use crate::child::Figures;

const CONNECTIONS: u32 = 64;

/// A connection with times at which it is to ask.
struct Caller {
    connection: Connection,
    due: Instant,
    /// When the last response came.
    free_since: Instant,
}

/// Asks so many times a second for so long, and tells the latencies.
///
/// A request that could not be sent at its time, because its connection still waited, has waited since then: what
/// a slow server keeps its clients from asking is counted.
///
/// # Errors
///
/// When the server goes away.
pub(crate) fn open(server: &str, per_second: u32, time: Duration) -> Result<Figures> {
    let server: SocketAddr = server.parse()?;
    let pause = Duration::from_secs(1) * CONNECTIONS / per_second;
    let connections = connections(server, CONNECTIONS)?;
    let begin = Instant::now();
    let caller = |(connection, index)| Caller {
        connection,
        due: begin + pause * index / CONNECTIONS,
        free_since: begin,
    };
    let mut callers: Vec<_> = connections.into_iter().zip(0..).map(caller).collect();
    let mut latencies = Vec::new();
    while begin.elapsed() < time {
        for caller in &mut callers {
            latencies.extend(caller.turn(pause)?.map(microseconds));
        }
    }
    finish(callers.iter_mut().map(|caller| &mut caller.connection))?;
    latencies.sort_unstable();
    Ok(Figures::from([
        ("open_requests".to_owned(), latencies.len() as f64),
        ("open_p50_us".to_owned(), quantile(&latencies, 0.5)),
        ("open_p99_us".to_owned(), quantile(&latencies, 0.99)),
    ]))
}

impl Caller {
    /// Asks when that is due, and answers the time that a request took whose response has come.
    fn turn(&mut self, pause: Duration) -> std::io::Result<Option<Duration>> {
        if !self.connection.is_free() {
            let latency = self.connection.look()?;
            if latency.is_some() {
                self.free_since = Instant::now();
            }
            return Ok(latency);
        }
        let now = Instant::now();
        if now >= self.due {
            // That this process was not there at the time is its own fault, that it still waited is the server's.
            let was_kept = self.free_since > self.due;
            self.connection.ask(if was_kept { self.due } else { now })?;
            self.due += pause;
        }
        Ok(None)
    }
}
