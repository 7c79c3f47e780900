//! A closed loop: so many connections, each with its next request as soon as it has a response.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::connection::{connections, finish};
use super::{microseconds, quantile};
use crate::Result;
use crate::child::Figures;

const CONNECTIONS: u32 = 32;

/// Asks for so long, and tells the requests per second and the latencies.
///
/// # Errors
///
/// When the server goes away.
pub(crate) fn closed(server: &str, time: Duration) -> Result<Figures> {
    let server: SocketAddr = server.parse()?;
    let mut connections = connections(server, CONNECTIONS)?;
    let begin = Instant::now();
    for connection in &mut connections {
        connection.ask(begin)?;
    }
    let mut latencies = Vec::new();
    while begin.elapsed() < time {
        for connection in &mut connections {
            if let Some(latency) = connection.look()? {
                latencies.push(microseconds(latency));
                connection.ask(Instant::now())?;
            }
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    finish(&mut connections)?;
    latencies.sort_unstable();
    let requests = latencies.len() as f64;
    Ok(Figures::from([
        ("closed_requests".to_owned(), requests),
        ("requests_per_s".to_owned(), requests / seconds),
        ("closed_p50_us".to_owned(), quantile(&latencies, 0.5)),
        ("closed_p99_us".to_owned(), quantile(&latencies, 0.99)),
    ]))
}
