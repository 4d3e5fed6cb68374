//! Answers: what is known of nodes and edges by now. In: questions. Out: sums since the start, for reports
//! and for whoever inspects something. What happened since the last tick is for [`Reducer::drain`].

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::{HashMap, HashSet};

use super::hop::{Edge, EdgeId};
use super::node::{NodeId, NodeKind};
use super::sums::{AccountSums, OTHER_OPERATIONS};
use super::tally::ONE;
use super::{Account, KnownNode, Reducer};

impl Reducer {
    /// All nodes that an edge begins or ends at, sorted by id.
    pub fn nodes(&self) -> Vec<KnownNode> {
        self.settle();
        let mut on_edges: HashSet<NodeId> = HashSet::default();
        self.tally.for_each(|(source, target), sums| {
            if !sums.is_nothing() {
                let edge = self.nodes.edge(source, target).1;
                on_edges.extend([edge.source, edge.target]);
            }
        });
        self.known(|id| on_edges.contains(&id))
    }

    /// Nodes that are wanted, sorted by id.
    pub(super) fn known(&self, wanted: impl Fn(NodeId) -> bool) -> Vec<KnownNode> {
        let mut known = Vec::new();
        self.nodes.for_each(|_, id, node, _| {
            if wanted(id) {
                let gateway = node.kind == NodeKind::Api && node.region.is_empty();
                let entry = gateway || matches!(node.kind, NodeKind::Users | NodeKind::Schedule);
                known.push(KnownNode { id, node: node.clone(), entry });
            }
        });
        known.sort_by_key(|known| known.id);
        known.dedup_by_key(|known| known.id);
        known
    }

    /// The nodes of these ids, in no order.
    pub(crate) fn named(&self, wanted: impl Fn(NodeId) -> bool) -> impl Iterator<Item = KnownNode> {
        self.known(wanted).into_iter()
    }

    /// All edges known so far, with the sum of everything that happened on them, sorted by id.
    pub fn edges(&self) -> Vec<(EdgeId, Edge, Account)> {
        self.settle();
        let slow = self.current.load().settings.slow;
        let mut edges: HashMap<EdgeId, (Edge, AccountSums)> = HashMap::default();
        self.tally.for_each(|(source, target), sums| {
            let (id, edge) = self.nodes.edge(source, target);
            edges.entry(id).or_insert((edge, AccountSums::default())).1.merge(sums);
        });
        let mut edges: Vec<_> = edges
            .into_iter()
            .filter(|(_, (_, sums))| !sums.is_nothing())
            .map(|(id, (edge, sums))| {
                (id, edge, self.account(&sums).within(self.tally.bounds(id, slow)))
            })
            .collect();
        edges.sort_by_key(|(id, ..)| *id);
        edges
    }

    /// The account of one edge.
    pub fn edge_account(&self, edge: EdgeId) -> Option<Account> {
        let account = self.account_where(|id, _| id == edge)?;
        Some(account.within(self.tally.bounds(edge, self.current.load().settings.slow)))
    }

    /// The account of all hops that arrive at a node.
    pub fn node_account(&self, node: NodeId) -> Option<Account> {
        self.account_where(|_, edge| edge.target == node)
    }

    fn account_where(&self, wanted: impl Fn(EdgeId, Edge) -> bool) -> Option<Account> {
        self.settle();
        let mut total: Option<AccountSums> = None;
        self.tally.for_each(|(source, target), sums| {
            let (id, edge) = self.nodes.edge(source, target);
            if wanted(id, edge) {
                total.get_or_insert_default().merge(sums);
            }
        });
        total.filter(|sums| !sums.is_nothing()).map(|sums| self.account(&sums))
    }

    fn account(&self, sums: &AccountSums) -> Account {
        let name = |index| match index {
            OTHER_OPERATIONS => "(others)".to_owned(),
            index => self.texts.text(index),
        };
        let mut operations: Vec<_> = sums
            .operations()
            .into_iter()
            .map(|(operation, summary)| (name(operation), summary))
            .collect();
        operations.sort_by(|a, b| {
            b.1.counts.total().total_cmp(&a.1.counts.total()).then_with(|| a.0.cmp(&b.0))
        });
        let mut versions: Vec<_> = sums
            .versions()
            .map(|(version, hops)| (self.texts.text(version), hops))
            .filter(|(version, _)| !version.is_empty())
            .collect();
        versions.sort();
        Account { all: sums.summary(), operations, versions, ..Account::default() }
    }

    /// The nodes that are asked for operations, or run in versions, in whose names one of these words is, in
    /// lower case; with these names. Sorted.
    pub fn find(&self, words: &[String]) -> Vec<(NodeId, Vec<String>)> {
        self.settle();
        let texts = self.texts.with_any(words);
        let mut found: BTreeMap<NodeId, BTreeSet<&str>> = BTreeMap::new();
        if !texts.is_empty() {
            self.tally.for_each(|(_, target), sums| {
                for name in sums.texts().filter_map(|text| texts.get(&text)) {
                    found.entry(self.nodes.resolved(target).1).or_default().insert(name);
                }
            });
        }
        let names = |names: BTreeSet<&str>| names.into_iter().map(str::to_owned).collect();
        found.into_iter().map(|(node, found)| (node, names(found))).collect()
    }

    /// Where an edge begins and ends.
    pub fn edge(&self, edge: EdgeId) -> Option<Edge> {
        let mut ends = None;
        self.tally.for_each(|(source, target), _| {
            let (id, found) = self.nodes.edge(source, target);
            ends = ends.or((id == edge).then_some(found));
        });
        ends
    }

    /// A node's name.
    pub fn name(&self, node: NodeId) -> Option<String> {
        let mut name = None;
        self.nodes.for_each(|_, id, known, _| {
            if id == node && name.is_none() {
                name = Some(known.name.clone());
            }
        });
        name
    }

    /// Hops of which one end is not known: they come from an unknown trigger, or are calls whose
    /// callee sent no span though it is a function, or has sent some for other calls.
    pub fn unknown(&self) -> f64 {
        self.settle();
        let mut unknown = 0;
        self.tally.for_each(|edge, sums| {
            unknown += self.nodes.ends(&[edge]).iter().map(|ends| sums.unknown(*ends)).sum::<i64>();
        });
        #[expect(clippy::cast_precision_loss, reason = "exact up to nine billion hops")]
        let unknown = unknown as f64;
        unknown / ONE as f64
    }
}
