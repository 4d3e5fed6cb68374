//! The followed request as a waterfall, along the bottom: a bar for each hop, from when it set out to when
//! its caller had the answer, darker where whoever was called was at work; a line that moves with the
//! marker in the picture; its trace id, to be copied, and the way to the trace store. In: [`Following`],
//! [`Traffic`]. Out: a panel; clicks become commands.

mod rows;

use bevy::prelude::*;
use bevy::ui_widgets::ScrollArea;
use spanfall_collector::feed::message::{Trace, TraceId};
use spanfall_collector::reduce::hop::Class;

use super::details::{self, Slide};
use super::legend;
use super::marks::Mark;
use super::paint::{Build, Paint, Style, rest};
use super::rows::Goes;
use super::{PanelSystems, SpawnPanels, timeline};
use crate::figures::latency;
use crate::focus::{Command, Shown};
use crate::follow::Following;
use crate::interaction::Solid;
use crate::scene::Theme;
use crate::traffic::Traffic;
use rows::{Line, lines};

/// Shows the waterfall.
pub(super) struct WaterfallPlugin;

impl Plugin for WaterfallPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Room>()
            .init_resource::<Following>()
            .add_systems(SpawnPanels, spawn)
            .add_systems(
                Update,
                (
                    make_rows,
                    update.run_if(
                        resource_changed::<Following>
                            .or_else(resource_changed::<Traffic>)
                            .or_else(resource_exists_and_changed::<Tree>),
                    ),
                    move_cursor,
                    stand,
                    scroll_along,
                )
                    .chain()
                    .in_set(PanelSystems::Update),
            );
    }
}

/// How much of the window's bottom the waterfall takes, in logical pixels at 1080.
#[derive(Resource, Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Room(pub(super) f32);

/// From the window's edges, and from what is below.
const MARGIN: f32 = 24.0;
const GAP: f32 = 12.0;
/// Heights in logical pixels at 1080.
const HEAD: f32 = 52.0;
const ROW: f32 = 26.0;
const FOOT: f32 = 12.0;
/// Rows that are seen at once; more scroll.
const SEEN: usize = 9;
/// Of a row, what names take, and figures.
const NAMES: f32 = 300.0;
const FIGURES: f32 = 84.0;
const COLUMN_GAP: f32 = 12.0;
const PADDING: f32 = 16.0;
/// How much further a hop's name stands than that of the one that led to it, and how often at most.
const STEP: f32 = 14.0;
const MOST_STEPS: usize = 8;
/// Height of the bars.
const OUTER: f32 = 6.0;
const INNER: f32 = 14.0;

#[derive(Resource)]
struct Tree {
    root: Entity,
    sign: Entity,
    title: Entity,
    about: Entity,
    store: Entity,
    body: Entity,
    /// What rows are in.
    list: Entity,
    /// Where the bars are, over all rows; and the line that moves.
    field: Entity,
    cursor: Entity,
    note: Entity,
    rows: Vec<RowTree>,
}

#[derive(Clone, Copy)]
struct RowTree {
    row: Entity,
    indent: Entity,
    kind: Entity,
    name: Entity,
    outer: Entity,
    inner: Entity,
    class: Entity,
    took: Entity,
}

fn spawn(mut build: Build<'_, '_>) {
    let frame = Node {
        display: Display::None,
        position_type: PositionType::Absolute,
        left: px(MARGIN),
        right: px(MARGIN),
        bottom: px(GAP),
        flex_direction: FlexDirection::Column,
        border: UiRect::all(px(1)),
        border_radius: BorderRadius::all(px(8)),
        ..default()
    };
    let card = build.card();
    let root = build.root("waterfall", (frame, card, Solid, GlobalZIndex(6)));
    let head = Node {
        height: px(HEAD),
        flex_shrink: 0.0,
        padding: UiRect::horizontal(px(PADDING)),
        column_gap: px(COLUMN_GAP),
        align_items: AlignItems::Center,
        ..default()
    };
    let head = build.part(root, head);
    let sign = build.sign(head, Mark::Class(Class::Ok), 20);
    let title = build.text(head, Style::Strong, "");
    let about = build.elided(head, Style::Second);
    spawn_action(&mut build, head, "Copy the trace id", Command::Copy);
    let store = spawn_action(&mut build, head, "Open in the trace store", Command::OpenTrace);
    let cross =
        Node { padding: UiRect::all(px(8)), border_radius: BorderRadius::all(px(6)), ..default() };
    let cross = build.sign_button(head, cross, "Follow no request", Goes::Asks(Command::Back));
    build.sign(cross, Mark::Cross, 16);
    let body = Node {
        max_height: px(ROW * SEEN as f32),
        min_height: px(0),
        flex_direction: FlexDirection::Column,
        overflow: Overflow::scroll_y(),
        ..default()
    };
    let body = build.part(root, (body, ScrollArea));
    let list = Node { flex_direction: FlexDirection::Column, flex_shrink: 0.0, ..default() };
    let list = build.part(body, list);
    let field = Node {
        position_type: PositionType::Absolute,
        left: px(PADDING + NAMES + COLUMN_GAP),
        right: px(PADDING + FIGURES + 20.0 + 2.0 * COLUMN_GAP),
        top: px(0),
        bottom: px(0),
        ..default()
    };
    let field = build.part(list, (field, Pickable::IGNORE, ZIndex(1)));
    let line = Node {
        position_type: PositionType::Absolute,
        top: px(0),
        bottom: px(0),
        width: px(2),
        margin: UiRect::left(px(-1)),
        ..default()
    };
    let color = build.colors().text;
    let cursor = build.part(field, (line, BackgroundColor(color), Pickable::IGNORE));
    let foot = Node {
        min_height: px(FOOT),
        padding: UiRect::horizontal(px(PADDING)),
        flex_shrink: 0.0,
        ..default()
    };
    let foot = build.part(root, foot);
    let note = build.text(foot, Style::Second, "");
    let rows = Vec::new();
    let tree = Tree { root, sign, title, about, store, body, list, field, cursor, note, rows };
    build.commands.insert_resource(tree);
}

