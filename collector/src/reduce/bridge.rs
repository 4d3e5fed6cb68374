//! Bridges: calls whose two halves share nothing but their trace and the function's name, because
//! the callee's parent is a segment that nobody exports and the caller's span tells no request id.
//! In: halves that are still open. Out: pairs of them.
//!
//! Where one trace calls one function several times at once, time tells which answer belongs to
//! which call. Every possible pair has a cost; two halves stay together until one of them finds a
//! cheaper partner that prefers it too. That makes the pairs the same in every order of arrival.

use hashbrown::HashMap;
use smallvec::SmallVec;

use super::half::{Half, SpanKey, State};
use super::pair::Context;
use super::shard::{Shard, pair_halves, show};

/// By trace and function: the open calls to it, and its open invocations.
pub(super) type Bridges = HashMap<u64, Bridge, foldhash::fast::RandomState>;

#[derive(Debug, Default)]
pub(super) struct Bridge {
    callers: Side,
    callees: Side,
}

impl Bridge {
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.callers.len() + self.callees.len()
    }
}

/// When each half ended, and its key; sorted.
type Side = SmallVec<[(u64, SpanKey); 1]>;

/// How many neighbours in time are looked at, before and after: as many calls to one function as
/// one trace has at once, and a bound on the work that one span can cause.
const NEIGHBOURS: usize = 64;

/// A half that loses its partner looks for another, whose partner looks on; for so long.
const MOST_MOVES: usize = 64;

/// A call that began this much before its invocation met a cold start or the like, and by how much
/// says nothing.
const COLD_US: u64 = 20_000;

/// Ranks pairs that clocks say are impossible behind those that are not. Half a day.
const IMPOSSIBLE_US: u64 = 43_200_000_000;

/// How badly a call and an invocation fit, in microseconds.
fn cost(caller: &Half, callee: &Half) -> u64 {
    let (call_end, end) = (caller.end_us(), callee.end_us());
    if caller.start_us <= callee.start_us && end <= call_end {
        // The caller waited. A cold start comes before the invocation's begin, so that an answer
        // that came at once says more than a call that began at once.
        (call_end - end) + (callee.start_us - caller.start_us).min(COLD_US)
    } else if call_end <= callee.start_us {
        // The caller did not wait.
        callee.start_us - call_end
    } else {
        // Their clocks do not agree; that the caller waited longer than it took still holds.
        IMPOSSIBLE_US + caller.duration_us.abs_diff(callee.duration_us)
    }
}

impl Shard {
    /// Lets a half look for its other one, if it has reason to.
    pub(super) fn enter_bridge(&mut self, key: SpanKey, context: &Context<'_>) {
        let Some(half) = self.copy(key).filter(Half::may_be_bridged) else { return };
        let bridge = self.bridges.entry(half.bridge).or_default();
        let side = if half.is_caller() { &mut bridge.callers } else { &mut bridge.callees };
        let place = (half.end_us(), key);
        let index = side.partition_point(|other| *other < place);
        side.insert(index, place);
        self.settle(key, context);
    }

    /// Finds the best partner for a half without one, then for the half whose partner that was.
    fn settle(&mut self, mut key: SpanKey, context: &Context<'_>) {
        for _ in 0..MOST_MOVES {
            let Some(free) = self.copy(key).filter(Half::may_be_bridged) else { return };
            let Some(found) = self.best_for(&free, context) else {
                return self.show_if_safe(key, context);
            };
            let Some(chosen) = self.copy(found) else { return };
            let left = chosen.bridged;
            if left != 0 {
                self.part(found, left, context);
            }
            let (caller, callee) = if free.is_caller() { (key, found) } else { (found, key) };
            self.bridge(caller, callee, context);
            if left == 0 {
                return;
            }
            key = left;
        }
    }

    /// The cheapest half on the other side that would rather have this one than what it has.
    fn best_for(&self, free: &Half, context: &Context<'_>) -> Option<SpanKey> {
        let bridge = self.bridges.get(&free.bridge)?;
        let others = if free.is_caller() { &bridge.callees } else { &bridge.callers };
        let middle = others.partition_point(|(end, _)| *end < free.end_us());
        let near = middle.saturating_sub(NEIGHBOURS)..(middle + NEIGHBOURS).min(others.len());
        let priced = |one: &Half, other: &Half| {
            let (caller, callee) = if one.is_caller() { (one, other) } else { (other, one) };
            // Keys decide between equals, so that chance does not.
            (cost(caller, callee), caller.key, callee.key)
        };
        others[near]
            .iter()
            .filter_map(|(_, key)| self.copy(*key))
            .filter(|other| free.may_be_of(other, context.nodes))
            .map(|other| (priced(free, &other), other))
            .filter(|(price, other)| match self.copy(other.bridged) {
                Some(partner) => *price < priced(other, &partner),
                None => other.may_be_bridged(),
            })
            .min_by_key(|(price, _)| *price)
            .map(|(_, other)| other.key)
    }

    fn bridge(&mut self, caller_key: SpanKey, callee_key: SpanKey, context: &Context<'_>) {
        let (Some(mut caller), Some(mut callee)) = (self.copy(caller_key), self.copy(callee_key))
        else {
            return;
        };
        pair_halves(&mut caller, &mut callee, context);
        (caller.bridged, callee.bridged) = (callee_key, caller_key);
        self.put(caller);
        self.put(callee);
    }

    /// Takes two halves apart again: both wait.
    fn part(&mut self, one: SpanKey, other: SpanKey, context: &Context<'_>) {
        for key in [one, other] {
            if let Some(half) = self.half(key) {
                half.bridged = 0;
                show(half, State::Waiting, context.tally);
                self.wait(key, context);
            }
        }
    }

    /// Takes a half out, because something better than a bridge was found for it. Its partner
    /// looks for another.
    pub(super) fn leave_bridge(&mut self, key: SpanKey, context: &Context<'_>) {
        let Some(half) = self.copy(key).filter(|half| half.bridge != 0) else { return };
        self.strike(&half);
        if half.bridged != 0 {
            self.part(key, half.bridged, context);
            self.settle(half.bridged, context);
        }
    }

    /// Forgets a half that is gone; its partner keeps the hop.
    pub(super) fn forget_bridge(&mut self, gone: &Half) {
        if gone.bridge == 0 {
            return;
        }
        self.strike(gone);
        if let Some(partner) = self.copy(gone.bridged) {
            self.strike(&partner);
            self.put(Half { bridged: 0, ..partner });
        }
    }

    fn strike(&mut self, half: &Half) {
        if let Some(bridge) = self.bridges.get_mut(&half.bridge) {
            let side = if half.is_caller() { &mut bridge.callers } else { &mut bridge.callees };
            if let Ok(index) = side.binary_search(&(half.end_us(), half.key)) {
                side.remove(index);
            }
            if bridge.callers.is_empty() && bridge.callees.is_empty() {
                self.bridges.remove(&half.bridge);
            }
        }
    }
}
