//! What the viewer knows about the traffic: nodes and edges with smoothed rates, and a few minutes
//! of their past in one-second steps.

use std::collections::VecDeque;

use bevy::platform::collections::HashMap;
use bevy::prelude::Resource;
use indexmap::IndexMap;
use spanfall_collector::feed::message::{Detail, Notice, Unit};
use spanfall_collector::reduce::hop::{Counts, EdgeId};
use spanfall_collector::reduce::node::{NodeId, NodeKind};

use super::running::Running;
use super::unknown::Unknown;

/// Seconds of past that the model keeps for sparklines.
pub const SERIES_SECONDS: usize = 300;

/// Everything the viewer knows about the traffic, in the order in which it was learned.
#[derive(Resource, Clone, Debug, Default)]
pub struct Traffic {
    /// What hops are: requests, or the steps of a process.
    pub unit: Unit,
    /// Nodes by id.
    pub nodes: IndexMap<NodeId, NodeState>,
    /// Edges by id.
    pub edges: IndexMap<EdgeId, EdgeState>,
    /// All hops together.
    pub total: Series,
    /// Smoothed rates of all hops together.
    pub rates: Rates,
    /// Hops of which one end is not known, lately.
    pub unknown: Unknown,
    /// Grows whenever a node or an edge comes, goes or changes its name: layout and meshes are
    /// stale when they were made for another revision.
    pub revision: u64,
    /// What the collector says deserves attention, newest last.
    pub notices: Vec<Notice>,
    /// Facts about the inspected node or edge, as the collector last sent them.
    pub detail: Option<Detail>,
    /// Nodes that turned out to be others, by what they were called before: the other stands
    /// where the first one stood.
    pub merged: HashMap<NodeId, NodeId>,
    /// Nodes and edges that had no traffic for long and are not shown; a hop brings them back.
    pub(super) asleep: Asleep,
    /// The feed's time up to which rates and series follow it, in seconds; none at first.
    pub(super) until: Option<f64>,
}

impl Traffic {
    /// The feed's time that is shown, in seconds since 1970; none before the first tick.
    pub fn time(&self) -> Option<f64> {
        self.until
    }

    /// Lets it be this time, in seconds.
    #[cfg(test)]
    pub fn set_time(&mut self, seconds: f64) {
        self.until = Some(seconds);
    }
}

/// What is not shown now because it is quiet.
#[derive(Clone, Debug, Default)]
pub(super) struct Asleep {
    pub(super) nodes: IndexMap<NodeId, NodeState>,
    pub(super) edges: IndexMap<EdgeId, EdgeState>,
}

/// One node.
#[derive(Clone, Debug, Default)]
pub struct NodeState {
    /// What it is.
    pub kind: NodeKind,
    /// Its name.
    pub name: String,
    /// The cloud account; empty where unknown.
    pub account: String,
    /// The cloud region; empty where unknown.
    pub region: String,
    /// Whether requests enter the system here.
    pub entry: bool,
    /// Rates of the hops that arrive.
    pub inbound: Rates,
    /// Rates of the hops that leave.
    pub outbound: Rates,
    /// The past of the hops that arrive (that leave, where none ever arrives).
    pub series: Series,
    /// What runs there now.
    pub running: Running,
    /// How present it is: 1 with traffic, falling to 0 just before it goes for being quiet.
    pub presence: f32,
    /// Whether hops ever arrive here.
    pub(crate) receives: bool,
    /// When it was last heard of, by the feed's clock, in seconds.
    pub(crate) heard: f64,
}

/// One edge.
#[derive(Clone, Debug)]
pub struct EdgeState {
    /// Where requests come from.
    pub source: NodeId,
    /// Where they go.
    pub target: NodeId,
    /// Rates of its hops.
    pub rates: Rates,
    /// Its past.
    pub series: Series,
    /// How present it is: 1 with traffic, falling to 0 just before it goes for being quiet.
    pub presence: f32,
    /// When it was last heard of, by the feed's clock, in seconds.
    pub(crate) heard: f64,
    /// The feed's time up to which `rates` follows it, in seconds.
    pub(crate) until: f64,
}

