//! The details panel's parts, spawned once. In: the theme. Out: [`Tree`], by which they are kept
//! up to date.

use bevy::prelude::*;
use bevy::ui_widgets::ScrollArea;
use spanfall_collector::reduce::hop::Class;
use spanfall_collector::reduce::node::NodeKind;

use super::facts::MOST_FACTS;
use super::lists::MOST_ROWS;
use super::past::Past;
use crate::focus::Command;
use crate::interaction::Solid;
use crate::panel::marks::Mark;
use crate::panel::paint::{Build, Style, rest};
use crate::panel::rows::Goes;
use crate::panel::top_bar;

/// Width in logical pixels at 1080.
pub(in crate::panel) const WIDTH: f32 = 400.0;
/// Height of the sparkline in logical pixels at 1080.
const PAST_HEIGHT: f32 = 64.0;
/// From the panel's edge to what is in it. Rows that light up reach [`ROW_INSET`] beyond.
const PADDING: f32 = 24.0;
const ROW_INSET: f32 = 8.0;

/// The panel's parts that change.
#[derive(Resource)]
pub(super) struct Tree {
    pub(super) root: Entity,
    /// What scrolls.
    pub(super) body: Entity,
    pub(super) heads: [HeadTree; 2],
    pub(super) total: Entity,
    pub(super) unit: Entity,
    /// The stacked bar's parts, in the order of the classes.
    pub(super) bar: [Entity; 4],
    pub(super) classes: [ClassTree; 5],
    pub(super) latency: [Entity; 3],
    /// From when on a hop is slow.
    pub(super) slow: Entity,
    /// The section of facts, and its lines.
    pub(super) beside: Entity,
    pub(super) facts: [Entity; MOST_FACTS],
    pub(super) peak: Entity,
    pub(super) lists: [ListTree; 5],
}

/// A node at the panel's top.
#[derive(Clone, Copy)]
pub(super) struct HeadTree {
    pub(super) row: Entity,
    pub(super) sign: Entity,
    pub(super) name: Entity,
    pub(super) about: Entity,
}

/// One line of the table of classes.
#[derive(Clone, Copy)]
pub(super) struct ClassTree {
    pub(super) sign: Entity,
    pub(super) rate: Entity,
    pub(super) share: Entity,
}

/// A list.
pub(super) struct ListTree {
    pub(super) root: Entity,
    pub(super) heading: Entity,
    /// What its two columns of figures are.
    pub(super) columns: [Entity; 2],
    pub(super) rows: [RowTree; MOST_ROWS],
    pub(super) note: Entity,
}

/// A list's row.
#[derive(Clone, Copy)]
pub(super) struct RowTree {
    pub(super) row: Entity,
    pub(super) sign: Entity,
    pub(super) name: Entity,
    pub(super) middle: Entity,
    pub(super) figure: Entity,
}

/// The table's lines from the top: the four classes, then cold starts.
pub(super) const LINES: [(Mark, &str); 5] = [
    (Mark::Class(Class::Ok), "ok"),
    (Mark::Class(Class::Slow), "slow"),
    (Mark::Class(Class::Throttled), "throttled"),
    (Mark::Class(Class::Error), "error"),
    (Mark::Cold, "cold start"),
];

