//! Tally: the account of every edge. In: hops, and hops taken back. Out: what moved since the last
//! tick, and sums since the start.
//!
//! Counts are whole millionths of a hop, so that sums are the same in every order of arrival.

use std::sync::Arc;

use dashmap::DashMap;
use hashbrown::HashMap;
use parking_lot::Mutex;

use super::exemplar::Traces;
use super::half::SpanKey;
use super::histogram::Histogram;
use super::hop::{Class, Counts};
use super::nodes::NodeIndex;
use super::observe::Observer;
use super::sides::{SideSums, Sighting};
use super::{Moved, Summary};
use crate::reduce::hop::EdgeId;

/// Millionths in one hop.
pub(super) const ONE: i64 = 1_000_000;
/// An edge keeps this many operations apart; the rest share one.
const MOST_OPERATIONS: usize = 100;
/// More edges than this and new ones are counted together, not kept.
const MOST_EDGES: usize = 200_000;

/// One hop, as it is counted; kept by whoever may have to take it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counted {
    pub(super) source: NodeIndex,
    pub(super) target: NodeIndex,
    pub(super) class: Class,
    pub(super) cold: bool,
    /// Whether it is left out: it is a number of its own, and on no edge.
    pub(super) ignored: bool,
    /// Bucket of its latency.
    pub(super) latency: u16,
    /// How many requests it stands for, in millionths.
    pub(super) weight: i64,
    pub(super) operation: u32,
    pub(super) version: u32,
    /// What its two sides saw of it.
    pub(super) sighting: Sighting,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Sums {
    /// By class, then cold.
    counts: [i64; 5],
    latency: Histogram,
}

impl Sums {
    fn add(&mut self, hop: &Counted, sign: i64) {
        let weight = hop.weight * sign;
        self.counts[hop.class as usize] += weight;
        if hop.cold {
            self.counts[4] += weight;
        }
        self.latency.add(hop.latency, weight);
    }

    fn merge(&mut self, other: &Self) {
        self.counts.iter_mut().zip(other.counts).for_each(|(sum, count)| *sum += count);
        self.latency.merge(&other.latency);
    }

    fn clear(&mut self) {
        self.counts = [0; 5];
        self.latency.clear();
    }

    fn counts(&self) -> Counts {
        #[expect(clippy::cast_precision_loss, reason = "exact up to nine billion hops")]
        let [ok, slow, throttled, error, cold] = self.counts.map(|sum| sum as f64 / ONE as f64);
        Counts { ok, slow, throttled, error, cold }
    }

    fn summary(&self) -> Summary {
        Summary {
            counts: self.counts(),
            p50_us: self.latency.quantile(0.5),
            p95_us: self.latency.quantile(0.95),
            p99_us: self.latency.quantile(0.99),
        }
    }
}

/// An edge's sums, of one tick and of all.
#[derive(Debug, Default)]
struct EdgeTally {
    /// Whether it is on the list of those that moved.
    moved: bool,
    tick: Sums,
    all: AccountSums,
    sides: SideSums,
}

/// Sums of an edge, or of several edges together.
#[derive(Clone, Debug, Default)]
pub(super) struct AccountSums {
    all: Sums,
    operations: HashMap<u32, Sums, foldhash::fast::RandomState>,
    versions: HashMap<u32, i64, foldhash::fast::RandomState>,
}

impl AccountSums {
    fn add(&mut self, hop: &Counted, sign: i64) {
        self.all.add(hop, sign);
        let key = self.operation_key(hop.operation);
        self.operations.entry(key).or_default().add(hop, sign);
        *self.versions.entry(hop.version).or_default() += hop.weight * sign;
    }

    fn operation_key(&self, operation: u32) -> u32 {
        let known = self.operations.contains_key(&operation);
        if known || self.operations.len() < MOST_OPERATIONS { operation } else { u32::MAX }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.all.merge(&other.all);
        for (operation, sums) in &other.operations {
            self.operations.entry(*operation).or_default().merge(sums);
        }
        for (version, hops) in &other.versions {
            *self.versions.entry(*version).or_default() += hops;
        }
    }

