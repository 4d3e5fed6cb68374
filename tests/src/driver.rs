//! The graphics driver that pictures are tested with: Mesa's lavapipe, which draws in software and
//! the same on every computer. In: nothing. Out: the environment that selects it.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What to do where it is missing.
pub const INSTALL: &str = "install Mesa's software driver and what windows need: apt-get install \
     mesa-vulkan-drivers libvulkan1 xvfb libxkbcommon-x11-0 libxcursor1 libxi6 libxrandr2 (tests/run \
     does, as root)";

/// Where Vulkan's loader looks for drivers.
const FOLDERS: [&str; 4] = [
    "/usr/share/vulkan/icd.d",
    "/usr/local/share/vulkan/icd.d",
    "/etc/vulkan/icd.d",
    "/run/opengl-driver/share/vulkan/icd.d",
];

/// Lavapipe's manifest.
fn manifest() -> Option<PathBuf> {
    FOLDERS
        .iter()
        .flat_map(|folder| std::fs::read_dir(Path::new(folder)).ok())
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .find(|path| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("lvp_icd"))
        })
}

/// Makes a program draw with lavapipe, whatever other drivers the computer has.
///
/// # Panics
/// If lavapipe is missing: pictures are tested or the tests fail, they are never passed over.
#[track_caller]
pub fn select(command: &mut Command) {
    let Some(manifest) = manifest() else {
        panic!("no software Vulkan driver in {}: {INSTALL}", FOLDERS.join(", "));
    };
    // The older name is for loaders before 1.3.207.
    command.env("VK_DRIVER_FILES", &manifest).env("VK_ICD_FILENAMES", &manifest);
}
