//! The legend at the bottom left: what the shapes and colours mean, and how many requests one
//! particle stands for. In: [`Shown`], the particles' own account. Out: a line.

use bevy::prelude::*;
use spanfall_collector::feed::message::Unit;
use spanfall_collector::reduce::hop::Class;

use super::marks::Mark;
use super::paint::{Build, Paint, Style};
use super::timeline::Room;
use super::unit::Words;
use super::{Beat, PanelSystems, SpawnPanels};
use crate::focus::Shown;
use crate::interaction::Solid;
use crate::particles::ParticleStats;
use crate::traffic::Traffic;

/// Height with its distance from the window's edge, in logical pixels at 1080.
pub(super) const ROOM: f32 = 56.0;

/// From the window's edge.
const BOTTOM: f32 = 16.0;

/// Shows the legend.
pub(super) struct LegendPlugin;

impl Plugin for LegendPlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(SpawnPanels, spawn).add_systems(
            Update,
            (
                hide.run_if(resource_changed::<Shown>),
                stand_above.run_if(resource_changed::<Room>),
                update.run_if(Beat::strikes),
            )
                .in_set(PanelSystems::Update),
        );
    }
}

#[derive(Resource)]
struct Tree {
    root: Entity,
    particle: Entity,
}

const ENTRIES: [(Mark, &str); 5] = [
    (Mark::Class(Class::Ok), "ok"),
    (Mark::Class(Class::Slow), "slow"),
    (Mark::Class(Class::Throttled), "throttled"),
    (Mark::Class(Class::Error), "error"),
    (Mark::Cold, "cold start"),
];

fn spawn(mut build: Build<'_, '_>) {
    let node = Node {
        position_type: PositionType::Absolute,
        left: px(24),
        bottom: px(BOTTOM),
        height: px(36),
        padding: UiRect::horizontal(px(16)),
        border: UiRect::all(px(1)),
        border_radius: BorderRadius::all(px(8)),
        column_gap: px(20),
        align_items: AlignItems::Center,
        ..default()
    };
    let card = build.card();
    let root = build.root("legend", (node, card, Solid, GlobalZIndex(5)));
    for (mark, word) in ENTRIES {
        let entry = build.line(root, 8.0);
        build.sign(entry, mark, 16);
        build.text(entry, Style::Second, word);
    }
    let rule = Node { width: px(1), height: px(16), ..default() };
    let color = build.colors().outline;
    build.part(root, (rule, BackgroundColor(color)));
    let particle = build.text(root, Style::Second, &worth(1.0, Words::of(Unit::default())));
    build.commands.insert_resource(Tree { root, particle });
}

/// How many hops one particle stands for, in words.
fn worth(hops: f64, words: Words) -> String {
    if hops <= 1.0 {
        format!("1 particle is 1 {}", words.one)
    } else {
        format!("1 particle is {} {}", crate::figures::count(hops), words.many)
    }
}

fn hide(tree: Option<Res<'_, Tree>>, shown: Res<'_, Shown>, mut paint: Paint<'_, '_>) {
    if let Some(tree) = tree {
        paint.show(tree.root, shown.legend);
    }
}

/// The timeline takes the place at the bottom.
fn stand_above(tree: Option<Res<'_, Tree>>, room: Res<'_, Room>, mut paint: Paint<'_, '_>) {
    if let Some(tree) = tree {
        paint.bottom(tree.root, BOTTOM + room.0);
    }
}

fn update(
    tree: Option<Res<'_, Tree>>,
    stats: Option<Res<'_, ParticleStats>>,
    traffic: Res<'_, Traffic>,
    mut paint: Paint<'_, '_>,
) {
    if let (Some(tree), Some(stats)) = (tree, stats) {
        paint.text(tree.particle, &worth(f64::from(stats.share), Words::of(traffic.unit)));
    }
}
