//! A clean end: Ctrl+C in the terminal, and the signal that service managers send. In: signals.
//! Out: the app ends as if its window was closed, with time for an embedded collector to say
//! goodbye. The second signal ends the program at once.
//!
//! Bevy's own handler looks at its flag once a frame, and an idle viewer draws none.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bevy::prelude::*;
use bevy::winit::EventLoopProxyWrapper;

use crate::activity;

/// The exit code of a program that was interrupted twice: what shells expect after Ctrl+C.
const INTERRUPTED: i32 = 130;

/// Ends the app on a signal.
#[derive(Debug, Default)]
pub struct ExitPlugin;

impl Plugin for ExitPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Asked>().add_systems(Startup, listen).add_systems(Last, exit);
    }
}

/// Whether the end was asked for.
#[derive(Resource, Clone, Debug, Default)]
struct Asked(Arc<AtomicBool>);

fn listen(asked: Res<'_, Asked>, event_loop: Option<Res<'_, EventLoopProxyWrapper>>) {
    let asked = asked.clone();
    let wake = activity::waker(event_loop.as_deref());
    let thread = std::thread::Builder::new().name("signals".into()).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        match runtime {
            Ok(runtime) => runtime.block_on(async {
                while let Ok(()) = signal().await {
                    if asked.0.swap(true, Ordering::Relaxed) {
                        std::process::exit(INTERRUPTED);
                    }
                    wake();
                }
            }),
            Err(error) => warn!("cannot listen for signals: {error}"),
        }
    });
    if let Err(error) = thread {
        warn!("cannot listen for signals: {error}");
    }
}

/// Waits for the next signal that asks for the end.
async fn signal() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}

fn exit(asked: Res<'_, Asked>, mut exits: MessageWriter<'_, AppExit>) {
    if asked.0.load(Ordering::Relaxed) {
        exits.write(AppExit::Success);
    }
}
