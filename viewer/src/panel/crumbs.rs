//! Where the picture is, at the top left: the way from the world to the level that is shown, each step a
//! click away, and what a filter leaves out. In: [`Picture`], [`Filter`]. Out: a line.

use bevy::prelude::*;

use super::marks::Mark;
use super::paint::{Build, Paint, Style};
use super::rows::Goes;
use super::top_bar;
use super::{PanelSystems, SpawnPanels};
use crate::focus::Command;
use crate::interaction::Solid;
use crate::picture::filter::Change;
use crate::picture::{Filter, Level, Navigation, Picture};
use crate::scene::{Cover, Theme};
use crate::traffic::Traffic;

/// Shows the way.
pub(super) struct CrumbsPlugin;

impl Plugin for CrumbsPlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(SpawnPanels, spawn).add_systems(
            Update,
            update
                .run_if(
                    resource_changed::<Picture>
                        .or_else(resource_changed::<Filter>)
                        .or_else(resource_changed::<Navigation>)
                        .or_else(resource_changed::<Theme>),
                )
                .in_set(PanelSystems::Update),
        );
    }
}

/// From the window's edge and from the top bar, in logical pixels at 1080.
pub(super) const LEFT: f32 = 24.0;
const TOP: f32 = top_bar::HEIGHT + 12.0;
/// Where what comes below it begins.
pub(super) const BELOW: f32 = TOP + 44.0;

/// Steps of the way at most.
const STEPS: usize = 3;

/// Characters of a name at most.
const NAME_LENGTH: usize = 32;

#[derive(Resource)]
struct Tree {
    root: Entity,
    steps: [Step; STEPS],
    filter: Entity,
    filter_text: Entity,
}

#[derive(Clone, Copy)]
struct Step {
    part: Entity,
    arrow: Entity,
    button: Entity,
    text: Entity,
}

fn spawn(mut build: Build<'_, '_>) {
    let line = Node {
        display: Display::None,
        position_type: PositionType::Absolute,
        top: px(TOP),
        left: px(LEFT),
        column_gap: px(12),
        align_items: AlignItems::Center,
        ..default()
    };
    let root = build.root("levels", (line, GlobalZIndex(6), Pickable::IGNORE));
    let frame = || Node {
        padding: UiRect::axes(px(6), px(3)),
        border: UiRect::all(px(1)),
        border_radius: BorderRadius::all(px(8)),
        align_items: AlignItems::Center,
        ..default()
    };
    let look = build.card();
    let way = build.part(root, (frame(), look, Solid, Cover));
    let steps = std::array::from_fn(|at| {
        let part = build.line(way, 0.0);
        let arrow = build.text(part, Style::Second, if at == 0 { "" } else { "›" });
        let room = Node {
            padding: UiRect::axes(px(8), px(3)),
            border_radius: BorderRadius::all(px(6)),
            ..default()
        };
        let button = build.button(part, room, Goes::Nowhere);
        let text = build.text(button, Style::Strong, "");
        Step { part, arrow, button, text }
    });
    let look = build.card();
    let filter = build.part(root, (frame(), look, Solid, Cover));
    let room = Node {
        padding: UiRect::axes(px(8), px(3)),
        border_radius: BorderRadius::all(px(6)),
        column_gap: px(8),
        align_items: AlignItems::Center,
        ..default()
    };
    let clears = Goes::Asks(Command::Filter(Change::Clear));
    let button = build.button(filter, room, clears);
    let filter_text = build.text(button, Style::Strong, "");
    build.sign(button, Mark::Cross, 12);
    build.commands.insert_resource(Tree { root, steps, filter, filter_text });
}

/// The steps that are offered, the one that is shown among them.
fn steps(picture: &Picture) -> Vec<Level> {
    match picture.level {
        // From the world everything is a click away, too.
        Level::World => vec![Level::World, Level::Everything],
        level => level.way(&picture.zones),
    }
}

fn update(
    tree: Option<Res<'_, Tree>>,
    (picture, traffic): (Res<'_, Picture>, Res<'_, Traffic>),
    filter: Res<'_, Filter>,
    theme: Res<'_, Theme>,
    mut paint: Paint<'_, '_>,
) {
    let Some(tree) = tree else { return };
    let levels = steps(&picture);
    let lost = levels.len() > 1 || picture.level != Level::Everything;
    paint.show(tree.root, lost || filter.is_on());
    for (at, step) in tree.steps.iter().enumerate() {
        let level = levels.get(at);
        paint.show(step.part, lost && level.is_some());
        let Some(&level) = level else { continue };
        let name = level.name(&traffic, &picture.zones);
        paint.text(step.text, &crate::figures::shortened(&name, NAME_LENGTH));
        let here = level == picture.level;
        let colors = &theme.colors;
        paint.text_color(step.text, if here { colors.text } else { colors.text_secondary });
        paint.goes(step.button, if here { Goes::Nowhere } else { Goes::Asks(Command::Go(level)) });
        paint.show(step.arrow, at > 0);
    }
    paint.show(tree.filter, filter.is_on());
    if filter.is_on() {
        let shown = picture.edges.len();
        let words = filter.words(&picture.zones);
        paint.text(tree.filter_text, &format!("only {words}: {}", counted(shown)));
    }
}

fn counted(edges: usize) -> String {
    match edges {
        0 => "nothing now".to_owned(),
        1 => "1 edge".to_owned(),
        edges => format!("{edges} edges"),
    }
}

#[cfg(test)]
mod tests {
    use bevy::input::keyboard::{Key, KeyCode};
    use spanfall_collector::reduce::node::NodeId;

    use super::*;
    use crate::interaction::tests::Desk;

    const CHECKOUT: NodeId = NodeId(2);

    fn level(desk: &Desk) -> Level {
        desk.app.world().resource::<Picture>().level
    }

    #[test]
    fn a_double_click_goes_into_a_node_and_each_step_of_the_way_back_is_a_click_away() {
        let mut desk = Desk::new();
        assert!(desk.says("levels").is_empty(), "there is nowhere to go from");
        desk.double_click(desk.at(CHECKOUT));
        assert_eq!(level(&desk), Level::Node(CHECKOUT));
        assert_eq!(desk.says("levels"), ["Everything", "›", "checkout"]);
        let everything = desk.place_of("levels", "Everything");
        desk.click(everything);
        assert_eq!(level(&desk), Level::Everything);
        desk.press(KeyCode::Backspace, Key::Backspace);
        assert_eq!(level(&desk), Level::Node(CHECKOUT));
        desk.double_click(Vec2::new(300.0, 900.0));
        assert_eq!(level(&desk), Level::Everything, "a double click on the ground goes out");
    }

    #[test]
    fn a_filter_says_what_it_shows_and_a_click_clears_it() {
        let mut desk = Desk::new();
        desk.press(KeyCode::KeyE, Key::Character("e".into()));
        desk.wait(0.5);
        let said = "only errors and what leads there: 2 edges";
        assert_eq!(desk.says("levels"), [said]);
        let chip = desk.place_of("levels", said);
        desk.click(chip);
        assert!(!desk.app.world().resource::<Filter>().is_on());
    }
}
