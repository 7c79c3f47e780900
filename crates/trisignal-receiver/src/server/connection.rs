//! One connection, and how a script cuts it.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{Notify, OwnedSemaphorePermit};

use super::{Kind, Shared, grpc, http};

/// Lets a request cut the connection it came on.
#[derive(Debug, Default)]
pub(super) struct Cutter {
    reset: AtomicBool,
    cut: Notify,
}

impl Cutter {
    /// Resets the connection: the peer sees RST, not an orderly end. Never returns.
    pub(super) async fn reset(&self) -> Infallible {
        self.reset.store(true, Ordering::Relaxed);
        self.cut.notify_one();
        std::future::pending().await
    }
}

/// Serves a connection until it ends or is cut. The permit is given back at the end.
pub(super) async fn serve(
    kind: Kind,
    stream: TcpStream,
    _permit: OwnedSemaphorePermit,
    shared: Arc<Shared>,
) {
    // Small answers must not wait for more; where it cannot be set, they do.
    let _ = stream.set_nodelay(true);
    let cutter = Arc::new(Cutter::default());
    let io = TokioIo::new(Cuttable {
        stream,
        cutter: Arc::clone(&cutter),
    });
    let timeout = shared.limits.header_timeout;
    let for_requests = Arc::clone(&cutter);
    let service = service_fn(move |request| {
        let (shared, cutter) = (Arc::clone(&shared), Arc::clone(&for_requests));
        async move {
            Ok::<_, Infallible>(match kind {
                Kind::Grpc => grpc::handle(request, &shared, &cutter).await,
                Kind::Http => http::handle(request, &shared, &cutter).await,
            })
        }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    if kind == Kind::Grpc {
        builder = builder.http2_only();
    }
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(timeout);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(64 << 10);
    tokio::select! {
        // How a connection ends is the client's business; the requests on it have told their own end.
        _ = builder.serve_connection(io, service) => {}
        () = cutter.cut.notified() => {}
    }
}

/// A stream that ends with RST when it was cut.
struct Cuttable {
    stream: TcpStream,
    cutter: Arc<Cutter>,
}

impl Drop for Cuttable {
    fn drop(&mut self) {
        if self.cutter.reset.load(Ordering::Relaxed) {
            // Without it the connection ends orderly, which a client also has to bear.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Cuttable {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Cuttable {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }
}
