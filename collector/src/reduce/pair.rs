//! Pair: who called whom. In: [`Half`]s, in any order. Out: hops to the [`Tally`], and hops taken
//! back when a later span knows better.
//!
//! Halves live in shards by trace, since all they have to do with each other happens within one,
//! but for the request id of an invocation, which holds across traces. In a shard there is a slot
//! for every span id that was heard of: its owner's half, once that has come, and the spans that
//! name it as their parent. Whenever two of them are there, [`Shard::meet`] decides what the one
//! is to the other.

use std::collections::VecDeque;

use dashmap::DashMap;
use hashbrown::HashMap;
use parking_lot::{Mutex, MutexGuard};
use smallvec::SmallVec;

use super::half::{Half, Side, SpanKey, State};
use super::nodes::Nodes;
use super::seen::Seen;
use super::tally::{Counted, Tally};

/// A power of two; enough that two receivers rarely want the same one.
pub(super) const SHARDS: usize = 64;

/// Calls within calls within calls in one process: deeper than any library goes.
const DEEPEST_NESTING: usize = 8;

/// What a shard needs to know to decide and to count.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) nodes: &'a Nodes,
    pub(super) tally: &'a Tally,
    pub(super) slow_us: u64,
    pub(super) now_ms: u64,
    pub(super) wait_ms: u64,
    pub(super) correct_ms: u64,
    /// Halves that may be held in all.
    pub(super) max_pending: usize,
}

/// What became of halves that were not simply stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    /// The span had been received before.
    pub(super) duplicate: bool,
    /// Halves resolved before their time to make room.
    pub(super) early: u64,
}

#[derive(Debug)]
pub(super) struct Pairing {
    shards: Vec<Mutex<Shard>>,
    /// Callers and callees of one invocation, by its request id.
    requests: DashMap<u64, Request, foldhash::fast::RandomState>,
}

/// The spans that name one invocation. Lambda runs an asynchronous one again when it failed, under
/// the same id.
#[derive(Debug, Default)]
struct Request {
    callers: SmallVec<[SpanKey; 1]>,
    callees: SmallVec<[SpanKey; 1]>,
}

impl Default for Pairing {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            requests: DashMap::default(),
        }
    }
}

/// A span's key, from hashes of its trace id and of trace and span id.
pub(super) fn span_key(trace: u64, span: u64) -> SpanKey {
    // 0 means "no span"; the highest bit keeps a key from being it.
    (span & !(SHARDS as u64 - 1)) | (trace & (SHARDS as u64 - 1)) | 1 << 63
}

fn shard_of(key: SpanKey) -> usize {
    // The mask keeps it below 64.
    (key & (SHARDS as u64 - 1)) as usize
}

impl Pairing {
    fn shard(&self, key: SpanKey) -> MutexGuard<'_, Shard> {
        self.shards[shard_of(key)].lock()
    }

    /// Takes a half in: pairs it with what is there, shows it if that is safe, or lets it wait.
    pub(super) fn arrive(&self, half: Half, context: &Context<'_>) -> Outcome {
        let key = half.key;
        let mut shard = self.shard(key);
        if shard.knows(key) {
            return Outcome { duplicate: true, early: 0 };
        }
        shard.insert(half, context);
        if half.request != 0 {
            // The request's shard must not wait for us while it is held.
            drop(shard);
            self.meet_by_request(&half, context);
            shard = self.shard(key);
        }
        shard.show_if_safe(key, context);
        let (early, gone) = shard.make_room(context);
        drop(shard);
        self.forget_requests(&gone);
        Outcome { duplicate: false, early }
    }

    fn meet_by_request(&self, half: &Half, context: &Context<'_>) {
        let others = {
            let mut request = self.requests.entry(half.request).or_default();
            let Request { callers, callees } = &mut *request;
            let (mine, others) =
                if half.is_caller() { (callers, callees) } else { (callees, callers) };
            mine.push(half.key);
            others.clone()
        };
        for other in others {
            let (caller, callee) =
                if half.is_caller() { (half.key, other) } else { (other, half.key) };
            self.pair_across(caller, callee, context);
        }
    }

    /// Pairs halves of perhaps two shards, locked in one order everywhere.
    fn pair_across(&self, caller: SpanKey, callee: SpanKey, context: &Context<'_>) {
        let (first, second) =
            (shard_of(caller).min(shard_of(callee)), shard_of(caller).max(shard_of(callee)));
        if first == second {
            self.shards[first].lock().pair(caller, callee, context);
            return;
        }
        let mut low = self.shards[first].lock();
        let mut high = self.shards[second].lock();
        let (of_caller, of_callee) = if shard_of(caller) == first {
            (&mut *low, &mut *high)
        } else {
            (&mut *high, &mut *low)
        };
        if let (Some(caller), Some(callee)) = (of_caller.half(caller), of_callee.half(callee)) {
            pair_halves(caller, callee, context);
        }
    }

    /// Changes whether a callee's hop was a cold start, wherever it is counted.
    pub(super) fn set_cold(&self, key: SpanKey, cold: bool, context: &Context<'_>) {
        let mut shard = self.shard(key);
        let stand_ins = shard.stand_ins(key);
        for key in stand_ins.into_iter().chain([key]) {
            if let Some(half) = shard.half(key) {
                set_cold(half, cold, context);
            }
        }
    }

    /// Resolves what has waited long enough, and forgets what nothing can come for any more.
    pub(super) fn expire(&self, context: &Context<'_>) {
        for shard in &self.shards {
            let gone = shard.lock().expire(context);
            self.forget_requests(&gone);
        }
    }

    /// Resolves everything that waits.
    pub(super) fn resolve_all(&self, context: &Context<'_>) {
        for shard in &self.shards {
            shard.lock().resolve_all(context);
        }
    }

    fn forget_requests(&self, gone: &[Half]) {
        for half in gone {
            self.requests.remove_if_mut(&half.request, |_, request| {
                request.callers.retain(|key| *key != half.key);
                request.callees.retain(|key| *key != half.key);
                request.callers.is_empty() && request.callees.is_empty()
            });
        }
    }

    /// Halves held.
    pub(super) fn held(&self) -> u64 {
        self.shards.iter().map(|shard| shard.lock().held as u64).sum()
    }
}

