//! One sentence below the top bar when there is something that everybody in the room should know:
//! the feed is lost, or nothing has come yet and here is what to do. In: the source's state. Out:
//! a card.

use accesskit::Role;
use bevy::prelude::*;
use spanfall_collector::feed::message::Severity;

use super::control::Spoken;
use super::marks::Mark;
use super::paint::{Build, Paint, Style};
use super::status::next_try;
use super::{Beat, PanelSystems, SpawnPanels, top_bar};
use crate::focus::Shown;
use crate::interaction::Solid;
use crate::scene::Theme;
use crate::traffic::{SourceState, Traffic};

/// Shows the banner.
pub(super) struct BannerPlugin;

impl Plugin for BannerPlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(SpawnPanels, spawn).add_systems(
            Update,
            update
                .run_if(Beat::strikes.or_else(resource_changed::<SourceState>))
                .in_set(PanelSystems::Update),
        );
    }
}

#[derive(Resource)]
struct Tree {
    root: Entity,
    sign: Entity,
    title: Entity,
    text: Entity,
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
    let root = build.root("banner", (across, GlobalZIndex(15), Pickable::IGNORE));
    let card = Node {
        max_width: px(760),
        padding: UiRect::axes(px(20), px(14)),
        column_gap: px(16),
        align_items: AlignItems::Center,
        border: UiRect::all(px(1)),
        border_radius: BorderRadius::all(px(10)),
        ..default()
    };
    let look = build.card();
    let card = build.part(root, (card, look, Solid));
    build.speak(card, Spoken::by_its_texts(Role::Alert));
    let sign = build.sign(card, Mark::Severity(Severity::Critical), 24);
    let texts = Node {
        flex_direction: FlexDirection::Column,
        row_gap: px(4),
        flex_shrink: 1.0,
        ..default()
    };
    let texts = build.part(card, texts);
    let title = build.sentence(texts, Style::Title, "");
    let text = build.sentence(texts, Style::Second, "");
    build.commands.insert_resource(Tree { root, sign, title, text });
}

/// What the banner says.
#[derive(Clone, Debug, PartialEq)]
struct Words {
    severity: Severity,
    title: String,
    text: String,
}

fn words(source: &SourceState, empty: bool, setup: bool) -> Option<Words> {
    match source {
        SourceState::Lost { from, why, retry_in } => {
            let title = if empty { "Cannot reach" } else { "Lost the connection to" };
            let again = next_try(*retry_in);
            let again = again.replacen('t', "T", 1);
            Some(Words {
                severity: Severity::Critical,
                title: format!("{title} {from}"),
                text: format!("{}. {again}.", why.trim_end_matches('.')),
            })
        }
        SourceState::Live(_) if empty && !setup => Some(Words {
            severity: Severity::Info,
            title: "No traffic".to_owned(),
            text: "Spans show as they come. Press I to see how to send them here.".to_owned(),
        }),
        _ => None,
    }
}

fn update(
    tree: Option<Res<'_, Tree>>,
    source: Res<'_, SourceState>,
    traffic: Res<'_, Traffic>,
    shown: Res<'_, Shown>,
    theme: Res<'_, Theme>,
    mut paint: Paint<'_, '_>,
) {
    let Some(tree) = tree else { return };
    let words = words(&source, traffic.nodes.is_empty(), shown.setup);
    paint.show(tree.root, words.is_some());
    let Some(Words { severity, title, text }) = words else { return };
    let mark = Mark::Severity(severity);
    paint.sign(tree.sign, mark, mark.color(&theme.colors));
    paint.text(tree.title, &title);
    paint.text(tree.text, &text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_feed_is_told_with_reason_and_next_try() {
        let lost = SourceState::Lost {
            from: "wall.example:4320".to_owned(),
            why: "connection refused".to_owned(),
            retry_in: 2.6,
        };
        let told = words(&lost, false, false).unwrap();
        assert_eq!(told.title, "Lost the connection to wall.example:4320");
        assert_eq!(told.text.replace('\u{a0}', " "), "connection refused. Trying again in 3 s.");
        assert!(words(&lost, true, false).unwrap().title.starts_with("Cannot reach"));
    }

    #[test]
    fn an_empty_wall_says_what_to_do_and_a_busy_one_nothing() {
        let live = SourceState::Live("this computer".to_owned());
        assert!(words(&live, true, false).unwrap().text.contains("Press I"));
        assert_eq!(words(&live, true, true), None, "the card says it");
        assert_eq!(words(&live, false, false), None);
        assert_eq!(words(&SourceState::Sample("webshop".to_owned()), false, false), None);
    }
}
