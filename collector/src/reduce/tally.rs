//! Tally: the account of every edge. In: hops, and hops taken back. Out: what moved since the last
//! tick, and sums since the start.
//!
//! A hop is counted at once, and judged later: whether one that worked was slow is decided when
//! somebody asks, at every tick as a rule ([`Tally::settle`]), by what all hops on its edge took
//! until then. Sums since the start hold what was judged, so the ticks always add up to them.

use std::sync::Arc;

use crossbeam_utils::CachePadded;
use dashmap::DashMap;
use hashbrown::HashMap;
use parking_lot::Mutex;
use smallvec::SmallVec;

use super::Moved;
use super::exemplar::Traces;
use super::half::SpanKey;
use super::hop::{Class, EdgeId};
use super::nodes::NodeIndex;
use super::observe::Observer;
use super::recent::Recent;
use super::settings::Slow;
use super::sides::{SideSums, Sighting};
use super::sums::{AccountSums, Sums};
use super::usual::{Bounds, Usual};

/// Millionths in one hop.
pub(super) const ONE: i64 = 1_000_000;
/// More edges than this and new ones are counted together, not kept.
const MOST_EDGES: usize = 200_000;

/// One hop, as it is counted; kept by whoever may have to take it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counted {
    pub(super) source: NodeIndex,
    pub(super) target: NodeIndex,
    /// Never slow: that is found out later.
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

/// What is known of an edge's ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    pub(super) edge: EdgeId,
    /// Nobody knows where its requests come from.
    pub(super) from_unknown: bool,
    /// Its target is of a kind that tells of its requests.
    pub(super) tells: bool,
}

/// An edge's sums.
#[derive(Debug, Default)]
struct EdgeTally {
    /// Whether it is on the list of those that moved.
    moved: bool,
    /// Hops that nobody has judged yet.
    tick: AccountSums,
    /// How many of them are corrections of what earlier ticks showed, in millionths.
    again: i64,
    /// All others.
    all: AccountSums,
    sides: SideSums,
}

type EdgeKey = (NodeIndex, NodeIndex);

/// A sum of millionths in whole hops.
fn whole(sum: &std::sync::atomic::AtomicI64) -> u64 {
    let sum = sum.load(std::sync::atomic::Ordering::Relaxed);
    u64::try_from((sum + ONE / 2) / ONE).unwrap_or(0)
}

/// What is usual on an edge is forgotten when nothing moved there for so long, in milliseconds.
const FORGET_MS: u64 = 86_400_000;

/// Hops of an edge that were judged, and have not been told.
#[derive(Debug)]
struct Judged {
    key: EdgeKey,
    told: Sums,
    /// The same by version of the target, in millionths.
    versions: SmallVec<[(u32, i64); 1]>,
    /// Those that are corrections of what was told before, in millionths.
    again: i64,
    /// Those of which one end is not known, in millionths.
    unknown: i64,
}

/// The accounts of all edges, shared by all receivers.
#[derive(Debug, Default)]
pub(super) struct Tally {
    edges: DashMap<EdgeKey, Arc<Mutex<EdgeTally>>, foldhash::fast::RandomState>,
    moved: CachePadded<Mutex<Vec<(EdgeKey, Arc<Mutex<EdgeTally>>)>>>,
    hops: CachePadded<std::sync::atomic::AtomicI64>,
    ignored: std::sync::atomic::AtomicI64,
    unpaired: CachePadded<std::sync::atomic::AtomicI64>,
    /// The traces of spans that came lately.
    pub(super) traces: Traces,
    /// The hops of recent traces.
    pub(super) recent: Recent,
    pub(super) observer: Observer,
    /// Hops that are on no edge, in millionths.
    dropped: std::sync::atomic::AtomicI64,
    /// What is usual on each edge. Whoever judges holds it, so that one does at a time.
    usual: Mutex<HashMap<EdgeId, Usual, foldhash::fast::RandomState>>,
    /// What was judged since the last drain.
    judged: Mutex<Vec<Judged>>,
    /// How often it was drained.
    drains: std::sync::atomic::AtomicU32,
}

impl Tally {
    /// The number of the tick that what is counted now is shown by; the first is 1, and after
    /// hours, when nobody remembers it, that number comes again. Never 0.
    pub(super) fn tick(&self) -> u16 {
        let drains = self.drains.load(std::sync::atomic::Ordering::Relaxed);
        // The remainder is below 65,535.
        (drains % u32::from(u16::MAX)) as u16 + 1
    }

