//! Names: which node of the truth a shown node is. A node shown without account or region is the
//! one of that kind and name, if the truth has only one.

use std::collections::{HashMap, HashSet};

use spanfall_collector::reduce::node::{Node, NodeKind};

use super::super::truth::Truth;

#[derive(Debug, Default)]
pub(super) struct Names {
    namesakes: HashMap<(NodeKind, String), HashSet<Node>>,
    shown: HashSet<Node>,
}

impl Names {
    pub(super) fn new(truth: &Truth) -> Self {
        let mut names = Self::default();
        let ends = truth.hops.iter().flat_map(|hop| [&hop.source, &hop.target]);
        for node in ends.chain(truth.edges.keys().flat_map(|(source, target)| [source, target])) {
            let key = (node.kind, node.name.clone());
            names.namesakes.entry(key).or_default().insert(node.clone());
        }
        names
    }

    /// Whether the shown node is this one.
    pub(super) fn fits(&self, shown: &Node, truth: &Node) -> bool {
        shown == truth || self.meant(shown).is_some_and(|meant| meant == truth)
    }

    fn meant(&self, shown: &Node) -> Option<&Node> {
        let namesakes = self.namesakes.get(&(shown.kind, shown.name.clone()))?;
        let agrees =
            |shown: &str, known: &str| shown.is_empty() || known.is_empty() || shown == known;
        let mut fitting = namesakes.iter().filter(|node| {
            agrees(&shown.account, &node.account) && agrees(&shown.region, &node.region)
        });
        match (fitting.next(), fitting.next()) {
            (Some(one), None) => Some(one),
            _ => namesakes.get(shown),
        }
    }

    /// Takes note of a node that is shown at the end.
    pub(super) fn show(&mut self, node: &Node) {
        if !self.shown.contains(node) {
            self.shown.insert(node.clone());
        }
    }

    /// Shown nodes that do not exist, or are another shown node.
    pub(super) fn extra(&self) -> usize {
        let meant: HashSet<&Node> = self.shown.iter().filter_map(|node| self.meant(node)).collect();
        self.shown.len() - meant.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::description::node;

    #[test]
    fn a_partial_name_fits_where_it_is_the_only_one_and_counts_as_extra_beside_the_full_one() {
        let full = node(NodeKind::Queue, "bills", "1", "eu");
        let mut truth = Truth::default();
        truth.edges.insert((full.clone(), full.clone()), Default::default());
        let mut names = Names::new(&truth);
        let partial = node(NodeKind::Queue, "bills", "", "eu");
        assert!(names.fits(&partial, &full) && names.fits(&full, &full));
        assert!(!names.fits(&node(NodeKind::Queue, "bills", "2", "eu"), &full));
        names.show(&full);
        assert_eq!(names.extra(), 0);
        names.show(&partial);
        assert_eq!(names.extra(), 1);
        names.show(&node(NodeKind::Host, "bills", "", ""));
        assert_eq!(names.extra(), 2);
    }
}
