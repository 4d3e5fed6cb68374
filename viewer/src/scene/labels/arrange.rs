//! When labels are placed anew, and what they ask for. In: where nodes and edges are on the screen,
//! what is in focus, and what labels say. Out: their places.

use bevy::camera::Camera2d;
use bevy::prelude::*;
use bevy::time::Real;
use spanfall_collector::reduce::node::NodeId;

use super::covers::Covers;
use super::obstacles::Streams;
use super::place::{Room, Type, Wish, place};
use super::screen::{self, Screen};
use super::{Label, Labels};
use crate::activity::Activity;
use crate::focus::{Focus, Item};
use crate::interaction::PanelInsets;
use crate::interaction::view::Insets;
use crate::layout::{Curves, Places};
use crate::picture::Picture;
use crate::scene::blame::Blame;
use crate::scene::edges::line_width;
use crate::scene::emphasis::Emphasis;
use crate::scene::theme::Theme;
use crate::settings::{Labels as Mode, Settings};

/// Seconds between two placements while a person zooms, points or resizes.
const PLACE_SOON: f64 = 0.1;
/// Seconds between two placements while only the picture changes.
const PLACE_LATER: f64 = 0.5;
/// Nodes with at least an eighth of the busiest one's traffic are important: so many powers of two.
const IMPORTANT: f32 = 3.0;
/// How far the rings reach around a node that is selected, and around one that is to blame, in radii: as
/// `nodes.wgsl` has them.
const SELECTED: f32 = 1.29;
pub(super) const BLAMED: f32 = 1.19;
/// How much may run under the label of a node that is not in front: a thin line or two.
const BEHIND_TOLERANCE: f32 = 8.0;

/// What labels were placed for, apart from panning and the picture.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Situation {
    pixel: f32,
    room: Room,
    focus: Focus,
    font: Type,
    mode: Mode,
}

