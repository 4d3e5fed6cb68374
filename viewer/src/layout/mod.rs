//! Where nodes stand, and how edges curve between them. World units: one unit is one logical
//! pixel at zoom 1; x grows to the right, y grows upward.

use bevy::platform::collections::HashMap;
use bevy::prelude::*;
use spanfall_collector::reduce::hop::EdgeId;
use spanfall_collector::reduce::node::NodeId;

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
}

/// The curve that an edge and its particles follow: a cubic Bézier from rim to rim.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Curve {
    /// Start, control, control, end.
    pub points: [Vec2; 4],
    /// Its length in world units.
    pub length: f32,
}

/// Every edge's curve. Kept in step with [`Places`].
#[derive(Resource, Clone, Debug, Default)]
pub struct Curves {
    /// By edge.
    pub of: HashMap<EdgeId, Curve>,
    /// Grows whenever a curve changes.
    pub revision: u64,
}
