//! Folding: where more nodes would be shown than anybody can read, those that are alike become one. In:
//! the nodes of a level. Out: which of them fold, into what.
//!
//! What folds is decided by what nodes are, not by what they do at the moment: leaves of the same kind with
//! the same callers, then nodes of one zone whose names begin with the same word, then nodes of one kind.
//! Rates only say which of these fold first, and what has folded stays folded, so nothing flickers. Who
//! is in trouble stands alone: an error must never hide in a group.

use std::collections::{BTreeMap, BTreeSet};

use bevy::platform::collections::{HashMap, HashSet};
use spanfall_collector::reduce::node::{NodeId, NodeKind};

use super::id;
use super::zone::Zones;
use crate::traffic::Traffic;

/// With more nodes than this, folding begins.
pub const MOST_SHOWN: usize = 120;

/// Once it has begun, it goes on until so many are left: a wall is read from afar.
pub const WELL_SHOWN: usize = 75;

/// Fewer nodes than this are no group.
const FEWEST: usize = 3;

/// What people split names at.
const SEPARATORS: [char; 7] = ['-', '_', '.', '/', ':', '@', ' '];

/// Nodes that are shown as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// What it is called: `orders-… (12)`, `17 tables`.
    pub name: String,
    /// The kind of most of them.
    pub kind: NodeKind,
    /// Who they are.
    pub members: Vec<NodeId>,
}

/// What folding needs to know.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish<'a> {
    pub(super) traffic: &'a Traffic,
    pub(super) zones: &'a Zones,
    /// The nodes that would be shown.
    pub(super) nodes: &'a [NodeId],
    /// Those that stand alone whatever comes: in trouble, or selected.
    pub(super) alone: &'a HashSet<NodeId>,
    /// Groups that a person has unfolded.
    pub(super) unfolded: &'a HashSet<NodeId>,
    /// Groups that are folded now.
    pub(super) folded: &'a HashSet<NodeId>,
    /// With more nodes than this, folding begins; it ends when no more than the second number are left.
    pub(super) most: usize,
    pub(super) well: usize,
}

/// Which nodes fold into which groups, by the groups' ids.
pub(super) fn fold(wish: &Wish<'_>) -> BTreeMap<NodeId, Group> {
    let mut groups = BTreeMap::new();
    let mut shown = wish.nodes.len();
    if shown <= wish.most {
        return groups;
    }
    let mut free: Vec<NodeId> =
        wish.nodes.iter().copied().filter(|id| !wish.alone.contains(id)).collect();
    let callers = callers(wish);
    for stage in [leaves as Stage, by_name, by_kind] {
        let mut alike: BTreeMap<NodeId, (String, Vec<NodeId>)> = BTreeMap::new();
        for &node in &free {
            if let Some((id, name)) = stage(node, wish, &callers) {
                alike.entry(id).or_insert_with(|| (name, Vec::new())).1.push(node);
            }
        }
        let mut found: Vec<(NodeId, String, Vec<NodeId>)> = alike
            .into_iter()
            .filter(|(id, (_, members))| members.len() >= FEWEST && !wish.unfolded.contains(id))
            .map(|(id, (name, members))| (id, name, members))
            .collect();
        // What has folded stays; of the others the quietest go first.
        found.sort_by(|a, b| {
            let stays = |id: &NodeId| !wish.folded.contains(id);
            let rate = |members: &[NodeId]| members.iter().map(|id| rate(wish.traffic, *id)).sum();
            let (of_a, of_b): (f64, f64) = (rate(&a.2), rate(&b.2));
            stays(&a.0).cmp(&stays(&b.0)).then(of_a.total_cmp(&of_b)).then(a.0.cmp(&b.0))
        });
        for (id, name, members) in found {
            if shown <= wish.well {
                return groups;
            }
            shown -= members.len() - 1;
            let kind = commonest(&members, wish.traffic);
            groups.insert(id, Group { name: titled(&name, &members), kind, members });
        }
        let gone: HashSet<NodeId> =
            groups.values().flat_map(|group| group.members.iter().copied()).collect();
        free.retain(|node| !gone.contains(node));
    }
    groups
}

