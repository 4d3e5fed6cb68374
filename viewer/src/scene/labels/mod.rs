//! Names and rates of nodes. In: the graph, where it is on screen, and what is in focus. Out: text
//! of constant size that never overlaps; where there is no room, what matters less says less.
//!
//! Laying out text is what costs here, so a label's text changes at most twice a second, and only
//! when it says something else. Where labels stand follows the camera in every frame.

mod entities;
mod measure;
mod obstacles;
mod place;
mod screen;
mod words;

use bevy::camera::{Camera2d, CameraUpdateSystems};
use bevy::color::Mix;
use bevy::platform::collections::HashMap;
use bevy::prelude::*;
use bevy::text::TextLayoutInfo;
use bevy::time::Real;
use spanfall_collector::reduce::node::NodeId;

use super::draw::{LABELS_Z, PlateRecord, Records};
use super::edges::line_width;
use super::emphasis::Emphasis;
use super::freshness::Freshness;
use super::nodes::shown_rates;
use super::theme::{Colors, Theme};
use crate::activity::Activity;
use crate::focus::{Focus, Item};
use crate::layout::{Curves, Places};
use crate::traffic::{NodeState, Traffic};
use entities::{Handles, write_texts};
use obstacles::Streams;
use place::{Placed, Side, Type, Wish, place};
use screen::Screen;
use words::{Trouble, rate_words};

/// Seconds between two readings of the rates.
const READ_EVERY: f64 = 0.5;
/// Seconds between two placements while the zoom changes or nodes move.
const PLACE_EVERY: f64 = 0.12;

/// The share of failed and refused requests from which on it is said in full colour.
const ALARMING: f64 = 0.01;

/// Draws the labels.
pub(super) struct LabelsPlugin;

impl Plugin for LabelsPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Labels>().add_systems(
            PostUpdate,
            (read_rates, place_labels, write_texts, move_labels)
                .chain()
                .after(CameraUpdateSystems)
                .before(TransformSystems::Propagate),
        );
    }
}

/// All labels.
#[derive(Resource, Debug, Default)]
struct Labels {
    of: HashMap<NodeId, Label>,
    /// Sizes that texts have now.
    font: Option<Type>,
    /// Placements are stale.
    stale: bool,
    /// Where nodes were on the screen when labels were placed last, apart from panning.
    placed_for: Option<(f32, Vec2, u64, Focus)>,
    read_at: Option<f64>,
    placed_at: f64,
    read_revision: u64,
}

/// One node's label.
#[derive(Debug, Default)]
struct Label {
    name: String,
    rate: String,
    trouble: Trouble,
    /// Whether what goes wrong deserves its full colour.
    alarming: bool,
    priority: f32,
    /// Where it is, and what of it is said; `None` where there is no room.
    placed: Option<Placed>,
    /// Its entities, once it was shown.
    handles: Option<Handles>,
}

impl Label {
    /// The line below the name.
    fn second_line(&self) -> String {
        match (self.rate.as_str(), self.trouble.as_str()) {
            (rate, "") => rate.to_owned(),
            ("", trouble) => trouble.to_owned(),
            (rate, trouble) => format!("{rate}  {trouble}"),
        }
    }
}

/// Puts the rates into words, at most twice a second.
fn read_rates(
    time: Res<'_, Time<Real>>,
    traffic: Res<'_, Traffic>,
    mut labels: ResMut<'_, Labels>,
    mut commands: Commands<'_, '_>,
) {
    let now = time.elapsed_secs_f64();
    let new_graph = labels.read_revision != traffic.revision;
    let due = labels.read_at.is_none_or(|at| now - at >= READ_EVERY);
    if !(new_graph || due && traffic.is_changed()) {
        return;
    }
    labels.read_at = Some(now);
    labels.read_revision = traffic.revision;
    let labels = &mut *labels;
    labels.of.retain(|id, label| {
        let stays = traffic.nodes.contains_key(id);
        if let Some(handles) = label.handles.as_ref().filter(|_| !stays) {
            handles.despawn(&mut commands);
        }
        stays
    });
    labels.stale |= new_graph;
    for (id, node) in &traffic.nodes {
        labels.stale |= labels.of.entry(*id).or_default().read(node);
    }
}