#[derive(Debug, Default)]
struct Shard {
    slots: HashMap<SpanKey, Slot, foldhash::fast::RandomState>,
    held: usize,
    /// When each half has waited long enough, in order of arrival.
    waits: VecDeque<(u64, SpanKey)>,
    /// When each half that was shown as a guess can no longer be corrected.
    corrections: VecDeque<(u64, SpanKey)>,
    seen: Seen,
}

/// A span id that was heard of.
#[derive(Debug, Default)]
struct Slot {
    owner: Option<Half>,
    kids: SmallVec<[SpanKey; 2]>,
}

impl Shard {
    fn half(&mut self, key: SpanKey) -> Option<&mut Half> {
        self.slots.get_mut(&key)?.owner.as_mut()
    }

    fn copy(&self, key: SpanKey) -> Option<Half> {
        self.slots.get(&key)?.owner
    }

    fn knows(&self, key: SpanKey) -> bool {
        self.slots.get(&key).is_some_and(|slot| slot.owner.is_some()) || self.seen.contains(key)
    }

    fn insert(&mut self, half: Half, context: &Context<'_>) {
        let slot = self.slots.entry(half.key).or_default();
        slot.owner = Some(half);
        let kids = slot.kids.clone();
        self.held += 1;
        self.waits.push_back((context.now_ms + context.wait_ms, half.key));
        if half.parent != 0 {
            self.slots.entry(half.parent).or_default().kids.push(half.key);
            self.meet(half.parent, half.key, context);
        }
        for kid in kids {
            self.meet(half.key, kid, context);
        }
    }

    /// Decides what a span and its child are to each other, if both are there.
    fn meet(&mut self, parent_key: SpanKey, kid_key: SpanKey, context: &Context<'_>) {
        let (Some(parent), Some(kid)) = (self.copy(parent_key), self.copy(kid_key)) else { return };
        match (parent.is_caller(), kid.is_caller()) {
            (true, true) if is_same_request(&parent, &kid) => {
                self.silence(kid_key, context);
                // Whoever was called by the inner span was called by the outer one.
                let callees = self.slots.get(&kid_key).map(|slot| slot.kids.clone());
                for callee in callees.unwrap_or_default() {
                    self.adopt(kid_key, callee, context);
                }
            }
            (true, false) => self.pair(parent_key, kid_key, context),
            (false, false) if parent.origin == kid.origin => {
                // Two spans for one request in one process: the one that names its messages counts.
                let certain = matches!(kid.side, Side::Called { by_messages: true, .. });
                let (stands, silent) =
                    if certain { (kid_key, parent_key) } else { (parent_key, kid_key) };
                self.silence(silent, context);
                if (parent.cold || kid.cold)
                    && let Some(half) = self.half(stands)
                {
                    set_cold(half, true, context);
                }
            }
            (false, false) => {
                if let Some(kid) = self.half(kid_key)
                    && !matches!(kid.side, Side::Called { by_messages: true, .. })
                    && matches!(kid.state, State::Waiting | State::Guessed(_))
                {
                    let hop = kid.called_by(parent.own, context.slow_us);
                    show(kid, State::Paired(Some(hop)), context.tally);
                }
            }
            (false, true) | (true, true) => {}
        }
    }

