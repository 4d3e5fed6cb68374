//! A clip's file: frames go in one after the other, and a film or a folder of pictures comes out. In:
//! images. Out: an MP4 made by `ffmpeg`, or PNGs and the command that joins them.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread::JoinHandle;

use bevy::image::{Image, IntoDynamicImageError};
use bevy::math::UVec2;
use bevy::render::render_resource::TextureFormat;

use super::png::{self, SnapshotError};

/// Frames a second at most: no screen that a clip is watched on shows more.
pub const MOST_FPS: u32 = 60;

/// Bytes of what `ffmpeg` complains of that are kept.
const MOST_WORDS: u64 = 4_096;

/// What a player needs to be able to play it: sizes that are even, and colours in the usual form.
const FILTER: &str = "pad=ceil(iw/2)*2:ceil(ih/2)*2";

/// Why there is no clip.
#[derive(Debug, thiserror::Error)]
pub enum ClipError {
    /// The name says neither film nor folder.
    #[error(
        "{}: a clip is an .mp4, or a folder of frames; end the name in .mp4, or in / for a folder",
        .0.display()
    )]
    Kind(PathBuf),
    /// Frames of two clips would become one.
    #[error("{} holds frames already; give a folder that is empty or not there", .0.display())]
    Taken(PathBuf),
    /// The file or folder cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The encoder gave up.
    #[error("ffmpeg made no film: {0}. A folder of frames needs no ffmpeg: end the name in /")]
    Ffmpeg(String),
    /// A frame cannot be taken.
    #[error(transparent)]
    Picture(#[from] SnapshotError),
    /// A frame has a form that no film has.
    #[error("cannot turn a frame into one of a film: {0}")]
    Convert(#[from] IntoDynamicImageError),
    /// The window was made larger or smaller.
    #[error("the window's size changed; a clip has one size")]
    Size,
}

/// What has been written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The film, or the folder.
    pub path: PathBuf,
    /// How many frames it has.
    pub frames: u32,
    /// Where frames were written because there is no `ffmpeg`: what joins them.
    pub join: Option<String>,
}

/// In words, for a person.
impl std::fmt::Display for Written {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { path, frames, join } = self;
        match join {
            None => write!(f, "saved {}: {frames} frames", path.display()),
            Some(join) => write!(
                f,
                "saved {frames} frames in {}. With ffmpeg, this makes a film of them: {join}",
                path.display()
            ),
        }
    }
}

/// Takes frames.
#[derive(Debug)]
pub(super) struct Encoder {
    path: PathBuf,
    fps: u32,
    size: UVec2,
    frames: u32,
    form: Form,
}

#[derive(Debug)]
enum Form {
    Film(Film),
    /// Whether it was to be a film.
    Folder {
        instead: Option<PathBuf>,
    },
}

#[derive(Debug)]
struct Film {
    unfinished: PathBuf,
    ffmpeg: Child,
    frames: Option<ChildStdin>,
    words: Option<JoinHandle<String>>,
}

impl Encoder {
    /// Begins a clip. Whether it can be written shows here, before any work is done.
    ///
    /// # Errors
    /// When the name is no clip's, or nothing can be written there.
    pub(super) fn open(path: &Path, fps: u32, size: UVec2) -> Result<Self, ClipError> {
        let film = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("mp4"));
        let (path, form) = if film && !is_folder(path) {
            match Film::open(path, fps, size)? {
                Some(film) => (path.to_owned(), Form::Film(film)),
                None => {
                    let folder = path.with_extension("frames");
                    open_folder(&folder)?;
                    (folder, Form::Folder { instead: Some(path.to_owned()) })
                }
            }
        } else if is_folder(path) || path.extension().is_none() {
            open_folder(path)?;
            (path.to_owned(), Form::Folder { instead: None })
        } else {
            return Err(ClipError::Kind(path.to_owned()));
        };
        Ok(Self { path, fps, size, frames: 0, form })
    }

    /// How many frames it has so far.
    pub(super) fn frames(&self) -> u32 {
        self.frames
    }

    /// Adds a frame.
    ///
    /// # Errors
    /// When it cannot be written, or is not as large as the others.
    pub(super) fn push(&mut self, frame: &Image) -> Result<(), ClipError> {
        if frame.size() != self.size {
            return Err(ClipError::Size);
        }
        match &mut self.form {
            Form::Film(film) => film.push(frame)?,
            Form::Folder { .. } => {
                let name = format!("{:05}.png", self.frames + 1);
                png::write(frame.clone(), &self.path.join(name))?;
            }
        }
        self.frames += 1;
        Ok(())
    }

    /// Ends the clip.
    ///
    /// # Errors
    /// When `ffmpeg` has failed, or the film cannot take its place.
    pub(super) fn finish(self) -> Result<Written, ClipError> {
        let Self { path, fps, frames, form, .. } = self;
        let join = match form {
            Form::Film(film) => {
                film.finish(&path)?;
                None
            }
            Form::Folder { instead } => {
                let film = instead.unwrap_or_else(|| path.with_extension("mp4"));
                Some(join(&path, fps, &film))
            }
        };
        Ok(Written { path, frames, join })
    }
}

/// Whether the name is a folder's.
fn is_folder(path: &Path) -> bool {
    path.is_dir() || path.as_os_str().to_string_lossy().ends_with(['/', std::path::MAIN_SEPARATOR])
}

