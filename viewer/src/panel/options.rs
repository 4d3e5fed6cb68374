//! The options, at the top left (P): how much is drawn, how large, how lively. The picture beside them
//! shows at once what they do. In: [`Settings`], [`Shown`]. Out: a card whose rows are turned by keys and
//! clicks: [`Choice::stepped`].

use accesskit::Role;
use bevy::prelude::*;

use super::control::Spoken;
use super::paint::{Build, Paint, Style, rest};
use super::{PanelSystems, SpawnPanels, top_bar};
use crate::focus::Shown;
use crate::interaction::Solid;
use crate::scene::theme::Themes;
use crate::settings::{Choice, Settings};

/// Shows the options.
pub(super) struct OptionsPlugin;

impl Plugin for OptionsPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Settings>()
            .init_resource::<Themes>()
            .add_systems(SpawnPanels, spawn)
            .add_systems(
                Update,
                update
                    .run_if(
                        resource_changed::<Shown>
                            .or_else(resource_changed::<Settings>)
                            .or_else(resource_changed::<Themes>),
                    )
                    .in_set(PanelSystems::Update),
            );
    }
}

#[derive(Resource)]
struct Tree {
    root: Entity,
    rows: [RowTree; Choice::ALL.len()],
}

#[derive(Clone, Copy)]
struct RowTree {
    value: Entity,
}

/// From the window's edge, and how wide the card is, in logical pixels at 1080.
const LEFT: f32 = 24.0;
const WIDTH: f32 = 440.0;

/// How much of the window's left the card takes.
pub(super) fn room(shown: &Shown) -> f32 {
    if shown.options { LEFT + WIDTH } else { 0.0 }
}

/// Width of a value with its arrows, in logical pixels at 1080.
const VALUE: f32 = 200.0;

fn spawn(mut build: Build<'_, '_>) {
    let node = Node {
        display: Display::None,
        position_type: PositionType::Absolute,
        top: px(top_bar::HEIGHT + 16.0),
        left: px(LEFT),
        width: px(WIDTH),
        flex_direction: FlexDirection::Column,
        row_gap: px(2),
        padding: UiRect::all(px(12)),
        border: UiRect::all(px(1)),
        border_radius: BorderRadius::all(px(10)),
        ..default()
    };
    let colors = build.colors();
    let card = (BackgroundColor(colors.surface), BorderColor::all(colors.outline));
    let root = build.root("options", (node, card, Solid, GlobalZIndex(12)));
    let head = Node { padding: UiRect::axes(px(10), px(6)), ..default() };
    let head = build.part(root, head);
    build.text(head, Style::Title, "Options");
    let rows = Choice::ALL.map(|choice| spawn_row(&mut build, root, choice));
    let foot = Node { padding: UiRect::axes(px(10), px(6)), ..default() };
    let foot = build.part(root, foot);
    build.sentence(foot, Style::Second, "Arrow keys choose and change; Esc closes.");
    build.commands.insert_resource(Tree { root, rows });
}

fn spawn_row(build: &mut Build<'_, '_>, card: Entity, choice: Choice) -> RowTree {
    let node = Node {
        padding: UiRect::axes(px(12), px(7)),
        border_radius: BorderRadius::all(px(7)),
        align_items: AlignItems::Center,
        ..default()
    };
    let row = build.turned(card, node, (choice.stepped(false), choice.stepped(true)));
    let name = build.part(row, rest());
    build.text(name, Style::Body, choice.name());
    let field =
        Node { width: px(VALUE), flex_shrink: 0.0, align_items: AlignItems::Center, ..default() };
    let field = build.part(row, field);
    spawn_arrow(build, field, choice, false);
    let middle = Node { justify_content: JustifyContent::Center, ..rest() };
    let middle = build.part(field, middle);
    let value = build.text(middle, Style::Strong, "");
    spawn_arrow(build, field, choice, true);
    build.speak(row, Spoken::with_value(Role::SpinButton, choice.name(), value));
    RowTree { value }
}

fn spawn_arrow(build: &mut Build<'_, '_>, field: Entity, choice: Choice, forward: bool) {
    let node = Node {
        padding: UiRect::axes(px(12), px(0)),
        border_radius: BorderRadius::all(px(6)),
        ..default()
    };
    let (sign, word) = if forward { ("›", "next") } else { ("‹", "previous") };
    let name = format!("{}: {word}", choice.name());
    let arrow = build.arrow(field, node, name, choice.stepped(forward));
    let accent = build.colors().accent;
    let text = build.text(arrow, Style::Title, sign);
    build.commands.entity(text).insert(TextColor(accent));
}

