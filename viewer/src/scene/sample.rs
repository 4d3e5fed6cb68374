//! Small graphs for this module's tests.

use spanfall_collector::feed::message::{Graph, GraphEdge, GraphNode};
use spanfall_collector::reduce::hop::EdgeId;
use spanfall_collector::reduce::node::{NodeId, NodeKind};

use crate::picture::{Filter, Navigation, Picture};
use crate::traffic::Traffic;

/// A graph of functions 1 to `nodes`, and edges 1, 2, ... between the nodes given.
pub(crate) fn graph(nodes: u64, edges: &[(u64, u64)]) -> Traffic {
    let nodes = (1..=nodes).map(|id| GraphNode {
        id: NodeId(id),
        kind: NodeKind::Function,
        name: format!("function-{id}"),
        account: String::new(),
        region: String::new(),
        entry: false,
    });
    let edges = (1..).zip(edges).map(|(id, (source, target))| GraphEdge {
        id: EdgeId(id),
        source: NodeId(*source),
        target: NodeId(*target),
    });
    let graph = Graph {
        complete: true,
        nodes: nodes.collect(),
        edges: edges.collect(),
        ..Graph::default()
    };
    let mut traffic = Traffic::default();
    traffic.apply_graph(&graph, 0.0);
    traffic
}

/// All of a model on screen.
pub(crate) fn picture(traffic: &Traffic) -> Picture {
    let mut picture = Picture::default();
    picture.follow(traffic, &Navigation::default(), &Filter::default(), None);
    picture
}