pub(super) fn spawn(mut build: Build<'_, '_>) {
    let colors = build.colors();
    let panel = Node {
        position_type: PositionType::Absolute,
        top: px(top_bar::HEIGHT),
        bottom: px(0),
        right: px(0),
        width: px(WIDTH),
        border: UiRect::left(px(1)),
        flex_direction: FlexDirection::Column,
        ..default()
    };
    let look = (
        BackgroundColor(colors.surface.with_alpha(0.96)),
        BorderColor::all(colors.outline),
        UiTransform::default(),
        Visibility::Hidden,
    );
    let root = build.root("details", (panel, look, Solid, GlobalZIndex(10)));
    let heads = spawn_heads(&mut build, root);
    let body = Node {
        flex_grow: 1.0,
        flex_basis: px(0),
        min_height: px(0),
        flex_direction: FlexDirection::Column,
        row_gap: px(24),
        padding: UiRect { left: px(PADDING), right: px(PADDING), top: px(4), bottom: px(24) },
        overflow: Overflow::scroll_y(),
        ..default()
    };
    let body = build.part(root, (body, ScrollArea));
    let (total, unit, bar) = spawn_total(&mut build, body);
    let table = build.stack(body, 6.0);
    let classes = LINES.map(|(mark, word)| spawn_class(&mut build, table, mark, word));
    let (latency, slow) = spawn_latency(&mut build, body);
    let beside = build.stack(body, 6.0);
    let facts = [(); MOST_FACTS].map(|()| build.text(beside, Style::Second, ""));
    let peak = spawn_past(&mut build, body);
    let lists = std::array::from_fn(|_| spawn_list(&mut build, body));
    let tree = Tree {
        root,
        body,
        heads,
        total,
        unit,
        bar,
        classes,
        latency,
        slow,
        beside,
        facts,
        peak,
        lists,
    };
    build.commands.insert_resource(tree);
}

/// The node, or both of the edge's, and the cross that closes the panel.
fn spawn_heads(build: &mut Build<'_, '_>, panel: Entity) -> [HeadTree; 2] {
    let top = Node {
        padding: UiRect {
            left: px(PADDING - ROW_INSET),
            right: px(PADDING - ROW_INSET),
            top: px(16),
            bottom: px(12),
        },
        flex_direction: FlexDirection::Column,
        row_gap: px(4),
        ..default()
    };
    let top = build.part(panel, top);
    let heads = std::array::from_fn(|_| spawn_head(build, top));
    let cross = Node {
        position_type: PositionType::Absolute,
        top: px(14),
        right: px(12),
        padding: UiRect::all(px(10)),
        border_radius: corner(),
        ..default()
    };
    let closes = Goes::Asks(Command::Select(None));
    let cross = build.sign_button(panel, cross, "Close the details", closes);
    build.sign(cross, Mark::Cross, CROSS);
    heads
}

/// The cross in logical pixels at 1080.
const CROSS: u8 = 16;

fn corner() -> BorderRadius {
    BorderRadius::all(px(6))
}

fn spawn_head(build: &mut Build<'_, '_>, column: Entity) -> HeadTree {
    let row = Node {
        padding: UiRect::all(px(ROW_INSET)),
        column_gap: px(14),
        align_items: AlignItems::Center,
        border_radius: corner(),
        ..default()
    };
    let row = build.button(column, row, Goes::Nowhere);
    let sign = build.sign(row, Mark::Kind(NodeKind::default()), 32);
    let texts = Node { flex_direction: FlexDirection::Column, row_gap: px(2), ..rest() };
    let texts = build.part(row, texts);
    // The name ends before the cross.
    let beside = Node { margin: UiRect::right(px(28)), ..default() };
    let line = build.part(texts, beside);
    let name = build.elided(line, Style::Title);
    let line = build.line(texts, 0.0);
    let about = build.elided(line, Style::Second);
    HeadTree { row, sign, name, about }
}

/// The total, and the bar divided by class.
fn spawn_total(build: &mut Build<'_, '_>, body: Entity) -> (Entity, Entity, [Entity; 4]) {
    let section = build.stack(body, 10.0);
    let line = Node { align_items: AlignItems::FlexEnd, column_gap: px(8), ..default() };
    let line = build.part(section, line);
    let total = build.text(line, Style::Display, "");
    let unit = build.unit(line, "");
    let track = Node {
        height: px(8),
        column_gap: px(2),
        border_radius: BorderRadius::all(px(2)),
        ..default()
    };
    let colors = build.colors();
    let track = build.part(section, (track, BackgroundColor(colors.surface_raised)));
    let bar = Class::ALL.map(|class| {
        // However small a part is, it is seen.
        let part = Node {
            flex_basis: px(0),
            min_width: px(4),
            height: percent(100),
            border_radius: BorderRadius::all(px(2)),
            ..default()
        };
        build.part(track, (part, BackgroundColor(colors.of(class))))
    });
    (total, unit, bar)
}

