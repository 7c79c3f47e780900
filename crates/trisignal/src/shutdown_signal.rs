//! The signals that ask a process to end.

use std::future::Future;
use std::io;

use tokio::runtime::{Builder, Handle};
use tokio::sync::watch;

/// Listens from now on, on `runtime` or on a thread of its own.
pub(crate) fn listen(runtime: Option<Handle>) -> watch::Receiver<bool> {
    let (heard, received) = watch::channel(false);
    let listening = match runtime {
        Some(runtime) => on_runtime(&runtime, heard),
        None => on_thread(heard),
    };
    if let Err(error) = listening {
        tracing::warn!(target: "trisignal", %error, "signals can't be listened to");
    }
    received
}

fn on_runtime(runtime: &Handle, heard: watch::Sender<bool>) -> io::Result<()> {
    let _entered = runtime.enter();
    runtime.spawn(tell(asked_to_end()?, heard));
    Ok(())
}

fn on_thread(heard: watch::Sender<bool>) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let asked = {
        let _entered = runtime.enter();
        asked_to_end()?
    };
    let run = move || runtime.block_on(tell(asked, heard));
    std::thread::Builder::new()
        .name("trisignal-signal".to_owned())
        .spawn(run)?;
    Ok(())
}

async fn tell(asked: impl Future<Output = ()>, heard: watch::Sender<bool>) {
    asked.await;
    heard.send_replace(true);
    // Whoever asks later has to learn of it, too.
    heard.closed().await;
}

/// Resolves when a signal was heard; never, when nobody listens: that nothing can be heard is not a reason to end.
pub(crate) async fn received(mut received: watch::Receiver<bool>) {
    if received.wait_for(|heard| *heard).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Resolves when the process is asked to end. The handlers are in place when this returns, not only when it is
/// polled: a signal in between must not end the process.
#[cfg(unix)]
fn asked_to_end() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

#[cfg(windows)]
fn asked_to_end() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut interrupt = tokio::signal::windows::ctrl_c()?;
    Ok(async move { drop(interrupt.recv().await) })
}
