//! Where nodes stand, and how edges curve between them. World units: one unit is one logical
//! pixel at zoom 1; x grows to the right, y grows upward.
//!
//! In: [`Picture`]'s nodes and edges, and where people drag nodes, in this run or an earlier one. Out: [`Places`] and [`Curves`].
//! A picture that has settled never jumps: new nodes slide in at free places, the others stay.

mod arrange;
mod curve;
mod dragged;
mod glide;
pub mod layered;
pub mod ring;
#[cfg(test)]
mod tests;

pub use curve::Curve;
pub use dragged::DraggedPlaces;

use bevy::platform::collections::{HashMap, HashSet};
use bevy::prelude::*;
use bevy::time::Real;
use bevy::window::PrimaryWindow;
use spanfall_collector::reduce::hop::EdgeId;
use spanfall_collector::reduce::node::NodeId;

use crate::activity::Activity;
use crate::app::Flow;
use crate::focus::Command;
use crate::panel::Remark;
use crate::picture::{Level, Picture, PictureNode};
use crate::settings::Settings;
use arrange::Arrangement;
use curve::End;

/// Where every node stands now. Nodes glide to their targets; new ones slide in.
#[derive(Resource, Clone, Debug, Default)]
pub struct Places {
    /// Position on screen now.
    pub now: HashMap<NodeId, Vec2>,
    /// Where the layout wants it.
    pub target: HashMap<NodeId, Vec2>,
    /// Radius of the node's circle, by its traffic.
    pub radius: HashMap<NodeId, f32>,
    /// Grows whenever `now` or `radius` changes: meshes made for another revision are stale.
    pub revision: u64,
    /// Grows whenever nodes move; that they become larger or smaller does not count.
    pub moves: u64,
    speed: HashMap<NodeId, Vec2>,
}

/// Every edge's curve. Kept in step with [`Places`].
#[derive(Resource, Clone, Debug, Default)]
pub struct Curves {
    /// By edge.
    pub of: HashMap<EdgeId, Curve>,
    /// Grows whenever a curve changes.
    pub revision: u64,
}

/// The shape of the stage that the graph is laid out for. Follows the window, where there is one.
#[derive(Resource, Clone, Copy, Debug, PartialEq)]
pub struct Stage {
    /// Width by height.
    pub aspect: f32,
}

impl Default for Stage {
    fn default() -> Self {
        Self { aspect: 16.0 / 9.0 }
    }
}

/// The radius of a node without traffic, in world units.
pub const SMALLEST: f32 = 16.0;

/// The radius of a node with a thousand hops a second or more, in world units.
pub const LARGEST: f32 = 44.0;

/// How much its traffic must change a node's radius, in world units, before it does: else it
/// would breathe with every tick.
const RADIUS_STEP: f32 = 0.75;

/// How fast a radius follows, in seconds.
const RADIUS_TIME: f32 = 0.4;

/// Seconds that one frame counts at most: after an idle minute a node still glides.
const LONGEST_FRAME: f32 = 0.05;

/// Lays out the graph.
#[derive(Debug, Default)]
pub struct LayoutPlugin;

impl Plugin for LayoutPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Places>()
            .init_resource::<Settings>()
            .init_resource::<Curves>()
            .init_resource::<Stage>()
            .init_resource::<Arrangement>()
            .init_resource::<DraggedPlaces>()
            .add_message::<Remark>()
            .add_systems(
                Update,
                (
                    (follow_window, drag, arrange::arrange).chain(),
                    (glide_nodes, size_nodes, bend_edges, dragged::keep).chain(),
                )
                    .chain()
                    .in_set(Flow::Layout),
            );
    }
}

fn follow_window(
    windows: Query<'_, '_, &Window, With<PrimaryWindow>>,
    mut stage: ResMut<'_, Stage>,
) {
    for window in &windows {
        if window.width() > 0.0 && window.height() > 0.0 {
            stage.set_if_neq(Stage { aspect: window.width() / window.height() });
        }
    }
}

