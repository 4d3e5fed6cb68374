//! Which node is the cause: of all that fail together the deepest one, not its twenty callers. In:
//! the edges on which requests are hurt. Out: groups of these, by the node at which they begin.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::minute::Ill;
use crate::reduce::hop::{Edge, EdgeId};
use crate::reduce::node::NodeId;

/// A callee explains what its caller does badly only if it does at least this share of it.
const EXPLAINS: f64 = 0.3;

/// Callers further away than this are not told apart; it also bounds the way through a graph of any
/// size.
const DEEPEST: usize = 32;

/// An edge on which requests are hurt.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hurt {
    pub(super) edge: Edge,
    pub(super) ill: Ill,
}

/// What has one cause.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Group {
    /// Requests to the cause itself.
    pub(super) ill: Ill,
    /// Whether this deserves a notice by itself; else it only keeps one open.
    pub(super) matters: bool,
    /// Who calls the cause, by how many of these requests are hurt, the most first.
    pub(super) callers: Vec<NodeId>,
    /// Everybody who is hurt: those, and who calls them.
    pub(super) hurt: BTreeSet<NodeId>,
}

/// Groups edges by their cause. `is_entry` says of whom nobody is known who calls it.
pub(super) fn groups(
    hurt: &HashMap<EdgeId, Hurt>,
    is_entry: impl Fn(NodeId) -> bool,
) -> BTreeMap<NodeId, Group> {
    let mut worst_from: HashMap<NodeId, Vec<&Hurt>> = HashMap::new();
    for hurt in hurt.values() {
        worst_from.entry(hurt.edge.source).or_default().push(hurt);
    }
    for edges in worst_from.values_mut() {
        edges.sort_by(|a, b| {
            b.ill.hurt().total_cmp(&a.ill.hurt()).then(a.edge.target.cmp(&b.edge.target))
        });
    }
    let mut groups: BTreeMap<NodeId, Group> = BTreeMap::new();
    let mut direct: BTreeMap<NodeId, Vec<(f64, NodeId)>> = BTreeMap::new();
    for Hurt { edge, ill } in hurt.values() {
        let mut way = vec![edge.source, edge.target];
        let (mut cause, mut caused) = (edge.target, *ill);
        while way.len() < DEEPEST
            && let Some(worst) = worst_from.get(&cause).and_then(|edges| edges.first())
            && worst.ill.hurt() >= caused.hurt() * EXPLAINS
            && !way.contains(&worst.edge.target)
        {
            (cause, caused) = (worst.edge.target, worst.ill);
            way.push(cause);
        }
        way.pop();
        let group = groups.entry(cause).or_default();
        group.matters |= ill.matters();
        group.hurt.extend(way);
        if edge.target == cause {
            group.ill.add(ill);
            direct.entry(cause).or_default().push((ill.hurt(), edge.source));
        }
    }
    for (cause, mut callers) in direct {
        callers.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        if let Some(group) = groups.get_mut(&cause) {
            group.callers = callers.into_iter().map(|(_, caller)| caller).collect();
            // A late answer that makes nobody else late is no matter.
            let felt = group.hurt.len() > group.callers.len()
                || group.callers.iter().any(|caller| is_entry(*caller));
            group.matters &= felt || group.ill.fails();
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hurt(edges: &[(u64, u64, f64)]) -> HashMap<EdgeId, Hurt> {
        let hurt = |&(source, target, failed): &(u64, u64, f64)| {
            let edge = Edge { source: NodeId(source), target: NodeId(target) };
            let ill = Ill { all: failed * 2.0, failed, ..Ill::default() };
            (EdgeId(source * 1_000 + target), Hurt { edge, ill })
        };
        edges.iter().map(hurt).collect()
    }

    fn causes(edges: &[(u64, u64, f64)]) -> Vec<(u64, f64, Vec<u64>)> {
        let said = |(id, group): (NodeId, Group)| {
            (id.0, group.ill.failed, group.hurt.iter().map(|id| id.0).collect())
        };
        groups(&hurt(edges), |_| false).into_iter().map(said).collect()
    }

    #[test]
    fn the_deepest_failing_node_is_the_cause_and_its_callers_are_hurt() {
        let chain = [(1, 2, 50.0), (2, 3, 50.0), (3, 4, 80.0), (7, 3, 20.0)];
        assert_eq!(causes(&chain), [(4, 80.0, vec![1, 2, 3, 7])]);
    }

    #[test]
    fn a_callee_that_fails_a_little_does_not_explain_a_caller_that_fails_a_lot() {
        assert_eq!(
            causes(&[(1, 2, 100.0), (2, 3, 10.0)]),
            [(2, 100.0, vec![1]), (3, 10.0, vec![2])]
        );
    }

    #[test]
    fn late_answers_matter_where_somebody_waits_for_them() {
        let late = |edges: &[(u64, u64)]| {
            let mut late = hurt(&edges.iter().map(|&(a, b)| (a, b, 50.0)).collect::<Vec<_>>());
            for hurt in late.values_mut() {
                hurt.ill = Ill { slow: 50.0, failed: 0.0, ..hurt.ill };
            }
            late
        };
        assert!(groups(&late(&[(1, 2), (2, 3)]), |_| false)[&NodeId(3)].matters);
        assert!(!groups(&late(&[(2, 3)]), |_| false)[&NodeId(3)].matters);
        assert!(groups(&late(&[(2, 3)]), |id| id == NodeId(2))[&NodeId(3)].matters);
    }

    #[test]
    fn two_causes_below_one_caller_are_two_groups() {
        let told = causes(&[(1, 2, 60.0), (2, 3, 30.0), (2, 4, 29.0)]);
        assert_eq!(told, [(3, 30.0, vec![1, 2]), (4, 29.0, vec![2])]);
    }

    #[test]
    fn who_calls_whom_in_a_circle_still_has_a_cause() {
        assert_eq!(causes(&[(1, 2, 10.0), (2, 1, 10.0)]).len(), 2);
    }

    proptest! {
        #[test]
        fn every_hurt_edge_is_in_a_group(
            edges in prop::collection::vec((0u64..12, 0u64..12, 1.0..100.0f64), 1..40),
        ) {
            let hurt = hurt(&edges);
            let groups = groups(&hurt, |_| false);
            for Hurt { edge, .. } in hurt.values() {
                let holds = |group: &Group| group.hurt.contains(&edge.source);
                prop_assert!(groups.values().any(holds));
            }
        }
    }
}
