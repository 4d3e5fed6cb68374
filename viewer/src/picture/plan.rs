//! The plan of a picture: which node and which edge on screen each node and edge of the model becomes. In:
//! the model, a level, a filter, what a person unfolded. Out: a [`Plan`]. Pure.
//!
//! Each edge of the model goes to at most one on screen, so that each hop is one particle, inside a group,
//! or outside of what is shown, and never two.

use std::collections::BTreeMap;

use bevy::platform::collections::{HashMap, HashSet};
use indexmap::IndexMap;
use spanfall_collector::reduce::hop::EdgeId;
use spanfall_collector::reduce::node::{NodeId, NodeKind};

use super::filter::{Filter, is_in_trouble};
use super::fold::{self, Group};
use super::id;
use super::level::Level;
use super::zone::Zones;
use crate::focus::Item;
use crate::traffic::{NodeState, Traffic};

/// What a node on screen is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum What {
    /// A node of the model.
    #[default]
    Itself,
    /// So many nodes that are alike.
    Group(u32),
    /// A zone, with so many nodes.
    Zone(u32),
    /// So many nodes that are in no zone.
    Elsewhere(u32),
}

/// A node on screen, without its traffic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Face {
    pub(super) what: What,
    pub(super) kind: NodeKind,
    pub(super) name: String,
}

/// Which nodes and edges there are on screen, and what is behind each.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Plan {
    pub(super) nodes: IndexMap<NodeId, Face>,
    pub(super) edges: IndexMap<EdgeId, (NodeId, NodeId)>,
    /// The node on screen of each node of the model that is shown.
    pub(super) home: HashMap<NodeId, NodeId>,
    /// The same for edges.
    pub(super) path: HashMap<EdgeId, EdgeId>,
    /// Groups that are folded.
    pub(super) groups: BTreeMap<NodeId, Group>,
    /// Who stands alone because of trouble, and when it was seen last, in the feed's time.
    pub(super) troubled: HashMap<NodeId, f64>,
}

/// Seconds of the feed for which a node stands alone after its trouble: a picture that regroups with every
/// error could not be read.
const STANDS_ON: f64 = 30.0;

/// What is to be shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask<'a> {
    pub(super) traffic: &'a Traffic,
    pub(super) zones: &'a Zones,
    pub(super) level: Level,
    pub(super) filter: &'a Filter,
    pub(super) unfolded: &'a HashSet<NodeId>,
    /// What is selected: shown whatever the filter says.
    pub(super) selected: Option<Item>,
    /// The plan until now: what wavers stays as it is.
    pub(super) before: &'a Plan,
    /// See [`fold::MOST_SHOWN`] and [`fold::WELL_SHOWN`].
    pub(super) most: usize,
    pub(super) well: usize,
}

/// Plans the picture.
pub(super) fn plan(ask: &Ask<'_>) -> Plan {
    let mut stage = Stage { ask, plan: Plan::default() };
    stage.place();
    stage.filter();
    stage.fold();
    stage.join();
    stage.plan
}

/// The node that stands for all that is in no zone.
fn elsewhere() -> NodeId {
    id::of_words(&["elsewhere"])
}

struct Stage<'a> {
    ask: &'a Ask<'a>,
    plan: Plan,
}

