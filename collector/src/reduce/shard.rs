//! Shards: the halves of some traces. In: halves, in any order. Out: what each is to its parent and
//! children, and hops to the tally as that becomes known.
//!
//! Whenever a span and one that names it as its parent are there, [`Shard::meet`] decides what the
//! one is to the other.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use hashbrown::{HashMap, HashSet};

use super::bridge::Bridges;
use super::entry::Entry;
use super::half::{Half, Side, SpanKey, State};
use super::held::{Held, Keys};
use super::node::{Node, NodeKind, USERS};
use super::pair::{Context, shard_of};
use super::seen::Seen;
use super::showing::{pair_halves, set_cold, show, show_if_safe};
use super::tally::Counted;
use super::waits::Waits;

/// Calls within calls within calls in one process: deeper than any library goes.
const DEEPEST_NESTING: usize = 8;

#[derive(Debug, Default)]
pub(super) struct Shard {
    pub(super) held: Held,
    /// Halves that have not waited long enough.
    pub(super) waits: Waits,
    /// Those that have, and can still be corrected.
    pub(super) corrections: Waits,
    /// Halves that wait once more, since they were parted, and when they began to.
    pub(super) again: VecDeque<(u64, SpanKey)>,
    /// By span: those of other traces that have a link to it.
    linked: HashMap<SpanKey, Keys, foldhash::fast::RandomState>,
    pub(super) bridges: Bridges,
    pub(super) seen: Seen,
}

/// What is left to do with a half that was taken in.
#[derive(Debug)]
pub(super) enum Inserted {
    /// Nothing.
    Done,
    /// It may be safe to show it.
    ToShow,
    /// The same, after it has met halves of other traces; these have a link to it.
    ToMeet(Keys),
}

impl Shard {
    pub(super) fn copy(&self, key: SpanKey) -> Option<Half> {
        self.held.copy(key)
    }

    pub(super) fn knows(&self, key: SpanKey) -> bool {
        self.held.contains(key) || self.seen.contains(key)
    }

    /// Has the processor fetch what it takes to take in a half of this span and parent.
    #[inline]
    pub(super) fn prefetch(&self, key: SpanKey, parent: SpanKey) {
        self.held.prefetch(key, parent);
        self.seen.prefetch(key);
    }

    /// Takes a half in, and leaves it as it is then. Says what is left to do.
    pub(super) fn insert(&mut self, half: &mut Half, context: &Context<'_>) -> Inserted {
        let (here, elsewhere) = self.kids_to_meet(half);
        let parent = if half.parent == 0 { None } else { self.concerned_parent(half) };
        let meets = half.request != 0 || half.link != 0 || !elsewhere.is_empty();
        // A caller and its callee, as they were before they were paired.
        let mut paired = None;
        match (parent, &here[..]) {
            (None, []) if !meets && half.bridge == 0 => {
                // Nobody is there to say otherwise.
                show_if_safe(half, context);
            }
            (Some(parent), []) if !half.is_caller() => {
                paired = self.pair_arriving(parent, half, context);
            }
            (None, [kid]) if half.is_caller() => {
                let kid = self.held.find(*kid);
                paired = kid.and_then(|kid| self.pair_arriving(kid, half, context));
            }
            _ => {}
        }
        let number = self.held.insert(half);
        self.waits.push(number, context.now_ms);
        context.held.fetch_add(1, Ordering::Relaxed);
        if let Some((caller, callee)) = paired {
            self.compare_clocks(&caller, &callee, context);
        } else {
            if let Some(parent) = parent {
                self.meet(self.held.key(parent), half.key, context);
            }
            for kid in &here {
                self.meet(half.key, *kid, context);
            }
        }
        match (meets, half.state) {
            (true, _) => Inserted::ToMeet(elsewhere),
            // Whoever has found its other half has nobody to look for.
            (false, State::Paired(_)) => Inserted::Done,
            (false, _) if parent.is_none() && here.is_empty() && half.bridge == 0 => Inserted::Done,
            (false, _) => Inserted::ToShow,
        }
    }

    /// Pairs a half that arrives with the one of the other side that is there, as [`Self::meet`]
    /// would, if there is nothing else to it. Returns the two as they were.
    fn pair_arriving(
        &mut self,
        there: u32,
        half: &mut Half,
        context: &Context<'_>,
    ) -> Option<(Half, Half)> {
        let mut other = self.held.half(there);
        let before = if half.is_caller() { (*half, other) } else { (other, *half) };
        let (caller, callee) = &before;
        let plain = caller.is_caller()
            && caller.state == State::Waiting
            && matches!(callee.side, Side::Called { .. });
        if !plain || !self.leave_free(caller, callee) {
            return None;
        }
        if half.is_caller() {
            pair_halves(half, &mut other, context);
        } else {
            pair_halves(&mut other, half, context);
        }
        self.held.write(there, &other);
        Some(before)
    }

    /// The parent of a half, if it is there and the two have to do with each other.
    fn concerned_parent(&self, half: &Half) -> Option<u32> {
        let number = self.held.find(half.parent)?;
        // What a callee calls while it runs says nothing of who called it.
        (self.held.entry(number).is_caller() || !half.is_caller()).then_some(number)
    }

