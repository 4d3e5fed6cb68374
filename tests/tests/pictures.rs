//! Pictures of the wall, rendered by the real program without a window, under a software driver,
//! and compared with golden ones in `tests/golden/`.
//!
//! `UPDATE_GOLDEN=1 cargo test -p spanfall-tests --test pictures` writes these anew. Look at them
//! before you commit them. When a picture differs, the test leaves expected, actual and difference
//! side by side in `target/tmp`, and says where.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::path::Path;
use std::time::Duration;

use image::RgbImage;
use spanfall_tests::picture::{self, Tolerance};
use spanfall_tests::program::{Program, command, path, repository};
use spanfall_tests::snapshot::of_feed as render;
use spanfall_tests::theme;

/// Where differences are left.
const LEFT: &str = env!("CARGO_TARGET_TMPDIR");

/// The discs of nodes at which nothing arrives now: round patches in the theme's colour.
fn discs_at_rest(picture: &RgbImage) -> Vec<picture::Patch> {
    let round = |patch: &picture::Patch| {
        patch.pixels > 100 && patch.size.0.abs_diff(patch.size.1) <= patch.size.0 / 6
    };
    picture::patches(picture, theme::color("node"), 3).into_iter().filter(round).collect()
}

/// What holds whatever the wall looks like: the ground is the theme's, so are particles of the
/// classes that the feed has, and nodes at which nothing arrives just now.
#[track_caller]
fn shows_a_living_graph(picture: &RgbImage, at_rest: usize, classes: &[&str]) {
    let pixels = (picture.width() * picture.height()) as usize;
    let ground = picture::count(picture, theme::color("background"), 6);
    assert!(ground > pixels / 4, "the ground is {ground} of {pixels} pixels");
    assert!(ground < pixels * 99 / 100, "there is nothing but the ground");
    for class in classes {
        let found = picture::count(picture, theme::color(class), 40);
        assert!(found > 20, "only {found} pixels in the colour of {class}");
    }
    let discs = discs_at_rest(picture).len();
    assert!(discs >= at_rest, "only {discs} discs of nodes at rest, {at_rest} expected");
}

fn golden(name: &str, picture: &RgbImage) {
    picture::assert_golden(name, picture, Tolerance::default(), Path::new(LEFT));
}

#[test]
fn a_small_shop_looks_as_it_should() {
    let picture = render("shop", "1280x720", "12", &[]);
    shows_a_living_graph(&picture, 1, &["ok", "error", "slow"]);
    // Users are where requests come from: on the left, in the middle.
    let (x, y) = discs_at_rest(&picture)[0].center;
    assert!(x < 640 && (240..480).contains(&y), "the users are at {x}, {y}");
    golden("shop", &picture);
}

#[test]
fn a_selected_node_shows_its_details() {
    let picture = render("shop", "1280x720", "12", &["--select", "kiosk-orders"]);
    golden("shop-selected", &picture);
}

#[test]
fn a_town_of_sixty_nodes_looks_as_it_should() {
    let picture = render("town", "1280x720", "8", &[]);
    shows_a_living_graph(&picture, 8, &["ok", "error"]);
    golden("town", &picture);
}

#[test]
fn the_world_shows_regions_and_which_of_them_is_in_trouble() {
    let picture = render("regions", "1280x720", "12", &["--view", "world"]);
    shows_a_living_graph(&picture, 1, &["ok", "error"]);
    golden("regions-world", &picture);
}

#[test]
fn a_region_shows_its_nodes_and_whom_they_have_to_do_with() {
    let picture = render("regions", "1280x720", "12", &["--view", "us-east-1"]);
    shows_a_living_graph(&picture, 0, &["ok", "error"]);
    golden("regions-us-east-1", &picture);
}

#[test]
fn a_node_fills_the_picture_with_its_callers_callees_and_details() {
    let picture = render("regions", "1280x720", "12", &["--view", "us-east-1/orders"]);
    shows_a_living_graph(&picture, 0, &["ok"]);
    golden("regions-orders", &picture);
}

#[test]
fn two_hundred_nodes_fold_and_who_fails_stands_out() {
    let picture = render("city", "1920x1080", "5", &[]);
    shows_a_living_graph(&picture, 0, &["ok", "error"]);
    golden("city", &picture);
}

#[test]
fn other_themes_look_as_they_should() {
    for theme in ["light", "high-contrast"] {
        let picture = render("shop", "1280x720", "12", &["--theme", theme]);
        golden(&format!("shop-{theme}"), &picture);
    }
}

#[test]
fn every_level_looks_as_it_should_in_the_light_theme() {
    levels_in("light");
}

#[test]
fn every_level_looks_as_it_should_in_the_theme_of_high_contrast() {
    levels_in("high-contrast");
}

/// The world, a region, and a node with its details, small: in dark they are above.
fn levels_in(theme: &str) {
    for (level, name) in
        [("world", "world"), ("us-east-1", "us-east-1"), ("us-east-1/orders", "orders")]
    {
        let more = ["--view", level, "--theme", theme];
        let picture = render("regions", "800x450", "8", &more);
        golden(&format!("regions-{name}-{theme}"), &picture);
    }
}

#[test]
fn a_missing_driver_is_told_with_what_to_install() {
    let folder = tempfile::tempdir().unwrap();
    let mut viewer = command(path("spanfall"));
    // A folder without any driver's manifest, and no OpenGL either.
    let nothing = folder.path().join("none.json");
    viewer
        .env("VK_DRIVER_FILES", &nothing)
        .env("VK_ICD_FILENAMES", &nothing)
        .env("WGPU_BACKEND", "vulkan")
        .arg("--feed-file")
        .arg(repository("tests/fixtures/feeds/shop.jsonl"))
        .arg("--snapshot")
        .arg(folder.path().join("wall.png"));
    let ended = Program::start("spanfall", viewer).wait(Duration::from_secs(60));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("apt-get install mesa-vulkan-drivers"), "{}", ended.stderr);
}