impl Stage<'_> {
    /// Gives each node its home in the level.
    fn place(&mut self) {
        let Ask { traffic, zones, level, .. } = *self.ask;
        let near = match level {
            Level::Zone(zone) => self.beside(|id| zones.of(id) == Some(zone)),
            Level::Node(node) => self.beside(|id| id == node),
            Level::World | Level::Everything => HashSet::default(),
        };
        let homeless = |(id, node): &(&NodeId, &NodeState)| {
            zones.of(**id).is_none() && node.kind != NodeKind::Users
        };
        // One alone needs nothing to stand for it.
        let several = traffic.nodes.iter().filter(homeless).count() > 1;
        for (&id, node) in &traffic.nodes {
            let zone = zones.of(id);
            let home = match level {
                Level::Everything => Some(id),
                Level::World if node.kind == NodeKind::Users => Some(id),
                Level::World if several => Some(zone.unwrap_or_else(elsewhere)),
                Level::World => Some(zone.unwrap_or(id)),
                Level::Zone(here) if zone == Some(here) => Some(id),
                Level::Zone(_) => near.contains(&id).then(|| zone.unwrap_or(id)),
                Level::Node(node) => (id == node || near.contains(&id)).then_some(id),
            };
            if let Some(home) = home {
                self.plan.home.insert(id, home);
            }
        }
    }

    /// The nodes at the other ends of what leads to or from these.
    fn beside(&self, inside: impl Fn(NodeId) -> bool) -> HashSet<NodeId> {
        let edges = self.ask.traffic.edges.values();
        edges
            .flat_map(|edge| {
                let leaves = inside(edge.source).then_some(edge.target);
                let arrives = inside(edge.target).then_some(edge.source);
                [leaves, arrives]
            })
            .flatten()
            .collect()
    }

    /// Takes the nodes away that the filter leaves without edges.
    fn filter(&mut self) {
        let Ask { traffic, zones, filter, before, selected, .. } = *self.ask;
        let edges: Option<HashSet<EdgeId>> = filter.is_on().then(|| {
            let before = before.path.keys().copied().collect();
            filter.edges(traffic, zones, &before)
        });
        let kept = |id: EdgeId, source: NodeId, target: NodeId| match selected {
            Some(Item::Edge(edge)) => edge == id,
            Some(Item::Node(node)) => node == source || node == target,
            None => false,
        };
        let mut lit: HashSet<NodeId> = HashSet::default();
        for (&id, edge) in &traffic.edges {
            let shown = edges.as_ref().is_none_or(|edges| edges.contains(&id))
                || kept(id, edge.source, edge.target);
            let inside = self.plan.home.contains_key(&edge.source)
                && self.plan.home.contains_key(&edge.target)
                && self.is_of_level(edge.source, edge.target);
            if shown && inside {
                // Its place on screen is found when all nodes have theirs.
                self.plan.path.insert(id, id);
                lit.extend([edge.source, edge.target]);
            }
        }
        if edges.is_some() {
            if let Some(Item::Node(node)) = selected {
                lit.insert(node);
            }
            self.plan.home.retain(|id, _| lit.contains(id));
        }
    }

    /// Whether what goes between two shown nodes belongs to the level: a zone shows what its own nodes
    /// do, a node what it does itself.
    fn is_of_level(&self, source: NodeId, target: NodeId) -> bool {
        let zone = |id| self.ask.zones.of(id);
        match self.ask.level {
            Level::World | Level::Everything => true,
            Level::Zone(here) => zone(source) == Some(here) || zone(target) == Some(here),
            Level::Node(node) => source == node || target == node,
        }
    }

    /// Folds what is too much.
    fn fold(&mut self) {
        let Ask { traffic, zones, level, unfolded, before, selected, most, well, .. } = *self.ask;
        if !matches!(level, Level::Everything | Level::Zone(_)) {
            return;
        }
        let own = |id: &NodeId| self.plan.home.get(id) == Some(id);
        let nodes: Vec<NodeId> = traffic.nodes.keys().copied().filter(own).collect();
        if nodes.len() <= most {
            return;
        }
        let mut alone: HashSet<NodeId> = HashSet::default();
        let was_alone = |id: NodeId| before.home.get(&id) == Some(&id);
        for edge in traffic.edges.values() {
            if is_in_trouble(&edge.rates.per_second, was_alone(edge.target)) {
                alone.insert(edge.target);
            }
        }
        if let Some(now) = traffic.time() {
            // What was seen later than now was seen in another time.
            let lately = |since: &f64| (0.0..=STANDS_ON).contains(&(now - since));
            let stand_on = before.troubled.iter().filter(|(_, since)| lately(since));
            self.plan.troubled = stand_on.map(|(id, since)| (*id, *since)).collect();
            self.plan.troubled.extend(alone.iter().map(|id| (*id, now)));
            alone.extend(self.plan.troubled.keys());
        }
        match selected {
            Some(Item::Node(node)) => _ = alone.insert(node),
            Some(Item::Edge(edge)) => {
                alone.extend(
                    traffic.edges.get(&edge).iter().flat_map(|edge| [edge.source, edge.target]),
                );
            }
            None => {}
        }
        let folded = before.groups.keys().copied().collect();
        let wish = fold::Wish {
            traffic,
            zones,
            nodes: &nodes,
            alone: &alone,
            unfolded,
            folded: &folded,
            most,
            well,
        };
        self.plan.groups = fold::fold(&wish);
        for (id, group) in &self.plan.groups {
            for member in &group.members {
                self.plan.home.insert(*member, *id);
            }
        }
    }

    /// Lists what is on screen, in the model's order.
    fn join(&mut self) {
        let Ask { traffic, zones, .. } = *self.ask;
        let mut members: HashMap<NodeId, u32> = HashMap::default();
        for home in self.plan.home.values() {
            *members.entry(*home).or_default() += 1;
        }
        for (id, node) in &traffic.nodes {
            let Some(&home) = self.plan.home.get(id) else { continue };
            let count = members.get(&home).copied().unwrap_or_default();
            self.plan.nodes.entry(home).or_insert_with(|| {
                if home == *id {
                    return Face { what: What::Itself, kind: node.kind, name: node.name.clone() };
                }
                if let Some(group) = self.plan.groups.get(&home) {
                    let (what, name) = (What::Group(count), group.name.clone());
                    return Face { what, kind: group.kind, name };
                }
                match zones.all.get(&home) {
                    Some(zone) => Face {
                        what: What::Zone(zone.nodes),
                        kind: NodeKind::Service,
                        name: zone.name.clone(),
                    },
                    None => Face {
                        what: What::Elsewhere(count),
                        kind: NodeKind::Host,
                        name: "elsewhere".to_owned(),
                    },
                }
            });
        }
        let mut path = HashMap::default();
        for (&id, edge) in &traffic.edges {
            if !self.plan.path.contains_key(&id) {
                continue;
            }
            let home = |id| self.plan.home.get(&id).copied();
            let (Some(source), Some(target)) = (home(edge.source), home(edge.target)) else {
                continue;
            };
            let itself = source == edge.source && target == edge.target;
            // What goes on inside of a group is not seen; a node that calls itself is.
            if source == target && !itself {
                continue;
            }
            let shown = if itself { id } else { id::of_ends(source, target) };
            self.plan.edges.entry(shown).or_insert((source, target));
            path.insert(id, shown);
        }
        self.plan.path = path;
    }
}

#[cfg(test)]
mod tests;
