//! The search's field, at the top in the middle (/). In: [`Search`]. Out: what is typed, and how many nodes
//! it names.

use accesskit::Role;
use bevy::prelude::*;

use super::control::{Control, Spoken};
use super::paint::{Build, Paint, Style, rest};
use super::top_bar;
use super::{PanelSystems, SpawnPanels};
use crate::interaction::Solid;
use crate::scene::Theme;
use crate::search::Search;

/// Shows the search.
pub(super) struct SearchFieldPlugin;

impl Plugin for SearchFieldPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Search>().add_systems(SpawnPanels, spawn).add_systems(
            Update,
            update
                .run_if(resource_changed::<Search>.or_else(resource_changed::<Theme>))
                .in_set(PanelSystems::Update),
        );
    }
}

#[derive(Resource)]
struct Tree {
    root: Entity,
    words: Entity,
    caret: Entity,
    count: Entity,
}

fn spawn(mut build: Build<'_, '_>) {
    let across = Node {
        display: Display::None,
        position_type: PositionType::Absolute,
        top: px(top_bar::HEIGHT + 16.0),
        left: px(0),
        right: px(0),
        justify_content: JustifyContent::Center,
        ..default()
    };
    let root = build.root("search", (across, GlobalZIndex(16), Pickable::IGNORE));
    let card = Node {
        width: px(560),
        padding: UiRect::axes(px(20), px(12)),
        column_gap: px(12),
        align_items: AlignItems::Center,
        border: UiRect::all(px(1)),
        border_radius: BorderRadius::all(px(10)),
        ..default()
    };
    let look = build.card();
    let card = build.part(root, (card, look, Solid));
    build.text(card, Style::Second, "Search");
    let field = Node { align_items: AlignItems::Center, overflow: Overflow::clip_x(), ..rest() };
    let field = build.part(card, field);
    let words = build.text(field, Style::Title, "");
    let stroke = Node { width: px(2), height: px(22), flex_shrink: 0.0, ..default() };
    let accent = build.colors().accent;
    let caret = build.part(field, (stroke, BackgroundColor(accent)));
    build.commands.entity(card).insert(Control::Type);
    build.speak(card, Spoken::with_value(Role::SearchInput, "Search", words));
    let count = build.text(card, Style::Second, "");
    build.commands.insert_resource(Tree { root, words, caret, count });
}

/// How many hits there are, and which of them is selected.
fn counted(search: &Search) -> String {
    match (search.singled_out().map(<[_]>::len), search.at) {
        (None, _) => "name, kind, region, version".to_owned(),
        (Some(0), _) => "no match".to_owned(),
        (Some(1), None) => "1 match · Enter".to_owned(),
        (Some(hits), None) => format!("{hits} matches · Enter"),
        (Some(hits), Some(at)) => format!("{} of {hits}", at + 1),
    }
}

fn update(
    tree: Option<Res<'_, Tree>>,
    search: Res<'_, Search>,
    theme: Res<'_, Theme>,
    mut paint: Paint<'_, '_>,
) {
    let Some(tree) = tree else { return };
    paint.show(tree.root, search.open);
    paint.text(tree.words, &search.words);
    paint.text(tree.count, &counted(&search));
    let none = search.singled_out().is_some_and(<[_]>::is_empty);
    let colors = &theme.colors;
    paint.text_color(tree.count, if none { colors.slow } else { colors.text_secondary });
    paint.background(tree.caret, colors.accent);
}

#[cfg(test)]
mod tests {
    use bevy::input::keyboard::{Key, KeyCode};
    use spanfall_collector::reduce::node::NodeId;

    use super::*;
    use crate::focus::Item;
    use crate::interaction::tests::Desk;

    fn types(desk: &mut Desk, text: &str) {
        for letter in text.chars() {
            desk.press(KeyCode::KeyA, Key::Character(letter.to_string().into()));
        }
    }

    #[test]
    fn a_search_takes_the_keys_counts_its_hits_and_walks_them() {
        let mut desk = Desk::new();
        types(&mut desk, "/");
        assert!(desk.says("search").contains(&"name, kind, region, version".to_owned()));
        types(&mut desk, "lq");
        assert!(desk.says("legend").len() > 1, "letters are typed, and no commands");
        assert!(desk.says("search").contains(&"no match".to_owned()));
        desk.press(KeyCode::Backspace, Key::Backspace);
        desk.press(KeyCode::Backspace, Key::Backspace);
        types(&mut desk, "s");
        assert!(desk.says("search").contains(&"2 matches · Enter".to_owned()), "users, orders");
        let hit = |desk: &mut Desk, key| {
            desk.press(KeyCode::Enter, key);
            desk.focus().selected
        };
        assert_eq!(hit(&mut desk, Key::Enter), Some(Item::Node(NodeId(3))));
        assert_eq!(hit(&mut desk, Key::ArrowDown), Some(Item::Node(NodeId(1))));
        assert_eq!(hit(&mut desk, Key::ArrowUp), Some(Item::Node(NodeId(3))));
        assert!(desk.says("search").contains(&"1 of 2".to_owned()));
        desk.press(KeyCode::Escape, Key::Escape);
        assert!(desk.says("search").is_empty());
        assert_eq!(desk.focus().selected, Some(Item::Node(NodeId(3))), "what was found stays");
    }
}