impl EdgeState {
    /// An edge that was heard of when the feed's clock showed `at`, and has had no hops yet.
    pub fn new(source: NodeId, target: NodeId, at: f64) -> Self {
        Self {
            source,
            target,
            rates: Rates::default(),
            series: Series::default(),
            presence: 1.0,
            heard: at,
            until: at,
        }
    }
}

/// Hops a second by class, smoothed over a few seconds; and recent latency.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates {
    /// Hops a second.
    pub per_second: Counts,
    /// Recent median latency in microseconds; 0 where unknown.
    pub p50_us: f64,
    /// Recent 99th percentile in microseconds; 0 where unknown.
    pub p99_us: f64,
}

/// Hops by class in each of the last so many seconds, oldest first. The newest entry is
/// the second that is not over yet.
#[derive(Clone, Debug, Default)]
pub struct Series<const SECONDS: usize = SERIES_SECONDS> {
    /// One entry a second; fewer while younger than that.
    pub seconds: VecDeque<Counts>,
    /// The feed's second that the newest entry is of, since 1970.
    newest: u64,
}

impl<const SECONDS: usize> Series<SECONDS> {
    /// The feed's second that the newest entry is of, since 1970.
    pub fn newest(&self) -> u64 {
        self.newest
    }

    /// Adds what happened in the feed's second `second`. What is older than the series is left out.
    pub fn add(&mut self, second: u64, counts: &Counts) {
        self.reach(second);
        let age = self.newest - second.min(self.newest);
        let place =
            usize::try_from(age).ok().and_then(|age| (self.seconds.len() - 1).checked_sub(age));
        if let Some(entry) = place.and_then(|place| self.seconds.get_mut(place)) {
            entry.add(counts);
        }
    }

    /// Moves on to the feed's second `second`, with nothing in between.
    pub fn reach(&mut self, second: u64) {
        // A clock that was set back by more than the series holds begins another past.
        if self.newest.saturating_sub(second) > SECONDS as u64 {
            self.seconds.clear();
        }
        if self.seconds.is_empty() {
            self.seconds.push_back(Counts::default());
            self.newest = second;
        }
        // After a long silence there is no past left to keep.
        let silent = usize::try_from(second.saturating_sub(self.newest)).unwrap_or(usize::MAX);
        for _ in 0..silent.min(SECONDS) {
            if self.seconds.len() == SECONDS {
                self.seconds.pop_front();
            }
            self.seconds.push_back(Counts::default());
        }
        self.newest = self.newest.max(second);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ok(count: f64) -> Counts {
        Counts { ok: count, ..Counts::default() }
    }

    fn total(series: &Series) -> f64 {
        series.seconds.iter().map(Counts::total).sum()
    }

    #[test]
    fn a_series_keeps_each_second_in_its_place() {
        let mut series = Series::<SERIES_SECONDS>::default();
        series.add(100, &ok(1.0));
        series.add(103, &ok(2.0));
        series.add(101, &ok(4.0));
        let seconds: Vec<f64> = series.seconds.iter().map(Counts::total).collect();
        assert_eq!(seconds, [1.0, 4.0, 0.0, 2.0]);
    }

    #[test]
    fn a_clock_that_is_set_back_begins_another_past() {
        let mut series = Series::<SERIES_SECONDS>::default();
        series.add(10_000, &ok(1.0));
        series.add(100, &ok(2.0));
        assert_eq!((series.seconds.len(), total(&series)), (1, 2.0));
    }

    proptest! {
        #[test]
        fn a_series_is_bounded_and_holds_what_is_recent(steps in prop::collection::vec(0..90u64, 1..100)) {
            let mut series = Series::<SERIES_SECONDS>::default();
            let mut second = 1_000_000;
            let mut seen = Vec::new();
            for step in steps {
                second += step;
                series.add(second, &ok(1.0));
                seen.push(second);
            }
            let recent = seen.iter().filter(|&&at| second - at < SERIES_SECONDS as u64).count();
            prop_assert!(series.seconds.len() <= SERIES_SECONDS);
            prop_assert_eq!(total(&series), recent as f64);
        }
    }
}
