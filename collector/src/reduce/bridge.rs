//! Bridges: calls whose two halves share nothing but their trace and the function's name, because
//! the callee's parent is a segment that nobody exports and the caller's span tells no request id.
//! In: halves that are still open. Out: pairs of them.
//!
//! Where one trace calls one function several times at once, time tells which answer belongs to
//! which call. Every possible pair has a cost; two halves stay together until one of them finds a
//! cheaper partner that prefers it too. That makes the pairs the same in every order of arrival.
//! Calls of the same trace whose parents are known tell how far the clocks of caller and function
//! are apart.

use hashbrown::HashMap;
use smallvec::SmallVec;

use super::attempt::Attempts;
use super::clock::Clock;
use super::half::{Half, SpanKey, State};
use super::nodes::NodeIndex;
use super::pair::Context;
use super::shard::Shard;
use super::showing::{pair_halves, show, show_if_safe};

/// By trace and function: the open calls to it, and its open invocations.
pub(super) type Bridges = HashMap<u64, Bridge, foldhash::fast::RandomState>;

#[derive(Debug, Default)]
pub(super) struct Bridge {
    callers: SmallVec<[Callers; 1]>,
    callees: Side,
    /// Invocations whose caller is known, and whose clock disagrees with it.
    known: Side,
    /// Invocations that ran again.
    pub(super) attempts: Attempts,
    /// How often everything was paired anew.
    renewed: u32,
}

/// The open calls that one node made, by one clock.
#[derive(Debug)]
struct Callers {
    own: NodeIndex,
    clock: Clock,
    open: Side,
}

impl Bridge {
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.callers.iter().map(|it| it.open.len()).sum::<usize>()
            + self.callees.len()
            + self.known.len()
    }

    fn place_of(&self, own: NodeIndex) -> Option<usize> {
        let last = self.callers.len().checked_sub(1);
        let place = self.callers.iter().position(|it| it.own == own);
        place.or(last.filter(|last| *last + 1 >= MOST_CLOCKS))
    }

    /// The calls of a node.
    fn of(&mut self, own: NodeIndex) -> &mut Callers {
        let place = match self.place_of(own) {
            Some(place) => place,
            None => {
                self.callers.push(Callers { own, clock: Clock::default(), open: Side::default() });
                self.callers.len() - 1
            }
        };
        &mut self.callers[place]
    }

    /// The list of open halves that this one belongs to.
    fn side_of(&mut self, half: &Half) -> &mut Side {
        if half.is_caller() { &mut self.of(half.own).open } else { &mut self.callees }
    }

    /// Whether there is anybody on the other side.
    fn has_others(&self, half: &Half) -> bool {
        if half.is_caller() { !self.callees.is_empty() } else { !self.callers.is_empty() }
    }

    fn ahead_us(&self, caller: &Half) -> i64 {
        self.place_of(caller.own).map_or(0, |place| self.callers[place].clock.ahead_us())
    }

    /// How badly two halves fit. Keys decide between equals, so that chance does not.
    fn price(&self, one: &Half, other: &Half) -> (u64, SpanKey, SpanKey) {
        let (caller, callee) = if one.is_caller() { (one, other) } else { (other, one) };
        (cost(caller, callee, self.ahead_us(caller)), caller.key, callee.key)
    }

    /// The halves on the other side that ended at about the same time.
    fn near(&self, half: &Half) -> impl Iterator<Item = SpanKey> {
        let around = |side: &Side, end_us: u64| {
            let middle = side.partition_point(|(end, _)| *end < end_us);
            let near = middle.saturating_sub(NEIGHBOURS)..(middle + NEIGHBOURS).min(side.len());
            side[near].iter().map(|(_, key)| *key).collect::<SmallVec<[SpanKey; 4]>>()
        };
        let mut near: SmallVec<[SpanKey; 4]> = SmallVec::new();
        if half.is_caller() {
            let end_us = half.end_us().saturating_add_signed(self.ahead_us(half));
            near.extend(around(&self.callees, end_us));
        } else {
            for callers in &self.callers {
                let ahead_us = callers.clock.ahead_us();
                let end_us = half.end_us().saturating_add_signed(ahead_us.saturating_neg());
                near.extend(around(&callers.open, end_us));
            }
        }
        near.into_iter()
    }

    fn is_empty(&self) -> bool {
        self.known.is_empty()
            && self.attempts.is_empty()
            && self.callees.is_empty()
            && self.callers.iter().all(|it| it.open.is_empty())
    }
}

