//! The viewer in a window: on a screen that only this test sees, it opens, draws, follows a person's
//! mouse and keys, and closes. What it says of what it shows, and the picture, are what counts.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use image::RgbImage;
use image::imageops::crop_imm;
use spanfall_tests::picture;
use spanfall_tests::program::repository;
use spanfall_tests::screen::{BACKSPACE, END, ENTER, ESCAPE, HOME};
use spanfall_tests::theme;
use spanfall_tests::window::Window;

const WIDTH: u16 = 1600;
const HEIGHT: u16 = 900;

/// A viewer that plays a recorded feed.
fn open(feed: &str) -> Window {
    let feed = repository(&format!("tests/fixtures/feeds/{feed}.jsonl"));
    Window::open((WIDTH, HEIGHT), &["--feed-file", feed.to_str().unwrap()])
}

/// Closes it, and sees that it complained of nothing.
fn close(window: Window) {
    let ended = window.close();
    assert!(!ended.stderr.contains("ERROR"), "{}", ended.stderr);
}

/// The discs of nodes at which nothing arrives now, largest first: round patches in the theme's
/// colour. The users' is always one.
fn discs(screen: &RgbImage) -> Vec<(u32, u32)> {
    picture::patches(screen, theme::color("node"), 3)
        .into_iter()
        .filter(|patch| {
            let (width, height) = patch.size;
            width > 16 && width.abs_diff(height) <= 4 && patch.pixels > width * height / 4
        })
        .map(|patch| patch.center)
        .collect()
}

#[test]
fn a_person_searches_goes_in_and_out_and_through_time() {
    let mut window = open("regions");
    window.until_says("the first particle sets out", "");

    // Search, and walk to what was found.
    window.types("/parcels");
    window.screen.press(ENTER);
    window.until_says("selected", "node parcels");
    window.screen.press(ESCAPE);

    // Into the node, back, and out to its region and the world.
    window.screen.press(ENTER);
    window.until_says("shows the level", "parcels");
    window.screen.press(BACKSPACE);
    window.until_says("shows the level", "Everything");

    // Only what is in trouble, then everything again.
    window.types("e");
    window.until_says("shows only", "errors and what leads there");
    window.types("x");
    window.until_says("shows all", "");

    // To the oldest moment, and back to the present.
    window.screen.press(HOME);
    window.until_says("shows the", "past");
    window.screen.press(END);
    window.until_says("shows the", "present");
    close(window);
}

#[test]
fn a_click_on_a_node_opens_its_details_and_escape_closes_them() {
    let mut window = open("shop");
    // Nodes glide to their places at first, away from under the pointer: then it follows. A hand
    // is there first, and a moment later down and up.
    let mut clicked = false;
    window.until("a selected node", |window| {
        let hovers = window.last_said("hovers over");
        if hovers.is_some_and(|line| line.contains("hovers over node")) {
            if !clicked {
                window.screen.click();
                clicked = true;
            }
        } else if let Some(node) = discs(&window.screen.picture()).first() {
            clicked = false;
            window.screen.point_at(*node);
        }
        window.last_said("selected node")
    });
    window.screen.press(ESCAPE);
    window.until_says("selected", "nothing");
    close(window);
}

/// The bars of a followed request's waterfall: long, flat patches in the colour of a class, at the bottom.
fn bars(screen: &RgbImage) -> usize {
    let (width, height) = screen.dimensions();
    let bottom = crop_imm(screen, 0, height / 2, width * 3 / 4, height / 2).to_image();
    let classes = ["ok", "slow", "error"].map(theme::color);
    let patches = classes.iter().flat_map(|color| picture::patches(&bottom, *color, 60));
    patches.filter(|patch| patch.size.0 > 40 && (4..=14).contains(&patch.size.1)).count()
}

#[test]
fn a_person_follows_the_worst_request_and_sees_its_waterfall() {
    let sample = repository("samples/incident.jsonl.zst");
    let recording = ["--replay", sample.to_str().unwrap(), "--speed", "20", "--loop"];
    let mut window = Window::open((WIDTH, HEIGHT), &recording);
    window.until_says("the first particle sets out", "");
    assert_eq!(bars(&window.screen.picture()), 0, "no request is followed yet");

    // Which request is the worst is known once some have failed: whoever asks too early is told, and
    // asks again.
    let mut asked = std::time::Instant::now();
    window.types("g");
    window.until("a followed request", |window| {
        if asked.elapsed().as_secs() >= 7 {
            window.types("g");
            asked = std::time::Instant::now();
        }
        window.last_said("follows the request").filter(|said| !said.contains(": 0 hops"))
    });
    window.until("its waterfall", |window| (bars(&window.screen.picture()) >= 3).then_some(()));

    // The same again without the request.
    window.screen.press(ESCAPE);
    window.until_says("follows", "no request");
    window.until("the picture without it", |window| {
        (bars(&window.screen.picture()) == 0).then_some(())
    });
    close(window);
}

#[test]
fn a_click_on_the_timeline_goes_to_that_moment() {
    let sample = repository("samples/incident.jsonl.zst");
    let recording = ["--replay", sample.to_str().unwrap(), "--speed", "20", "--loop"];
    let mut window = Window::open((WIDTH, HEIGHT), &recording);
    window.until_says("the first particle sets out", "");
    // The strip is at the very bottom, once there is a past to go to.
    let mut clicked = std::time::Instant::now();
    let middle = (u32::from(WIDTH) / 2, u32::from(HEIGHT) - 26);
    window.until("the past", |window| {
        if clicked.elapsed().as_secs() >= 1 {
            window.screen.point_at(middle);
            window.screen.click();
            clicked = std::time::Instant::now();
        }
        window.last_said("shows the").filter(|said| said.contains("past"))
    });
    window.screen.press(END);
    window.until_says("shows the", "present");
    close(window);
}
