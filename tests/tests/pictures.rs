//! Pictures of the wall, rendered by the real program without a window, under a software driver,
//! and compared with golden ones in `tests/golden/`.
//!
//! `UPDATE_GOLDEN=1 cargo test -p spanfall-tests --test pictures` writes these anew. Look at them
//! before you commit them. When a picture differs, the test leaves expected, actual and difference
//! side by side in `target/tmp`, and says where.

use std::path::Path;
use std::time::Duration;

use image::RgbImage;
use spanfall_tests::driver;
use spanfall_tests::picture::{self, Tolerance};
use spanfall_tests::program::{Program, command, path, repository};

/// Software rendering of some hundred frames, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(240);

/// Where differences are left.
const LEFT: &str = env!("CARGO_TARGET_TMPDIR");

/// Renders a recorded feed as it is after some seconds.
#[track_caller]
fn render(feed: &str, size: &str, at: &str, more: &[&str]) -> RgbImage {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("wall.png");
    let mut viewer = command(path("spanfall"));
    driver::select(&mut viewer);
    for name in ["DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET"] {
        viewer.env_remove(name);
    }
    viewer
        .arg("--feed-file")
        .arg(repository(&format!("tests/fixtures/feeds/{feed}.jsonl")))
        .arg("--snapshot")
        .arg(&out)
        .args(["--size", size, "--at", at])
        .args(more);
    let ended = Program::start("spanfall", viewer).wait(PATIENCE);
    let install = driver::INSTALL;
    assert_eq!(ended.code, Some(0), "{}\n(no driver? {install})", ended.stderr);
    image::open(&out).unwrap().into_rgb8()
}

/// A colour of the theme.
#[track_caller]
fn theme(name: &str) -> image::Rgb<u8> {
    let theme = std::fs::read_to_string(repository("assets/themes/dark.toml")).unwrap();
    let line = theme.lines().find_map(|line| line.strip_prefix(&format!("{name} = \"#")));
    let hex = line.unwrap_or_else(|| panic!("no colour {name} in the theme"));
    picture::color(&hex[..6])
}

/// What holds whatever the wall looks like: the ground is the theme's, every node is there, and so
/// are particles of the classes that the feed has.
#[track_caller]
fn shows_a_living_graph(picture: &RgbImage, nodes: usize, classes: &[&str]) {
    let pixels = (picture.width() * picture.height()) as usize;
    let ground = picture::count(picture, theme("background"), 6);
    assert!(ground > pixels / 4, "the ground is {ground} of {pixels} pixels");
    assert!(ground < pixels * 99 / 100, "there is nothing but the ground");
    for class in classes {
        let found = picture::count(picture, theme(class), 40);
        assert!(found > 20, "only {found} pixels in the colour of {class}");
    }
    let discs = picture::patches(picture, theme("node"), 10)
        .into_iter()
        .filter(|patch| patch.pixels > 30)
        .count();
    assert!(discs >= nodes / 2, "only {discs} discs of {nodes} nodes");
}

fn golden(name: &str, picture: &RgbImage) {
    picture::assert_golden(name, picture, Tolerance::default(), Path::new(LEFT));
}

#[test]
fn a_small_shop_looks_as_it_should() {
    let picture = render("shop", "1280x720", "12", &[]);
    shows_a_living_graph(&picture, 5, &["ok", "error", "slow"]);
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
    shows_a_living_graph(&picture, 60, &["ok", "error"]);
    golden("town", &picture);
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
