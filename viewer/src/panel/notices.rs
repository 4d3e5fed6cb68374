//! What deserves attention, at the bottom right: at most three sentences, the worst first, each a
//! click away from what it is about; and for a few seconds what the viewer itself has to say. In:
//! the model's notices, saved pictures. Out: cards.

use std::cmp::Reverse;

use bevy::prelude::*;
use bevy::time::Real;
use spanfall_collector::feed::message::{Notice, Severity};

use super::details::Slide;
use super::marks::Mark;
use super::paint::{Build, Paint, Style};
use super::rows::Goes;
use super::{Beat, PanelSystems, details};
use crate::activity::Activity;
use crate::focus::Item;
use crate::interaction::Solid;
use crate::scene::Theme;
use crate::snapshot::Saved;
use crate::traffic::Traffic;

/// Shows notices.
pub(super) struct NoticesPlugin;

impl Plugin for NoticesPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Own>()
            .add_message::<Saved>()
            .add_systems(Startup, spawn.in_set(PanelSystems::Spawn))
            .add_systems(
                Update,
                (hear, update.run_if(Beat::strikes.or_else(resource_changed::<Own>)), stand_aside)
                    .chain()
                    .in_set(PanelSystems::Update),
            );
    }
}

/// Cards at most: more would be wallpaper.
const MOST: usize = 3;
/// Seconds that the viewer's own words stay.
const OWN_STAY: f64 = 6.0;
/// Seconds after which what is only good to know is known.
const NEWS_STAY: f64 = 60.0;
/// From the window's edge, in logical pixels at 1080.
const MARGIN: f32 = 24.0;

/// One card.
#[derive(Clone, Debug, PartialEq)]
struct Card {
    severity: Severity,
    text: String,
    goes: Option<Item>,
}

/// What the viewer itself has to say, and until when.
#[derive(Resource, Default)]
struct Own(Option<(Card, f64)>);

#[derive(Resource)]
struct Tree {
    root: Entity,
    cards: [CardTree; MOST],
}

#[derive(Clone, Copy)]
struct CardTree {
    card: Entity,
    button: Entity,
    sign: Entity,
    text: Entity,
}

fn spawn(mut build: Build<'_, '_>) {
    let column = Node {
        position_type: PositionType::Absolute,
        right: px(MARGIN),
        bottom: px(16),
        width: px(420),
        flex_direction: FlexDirection::ColumnReverse,
        align_items: AlignItems::FlexEnd,
        row_gap: px(8),
        ..default()
    };
    let root = build.root("notices", (column, GlobalZIndex(5), Pickable::IGNORE));
    let cards = std::array::from_fn(|_| spawn_card(&mut build, root));
    build.commands.insert_resource(Tree { root, cards });
}

fn spawn_card(build: &mut Build<'_, '_>, column: Entity) -> CardTree {
    let frame = Node {
        display: Display::None,
        max_width: percent(100),
        border: UiRect::all(px(1)),
        border_radius: BorderRadius::all(px(8)),
        ..default()
    };
    let inner = Node {
        padding: UiRect::axes(px(14), px(9)),
        column_gap: px(12),
        align_items: AlignItems::Center,
        border_radius: BorderRadius::all(px(7)),
        ..default()
    };
    let look = build.card();
    let card = build.part(column, (frame, look, Solid));
    let button = build.button(card, inner, Goes::Nowhere);
    let sign = build.sign(button, Mark::Severity(Severity::Info), 20);
    // Nothing of a sentence is left out.
    let text = build.sentence(button, Style::Body, "");
    CardTree { card, button, sign, text }
}

/// Takes in what the viewer itself has to say.
fn hear(
    time: Res<'_, Time<Real>>,
    mut saved: MessageReader<'_, '_, Saved>,
    mut own: ResMut<'_, Own>,
    mut activity: ResMut<'_, Activity>,
) {
    let now = time.elapsed_secs_f64();
    for saved in saved.read() {
        let (severity, text) = match saved {
            Saved::As(path) => (Severity::Info, format!("Saved {}", path.display())),
            Saved::Failed(why) => (Severity::Warning, format!("No picture was saved: {why}")),
        };
        own.0 = Some((Card { severity, text, goes: None }, now + OWN_STAY));
    }
    if own.0.as_ref().is_some_and(|(_, until)| *until < now) {
        own.0 = None;
    } else if own.0.is_some() {
        activity.extend(&time, 0.5);
    }
}