    /// Whether everything that was counted was taken back.
    pub(super) fn is_nothing(&self) -> bool {
        self.all.counts == [0; 5]
    }

    pub(super) fn summary(&self) -> Summary {
        self.all.summary()
    }

    /// `(operation, its sums)`, busiest first.
    pub(super) fn operations(&self) -> Vec<(u32, Summary)> {
        let mut operations: Vec<_> = self
            .operations
            .iter()
            .map(|(operation, sums)| (*operation, sums.summary()))
            .filter(|(_, summary)| summary.counts.total() != 0.0)
            .collect();
        operations.sort_by(|a, b| b.1.counts.total().total_cmp(&a.1.counts.total()));
        operations
    }

    /// `(version, hops)`.
    pub(super) fn versions(&self) -> impl Iterator<Item = (u32, u64)> {
        self.versions
            .iter()
            .map(|(version, hops)| (*version, u64::try_from(hops / ONE).unwrap_or(0)))
            .filter(|(_, hops)| *hops > 0)
    }
}

type EdgeKey = (NodeIndex, NodeIndex);

/// A sum of millionths in whole hops.
fn whole(sum: &std::sync::atomic::AtomicI64) -> u64 {
    let sum = sum.load(std::sync::atomic::Ordering::Relaxed);
    u64::try_from((sum + ONE / 2) / ONE).unwrap_or(0)
}

/// The accounts of all edges, shared by all receivers.
#[derive(Debug, Default)]
pub(super) struct Tally {
    edges: DashMap<EdgeKey, Arc<Mutex<EdgeTally>>, foldhash::fast::RandomState>,
    moved: Mutex<Vec<(EdgeKey, Arc<Mutex<EdgeTally>>)>>,
    hops: std::sync::atomic::AtomicI64,
    ignored: std::sync::atomic::AtomicI64,
    unpaired: std::sync::atomic::AtomicI64,
    /// The traces of spans that came lately.
    pub(super) traces: Traces,
    pub(super) observer: Observer,
}

impl Tally {
    /// Replaces what the half of `key` counted by what it counts now.
    pub(super) fn replace(&self, key: SpanKey, before: Option<Counted>, after: Option<Counted>) {
        if before == after {
            return;
        }
        for (hop, sign) in
            before.iter().map(|hop| (hop, -1)).chain(after.iter().map(|hop| (hop, 1)))
        {
            self.observer.tell(key, hop, sign);
            self.apply(key, hop, sign);
        }
    }

    /// Counts what both sides saw of something that is no hop: a message on its whole way from
    /// function to function.
    pub(super) fn sight(&self, ends: EdgeKey, sighting: &Sighting, weight: i64, key: SpanKey) {
        if let Some(edge) = self.edge(ends) {
            edge.lock().sides.add(sighting, weight, || self.traces.get(key));
        }
    }

    /// The account of an edge, which is made if it is new and there is room.
    fn edge(&self, key: EdgeKey) -> Option<Arc<Mutex<EdgeTally>>> {
        let known = self.edges.get(&key).map(|edge| Arc::clone(&edge));
        match known {
            Some(edge) => Some(edge),
            // The cap may be passed by a few where threads race; it guards memory, not a contract.
            None if self.edges.len() >= MOST_EDGES => None,
            None => Some(Arc::clone(&self.edges.entry(key).or_default())),
        }
    }

    fn apply(&self, half: SpanKey, hop: &Counted, sign: i64) {
        if hop.ignored {
            self.ignored.fetch_add(sign * hop.weight, std::sync::atomic::Ordering::Relaxed);
            return;
        }
        let key = (hop.source, hop.target);
        let Some(edge) = self.edge(key) else { return };
        self.hops.fetch_add(sign * hop.weight, std::sync::atomic::Ordering::Relaxed);
        let mut tally = edge.lock();
        tally.tick.add(hop, sign);
        tally.all.add(hop, sign);
        tally.sides.add(&hop.sighting, hop.weight * sign, || self.traces.get(half));
        if !tally.moved {
            tally.moved = true;
            drop(tally);
            self.moved.lock().push((key, edge));
        }
    }

