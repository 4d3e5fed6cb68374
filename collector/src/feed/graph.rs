//! The graph as viewers know it: the sum of every change that was sent. In: changes. Out: the
//! complete graph for a viewer that comes late.

use std::collections::BTreeMap;

use super::history::Standings;
use super::message::{Graph, GraphEdge, GraphNode, InstanceTick, NodeVersions, VersionTick};
use crate::reduce::hop::EdgeId;
use crate::reduce::node::NodeId;

/// Every node and edge that viewers know.
#[derive(Debug, Default)]
pub(super) struct KnownGraph {
    nodes: BTreeMap<NodeId, GraphNode>,
    edges: BTreeMap<EdgeId, GraphEdge>,
    /// Live instances of functions that have any.
    instances: BTreeMap<NodeId, u64>,
    /// Hops by version so far, of nodes with several.
    versions: BTreeMap<NodeId, Vec<(String, f64)>>,
}

impl KnownGraph {
    /// Adds a change, by the rules that viewers follow.
    pub(super) fn apply(&mut self, change: &Graph) {
        let Graph { complete, nodes, edges, merged, instances, versions } = change;
        if *complete {
            *self = Self::default();
        }
        for (from, _) in merged {
            self.nodes.remove(from);
            self.instances.remove(from);
            self.versions.remove(from);
            self.edges.retain(|_, edge| edge.source != *from && edge.target != *from);
        }
        self.nodes.extend(nodes.iter().map(|node| (node.id, node.clone())));
        self.edges.extend(edges.iter().map(|edge| (edge.id, *edge)));
        self.set_instances(instances);
        for NodeVersions(node, versions) in versions {
            if versions.is_empty() {
                self.versions.remove(node);
            } else {
                self.versions.insert(*node, versions.clone());
            }
        }
    }

    /// Follows what a tick says that holds on.
    pub(super) fn follow(&mut self, standings: &Standings) {
        self.set_instances(&standings.instances);
        for VersionTick(node, version, hops) in &standings.versions {
            let versions = self.versions.get_mut(node);
            let version = versions.and_then(|versions| versions.get_mut(*version as usize));
            if let Some((_, sum)) = version {
                *sum += hops;
            }
        }
    }

    fn set_instances(&mut self, instances: &[InstanceTick]) {
        for InstanceTick(node, live, _) in instances {
            if *live == 0 {
                self.instances.remove(node);
            } else {
                self.instances.insert(*node, *live);
            }
        }
    }

    /// Everything, as one message.
    pub(super) fn complete(&self) -> Graph {
        Graph {
            complete: true,
            nodes: self.nodes.values().cloned().collect(),
            edges: self.edges.values().copied().collect(),
            merged: Vec::new(),
            instances: self
                .instances
                .iter()
                .map(|(node, live)| InstanceTick(*node, *live, 0))
                .collect(),
            versions: self
                .versions
                .iter()
                .map(|(node, versions)| NodeVersions(*node, versions.clone()))
                .collect(),
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
    fn what_ticks_say_of_instances_and_versions_stands_in_the_complete_graph() {
        let mut known = KnownGraph::default();
        let names = vec![("41".to_owned(), 9.0), ("42".to_owned(), 0.0)];
        known.apply(&Graph {
            nodes: vec![node(1, "a"), node(2, "b")],
            versions: vec![NodeVersions(NodeId(1), names)],
            ..Graph::default()
        });
        let instances = vec![InstanceTick(NodeId(1), 3, 1), InstanceTick(NodeId(2), 1, 1)];
        let versions = vec![VersionTick(NodeId(1), 1, 2.0), VersionTick(NodeId(1), 0, -1.0)];
        known.follow(&Standings { instances, versions });
        let instances = vec![InstanceTick(NodeId(2), 0, 0)];
        known.follow(&Standings { instances, versions: Vec::new() });
        let complete = known.complete();
        assert_eq!(complete.instances, [InstanceTick(NodeId(1), 3, 0)]);
        let told = vec![("41".to_owned(), 8.0), ("42".to_owned(), 2.0)];
        assert_eq!(complete.versions, [NodeVersions(NodeId(1), told)]);
        known.apply(&Graph { merged: vec![(NodeId(1), NodeId(2))], ..Graph::default() });
        let complete = known.complete();
        assert!(complete.instances.is_empty() && complete.versions.is_empty());
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
