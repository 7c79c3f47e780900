//! An axum service with a candidate's telemetry, and who asks it. Server and load are processes of their own.
//!
//! A request has two spans, two log records and the standard metric of HTTP servers.

mod closed;
mod connection;
mod layers;
mod open;
mod server;

use std::time::Duration;

pub(crate) use self::closed::closed;
pub(crate) use self::open::open;
pub(crate) use self::server::serve;

/// What is asked, and how a response ends.
const REQUEST: &[u8] = b"GET /items/17 HTTP/1.1\r\nhost: bench\r\n\r\n";

/// The length of the first response in the buffer, once all of it is there.
fn response_length(buffer: &[u8]) -> Option<usize> {
    let head = buffer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&buffer[..head]).ok()?;
    let body = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>().ok())?
    });
    let length = head + body?;
    (buffer.len() >= length).then_some(length)
}

/// Whole microseconds.
fn microseconds(latency: Duration) -> u32 {
    u32::try_from(latency.as_micros()).unwrap_or(u32::MAX)
}

/// A quantile of latencies in microseconds.
fn quantile(sorted: &[u32], quantile: f64) -> f64 {
    let at = (sorted.len() as f64 * quantile) as usize;
    sorted
        .get(at.min(sorted.len().saturating_sub(1)))
        .map_or(f64::NAN, |&value| f64::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_found_when_it_is_complete() {
        let response = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nx: y\r\n\r\nbodyHTTP";
        assert_eq!(response_length(response), Some(response.len() - 4));
        assert_eq!(response_length(&response[..response.len() - 6]), None);
        assert_eq!(response_length(b"HTTP/1.1 200 OK\r\nContent"), None);
    }

    #[test]
    fn quantiles_stay_inside() {
        let values: Vec<u32> = (1..=100).collect();
        assert_eq!(quantile(&values, 0.5), 51.0);
        assert_eq!(quantile(&values, 1.0), 100.0);
        assert!(quantile(&[], 0.5).is_nan());
    }
}
