//! When to stop. In: SIGINT and SIGTERM (elsewhere than on Unix: Ctrl-C). Out: a token.

use std::io;

use tokio_util::sync::CancellationToken;

/// The exit code of a program that was ended by Ctrl-C before its work was done.
pub const INTERRUPTED: u8 = 130;

/// A token that is cancelled at the first signal. At the second the program exits at once.
///
/// # Errors
/// If the system refuses to tell about signals.
pub fn on_signal() -> io::Result<CancellationToken> {
    let mut signals = Signals::new()?;
    let stop = CancellationToken::new();
    let told = stop.clone();
    tokio::spawn(async move {
        signals.next().await;
        told.cancel();
        signals.next().await;
        tracing::warn!("told to stop again: stopping at once");
        std::process::exit(INTERRUPTED.into());
    });
    Ok(stop)
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
