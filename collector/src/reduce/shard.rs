//! Shards: the halves of some traces. In: halves, in any order. Out: what each is to its parent and
//! children, and hops to the tally as that becomes known.
//!
//! There is a slot for every span id that was heard of: its owner's half, once that has come, and
//! the spans that name it as their parent. Whenever two of them are there, [`Shard::meet`] decides
//! what the one is to the other.

use std::collections::VecDeque;

use hashbrown::HashMap;
use smallvec::SmallVec;

use super::bridge::Bridges;
use super::half::{Half, Side, SpanKey, State};
use super::hop::Class;
use super::node::{Node, NodeKind, USERS};
use super::nodes::NodeIndex;
use super::pair::{Context, SHARDS, shard_of};
use super::seen::Seen;
use super::tally::{Counted, Tally};

/// Calls within calls within calls in one process: deeper than any library goes.
const DEEPEST_NESTING: usize = 8;

#[derive(Debug, Default)]
pub(super) struct Shard {
    slots: HashMap<SpanKey, Slot, foldhash::fast::RandomState>,
    pub(super) held: usize,
    /// When each half has waited long enough, in order of arrival.
    waits: VecDeque<(u64, SpanKey)>,
    /// When each half that was shown as a guess can no longer be corrected.
    corrections: VecDeque<(u64, SpanKey)>,
    pub(super) bridges: Bridges,
    seen: Seen,
}

/// A span id that was heard of.
#[derive(Debug, Default)]
struct Slot {
    owner: Option<Half>,
    kids: SmallVec<[SpanKey; 2]>,
}

impl Shard {
    pub(super) fn half(&mut self, key: SpanKey) -> Option<&mut Half> {
        self.slots.get_mut(&key)?.owner.as_mut()
    }

    pub(super) fn copy(&self, key: SpanKey) -> Option<Half> {
        self.slots.get(&key)?.owner
    }

    pub(super) fn knows(&self, key: SpanKey) -> bool {
        self.slots.get(&key).is_some_and(|slot| slot.owner.is_some()) || self.seen.contains(key)
    }

    /// Takes a half in. Returns the spans of other shards that have a link to it.
    pub(super) fn insert(&mut self, half: Half, context: &Context<'_>) -> SmallVec<[SpanKey; 2]> {
        let slot = self.slots.entry(half.key).or_default();
        slot.owner = Some(half);
        let kids = slot.kids.clone();
        self.held += 1;
        self.wait(half.key, context);
        if half.parent != 0 {
            self.slots.entry(half.parent).or_default().kids.push(half.key);
            self.meet(half.parent, half.key, context);
        }
        let (here, elsewhere): (SmallVec<_>, SmallVec<_>) =
            kids.into_iter().partition(|kid| shard_of(*kid) == shard_of(half.key));
        for kid in here as SmallVec<[SpanKey; 2]> {
            self.meet(half.key, kid, context);
        }
        elsewhere
    }

    pub(super) fn wait(&mut self, key: SpanKey, context: &Context<'_>) {
        self.waits.push_back((context.now_ms + context.wait_ms, key));
    }

    /// Takes note of a span of another trace that has a link to this one.
    pub(super) fn link(&mut self, to: SpanKey, from: SpanKey) {
        self.slots.entry(to).or_default().kids.push(from);
    }

    /// Forgets such a span.
    pub(super) fn unlink(&mut self, to: SpanKey, from: SpanKey) {
        if let Some(slot) = self.slots.get_mut(&to) {
            slot.kids.retain(|kid| *kid != from);
            if slot.kids.is_empty() && slot.owner.is_none() {
                self.slots.remove(&to);
            }
        }
    }

