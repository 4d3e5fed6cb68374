//! What a picture costs in which nothing moves. In: frames, if any. Out: how many there were, and the
//! processor's time, as JSON; and the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bevy::prelude::*;
use bevy::winit::EventLoopProxyWrapper;
use serde_json::json;

use super::{print, processor};
use crate::activity;

/// It is quiet when no frame was drawn for so long.
const QUIET: Duration = Duration::from_secs(5);

/// Whoever is not quiet by then never is; what is measured then says so.
const PATIENCE: Duration = Duration::from_secs(180);

/// Waits until it is quiet, and measures for so long.
#[derive(Clone, Copy, Debug)]
pub struct IdlePlugin {
    /// How long is counted.
    pub seconds: Duration,
}

impl Plugin for IdlePlugin {
    fn build(&self, app: &mut App) {
        app.insert_resource(Watch { seconds: self.seconds, seen: Arc::default() })
            .add_systems(Startup, watch)
            .add_systems(Last, draw);
    }
}

#[derive(Resource)]
struct Watch {
    seconds: Duration,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    frames: AtomicU64,
    over: AtomicBool,
}

fn draw(watch: Res<'_, Watch>, mut exit: MessageWriter<'_, AppExit>) {
    watch.seen.frames.fetch_add(1, Ordering::Relaxed);
    if watch.seen.over.load(Ordering::Relaxed) {
        exit.write(AppExit::Success);
    }
}

/// Looks from a thread of its own, since there are no frames to look from.
fn watch(watch: Res<'_, Watch>, event_loop: Option<Res<'_, EventLoopProxyWrapper>>) {
    let (seconds, seen) = (watch.seconds, Arc::clone(&watch.seen));
    let wake = activity::waker(event_loop.as_deref());
    let thread = std::thread::Builder::new().name("idle".into()).spawn(move || {
        let quiet_after = until_quiet(&seen.frames);
        let (frames, busy, begin) =
            (seen.frames.load(Ordering::Relaxed), processor::seconds(), Instant::now());
        std::thread::sleep(seconds);
        let measured = begin.elapsed().as_secs_f64();
        print(&json!({
            "quiet_after_s": quiet_after.as_secs_f64(),
            "seconds": measured,
            "frames": seen.frames.load(Ordering::Relaxed) - frames,
            "processor_share": (processor::seconds() - busy) / measured,
        }));
        seen.over.store(true, Ordering::Relaxed);
        wake();
    });
    if let Err(error) = thread {
        error!("nobody measures: {error}");
    }
}

fn until_quiet(frames: &AtomicU64) -> Duration {
    let (begin, mut last, mut since) = (Instant::now(), 0, Instant::now());
    while since.elapsed() < QUIET && begin.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(100));
        let now = frames.load(Ordering::Relaxed);
        if std::mem::replace(&mut last, now) != now {
            since = Instant::now();
        }
    }
    begin.elapsed()
}