fn update(
    tree: Option<Res<'_, Tree>>,
    shown: Res<'_, Shown>,
    settings: Res<'_, Settings>,
    themes: Res<'_, Themes>,
    mut paint: Paint<'_, '_>,
) {
    let Some(tree) = tree else { return };
    paint.show(tree.root, shown.options);
    let called = themes.name();
    for (choice, at) in Choice::ALL.into_iter().zip(tree.rows) {
        paint.text(at.value, &choice.value(&settings, &called));
    }
}

#[cfg(test)]
mod tests {
    use bevy::input::keyboard::Key;

    use super::*;
    use crate::interaction::tests::Desk;
    use crate::scene::Theme;

    fn settings(desk: &Desk) -> Settings {
        desk.app.world().resource::<Settings>().clone()
    }

    fn open() -> Desk {
        let mut desk = Desk::new();
        desk.press(KeyCode::KeyP, Key::Character("p".into()));
        desk
    }

    #[test]
    fn a_key_opens_the_options_and_esc_closes_them() {
        let mut desk = open();
        let said = desk.says("options");
        for choice in Choice::ALL {
            assert!(said.contains(&choice.name().to_owned()), "{said:?}");
        }
        assert!(said.contains(&"dark".to_owned()) && said.contains(&"50 000".to_owned()));
        desk.press(KeyCode::Escape, Key::Escape);
        assert!(desk.says("options").is_empty());
    }

    #[test]
    fn arrow_keys_choose_and_change_and_the_walk_through_nodes_waits() {
        let mut desk = open();
        assert_eq!(desk.keys_at().as_deref(), Some(Choice::ALL[0].name()));
        for _ in 0..2 {
            desk.press(KeyCode::ArrowDown, Key::ArrowDown);
        }
        assert_eq!(desk.keys_at().as_deref(), Some(Choice::Text.name()));
        desk.press(KeyCode::ArrowRight, Key::ArrowRight);
        assert_eq!(settings(&desk).text, 11);
        assert!(desk.says("options").contains(&"110 %".to_owned()));
        desk.press(KeyCode::ArrowLeft, Key::ArrowLeft);
        desk.press(KeyCode::ArrowLeft, Key::ArrowLeft);
        assert_eq!(settings(&desk).text, 9);
        assert_eq!(desk.focus().selected, None, "arrow keys are the panel's now");
        for _ in 0..3 {
            desk.press(KeyCode::ArrowUp, Key::ArrowUp);
        }
        let last = Choice::ALL.last().map(|choice| choice.name());
        assert_eq!(desk.keys_at().as_deref(), last, "around");
    }

    #[test]
    fn a_click_changes_too_and_the_clicked_row_has_the_focus() {
        let mut desk = open();
        let place = desk.place_of("options", "Motion");
        desk.click(place);
        assert_eq!(desk.keys_at().as_deref(), Some(Choice::Motion.name()));
        assert!(!settings(&desk).calm);
        let value = desk.place_of("options", "full");
        desk.click(value + Vec2::new(86.0, 0.0));
        assert!(settings(&desk).calm);
        assert!(desk.says("options").contains(&"reduced".to_owned()));
    }

    #[test]
    fn another_theme_changes_every_panel_and_nothing_that_they_say() {
        let mut desk = open();
        let at = desk.at(spanfall_collector::reduce::node::NodeId(2));
        desk.click(at);
        let panels = ["top bar", "details", "legend", "options"];
        let said = |desk: &mut Desk| panels.map(|panel| desk.says(panel).len());
        let before = said(&mut desk);
        assert!(before.iter().all(|texts| *texts > 0));
        desk.press(KeyCode::KeyV, Key::Character("v".into()));
        desk.wait(1.5);
        assert_eq!(said(&mut desk), before);
        assert!(desk.says("options").contains(&"light".to_owned()));
        assert!(desk.says("details").contains(&"checkout".to_owned()));
        let world = desk.app.world_mut();
        let text = world.resource::<Theme>().colors.text;
        let mut bars = world.query::<(&Name, &Children)>();
        assert_eq!(bars.iter(world).filter(|(name, _)| name.as_str() == "top bar").count(), 1);
        let mut colors = world.query::<&TextColor>();
        assert!(colors.iter(world).filter(|color| color.0 == text).count() > 10);
        let dark = Theme::default().colors.text;
        assert_eq!(colors.iter(world).filter(|color| color.0 == dark).count(), 0, "nothing stayed");
    }
}
