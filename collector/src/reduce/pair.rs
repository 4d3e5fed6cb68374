//! Pair: who called whom. In: [`Half`]s, in any order. Out: hops to the [`Tally`], and hops taken
//! back when a later span knows better.
//!
//! Halves live in shards by trace, since nearly all they have to do with each other happens within
//! one. What holds across traces is here: the request id of an invocation, and links.

use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_utils::CachePadded;
use parking_lot::{Mutex, MutexGuard};

#[cfg(test)]
use super::bridge::Bridge;
use super::entry;
use super::exporter::Exporter;
use super::half::{Half, SpanKey};
use super::nodes::Nodes;
use super::requests::Requests;
use super::shard::{Inserted, Shard};
use super::showing::{pair_halves, rename, set_cold};
use super::tally::Tally;

/// A power of two; enough that two receivers rarely want the same one.
pub(super) const SHARDS: usize = 64;

/// What a shard needs to know to decide and to count.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) nodes: &'a Nodes,
    pub(super) tally: &'a Tally,
    pub(super) now_ms: u64,
    pub(super) wait_ms: u64,
    pub(super) correct_ms: u64,
    pub(super) requests: &'a Requests,
    /// Halves held in all, ...
    pub(super) held: &'a AtomicUsize,
    /// ... and how many may be.
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
    shards: Vec<CachePadded<Mutex<Shard>>>,
    /// Halves held by all of them.
    pub(super) held: CachePadded<AtomicUsize>,
    /// Callers and callees of one invocation, by its request id.
    pub(super) requests: Requests,
}

impl Default for Pairing {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| CachePadded::default()).collect(),
            held: CachePadded::default(),
            requests: Requests::default(),
        }
    }
}

/// A span's key, from hashes of its trace id and of trace and span id.
pub(super) fn span_key(trace: u64, span: u64) -> SpanKey {
    // 0 means "no span"; the highest bit keeps a key from being it.
    (span & !(SHARDS as u64 - 1)) | (trace & (SHARDS as u64 - 1)) | 1 << 63
}

pub(super) fn shard_of(key: SpanKey) -> usize {
    // The mask keeps it below 64.
    (key & (SHARDS as u64 - 1)) as usize
}

