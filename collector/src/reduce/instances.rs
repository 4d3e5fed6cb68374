//! Instances: how many of each function are live. In: what `activity` knows, at every drain. Out:
//! the functions of which there are more or fewer now than was told before.
//!
//! Only functions of which an instance came, or may have gone by now, are looked at.

use hashbrown::{HashMap, HashSet};
use smallvec::SmallVec;

use super::activity::{Activity, LIVE_MS, is_live};
use super::node::NodeId;
use super::nodes::NodeIndex;

/// The instances of one function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstanceCount {
    /// Which function.
    pub node: NodeId,
    /// Those that ended an invocation in the last minute ([`LIVE_MS`]).
    pub live: u64,
    /// Those that were heard of for the first time since the last drain: cold starts.
    pub cold: u64,
}

/// What drains have told of instances.
#[derive(Debug, Default)]
pub(super) struct Instances {
    told: HashMap<NodeId, u64, foldhash::fast::RandomState>,
}

impl Instances {
    /// What has changed since the last drain. `merged` are nodes that turned out to be others,
    /// `resolve` says which node one is, and `is_told` whether readers know it.
    pub(super) fn drain(
        &mut self,
        activity: &Activity,
        now_ms: u64,
        merged: &[(NodeId, NodeId)],
        resolve: impl Fn(NodeIndex) -> NodeId,
        is_told: impl Fn(NodeId) -> bool,
    ) -> Vec<InstanceCount> {
        for (from, _) in merged {
            self.told.remove(from);
        }
        let mut due: HashSet<NodeId> = merged.iter().map(|(_, into)| *into).collect();
        for node in &activity.nodes {
            if node.value().lock().is_due(now_ms) {
                due.insert(resolve(*node.key()));
            }
        }
        due.retain(|id| is_told(*id));
        if due.is_empty() {
            return Vec::new();
        }
        // One function may be known by several names.
        let mut names: HashMap<NodeId, SmallVec<[NodeIndex; 1]>> = HashMap::default();
        for node in &activity.nodes {
            let id = resolve(*node.key());
            if due.contains(&id) {
                names.entry(id).or_default().push(*node.key());
            }
        }
        let mut changed: Vec<InstanceCount> = names
            .into_iter()
            .map(|(id, names)| count(activity, id, &names, now_ms))
            .filter(|count| {
                let told = self.told.insert(count.node, count.live).unwrap_or(0);
                told != count.live || count.cold > 0
            })
            .collect();
        changed.sort_unstable_by_key(|count| count.node);
        changed
    }
}

/// Counts each instance once, whatever the name under which it was heard of.
fn count(activity: &Activity, node: NodeId, names: &[NodeIndex], now_ms: u64) -> InstanceCount {
    /// When an instance was last heard of, and whether no drain knew it.
    type Seen = (u64, bool);
    let mut several: HashMap<u64, Seen> = HashMap::default();
    let (mut live, mut cold) = (0, 0);
    let mut tell = |(last_ms, is_new): Seen| {
        live += u64::from(is_live(last_ms, now_ms));
        cold += u64::from(is_new);
    };
    for name in names {
        let Some(activity) = activity.nodes.get(name) else { continue };
        let mut activity = activity.lock();
        let mut next_end_ms: Option<u64> = None;
        for (instance, presence) in &mut activity.instances {
            let seen = (presence.last_ms, !std::mem::replace(&mut presence.told, true));
            if is_live(presence.last_ms, now_ms) {
                let end_ms = presence.last_ms + LIVE_MS;
                next_end_ms = Some(next_end_ms.map_or(end_ms, |next| next.min(end_ms)));
            }
            if names.len() == 1 {
                tell(seen);
            } else {
                let known = several.entry(*instance).or_insert(seen);
                *known = (known.0.max(seen.0), known.1 && seen.1);
            }
        }
        (activity.stirred, activity.next_end_ms) = (false, next_end_ms);
    }
    several.into_values().for_each(tell);
    InstanceCount { node, live, cold }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::reduce::activity::tests::{span, worker};
    use crate::reduce::tally::ONE;

    fn add(activity: &Activity, name: NodeIndex, instance: u64, now_ms: u64) {
        activity.add(name, worker(instance, 128), &span(1, 1), ONE, now_ms);
    }

    fn drain(instances: &mut Instances, activity: &Activity, now_ms: u64) -> Vec<(u64, u64, u64)> {
        let node = |name: NodeIndex| NodeId(u64::from(name / 10));
        let counts = instances.drain(activity, now_ms, &[], node, |_| true);
        counts.into_iter().map(|count| (count.node.0, count.live, count.cold)).collect()
    }

    #[test]
    fn what_changed_is_told_once_and_an_instance_that_is_heard_of_no_more_goes() {
        let (activity, mut instances) = (Activity::default(), Instances::default());
        add(&activity, 10, 7, 0);
        add(&activity, 20, 8, 0);
        assert_eq!(drain(&mut instances, &activity, 100), [(1, 1, 1), (2, 1, 1)]);
        add(&activity, 10, 7, 30_000);
        assert!(drain(&mut instances, &activity, 30_000).is_empty());
        assert_eq!(drain(&mut instances, &activity, LIVE_MS), [(2, 0, 0)]);
        assert_eq!(drain(&mut instances, &activity, 30_000 + LIVE_MS), [(1, 0, 0)]);
        add(&activity, 10, 7, 200_000);
        assert_eq!(drain(&mut instances, &activity, 200_000), [(1, 1, 0)], "it is no new one");
    }

    #[test]
    fn an_instance_heard_of_under_two_names_of_a_function_is_one() {
        let (activity, mut instances) = (Activity::default(), Instances::default());
        add(&activity, 11, 7, 0);
        assert_eq!(drain(&mut instances, &activity, 0), [(1, 1, 1)]);
        add(&activity, 12, 7, 10);
        add(&activity, 12, 9, 10);
        assert_eq!(drain(&mut instances, &activity, 10), [(1, 2, 1)]);
    }

    #[test]
    fn what_readers_do_not_know_yet_is_told_when_they_do() {
        let (activity, mut instances) = (Activity::default(), Instances::default());
        add(&activity, 10, 7, 0);
        assert!(instances.drain(&activity, 0, &[], |_| NodeId(1), |_| false).is_empty());
        assert_eq!(drain(&mut instances, &activity, 200), [(1, 1, 1)]);
    }

    proptest! {
        #[test]
        fn what_drains_tell_is_always_what_the_account_says(
            steps in prop::collection::vec((10_u32..30, 1_u64..6, 0_u64..50_000), 1..80),
        ) {
            let (activity, mut instances) = (Activity::default(), Instances::default());
            let (mut now_ms, mut told) = (0, std::collections::BTreeMap::new());
            for (name, instance, later) in steps {
                now_ms += later;
                add(&activity, name, instance, now_ms);
                now_ms += later % 7;
                for (node, live, cold) in drain(&mut instances, &activity, now_ms) {
                    let (known, seen) = told.entry(node).or_insert((0, 0));
                    *known = live;
                    *seen += cold;
                }
                for (node, told) in &told {
                    let all = activity.workload(now_ms, |name| u64::from(name / 10) == *node);
                    let all = all.unwrap();
                    prop_assert_eq!(*told, (all.live, all.seen));
                }
            }
        }
    }
}
