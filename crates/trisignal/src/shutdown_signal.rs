//! The signals that ask a process to end.

use std::io;

use tokio::runtime::Handle;
use tokio::sync::watch;

/// Listens from now on, on `runtime` or on a thread of its own.
pub(crate) fn listen(runtime: Option<Handle>) -> watch::Receiver<bool> {
    let (heard, received) = watch::channel(false);
    let listen = async move {
        if let Err(error) = wait().await {
            tracing::warn!(target: "trisignal", %error, "signals can't be listened to");
            // Keeps the channel open: that nothing can be heard is not a reason to end.
            std::future::pending::<()>().await;
        }
        heard.send_replace(true);
        // Whoever asks later has to learn of it, too.
        heard.closed().await;
    };
    match runtime {
        Some(runtime) => drop(runtime.spawn(listen)),
        None => {
            let run = || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build();
                if let Ok(runtime) = runtime {
                    runtime.block_on(listen);
                }
            };
            // Without a thread nothing is heard, and the process still ends by the signal's default.
            drop(
                std::thread::Builder::new()
                    .name("trisignal-signal".to_owned())
                    .spawn(run),
            );
        }
    }
    received
}

/// Resolves when a signal was heard; never, when nobody listens any more.
pub(crate) async fn received(mut received: watch::Receiver<bool>) {
    if received.wait_for(|heard| *heard).await.is_err() {
        std::future::pending::<()>().await;
    }
}

#[cfg(unix)]
async fn wait() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

#[cfg(not(unix))]
async fn wait() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}
