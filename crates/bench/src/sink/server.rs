//! The side of the process that receives.

use std::convert::Infallible;
use std::io::{BufRead as _, Read as _, Write as _};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Buf as _, Bytes};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, Either, Empty, Full, combinators::WithTrailers};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;

use super::Totals;
use crate::Result;

type Body = Either<Empty<Bytes>, WithTrailers<Full<Bytes>, std::future::Ready<Trailers>>>;
type Trailers = Option<std::result::Result<HeaderMap, Infallible>>;

/// Serves until standard input ends. Prints the port, and then for each line read what arrived since the line before.
///
/// # Errors
///
/// When no port is free or standard output is closed.
pub(crate) fn serve(deep: bool) -> Result {
    let totals = Arc::new(Mutex::new(Totals::default()));
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{}", listener.local_addr()?)?;
    let shared = Arc::clone(&totals);
    std::thread::spawn(move || {
        if let Err(error) = listen(listener, &shared, deep) {
            eprintln!("sink: {error}");
        }
    });
    for line in std::io::stdin().lock().lines() {
        line?;
        let totals = std::mem::take(&mut *totals.lock().unwrap_or_else(PoisonError::into_inner));
        writeln!(stdout, "{}", serde_json::to_string(&totals)?)?;
    }
    Ok(())
}

fn listen(listener: std::net::TcpListener, totals: &Arc<Mutex<Totals>>, deep: bool) -> Result {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::from_std(listener)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let totals = Arc::clone(totals);
            let service = service_fn(move |request| answer(request, Arc::clone(&totals), deep));
            tokio::spawn(async move {
                let mut server = auto::Builder::new(TokioExecutor::new());
                // A flood needs large windows, or the time of a round trip would be measured.
                server
                    .http2()
                    .initial_connection_window_size(64 << 20)
                    .initial_stream_window_size(16 << 20)
                    .max_frame_size(1 << 20);
                // A client that goes away is none of the sink's business.
                let _ = server.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    })
}

async fn answer(
    request: Request<Incoming>,
    totals: Arc<Mutex<Totals>>,
    deep: bool,
) -> std::result::Result<Response<Body>, hyper::Error> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let header = |name: &str| {
        parts
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    let is_grpc = header("content-type").is_some_and(|kind| kind.starts_with("application/grpc"));
    let encoding = header(if is_grpc {
        "grpc-encoding"
    } else {
        "content-encoding"
    });
    count(parts.uri.path(), body, is_grpc, encoding, &totals, deep);
    Ok(if is_grpc {
        grpc_response()
    } else {
        http_response()
    })
}

fn count(
    path: &str,
    mut body: Bytes,
    is_grpc: bool,
    encoding: Option<&str>,
    totals: &Mutex<Totals>,
    deep: bool,
) {
    let bytes = body.len() as u64;
    let mut compressed = !is_grpc && encoding.is_some();
    if is_grpc && body.len() >= 5 {
        compressed = body[0] != 0;
        body.advance(5);
    }
    let body = match encoding {
        Some(encoding) if compressed => decompressed(&body, encoding, deep),
        _ => body,
    };
    let mut totals = totals.lock().unwrap_or_else(PoisonError::into_inner);
    totals.requests += 1;
    totals.bytes += bytes;
    match path {
        "/v1/traces" | "/opentelemetry.proto.collector.trace.v1.TraceService/Export" => {
            totals.add_traces(&body, deep);
        }
        "/v1/logs" | "/opentelemetry.proto.collector.logs.v1.LogsService/Export" => {
            totals.add_logs(&body);
        }
        "/v1/metrics" | "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export" => {
            totals.add_metrics(&body);
        }
        path => eprintln!("sink: nothing is served at {path}"),
    }
}

/// Only a deep sink takes the time: decompression costs more than all else that a sink does.
fn decompressed(body: &[u8], encoding: &str, deep: bool) -> Bytes {
    let mut plain = Vec::new();
    let read = match encoding {
        _ if !deep => Ok(0),
        "gzip" => flate2::read::GzDecoder::new(body).read_to_end(&mut plain),
        "zstd" => zstd::stream::read::Decoder::new(body)
            .and_then(|mut decoder| decoder.read_to_end(&mut plain)),
        other => {
            eprintln!("sink: can't decompress {other}");
            Ok(0)
        }
    };
    if let Err(error) = read {
        eprintln!("sink: {error}");
    }
    plain.into()
}

fn http_response() -> Response<Body> {
    let mut response = Response::new(Either::Left(Empty::new()));
    let kind = HeaderValue::from_static("application/x-protobuf");
    response.headers_mut().insert("content-type", kind);
    response
}

/// An empty message, and the status behind it.
fn grpc_response() -> Response<Body> {
    let status = HeaderMap::from_iter([(
        http::HeaderName::from_static("grpc-status"),
        HeaderValue::from_static("0"),
    )]);
    let message = Full::new(Bytes::from_static(&[0; 5]));
    let trailers = std::future::ready(Some(Ok(status)));
    let mut response = Response::new(Either::Right(message.with_trailers(trailers)));
    let kind = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert("content-type", kind);
    response
}