fn spawn_action(build: &mut Build<'_, '_>, line: Entity, text: &str, command: Command) -> Entity {
    let node = Node {
        padding: UiRect::axes(px(8), px(4)),
        flex_shrink: 0.0,
        border_radius: BorderRadius::all(px(6)),
        ..default()
    };
    let button = build.button(line, node, Goes::Asks(command));
    let accent = build.colors().accent;
    let text = build.text(button, Style::Body, text);
    build.commands.entity(text).insert(TextColor(accent));
    button
}

/// As many rows as the longest request so far had hops; a collector tells 400 at most.
fn make_rows(
    following: Res<'_, Following>,
    tree: Option<ResMut<'_, Tree>>,
    mut build: Build<'_, '_>,
) {
    let Some(mut tree) = tree else { return };
    let wanted = following.known().map_or(0, |known| known.hops.len()).min(MOST_ROWS);
    if tree.rows.len() < wanted {
        let list = tree.list;
        let more = wanted - tree.rows.len();
        tree.rows.extend((0..more).map(|_| spawn_row(&mut build, list)));
    }
}

/// Whatever a collector sends, rows beyond these are not shown.
const MOST_ROWS: usize = 400;

fn spawn_row(build: &mut Build<'_, '_>, list: Entity) -> RowTree {
    let row = Node {
        height: px(ROW),
        flex_shrink: 0.0,
        padding: UiRect::horizontal(px(PADDING)),
        column_gap: px(COLUMN_GAP),
        align_items: AlignItems::Center,
        ..default()
    };
    let row = build.button(list, row, Goes::Nowhere);
    let names = Node {
        width: px(NAMES),
        flex_shrink: 0.0,
        column_gap: px(8),
        align_items: AlignItems::Center,
        ..default()
    };
    let names = build.part(row, names);
    let indent = build.part(names, Node { flex_shrink: 0.0, ..default() });
    let kind = build.sign(names, Mark::Kind(default()), 18);
    let name = build.elided(names, Style::Body);
    let bars = build.part(row, Node { height: percent(100), ..rest() });
    let [outer, inner] = [OUTER, INNER].map(|height| {
        let bar = Node {
            position_type: PositionType::Absolute,
            top: px((ROW - height) / 2.0),
            height: px(height),
            min_width: px(3),
            border_radius: BorderRadius::all(px(2)),
            ..default()
        };
        build.part(bars, (bar, BackgroundColor(Color::NONE), Pickable::IGNORE))
    });
    let class = build.sign(row, Mark::Class(Class::Ok), 20);
    let took = build.figure(row, Style::Body, FIGURES);
    RowTree { row, indent, kind, name, outer, inner, class, took }
}

/// What the rows were painted from: the request, what is known of it and of nodes, and the hop that is shown.
#[derive(Default, PartialEq)]
struct Painted {
    tree: Option<Entity>,
    trace: Option<TraceId>,
    hops: usize,
    revision: u64,
    current: Option<usize>,
}

