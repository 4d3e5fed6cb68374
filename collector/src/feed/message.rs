//! The feed's messages: what a collector tells its viewers, as JSON text frames.
//!
//! A viewer that connects to `ws://HOST:4320/feed` receives, in this order: one [`Hello`]; one
//! [`Graph`] with `complete` set, which is how things stood when the recent past began; the recent
//! past as it happened; and then what happens: [`Tick`]s, a [`Graph`] before any tick that needs
//! it, and [`Notice`]s. It may send [`Request`]s.
//!
//! Readers ignore fields and message types that they do not know: that is how the protocol grows.

mod detail;
mod tick;
mod trace;

use serde::{Deserialize, Serialize};

use crate::reduce::hop::EdgeId;
use crate::reduce::node::{NodeId, NodeKind};

pub use detail::{Cost, Detail, Instances, Latency, Operation, Queue};
pub use tick::{EdgeTick, InstanceTick, Tick, VersionTick};
pub use trace::{Example, Examples, NoTraceId, Trace, TraceHop, TraceId, Work};

/// The protocol's number. It changes only when old viewers would misread new frames.
pub const PROTOCOL: u32 = 1;

/// One frame of the feed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Message {
    /// The first frame: who is speaking.
    Hello(Hello),
    /// Nodes and edges that are new or changed; everything at first.
    Graph(Graph),
    /// What happened on every edge in one short interval.
    Tick(Tick),
    /// One sentence that deserves a person's attention.
    Notice(Notice),
    /// Facts about what this viewer asked to inspect.
    Detail(Box<Detail>),
    /// The request that this viewer asked to follow.
    Trace(Box<Trace>),
    /// What this viewer asked to find.
    Found(Found),
    /// This viewer could not keep up.
    Lost(Lost),
    /// A frame of a later protocol; to be ignored.
    #[serde(other, skip_serializing)]
    Unknown,
}

/// Who is speaking, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    /// [`PROTOCOL`].
    pub protocol: u32,
    /// The collector's version, such as `0.1.0`.
    pub version: String,
    /// Milliseconds in a tick.
    pub tick_ms: u32,
    /// Where the traffic comes from.
    pub source: SourceLabel,
    /// What hops are.
    #[serde(default, skip_serializing_if = "Unit::is_requests")]
    pub unit: Unit,
    /// The collector's clock, in milliseconds since 1970, so that a viewer can tell age from skew.
    pub now_ms: u64,
}

/// What a feed's hops are, and how a person calls them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Requests from one node to another.
    #[default]
    Requests,
    /// Steps that one step of a process leads to, as those of a build.
    Steps,
    /// Something of a later protocol.
    #[serde(other, skip_serializing)]
    Other,
}

impl Unit {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
    fn is_requests(&self) -> bool {
        *self == Self::Requests
    }
}

/// Where a feed's traffic comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "name", rename_all = "snake_case")]
pub enum SourceLabel {
    /// Spans that arrive now.
    Live,
    /// A recording, by name.
    Recording(String),
    /// A sample that came with the program, by name.
    Sample(String),
}

/// Nodes and edges that are new or changed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Graph {
    /// Whether this is everything: what is not named here is gone.
    #[serde(default, skip_serializing_if = "is_false")]
    pub complete: bool,
    /// Nodes that are new or changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<GraphNode>,
    /// Edges that are new.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub edges: Vec<GraphEdge>,
    /// `[from, into]`: a node known only in part turned out to be another one. Its edges come
    /// anew under the other's name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub merged: Vec<(NodeId, NodeId)>,
    /// How many instances functions have, in a complete graph: as the next tick finds them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub instances: Vec<InstanceTick>,
    /// Nodes of which ticks tell hops by version from now on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<NodeVersions>,
}

/// The versions of a node to which requests go now or went lately, if there are two or more. What
/// was said of this node's versions before no longer holds. On the wire `[node, [[version, hops],
/// ...]]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeVersions(
    /// Which node.
    pub NodeId,
    /// Its versions, to which a [`VersionTick`] refers by their place in this list, from 0: their
    /// names, and the hops that arrived at each since the collector started, up to the next tick.
    pub Vec<(String, f64)>,
);

/// A node as viewers see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GraphNode {
    /// Its identity.
    pub id: NodeId,
    /// What it is.
    pub kind: NodeKind,
    /// Its name.
    pub name: String,
    /// The cloud account; empty where unknown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub account: String,
    /// The cloud region; empty where unknown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub region: String,
    /// Whether requests enter the system here.
    #[serde(default, skip_serializing_if = "is_false")]
    pub entry: bool,
}

/// An edge as viewers see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GraphEdge {
    /// Its identity.
    pub id: EdgeId,
    /// Where requests come from.
    pub source: NodeId,
    /// Where they go.
    pub target: NodeId,
}

/// How much attention a [`Notice`] deserves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    #[default]
    Info,
    /// Something to look at today.
    Warning,
    /// Requests fail now.
    Critical,
}

/// One sentence that deserves a person's attention. The same `id` again replaces it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// Names the matter, such as `config` or `early`.
    pub id: String,
    /// How much attention it deserves.
    pub severity: Severity,
    /// The sentence. Empty when the matter is over.
    pub text: String,
    /// The node that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeId>,
    /// The edge that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edge: Option<EdgeId>,
    /// Since when, in milliseconds since 1970.
    pub since_ms: u64,
    /// How many requests it hurt in the last minute; 0 for what is not about requests.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub hurt: f64,
    /// The page that says what to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// Ticks that this viewer did not get because it could not keep up. A complete [`Graph`] follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// How many.
    pub ticks: u64,
}

/// What a viewer may ask.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Request {
    /// Send a [`Detail`] now and every second for what is inspected, a [`Trace`] and [`Found`] now and
    /// whenever more becomes known. Replaces what was asked before; an empty request ends it.
    Inspect(Inspect),
}

/// What a viewer looks at.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Inspect {
    /// Nodes to inspect, at most 16.
    #[serde(default)]
    pub nodes: Vec<NodeId>,
    /// Edges to inspect, at most 16.
    #[serde(default)]
    pub edges: Vec<EdgeId>,
    /// The request to follow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceId>,
    /// Words to find in the names of operations and versions, of which the first 80 characters count.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub find: String,
}

impl Inspect {
    /// Whether nothing is asked for.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// The nodes that are asked for operations, or run in versions, in whose names one of the words is that a
/// viewer asked to find: the first 200 by their ids.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// What was asked for.
    pub find: String,
    /// They.
    pub nodes: Vec<FoundNode>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundNode {
    /// Which.
    pub node: NodeId,
    /// The names of its operations and versions that were found, at most 20.
    pub names: Vec<String>,
}

fn is_false(value: &bool) -> bool {
    !value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_a_later_protocol_is_unknown_not_an_error() {
        let text = r#"{"type":"weather","sky":"clear"}"#;
        assert_eq!(serde_json::from_str::<Message>(text).unwrap(), Message::Unknown);
    }
}
