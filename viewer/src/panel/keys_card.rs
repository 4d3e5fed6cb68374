//! The list of keys, in the middle of the window (H or ?). In: [`Shown`]. Out: a card.

use bevy::prelude::*;
use bevy::ui_widgets::Button;

use super::control::{Control, Spoken};
use super::paint::{Build, Paint, Style};
use super::rows::Goes;
use super::{PanelSystems, SpawnPanels};
use crate::focus::{Command, Shown};
use crate::interaction::Solid;
use crate::interaction::keys::KEYS;

/// Shows the list of keys.
pub(super) struct KeysCardPlugin;

impl Plugin for KeysCardPlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(SpawnPanels, spawn).add_systems(
            Update,
            update.run_if(resource_changed::<Shown>).in_set(PanelSystems::Update),
        );
    }
}

#[derive(Resource)]
struct Tree {
    root: Entity,
}

fn spawn(mut build: Build<'_, '_>) {
    let whole = Node {
        display: Display::None,
        position_type: PositionType::Absolute,
        width: percent(100),
        height: percent(100),
        align_items: AlignItems::Center,
        justify_content: JustifyContent::Center,
        ..default()
    };
    let shade = BackgroundColor(build.colors().background.with_alpha(0.7));
    // A click anywhere closes it.
    let spoken = Spoken::button("Close the list of keys");
    let closes = (Button, Goes::Asks(Command::ToggleKeys), Control::Press, spoken);
    let root = build.root("keys", (whole, shade, closes, Solid, GlobalZIndex(30)));
    let card = Node {
        flex_direction: FlexDirection::Column,
        row_gap: px(20),
        padding: UiRect::all(px(32)),
        border: UiRect::all(px(1)),
        border_radius: BorderRadius::all(px(12)),
        ..default()
    };
    let colors = build.colors();
    let look = (BackgroundColor(colors.surface), BorderColor::all(colors.outline));
    let card = build.part(root, (card, look));
    build.text(card, Style::Title, "Mouse and keys");
    // In two columns, so that they fit into a window whose text is large.
    let columns = Node { column_gap: px(40), ..default() };
    let columns = build.part(card, columns);
    for keys in KEYS.chunks(KEYS.len().div_ceil(2)) {
        let table = build.stack(columns, 10.0);
        for (key, meaning) in keys {
            let line = build.line(table, 16.0);
            let column = Node { width: px(104), flex_shrink: 0.0, ..default() };
            let column = build.part(line, column);
            build.text(column, Style::Strong, key);
            build.text(line, Style::Second, meaning);
        }
    }
    let options = Node {
        align_self: AlignSelf::FlexStart,
        padding: UiRect::axes(px(8), px(3)),
        margin: UiRect::left(px(-8)),
        border_radius: BorderRadius::all(px(6)),
        ..default()
    };
    let options = build.button(card, options, Goes::Asks(Command::ToggleOptions));
    let text = build.text(options, Style::Body, "Options (P)");
    build.commands.entity(text).insert(TextColor(colors.accent));
    build.commands.insert_resource(Tree { root });
}

fn update(tree: Option<Res<'_, Tree>>, shown: Res<'_, Shown>, mut paint: Paint<'_, '_>) {
    if let Some(tree) = tree {
        paint.show(tree.root, shown.keys);
    }
}
