//! The line at the top: how much, how well, from where, how fresh, and of what time. In: the
//! model. Out: texts.

use accesskit::Role;
use bevy::prelude::*;
use bevy::time::Real;
use jiff::tz::TimeZone;
use spanfall_collector::feed::message::Unit;

use super::control::Spoken;
use super::marks::Mark;
use super::paint::{Build, Paint, Style};
use super::status::{Mood, SHARES, Status, status};
use super::unit::Words;
use super::{Beat, PanelSystems, SpawnPanels};
use crate::figures::shortened;
use crate::interaction::{Solid, Steering};
use crate::scene::Theme;
use crate::traffic::{Playback, SourceState, Traffic};

/// Height in logical pixels at 1080.
pub(super) const HEIGHT: f32 = 56.0;

/// Shows the top bar.
pub(super) struct TopBarPlugin;

impl Plugin for TopBarPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Lag>()
            .insert_resource(Zone(TimeZone::system()))
            .add_systems(SpawnPanels, spawn)
            .add_systems(
                Update,
                (watch_lag, (fit_width, update).run_if(Beat::strikes))
                    .chain()
                    .in_set(PanelSystems::Update),
            );
    }
}

/// The bar's parts that change.
#[derive(Resource)]
struct Tree {
    rate: Entity,
    unit: Entity,
    shares: [Share; 3],
    /// How many requests have an end that is not known; shown where there are many.
    unknown: Entity,
    /// Its text, for which a narrow window has no room.
    unknown_text: Entity,
    brand: Entity,
    paused: Entity,
    chip: Entity,
    source: Entity,
    name: Entity,
    freshness: Entity,
    dot: Entity,
    fresh: Entity,
    clock: Entity,
}

/// The share of a class.
#[derive(Clone, Copy)]
struct Share {
    sign: Entity,
    figure: Entity,
    word: Entity,
}

/// How far behind the picture is: the longest wait for a tick lately, so that it does not jitter
/// with every tick.
#[derive(Resource, Default)]
struct Lag {
    shown: f64,
    longest: f64,
    since: f64,
}

/// Characters of a source's name at most: a file's path may be long.
const NAME_LENGTH: usize = 40;

/// Below this width (logical pixels at 1080) words go, where a sign says the same; below the
/// second one names go, too.
const NARROW: f32 = 1360.0;
const VERY_NARROW: f32 = 1000.0;

/// In a narrow window the figures stay.
fn fit_width(
    ui_scale: Res<'_, UiScale>,
    steering: Res<'_, Steering>,
    tree: Option<Res<'_, Tree>>,
    mut paint: Paint<'_, '_>,
) {
    let Some(tree) = tree else { return };
    let width = steering.window().x / ui_scale.0;
    for share in tree.shares {
        paint.show(share.word, width >= NARROW);
    }
    paint.show(tree.unknown_text, width >= NARROW);
    paint.show(tree.brand, width >= VERY_NARROW);
    paint.show(tree.name, width >= VERY_NARROW);
}

/// Where the wall hangs.
#[derive(Resource)]
pub(super) struct Zone(pub(super) TimeZone);

/// Seconds over which the longest wait is taken.
const LAG_WINDOW: f64 = 2.0;

fn watch_lag(time: Res<'_, Time<Real>>, playback: Res<'_, Playback>, mut lag: ResMut<'_, Lag>) {
    let now = time.elapsed_secs_f64();
    lag.longest = lag.longest.max(playback.age);
    if now - lag.since >= LAG_WINDOW {
        lag.shown = lag.longest;
        lag.longest = 0.0;
        lag.since = now;
    }
}

