//! What nothing tells: functions that no caller, no attribute and no `[[trigger]]` explains. In: the
//! tally. Out: their nodes.

use hashbrown::{HashMap, HashSet};

use super::Reducer;
use super::node::{Node, NodeId, NodeKind, UNKNOWN_TRIGGER};
use super::nodes::NodeIndex;

impl Reducer {
    /// The functions that at least so many requests came to from nobody knows where, by name.
    pub fn unknown_triggers(&self, least: f64) -> Vec<Node> {
        self.settle();
        let mut unknown: HashSet<NodeIndex> = HashSet::default();
        self.nodes.for_each(|index, _, node, _| {
            if node.kind == NodeKind::Users && node.name == UNKNOWN_TRIGGER {
                unknown.insert(index);
            }
        });
        let mut hops: HashMap<NodeId, f64> = HashMap::default();
        self.tally.for_each(|(source, target), sums| {
            if unknown.contains(&source) {
                *hops.entry(self.nodes.resolved(target).1).or_default() +=
                    sums.summary().counts.total();
            }
        });
        hops.retain(|_, hops| *hops >= least);
        let mut nodes = Vec::with_capacity(hops.len());
        self.nodes.for_each(|_, id, node, _| {
            if hops.contains_key(&id) {
                nodes.push(node.clone());
            }
        });
        nodes.sort();
        nodes
    }
}