    /// Replaces what the half of `key` counted by what it counts now, each with whether an earlier
    /// tick showed that request.
    pub(super) fn replace(
        &self,
        key: SpanKey,
        before: Option<(Counted, bool)>,
        after: Option<(Counted, bool)>,
    ) {
        if before == after {
            return;
        }
        self.recent.counts(key, after.as_ref().map(|(hop, _)| hop));
        for ((hop, again), sign) in
            before.iter().map(|hop| (hop, -1)).chain(after.iter().map(|hop| (hop, 1)))
        {
            self.observer.tell(key, hop, sign);
            self.apply(key, hop, sign, *again);
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

    fn apply(&self, half: SpanKey, hop: &Counted, sign: i64, again: bool) {
        if hop.ignored {
            self.ignored.fetch_add(sign * hop.weight, std::sync::atomic::Ordering::Relaxed);
            return;
        }
        let key = (hop.source, hop.target);
        let Some(edge) = self.edge(key) else {
            self.dropped.fetch_add(sign * hop.weight, std::sync::atomic::Ordering::Relaxed);
            return;
        };
        self.hops.fetch_add(sign * hop.weight, std::sync::atomic::Ordering::Relaxed);
        let mut tally = edge.lock();
        tally.tick.add(hop, sign);
        if again {
            tally.again += hop.weight * sign;
        }
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

    /// Hops that are on no edge, because there are too many edges already.
    pub(super) fn dropped(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "exact up to nine billion hops")]
        let dropped = self.dropped.load(std::sync::atomic::Ordering::Relaxed) as f64;
        dropped / ONE as f64
    }

    /// All hops so far, corrections netted.
    pub(super) fn hops(&self) -> u64 {
        whole(&self.hops)
    }

    /// Hops so far that are left out, corrections netted.
    pub(super) fn ignored(&self) -> u64 {
        whole(&self.ignored)
    }

    /// Judges the hops that were counted since the last time, by `now_ms`: which of those that
    /// worked were slow. `ends` says which edges edges are, as is known now: nodes that turned out to
    /// be the same make one edge of two, and what is usual there is usual on both.
    pub(super) fn settle(
        &self,
        ends: impl FnOnce(&[EdgeKey]) -> Vec<Ends>,
        slow: Slow,
        now_ms: u64,
    ) {
        let mut usual = self.usual.lock();
        let (keys, edges): (Vec<_>, Vec<_>) =
            std::mem::take(&mut *self.moved.lock()).into_iter().unzip();
        let mut moved: Vec<_> = ends(&keys)
            .into_iter()
            .zip(keys)
            .zip(edges)
            .map(|((ends, key), edge)| (ends, key, edge))
            .collect();
        moved.sort_unstable_by_key(|(ends, key, _)| (ends.edge, *key));
        let mut judged = self.judged.lock();
        for same in moved.chunk_by(|a, b| a.0.edge == b.0.edge) {
            let ticks: SmallVec<[(AccountSums, i64); 1]> = same
                .iter()
                .map(|(_, _, edge)| {
                    let mut tally = edge.lock();
                    tally.moved = false;
                    (std::mem::take(&mut tally.tick), std::mem::take(&mut tally.again))
                })
                .collect();
            let usual = usual.entry(same[0].0.edge).or_default();
            let worked = || ticks.iter().flat_map(|(tick, _)| tick.parts()).map(Sums::worked);
            worked().for_each(|(latency, hops)| usual.observe(latency, hops, now_ms));
            let last = worked().map(|(latency, _)| latency);
            let over_us = usual.judge(last, slow).slow_over_us;
            for ((ends, key, edge), (tick, again)) in same.iter().zip(ticks) {
                let all = &mut edge.lock().all;
                let versions = tick.by_version().collect();
                let told = all.settle(tick, over_us);
                let unknown = told.unknown(*ends, || all.answered());
                judged.push(Judged { key: *key, told, versions, again, unknown });
            }
        }
    }

    /// Forgets what was usual on edges where nothing moves any more.
    pub(super) fn forget(&self, now_ms: u64) {
        self.usual.lock().retain(|_, usual| now_ms < usual.seen_ms() + FORGET_MS);
    }

    /// What is usual on an edge, and what is slow.
    pub(super) fn bounds(&self, edge: EdgeId, slow: Slow) -> Bounds {
        self.usual.lock().get(&edge).map(|usual| usual.bounds(slow)).unwrap_or_default()
    }

    /// What was judged since the last call, by the edge as `name` knows it now; and the hops of
    /// which one end is not known. `arrived` is told the target, the version, and how many
    /// millionths of hops.
    pub(super) fn drain(
        &self,
        mut name: impl FnMut(EdgeKey) -> EdgeId,
        mut arrived: impl FnMut(NodeIndex, u32, i64),
    ) -> (Vec<Moved>, f64) {
        self.drains.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let judged = std::mem::take(&mut *self.judged.lock());
        let unknown: i64 = judged.iter().map(|judged| judged.unknown).sum();
        for Judged { key, versions, .. } in &judged {
            versions.iter().for_each(|(version, hops)| arrived(key.1, *version, *hops));
        }
        let mut judged: Vec<_> = judged
            .into_iter()
            .map(|judged| (name(judged.key), judged.told, judged.again))
            .collect();
        judged.sort_by_key(|(edge, ..)| *edge);
        judged.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1.merge(&next.1);
                kept.2 += next.2;
            }
            same
        });
        let moved = judged
            .into_iter()
            .filter(|(_, sums, _)| *sums != Sums::default())
            .map(|(edge, sums, again)| {
                let summary = sums.summary();
                #[expect(clippy::cast_precision_loss, reason = "exact up to nine billion hops")]
                let again = again as f64 / ONE as f64;
                Moved {
                    edge,
                    counts: summary.counts,
                    p50_us: summary.p50_us,
                    p99_us: summary.p99_us,
                    again,
                }
            })
            .collect();
        #[expect(clippy::cast_precision_loss, reason = "exact up to nine billion hops")]
        let unknown = unknown as f64 / ONE as f64;
        (moved, unknown)
    }

    /// Visits what the sides of all edges' hops saw.
    pub(super) fn for_each_sides(&self, mut visit: impl FnMut(EdgeKey, &SideSums)) {
        for edge in &self.edges {
            visit(*edge.key(), &edge.value().lock().sides);
        }
    }

    /// Visits all edges' sums, as of the last [`Self::settle`].
    pub(super) fn for_each(&self, mut visit: impl FnMut(EdgeKey, &AccountSums)) {
        for edge in &self.edges {
            visit(*edge.key(), &edge.value().lock().all);
        }
    }
}

#[cfg(test)]
mod tests;