impl Label {
    /// Takes in what the node does now. Returns whether the label wants another place.
    fn read(&mut self, node: &NodeState) -> bool {
        let rates = shown_rates(node);
        let (rate, trouble) = (rate_words(rates.total()), Trouble::of(rates));
        // Errors first, then traffic, by powers of two: a rate that trembles must not change who
        // gets the room.
        let traffic = rates.total().max(0.0).log2().clamp(-8.0, 24.0).round() as f32;
        let priority = traffic + if rates.error > 0.0 { 100.0 } else { 0.0 };
        // Digits have one width, so most changes of a rate do not change a label's size.
        let resized = self.rate.len() != rate.len() || self.trouble != trouble;
        let changed = self.name != node.name || resized || self.priority != priority;
        self.name.clone_from(&node.name);
        self.alarming = rates.error + rates.throttled > ALARMING * rates.total();
        (self.rate, self.trouble, self.priority) = (rate, trouble, priority);
        changed
    }
}

/// Finds room for the labels when what they say, the zoom, or where nodes are has changed.
fn place_labels(
    time: Res<'_, Time<Real>>,
    theme: Res<'_, Theme>,
    focus: Res<'_, Focus>,
    (traffic, places, curves): (Res<'_, Traffic>, Res<'_, Places>, Res<'_, Curves>),
    emphasis: Res<'_, Emphasis>,
    cameras: Query<'_, '_, (&Camera, &Transform, &Projection), With<Camera2d>>,
    mut labels: ResMut<'_, Labels>,
    mut scale: Local<'_, f32>,
    mut activity: ResMut<'_, Activity>,
) {
    let Some(screen) = screen::first(&cameras) else { return };
    *scale = screen.text_scale(*scale);
    let font = Type {
        name: (theme.sizes.label * *scale).round(),
        rate: (theme.sizes.label_rate * *scale).round(),
    };
    let here = Some((screen.pixel, screen.size, places.revision, *focus));
    let labels = &mut *labels;
    labels.stale |= labels.font != Some(font) || labels.placed_for != here;
    let now = time.elapsed_secs_f64();
    // A standing clock (a snapshot) must not keep labels waiting.
    let rested = now - labels.placed_at >= PLACE_EVERY || time.delta_secs() == 0.0;
    if !labels.stale {
        return;
    }
    if !rested {
        activity.extend(&time, PLACE_EVERY);
        return;
    }
    (labels.stale, labels.placed_at) = (false, now);
    (labels.font, labels.placed_for) = (Some(font), here);
    let (ids, wishes): (Vec<NodeId>, Vec<Wish>) = labels
        .of
        .iter()
        .filter_map(|(id, label)| {
            Some((*id, label.wish(*id, &screen, &places, &emphasis, &focus)?))
        })
        .collect();
    let window = Rect::from_corners(Vec2::ZERO, screen.size);
    let streams = streams(&traffic, &curves, &screen, font);
    for (id, placed) in ids.iter().zip(place(&wishes, &streams, font, window)) {
        if let Some(label) = labels.of.get_mut(id) {
            label.placed = placed;
        }
    }
}

/// Where edges run on the screen.
fn streams(traffic: &Traffic, curves: &Curves, screen: &Screen, font: Type) -> Streams {
    let mut streams = Streams::new(font.name);
    for (id, edge) in &traffic.edges {
        let Some(curve) = curves.of.get(id) else { continue };
        let steps = (curve.length / screen.pixel / streams.step()).clamp(1.0, 200.0).ceil();
        let points =
            (0..=steps as u32).map(|step| screen.of_world(curve.point(step as f32 / steps)));
        streams.add(points, line_width(&edge.rates.per_second));
    }
    streams
}

impl Label {
    fn wish(
        &self,
        id: NodeId,
        screen: &Screen,
        places: &Places,
        emphasis: &Emphasis,
        focus: &Focus,
    ) -> Option<Wish> {
        let (center, radius) = (places.now.get(&id)?, places.radius.get(&id)?);
        let in_focus = [focus.hovered, focus.selected].contains(&Some(Item::Node(id)));
        let priority = self.priority
            + if in_focus { 1e6 } else { 0.0 }
            + if focus.item().is_some() { emphasis.node(id).round() * 1e3 } else { 0.0 }
            // Who has room keeps it from those who want it no more.
            + if self.placed.is_some() { 0.6 } else { 0.0 };
        Some(Wish {
            center: screen.of_world(*center),
            radius: radius / screen.pixel,
            name: self.name.clone(),
            rate: self.second_line(),
            before: self.placed.as_ref().map(|placed| placed.side),
            priority,
        })
    }
}

/// Puts the labels beside their nodes, and plates under them.
fn move_labels(
    theme: Res<'_, Theme>,
    places: Res<'_, Places>,
    emphasis: Res<'_, Emphasis>,
    freshness: Res<'_, Freshness>,
    labels: Res<'_, Labels>,
    cameras: Query<'_, '_, (&Camera, &Transform, &Projection), With<Camera2d>>,
    mut texts: Query<
        '_,
        '_,
        (&TextLayoutInfo, &mut Transform, &mut TextColor, &mut Visibility),
        (With<Text2d>, Without<Camera2d>),
    >,
    mut spans: Query<'_, '_, &mut TextColor, Without<Text2d>>,
    mut plates: ResMut<'_, Records<PlateRecord>>,
    mut fresh: Local<'_, Vec<PlateRecord>>,
) {
    let (Some(screen), Some(font)) = (screen::first(&cameras), labels.font) else { return };
    let colors = freshness.dim(&theme.colors);
    fresh.clear();
    for (id, label) in &labels.of {
        let Some(handles) = &label.handles else { continue };
        let spot = label.placed.as_ref().zip(places.now.get(id));
        let bright = emphasis.node(*id);
        let lines = spot.map(|(placed, node)| Lines::new(placed, screen.of_world(*node), font));
        if let Some(lines) = &lines {
            fresh.push(lines.plate(&screen, bright));
        }
        let tone = label.colors(&colors, bright);
        for (line, entity) in [handles.name, handles.rate].into_iter().enumerate() {
            let Ok((layout, mut transform, mut color, mut visibility)) = texts.get_mut(entity)
            else {
                continue;
            };
            let shown = lines.as_ref().filter(|lines| line == 0 || lines.rate);
            visibility.set_if_neq(match shown {
                Some(_) => Visibility::Visible,
                None => Visibility::Hidden,
            });
            let Some(lines) = shown else { continue };
            let corner = screen.to_world(screen.snap(lines.corner(line, layout.size.x)));
            let translation = corner.extend(LABELS_Z + line as f32 * 0.1);
            let scale = Vec2::splat(screen.pixel).extend(1.0);
            transform.set_if_neq(Transform { translation, scale, ..Transform::IDENTITY });
            color.set_if_neq(TextColor(tone[line]));
        }
        if let Ok(mut color) = spans.get_mut(handles.trouble) {
            color.set_if_neq(TextColor(tone[2]));
        }
    }
    // Hash order is no order: the same plates must be the same list.
    fresh.sort_by(|a, b| a.center.x.total_cmp(&b.center.x).then(a.center.y.total_cmp(&b.center.y)));
    plates.replace(&mut fresh);
}

impl Label {
    /// Colours of the name, the rate and the trouble.
    fn colors(&self, colors: &Colors, bright: f32) -> [Color; 3] {
        let trouble = match self.trouble {
            Trouble::Throttled(_) => colors.throttled,
            Trouble::Errors(_) | Trouble::None => colors.error,
        };
        // What happens on any day is said quietly.
        let trouble = trouble.mix(&colors.text_secondary, if self.alarming { 0.0 } else { 0.5 });
        [colors.text, colors.text_secondary, trouble].map(|color| color.with_alpha(bright))
    }
}

/// A placed label's lines on the screen.
struct Lines {
    middle: Vec2,
    size: Vec2,
    side: Side,
    rate: bool,
    font: Type,
}

impl Lines {
    fn new(placed: &Placed, node: Vec2, font: Type) -> Self {
        let Placed { offset, size, rate, side, .. } = *placed;
        Self { middle: node + offset, size, side, rate, font }
    }

    /// The top left corner of a line of text of this width.
    fn corner(&self, line: usize, width: f32) -> Vec2 {
        let padding = self.font.padding();
        let top = self.middle.y - self.size.y / 2.0 + padding.y;
        let y = top + if line == 0 { 0.0 } else { self.font.name * Type::LINE };
        let room = self.size.x / 2.0 - padding.x;
        let x = match self.side {
            Side::Below | Side::Above => self.middle.x - width / 2.0,
            Side::Right => self.middle.x - room,
            Side::Left => self.middle.x + room - width,
        };
        Vec2::new(x, y)
    }

    fn plate(&self, screen: &Screen, bright: f32) -> PlateRecord {
        PlateRecord {
            center: screen.to_world(self.middle),
            half_size: self.size / 2.0 * screen.density,
            corner: self.font.name * 0.5 * screen.density,
            solid: 0.9 * bright,
        }
    }
}