type Callers = HashMap<NodeId, (BTreeSet<NodeId>, bool)>;
type Stage = fn(NodeId, &Wish<'_>, &Callers) -> Option<(NodeId, String)>;

/// Each node's callers, and whether it calls anybody itself.
fn callers(wish: &Wish<'_>) -> Callers {
    let mut callers = Callers::default();
    for edge in wish.traffic.edges.values() {
        callers.entry(edge.target).or_default().0.insert(edge.source);
        callers.entry(edge.source).or_default().1 = true;
    }
    callers
}

/// Tables, queues and hosts that the same functions use, and that lead nowhere.
fn leaves(node: NodeId, wish: &Wish<'_>, callers: &Callers) -> Option<(NodeId, String)> {
    let (by, leads_on) = callers.get(&node)?;
    let kind = wish.traffic.nodes.get(&node)?.kind;
    if *leads_on || by.is_empty() || matches!(kind, NodeKind::Function | NodeKind::Service) {
        return None;
    }
    let by: Vec<String> = by.iter().map(|id| id.0.to_string()).collect();
    Some((id::of_words(&["leaves", kind.as_str(), &by.join(" ")]), plural(kind).to_owned()))
}

/// Nodes of one zone whose names begin with the same word.
fn by_name(node: NodeId, wish: &Wish<'_>, _: &Callers) -> Option<(NodeId, String)> {
    let state = wish.traffic.nodes.get(&node)?;
    let word = prefix(&state.name).filter(|_| state.kind != NodeKind::Users)?;
    let zone = wish.zones.of(node).map_or(0, |zone| zone.0).to_string();
    Some((id::of_words(&["names", &zone, word]), format!("{word}…")))
}

/// Nodes of one zone and kind.
fn by_kind(node: NodeId, wish: &Wish<'_>, _: &Callers) -> Option<(NodeId, String)> {
    let kind = wish.traffic.nodes.get(&node)?.kind;
    let zone = wish.zones.of(node).map_or(0, |zone| zone.0).to_string();
    let other = kind != NodeKind::Users;
    other.then(|| (id::of_words(&["kind", &zone, kind.as_str()]), plural(kind).to_owned()))
}

fn rate(traffic: &Traffic, id: NodeId) -> f64 {
    traffic.nodes.get(&id).map_or(0.0, |node| node.inbound.total().max(node.outbound.total()))
}

fn titled(name: &str, members: &[NodeId]) -> String {
    match name.strip_suffix('…') {
        Some(_) => format!("{name} ({})", members.len()),
        None => format!("{} {name}", members.len()),
    }
}

fn commonest(members: &[NodeId], traffic: &Traffic) -> NodeKind {
    let mut counts: BTreeMap<NodeKind, usize> = BTreeMap::new();
    for node in members.iter().filter_map(|id| traffic.nodes.get(id)) {
        *counts.entry(node.kind).or_default() += 1;
    }
    // Of equals the one that the legend names first.
    let most = counts.iter().rev().max_by_key(|(_, count)| **count);
    most.map(|(kind, _)| *kind).unwrap_or_default()
}

/// The word that a name begins with, if more comes after it.
pub fn prefix(name: &str) -> Option<&str> {
    let (word, rest) = name.split_once(SEPARATORS)?;
    (!word.is_empty() && !rest.is_empty()).then_some(word)
}

/// Several nodes of a kind.
pub(super) const fn plural(kind: NodeKind) -> &'static str {
    match kind {
        NodeKind::Function => "functions",
        NodeKind::Service => "services",
        NodeKind::Queue => "queues",
        NodeKind::Topic => "topics",
        NodeKind::Stream => "streams",
        NodeKind::Table => "tables",
        NodeKind::Database => "databases",
        NodeKind::Bucket => "buckets",
        NodeKind::Api => "APIs",
        NodeKind::Host => "hosts",
        NodeKind::Schedule => "schedules",
        NodeKind::Users => "sources",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scene::sample::graph;

    fn named(names: &[String], edges: &[(u64, u64)]) -> Traffic {
        let mut traffic = graph(names.len() as u64, edges);
        for (node, name) in traffic.nodes.values_mut().zip(names) {
            node.name.clone_from(name);
        }
        traffic
    }

    struct Case {
        traffic: Traffic,
        alone: HashSet<NodeId>,
        unfolded: HashSet<NodeId>,
        folded: HashSet<NodeId>,
    }

    impl Case {
        fn fold(&self, most: usize) -> BTreeMap<NodeId, Group> {
            let nodes: Vec<NodeId> = self.traffic.nodes.keys().copied().collect();
            fold(&Wish {
                traffic: &self.traffic,
                zones: &Zones::find(&self.traffic),
                nodes: &nodes,
                alone: &self.alone,
                unfolded: &self.unfolded,
                folded: &self.folded,
                most,
                well: most,
            })
        }
    }

    fn case(traffic: Traffic) -> Case {
        let none = HashSet::default;
        Case { traffic, alone: none(), unfolded: none(), folded: none() }
    }

    fn titles(groups: &BTreeMap<NodeId, Group>) -> BTreeSet<String> {
        groups.values().map(|group| group.name.clone()).collect()
    }

    #[test]
    fn a_few_nodes_do_not_fold() {
        let names: Vec<String> = (0..20).map(|i| format!("orders-{i}")).collect();
        assert!(case(named(&names, &[])).fold(20).is_empty());
    }

    #[test]
    fn names_that_begin_alike_fold_and_the_quietest_go_first() {
        let words = ["orders", "orders", "orders", "carts", "carts", "carts", "alone"];
        let names: Vec<String> =
            words.iter().enumerate().map(|(i, word)| format!("{word}-{i}")).collect();
        let mut case = case(named(&names, &[]));
        case.traffic.nodes[&NodeId(4)].inbound.per_second.ok = 5.0;
        assert_eq!(titles(&case.fold(5)), BTreeSet::from(["orders… (3)".to_owned()]));
        let both = BTreeSet::from(["orders… (3)".to_owned(), "carts… (3)".to_owned()]);
        assert_eq!(titles(&case.fold(4)), both);
        // What has folded stays folded, however busy it becomes.
        case.folded = case.fold(5).into_keys().collect();
        case.traffic.nodes[&NodeId(1)].inbound.per_second.ok = 500.0;
        assert_eq!(titles(&case.fold(5)), BTreeSet::from(["orders… (3)".to_owned()]));
        case.unfolded = std::mem::take(&mut case.folded);
        assert_eq!(titles(&case.fold(5)), BTreeSet::from(["carts… (3)".to_owned()]));
    }

    #[test]
    fn tables_that_the_same_function_uses_fold_before_anything_else() {
        let names: Vec<String> = ["shop", "a", "b", "c", "d"].map(str::to_owned).to_vec();
        let mut case = case(named(&names, &[(1, 2), (1, 3), (1, 4), (1, 5)]));
        for id in 2..=4 {
            case.traffic.nodes[&NodeId(id)].kind = NodeKind::Table;
        }
        assert_eq!(titles(&case.fold(4)), BTreeSet::from(["3 tables".to_owned()]));
        case.alone.insert(NodeId(2));
        assert!(case.fold(4).is_empty(), "who is in trouble stands alone");
    }

    proptest! {
        #[test]
        fn nobody_is_in_two_groups_and_who_stands_alone_is_in_none(
            words in prop::collection::vec("[a-c]{1,2}-[a-z]{1,3}", 1..60),
            alone in prop::collection::hash_set(1_u64..60, 0..6),
            most in 1_usize..40,
        ) {
            let mut case = case(named(&words, &[]));
            case.alone = alone.into_iter().map(NodeId).collect();
            let groups = case.fold(most);
            let members: Vec<NodeId> =
                groups.values().flat_map(|group| group.members.clone()).collect();
            let once: HashSet<NodeId> = members.iter().copied().collect();
            prop_assert_eq!(once.len(), members.len());
            prop_assert!(members.iter().all(|id| !case.alone.contains(id)));
            // All of one kind and no zone: in the end everybody who may fold has.
            let shown = words.len() - members.len() + groups.len();
            prop_assert!(shown <= most || words.len() - members.len() <= case.alone.len() + 2);
        }
    }
}
