//! An open loop: requests come at their time, whether those before them have been answered or not.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::{REQUEST, quantile, response_length};
use crate::Result;
use crate::child::Figures;

const CONNECTIONS: u32 = 64;

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
    let begin = Instant::now() + Duration::from_millis(50);
    let threads: Vec<_> = (0..CONNECTIONS)
        .map(|index| {
            let first = begin + pause * index / CONNECTIONS;
            std::thread::spawn(move || connection(server, first, pause, begin + time))
        })
        .collect();
    let mut latencies = Vec::new();
    for thread in threads {
        latencies.extend(thread.join().map_err(|_| "a connection panicked")??);
    }
    latencies.sort_unstable();
    Ok(Figures::from([
        ("open_requests".to_owned(), latencies.len() as f64),
        ("open_p50_us".to_owned(), quantile(&latencies, 0.5)),
        ("open_p99_us".to_owned(), quantile(&latencies, 0.99)),
    ]))
}

fn connection(
    server: SocketAddr,
    first: Instant,
    pause: Duration,
    end: Instant,
) -> std::io::Result<Vec<u32>> {
    let mut stream = TcpStream::connect(server)?;
    stream.set_nodelay(true)?;
    let mut latencies = Vec::new();
    let mut buffer = Vec::new();
    let mut part = [0; 4096];
    let mut due = first;
    while due < end {
        let early = due.saturating_duration_since(Instant::now());
        // How late the sleep ends is this process's fault, how late it begins is the server's.
        let since = if early.is_zero() {
            due
        } else {
            std::thread::sleep(early);
            Instant::now()
        };
        stream.write_all(REQUEST)?;
        let length = loop {
            if let Some(length) = response_length(&buffer) {
                break length;
            }
            let read = stream.read(&mut part)?;
            if read == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            buffer.extend_from_slice(&part[..read]);
        };
        buffer.drain(..length);
        latencies.push(u32::try_from(since.elapsed().as_micros()).unwrap_or(u32::MAX));
        due += pause;
    }
    Ok(latencies)
}
