//! Shift+S begins and ends a clip of the window. In: [`Command::ToggleClip`]. Out: a film, or a folder
//! of frames, in the current directory; [`Recording`], for the sign that says so; and a [`Remark`].
//!
//! A clip's second is a second on the wall. A computer that cannot draw or write as many frames as
//! that takes leaves some out, shows those before them for longer, and says how many.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use bevy::prelude::*;
use bevy::render::view::screenshot::{Screenshot, ScreenshotCaptured};
use bevy::time::Real;
use bevy::window::PrimaryWindow;
use spanfall_collector::feed::message::Severity;

use super::clip::LONGEST;
use super::encoder::{ClipError, Encoder, Written};
use super::key::free_name;
use crate::activity::Activity;
use crate::figures::duration;
use crate::focus::Command;
use crate::panel::Remark;

/// Frames a second.
const FPS: u32 = 30;

/// Frames that wait to be written at most: at 3840x2160 each takes 32 MB.
const BACKLOG: usize = 8;

/// Records clips of the window.
pub struct ClipKeyPlugin;

impl Plugin for ClipKeyPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Recording>()
            .init_resource::<Studio>()
            .add_message::<Command>()
            .add_message::<Remark>()
            .add_systems(Update, (obey, record, finish).chain());
    }
}

/// Whether a clip is being recorded.
#[derive(Resource, Clone, Copy, Debug, Default, PartialEq)]
pub struct Recording {
    /// For so many seconds.
    pub seconds: Option<f64>,
}

/// The clip that is being recorded, and those that are still being written.
#[derive(Resource, Default)]
struct Studio {
    running: Option<Running>,
    ending: Vec<Ending>,
    /// How many were begun: a frame that comes late is none of the next clip.
    begun: u32,
}

struct Running {
    frames: SyncSender<Frame>,
    writer: Writer,
    /// In seconds of `Time<Real>`.
    began: f64,
    /// The number of the next frame.
    next: u32,
}

/// What writes a clip. It tells, too, how many of the frames are repetitions.
type Writer = JoinHandle<Result<(Written, u32), ClipError>>;

/// A frame, and its number: how many come before it.
type Frame = (u32, Image);

struct Ending {
    writer: Writer,
}

impl Running {
    fn begin(now: f64, size: UVec2) -> std::io::Result<Self> {
        let folder = std::env::current_dir()?;
        let path = free_name(&folder, jiff::Zoned::now().datetime(), "mp4");
        let (frames, come) = sync_channel(BACKLOG);
        let writer = std::thread::Builder::new()
            .name("clip".to_owned())
            .spawn(move || write(path, size, &come))?;
        Ok(Self { frames, writer, began: now, next: 0 })
    }

    /// The number of the frame that is due, if one is.
    fn due(&mut self, now: f64) -> Option<u32> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
        let number = ((now - self.began) * f64::from(FPS)) as u32;
        if number < self.next {
            return None;
        }
        self.next = number + 1;
        Some(number)
    }

    fn end(self) -> Ending {
        Ending { writer: self.writer }
    }
}

impl Ending {
    /// What became of it; waits until all is written.
    fn told(self) -> Remark {
        let written = self.writer.join();
        let why = match written {
            Ok(Ok((written, repeated))) => return done(&written, repeated),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "its writer has ended".to_owned(),
        };
        Remark { severity: Severity::Warning, text: format!("No clip: {why}") }
    }
}

/// What a person should know of a clip.
fn done(written: &Written, repeated: u32) -> Remark {
    let Written { path, frames, join } = written;
    let mut text =
        format!("Saved {}: {}", path.display(), duration(f64::from(*frames) / f64::from(FPS)));
    if repeated > 0 {
        text.push_str(&format!(
            ". {repeated} of {frames} frames are repetitions: this computer drew or wrote no more"
        ));
    }
    if let Some(join) = join {
        text.push_str(&format!(". Without ffmpeg these are frames; join them with {join}"));
    }
    Remark { severity: Severity::Info, text }
}

impl Drop for Studio {
    /// A clip is whole though the window closes.
    fn drop(&mut self) {
        let running = self.running.take().map(Running::end);
        for ending in self.ending.drain(..).chain(running) {
            info!("{}", ending.told().text);
        }
    }
}

fn obey(
    mut commands: MessageReader<'_, '_, Command>,
    time: Res<'_, Time<Real>>,
    windows: Query<'_, '_, &Window, With<PrimaryWindow>>,
    mut studio: ResMut<'_, Studio>,
    mut remarks: MessageWriter<'_, Remark>,
) {
    let times = commands.read().filter(|command| **command == Command::ToggleClip).count();
    if times % 2 == 0 {
        return;
    }
    if let Some(running) = studio.running.take() {
        studio.ending.push(running.end());
        return;
    }
    let Ok(window) = windows.single() else { return };
    match Running::begin(time.elapsed_secs_f64(), window.physical_size()) {
        Ok(running) => {
            studio.running = Some(running);
            studio.begun += 1;
        }
        Err(error) => {
            let text = format!("No clip: {error}");
            remarks.write(Remark { severity: Severity::Warning, text });
        }
    }
}