impl Pairing {
    fn shard(&self, key: SpanKey) -> MutexGuard<'_, Shard> {
        self.shards[shard_of(key)].lock()
    }

    /// Has the processor fetch what it takes to take in a half of this span and parent, while
    /// something else is done.
    #[inline]
    pub(super) fn prefetch(&self, key: SpanKey, parent: SpanKey) {
        // Whoever has the shard is not to be waited for.
        if let Some(shard) = self.shards[shard_of(key)].try_lock() {
            shard.prefetch(key, parent);
        }
    }

    /// Takes a half in: pairs it with what is there, shows it if that is safe, or lets it wait.
    pub(super) fn arrive(&self, half: &mut Half, context: &Context<'_>) -> Outcome {
        entry::round(half);
        let key = half.key;
        self.requests.prefetch(half.request);
        let mut shard = self.shard(key);
        if shard.knows(key) {
            return Outcome { duplicate: true, early: 0 };
        }
        match shard.insert(half, context) {
            Inserted::Done => return self.make_room(shard, context),
            Inserted::ToShow => {}
            Inserted::ToMeet(linked) => {
                // Another shard must not wait for us while this one is held.
                drop(shard);
                self.meet_by_links(half, &linked, context);
                self.meet_by_request(half, context);
                shard = self.shard(key);
            }
        }
        // What others have to do with it is known now.
        shard.enter_or_show(key, context);
        self.make_room(shard, context)
    }

    fn make_room(&self, mut shard: MutexGuard<'_, Shard>, context: &Context<'_>) -> Outcome {
        let (early, gone) = shard.make_room(context);
        drop(shard);
        self.forget(&gone);
        Outcome { duplicate: false, early }
    }

    /// A link leads from a callee to its caller as a parent does, but in any trace.
    fn meet_by_links(&self, half: &Half, linked: &[SpanKey], context: &Context<'_>) {
        if half.link != 0 {
            self.shard(half.link).link(half.link, half.key);
            self.pair_across(half.link, half.key, context);
        }
        for callee in linked {
            self.pair_across(half.key, *callee, context);
        }
    }

    fn meet_by_request(&self, half: &Half, context: &Context<'_>) {
        if half.request == 0 {
            return;
        }
        let (mine, others) = self.requests.add(half);
        if !half.is_caller() && mine.len() > 1 && others.is_empty() {
            self.shard(half.key).join_attempts(half, &mine, context);
        }
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
        let caller = of_caller.outermost(caller);
        let find = |shard: &Shard, key| {
            shard.held.find(key).map(|number| (number, shard.held.half(number)))
        };
        let (Some(mut one), Some(mut other)) = (find(of_caller, caller), find(of_callee, callee))
        else {
            return;
        };
        // Bridges are within a trace, so neither can be the other's partner.
        if of_caller.leave_bridge(&one.1, context) {
            one.1 = of_caller.held.half(one.0);
        }
        if of_callee.leave_bridge(&other.1, context) {
            other.1 = of_callee.held.half(other.0);
        }
        pair_halves(&mut one.1, &mut other.1, context);
        of_caller.held.write(one.0, &one.1);
        of_callee.held.write(other.0, &other.1);
    }

    /// Names a caller in full, and what it called, wherever its request is counted.
    pub(super) fn rename(&self, key: SpanKey, exporter: &Exporter, context: &Context<'_>) {
        let mut shard = self.shard(key);
        let Some(mut half) = shard.copy(key) else { return };
        let new = (exporter.own, context.nodes.near(half.other, &exporter.account));
        let old =
            (std::mem::replace(&mut half.own, new.0), std::mem::replace(&mut half.other, new.1));
        let renamed = |node| match node {
            node if node == old.0 => new.0,
            node if node == old.1 => new.1,
            node => node,
        };
        rename(&mut half, renamed, context.tally);
        shard.held.put(&half);
        shard.meet_callers(&half, context);
        let mut callees = shard.called_by(&half);
        drop(shard);
        if half.request != 0 {
            callees.extend(self.requests.callees(half.request));
        }
        for callee in callees {
            self.shard(callee).held.change(callee, |half| rename(half, renamed, context.tally));
        }
    }

    /// Changes whether a callee's hop was a cold start, wherever it is counted.
    pub(super) fn set_cold(&self, key: SpanKey, cold: bool, context: &Context<'_>) {
        let mut shard = self.shard(key);
        let stand_ins = shard.stand_ins(key);
        for key in stand_ins.into_iter().chain([key]) {
            shard.held.change(key, |half| set_cold(half, cold, context));
        }
    }

    /// Resolves what has waited long enough, and forgets what nothing can come for any more.
    pub(super) fn expire(&self, context: &Context<'_>) {
        for shard in &self.shards {
            let gone = shard.lock().expire(context);
            self.forget(&gone);
        }
    }

    /// Resolves everything that waits.
    pub(super) fn resolve_all(&self, context: &Context<'_>) {
        for shard in &self.shards {
            shard.lock().resolve_all(context);
        }
    }

    fn forget(&self, gone: &[Half]) {
        for half in gone {
            if half.link != 0 {
                self.shard(half.link).unlink(half.link, half.key);
            }
            if half.request != 0 {
                self.requests.remove(half.request, half.key);
            }
        }
    }

    /// Halves that are looked at for bridges.
    #[cfg(test)]
    pub(super) fn bridged(&self) -> usize {
        self.shards
            .iter()
            .map(|shard| shard.lock().bridges.values().map(Bridge::len).sum::<usize>())
            .sum()
    }

    /// Halves held.
    pub(super) fn held(&self) -> u64 {
        self.held.load(Ordering::Relaxed) as u64
    }
}