/// Makes the folder, if nothing is there that would mix with the frames.
fn open_folder(path: &Path) -> Result<(), ClipError> {
    let failed = |source| ClipError::Write { path: path.to_owned(), source };
    std::fs::create_dir_all(path).map_err(failed)?;
    for file in std::fs::read_dir(path).map_err(failed)? {
        let name = file.map_err(failed)?.path();
        if name.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png")) {
            return Err(ClipError::Taken(path.to_owned()));
        }
    }
    // The first frame may be minutes away.
    let probe = png::unfinished(&path.join("00001.png"));
    std::fs::write(&probe, "").map_err(failed)?;
    std::fs::remove_file(&probe).map_err(failed)
}

/// The command that makes a film of frames.
fn join(folder: &Path, fps: u32, film: &Path) -> String {
    let quoted = |path: &Path| {
        let text = path.to_string_lossy();
        let plain = |c: char| c.is_alphanumeric() || "/._-%\\:".contains(c);
        if text.chars().all(plain) { text.into_owned() } else { format!("'{text}'") }
    };
    format!(
        "ffmpeg -framerate {fps} -i {} -c:v libx264 -crf 18 -pix_fmt yuv420p -vf \"{FILTER}\" {}",
        quoted(&folder.join("%05d.png")),
        quoted(film)
    )
}

impl Film {
    /// Starts `ffmpeg`. None where there is none.
    fn open(path: &Path, fps: u32, size: UVec2) -> Result<Option<Self>, ClipError> {
        let failed = |source| ClipError::Write { path: path.to_owned(), source };
        // A full path is no option and no protocol, whatever it looks like.
        let unfinished = png::unfinished(&std::path::absolute(path).map_err(failed)?);
        std::fs::write(&unfinished, "").map_err(failed)?;
        let begun = Self::begin(&unfinished, fps, size);
        if !matches!(begun, Ok(Some(_))) {
            let _ = std::fs::remove_file(&unfinished);
        }
        begun
    }

    fn begin(unfinished: &Path, fps: u32, size: UVec2) -> Result<Option<Self>, ClipError> {
        let spawned = Command::new("ffmpeg")
            .args(["-hide_banner", "-loglevel", "error", "-y", "-f", "rawvideo"])
            .args(["-pixel_format", "bgra", "-video_size", &format!("{}x{}", size.x, size.y)])
            .args(["-framerate", &fps.to_string(), "-i", "-", "-an", "-c:v", "libx264"])
            .args(["-preset", "medium", "-crf", "18", "-pix_fmt", "yuv420p", "-vf", FILTER])
            .args(["-movflags", "+faststart", "-f", "mp4"])
            .arg(unfinished)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let mut ffmpeg = match spawned {
            Ok(ffmpeg) => ffmpeg,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(ClipError::Ffmpeg(error.to_string())),
        };
        let frames = ffmpeg.stdin.take();
        let words = ffmpeg.stderr.take().and_then(|stderr| {
            let read = move || read_words(stderr);
            std::thread::Builder::new().name("ffmpeg".to_owned()).spawn(read).ok()
        });
        Ok(Some(Self { unfinished: unfinished.to_owned(), ffmpeg, frames, words }))
    }

    fn push(&mut self, frame: &Image) -> Result<(), ClipError> {
        let swapped = matches!(
            frame.texture_descriptor.format,
            TextureFormat::Bgra8UnormSrgb | TextureFormat::Bgra8Unorm
        );
        let written = match (&frame.data, &mut self.frames) {
            (Some(data), Some(frames)) if swapped => frames.write_all(data),
            (_, Some(frames)) => {
                let mut bytes = frame.clone().try_into_dynamic()?.into_rgba8().into_raw();
                for pixel in bytes.chunks_exact_mut(4) {
                    pixel.swap(0, 2);
                }
                frames.write_all(&bytes)
            }
            (_, None) => return Err(self.failure()),
        };
        // It has ended; why, it has said.
        written.map_err(|_| self.failure())
    }

    /// What `ffmpeg` says, once it has ended.
    fn failure(&mut self) -> ClipError {
        drop(self.frames.take());
        let ended = self.ffmpeg.wait();
        let words = self.words.take().and_then(|words| words.join().ok()).unwrap_or_default();
        let _ = std::fs::remove_file(&self.unfinished);
        ClipError::Ffmpeg(match (words.lines().rfind(|line| !line.trim().is_empty()), ended) {
            (Some(line), _) => line.trim().trim_end_matches('.').to_owned(),
            (None, Ok(status)) => format!("it ended with {status}"),
            (None, Err(error)) => error.to_string(),
        })
    }

    fn finish(mut self, path: &Path) -> Result<(), ClipError> {
        // The end of its input is the end of the film.
        drop(self.frames.take());
        if !self.ffmpeg.wait().is_ok_and(|status| status.success()) {
            return Err(self.failure());
        }
        std::fs::rename(&self.unfinished, path)
            .map_err(|source| ClipError::Write { path: path.to_owned(), source })
    }
}

impl Drop for Film {
    /// A clip that is given up leaves nothing.
    fn drop(&mut self) {
        drop(self.frames.take());
        if !matches!(self.ffmpeg.try_wait(), Ok(Some(_))) {
            let _ = self.ffmpeg.kill();
            let _ = self.ffmpeg.wait();
        }
        let _ = std::fs::remove_file(&self.unfinished);
    }
}

/// The beginning of what it says; the rest is read too, lest it waits for that.
fn read_words(mut from: impl std::io::Read) -> String {
    let mut words = Vec::new();
    let _ = from.by_ref().take(MOST_WORDS).read_to_end(&mut words);
    let _ = std::io::copy(&mut from, &mut std::io::sink());
    String::from_utf8_lossy(&words).into_owned()
}