    /// Decides what a span and its child are to each other, if both are there.
    fn meet(&mut self, parent_key: SpanKey, kid_key: SpanKey, context: &Context<'_>) {
        let (Some(parent), Some(kid)) = (self.copy(parent_key), self.copy(kid_key)) else { return };
        let same_node = || context.nodes.may_be_same(parent.own, kid.own);
        match (parent.is_caller(), kid.is_caller()) {
            _ if kid.side == Side::Step => self.lead(&parent, &kid, same_node(), context),
            (true, true) if is_same_request(&parent, &kid) && same_node() => {
                self.take_better_name(&parent, &kid, context);
                self.silence(kid_key, context);
                self.take_over(parent_key, kid_key);
                // Whoever was called by the inner span was called by the outer one.
                let callees = self.slots.get(&kid_key).map(|slot| slot.kids.clone());
                for callee in callees.unwrap_or_default() {
                    self.adopt(kid_key, callee, context);
                }
            }
            (true, true) if kid.unsure && parent.origin != kid.origin => {
                // A caller's child elsewhere is its callee.
                if let Some(half) = self.half(kid_key) {
                    show(half, State::Waiting, context.tally);
                    half.side = Side::Called { by_messages: false, evidence: false };
                    half.other = context.nodes.index(&Node::named(NodeKind::Users, USERS));
                }
                // What it was thought to be the same request as is its own.
                let calls = self.slots.get(&kid_key).map(|slot| slot.kids.clone());
                for call in calls.unwrap_or_default() {
                    if let Some(half) = self.half(call)
                        && half.is_caller()
                        && half.state == State::Silent
                    {
                        show(half, State::Waiting, context.tally);
                        self.show_if_safe(call, context);
                    }
                }
                self.pair(parent_key, kid_key, context);
            }
            (true, false) => {
                self.pair(parent_key, kid_key, context);
                self.compare_clocks(&parent, &kid, context);
            }
            (false, false) if parent.side == Side::Step => {
                self.pair(parent_key, kid_key, context);
            }
            (false, false) if parent.origin == kid.origin && same_node() => {
                // Two spans for one request in one process: the one that names its messages counts.
                let certain = matches!(kid.side, Side::Called { by_messages: true, .. });
                let (stands, silent) =
                    if certain { (kid_key, parent_key) } else { (parent_key, kid_key) };
                self.silence(silent, context);
                self.take_over(stands, silent);
                if (parent.cold || kid.cold)
                    && let Some(half) = self.half(stands)
                {
                    set_cold(half, true, context);
                }
            }
            (false, false) if !matches!(kid.side, Side::Called { by_messages: true, .. }) => {
                self.leave_bridge(kid_key, context);
                if let Some(kid) = self.half(kid_key)
                    && kid.is_open()
                {
                    let hop = kid.called_by(parent.own);
                    show(kid, State::Paired(Some(hop)), context.tally);
                }
            }
            (false, false | true) | (true, true) => {}
        }
    }

    /// A step, and the span that leads to it.
    fn lead(&mut self, parent: &Half, step: &Half, same_node: bool, context: &Context<'_>) {
        if !step.is_open() {
            return;
        }
        if same_node {
            self.silence(step.key, context);
        } else if parent.is_caller() {
            self.pair(parent.key, step.key, context);
        } else if let Some(half) = self.half(step.key) {
            let hop = half.called_by(parent.own);
            show(half, State::Paired(Some(hop)), context.tally);
        }
    }

