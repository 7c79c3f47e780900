//! A closed loop: so many connections, each with its next request as soon as it has a response.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::{REQUEST, quantile, response_length};
use crate::Result;
use crate::child::Figures;

const CONNECTIONS: usize = 32;

/// Asks for so long, and tells the requests per second and the latencies.
///
/// # Errors
///
/// When the server goes away.
pub(crate) fn closed(server: &str, time: Duration) -> Result<Figures> {
    let server: SocketAddr = server.parse()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let begin = Instant::now();
    let mut latencies = runtime.block_on(async {
        let mut connections = JoinSet::new();
        for _ in 0..CONNECTIONS {
            connections.spawn(connection(server, begin + time));
        }
        let mut latencies = Vec::new();
        while let Some(ended) = connections.join_next().await {
            latencies.extend(ended??);
        }
        Ok::<_, Box<dyn std::error::Error>>(latencies)
    })?;
    let seconds = begin.elapsed().as_secs_f64();
    latencies.sort_unstable();
    Ok(Figures::from([
        ("closed_requests".to_owned(), latencies.len() as f64),
        (
            "requests_per_s".to_owned(),
            latencies.len() as f64 / seconds,
        ),
        ("closed_p50_us".to_owned(), quantile(&latencies, 0.5)),
        ("closed_p99_us".to_owned(), quantile(&latencies, 0.99)),
    ]))
}

async fn connection(server: SocketAddr, end: Instant) -> std::io::Result<Vec<u32>> {
    let mut stream = TcpStream::connect(server).await?;
    stream.set_nodelay(true)?;
    let mut latencies = Vec::new();
    let mut buffer = Vec::with_capacity(4096);
    loop {
        let begin = Instant::now();
        if begin >= end {
            return Ok(latencies);
        }
        stream.write_all(REQUEST).await?;
        let length = loop {
            if let Some(length) = response_length(&buffer) {
                break length;
            }
            if stream.read_buf(&mut buffer).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        };
        buffer.drain(..length);
        latencies.push(u32::try_from(begin.elapsed().as_micros()).unwrap_or(u32::MAX));
    }
}