/// Takes the frame that is due.
fn record(
    time: Res<'_, Time<Real>>,
    mut studio: ResMut<'_, Studio>,
    mut recording: ResMut<'_, Recording>,
    mut activity: ResMut<'_, Activity>,
    mut commands: Commands<'_, '_>,
) {
    let clip = studio.begun;
    let Some(running) = &mut studio.running else {
        recording.set_if_neq(Recording::default());
        return;
    };
    let now = time.elapsed_secs_f64();
    let seconds = now - running.began;
    if seconds >= LONGEST.as_secs_f64() || running.writer.is_finished() {
        let ended = studio.running.take().map(Running::end);
        studio.ending.extend(ended);
        return;
    }
    recording.set_if_neq(Recording { seconds: Some(seconds.floor()) });
    // A clip of a wall on which nothing moves has frames, too.
    activity.extend(&time, 0.5);
    if let Some(number) = running.due(now) {
        commands.spawn(Screenshot::primary_window()).observe(
            move |captured: On<'_, '_, ScreenshotCaptured>, mut studio: ResMut<'_, Studio>| {
                let late = studio.begun != clip;
                let Some(running) = studio.running.as_mut().filter(|_| !late) else { return };
                let frame = (number, captured.image.clone());
                // Where the backlog is full, the frame before it stays for longer.
                let _ = running.frames.try_send(frame);
            },
        );
    }
}

/// Says what became of clips that are written.
fn finish(
    time: Res<'_, Time<Real>>,
    mut studio: ResMut<'_, Studio>,
    mut activity: ResMut<'_, Activity>,
    mut remarks: MessageWriter<'_, Remark>,
) {
    if studio.ending.is_empty() {
        return;
    }
    activity.extend(&time, 0.5);
    let (written, waiting): (Vec<_>, Vec<_>) = std::mem::take(&mut studio.ending)
        .into_iter()
        .partition(|ending| ending.writer.is_finished());
    studio.ending = waiting;
    for ending in written {
        let remark = ending.told();
        info!("{}", remark.text);
        remarks.write(remark);
    }
}

/// Writes frames as they come; what is missing between two is shown as the one before.
fn write(path: PathBuf, size: UVec2, come: &Receiver<Frame>) -> Result<(Written, u32), ClipError> {
    let mut encoder = Encoder::open(&path, FPS, size)?;
    let mut repeated = 0;
    let mut last: Option<Image> = None;
    for (number, frame) in come {
        let before = last.as_ref().unwrap_or(&frame);
        while encoder.frames() < number {
            encoder.push(before)?;
            repeated += 1;
        }
        match encoder.push(&frame) {
            // What was recorded before the window changed is a clip.
            Err(ClipError::Size) if encoder.frames() > 0 => break,
            pushed => pushed?,
        }
        last = Some(frame);
    }
    Ok((encoder.finish()?, repeated))
}

#[cfg(test)]
mod tests {
    use bevy::asset::RenderAssetUsages;
    use bevy::render::render_resource::{Extent3d, TextureDimension, TextureFormat};

    use super::*;

    fn frame(level: u8) -> Image {
        let size = Extent3d { width: 4, height: 2, depth_or_array_layers: 1 };
        let format = TextureFormat::Bgra8UnormSrgb;
        let pixel = [level, level, level, 255];
        Image::new_fill(size, TextureDimension::D2, &pixel, format, RenderAssetUsages::default())
    }

    fn running(began: f64) -> (Running, Receiver<Frame>) {
        let (frames, come) = sync_channel(BACKLOG);
        let writer = std::thread::spawn(|| Err(ClipError::Size));
        (Running { frames, writer, began, next: 0 }, come)
    }

    #[test]
    fn frames_are_due_by_the_clock() {
        let (mut running, _come) = running(10.0);
        assert_eq!(running.due(10.0), Some(0));
        assert_eq!(running.due(10.01), None, "the screen is faster than the clip");
        assert_eq!(running.due(10.04), Some(1));
        assert_eq!(running.due(10.21), Some(6));
        assert_eq!(running.due(10.22), None);
    }

    #[test]
    fn a_clip_lasts_as_long_as_it_was_recorded_whatever_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("frames/");
        let (frames, come) = sync_channel(BACKLOG);
        for (number, level) in [(2, 10), (3, 20), (6, 30)] {
            frames.send((number, frame(level))).unwrap();
        }
        drop(frames);
        let (written, repeated) = write(path.clone(), UVec2::new(4, 2), &come).unwrap();
        assert_eq!((written.frames, repeated), (7, 4));
        let levels = (1..=7).map(|number| {
            let frame = image::open(path.join(format!("{number:05}.png"))).unwrap().into_rgb8();
            frame.get_pixel(0, 0).0[0]
        });
        assert_eq!(levels.collect::<Vec<_>>(), [10, 10, 10, 20, 20, 20, 30]);
        let remark = done(&written, repeated);
        assert!(remark.text.contains("4 of 7 frames are repetitions"), "{}", remark.text);
        assert!(remark.text.contains("ffmpeg -framerate 30"), "{}", remark.text);
    }

    #[test]
    fn a_window_that_changes_its_size_ends_the_clip() {
        let folder = tempfile::tempdir().unwrap();
        let (frames, come) = sync_channel(BACKLOG);
        frames.send((0, frame(1))).unwrap();
        drop(frames);
        let error = write(folder.path().join("frames/"), UVec2::new(9, 9), &come).unwrap_err();
        assert!(error.to_string().contains("size changed"), "{error}");
    }
}