    /// An inner span may name the bucket where the outer one names only the service.
    fn take_better_name(&mut self, outer: &Half, inner: &Half, context: &Context<'_>) {
        let kind = |half: &Half| context.nodes.kind(half.other);
        if (kind(outer), kind(inner)) != (NodeKind::Api, NodeKind::Bucket) {
            return;
        }
        if let Some(half) = self.half(outer.key) {
            half.other = inner.other;
            if let State::Certain(hop) = half.state {
                show(half, State::Certain(Counted { target: inner.other, ..hop }), context.tally);
            }
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
    pub(super) fn pair(&mut self, caller: SpanKey, callee: SpanKey, context: &Context<'_>) {
        let caller = self.outermost(caller);
        self.leave_bridge(caller, context);
        self.leave_bridge(callee, context);
        let (Some(mut caller), Some(mut callee)) = (self.copy(caller), self.copy(callee)) else {
            return;
        };
        pair_halves(&mut caller, &mut callee, context);
        self.put(caller);
        self.put(callee);
    }

    pub(super) fn put(&mut self, half: Half) {
        if let Some(slot) = self.half(half.key) {
            *slot = half;
        }
    }

    pub(super) fn outermost(&self, mut key: SpanKey) -> SpanKey {
        for _ in 0..DEEPEST_NESTING {
            match self.copy(key) {
                Some(half) if half.is_caller() && half.state == State::Silent => key = half.parent,
                _ => break,
            }
        }
        key
    }

    fn silence(&mut self, key: SpanKey, context: &Context<'_>) {
        self.leave_bridge(key, context);
        if let Some(half) = self.half(key) {
            show(half, State::Silent, context.tally);
        }
    }

    /// Has a half take over from one that was silenced.
    fn take_over(&mut self, stands: SpanKey, silent: SpanKey) {
        let (Some(mut stands), Some(mut silent)) = (self.copy(stands), self.copy(silent)) else {
            return;
        };
        stands.take_over(&mut silent);
        self.put(stands);
        self.put(silent);
    }

    /// Shows a half that still waits, if experience or the span itself says that it will not be
    /// taken back.
    pub(super) fn show_if_safe(&mut self, key: SpanKey, context: &Context<'_>) {
        let Some(half) = self.half(key) else { return };
        if half.state != State::Waiting {
            return;
        }
        let hop = half.alone();
        let nodes = context.nodes;
        let state = match half.side {
            Side::Sends | Side::Called { by_messages: true, .. } => State::Certain(hop),
            // A refused call has no callee.
            Side::Calls if hop.class == Class::Throttled => State::Guessed(hop),
            Side::Calls if nodes.is_silent(half.other) => State::Guessed(hop),
            Side::Called { evidence: true, .. } => State::Guessed(hop),
            Side::Called { .. } if nodes.is_entry(half.own) => State::Guessed(hop),
            Side::Called { .. } if half.parent == 0 && half.request == 0 => State::Guessed(hop),
            Side::Calls | Side::Called { .. } | Side::Step => return,
        };
        show(half, state, context.tally);
    }

    /// The callees that count in place of a silent one, since they tell of the same request.
    pub(super) fn stand_ins(&self, silent: SpanKey) -> SmallVec<[SpanKey; 2]> {
        let Some(silent) = self.copy(silent) else { return SmallVec::new() };
        if silent.is_caller() || silent.state != State::Silent {
            return SmallVec::new();
        }
        let kids = self.slots.get(&silent.key).into_iter().flat_map(|slot| slot.kids.iter());
        let stands = |key: &SpanKey| {
            self.copy(*key).is_some_and(|other| {
                matches!(other.side, Side::Called { .. })
                    && other.origin == silent.origin
                    && other.state != State::Silent
            })
        };
        kids.copied().chain([silent.parent]).filter(stands).collect()
    }

    /// Decides anew whether a caller's span and others of its process tell of the same request.
    pub(super) fn meet_callers(&mut self, half: &Half, context: &Context<'_>) {
        let is_caller = |key: SpanKey| self.copy(key).is_some_and(|it| it.is_caller());
        let kids = self.slots.get(&half.key).map(|slot| slot.kids.clone()).unwrap_or_default();
        let inner: SmallVec<[SpanKey; 2]> =
            kids.into_iter().filter(|key| is_caller(*key)).collect();
        if is_caller(half.parent) {
            self.meet(half.parent, half.key, context);
        }
        for kid in inner {
            self.meet(half.key, kid, context);
        }
    }

    /// Spans that may be those of a caller's callees, and of theirs in its own process.
    pub(super) fn called_by(&self, caller: &Half) -> SmallVec<[SpanKey; 2]> {
        let kids =
            |key: &SpanKey| self.slots.get(key).map(|it| it.kids.clone()).unwrap_or_default();
        let mut callees = kids(&caller.key);
        for inner in kids(&caller.key) {
            if self.copy(inner).is_some_and(|half| half.is_caller()) {
                callees.extend(kids(&inner));
            }
        }
        callees.extend((caller.bridged != 0).then_some(caller.bridged));
        callees
    }

    pub(super) fn expire(&mut self, context: &Context<'_>) -> Vec<Half> {
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
        // A step is kept for the steps that it leads to, even if it shows nothing itself.
        let kept = half.side == Side::Step || (correctable && half.state != State::Silent);
        if kept && context.correct_ms > 0 {
            self.corrections.push_back((context.now_ms + context.correct_ms, key));
        } else {
            gone.extend(self.forget(key));
        }
    }

    /// Shows a half by what it knows itself, and learns from it.
    fn resolve(&mut self, key: SpanKey, context: &Context<'_>) -> bool {
        let Some(half) = self.half(key) else { return false };
        let waited = half.state == State::Waiting;
        if half.side == Side::Step {
            if waited {
                show(half, State::Unmet, context.tally);
            }
            return waited && half.parent != 0;
        }
        // Health checks say nothing of other requests.
        if half.is_open() && !half.ignored {
            if half.is_caller() {
                context.nodes.learn_silent(half.other, true);
            } else {
                context.nodes.learn_entry(half.own, true);
            }
        }
        if waited {
            let hop = half.alone();
            show(half, State::Guessed(hop), context.tally);
        }
        waited
    }

    pub(super) fn resolve_all(&mut self, context: &Context<'_>) {
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
        self.unlink(half.parent, key);
        self.forget_bridge(&half);
        Some(half)
    }

    /// Holds the bound on memory: what is only kept for corrections goes first, then the oldest.
    pub(super) fn make_room(&mut self, context: &Context<'_>) -> (u64, Vec<Half>) {
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

/// Makes one hop of a caller and a callee that were found to belong together.
pub(super) fn pair_halves(caller: &mut Half, callee: &mut Half, context: &Context<'_>) {
    if caller.side == Side::Step {
        return lead_to_callee(caller, callee, context);
    }
    let evidence = match callee.side {
        Side::Called { by_messages: false, evidence } => evidence,
        // Where steps come from teaches nothing about callees.
        Side::Step => true,
        _ => return,
    };
    if !caller.is_caller() || !callee.is_open() || caller.state == State::Silent {
        return;
    }
    let hop = caller.with_callee(callee, context.nodes);
    if caller.side == Side::Calls {
        context.nodes.learn_silent(caller.other, false);
        show(caller, State::Paired(None), context.tally);
        callee.take_over(caller);
    }
    show(callee, State::Paired(Some(hop)), context.tally);
    if !evidence && !callee.ignored {
        context.nodes.learn_entry(callee.own, false);
    }
}

/// Makes one hop of a callee and a step that leads to it. A caller that names the same request knows
/// better.
fn lead_to_callee(step: &Half, callee: &mut Half, context: &Context<'_>) {
    let Side::Called { by_messages: false, .. } = callee.side else { return };
    // What leads to it is known; time need not tell.
    callee.bridge = 0;
    if !callee.is_open() {
        return;
    }
    match (context.nodes.may_be_same(step.own, callee.own), callee.request) {
        // Within a node nothing goes from one to another.
        (true, 0) => show(callee, State::Silent, context.tally),
        (true, _) => {}
        (false, request) => {
            callee.other = step.own;
            callee.side = Side::Called { by_messages: false, evidence: true };
            let hop = callee.alone();
            let state = if request == 0 { State::Paired(Some(hop)) } else { State::Guessed(hop) };
            show(callee, state, context.tally);
        }
    }
}

/// Changes a half's state; what is counted for it follows, and whether that is news.
pub(super) fn show(half: &mut Half, state: State, tally: &Tally) {
    let tick = tally.tick();
    let unpaired = half.is_unpaired();
    let before = half.counted().map(|hop| (hop, half.told < tick));
    if before.is_some() && half.told == tick {
        // What the tick that counts it takes back was never shown.
        half.told = 0;
    }
    half.state = state;
    let counted = half.counted();
    if counted.is_some() && half.told == 0 {
        half.told = tick;
    }
    let after = counted.map(|hop| (hop, half.told < tick));
    tally.replace(half.key, before, after);
    tally.count_unpaired(unpaired, half.is_unpaired());
}

/// Changes the names of what a half's hop goes from and to.
pub(super) fn rename(half: &mut Half, name: impl Fn(NodeIndex) -> NodeIndex, tally: &Tally) {
    let with = |hop: Counted| {
        let target = if half.is_caller() { name(hop.target) } else { hop.target };
        Counted { source: name(hop.source), target, ..hop }
    };
    let state = half.state.with(with);
    show(half, state, tally);
}

/// Changes whether a hop was a cold start, if it is counted with this half.
pub(super) fn set_cold(half: &mut Half, cold: bool, context: &Context<'_>) {
    half.cold = cold;
    show(half, half.state.with(|hop| Counted { cold, ..hop }), context.tally);
}
