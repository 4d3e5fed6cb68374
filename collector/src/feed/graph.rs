//! The graph as viewers know it: the sum of every change that was sent. In: changes. Out: the
//! complete graph for a viewer that comes late.

use std::collections::BTreeMap;

use super::message::{Graph, GraphEdge, GraphNode};
use crate::reduce::hop::EdgeId;
use crate::reduce::node::NodeId;

/// Every node and edge that viewers know.
#[derive(Debug, Default)]
pub(super) struct KnownGraph {
    nodes: BTreeMap<NodeId, GraphNode>,
    edges: BTreeMap<EdgeId, GraphEdge>,
}

impl KnownGraph {
    /// Adds a change, by the rules that viewers follow.
    pub(super) fn apply(&mut self, change: &Graph) {
        let Graph { complete, nodes, edges, merged } = change;
        if *complete {
            *self = Self::default();
        }
        for (from, _) in merged {
            self.nodes.remove(from);
            self.edges.retain(|_, edge| edge.source != *from && edge.target != *from);
        }
        self.nodes.extend(nodes.iter().map(|node| (node.id, node.clone())));
        self.edges.extend(edges.iter().map(|edge| (edge.id, *edge)));
    }

    /// Everything, as one message.
    pub(super) fn complete(&self) -> Graph {
        Graph {
            complete: true,
            nodes: self.nodes.values().cloned().collect(),
            edges: self.edges.values().copied().collect(),
            merged: Vec::new(),
        }
    }

    /// How many nodes and edges there are.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.nodes.len(), self.edges.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reduce::node::NodeKind;

    fn node(id: u64, name: &str) -> GraphNode {
        GraphNode {
            id: NodeId(id),
            kind: NodeKind::Function,
            name: name.to_owned(),
            account: String::new(),
            region: String::new(),
            entry: false,
        }
    }

    fn edge(id: u64, source: u64, target: u64) -> GraphEdge {
        GraphEdge { id: EdgeId(id), source: NodeId(source), target: NodeId(target) }
    }

    #[test]
    fn a_changed_node_replaces_itself() {
        let mut known = KnownGraph::default();
        known.apply(&Graph { nodes: vec![node(1, "a"), node(2, "b")], ..Graph::default() });
        known.apply(&Graph {
            nodes: vec![GraphNode { entry: true, ..node(1, "a") }],
            ..Graph::default()
        });
        let complete = known.complete();
        assert!(complete.complete);
        assert_eq!(complete.nodes.iter().map(|node| node.entry).collect::<Vec<_>>(), [true, false]);
    }

    #[test]
    fn a_merged_node_is_gone_with_its_edges_and_comes_anew_under_the_other_name() {
        let mut known = KnownGraph::default();
        known.apply(&Graph {
            nodes: vec![node(1, "a"), node(2, "b"), node(3, "b in full")],
            edges: vec![edge(10, 1, 2)],
            ..Graph::default()
        });
        known.apply(&Graph {
            edges: vec![edge(11, 1, 3)],
            merged: vec![(NodeId(2), NodeId(3))],
            ..Graph::default()
        });
        let complete = known.complete();
        assert_eq!(complete.nodes.len(), 2);
        assert_eq!(complete.edges, [edge(11, 1, 3)]);
        assert_eq!(known.size(), (2, 1));
    }
}
