//! What is shown of a level, chosen line by line (N). In: [`Filter`], what there is to choose from. Out: a
//! card; clicks and arrow keys become commands.

use accesskit::Role;
use bevy::prelude::*;

use super::control::Spoken;
use super::crumbs;
use super::paint::{Build, Paint, Style, rest};
use super::rows::Goes;
use super::{PanelSystems, SpawnPanels};
use crate::focus::{Command, Shown};
use crate::interaction::Solid;
use crate::picture::filter::{Change, Line};
use crate::picture::{Filter, Picture};
use crate::scene::Theme;

/// Shows the panel of filters.
pub(super) struct FiltersPlugin;

impl Plugin for FiltersPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Filter>().add_systems(SpawnPanels, spawn).add_systems(
            Update,
            update
                .run_if(
                    resource_changed::<Shown>
                        .or_else(resource_changed::<Filter>)
                        .or_else(resource_changed::<Theme>),
                )
                .in_set(PanelSystems::Update),
        );
    }
}

#[derive(Resource)]
struct Tree {
    root: Entity,
    lines: [LineTree; Line::ALL.len()],
}

#[derive(Clone, Copy)]
struct LineTree {
    value: Entity,
}

fn spawn(mut build: Build<'_, '_>) {
    let card = Node {
        display: Display::None,
        position_type: PositionType::Absolute,
        top: px(crumbs::BELOW),
        left: px(crumbs::LEFT),
        width: px(420),
        padding: UiRect::all(px(16)),
        row_gap: px(4),
        border: UiRect::all(px(1)),
        border_radius: BorderRadius::all(px(10)),
        flex_direction: FlexDirection::Column,
        ..default()
    };
    let look = build.card();
    let root = build.root("filters", (card, look, Solid, GlobalZIndex(12)));
    let head = build.line(root, 12.0);
    let room = build.part(head, rest());
    build.text(room, Style::Title, "Show only");
    let all = Node {
        padding: UiRect::axes(px(8), px(3)),
        border_radius: BorderRadius::all(px(6)),
        ..default()
    };
    let all = build.button(head, all, Goes::Asks(Command::Filter(Change::Clear)));
    build.text(all, Style::Second, "everything (X)");
    let lines = Line::ALL.map(|line| spawn_line(&mut build, root, line));
    build.text(root, Style::Second, "↑ ↓ choose, ← → change, Esc closes");
    build.commands.insert_resource(Tree { root, lines });
}

fn spawn_line(build: &mut Build<'_, '_>, card: Entity, line: Line) -> LineTree {
    let row = Node {
        padding: UiRect::axes(px(8), px(2)),
        margin: UiRect::horizontal(px(-8)),
        column_gap: px(4),
        align_items: AlignItems::Center,
        border_radius: BorderRadius::all(px(6)),
        ..default()
    };
    let turn = |on| Command::Filter(Change::Turn(line, on));
    let row = build.turned(card, row, (turn(false), turn(true)));
    let room = build.part(row, rest());
    build.text(room, Style::Body, line.heading());
    let arrow = |build: &mut Build<'_, '_>, sign: &str, on: bool| {
        let room = Node {
            width: px(28),
            padding: UiRect::axes(px(0), px(3)),
            justify_content: JustifyContent::Center,
            border_radius: BorderRadius::all(px(6)),
            ..default()
        };
        let word = if on { "next" } else { "previous" };
        let name = format!("{}: {word}", line.heading());
        let button = build.arrow(row, room, name, turn(on));
        build.text(button, Style::Strong, sign);
    };
    arrow(build, "‹", false);
    let middle = Node { width: px(112), justify_content: JustifyContent::Center, ..default() };
    let middle = build.part(row, middle);
    let value = build.elided(middle, Style::Strong);
    arrow(build, "›", true);
    build.speak(row, Spoken::with_value(Role::SpinButton, line.heading(), value));
    LineTree { value }
}

fn update(
    tree: Option<Res<'_, Tree>>,
    shown: Res<'_, Shown>,
    filter: Res<'_, Filter>,
    picture: Res<'_, Picture>,
    theme: Res<'_, Theme>,
    mut paint: Paint<'_, '_>,
) {
    let Some(tree) = tree else { return };
    paint.show(tree.root, shown.filters);
    for (line, part) in Line::ALL.into_iter().zip(tree.lines) {
        let value = filter.chosen(line, &picture.zones);
        let colors = &theme.colors;
        let (text, color) = match value.as_str() {
            "" => (if line == Line::Trouble { "no" } else { "any" }, colors.text_faint),
            value => (value, colors.text),
        };
        paint.text(part.value, text);
        paint.text_color(part.value, color);
    }
}

#[cfg(test)]
mod tests {
    use bevy::input::keyboard::{Key, KeyCode};
    use spanfall_collector::reduce::hop::Class;

    use super::*;
    use crate::interaction::tests::Desk;
    use crate::picture::filter::Sort;

    fn filter(desk: &Desk) -> Filter {
        desk.app.world().resource::<Filter>().clone()
    }

    #[test]
    fn lines_are_chosen_and_changed_by_keys_while_the_panel_is_open() {
        let mut desk = Desk::new();
        desk.press(KeyCode::ArrowRight, Key::ArrowRight);
        assert!(!filter(&desk).is_on(), "it is closed");
        desk.press(KeyCode::KeyN, Key::Character("n".into()));
        desk.press(KeyCode::ArrowRight, Key::ArrowRight);
        assert_eq!(filter(&desk).sort, Some(Sort::Class(Class::Error)));
        assert!(desk.says("filters").contains(&"error".to_owned()));
        desk.press(KeyCode::ArrowDown, Key::ArrowDown);
        desk.press(KeyCode::ArrowRight, Key::ArrowRight);
        desk.press(KeyCode::ArrowUp, Key::ArrowUp);
        desk.press(KeyCode::ArrowLeft, Key::ArrowLeft);
        assert_eq!((filter(&desk).sort, filter(&desk).least), (None, Some(0.1)));
        desk.press(KeyCode::Escape, Key::Escape);
        assert!(desk.says("filters").is_empty(), "Esc closes it");
        assert!(filter(&desk).is_on(), "and leaves the filter");
        desk.press(KeyCode::KeyX, Key::Character("x".into()));
        assert!(!filter(&desk).is_on());
    }

    #[test]
    fn lines_are_changed_by_clicks() {
        let mut desk = Desk::new();
        desk.press(KeyCode::KeyN, Key::Character("n".into()));
        desk.wait(0.5);
        let arrow = desk.place_of("filters", "›");
        desk.click(arrow);
        assert!(filter(&desk).is_on());
        let all = desk.place_of("filters", "everything (X)");
        desk.click(all);
        assert!(!filter(&desk).is_on());
    }
}
