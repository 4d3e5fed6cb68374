//! Clips of the wall, rendered by the real program without a window, under a software driver: as many
//! frames as they should have, things that move in them, and films where there is `ffmpeg`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use image::RgbImage;
use serde_json::json;
use spanfall_tests::driver;
use spanfall_tests::picture;
use spanfall_tests::program::{Ended, Program, command, path, repository};
use spanfall_tests::theme;

/// Software rendering of some dozen frames, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(240);

const SIZE: (u32, u32) = (640, 360);

/// Records two seconds of a source, ten frames each, with programs only from `programs`.
fn record(source: &[&str], at: &str, out: &Path, programs: &Path) -> Ended {
    let mut viewer = command(path("spanfall"));
    driver::select(&mut viewer);
    for name in ["DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET"] {
        viewer.env_remove(name);
    }
    viewer
        .env("PATH", programs)
        .args(source)
        .arg("--record")
        .arg(out)
        .args(["--size", &format!("{}x{}", SIZE.0, SIZE.1)])
        .args(["--at", at, "--seconds", "2", "--fps", "10"]);
    Program::start("spanfall", viewer).wait(PATIENCE)
}

fn shop() -> [String; 2] {
    let feed = repository("tests/fixtures/feeds/shop.jsonl");
    ["--feed-file".to_owned(), feed.to_string_lossy().into_owned()]
}

fn record_shop(out: &Path, programs: &Path) -> Ended {
    let [option, feed] = shop();
    record(&[&option, &feed], "8", out, programs)
}

/// The frames of a folder, in order; there is nothing else in it.
#[track_caller]
fn frames(folder: &Path) -> Vec<RgbImage> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    for (index, file) in files.iter().enumerate() {
        let expected = format!("{:05}.png", index + 1);
        assert_eq!(file.file_name().unwrap().to_string_lossy(), expected);
    }
    files.iter().map(|file| image::open(file).unwrap().into_rgb8()).collect()
}

/// The share of a part of a picture that is the ground of a panel: x, y, width, height.
fn panel(frame: &RgbImage, [x, y, width, height]: [u32; 4]) -> f64 {
    let part = image::imageops::crop_imm(frame, x, y, width, height).to_image();
    let ground = picture::count(&part, theme::color("surface"), 4);
    ground as f64 / f64::from(width * height)
}

/// From each frame to the next, particles in the colour of ok requests move.
#[track_caller]
fn particles_move(frames: &[RgbImage]) {
    let ok = theme::color("ok");
    let near = |pixel: &image::Rgb<u8>| pixel.0.iter().zip(ok.0).all(|(a, b)| a.abs_diff(b) < 60);
    let lit = |frame: &RgbImage| -> Vec<bool> { frame.pixels().map(near).collect() };
    for (index, pair) in frames.windows(2).enumerate() {
        let (before, after) = (lit(&pair[0]), lit(&pair[1]));
        let changed = before.iter().zip(&after).filter(|(before, after)| before != after).count();
        assert!(changed > 10, "only {changed} pixels change after frame {}", index + 1);
    }
}

#[test]
fn a_clip_without_ffmpeg_is_frames_that_can_be_joined() {
    let folder = tempfile::tempdir().unwrap();
    let nothing = folder.path().join("no-programs");
    std::fs::create_dir(&nothing).unwrap();
    let film = folder.path().join("clip.mp4");
    let ended = record_shop(&film, &nothing);
    assert_eq!(ended.code, Some(0), "{}\n(no driver? {})", ended.stderr, driver::INSTALL);
    assert!(ended.stderr.contains("saved 20 frames in"), "{}", ended.stderr);
    assert!(ended.stderr.contains("ffmpeg -framerate 10 -i"), "{}", ended.stderr);
    assert!(!film.exists());
    let first = frames(&folder.path().join("clip.frames"));
    assert_eq!(first.len(), 20);
    assert_eq!(first[0].dimensions(), SIZE);
    particles_move(&first);

    // The same clip again, as a folder: it is the same to the pixel, however fast it was drawn.
    let again = folder.path().join("again/");
    let ended = record_shop(&again, &nothing);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let second = frames(&again);
    assert!(first == second, "two clips of one recording differ");

    let taken = record_shop(&again, &nothing);
    assert_ne!(taken.code, Some(0));
    assert!(taken.stderr.contains("holds frames already"), "{}", taken.stderr);
}

