//! What all services do around their work: end when they are told to, and say what became of their telemetry.

use std::future::Future;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use trisignal::Telemetry;

/// Resolves when the process is asked to end, with its parent if that is wanted.
pub(crate) fn asked_to_end(
    telemetry: &Telemetry,
    with_parent: bool,
) -> impl Future<Output = ()> + Send + use<> {
    let signal = telemetry.signal();
    async move {
        tokio::select! {
            () = signal => {}
            () = parent_gone(), if with_parent => {}
        }
    }
}

/// Ends telemetry. Answers whether nothing of it was lost.
pub(crate) async fn finish(telemetry: Telemetry) -> bool {
    let report = telemetry.shutdown(Duration::from_secs(5)).await;
    if report.lost() > 0 {
        eprintln!("{report}");
    }
    report.lost() == 0
}

/// Resolves when standard input closes.
async fn parent_gone() {
    let mut ignored = [0; 64];
    while let Ok(1..) = tokio::io::stdin().read(&mut ignored).await {}
}
