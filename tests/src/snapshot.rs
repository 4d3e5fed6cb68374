//! Pictures of the wall, rendered by the real program without a window, under a software driver. In: its
//! arguments. Out: the picture.

use std::path::Path;
use std::time::Duration;

use image::RgbImage;

use crate::driver;
use crate::program::{Program, command, path, repository};

/// Software rendering of some hundred frames, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(240);

/// Renders a feed of `tests/fixtures/feeds` as it is after some seconds.
///
/// # Panics
/// If that fails.
#[track_caller]
pub fn of_feed(feed: &str, size: &str, at: &str, more: &[&str]) -> RgbImage {
    of_file(&repository(&format!("tests/fixtures/feeds/{feed}.jsonl")), size, at, more)
}

/// Renders a recorded feed as it is after some seconds.
///
/// # Panics
/// If that fails.
#[track_caller]
pub fn of_file(feed: &Path, size: &str, at: &str, more: &[&str]) -> RgbImage {
    let feed = feed.to_str().expect("a path that is text");
    of(&["--feed-file", feed], size, at, more)
}

/// Renders what a source shows after some seconds.
///
/// # Panics
/// If that fails.
#[track_caller]
pub fn of(source: &[&str], size: &str, at: &str, more: &[&str]) -> RgbImage {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("wall.png");
    let mut viewer = command(path("spanfall"));
    driver::select(&mut viewer);
    for name in ["DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET"] {
        viewer.env_remove(name);
    }
    // The clock on the wall is the same everywhere.
    viewer
        .env("TZ", "UTC")
        .args(source)
        .arg("--snapshot")
        .arg(&out)
        .args(["--size", size, "--at", at])
        .args(more);
    let ended = Program::start("spanfall", viewer).wait(PATIENCE);
    let install = driver::INSTALL;
    assert_eq!(ended.code, Some(0), "{}\n(no driver? {install})", ended.stderr);
    image::open(&out).expect("a picture").into_rgb8()
}