/// The cards to be shown: the viewer's own first, then the worst, of these the newest. `now` is
/// the feed's time in seconds.
fn chosen(own: Option<&Card>, notices: &[Notice], now: f64) -> Vec<Card> {
    let old = |notice: &Notice| {
        notice.severity == Severity::Info && now - notice.since_ms as f64 / 1e3 > NEWS_STAY
    };
    let mut open: Vec<&Notice> =
        notices.iter().filter(|notice| !notice.text.is_empty() && !old(notice)).collect();
    open.sort_by_key(|notice| Reverse((notice.severity, notice.since_ms)));
    let told = open.into_iter().map(|notice| Card {
        severity: notice.severity,
        text: notice.text.clone(),
        goes: notice.node.map(Item::Node).or(notice.edge.map(Item::Edge)),
    });
    own.cloned().into_iter().chain(told).take(MOST).collect()
}

fn update(
    tree: Option<Res<'_, Tree>>,
    own: Res<'_, Own>,
    traffic: Res<'_, Traffic>,
    theme: Res<'_, Theme>,
    mut paint: Paint<'_, '_>,
) {
    let Some(tree) = tree else { return };
    let now = traffic.time().unwrap_or_default();
    let cards = chosen(own.0.as_ref().map(|(card, _)| card), &traffic.notices, now);
    for (at, card) in tree.cards.iter().zip(cards.iter().map(Some).chain([None; MOST])) {
        paint.show(at.card, card.is_some());
        let Some(Card { severity, text, goes }) = card else { continue };
        let mark = Mark::Severity(*severity);
        paint.sign(at.sign, mark, mark.color(&theme.colors));
        paint.text(at.text, text);
        paint.goes(at.button, goes.map_or(Goes::Nowhere, Goes::To));
    }
}

/// The details panel takes the place at the right.
fn stand_aside(tree: Option<Res<'_, Tree>>, slide: Res<'_, Slide>, mut paint: Paint<'_, '_>) {
    if let Some(tree) = tree {
        let panel = if slide.open() { details::WIDTH } else { 0.0 };
        paint.right(tree.root, MARGIN + panel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spanfall_collector::reduce::node::NodeId;

    fn notice(id: &str, severity: Severity, since_ms: u64) -> Notice {
        Notice {
            id: id.to_owned(),
            severity,
            text: id.to_owned(),
            node: None,
            edge: None,
            since_ms,
        }
    }

    fn texts(cards: &[Card]) -> Vec<&str> {
        cards.iter().map(|card| card.text.as_str()).collect()
    }

    #[test]
    fn the_worst_come_first_and_of_these_the_newest() {
        let notices = [
            notice("old warning", Severity::Warning, 1),
            notice("info", Severity::Info, 9),
            notice("new warning", Severity::Warning, 5),
            notice("critical", Severity::Critical, 2),
        ];
        assert_eq!(
            texts(&chosen(None, &notices, 0.01)),
            ["critical", "new warning", "old warning"]
        );
    }

    #[test]
    fn what_is_over_is_not_shown() {
        let mut over = notice("over", Severity::Critical, 1);
        over.text.clear();
        assert!(chosen(None, &[over], 0.01).is_empty());
    }

    #[test]
    fn good_news_grow_old_and_trouble_does_not() {
        let notices = [notice("news", Severity::Info, 0), notice("low", Severity::Warning, 0)];
        assert_eq!(texts(&chosen(None, &notices, 59.0)), ["low", "news"]);
        assert_eq!(texts(&chosen(None, &notices, 3600.0)), ["low"]);
    }

    #[test]
    fn the_viewers_own_words_come_first_and_clicks_go_to_what_a_notice_is_about() {
        let own = Card { severity: Severity::Info, text: "saved".to_owned(), goes: None };
        let about = Notice { node: Some(NodeId(7)), ..notice("slow", Severity::Warning, 1) };
        let cards = chosen(Some(&own), &[about], 0.01);
        assert_eq!(texts(&cards), ["saved", "slow"]);
        assert_eq!(cards[1].goes, Some(Item::Node(NodeId(7))));
    }
}
