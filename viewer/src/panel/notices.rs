//! What deserves attention, at the bottom right: at most three sentences, those first that hurt the
//! most requests, each a click away from what it is about and from what to do; and for a few seconds
//! what the viewer itself has to say. Anything can be muted for an hour. In: the model's notices,
//! [`Remark`]s, saved pictures. Out: cards.

mod rank;

use bevy::prelude::*;
use bevy::time::Real;
use spanfall_collector::feed::message::Severity;

use super::details::Slide;
use super::marks::Mark;
use super::paint::{Build, Paint, Style};
use super::rows::Goes;
use super::{Beat, PanelSystems, SpawnPanels, details, legend, timeline, waterfall};
use crate::activity::Activity;
use crate::browser::OpenPage;
use crate::focus::{Command, Item, Shown};
use crate::interaction::Solid;
use crate::scene::{Cover, Theme};
use crate::snapshot::Saved;
use crate::traffic::Traffic;
use rank::{Card, Muted, Ranked, ranked};

/// Shows notices.
pub(super) struct NoticesPlugin;

impl Plugin for NoticesPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Own>()
            .init_resource::<Muted>()
            .init_resource::<Ranked>()
            .init_resource::<Worst>()
            .add_message::<Saved>()
            .add_message::<Remark>()
            .add_message::<OpenPage>()
            .add_systems(SpawnPanels, spawn)
            .add_systems(
                Update,
                (
                    hear,
                    obey,
                    update.run_if(
                        Beat::strikes
                            .or_else(resource_changed::<Own>)
                            .or_else(resource_changed::<Muted>),
                    ),
                    stand_aside,
                )
                    .chain()
                    .in_set(PanelSystems::Update),
            );
    }
}

/// Something that the viewer itself has to say, for a few seconds.
#[derive(Message, Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// How much attention it deserves.
    pub severity: Severity,
    /// The sentence.
    pub text: String,
}

/// What the notice is about that hurts most, of those that are shown.
#[derive(Resource, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Worst(pub Option<Item>);

/// Cards at most: more would be wallpaper.
const MOST: usize = 3;
/// Seconds that the viewer's own words stay.
const OWN_STAY: f64 = 6.0;
/// From the window's edge, in logical pixels at 1080.
const MARGIN: f32 = 24.0;
const BOTTOM: f32 = 16.0;

/// What the viewer itself has to say, and until when.
#[derive(Resource, Default)]
struct Own(Option<(Card, f64)>);

#[derive(Resource)]
struct Tree {
    root: Entity,
    cards: [CardTree; MOST],
    rest: Entity,
    rest_text: Entity,
}

#[derive(Clone, Copy)]
struct CardTree {
    card: Entity,
    button: Entity,
    sign: Entity,
    text: Entity,
    actions: Entity,
    runbook: Entity,
}

fn spawn(mut build: Build<'_, '_>) {
    let column = Node {
        position_type: PositionType::Absolute,
        right: px(MARGIN),
        bottom: px(BOTTOM),
        width: px(440),
        flex_direction: FlexDirection::ColumnReverse,
        align_items: AlignItems::FlexEnd,
        row_gap: px(8),
        ..default()
    };
    let root = build.root("notices", (column, GlobalZIndex(5), Pickable::IGNORE));
    let rest = Node {
        display: Display::None,
        padding: UiRect::axes(px(10), px(3)),
        border: UiRect::all(px(1)),
        border_radius: BorderRadius::all(px(8)),
        ..default()
    };
    let look = build.card();
    let rest = build.part(root, (rest, look, Solid, Cover));
    let line = Node { border_radius: BorderRadius::all(px(6)), ..default() };
    let line = build.button(rest, line, Goes::Asks(Command::Unmute));
    let rest_text = build.text(line, Style::Second, "");
    let cards = [0, 1, 2].map(|place| spawn_card(&mut build, root, place));
    build.commands.insert_resource(Tree { root, cards, rest, rest_text });
}

