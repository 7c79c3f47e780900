//! An HTTP client of one page: loopback, no TLS, one request per connection.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

/// Longer than any answer of a backend on this machine takes.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The answer to a request.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Header names in lower case, with their values, in the order they came.
    pub headers: Vec<(String, String)>,
    /// The body as text; bytes that are not UTF-8 are replaced.
    pub body: String,
}

impl Response {
    /// The first header of this lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as JSON; null when it is none.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// Sends a GET to `url` (`http://host:port/path`).
///
/// # Errors
///
/// When the connection fails or the answer is not HTTP.
pub fn get(url: &str, headers: &[(&str, &str)]) -> io::Result<Response> {
    send("GET", url, headers, "")
}

/// Sends a POST with a JSON body.
///
/// # Errors
///
/// When the connection fails or the answer is not HTTP.
pub fn post(url: &str, headers: &[(&str, &str)], json: &str) -> io::Result<Response> {
    send("POST", url, headers, json)
}

fn send(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> io::Result<Response> {
    let rest = url
        .strip_prefix("http://")
        .ok_or_else(|| invalid("the URL is not http"))?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    // HTTP/1.0: the answer ends with the connection and never comes in chunks.
    let mut request =
        format!("{method} /{path} HTTP/1.0\r\nHost: {authority}\r\nConnection: close\r\n");
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    if !body.is_empty() {
        request += &format!(
            "Content-Type: application/json\r\nContent-Length: {}\r\n",
            body.len()
        );
    }
    request += "\r\n";
    request += body;

    let address = authority
        .to_socket_addrs()?
        .next()
        .ok_or_else(|| invalid("no address"))?;
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    parse(&String::from_utf8_lossy(&answer))
}

fn parse(answer: &str) -> io::Result<Response> {
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .ok_or_else(|| invalid("no end of headers"))?;
    let mut lines = head.lines();
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1)?.parse().ok())
        .ok_or_else(|| invalid("no status"))?;
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    Ok(Response {
        status,
        headers,
        body: body.to_owned(),
    })
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panic")]
    use super::*;

    #[test]
    fn an_answer_is_read() {
        let answer =
            parse("HTTP/1.0 404 Not Found\r\nX-Correlation-Id: a:b\r\n\r\n{\"a\":1}").unwrap();
        assert_eq!(answer.status, 404);
        assert_eq!(answer.header("x-correlation-id"), Some("a:b"));
        assert_eq!(answer.json()["a"], 1);
        assert!(parse("nonsense").is_err());
    }
}
