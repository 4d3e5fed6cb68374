//! The S key saves a picture of the window. In: [`Command::Snapshot`]. Out: a PNG in the current
//! directory, and [`Saved`].

use std::path::{Path, PathBuf};

use bevy::prelude::*;
use bevy::render::view::screenshot::{Screenshot, ScreenshotCaptured};
use bevy::tasks::{AsyncComputeTaskPool, Task, block_on, poll_once};

use super::png;
use crate::focus::Command;

/// Saves pictures of the window.
pub struct SnapshotKeyPlugin;

impl Plugin for SnapshotKeyPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Writing>()
            .add_message::<Saved>()
            .add_message::<Command>()
            .add_systems(Update, (take, finish));
    }
}

/// A picture was saved, or could not be.
#[derive(Message, Clone, Debug, PartialEq, Eq)]
pub enum Saved {
    /// It is here.
    As(PathBuf),
    /// A sentence that says why not.
    Failed(String),
}

/// Pictures that are being written, beside the frames.
#[derive(Resource, Default)]
struct Writing(Vec<Task<Saved>>);

/// Pictures in the making at most: one that is asked for beyond them would be of the same moment.
const AT_ONCE: usize = 4;

fn take(
    mut asked: MessageReader<'_, '_, Command>,
    writing: Res<'_, Writing>,
    mut commands: Commands<'_, '_>,
) {
    let wanted = asked.read().any(|command| *command == Command::Snapshot);
    if wanted && writing.0.len() < AT_ONCE {
        commands.spawn(Screenshot::primary_window()).observe(save);
    }
}

fn save(captured: On<'_, '_, ScreenshotCaptured>, mut writing: ResMut<'_, Writing>) {
    let picture = captured.image.clone();
    // Encoding 4K takes a quarter of a second; the particles go on meanwhile.
    writing.0.push(AsyncComputeTaskPool::get().spawn(async move {
        let folder = std::env::current_dir().unwrap_or_default();
        let path = free_name(&folder, jiff::Zoned::now().datetime(), "png");
        match png::write(picture, &path) {
            Ok(()) => Saved::As(path),
            Err(error) => Saved::Failed(error.to_string()),
        }
    }));
}

fn finish(mut writing: ResMut<'_, Writing>, mut saved: MessageWriter<'_, Saved>) {
    if writing.0.is_empty() {
        return;
    }
    writing.0.retain_mut(|task| match block_on(poll_once(task)) {
        Some(result) => {
            match &result {
                Saved::As(path) => info!("saved {}", path.display()),
                Saved::Failed(why) => error!("no picture was saved: {why}"),
            }
            saved.write(result);
            false
        }
        None => true,
    });
}

/// A name by the time on the wall that is not taken yet.
pub(super) fn free_name(folder: &Path, now: jiff::civil::DateTime, extension: &str) -> PathBuf {
    let stem = format!("spanfall-{}", now.strftime("%Y%m%d-%H%M%S"));
    let first = folder.join(format!("{stem}.{extension}"));
    let others = (2..100).map(|n| folder.join(format!("{stem}-{n}.{extension}")));
    std::iter::once(first.clone()).chain(others).find(|name| !name.exists()).unwrap_or(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_pictures_of_the_same_second_have_different_names() {
        let folder = tempfile::tempdir().unwrap();
        let now = jiff::civil::date(2026, 11, 23).at(5, 4, 1, 0);
        let first = free_name(folder.path(), now, "png");
        assert_eq!(first.file_name().unwrap(), "spanfall-20261123-050401.png");
        std::fs::write(&first, "").unwrap();
        let second = free_name(folder.path(), now, "png");
        assert_eq!(second.file_name().unwrap(), "spanfall-20261123-050401-2.png");
    }
}
