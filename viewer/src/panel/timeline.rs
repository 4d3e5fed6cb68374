//! The timeline at the bottom: the last hour as a thin strip of volume by class, with what deserved
//! attention along its top. Whoever drags along it goes to that moment, and everything else in the
//! picture with them. In: [`History`], [`Playback`]. Out: [`Command::Seek`] and [`Command::Live`].

use accesskit::Role;
use bevy::prelude::*;
use bevy::ui_widgets::{Slider, SliderRange, SliderValue, TrackClick, ValueChange};
use jiff::tz::TimeZone;
use spanfall_collector::feed::message::Severity;
use spanfall_collector::reduce::hop::Counts;

use super::control::{Control, Spoken};
use super::details::{self, Slide};
use super::marks::Sign;
use super::paint::{Build, Paint, Style};
use super::sparkline::{self, Frame};
use super::status::clock;
use super::{Beat, PanelSystems, SpawnPanels};
use crate::figures::duration;
use crate::focus::{Command, Shown};
use crate::interaction::Solid;
use crate::scene::Theme;
use crate::traffic::history::Mark;
use crate::traffic::{History, Playback};

/// Height with its distance to what is above it, in logical pixels at 1080.
pub(super) const ROOM: f32 = 52.0;

/// The strip appears with so many seconds of past: before, there is nowhere to go.
const LEAST: f64 = 30.0;

/// Whoever drags closer to the end than this part of the strip wants to be at the present.
const AT_END: f64 = 0.995;

/// Of the strip's height, what the marks of notices take.
const MARK_SHARE: f32 = 0.14;

const MARGIN: f32 = 24.0;

/// Shows the timeline.
pub(super) struct TimelinePlugin;

impl Plugin for TimelinePlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Room>()
            .add_message::<Command>()
            .add_systems(SpawnPanels, spawn)
            .add_systems(
                Update,
                (
                    appear,
                    // The head moves as whoever drags it does; the past grows by the second.
                    update.run_if(resource_changed::<Playback>),
                    draw.run_if(Beat::strikes.or_else(resource_changed::<Room>)),
                    stand_aside,
                )
                    .chain()
                    .in_set(PanelSystems::Update),
            );
    }
}

/// How much of the window's bottom the timeline takes, in logical pixels at 1080.
#[derive(Resource, Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Room(pub(super) f32);

#[derive(Resource)]
struct Tree {
    root: Entity,
    moment: Entity,
    ago: Entity,
    track: Entity,
    head: Entity,
}

/// Marks the strip itself.
#[derive(Component)]
struct Track;

fn spawn(mut build: Build<'_, '_>) {
    let node = Node {
        display: Display::None,
        position_type: PositionType::Absolute,
        left: px(MARGIN),
        right: px(MARGIN),
        bottom: px(12),
        height: px(40),
        column_gap: px(16),
        align_items: AlignItems::Center,
        ..default()
    };
    let root = build.root("timeline", (node, Solid, GlobalZIndex(5)));
    let words = Node {
        width: px(132),
        flex_shrink: 0.0,
        flex_direction: FlexDirection::Column,
        ..default()
    };
    let words = build.part(root, words);
    let moment = build.text(words, Style::Strong, "");
    let ago = build.text(words, Style::Second, "");
    let outline = build.colors().outline;
    let node = Node {
        flex_grow: 1.0,
        min_width: px(0),
        height: percent(100),
        border: UiRect::bottom(px(1)),
        ..default()
    };
    let slider = Slider { track_click: TrackClick::Snap, ..default() };
    let image = ImageNode { image_mode: NodeImageMode::Stretch, ..default() };
    let look = (image, BorderColor::all(outline));
    let spoken = Spoken::with_value(Role::Slider, "Time", moment);
    let track = build.part(root, (node, slider, Track, look, Control::Slide, spoken));
    let color = build.colors().text;
    let node = Node {
        position_type: PositionType::Absolute,
        top: px(-3),
        bottom: px(-3),
        width: px(3),
        margin: UiRect::left(px(-1.5)),
        border_radius: BorderRadius::all(px(1.5)),
        ..default()
    };
    let head = build.part(track, (node, BackgroundColor(color), Pickable::IGNORE));
    build.commands.entity(track).observe(drag);
    build.commands.insert_resource(Tree { root, moment, ago, track, head });
}

/// Somebody wants to be elsewhere in time.
fn drag(
    change: On<'_, '_, ValueChange<f32>>,
    ranges: Query<'_, '_, &SliderRange>,
    history: Res<'_, History>,
    mut commands: MessageWriter<'_, Command>,
) {
    let (Ok(range), Some((begin, _))) = (ranges.get(change.source), history.range) else { return };
    commands.write(wanted(begin, range.span().into(), change.value.into()));
}

/// What it means to drag to a place, in seconds from the strip's beginning.
fn wanted(begin: f64, span: f64, place: f64) -> Command {
    if place >= span * AT_END { Command::Live } else { Command::Seek(begin + place.max(0.0)) }
}