    /// Gives a callee of an inner caller's span to the outer one.
    fn adopt(&mut self, inner: SpanKey, callee_key: SpanKey, context: &Context<'_>) {
        if let Some(callee) = self.half(callee_key)
            && !callee.is_caller()
            && matches!(callee.state, State::Paired(_))
        {
            show(callee, State::Waiting, context.tally);
        }
        self.meet(inner, callee_key, context);
    }

    /// Pairs a caller and a callee of this shard, the outermost caller of a doubled request.
    fn pair(&mut self, caller_key: SpanKey, callee_key: SpanKey, context: &Context<'_>) {
        let caller_key = self.outermost(caller_key);
        let (Some(mut caller), Some(mut callee)) = (self.copy(caller_key), self.copy(callee_key))
        else {
            return;
        };
        pair_halves(&mut caller, &mut callee, context);
        self.put(caller);
        self.put(callee);
    }

    fn put(&mut self, half: Half) {
        if let Some(slot) = self.half(half.key) {
            *slot = half;
        }
    }

    fn outermost(&self, mut key: SpanKey) -> SpanKey {
        for _ in 0..DEEPEST_NESTING {
            match self.copy(key) {
                Some(half) if half.is_caller() && half.state == State::Silent => key = half.parent,
                _ => break,
            }
        }
        key
    }

    fn silence(&mut self, key: SpanKey, context: &Context<'_>) {
        if let Some(half) = self.half(key) {
            show(half, State::Silent, context.tally);
        }
    }

    /// Shows a half that still waits, if experience or the span itself says that it will not be
    /// taken back.
    fn show_if_safe(&mut self, key: SpanKey, context: &Context<'_>) {
        let Some(half) = self.half(key) else { return };
        if half.state != State::Waiting {
            return;
        }
        let hop = half.alone(context.slow_us);
        let nodes = context.nodes;
        let state = match half.side {
            Side::Sends | Side::Called { by_messages: true, .. } => State::Certain(hop),
            // A refused call has no callee.
            Side::Calls if hop.class == super::hop::Class::Throttled => State::Guessed(hop),
            Side::Calls if nodes.is_silent(half.other) => State::Guessed(hop),
            Side::Called { evidence: true, .. } => State::Guessed(hop),
            Side::Called { .. } if nodes.is_entry(half.own) => State::Guessed(hop),
            Side::Called { .. } if half.parent == 0 && half.request == 0 => State::Guessed(hop),
            Side::Calls | Side::Called { .. } => return,
        };
        show(half, state, context.tally);
    }

    /// The callees that count in place of a silent one, since they tell of the same request.
    fn stand_ins(&self, silent: SpanKey) -> SmallVec<[SpanKey; 2]> {
        let Some(silent) = self.copy(silent) else { return SmallVec::new() };
        if silent.is_caller() || silent.state != State::Silent {
            return SmallVec::new();
        }
        let kids = self.slots.get(&silent.key).into_iter().flat_map(|slot| slot.kids.iter());
        let stands = |key: &SpanKey| {
            self.copy(*key).is_some_and(|other| {
                !other.is_caller() && other.origin == silent.origin && other.state != State::Silent
            })
        };
        kids.copied().chain([silent.parent]).filter(stands).collect()
    }

    fn expire(&mut self, context: &Context<'_>) -> Vec<Half> {
        self.seen.turn(context.now_ms);
        let mut gone = Vec::new();
        while let Some(&(due, key)) = self.waits.front()
            && due <= context.now_ms
        {
            self.waits.pop_front();
            self.end_wait(key, context, &mut gone);
        }
        while let Some(&(due, key)) = self.corrections.front()
            && due <= context.now_ms
        {
            self.corrections.pop_front();
            gone.extend(self.forget(key));
        }
        gone
    }

