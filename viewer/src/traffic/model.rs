//! What the viewer knows about the traffic: nodes and edges with smoothed rates, and a few minutes
//! of their past in one-second steps.

use std::collections::VecDeque;

use bevy::prelude::Resource;
use indexmap::IndexMap;
use spanfall_collector::feed::message::{Detail, Notice};
use spanfall_collector::reduce::hop::{Counts, EdgeId};
use spanfall_collector::reduce::node::{NodeId, NodeKind};

/// Seconds of past that the model keeps for sparklines.
pub const SERIES_SECONDS: usize = 300;

/// Everything the viewer knows about the traffic, in the order in which it was learned.
#[derive(Resource, Clone, Debug, Default)]
pub struct Traffic {
    /// Nodes by id.
    pub nodes: IndexMap<NodeId, NodeState>,
    /// Edges by id.
    pub edges: IndexMap<EdgeId, EdgeState>,
    /// All hops together.
    pub total: Series,
    /// Smoothed rates of all hops together.
    pub rates: Rates,
    /// Grows whenever a node or an edge comes, goes or changes its name: layout and meshes are
    /// stale when they were made for another revision.
    pub revision: u64,
    /// What the collector says deserves attention, newest last.
    pub notices: Vec<Notice>,
    /// Facts about the inspected node or edge, as the collector last sent them.
    pub detail: Option<Detail>,
}

/// One node.
#[derive(Clone, Debug)]
pub struct NodeState {
    /// What it is.
    pub kind: NodeKind,
    /// Its name.
    pub name: String,
    /// The cloud account; empty where unknown.
    pub account: String,
    /// The cloud region; empty where unknown.
    pub region: String,
    /// Whether requests enter the system here.
    pub entry: bool,
    /// Rates of the hops that arrive.
    pub inbound: Rates,
    /// Rates of the hops that leave.
    pub outbound: Rates,
    /// The past of the hops that arrive (that leave, where none ever arrives).
    pub series: Series,
}

/// One edge.
#[derive(Clone, Debug)]
pub struct EdgeState {
    /// Where requests come from.
    pub source: NodeId,
    /// Where they go.
    pub target: NodeId,
    /// Rates of its hops.
    pub rates: Rates,
    /// Its past.
    pub series: Series,
}

/// Hops a second by class, smoothed over a few seconds; and recent latency.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates {
    /// Hops a second.
    pub per_second: Counts,
    /// Recent median latency in microseconds; 0 where unknown.
    pub p50_us: f64,
    /// Recent 99th percentile in microseconds; 0 where unknown.
    pub p99_us: f64,
}

/// Hops by class in each of the last [`SERIES_SECONDS`] seconds, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Series {
    /// One entry a second.
    pub seconds: VecDeque<Counts>,
}
