//! What both services do around their routes: listen, serve until they are told to end, say what became of their
//! telemetry.

use std::time::Duration;

use axum::Router;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use trisignal::Telemetry;

use crate::Result;
use crate::args::Serve;

/// Serves `app` until the process is asked to end, then ends telemetry. Answers whether nothing of it was lost.
pub(crate) async fn run(serve: Serve, app: Router, telemetry: Telemetry) -> Result<bool> {
    let listener = TcpListener::bind(serve.listen).await?;
    eprintln!("listening on {}", listener.local_addr()?);
    let asked_to_end = telemetry.signal();
    let end = async move {
        tokio::select! {
            () = asked_to_end => {}
            () = parent_gone(), if serve.with_parent => {}
        }
    };
    axum::serve(listener, app).with_graceful_shutdown(end).await?;

    let report = telemetry.shutdown(Duration::from_secs(5)).await;
    if report.lost() > 0 {
        eprintln!("{report}");
    }
    Ok(report.lost() == 0)
}

/// Resolves when standard input closes.
async fn parent_gone() {
    let mut ignored = [0; 64];
    while let Ok(1..) = tokio::io::stdin().read(&mut ignored).await {}
}
