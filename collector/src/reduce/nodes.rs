//! The table of nodes: every [`Node`] once, with a small index to name it by inside the reducer.
//!
//! A node that spans name only in part (no account, or no region) is the full node of the same
//! kind and name as soon as exactly one such exists; of several queues and the like, it is the one
//! in the account of whoever named it. What it is, is decided from all names known, not from the
//! order in which they came.

use std::hash::BuildHasher;

use crossbeam_utils::CachePadded;
use dashmap::DashMap;
use hashbrown::HashMap;
use parking_lot::RwLock;

use super::habit::Habit;
use super::hop::{Edge, EdgeId};
use super::node::{Node, NodeId, NodeKind, UNKNOWN_TRIGGER};
use super::tally::Ends;

/// A node's place in the table.
pub(super) type NodeIndex = u32;

/// More nodes than this are drawn as one: no picture and no memory holds a host per request.
const MOST_NODES: usize = 20_000;

/// Those past it: one of each kind.
const MOST_ENTRIES: usize = MOST_NODES + NodeKind::ALL.len();

#[derive(Debug)]
pub(super) struct Nodes {
    by_name: DashMap<Node, NodeIndex, foldhash::fast::RandomState>,
    /// Nodes without an account, by the account in which they were named.
    near: DashMap<Node, NodeIndex, foldhash::fast::RandomState>,
    /// By index, for all that there may be: nothing here is worth a lock.
    habits: Box<[Habit]>,
    /// Who only reads writes to it too; what lies beside it is read with every span.
    inner: CachePadded<RwLock<Inner>>,
}

impl Default for Nodes {
    fn default() -> Self {
        Self {
            by_name: DashMap::default(),
            near: DashMap::default(),
            habits: (0..MOST_ENTRIES).map(|_| Habit::default()).collect(),
            inner: CachePadded::default(),
        }
    }
}

#[derive(Debug, Default)]
struct Inner {
    entries: Vec<Entry>,
    /// Nodes that share kind and name.
    namesakes: HashMap<(NodeKind, String), Vec<NodeIndex>, foldhash::fast::RandomState>,
}

#[derive(Debug)]
struct Entry {
    node: Node,
    id: NodeId,
    /// The account in which a node without one was named; empty where that says nothing.
    near: String,
    /// The node that this one is, itself unless it is known in part only.
    is: NodeIndex,
}

impl Nodes {
    /// The index of a node, which is made if it is new.
    pub(super) fn index(&self, node: &Node) -> NodeIndex {
        if let Some(index) = self.by_name.get(node) {
            return *index;
        }
        let mut inner = self.inner.write();
        if let Some(index) = self.by_name.get(node) {
            return *index;
        }
        if inner.entries.len() >= MOST_NODES && node.name != OTHERS {
            drop(inner);
            return self.index(&Node::named(node.kind, OTHERS));
        }
        let index = u32::try_from(inner.entries.len()).unwrap_or(u32::MAX);
        inner.insert(index, node.clone(), String::new());
        self.is_of(index, node.kind);
        self.by_name.insert(node.clone(), index);
        index
    }

    /// The same, of a node that was named by a program of this account.
    pub(super) fn index_near(&self, mut node: Node, account: &str) -> NodeIndex {
        use NodeKind::{Queue, Stream, Table, Topic};
        let shared = matches!(node.kind, Queue | Stream | Table | Topic);
        if !shared || account.is_empty() || !node.account.is_empty() {
            return self.index(&node);
        }
        account.clone_into(&mut node.account);
        if let Some(index) = self.near.get(&node) {
            return *index;
        }
        let mut inner = self.inner.write();
        if let Some(index) = self.near.get(&node) {
            return *index;
        }
        let partial = Node { account: String::new(), ..node.clone() };
        if inner.entries.len() >= MOST_NODES {
            drop(inner);
            return self.index(&partial);
        }
        let index = u32::try_from(inner.entries.len()).unwrap_or(u32::MAX);
        inner.insert(index, partial, account.to_owned());
        self.is_of(index, node.kind);
        self.near.insert(node, index);
        index
    }

    /// The node that a name means that was given in this account, where it says none itself.
    pub(super) fn near(&self, index: NodeIndex, account: &str) -> NodeIndex {
        let node = self.inner.read().entries.get(index as usize).map(|entry| entry.node.clone());
        match node {
            Some(node) if node.account.is_empty() => self.index_near(node, account),
            _ => index,
        }
    }

    /// The node that this one is, and its identity.
    pub(super) fn resolved(&self, index: NodeIndex) -> (NodeIndex, NodeId) {
        self.inner.read().resolved(index)
    }

    /// The edge between two nodes, as they are known now.
    pub(super) fn edge(&self, source: NodeIndex, target: NodeIndex) -> (EdgeId, Edge) {
        self.inner.read().edge(source, target)
    }

