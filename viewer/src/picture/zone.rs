//! Zones: a region of an account. In: nodes and edges. Out: which zone each node is in.
//!
//! Spans do not tell a region of everything: a table or a host belongs to the zone that all of its
//! callers and callees belong to, if that is one.

use std::collections::{BTreeMap, BTreeSet};

use bevy::platform::collections::HashMap;
use spanfall_collector::reduce::node::{NodeId, NodeKind};

use super::id;
use crate::traffic::Traffic;

/// A zone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Zone {
    /// What people call it: the region; with the account, where several accounts are in that region.
    pub name: String,
    /// How many nodes it has.
    pub nodes: u32,
}

/// All zones of a graph.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Zones {
    /// By the node that stands for it.
    pub all: BTreeMap<NodeId, Zone>,
    of: HashMap<NodeId, NodeId>,
}

impl Zones {
    /// Finds the zones of the nodes.
    pub fn find(traffic: &Traffic) -> Self {
        let mut accounts: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for node in traffic.nodes.values().filter(|node| !node.region.is_empty()) {
            let known = accounts.entry(&node.region).or_default();
            if !node.account.is_empty() {
                known.insert(&node.account);
            }
        }
        let mut zones = Self::default();
        for (&id, node) in traffic.nodes.iter().filter(|(_, node)| !node.region.is_empty()) {
            let known = accounts.get(node.region.as_str());
            // Who does not name its account is in the only one that is known there.
            let account = match known.map(|known| (known.len(), known.first())) {
                Some((1, Some(only))) if node.account.is_empty() => only,
                _ => node.account.as_str(),
            };
            let several = known.is_some_and(|known| known.len() > 1);
            let name = match (several, account) {
                (true, "") => format!("{} · no account", node.region),
                (true, account) => format!("{} · {account}", node.region),
                (false, _) => node.region.clone(),
            };
            let zone = id::of_words(&["zone", account, &node.region]);
            zones.all.entry(zone).or_insert(Zone { name, nodes: 0 });
            zones.of.insert(id, zone);
        }
        zones.adopt(traffic);
        for zone in zones.of.values() {
            if let Some(zone) = zones.all.get_mut(zone) {
                zone.nodes += 1;
            }
        }
        zones
    }

    /// Gives nodes without a region to the zone of their neighbours.
    fn adopt(&mut self, traffic: &Traffic) {
        let mut near: HashMap<NodeId, Option<NodeId>> = HashMap::default();
        for edge in traffic.edges.values() {
            for (id, other) in [(edge.source, edge.target), (edge.target, edge.source)] {
                if self.of.contains_key(&id) {
                    continue;
                }
                let Some(&zone) = self.of.get(&other) else { continue };
                let seen = near.entry(id).or_insert(Some(zone));
                if *seen != Some(zone) {
                    *seen = None;
                }
            }
        }
        for (id, zone) in near {
            // Users are outside of every zone, even if they only ever call one.
            let users = traffic.nodes.get(&id).is_some_and(|node| node.kind == NodeKind::Users);
            if let Some(zone) = zone.filter(|_| !users) {
                self.of.insert(id, zone);
            }
        }
    }

    /// The zone of a node; none for users, and for what is called from several.
    pub fn of(&self, node: NodeId) -> Option<NodeId> {
        self.of.get(&node).copied()
    }

    /// The zone of this name.
    pub fn named(&self, name: &str) -> Option<NodeId> {
        self.all.iter().find(|(_, zone)| zone.name == name).map(|(&id, _)| id)
    }

    /// Whether there is anything to tell apart.
    pub fn several(&self) -> bool {
        self.all.len() > 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::sample::graph;

    fn traffic() -> Traffic {
        // 1, 2 in the west, 3 in the north; 4 is called from the west, 5 from both, 6 are users.
        let mut traffic = graph(6, &[(1, 2), (1, 3), (2, 4), (2, 5), (3, 5), (6, 1)]);
        for (id, region) in [(1, "west"), (2, "west"), (3, "north")] {
            traffic.nodes[&NodeId(id)].region = region.to_owned();
        }
        traffic.nodes[&NodeId(6)].kind = NodeKind::Users;
        traffic
    }

    #[test]
    fn what_has_no_region_is_where_its_neighbours_are() {
        let zones = Zones::find(&traffic());
        let name = |id| zones.of(NodeId(id)).map(|zone| zones.all[&zone].name.as_str());
        assert_eq!(
            [1, 2, 3, 4, 5, 6].map(name),
            [Some("west"), Some("west"), Some("north"), Some("west"), None, None]
        );
        assert!(zones.several());
        assert_eq!(zones.all[&zones.named("west").unwrap()].nodes, 3);
    }

    #[test]
    fn accounts_are_named_where_a_region_has_several() {
        let mut traffic = traffic();
        for (id, account) in [(1, "111"), (2, "222"), (3, "111")] {
            traffic.nodes[&NodeId(id)].account = account.to_owned();
        }
        let zones = Zones::find(&traffic);
        let names: BTreeSet<&str> = zones.all.values().map(|zone| zone.name.as_str()).collect();
        assert_eq!(names, BTreeSet::from(["north", "west · 111", "west · 222"]));
        // Who does not say joins the only account that is known, and no other.
        traffic.nodes[&NodeId(2)].account.clear();
        let zones = Zones::find(&traffic);
        assert_eq!(zones.of(NodeId(1)), zones.of(NodeId(2)));
    }
}