    fn end_wait(&mut self, key: SpanKey, context: &Context<'_>, gone: &mut Vec<Half>) {
        self.resolve(key, context);
        let Some(half) = self.copy(key) else { return };
        // A caller is kept, also when it was answered: an asynchronous invocation that failed
        // runs again minutes later. So is a span whose parent may still come and tell that it
        // stands for the same request.
        let orphan = half.parent != 0
            && self.slots.get(&half.parent).is_none_or(|slot| slot.owner.is_none());
        let correctable =
            orphan || matches!(half.state, State::Guessed(_)) || half.side == Side::Calls;
        if correctable && half.state != State::Silent && context.correct_ms > 0 {
            self.corrections.push_back((context.now_ms + context.correct_ms, key));
        } else {
            gone.extend(self.forget(key));
        }
    }

    /// Shows a half by what it knows itself, and learns from it.
    fn resolve(&mut self, key: SpanKey, context: &Context<'_>) -> bool {
        let Some(half) = self.half(key) else { return false };
        let waited = half.state == State::Waiting;
        if let State::Waiting | State::Guessed(_) = half.state {
            if half.is_caller() {
                context.nodes.learn_silent(half.other, true);
            } else {
                context.nodes.learn_entry(half.own, true);
            }
        }
        if waited {
            let hop = half.alone(context.slow_us);
            show(half, State::Guessed(hop), context.tally);
        }
        waited
    }

    fn resolve_all(&mut self, context: &Context<'_>) {
        let waits: Vec<SpanKey> = self.waits.iter().map(|&(_, key)| key).collect();
        for key in waits {
            self.resolve(key, context);
        }
    }

    /// Forgets a half; its hop stays as it is counted.
    fn forget(&mut self, key: SpanKey) -> Option<Half> {
        let slot = self.slots.get_mut(&key)?;
        let half = slot.owner.take()?;
        if slot.kids.is_empty() {
            self.slots.remove(&key);
        }
        self.held -= 1;
        self.seen.insert(key);
        if let Some(parent) = self.slots.get_mut(&half.parent) {
            parent.kids.retain(|kid| *kid != key);
            if parent.kids.is_empty() && parent.owner.is_none() {
                self.slots.remove(&half.parent);
            }
        }
        Some(half)
    }

    /// Holds the bound on memory: what is only kept for corrections goes first, then the oldest.
    fn make_room(&mut self, context: &Context<'_>) -> (u64, Vec<Half>) {
        let most = (context.max_pending / SHARDS).max(1);
        let (mut early, mut gone) = (0, Vec::new());
        while self.held > most {
            if let Some((_, key)) = self.corrections.pop_front() {
                gone.extend(self.forget(key));
            } else if let Some((_, key)) = self.waits.pop_front() {
                early += u64::from(self.resolve(key, context));
                gone.extend(self.forget(key));
            } else {
                break;
            }
        }
        (early, gone)
    }
}

/// Whether a caller's span inside another one of the same process is the same request: the SDK's
/// span over the HTTP client's, or two libraries that instrument the same call.
fn is_same_request(outer: &Half, inner: &Half) -> bool {
    outer.origin == inner.origin && ((outer.sdk && !inner.sdk) || outer.other == inner.other)
}

fn pair_halves(caller: &mut Half, callee: &mut Half, context: &Context<'_>) {
    let Side::Called { by_messages: false, evidence } = callee.side else { return };
    if !matches!(callee.state, State::Waiting | State::Guessed(_)) || caller.state == State::Silent
    {
        return;
    }
    let hop = caller.with_callee(callee, context.nodes, context.slow_us);
    show(callee, State::Paired(Some(hop)), context.tally);
    if !evidence {
        context.nodes.learn_entry(callee.own, false);
    }
    if caller.side == Side::Calls {
        context.nodes.learn_silent(caller.other, false);
        show(caller, State::Paired(None), context.tally);
    }
}

/// Changes a half's state; what is counted for it follows.
fn show(half: &mut Half, state: State, tally: &Tally) {
    let (before, unpaired) = (half.counted(), half.is_unpaired());
    half.state = state;
    tally.replace(half.key, before, half.counted());
    tally.count_unpaired(unpaired, half.is_unpaired());
}

fn set_cold(half: &mut Half, cold: bool, context: &Context<'_>) {
    half.cold = cold;
    let with = |hop: Counted| Counted { cold, ..hop };
    let state = match half.state {
        State::Guessed(hop) => State::Guessed(with(hop)),
        State::Certain(hop) => State::Certain(with(hop)),
        State::Paired(hop) => State::Paired(hop.map(with)),
        same @ (State::Waiting | State::Silent) => same,
    };
    show(half, state, context.tally);
}
