//! A small red sign at the top left while a clip is recorded (Shift+S). In: [`Recording`]. Out: a
//! line.

use bevy::prelude::*;

use super::paint::{Build, Paint, Style};
use super::{PanelSystems, SpawnPanels, top_bar};
use crate::snapshot::Recording;

/// Shows that a clip is recorded.
pub(super) struct RecordingSignPlugin;

impl Plugin for RecordingSignPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Recording>().add_systems(SpawnPanels, spawn).add_systems(
            Update,
            update.run_if(resource_changed::<Recording>).in_set(PanelSystems::Update),
        );
    }
}

#[derive(Resource)]
struct Tree {
    root: Entity,
    text: Entity,
}

fn spawn(mut build: Build<'_, '_>) {
    let line = Node {
        display: Display::None,
        position_type: PositionType::Absolute,
        top: px(top_bar::HEIGHT + 16.0),
        left: px(24),
        column_gap: px(8),
        align_items: AlignItems::Center,
        ..default()
    };
    let root = build.root("recording", (line, GlobalZIndex(15), Pickable::IGNORE));
    let dot = Node {
        width: px(12),
        height: px(12),
        border_radius: BorderRadius::all(px(6)),
        ..default()
    };
    let red = BackgroundColor(build.colors().error);
    build.part(root, (dot, red));
    let text = build.text(root, Style::Second, "");
    build.commands.insert_resource(Tree { root, text });
}

fn update(tree: Option<Res<'_, Tree>>, recording: Res<'_, Recording>, mut paint: Paint<'_, '_>) {
    let Some(tree) = tree else { return };
    paint.show(tree.root, recording.seconds.is_some());
    if let Some(seconds) = recording.seconds {
        paint.text(tree.text, &format!("recording {}", minutes(seconds)));
    }
}

/// `0:12`, `3:05`.
fn minutes(seconds: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
    let seconds = seconds as u64;
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sign_counts_minutes_and_seconds() {
        assert_eq!((minutes(12.9).as_str(), minutes(185.0).as_str()), ("0:12", "3:05"));
    }
}