fn spawn(mut build: Build<'_, '_>) {
    let colors = build.colors();
    let node = Node {
        position_type: PositionType::Absolute,
        top: px(0),
        left: px(0),
        right: px(0),
        height: px(HEIGHT),
        padding: UiRect::horizontal(px(24)),
        border: UiRect::bottom(px(1)),
        align_items: AlignItems::Center,
        justify_content: JustifyContent::SpaceBetween,
        column_gap: px(32),
        ..default()
    };
    let look = (
        BackgroundColor(colors.background.with_alpha(0.92)),
        BorderColor::all(colors.outline.with_alpha(0.6)),
    );
    let bar = build.root("top bar", (node, look, Solid, GlobalZIndex(20)));
    build.speak(bar, Spoken::by_its_texts(Role::Status));

    let left = build.line(bar, 28.0);
    let brand = build.text(left, Style::Section, "Spanfall");
    let node = Node { align_items: AlignItems::FlexEnd, column_gap: px(8), ..default() };
    let figure = build.part(left, node);
    let rate = build.text(figure, Style::Display, "0");
    let unit = build.unit(figure, Words::of(Unit::default()).rate);
    let shares = SHARES.map(|class| {
        let figure = build.line(left, 8.0);
        let sign = build.sign(figure, Mark::Class(class), 16);
        let text = build.text(figure, Style::Strong, "");
        let word = build.text(figure, Style::Second, class.as_str());
        Share { sign, figure: text, word }
    });

    let unknown = build.line(left, 0.0);
    let unknown_text = build.text(unknown, Style::Second, "");

    let right = build.line(bar, 20.0);
    let paused = build.line(right, 6.0);
    build.sign(paused, Mark::Pause, 16);
    build.text(paused, Style::Strong, "paused");
    let from = build.line(right, 10.0);
    let chip = Node {
        padding: UiRect::axes(px(8), px(2)),
        border_radius: BorderRadius::all(px(4)),
        ..default()
    };
    let chip = build.part(from, (chip, BackgroundColor(colors.surface_raised)));
    let source = build.text(chip, Style::Strong, "");
    let name = build.text(from, Style::Second, "");
    let freshness = build.line(right, 8.0);
    let round = Node { width: px(8), height: px(8), border_radius: BorderRadius::MAX, ..default() };
    let dot = build.part(freshness, (round, BackgroundColor(colors.text_faint)));
    let fresh = build.text(freshness, Style::Second, "");
    let clock = build.text(right, Style::Strong, "");
    build.commands.insert_resource(Tree {
        rate,
        unit,
        shares,
        unknown,
        unknown_text,
        brand,
        paused,
        chip,
        source,
        name,
        freshness,
        dot,
        fresh,
        clock,
    });
}

fn update(
    tree: Option<Res<'_, Tree>>,
    (lag, zone): (Res<'_, Lag>, Res<'_, Zone>),
    traffic: Res<'_, Traffic>,
    playback: Res<'_, Playback>,
    source: Res<'_, SourceState>,
    theme: Res<'_, Theme>,
    mut paint: Paint<'_, '_>,
) {
    let Some(tree) = tree else { return };
    let Status { rate, unit, shares, unknown, source, name, fresh, mood, paused, clock } =
        status(&traffic, &playback, &source, lag.shown, &zone.0);
    let colors = &theme.colors;
    paint.text(tree.rate, &rate);
    paint.text(tree.unit, unit);
    for ((class, (text, some)), Share { sign, figure, .. }) in
        SHARES.into_iter().zip(shares).zip(tree.shares)
    {
        paint.text(figure, &text);
        let (mark, color) = if some {
            (colors.of(class), colors.text)
        } else {
            (colors.text_faint, colors.text_secondary)
        };
        paint.sign(sign, Mark::Class(class), mark);
        paint.text_color(figure, color);
    }
    paint.show(tree.unknown, !unknown.is_empty());
    paint.text(tree.unknown_text, &unknown);
    paint.show(tree.paused, paused);
    paint.show(tree.chip, !source.is_empty());
    paint.text(tree.source, source);
    paint.text(tree.name, &shortened(&name, NAME_LENGTH));
    paint.show(tree.freshness, !fresh.is_empty());
    paint.text(tree.fresh, &fresh);
    let (dot, text) = match mood {
        Mood::Neutral => (colors.text_faint, colors.text_secondary),
        Mood::Good => (colors.ok, colors.text_secondary),
        Mood::Worried => (colors.slow, colors.slow),
        Mood::Alarmed => (colors.error, colors.error),
    };
    paint.background(tree.dot, dot);
    paint.text_color(tree.fresh, text);
    paint.text(tree.clock, &clock);
}