    /// The spans that have to do with a half that arrives because they name its span: those of this
    /// shard, and those of others.
    fn kids_to_meet(&self, half: &Half) -> (Keys, Keys) {
        let mut kids = self.held.kids(half.key);
        if matches!(half.side, Side::Called { .. }) {
            // See above.
            kids.retain(|kid| self.held.peek(*kid).is_some_and(|kid| !kid.is_sure_caller()));
        }
        let linked = if self.linked.is_empty() { None } else { self.linked.get(&half.key) };
        let Some(linked) = linked else { return (kids, Keys::new()) };
        let is_here = |key: &SpanKey| shard_of(*key) == shard_of(half.key);
        kids.extend(linked.iter().copied().filter(is_here));
        (kids, linked.iter().copied().filter(|key| !is_here(key)).collect())
    }

    /// Has a half that was parted from another wait once more.
    pub(super) fn wait(&mut self, key: SpanKey, context: &Context<'_>) {
        if self.again.len() > 2 * self.held.len() {
            self.forget_earlier_waits();
        }
        self.again.push_back((context.now_ms, key));
    }

    /// Of each half that waits once more the last time counts, and none of those that are gone; so
    /// however often halves are parted, there is no more to remember than there are halves.
    fn forget_earlier_waits(&mut self) {
        let mut known = HashSet::new();
        let mut last: VecDeque<(u64, SpanKey)> = VecDeque::new();
        for (since, key) in std::mem::take(&mut self.again).into_iter().rev() {
            if self.held.contains(key) && known.insert(key) {
                last.push_front((since, key));
            }
        }
        self.again = last;
    }

    /// Takes note of a span of another trace that has a link to this one.
    pub(super) fn link(&mut self, to: SpanKey, from: SpanKey) {
        self.linked.entry(to).or_default().push(from);
    }

    /// Forgets such a span.
    pub(super) fn unlink(&mut self, to: SpanKey, from: SpanKey) {
        if let Some(linked) = self.linked.get_mut(&to) {
            linked.retain(|key| *key != from);
            if linked.is_empty() {
                self.linked.remove(&to);
            }
        }
    }