#[test]
fn a_clip_of_a_source_with_a_clock_of_its_own_is_drawn_after_it_was_heard() {
    let folder = tempfile::tempdir().unwrap();
    let traffic = folder.path().join("traffic.json");
    let connection = |source, target, normal| json!({"source": source, "target": target, "metrics": {"normal": normal, "danger": 1}});
    let world = json!({
        "renderer": "region", "name": "here", "nodes": [{"name": "INTERNET"}, {"name": "proxy"},
            {"name": "orders"}, {"name": "invoices", "node_type": "storage"}],
        "connections": [connection("INTERNET", "proxy", 40), connection("proxy", "orders", 30),
            connection("orders", "invoices", 20)],
    });
    std::fs::write(&traffic, world.to_string()).unwrap();
    let out = folder.path().join("frames");
    let source = ["--vizceral", &*traffic.to_string_lossy()];
    let ended = record(&source, "4", &out, folder.path());
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let frames = frames(&out);
    assert_eq!(frames.len(), 20);
    particles_move(&frames);
}

#[test]
fn a_clip_shows_what_is_selected_and_the_request_that_is_followed() {
    let folder = tempfile::tempdir().unwrap();
    let sample = repository("samples/incident.jsonl.zst");
    let source = ["--replay", &*sample.to_string_lossy(), "--speed", "20", "--follow", "worst"];
    let out = folder.path().join("frames");
    // By then payments fail.
    let ended = record(&source, "9", &out, folder.path());
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for frame in frames(&out) {
        let (details, waterfall) = ([520, 40, 110, 200], [10, 250, 480, 60]);
        assert!(panel(&frame, details) > 0.5, "no details: {}", panel(&frame, details));
        assert!(panel(&frame, waterfall) > 0.3, "no waterfall: {}", panel(&frame, waterfall));
    }

    let source = ["--replay", &*sample.to_string_lossy(), "--select", "nobody"];
    let ended = record(&source, "0.1", &folder.path().join("none"), folder.path());
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("no node is called \"nobody\""), "{}", ended.stderr);
}

#[test]
fn what_no_clip_can_be_is_told_before_anything_is_drawn() {
    let folder = tempfile::tempdir().unwrap();
    for (name, told) in [
        ("clip.gif", "end the name in .mp4"),
        ("missing/clip.mp4", "missing/clip.mp4"),
        ("clip.mp4/frames/", "clip.mp4/frames"),
    ] {
        std::fs::write(folder.path().join("clip.mp4"), "").unwrap();
        let ended = record_shop(&folder.path().join(name), folder.path());
        assert_ne!(ended.code, Some(0), "{name}");
        assert!(ended.stderr.contains(told), "{name}: {}", ended.stderr);
    }
}

/// A program called `ffmpeg` that does this.
#[cfg(unix)]
fn ffmpeg(folder: &Path, script: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;

    let programs = folder.join("programs");
    std::fs::create_dir_all(&programs).unwrap();
    let program = programs.join("ffmpeg");
    std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    programs
}

#[cfg(unix)]
#[test]
fn an_encoder_gets_every_frame_whole_and_the_film_appears_when_it_is_complete() {
    let folder = tempfile::tempdir().unwrap();
    // It keeps what comes in as the film, and says how it was called.
    let script =
        "for last in \"$@\"; do :; done; echo \"$@\" > \"$0.called\"; /bin/cat > \"$last\"";
    let programs = ffmpeg(folder.path(), script);
    let film = folder.path().join("clip.mp4");
    let ended = record_shop(&film, &programs);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let bytes = std::fs::read(&film).unwrap();
    assert_eq!(bytes.len(), 20 * (SIZE.0 * SIZE.1 * 4) as usize);
    let frame = (SIZE.0 * SIZE.1 * 4) as usize;
    assert_ne!(bytes[..frame], bytes[19 * frame..], "nothing moves");
    let called = std::fs::read_to_string(programs.join("ffmpeg.called")).unwrap();
    for said in [
        "-f rawvideo",
        "-pixel_format bgra",
        "-video_size 640x360",
        "-framerate 10",
        "-c:v libx264",
        "-pix_fmt yuv420p",
    ] {
        assert!(called.contains(said), "{said}: {called}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing else is left");
}

#[cfg(unix)]
#[test]
fn an_encoder_that_fails_is_told_in_its_own_words() {
    let folder = tempfile::tempdir().unwrap();
    let programs = ffmpeg(folder.path(), "echo \"Unknown encoder 'libx264'\" >&2; exit 8");
    let film = folder.path().join("clip.mp4");
    let ended = record_shop(&film, &programs);
    assert_ne!(ended.code, Some(0));
    assert!(ended.stderr.contains("Unknown encoder 'libx264'"), "{}", ended.stderr);
    assert!(ended.stderr.contains("A folder of frames needs no ffmpeg"), "{}", ended.stderr);
    assert!(!film.exists());
}
