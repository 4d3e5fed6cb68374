//! A clip of the wall, without a window: frames at a fixed step of the viewer's time, however long
//! each takes to draw. In: the viewer's app on [`plugins`](super::headless::plugins), and a [`Clip`].
//! Out: a film, or a folder of frames.
//!
//! A source that has a clock of its own is heard out first, in real time; then it is played again by the
//! clock of the frames (see `source/ahead.rs`). So a second of the clip is a second of what happened.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bevy::prelude::*;
use bevy::render::view::screenshot::{Screenshot, ScreenshotCaptured};
use bevy::time::TimeUpdateStrategy;

use super::encoder::{ClipError, Encoder, Written};
use super::headless::{self, Pace};
use super::png::SnapshotError;
use super::pose::{Lead, Pose, Striking};
use crate::focus::Item;
use crate::follow::Following;
use crate::source::Ahead;
use crate::traffic::Traffic;

/// Seconds that a clip may have.
pub const LONGEST: Duration = Duration::from_mins(10);

/// Frames that are on their way from the graphics card at most.
const UNDER_WAY: u32 = 3;

/// Seconds between two words about how far it is.
const WORD: Duration = Duration::from_secs(5);

/// A clip to be rendered.
#[derive(Clone, Debug, PartialEq)]
pub struct Clip {
    /// The film, which ends in `.mp4`, or the folder for its frames.
    pub path: PathBuf,
    /// Its size in pixels.
    pub size: UVec2,
    /// How long the viewer has run when it begins.
    pub at: Duration,
    /// How long it is.
    pub length: Duration,
    /// Frames a second.
    pub fps: u32,
    /// What sets the pace of the source.
    pub pace: Pace,
    /// What it shows on purpose.
    pub pose: Pose,
}

impl Clip {
    /// How many frames it has: one at least.
    fn frames(&self) -> u32 {
        let frames = self.length.as_secs_f64() * f64::from(self.fps);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
        (frames.round() as u32).max(1)
    }

    /// How long the viewer has run at the frame of this number, from 0.
    fn time_of(&self, frame: u32) -> Duration {
        let nanoseconds = u64::from(frame) * 1_000_000_000 / u64::from(self.fps.max(1));
        self.at + Duration::from_nanos(nanoseconds)
    }
}

/// Runs the app until the clip's time has come, and renders it.
///
/// # Errors
/// When it cannot be written or encoded, or the size is more than the driver can draw.
pub fn render(mut app: App, clip: &Clip) -> Result<Written, ClipError> {
    let mut encoder = Encoder::open(&clip.path, clip.fps, clip.size)?;
    app.init_resource::<Frames>();
    headless::make_ready(&mut app);
    let target = headless::aim(&mut app, clip.size)?;
    if clip.pace == Pace::Live {
        hear_out(&mut app, clip.at + clip.length);
    }
    play(&mut app, clip)?;
    // Pipelines and texts are there before the first frame.
    headless::still(&mut app, &target)?;
    shoot(&mut app, clip, &target, &mut encoder)?;
    encoder.finish()
}

/// Lets the viewer run until the clip's beginning.
fn play(app: &mut App, clip: &Clip) -> Result<(), SnapshotError> {
    let mut striking = Striking::new(&clip.pose, Lead::of_clip(), clip.at);
    headless::run(app, clip.at, Pace::Stepped, |app, ran| {
        let struck = striking.go_on(app, ran);
        // A collector answers in its own time, a recorded feed in the clip's.
        if clip.pace == Pace::Live {
            if let Some(item) = struck.selected {
                await_answer(app, |world| {
                    world.get_resource::<Traffic>().is_some_and(|traffic| knows(traffic, item))
                });
            }
            if struck.followed {
                await_answer(app, |world| {
                    world.get_resource::<Following>().is_some_and(Following::is_shown)
                });
            }
        }
    });
    striking.finish(app)
}

/// Whether there are details of this.
fn knows(traffic: &Traffic, item: Item) -> bool {
    traffic.detail.as_ref().is_some_and(|detail| match item {
        Item::Node(node) => detail.node == Some(node),
        Item::Edge(edge) => detail.edge == Some(edge),
    })
}