/// People put nodes somewhere, or ask for a new layout.
fn drag(
    mut commands: MessageReader<'_, '_, Command>,
    time: Res<'_, Time<Real>>,
    mut arrangement: ResMut<'_, Arrangement>,
    mut dragged: ResMut<'_, DraggedPlaces>,
    mut places: ResMut<'_, Places>,
) {
    let now = time.elapsed_secs_f64();
    for command in commands.read() {
        match command {
            Command::Place(id, at) if places.now.contains_key(id) && at.is_finite() => {
                arrangement.pin(*id, [at.x, at.y]);
                if let Some(ground) = arrangement.ground() {
                    dragged.put(ground, *id, [at.x, at.y], now);
                }
                places.now.insert(*id, *at);
                places.target.insert(*id, *at);
                places.speed.insert(*id, Vec2::ZERO);
                places.revision += 1;
                places.moves += 1;
            }
            Command::ResetLayout => {
                arrangement.reset();
                if let Some(ground) = arrangement.ground() {
                    dragged.forget(ground, now);
                }
            }
            _ => {}
        }
    }
}

fn glide_nodes(
    time: Res<'_, Time<Real>>,
    settings: Res<'_, Settings>,
    mut places: ResMut<'_, Places>,
    mut activity: ResMut<'_, Activity>,
) {
    let places = places.bypass_change_detection();
    let delta = settings.glide(time.delta_secs().min(LONGEST_FRAME));
    let mut moving = false;
    for (id, target) in &places.target {
        let (Some(at), Some(speed)) = (places.now.get_mut(id), places.speed.get_mut(id)) else {
            continue;
        };
        moving |= glide::glide(at, speed, *target, delta);
    }
    if moving {
        places.revision += 1;
        places.moves += 1;
        activity.extend(&time, 0.1);
    }
}

fn size_nodes(
    time: Res<'_, Time<Real>>,
    picture: Res<'_, Picture>,
    mut places: ResMut<'_, Places>,
    mut wanted: Local<'_, HashMap<NodeId, f32>>,
    mut activity: ResMut<'_, Activity>,
) {
    wanted.retain(|id, _| picture.nodes.contains_key(id));
    let delta = time.delta_secs().min(LONGEST_FRAME);
    let follow = 1.0 - (-delta / RADIUS_TIME).exp();
    let mut changed = false;
    for (id, node) in &picture.nodes {
        let radius = radius_of(node);
        let wanted = wanted.entry(*id).or_insert(radius);
        if (*wanted - radius).abs() > RADIUS_STEP {
            *wanted = radius;
        }
        // A node has a radius as soon as it has a place.
        if !places.now.contains_key(id) {
            continue;
        }
        let Some(shown) = places.radius.get(id).copied() else {
            places.radius.insert(*id, *wanted);
            changed = true;
            continue;
        };
        if shown != *wanted {
            let next = shown + (*wanted - shown) * follow;
            places.radius.insert(*id, if (next - *wanted).abs() < 0.02 { *wanted } else { next });
            changed = true;
        }
    }
    if changed {
        places.revision += 1;
        activity.extend(&time, 0.1);
    }
}

/// Radius by traffic: each tenfold adds as much.
#[expect(clippy::cast_possible_truncation, reason = "a radius needs no double")]
fn radius_of(node: &PictureNode) -> f32 {
    let rate = node.inbound.total().max(node.outbound.total());
    let share = (rate.max(0.0) + 1.0).log10() / 3.0;
    SMALLEST + (LARGEST - SMALLEST) * share.min(1.0) as f32
}

/// Keeps the curves in step with the places.
fn bend_edges(
    picture: Res<'_, Picture>,
    places: Res<'_, Places>,
    arrangement: Res<'_, Arrangement>,
    mut curves: ResMut<'_, Curves>,
    mut made_for: Local<'_, Option<(u64, u64)>>,
) {
    let state = (places.revision, picture.revision);
    if *made_for == Some(state) {
        return;
    }
    *made_for = Some(state);
    let pairs: HashSet<(NodeId, NodeId)> =
        picture.edges.values().map(|edge| (edge.source, edge.target)).collect();
    let end = |id: NodeId| {
        let radius = places.radius.get(&id).copied().unwrap_or(SMALLEST);
        places.now.get(&id).map(|&at| End { at, radius })
    };
    let curves = &mut *curves;
    let before = curves.of.len();
    curves.of.retain(|id, _| picture.edges.contains_key(id));
    let mut changed = curves.of.len() != before;
    for (id, edge) in &picture.edges {
        let (Some(source), Some(target)) = (end(edge.source), end(edge.target)) else { continue };
        let bends = arrangement.bends(edge.source, edge.target);
        let paired = pairs.contains(&(edge.target, edge.source));
        let curve = match picture.level {
            Level::World => Curve::chord(source, target),
            _ => Curve::between(source, target, &bends, paired),
        };
        changed |= curves.of.insert(*id, curve) != Some(curve);
    }
    if changed {
        curves.revision += 1;
    }
}
