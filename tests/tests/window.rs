//! The viewer in a window: on a screen that only this test sees, it opens, draws, follows a click
//! and a key, and closes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::time::Duration;

use image::RgbImage;
use spanfall_tests::driver;
use spanfall_tests::picture;
use spanfall_tests::program::{Program, command, path, repository, until};
use spanfall_tests::screen::{ESCAPE, Screen};

/// How long anything on the screen may take. It is drawn in software, on a busy machine.
const SOON: Duration = Duration::from_secs(120);

/// The discs of nodes at which nothing arrives now, largest first: round patches in the theme's
/// colour. The users' is always one.
fn discs(screen: &RgbImage) -> Vec<(u32, u32)> {
    let theme = std::fs::read_to_string(repository("assets/themes/dark.toml")).unwrap();
    let node = theme.lines().find_map(|line| line.strip_prefix("node = \"#")).unwrap();
    picture::patches(screen, picture::color(&node[..6]), 3)
        .into_iter()
        .filter(|patch| {
            let (width, height) = patch.size;
            width > 16 && width.abs_diff(height) <= 4 && patch.pixels > width * height / 4
        })
        .map(|patch| patch.center)
        .collect()
}

#[test]
fn a_click_on_a_node_opens_its_details_and_escape_closes_them() {
    let screen = Screen::start(1600, 900);
    let mut viewer = command(path("spanfall"));
    driver::select(&mut viewer);
    viewer
        .env("DISPLAY", screen.display())
        .env_remove("WAYLAND_DISPLAY")
        .env_remove("WAYLAND_SOCKET")
        .env("RUST_LOG", "warn,spanfall_viewer=debug")
        .arg("--feed-file")
        .arg(repository("tests/fixtures/feeds/shop.jsonl"));
    let mut viewer = Program::start("spanfall", viewer);

    let window = until(SOON, "the viewer's window", || {
        assert!(viewer.ended().is_none(), "the viewer ended: {}", viewer.stderr());
        screen.window("Spanfall")
    });
    screen.focus(window);
    // Nodes glide to their places at first, away from under the pointer: then it follows. A hand
    // is there first, and a moment later down and up.
    let mut clicked = false;
    until(SOON, "a selected node", || {
        assert!(viewer.ended().is_none(), "the viewer ended: {}", viewer.stderr());
        let said = viewer.stderr();
        let hovers = said.lines().rfind(|line| line.contains("hovers over"));
        if hovers.is_some_and(|line| line.contains("hovers over node")) {
            if !clicked {
                screen.click();
                clicked = true;
            }
        } else if let Some(node) = discs(&screen.picture()).first() {
            clicked = false;
            screen.point_at(*node);
        }
        said.contains("selected node").then_some(())
    });
    screen.press(ESCAPE);
    until(SOON, "the way back", || viewer.stderr().contains("selected nothing").then_some(()));

    screen.close(window);
    let ended = viewer.wait(SOON);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(!ended.stderr.contains("ERROR"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
}