    /// The ends of many edges, as they are known now.
    pub(super) fn ends(&self, edges: &[(NodeIndex, NodeIndex)]) -> Vec<Ends> {
        let inner = self.inner.read();
        let is_unknown = |source: NodeIndex| {
            let node = inner.entries.get(source as usize).map(|entry| &entry.node);
            node.is_some_and(|node| node.kind == NodeKind::Users && node.name == UNKNOWN_TRIGGER)
        };
        let ends = |&(source, target): &(NodeIndex, NodeIndex)| Ends {
            edge: inner.edge(source, target).0,
            from_unknown: is_unknown(source),
            tells: self.kind(target) == NodeKind::Function,
        };
        edges.iter().map(ends).collect()
    }

    #[inline]
    pub(super) fn kind(&self, index: NodeIndex) -> NodeKind {
        self.habit(index).map_or(NodeKind::Host, Habit::kind)
    }

    /// Says so before anybody has the index.
    fn is_of(&self, index: NodeIndex, kind: NodeKind) {
        if let Some(habit) = self.habit(index) {
            habit.set_kind(kind);
        }
    }

    /// Whether two names contradict each other in nothing.
    pub(super) fn may_be_same(&self, one: NodeIndex, other: NodeIndex) -> bool {
        if one == other {
            return true;
        }
        let inner = self.inner.read();
        let node = |index: NodeIndex| inner.entries.get(index as usize).map(|entry| &entry.node);
        let (Some(one), Some(other)) = (node(one), node(other)) else { return false };
        let agrees = |a: &str, b: &str| a.is_empty() || b.is_empty() || a == b;
        (one.kind, &one.name) == (other.kind, &other.name)
            && agrees(&one.account, &other.account)
            && agrees(&one.region, &other.region)
    }

    /// How many nodes experience takes for entries.
    pub(super) fn learned_entries(&self) -> u64 {
        self.habits.iter().filter(|habit| habit.entry.is_good()).count() as u64
    }

    /// What is made of a node's name.
    pub(super) fn with_name<T: Default>(
        &self,
        index: NodeIndex,
        with: impl FnOnce(&str) -> T,
    ) -> T {
        let inner = self.inner.read();
        inner.entries.get(index as usize).map(|entry| with(&entry.node.name)).unwrap_or_default()
    }

    /// Visits all nodes: index, identity, name, and what each is.
    pub(super) fn for_each(&self, mut visit: impl FnMut(NodeIndex, NodeId, &Node, NodeIndex)) {
        for (index, entry) in (0..).zip(&self.inner.read().entries) {
            visit(index, entry.id, &entry.node, entry.is);
        }
    }

    #[inline]
    fn habit(&self, index: NodeIndex) -> Option<&Habit> {
        self.habits.get(index as usize)
    }

    /// Whether a callee here may be shown as an entry before its caller has had time to turn up.
    #[inline]
    pub(super) fn is_entry(&self, index: NodeIndex) -> bool {
        self.habit(index).is_some_and(|habit| habit.entry.is_good())
    }

    /// A callee's wait ended here: without a caller, or with one.
    #[inline]
    pub(super) fn learn_entry(&self, index: NodeIndex, alone: bool) {
        if let Some(habit) = self.habit(index) {
            habit.entry.learn(alone);
        }
    }

    /// Whether a request to this node may be shown before its callee has had time to answer.
    #[inline]
    pub(super) fn is_silent(&self, index: NodeIndex) -> bool {
        self.habit(index).is_some_and(|habit| habit.silent.is_good())
    }

    /// A caller's wait for this node ended: without an answer, or with one.
    #[inline]
    pub(super) fn learn_silent(&self, index: NodeIndex, alone: bool) {
        if let Some(habit) = self.habit(index) {
            habit.silent.learn(alone);
        }
    }
}

/// The name of the node that stands for those that found no place.
pub(super) const OTHERS: &str = "(others)";

impl Inner {
    fn resolved(&self, index: NodeIndex) -> (NodeIndex, NodeId) {
        let is = self.entries.get(index as usize).map_or(index, |entry| entry.is);
        (is, self.entries.get(is as usize).map_or(NodeId(0), |entry| entry.id))
    }

    fn edge(&self, source: NodeIndex, target: NodeIndex) -> (EdgeId, Edge) {
        let edge = Edge { source: self.resolved(source).1, target: self.resolved(target).1 };
        (edge_id(edge), edge)
    }

    fn insert(&mut self, index: NodeIndex, node: Node, near: String) {
        let id = node_id(&node);
        let namesakes = self.namesakes.entry((node.kind, node.name.clone())).or_default();
        namesakes.push(index);
        let namesakes = namesakes.clone();
        self.entries.push(Entry { node, id, near, is: index });
        for &partial in &namesakes {
            let is = self.fuller(partial, &namesakes);
            self.entries[partial as usize].is = is;
        }
    }