fn update(
    following: Res<'_, Following>,
    traffic: Res<'_, Traffic>,
    theme: Res<'_, Theme>,
    tree: Option<Res<'_, Tree>>,
    mut painted: Local<'_, (Painted, Option<Trace>)>,
    mut paint: Paint<'_, '_>,
) {
    let Some(tree) = tree else { return };
    paint.show(tree.root, following.trace().is_some());
    let known = following.known();
    let next = Painted {
        tree: Some(tree.root),
        trace: following.trace(),
        hops: tree.rows.len(),
        revision: traffic.revision,
        current: following.moment().map(|moment| moment.step.hop()),
    };
    if painted.0 == next && painted.1.as_ref() == known {
        return;
    }
    let Some(trace) = next.trace else {
        *painted = (next, None);
        return;
    };
    let lines = known.map(|known| lines(known, following.journey(), &traffic));
    let lines = lines.unwrap_or_default();
    let worst = lines.iter().map(|line| line.class).max().unwrap_or_default();
    paint.sign(tree.sign, Mark::Class(worst), theme.colors.of(worst));
    paint.text(tree.title, &trace.to_string());
    paint.text(tree.about, &about(&following, lines.len(), &traffic));
    paint.show(tree.store, known.is_some_and(|known| known.url.is_some()));
    let more = known.map_or(0, |known| known.more);
    let note = if more > 0 { format!("and {more} more hops") } else { String::new() };
    paint.text(tree.note, &note);
    for (index, at) in tree.rows.iter().enumerate() {
        let line = lines.get(index);
        paint.show(at.row, line.is_some());
        if let Some(line) = line {
            paint_row(&mut paint, *at, line, next.current == Some(index), &theme);
        }
    }
    *painted = (next, known.cloned());
}

/// The line goes along with the marker.
fn move_cursor(
    following: Res<'_, Following>,
    tree: Option<Res<'_, Tree>>,
    mut paint: Paint<'_, '_>,
) {
    let Some(tree) = tree else { return };
    let now = following.moment();
    paint.show(tree.field, now.is_some());
    if let Some(now) = now {
        let part = now.at_us / following.journey().end_us().max(1.0);
        paint.left_share(tree.cursor, (part * 100.0) as f32);
    }
}

fn paint_row(paint: &mut Paint<'_, '_>, at: RowTree, line: &Line, current: bool, theme: &Theme) {
    let color = theme.colors.of(line.class);
    paint.width(at.indent, STEP * line.depth.min(MOST_STEPS) as f32);
    paint.sign(at.kind, Mark::Kind(line.kind), theme.colors.icon);
    paint.text(at.name, &line.name);
    let strong = if current { theme.colors.text } else { theme.colors.text_secondary };
    paint.text_color(at.name, strong);
    paint.span(at.outer, line.whole);
    paint.background(at.outer, color.with_alpha(if line.work.is_some() { 0.4 } else { 0.9 }));
    paint.show(at.inner, line.work.is_some());
    if let Some(work) = line.work {
        paint.span(at.inner, work);
        paint.background(at.inner, color.with_alpha(if current { 1.0 } else { 0.75 }));
    }
    paint.sign(at.class, Mark::Class(line.class), color);
    paint.text(at.took, &latency(line.took_us as f64));
    paint.goes(at.row, Goes::To(line.goes));
}

/// How many hops, how long they took, and how much slower they are shown.
fn about(following: &Following, hops: usize, traffic: &Traffic) -> String {
    let Some(known) = following.known() else { return "collecting…".to_owned() };
    let Some(first) = known.hops.first() else {
        return "Nothing is known of this request any more.".to_owned();
    };
    let from = traffic.nodes.get(&first.source).map(|node| node.name.as_str());
    let hops = if hops == 1 { "1 hop".to_owned() } else { format!("{hops} hops") };
    let whole = latency(following.journey().end_us());
    let from = from.map(|name| format!("from {name} · ")).unwrap_or_default();
    format!("{from}{hops} in {whole}")
}

/// The panel stands above the timeline and the legend, beside the details.
fn stand(
    following: Res<'_, Following>,
    tree: Option<Res<'_, Tree>>,
    slide: Res<'_, Slide>,
    shown: Res<'_, Shown>,
    below: Res<'_, timeline::Room>,
    mut room: ResMut<'_, Room>,
    mut paint: Paint<'_, '_>,
) {
    let Some(tree) = tree else { return };
    let rows = following.known().map_or(0, |known| known.hops.len()).min(SEEN);
    let there = following.trace().is_some();
    let height = HEAD + ROW * rows as f32 + FOOT + GAP;
    room.set_if_neq(Room(if there { height } else { 0.0 }));
    let legend = if shown.legend { legend::ROOM } else { 0.0 };
    paint.bottom(tree.root, GAP + legend + below.0);
    paint.right(tree.root, MARGIN + if slide.open() { details::WIDTH } else { 0.0 });
}

/// Of a long request, the rows around the current one are seen.
fn scroll_along(
    following: Res<'_, Following>,
    tree: Option<Res<'_, Tree>>,
    mut before: Local<'_, Option<usize>>,
    mut bodies: Query<'_, '_, &mut ScrollPosition>,
) {
    let current = following.moment().map(|moment| moment.step.hop());
    if *before == current {
        return;
    }
    *before = current;
    let Some(mut position) = tree.and_then(|tree| bodies.get_mut(tree.body).ok()) else { return };
    let top = current.map_or(0.0, |row| (row as f32 - SEEN as f32 / 2.0).max(0.0) * ROW);
    let most = following.known().map_or(0, |known| known.hops.len().saturating_sub(SEEN));
    position.0.y = top.min(most as f32 * ROW);
}

#[cfg(test)]
mod tests;