    /// Takes note of whether a half was shown without its other half, and whether it is now. What
    /// is counted is the same in whatever order spans come.
    pub(super) fn count_unpaired(&self, before: bool, after: bool) {
        if before != after {
            let change = if after { 1 } else { -1 };
            self.unpaired.fetch_add(change, std::sync::atomic::Ordering::Relaxed);
        }
    }

    /// Halves shown without their other half so far, corrections netted.
    pub(super) fn unpaired(&self) -> u64 {
        u64::try_from(self.unpaired.load(std::sync::atomic::Ordering::Relaxed)).unwrap_or(0)
    }

    /// All hops so far, corrections netted.
    pub(super) fn hops(&self) -> u64 {
        whole(&self.hops)
    }

    /// Hops so far that are left out, corrections netted.
    pub(super) fn ignored(&self) -> u64 {
        whole(&self.ignored)
    }

    /// What moved since the last call, by the edge as `name` knows it now: nodes that turned out
    /// to be the same make one edge of two.
    pub(super) fn drain(&self, mut name: impl FnMut(EdgeKey) -> EdgeId) -> Vec<Moved> {
        let moved = std::mem::take(&mut *self.moved.lock());
        let mut by_edge: HashMap<EdgeId, Sums, foldhash::fast::RandomState> = HashMap::default();
        for (key, edge) in moved {
            let mut tally = edge.lock();
            tally.moved = false;
            by_edge.entry(name(key)).or_default().merge(&tally.tick);
            tally.tick.clear();
        }
        let mut moved: Vec<_> = by_edge
            .into_iter()
            .filter(|(_, sums)| *sums != Sums::default())
            .map(|(edge, sums)| {
                let summary = sums.summary();
                Moved {
                    edge,
                    counts: summary.counts,
                    p50_us: summary.p50_us,
                    p99_us: summary.p99_us,
                }
            })
            .collect();
        moved.sort_by_key(|moved| moved.edge);
        moved
    }

    /// Visits what the sides of all edges' hops saw.
    pub(super) fn for_each_sides(&self, mut visit: impl FnMut(EdgeKey, &SideSums)) {
        for edge in &self.edges {
            visit(*edge.key(), &edge.value().lock().sides);
        }
    }

    /// Visits all edges' sums.
    pub(super) fn for_each(&self, mut visit: impl FnMut(EdgeKey, &AccountSums)) {
        for edge in &self.edges {
            visit(*edge.key(), &edge.value().lock().all);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hop(class: Class) -> Counted {
        Counted {
            source: 1,
            target: 2,
            class,
            cold: false,
            ignored: false,
            latency: 100,
            weight: ONE,
            operation: 0,
            version: 0,
            sighting: Sighting::default(),
        }
    }

    #[test]
    fn a_tick_holds_what_happened_since_the_last_one() {
        let tally = Tally::default();
        tally.replace(1, None, Some(hop(Class::Ok)));
        tally.replace(2, None, Some(hop(Class::Error)));
        let first = tally.drain(|_| EdgeId(1));
        assert_eq!((first[0].counts.ok, first[0].counts.error), (1.0, 1.0));
        assert!(tally.drain(|_| EdgeId(1)).is_empty());
        assert_eq!(tally.hops(), 2);
    }

    #[test]
    fn a_hop_taken_back_within_its_tick_was_never_there() {
        let tally = Tally::default();
        tally.replace(1, None, Some(hop(Class::Ok)));
        tally.replace(1, Some(hop(Class::Ok)), None);
        assert!(tally.drain(|_| EdgeId(1)).is_empty());
        assert_eq!(tally.hops(), 0);
    }

    #[test]
    fn two_edges_that_turn_out_to_be_one_make_one_entry_of_the_tick() {
        let tally = Tally::default();
        tally.replace(1, None, Some(hop(Class::Ok)));
        tally.replace(2, None, Some(Counted { source: 9, ..hop(Class::Ok) }));
        let moved = tally.drain(|_| EdgeId(1));
        assert_eq!(moved.len(), 1);
        assert_eq!(moved[0].counts.ok, 2.0);
    }
}