    /// The one node that says more than this one and contradicts it in nothing; of several the one
    /// in the account where it was named; itself if there is none.
    fn fuller(&self, index: NodeIndex, namesakes: &[NodeIndex]) -> NodeIndex {
        let node = |index: NodeIndex| &self.entries[index as usize].node;
        let agrees = |known: &str, other: &str| known.is_empty() || known == other;
        let says_more = |less: &Node, more: &Node| {
            less != more
                && agrees(&less.account, &more.account)
                && agrees(&less.region, &more.region)
        };
        let mut fullest = namesakes.iter().copied().filter(|&more| {
            says_more(node(index), node(more))
                && !namesakes.iter().any(|&most| says_more(node(more), node(most)))
        });
        let Some(first) = fullest.next() else { return index };
        // The same partial name may have been given in several accounts.
        let Some(second) = fullest.find(|&other| node(other) != node(first)) else { return first };
        let near = &self.entries[index as usize].near;
        let own = |&other: &NodeIndex| !near.is_empty() && node(other).account == *near;
        [first, second].into_iter().chain(fullest).find(own).unwrap_or(index)
    }
}

/// 53 bits of FNV-1a over `kind NUL account NUL region NUL name`, mixed: every collector computes
/// the same id without talking to the others.
pub(super) fn node_id(node: &Node) -> NodeId {
    let parts = [node.kind.as_str(), &node.account, &node.region, &node.name];
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for part in parts {
        for &byte in part.as_bytes().iter().chain(&[0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    NodeId(mixed(hash))
}

/// The edge's id, from its nodes' ids.
pub(super) fn edge_id(edge: Edge) -> EdgeId {
    EdgeId(mixed(mixed(edge.source.0).rotate_left(21) ^ edge.target.0))
}

/// The finaliser of MurmurHash3, cut to 53 bits.
const fn mixed(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    (hash ^ (hash >> 33)) & ((1 << 53) - 1)
}

/// A hash of ids and the like, seeded per process so that nobody can make keys collide.
pub(super) fn keyed(state: &foldhash::fast::RandomState, value: impl std::hash::Hash) -> u64 {
    state.hash_one(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(account: &str, region: &str) -> Node {
        Node {
            account: account.into(),
            region: region.into(),
            ..Node::named(NodeKind::Function, "pricing")
        }
    }

    fn is(nodes: &Nodes, node: &Node) -> NodeIndex {
        nodes.resolved(nodes.index(node)).0
    }

    #[test]
    fn a_node_known_in_part_is_the_only_full_one_whichever_came_first() {
        let names = [function("", ""), function("", "eu"), function("1", "eu")];
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [0, 2, 1]] {
            let nodes = Nodes::default();
            order.iter().for_each(|&i| {
                nodes.index(&names[i]);
            });
            let full = nodes.index(&names[2]);
            assert!(names.iter().all(|name| is(&nodes, name) == full), "{order:?}");
        }
    }

    #[test]
    fn a_node_known_in_part_stays_itself_where_two_could_be_meant() {
        let nodes = Nodes::default();
        nodes.index(&function("1", "eu"));
        nodes.index(&function("1", "us"));
        let vague = function("1", "");
        assert_eq!(is(&nodes, &vague), nodes.index(&vague));
        assert_eq!(is(&nodes, &function("", "us")), nodes.index(&function("1", "us")));
    }

    #[test]
    fn of_several_queues_a_bare_name_means_the_one_in_its_own_account() {
        let queue = |account: &str| Node { kind: NodeKind::Queue, ..function(account, "eu") };
        for order in [["1", "2", ""], ["", "2", "1"], ["2", "", "1"]] {
            let nodes = Nodes::default();
            for account in order {
                match account {
                    "" => nodes.index_near(queue(""), "1"),
                    account => nodes.index(&queue(account)),
                };
            }
            let named = |account| nodes.resolved(nodes.index_near(queue(""), account)).0;
            assert_eq!(named("1"), nodes.index(&queue("1")), "{order:?}");
            assert_eq!(named("2"), nodes.index(&queue("2")));
            let vague = nodes.resolved(nodes.index_near(queue(""), "3")).1;
            assert_eq!(vague, node_id(&queue("")), "neither is in account 3");
        }
        let nodes = Nodes::default();
        nodes.index(&queue("1"));
        assert_eq!(nodes.resolved(nodes.index_near(queue(""), "9")).1, node_id(&queue("1")));
    }

    #[test]
    fn ids_are_the_same_in_every_process() {
        assert_eq!(node_id(&function("123456789012", "eu-west-1")), NodeId(EXPECTED_ID));
        let edge = Edge { source: NodeId(1), target: NodeId(2) };
        let back = Edge { source: NodeId(2), target: NodeId(1) };
        assert_ne!(edge_id(edge), edge_id(back));
    }

    /// Written down once: another value would make viewers of a fleet see every node twice.
    const EXPECTED_ID: u64 = 0xa233_d839_fb39;

    #[test]
    fn nodes_without_end_take_no_memory_without_end() {
        let nodes = Nodes::default();
        let node = |i: usize| Node::named(NodeKind::Host, &format!("h{i}"));
        (0..MOST_NODES + 100).for_each(|i| {
            nodes.index(&node(i));
        });
        assert_eq!(nodes.index(&node(MOST_NODES + 5)), nodes.index(&node(MOST_NODES + 6)));
    }
}
