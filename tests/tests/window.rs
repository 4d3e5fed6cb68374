//! The viewer in a window: on a screen that only this test sees, it opens, draws, follows a click
//! and a key, and closes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::time::Duration;

use image::RgbImage;
use spanfall_tests::driver;
use spanfall_tests::picture;
use spanfall_tests::program::{Program, command, path, repository, until};
use spanfall_tests::screen::{BACKSPACE, END, ENTER, ESCAPE, HOME, Screen};

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

/// The viewer in a window on this screen, with the keyboard, and what it shows.
fn open(screen: &Screen, feed: &str) -> (Program, u32) {
    let mut viewer = command(path("spanfall"));
    driver::select(&mut viewer);
    viewer
        .env("DISPLAY", screen.display())
        .env_remove("WAYLAND_DISPLAY")
        .env_remove("WAYLAND_SOCKET")
        .env("RUST_LOG", "warn,spanfall_viewer=debug")
        .arg("--feed-file")
        .arg(repository(&format!("tests/fixtures/feeds/{feed}.jsonl")));
    let mut viewer = Program::start("spanfall", viewer);
    let window = until(SOON, "the viewer's window", || {
        assert!(viewer.ended().is_none(), "the viewer ended: {}", viewer.stderr());
        screen.window("Spanfall")
    });
    screen.focus(window);
    (viewer, window)
}

/// Closes the window, and sees that nothing went wrong in it.
fn close(screen: &Screen, viewer: Program, window: u32) {
    screen.close(window);
    let ended = viewer.wait(SOON);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(!ended.stderr.contains("ERROR"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
}

/// Waits until the last of the viewer's lines with this beginning says so.
fn until_says(viewer: &mut Program, line: &str, says: &str) {
    until(SOON, &format!("{line} {says}"), || {
        assert!(viewer.ended().is_none(), "the viewer ended: {}", viewer.stderr());
        let said = viewer.stderr();
        said.lines().rfind(|said| said.contains(line)).filter(|said| said.contains(says)).map(drop)
    });
}

#[test]
fn a_person_searches_goes_in_and_out_and_through_time() {
    let screen = Screen::start(1600, 900);
    let (mut viewer, window) = open(&screen, "regions");
    until_says(&mut viewer, "the first particle sets out", "");

    // Search, and walk to what was found.
    screen.press(u32::from(b'/'));
    for letter in b"parcels" {
        screen.press(u32::from(*letter));
    }
    screen.press(ENTER);
    until_says(&mut viewer, "selected", "node parcels");
    screen.press(ESCAPE);

    // Into the node, back, and out to its region and the world.
    screen.press(ENTER);
    until_says(&mut viewer, "shows the level", "parcels");
    screen.press(BACKSPACE);
    until_says(&mut viewer, "shows the level", "Everything");

    // Only what is in trouble, then everything again.
    screen.press(u32::from(b'e'));
    until_says(&mut viewer, "shows only", "errors and what leads there");
    screen.press(u32::from(b'x'));
    until_says(&mut viewer, "shows all", "");

    // To the oldest moment, and back to the present.
    screen.press(HOME);
    until_says(&mut viewer, "shows the", "past");
    screen.press(END);
    until_says(&mut viewer, "shows the", "present");
    close(&screen, viewer, window);
}

#[test]
fn a_click_on_a_node_opens_its_details_and_escape_closes_them() {
    let screen = Screen::start(1600, 900);
    let (mut viewer, window) = open(&screen, "shop");
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

    close(&screen, viewer, window);
}
