//! What runs at a node, as ticks tell it: live instances, cold starts in the last minute, hops by
//! version. In: graphs and ticks. Out: figures as of the moment that the picture shows; a detail of
//! the feed is up to a second older, or newer while the picture is paused.

use std::collections::VecDeque;

use spanfall_collector::feed::message::{Graph, InstanceTick, NodeVersions, Tick, VersionTick};
use spanfall_collector::reduce::node::NodeId;

use super::model::{NodeState, Traffic};

/// Cold starts are summed over so many of the feed's seconds, as in a detail.
const LATELY: u64 = 60;

/// What runs at one node.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Running {
    /// Live instances; `None` while the feed has not told of any.
    pub live: Option<u64>,
    /// Hops that arrived so far by version, where requests reach several now; else empty.
    pub versions: Vec<(String, f64)>,
    /// Cold starts by the feed's second, oldest first; seconds without any are left out.
    cold: VecDeque<(u64, u64)>,
}

impl Running {
    /// Cold starts in the minute up to the feed's time `at`, in seconds since 1970.
    pub fn cold_lately(&self, at: f64) -> u64 {
        let recent = self.cold.iter().filter(|(second, _)| is_recent(*second, at));
        recent.map(|(_, cold)| cold).sum()
    }

    fn follow(&mut self, live: u64, cold: u64, second: u64) {
        self.live = Some(live);
        if cold == 0 {
            return;
        }
        self.cold.retain(|(known, _)| known.abs_diff(second) < LATELY);
        match self.cold.back_mut() {
            Some((known, sum)) if *known >= second => *sum += cold,
            _ => self.cold.push_back((second, cold)),
        }
    }
}

fn is_recent(second: u64, at: f64) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970")]
    let age = at - second as f64;
    age <= LATELY as f64
}

impl Traffic {
    /// Follows what a graph says of instances and versions. It stands between the ticks among which
    /// it came, so it must be followed when their time comes.
    pub(super) fn learn_running(&mut self, graph: &Graph) {
        if graph.complete {
            let asleep = self.asleep.nodes.values_mut();
            for node in self.nodes.values_mut().chain(asleep) {
                node.running = Running::default();
            }
        }
        for InstanceTick(id, live, _) in &graph.instances {
            if let Some(node) = self.any_node(*id) {
                node.running.live = Some(*live);
            }
        }
        for NodeVersions(id, versions) in &graph.versions {
            if let Some(node) = self.any_node(*id) {
                node.running.versions.clone_from(versions);
            }
        }
    }

    /// Follows what a tick says of instances and versions.
    pub(super) fn follow_running(&mut self, tick: &Tick) {
        for InstanceTick(id, live, cold) in &tick.instances {
            if let Some(node) = self.any_node(*id) {
                node.running.follow(*live, *cold, tick.t / 1000);
            }
        }
        for VersionTick(id, version, hops) in &tick.versions {
            let node = self.any_node(*id);
            let versions = node.map(|node| &mut node.running.versions);
            if let Some((_, sum)) = versions.and_then(|all| all.get_mut(*version as usize)) {
                *sum += hops;
            }
        }
    }

    /// A node, whether it is shown or too quiet for that.
    fn any_node(&mut self, id: NodeId) -> Option<&mut NodeState> {
        match self.nodes.get_mut(&id) {
            Some(node) => Some(node),
            None => self.asleep.nodes.get_mut(&id),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn cold_starts_are_those_of_the_last_minute_and_take_no_memory_without_end(
            steps in prop::collection::vec((0_u64..40, 0_u64..4), 1..80),
        ) {
            let (mut running, mut second, mut all) = (Running::default(), 1_800_000_000, Vec::new());
            for (later, cold) in steps {
                second += later;
                running.follow(1, cold, second);
                all.push((second, cold));
                let recent = all.iter().filter(|(at, _)| second - at < LATELY);
                let recent: u64 = recent.map(|(_, cold)| cold).sum();
                prop_assert_eq!(running.cold_lately(second as f64 + 0.9), recent);
                prop_assert!(running.cold.len() <= LATELY as usize);
            }
            prop_assert_eq!(running.cold_lately(second as f64 + 61.0), 0);
        }
    }
}