/// Finds room for the labels when what they say, the zoom, or where nodes are has changed.
pub(super) fn place_labels(
    time: Res<'_, Time<Real>>,
    (theme, settings): (Res<'_, Theme>, Res<'_, Settings>),
    focus: Res<'_, Focus>,
    (picture, places, curves): (Res<'_, Picture>, Res<'_, Places>, Res<'_, Curves>),
    (emphasis, blame): (Res<'_, Emphasis>, Res<'_, Blame>),
    cameras: Query<'_, '_, (&Camera, &Transform, &Projection), With<Camera2d>>,
    (panels, covers): (Option<Res<'_, PanelInsets>>, Covers<'_, '_>),
    mut labels: ResMut<'_, Labels>,
    mut scale: Local<'_, f32>,
    mut activity: ResMut<'_, Activity>,
) {
    let Some(screen) = screen::first(&cameras) else { return };
    *scale = screen.text_scale(*scale);
    let font = Type {
        name: (theme.sizes.label * *scale * settings.text_scale()).round(),
        rate: (theme.sizes.label_rate * *scale * settings.text_scale()).round(),
    };
    let window = free_window(&screen, panels.map(|panels| panels.0));
    let room = Room { window, covers: covers.rects(screen.density) };
    let (pixel, mode) = (screen.pixel, settings.labels);
    let here = Situation { pixel, room, focus: *focus, font, mode };
    let labels = &mut *labels;
    let urgent = labels.placed_for.as_ref() != Some(&here);
    let settled = labels.placed_places == places.revision && !labels.stale;
    if settled && !urgent {
        return;
    }
    let now = time.elapsed_secs_f64();
    let pause = if urgent { PLACE_SOON } else { PLACE_LATER };
    // A standing clock (a snapshot) must not keep labels waiting.
    if now - labels.placed_at < pause && time.delta_secs() > 0.0 {
        activity.extend(&time, pause);
        return;
    }
    (labels.stale, labels.placed_at, labels.placed_places) = (false, now, places.revision);
    labels.font = Some(font);
    let busiest = labels.of.values().map(|label| label.traffic).fold(f32::MIN, f32::max);
    let wanted = |id: &NodeId, label: &Label| {
        label.is_wanted(settings.labels, *id, busiest, &emphasis, &focus)
    };
    for (id, label) in &mut labels.of {
        if !wanted(id, label) {
            label.placed = None;
        }
    }
    let (ids, wishes): (Vec<NodeId>, Vec<Wish>) = labels
        .of
        .iter()
        .filter(|(id, label)| wanted(id, label))
        .filter_map(|(id, label)| {
            let important = label.is_wanted(Mode::Important, *id, busiest, &emphasis, &focus);
            let ring = ring(*id, &focus, &blame);
            Some((*id, label.wish(*id, important, ring, &screen, &places, &emphasis, &focus)?))
        })
        .collect();
    let [all, front] = streams(&picture, &curves, &emphasis, &screen, font);
    for (id, placed) in ids.iter().zip(place(&wishes, &all, &front, font, &here.room)) {
        if let Some(label) = labels.of.get_mut(id) {
            label.placed = placed;
        }
    }
    labels.placed_for = Some(here);
}

/// How far a node reaches with its ring, in radii.
fn ring(id: NodeId, focus: &Focus, blame: &Blame) -> f32 {
    if focus.selected == Some(Item::Node(id)) {
        SELECTED
    } else if blame.is_on(id) {
        BLAMED
    } else {
        1.0
    }
}

/// The part of the screen that panels leave free.
fn free_window(screen: &Screen, panels: Option<Insets>) -> Rect {
    let Insets { left, right, top, bottom } = panels.unwrap_or_default();
    Rect::from_corners(Vec2::new(left, top), screen.size - Vec2::new(right, bottom))
}

/// Where edges run on the screen: all of them, and those in front.
fn streams(
    picture: &Picture,
    curves: &Curves,
    emphasis: &Emphasis,
    screen: &Screen,
    font: Type,
) -> [Streams; 2] {
    let [mut all, mut front] = [Streams::new(font.name), Streams::new(font.name)];
    for (id, edge) in &picture.edges {
        let Some(curve) = curves.of.get(id) else { continue };
        let steps = (curve.length / screen.pixel / font.name).clamp(1.0, 200.0).ceil();
        let points =
            (0..=steps as u32).map(|step| screen.of_world(curve.point(step as f32 / steps)));
        let width = line_width(&edge.rates.per_second);
        if emphasis.is_front_edge(*id) {
            front.add(points.clone(), width);
        }
        all.add(points, width);
    }
    [all, front]
}

impl Label {
    /// Whether somebody wants to see it.
    fn is_wanted(
        &self,
        mode: Mode,
        id: NodeId,
        busiest: f32,
        emphasis: &Emphasis,
        focus: &Focus,
    ) -> bool {
        let in_focus = focus.item().is_some() && emphasis.is_front_node(id);
        match mode {
            Mode::All => true,
            Mode::Important => in_focus || self.alarming || self.traffic >= busiest - IMPORTANT,
            Mode::None => in_focus,
        }
    }

    fn wish(
        &self,
        id: NodeId,
        important: bool,
        ring: f32,
        screen: &Screen,
        places: &Places,
        emphasis: &Emphasis,
        focus: &Focus,
    ) -> Option<Wish> {
        let (center, radius) = (places.now.get(&id)?, places.radius.get(&id)?);
        let front = emphasis.is_front_node(id);
        let in_focus = [focus.hovered, focus.selected].contains(&Some(Item::Node(id)));
        let priority = self.priority
            + if in_focus { 1e6 } else { 0.0 }
            + if front { 1e3 } else { 0.0 }
            // Who has room keeps it from those who want it no more.
            + if self.placed.is_some() { 0.6 } else { 0.0 };
        Some(Wish {
            center: screen.of_world(*center),
            radius: radius / screen.pixel * ring,
            name: self.name.clone(),
            rate: self.second_line(),
            share: if self.alarming { self.trouble.share().to_owned() } else { String::new() },
            before: self.placed.as_ref().map(|placed| placed.side),
            // What has stepped back does not cover what is in front.
            tolerance: if front { f32::INFINITY } else { BEHIND_TOLERANCE },
            important,
            priority,
        })
    }
}