/// When each half ended, and its key; sorted.
type Side = SmallVec<[(u64, SpanKey); 1]>;

/// How many neighbours in time are looked at, before and after: as many calls to one function as
/// one trace has at once, and a bound on the work that one span can cause.
const NEIGHBOURS: usize = 64;

/// Callers of one function in one trace whose clocks are told apart; all further ones share one, so
/// that the work that one span can cause is bounded.
const MOST_CLOCKS: usize = 16;

/// A half that loses its partner looks for another, whose partner looks on; for so long.
const MOST_MOVES: usize = 64;

/// A call that began this much before its invocation met a cold start or the like, and by how much
/// says nothing.
const COLD_US: u64 = 20_000;

/// An invocation that begins right after a call was rather somebody else's: calls that do not wait
/// are queued first. More than what a call that waited adds to its invocation.
const QUEUED_US: u64 = 50_000;

/// Ranks pairs that clocks say are impossible behind those that are not. Half a day.
const IMPOSSIBLE_US: u64 = 43_200_000_000;

/// How often one trace's calls to a function are paired anew because of what was learned of
/// clocks. What is learned converges, and this bounds the work where it does not.
const MOST_RENEWALS: u32 = 64;

/// How badly a call and an invocation fit, in microseconds, where the invocation's clock is ahead
/// by this much.
fn cost(caller: &Half, callee: &Half, ahead_us: i64) -> u64 {
    let call_start = caller.start_us.saturating_add_signed(ahead_us);
    let (call_end, end) = (caller.end_us().saturating_add_signed(ahead_us), callee.end_us());
    if call_start <= callee.start_us && end <= call_end {
        // The caller waited. A cold start comes before the invocation's begin, so that an answer
        // that came at once says more than a call that began at once.
        (call_end - end) + (callee.start_us - call_start).min(COLD_US)
    } else if call_end <= callee.start_us {
        // The caller did not wait.
        QUEUED_US + (callee.start_us - call_end)
    } else {
        // Their clocks do not agree; that the caller waited longer than it took still holds.
        IMPOSSIBLE_US + caller.duration_us.abs_diff(callee.duration_us)
    }
}

impl Shard {
    /// Lets a half look for its other one, if it has reason to, and shows it if that is safe then.
    pub(super) fn enter_or_show(&mut self, key: SpanKey, context: &Context<'_>) {
        let Some(number) = self.held.find(key) else { return };
        let mut half = self.held.half(number);
        if half.may_be_bridged() && self.enter(&half, context) {
            half = self.held.half(number);
        }
        if half.state == State::Waiting {
            show_if_safe(&mut half, context);
            self.held.write(number, &half);
        }
    }

    /// Lets a half look for its other one, if it has reason to.
    pub(super) fn enter_bridge(&mut self, key: SpanKey, context: &Context<'_>) {
        if let Some(half) = self.copy(key).filter(Half::may_be_bridged) {
            self.enter(&half, context);
        }
    }

    /// Has a half look for its other one. Returns whether it may have changed.
    fn enter(&mut self, half: &Half, context: &Context<'_>) -> bool {
        let bridge = self.bridges.entry(half.bridge).or_default();
        if bridge.attempts.is_later(half.key) {
            return false;
        }
        enter(bridge.side_of(half), half);
        // Most are found otherwise, and have nobody here to look at.
        let looks = bridge.has_others(half);
        if looks {
            self.settle(half.key, context);
        }
        looks
    }

    /// Learns from a call and an invocation that surely belong together how far their clocks are
    /// apart, and pairs anew those of which that is not sure.
    pub(super) fn compare_clocks(&mut self, caller: &Half, callee: &Half, context: &Context<'_>) {
        if callee.bridge == 0 || !Clock::is_off(caller, callee) {
            return;
        }
        let bridge = self.bridges.entry(callee.bridge).or_default();
        enter(&mut bridge.known, callee);
        let clock = &mut bridge.of(caller.own).clock;
        let before = clock.ahead_us();
        clock.learn(caller, callee);
        if clock.ahead_us() != before && bridge.renewed < MOST_RENEWALS {
            bridge.renewed += 1;
            self.renew(callee.bridge, context);
        }
    }