/// The strip is there when it is wanted and there is a past to go to.
fn appear(
    shown: Res<'_, Shown>,
    history: Res<'_, History>,
    tree: Option<Res<'_, Tree>>,
    mut room: ResMut<'_, Room>,
    mut paint: Paint<'_, '_>,
) {
    let Some(tree) = tree else { return };
    let there = shown.timeline && span(&history) >= LEAST;
    room.set_if_neq(Room(if there { ROOM } else { 0.0 }));
    paint.show(tree.root, there);
}

fn span(history: &History) -> f64 {
    history.range.map_or(0.0, |(begin, end)| end - begin)
}

fn update(
    tree: Option<Res<'_, Tree>>,
    history: Res<'_, History>,
    playback: Res<'_, Playback>,
    zone: Option<Res<'_, super::top_bar::Zone>>,
    tracks: Query<'_, '_, (&SliderValue, &SliderRange), With<Track>>,
    mut commands: Commands<'_, '_>,
    mut paint: Paint<'_, '_>,
) {
    let (Some(tree), Some((begin, end))) = (tree, history.range) else { return };
    let at = playback.at.filter(|_| !playback.live).unwrap_or(end).clamp(begin, end);
    let place = if end > begin { (at - begin) / (end - begin) } else { 1.0 };
    let utc = TimeZone::UTC;
    let zone = zone.as_deref().map_or(&utc, |zone| &zone.0);
    let (moment, ago) = words(&playback, (begin, at, end), zone);
    paint.text(tree.moment, &moment);
    paint.text(tree.ago, &ago);
    paint.left_share(tree.head, (place * 1_000.0).round() as f32 / 10.0);
    let (value, range) =
        (SliderValue((at - begin) as f32), SliderRange::new(0.0, (end - begin) as f32));
    if tracks.get(tree.track).is_ok_and(|now| (*now.0, *now.1) != (value, range)) {
        commands.entity(tree.track).insert((value, range));
    }
}

/// What is said of the moment that is shown: its time, and how long ago it was or how fast it passes.
fn words(
    playback: &Playback,
    (begin, at, end): (f64, f64, f64),
    zone: &TimeZone,
) -> (String, String) {
    if playback.live {
        let state = if playback.speed == 0.0 { "paused" } else { "now" };
        return (state.to_owned(), format!("last {}", duration(end - begin)));
    }
    let speed = match playback.speed {
        0.0 => "paused".to_owned(),
        1.0 => format!("{} ago", duration(end - at)),
        speed => format!("{speed} times as fast"),
    };
    (clock(at, true, zone), speed)
}

/// What the strip was drawn from.
#[derive(Default, PartialEq)]
struct Drawn {
    /// The UI node that shows it.
    field: Option<Entity>,
    size: UVec2,
    range: (u64, u64),
    past: Vec<Counts>,
    marks: Vec<Mark>,
}

fn draw(
    history: Res<'_, History>,
    theme: Res<'_, Theme>,
    mut field: Query<'_, '_, (Entity, &ComputedNode, &mut ImageNode), (With<Track>, Without<Sign>)>,
    mut images: ResMut<'_, Assets<Image>>,
    mut drawn: Local<'_, Drawn>,
) {
    let (Ok((field, node, mut image)), Some((begin, end))) = (field.single_mut(), history.range)
    else {
        return;
    };
    let size = node.size().round().as_uvec2();
    // The newest second is not over, and would dip.
    let mut past = history.between(begin, end - 1.0);
    past.truncate(crate::traffic::FILM_SECONDS);
    let next = Drawn {
        field: Some(field),
        size,
        range: (begin as u64, end as u64),
        past,
        marks: history.marks.iter().cloned().collect(),
    };
    if size.min_element() == 0 || *drawn == next {
        return;
    }
    let colors = theme.colors;
    let seconds = next.past.len();
    let frame = Frame { size, seconds, peak: sparkline::peak(&next.past, seconds) };
    let mut bytes = sparkline::draw(&next.past, frame, |class| colors.of(class).to_srgba());
    for mark in &next.marks {
        let color = match mark.severity {
            Severity::Critical => colors.error,
            _ => colors.slow,
        };
        mark_top(&mut bytes, size, columns(mark, (begin, end), size.x), color.to_srgba());
    }
    image.image = images.add(sparkline::image(size, bytes));
    *drawn = next;
}

/// The columns from where a notice began to where it ended; at least one, so that it is seen.
fn columns(mark: &Mark, (begin, end): (f64, f64), width: u32) -> std::ops::Range<usize> {
    let span = (end - begin).max(1.0);
    let column = |at: f64| ((at - begin) / span * f64::from(width)).clamp(0.0, f64::from(width));
    let from = column(mark.from).floor().min(f64::from(width.saturating_sub(1)));
    let until = column(mark.until.unwrap_or(end)).ceil().max(from + 1.0);
    from as usize..until as usize
}

/// Colours some columns at the top of a picture.
fn mark_top(bytes: &mut [u8], size: UVec2, columns: std::ops::Range<usize>, color: Srgba) {
    let rows = ((size.y as f32 * MARK_SHARE).round() as usize).clamp(1, size.y as usize);
    let pixel = color.to_u8_array();
    for row in 0..rows {
        for column in columns.clone() {
            let at = (row * size.x as usize + column) * 4;
            if let Some(there) = bytes.get_mut(at..at + 4) {
                there.copy_from_slice(&pixel);
            }
        }
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
mod tests;