fn spawn_class(build: &mut Build<'_, '_>, table: Entity, mark: Mark, word: &str) -> ClassTree {
    let line = build.line(table, 10.0);
    let sign = build.sign(line, mark, 16);
    let room = build.part(line, rest());
    build.text(room, Style::Second, word);
    let rate = build.figure(line, Style::Body, 96.0);
    let share = build.figure(line, Style::Second, 72.0);
    ClassTree { sign, rate, share }
}

fn spawn_latency(build: &mut Build<'_, '_>, body: Entity) -> ([Entity; 3], Entity) {
    let section = build.stack(body, 10.0);
    build.text(section, Style::Section, "Latency");
    let line = build.line(section, 8.0);
    let figures = ["median", "p95", "p99"].map(|word| {
        let cell = Node { flex_direction: FlexDirection::Column, row_gap: px(2), ..rest() };
        let cell = build.part(line, cell);
        let figure = build.text(cell, Style::Title, "");
        build.text(cell, Style::Second, word);
        figure
    });
    (figures, build.text(section, Style::Second, ""))
}

/// The last minutes. Returns the text that says how high its top is.
fn spawn_past(build: &mut Build<'_, '_>, body: Entity) -> Entity {
    let section = build.stack(body, 8.0);
    let ends = Node { justify_content: JustifyContent::SpaceBetween, ..default() };
    let line = build.part(section, ends);
    build.text(line, Style::Section, "Last 5 minutes");
    let peak = build.text(line, Style::Second, "");
    let field = Node { height: px(PAST_HEIGHT), border: UiRect::bottom(px(1)), ..default() };
    let color = build.colors().outline;
    let field = build.part(section, (field, BorderColor::all(color)));
    let all = Node { width: percent(100), height: percent(100), ..default() };
    build.part(field, (Past, ImageNode::default(), all));
    peak
}

fn spawn_list(build: &mut Build<'_, '_>, body: Entity) -> ListTree {
    let root = build.stack(body, 6.0);
    let line = build.line(root, 10.0);
    let room = build.part(line, rest());
    let heading = build.text(room, Style::Section, "");
    let columns = [(); 2].map(|()| build.figure(line, Style::Second, FIGURE));
    // Rows light up beyond their text.
    let column = Node {
        flex_direction: FlexDirection::Column,
        margin: UiRect::horizontal(px(-ROW_INSET)),
        ..default()
    };
    let column = build.part(root, column);
    let rows = std::array::from_fn(|_| spawn_row(build, column));
    let inset = Node { padding: UiRect::axes(px(ROW_INSET), px(3)), ..default() };
    let line = build.part(column, inset);
    let note = build.text(line, Style::Second, "");
    ListTree { root, heading, columns, rows, note }
}

/// Width of a column of figures in logical pixels at 1080: `99.9k/s`, `12.5 ms`.
const FIGURE: f32 = 68.0;

fn spawn_row(build: &mut Build<'_, '_>, column: Entity) -> RowTree {
    let row = Node {
        padding: UiRect::axes(px(ROW_INSET), px(3)),
        column_gap: px(10),
        align_items: AlignItems::Center,
        border_radius: corner(),
        ..default()
    };
    let row = build.button(column, row, Goes::Nowhere);
    let sign = build.sign(row, Mark::Kind(NodeKind::default()), 20);
    let name = build.elided(row, Style::Body);
    let middle = build.figure(row, Style::Second, FIGURE);
    let figure = build.figure(row, Style::Body, FIGURE);
    RowTree { row, sign, name, middle, figure }
}
