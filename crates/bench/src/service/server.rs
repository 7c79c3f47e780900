//! The process of the server.

use std::io::{BufRead as _, Write as _};
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::layers;
use crate::Result;
use crate::candidates;
use crate::child::{Figures, tell_dropped};
use crate::job::Job;
use crate::measure;

/// Serves with the telemetry of the job until standard input ends; then tells what it cost.
///
/// # Errors
///
/// When the candidate can't be set up, or no port is free.
pub(crate) fn serve(job: &Job) -> Result<Figures> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let inside = runtime.enter();
    let mut running = candidates::start(job)?;
    static SERVED: AtomicU64 = AtomicU64::new(0);
    let app = layers::app(job.candidate, &SERVED);
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    println!("{}", listener.local_addr()?);
    std::io::stdout().flush()?;
    let (stop, stopped) = oneshot::channel();
    let server = runtime.spawn(async move {
        let listener = TcpListener::from_std(listener)?;
        tokio::select! {
            ended = async { axum::serve(listener, app).await } => ended,
            _ = stopped => Ok(()),
        }
    });
    for line in std::io::stdin().lock().lines() {
        line?;
    }
    let _ = stop.send(());
    runtime.block_on(server)??;
    let resident = measure::resident("VmHWM");
    // What was recorded has to be sent, and that costs as well. Not on a thread that may not block.
    drop(inside);
    running.finish();
    let served = SERVED.load(Ordering::Relaxed) as f64;
    let mut figures = Figures::from([
        ("units".to_owned(), served),
        ("resident_mib".to_owned(), resident),
    ]);
    tell_dropped(&mut figures, &*running);
    Ok(figures)
}
