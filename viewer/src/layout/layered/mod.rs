//! The layered layout: left to right from the entries, few crossings, fitted to the stage.
//!
//! Pure functions from a [`Request`] to a [`Placement`]: plain numbers, sorted maps, no Bevy, the
//! same result every time. The steps, one a file: `rank` says in which layer a node stands, `order`
//! in which order within its layer, `coordinates` where exactly, `pack` puts separate systems
//! beside each other. `extend` adds nodes to a placement without moving what stands there.

mod coordinates;
mod extend;
mod fit;
mod order;
mod pack;
mod rank;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use spanfall_collector::reduce::node::NodeId;

pub use extend::{arrange_around, extend};

/// Distance between the centres of neighbouring layers, at least, in world units: a name of 24
/// letters fits under a node without touching the next one's.
pub const COLUMN: f32 = 220.0;

/// Distance between the centres of neighbouring nodes in a layer, at least, in world units: the
/// largest node and the two lines of its label.
pub const ROW: f32 = 110.0;

/// A place: x grows to the right, y upward, in world units.
pub type Point = [f32; 2];

/// What is to be placed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// The nodes; true for those where requests enter.
    pub nodes: BTreeMap<NodeId, bool>,
    /// Who calls whom. Edges with nodes that are not named are passed over.
    pub edges: BTreeSet<(NodeId, NodeId)>,
    /// Width of the stage by its height.
    pub aspect: f32,
}

/// Where everything stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Placement {
    /// By node. The whole is centred around the origin when laid out anew.
    pub places: BTreeMap<NodeId, Point>,
    /// Where an edge that spans several layers should pass between them, in its direction.
    pub bends: BTreeMap<(NodeId, NodeId), Vec<Point>>,
}

/// Lays everything out anew.
pub fn arrange(request: &Request) -> Placement {
    let parts = rank::components(request);
    let blocks = parts
        .into_iter()
        .map(|part| {
            let ranked = rank::rank(part, request.aspect);
            let ordered = order::order(ranked);
            coordinates::place(ordered, request.aspect)
        })
        .collect();
    pack::pack(blocks, request.aspect)
}