    /// Pairs all halves of a bridge anew.
    fn renew(&mut self, key: u64, context: &Context<'_>) {
        let Some(bridge) = self.bridges.get(&key) else { return };
        let open = bridge.callers.iter().flat_map(|it| it.open.iter()).map(|(_, key)| *key);
        let callers: Vec<SpanKey> = open.collect();
        let callees: Vec<SpanKey> = bridge.callees.iter().map(|(_, key)| *key).collect();
        let mut parted = Vec::new();
        for key in callers.iter().chain(&callees) {
            self.held.change(*key, |half| {
                if half.bridged != 0 {
                    half.bridged = 0;
                    show(half, State::Waiting, context.tally);
                    parted.push(*key);
                }
            });
        }
        for key in callers {
            self.settle(key, context);
        }
        for key in parted {
            self.tell_attempts(key, context);
            if self.copy(key).is_some_and(|half| half.bridged == 0) {
                self.wait(key, context);
                self.show_if_safe(key, context);
            }
        }
    }

    /// Finds the best partner for a half without one, then for the half whose partner that was.
    pub(super) fn settle(&mut self, mut key: SpanKey, context: &Context<'_>) {
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
        bridge
            .near(free)
            .filter_map(|key| self.copy(key))
            .filter(|other| free.may_be_of(other, context.nodes))
            .map(|other| (bridge.price(free, &other), other))
            .filter(|(price, other)| match self.copy(other.bridged) {
                Some(partner) => *price < bridge.price(other, &partner),
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
        self.held.put(&caller);
        self.held.put(&callee);
        self.tell_attempts(callee_key, context);
    }

    /// Takes two halves apart again: both wait.
    pub(super) fn part(&mut self, one: SpanKey, other: SpanKey, context: &Context<'_>) {
        for key in [one, other] {
            let parted = self.held.change(key, |half| {
                half.bridged = 0;
                show(half, State::Waiting, context.tally);
            });
            if parted.is_some() {
                self.wait(key, context);
            }
            self.tell_attempts(key, context);
        }
    }

    /// Takes two halves out, if that changes nothing for them or for others: as a rule, nobody looked
    /// for them here.
    pub(super) fn leave_free(&mut self, one: &Half, other: &Half) -> bool {
        let free = |half: &Half| {
            let alone = |bridge: &Bridge| bridge.attempts.is_empty();
            half.bridge == 0
                || (half.bridged == 0 && self.bridges.get(&half.bridge).is_none_or(alone))
        };
        let both = free(one) && free(other);
        if both {
            self.strike(one);
            self.strike(other);
        }
        both
    }

    /// Takes a half out, because something better than a bridge was found for it. Its partner
    /// looks for another. Returns whether it may have changed.
    pub(super) fn leave_bridge(&mut self, half: &Half, context: &Context<'_>) -> bool {
        if half.bridge == 0 {
            return false;
        }
        self.leave_attempts(half, context);
        self.strike(half);
        if half.bridged != 0 {
            self.part(half.key, half.bridged, context);
            self.settle(half.bridged, context);
        }
        true
    }

    /// Forgets a half that is gone; its partner keeps the hop.
    pub(super) fn forget_bridge(&mut self, gone: &Half) {
        if gone.bridge == 0 {
            return;
        }
        if let Some(bridge) = self.bridges.get_mut(&gone.bridge) {
            leave(&mut bridge.known, gone);
            bridge.attempts.forget(gone.key);
        }
        self.strike(gone);
        if let Some(partner) = self.copy(gone.bridged) {
            self.strike(&partner);
            self.held.put(&Half { bridged: 0, ..partner });
        }
    }

    pub(super) fn strike(&mut self, half: &Half) {
        if half.bridge == 0 {
            return;
        }
        if let Some(bridge) = self.bridges.get_mut(&half.bridge) {
            leave(bridge.side_of(half), half);
            if bridge.is_empty() {
                self.bridges.remove(&half.bridge);
            }
        }
    }
}

fn enter(side: &mut Side, half: &Half) {
    let place = (half.end_us(), half.key);
    if let Err(index) = side.binary_search(&place) {
        side.insert(index, place);
    }
}

fn leave(side: &mut Side, half: &Half) {
    if let Ok(index) = side.binary_search(&(half.end_us(), half.key)) {
        side.remove(index);
    }
}