fn spawn_card(build: &mut Build<'_, '_>, column: Entity, place: u8) -> CardTree {
    let frame = Node {
        display: Display::None,
        max_width: percent(100),
        flex_direction: FlexDirection::Column,
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
    let card = build.part(column, (frame, look, Solid, Cover));
    let button = build.button(card, inner, Goes::Nowhere);
    let sign = build.sign(button, Mark::Severity(Severity::Info), 20);
    // Nothing of a sentence is left out.
    let text = build.sentence(button, Style::Body, "");
    let actions = Node {
        justify_content: JustifyContent::FlexEnd,
        column_gap: px(4),
        padding: UiRect { left: px(14), right: px(6), top: px(0), bottom: px(6) },
        ..default()
    };
    let actions = build.part(card, actions);
    let runbook = spawn_action(build, actions, "Open the runbook", Command::OpenRunbook(place));
    spawn_action(build, actions, "Mute for an hour", Command::Mute(place));
    CardTree { card, button, sign, text, actions, runbook }
}

fn spawn_action(build: &mut Build<'_, '_>, line: Entity, text: &str, command: Command) -> Entity {
    let node = Node {
        padding: UiRect::axes(px(8), px(3)),
        border_radius: BorderRadius::all(px(6)),
        ..default()
    };
    let button = build.button(line, node, Goes::Asks(command));
    let accent = build.colors().accent;
    let text = build.text(button, Style::Body, text);
    build.commands.entity(text).insert(TextColor(accent));
    button
}

/// Takes in what the viewer itself has to say.
fn hear(
    time: Res<'_, Time<Real>>,
    mut saved: MessageReader<'_, '_, Saved>,
    mut remarks: MessageReader<'_, '_, Remark>,
    mut own: ResMut<'_, Own>,
    mut activity: ResMut<'_, Activity>,
) {
    let now = time.elapsed_secs_f64();
    let saved = saved.read().map(|saved| match saved {
        Saved::As(path) => {
            Remark { severity: Severity::Info, text: format!("Saved {}", path.display()) }
        }
        Saved::Failed(why) => {
            Remark { severity: Severity::Warning, text: format!("No picture was saved: {why}") }
        }
    });
    for Remark { severity, text } in saved.chain(remarks.read().cloned()) {
        let card = Card { severity, text, ..Card::default() };
        own.0 = Some((card, now + OWN_STAY));
    }
    if own.0.as_ref().is_some_and(|(_, until)| *until < now) {
        own.0 = None;
    } else if own.0.is_some() {
        activity.extend(&time, 0.5);
    }
}

/// Mutes, and opens pages.
fn obey(
    mut commands: MessageReader<'_, '_, Command>,
    time: Res<'_, Time<Real>>,
    shown: Res<'_, Ranked>,
    mut muted: ResMut<'_, Muted>,
    mut pages: MessageWriter<'_, OpenPage>,
    mut remarks: MessageWriter<'_, Remark>,
) {
    let now = time.elapsed_secs_f64();
    for command in commands.read() {
        match command {
            Command::Mute(place) => {
                if let Some(card) = shown.notice(*place) {
                    muted.mute(&card.id, now);
                }
            }
            Command::Unmute => muted.clear(),
            Command::OpenRunbook(place) => {
                if let Some(card) = shown.notice(*place) {
                    match &card.url {
                        Some(url) => {
                            pages.write(OpenPage(url.clone()));
                        }
                        None => {
                            remarks.write(no_runbook());
                        }
                    }
                }
            }
            _ => {}
        }
    }
    if muted.expire(now) {
        muted.set_changed();
    }
}

fn no_runbook() -> Remark {
    Remark {
        severity: Severity::Info,
        text: "No runbook is configured for this: see [[notice.runbook]].".to_owned(),
    }
}

fn update(
    tree: Option<Res<'_, Tree>>,
    own: Res<'_, Own>,
    muted: Res<'_, Muted>,
    traffic: Res<'_, Traffic>,
    theme: Res<'_, Theme>,
    (mut shown, mut worst): (ResMut<'_, Ranked>, ResMut<'_, Worst>),
    mut paint: Paint<'_, '_>,
) {
    let Some(tree) = tree else { return };
    let now = traffic.time().unwrap_or_default();
    *shown = ranked(own.0.as_ref().map(|(card, _)| card), &traffic.notices, &muted, now, MOST);
    worst.set_if_neq(Worst(shown.cards.iter().find_map(|card| card.goes)));
    for (at, card) in tree.cards.iter().zip(shown.cards.iter().map(Some).chain([None; MOST])) {
        paint.show(at.card, card.is_some());
        let Some(Card { id, severity, text, goes, url }) = card else { continue };
        let mark = Mark::Severity(*severity);
        paint.sign(at.sign, mark, mark.color(&theme.colors));
        paint.text(at.text, text);
        paint.goes(at.button, goes.map_or(Goes::Nowhere, Goes::To));
        paint.show(at.actions, !id.is_empty());
        paint.show(at.runbook, url.is_some());
    }
    let rest = shown.rest();
    paint.show(tree.rest, !rest.is_empty());
    paint.text(tree.rest_text, &rest);
}

/// The details panel takes the place at the right, the timeline that at the bottom, and the waterfall one
/// beside the legend.
fn stand_aside(
    tree: Option<Res<'_, Tree>>,
    slide: Res<'_, Slide>,
    shown: Res<'_, Shown>,
    (timeline, waterfall): (Res<'_, timeline::Room>, Res<'_, waterfall::Room>),
    mut paint: Paint<'_, '_>,
) {
    if let Some(tree) = tree {
        let panel = if slide.open() { details::WIDTH } else { 0.0 };
        paint.right(tree.root, MARGIN + panel);
        let legend = if shown.legend && waterfall.0 > 0.0 { legend::ROOM } else { 0.0 };
        paint.bottom(tree.root, BOTTOM + timeline.0 + legend + waterfall.0);
    }
}

#[cfg(test)]
mod tests;