    /// Decides what a span and its child are to each other, if both are there.
    fn meet(&mut self, parent_key: SpanKey, kid_key: SpanKey, context: &Context<'_>) {
        let numbers = self.held.find(parent_key).zip(self.held.find(kid_key));
        let Some((parent_number, kid_number)) = numbers else { return };
        let (parent, kid) = (self.held.half(parent_number), self.held.half(kid_number));
        let same_node = || context.nodes.may_be_same(parent.own, kid.own);
        match (parent.is_caller(), kid.is_caller()) {
            _ if kid.side == Side::Step => self.lead(&parent, &kid, same_node(), context),
            (true, true) if is_same_request(&parent, &kid) && same_node() => {
                self.take_better_name(&parent, &kid, context);
                self.silence(kid_key, context);
                self.take_over(parent_key, kid_key);
                // Whoever was called by the inner span was called by the outer one.
                for callee in self.kids(kid_key) {
                    self.adopt(kid_key, callee, context);
                }
            }
            (true, true) if kid.unsure && parent.origin != kid.origin => {
                // A caller's child elsewhere is its callee.
                self.held.change(kid_key, |half| {
                    show(half, State::Waiting, context.tally);
                    half.side = Side::Called { by_messages: false, evidence: false };
                    half.other = context.nodes.index(&Node::named(NodeKind::Users, USERS));
                });
                // What it was thought to be the same request as is its own.
                for call in self.kids(kid_key) {
                    self.held.change(call, |half| {
                        if half.is_caller() && half.state == State::Silent {
                            show(half, State::Waiting, context.tally);
                            show_if_safe(half, context);
                        }
                    });
                }
                self.pair(parent_key, kid_key, context);
            }
            (true, false) => {
                if parent.state == State::Silent || !self.leave_free(&parent, &kid) {
                    self.pair(parent_key, kid_key, context);
                } else {
                    let (mut caller, mut callee) = (parent, kid);
                    pair_halves(&mut caller, &mut callee, context);
                    self.held.write(parent_number, &caller);
                    self.held.write(kid_number, &callee);
                }
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
                if parent.cold || kid.cold {
                    self.held.change(stands, |half| set_cold(half, true, context));
                }
            }
            (false, false) if !matches!(kid.side, Side::Called { by_messages: true, .. }) => {
                self.leave_bridge(&kid, context);
                self.held.change(kid_key, |kid| {
                    if kid.is_open() {
                        let hop = kid.called_by(parent.own);
                        show(kid, State::Paired(Some(hop)), context.tally);
                    }
                });
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
        } else {
            self.held.change(step.key, |half| {
                let hop = half.called_by(parent.own);
                show(half, State::Paired(Some(hop)), context.tally);
            });
        }
    }

    /// An inner span may name the bucket where the outer one names only the service.
    fn take_better_name(&mut self, outer: &Half, inner: &Half, context: &Context<'_>) {
        let kind = |half: &Half| context.nodes.kind(half.other);
        if (kind(outer), kind(inner)) != (NodeKind::Api, NodeKind::Bucket) {
            return;
        }
        self.held.change(outer.key, |half| {
            half.other = inner.other;
            if let State::Certain(hop) = half.state {
                show(half, State::Certain(Counted { target: inner.other, ..hop }), context.tally);
            }
        });
    }

    /// Gives a callee of an inner caller's span to the outer one.
    fn adopt(&mut self, inner: SpanKey, callee_key: SpanKey, context: &Context<'_>) {
        self.held.change(callee_key, |callee| {
            if !callee.is_caller() && matches!(callee.state, State::Paired(_)) {
                show(callee, State::Waiting, context.tally);
            }
        });
        self.meet(inner, callee_key, context);
    }

    /// Pairs a caller and a callee of this shard, the outermost caller of a doubled request.
    pub(super) fn pair(&mut self, caller: SpanKey, callee: SpanKey, context: &Context<'_>) {
        let caller = self.outermost(caller);
        let Some(numbers) = self.held.find(caller).zip(self.held.find(callee)) else { return };
        let (mut caller, mut callee) = (self.held.half(numbers.0), self.held.half(numbers.1));
        if !self.leave_free(&caller, &callee) {
            // Either may be changed by what the other leaves behind.
            self.leave_bridge(&caller, context);
            self.leave_bridge(&self.held.half(numbers.1), context);
            (caller, callee) = (self.held.half(numbers.0), self.held.half(numbers.1));
        }
        pair_halves(&mut caller, &mut callee, context);
        self.held.write(numbers.0, &caller);
        self.held.write(numbers.1, &callee);
    }

    pub(super) fn outermost(&self, mut key: SpanKey) -> SpanKey {
        for _ in 0..DEEPEST_NESTING {
            match self.held.peek(key) {
                Some(half) if half.is_caller() && half.is_silent() => key = half.parent(),
                _ => break,
            }
        }
        key
    }

    fn silence(&mut self, key: SpanKey, context: &Context<'_>) {
        if let Some(half) = self.copy(key) {
            self.leave_bridge(&half, context);
        }
        self.held.change(key, |half| show(half, State::Silent, context.tally));
    }

    /// Has a half take over from one that was silenced.
    fn take_over(&mut self, stands: SpanKey, silent: SpanKey) {
        let (Some(mut stands), Some(mut silent)) = (self.copy(stands), self.copy(silent)) else {
            return;
        };
        stands.take_over(&mut silent);
        self.held.put(&stands);
        self.held.put(&silent);
    }

    /// Shows a half that still waits, if that is safe.
    pub(super) fn show_if_safe(&mut self, key: SpanKey, context: &Context<'_>) {
        self.held.change(key, |half| show_if_safe(half, context));
    }

    /// The callees that count in place of a silent one, since they tell of the same request.
    pub(super) fn stand_ins(&self, silent: SpanKey) -> Keys {
        let Some(silent) = self.copy(silent) else { return Keys::new() };
        if silent.is_caller() || silent.state != State::Silent {
            return Keys::new();
        }
        let kids = self.kids(silent.key).into_iter();
        let stands = |key: &SpanKey| {
            self.copy(*key).is_some_and(|other| {
                matches!(other.side, Side::Called { .. })
                    && other.origin == silent.origin
                    && other.state != State::Silent
            })
        };
        kids.chain([silent.parent]).filter(stands).collect()
    }

    /// Spans that name this one as their parent, or have a link to it.
    fn kids(&self, key: SpanKey) -> Keys {
        let mut kids = self.held.kids(key);
        if let Some(linked) = self.linked.get(&key) {
            kids.extend_from_slice(linked);
        }
        kids
    }

    /// Decides anew whether a caller's span and others of its process tell of the same request.
    pub(super) fn meet_callers(&mut self, half: &Half, context: &Context<'_>) {
        let is_caller = |key: SpanKey| self.held.peek(key).is_some_and(Entry::is_caller);
        let inner: Keys = self.kids(half.key).into_iter().filter(|key| is_caller(*key)).collect();
        if is_caller(half.parent) {
            self.meet(half.parent, half.key, context);
        }
        for kid in inner {
            self.meet(half.key, kid, context);
        }
    }

    /// Spans that may be those of a caller's callees, and of theirs in its own process.
    pub(super) fn called_by(&self, caller: &Half) -> Keys {
        let kids = self.kids(caller.key);
        let mut callees = kids.clone();
        for inner in kids {
            if self.held.peek(inner).is_some_and(Entry::is_caller) {
                callees.extend(self.kids(inner));
            }
        }
        callees.extend((caller.bridged != 0).then_some(caller.bridged));
        callees
    }
}

/// Whether a caller's span inside another one of the same process is the same request: the SDK's
/// span over the HTTP client's, or two libraries that instrument the same call.
fn is_same_request(outer: &Half, inner: &Half) -> bool {
    outer.origin == inner.origin && ((outer.sdk && !inner.sdk) || outer.other == inner.other)
}