/// Lets the clip's clock stand until the collector has answered, or long enough for one that will not.
fn await_answer(app: &mut App, answered: impl Fn(&World) -> bool) {
    let began = Instant::now();
    while !answered(app.world()) && began.elapsed() < ANSWER {
        update(app, Duration::ZERO);
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// How long a collector may take to answer.
const ANSWER: Duration = Duration::from_secs(5);

/// Hears the source for so long, and has it played from its beginning.
fn hear_out(app: &mut App, how_long: Duration) {
    info!("listening for {:.0} s; then the clip is drawn", how_long.as_secs_f64());
    let mut full = false;
    headless::run(app, how_long, Pace::Live, |app, ran| {
        let is_full = app.world().get_resource::<Ahead>().is_some_and(Ahead::is_full);
        if is_full && !full {
            warn!("too much traffic to keep: after {:.0} s nothing happens", ran.as_secs_f64());
            full = true;
        }
    });
    if let Some(mut ahead) = app.world_mut().get_resource_mut::<Ahead>() {
        ahead.play();
    }
}

/// Frames that have come from the graphics card, by their numbers.
#[derive(Resource, Default)]
struct Frames(BTreeMap<u32, Image>);

fn shoot(
    app: &mut App,
    clip: &Clip,
    target: &Handle<Image>,
    encoder: &mut Encoder,
) -> Result<(), ClipError> {
    let frames = clip.frames();
    let mut word = Instant::now();
    for frame in 0..frames {
        let step = match frame {
            // It is that of the still picture.
            0 => Duration::ZERO,
            frame => clip.time_of(frame) - clip.time_of(frame - 1),
        };
        app.world_mut().spawn(Screenshot::image(target.clone())).observe(
            move |captured: On<'_, '_, ScreenshotCaptured>, mut frames: ResMut<'_, Frames>| {
                frames.0.insert(frame, captured.image.clone());
            },
        );
        update(app, step);
        // At the end all of them are awaited.
        let under_way = if frame + 1 < frames { UNDER_WAY } else { 0 };
        deliver(app, encoder, frame + 1 - under_way.min(frame + 1))?;
        if word.elapsed() > WORD {
            info!("frame {} of {frames}", encoder.frames());
            word = Instant::now();
        }
    }
    Ok(())
}

/// Hands over what has come, until the clip has so many frames.
fn deliver(app: &mut App, encoder: &mut Encoder, due: u32) -> Result<(), ClipError> {
    let patience = Duration::from_secs(headless::PATIENCE);
    let began = Instant::now();
    loop {
        while let Some(frame) = app.world_mut().resource_mut::<Frames>().0.remove(&encoder.frames())
        {
            encoder.push(&frame)?;
        }
        if encoder.frames() >= due {
            return Ok(());
        }
        if began.elapsed() > patience {
            return Err(SnapshotError::NothingRendered(headless::PATIENCE).into());
        }
        // The copy from the graphics card is awaited by a task, and handed over by a frame.
        bevy::tasks::tick_global_task_pools_on_main_thread();
        update(app, Duration::ZERO);
    }
}

fn update(app: &mut App, step: Duration) {
    app.insert_resource(TimeUpdateStrategy::ManualDuration(step));
    app.update();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clip(seconds: f64, fps: u32) -> Clip {
        Clip {
            path: "clip.mp4".into(),
            size: UVec2::new(64, 36),
            at: Duration::from_secs(7),
            length: Duration::from_secs_f64(seconds),
            fps,
            pace: Pace::Stepped,
            pose: Pose::default(),
        }
    }

    #[test]
    fn a_clip_has_as_many_frames_as_its_length_asks_for() {
        assert_eq!(clip(2.0, 30).frames(), 60);
        assert_eq!(clip(0.5, 24).frames(), 12);
        assert_eq!(clip(0.0, 30).frames(), 1);
    }

    #[test]
    fn frames_do_not_drift() {
        let clip = clip(600.0, 30);
        assert_eq!(clip.time_of(0), Duration::from_secs(7));
        assert_eq!(clip.time_of(30 * 599), Duration::from_secs(7 + 599));
    }
}
