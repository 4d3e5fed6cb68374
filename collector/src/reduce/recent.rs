//! Recent: the hops of recent traces, one by one, for somebody who wants to go along with a request. In:
//! spans as they come, and what is counted for each of them, whenever that changes. Out: [`Seen`]s of one
//! trace, and of the slowest and the failed hops of an edge ([`Best`]).
//!
//! What the tally counts has no trace any more, and which traces are worth keeping shows when most of
//! their spans have come. So the newest spans are kept, whatever they say, in a ring that a quarter of an
//! hour of little traffic fits into. Of much traffic it takes a share, by trace, so that a span is there
//! for a minute at least. What an edge's examples are made of is passed over when its place is due.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};

use hashbrown::{HashMap, HashSet};
use parking_lot::{Mutex, MutexGuard};
use smallvec::SmallVec;

use super::half::{Half, SpanKey};
use super::hop::Class;
use super::index::Index;
use super::nodes::NodeIndex;
use super::pair::{SHARDS, shard_of};
use super::tally::Counted;

/// A trace's id.
pub(super) type TraceId = [u8; 16];

/// Spans that are kept: 4 MB.
#[cfg(not(test))]
const ROOM: usize = 1 << 15;
#[cfg(test)]
const ROOM: usize = 1 << 11;

/// The ring takes no more spans than that each stays for so long, in milliseconds: longer than spans
/// wait for each other by default.
const STAY_MS: u64 = 60_000;

/// After so many spans it is decided anew what share of all is taken.
const PACE: usize = ROOM / 8;

/// Not sooner than after so many milliseconds.
const PACE_MS: u64 = STAY_MS * PACE as u64 / ROOM as u64;

/// After so many it is decided anew which stay longer.
const QUARTER: usize = ROOM / 4;

/// Hops that are among the slowest of an edge for so long, in seconds.
const SLOWEST_S: u32 = 600;

/// How many examples of each kind an edge has.
pub(super) const MOST_EXAMPLES: usize = 3;

/// How many traces can make one request; a call through a queue or without a common trace begins
/// another one.
const MOST_TRACES: usize = 8;

/// Traces that somebody looked at lately, and that stay for it.
const MOST_FOLLOWED: usize = 16;

/// A span that came, and what is counted for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// 0 where there is none any more.
    pub(super) key: SpanKey,
    pub(super) trace: TraceId,
    /// Since 1970, by the clock of its own machine.
    pub(super) start_us: u64,
    pub(super) duration_us: u64,
    /// The span of the other side that called it or sent it messages; 0 is none that is known.
    pub(super) caller: SpanKey,
    /// When it came, in seconds.
    came_s: u32,
    pub(super) is_caller: bool,
    /// What is counted for it now.
    pub(super) hop: Option<Hop>,
}

/// What the tally counts, in short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hop {
    pub(super) source: NodeIndex,
    pub(super) target: NodeIndex,
    /// Never slow.
    pub(super) class: Class,
    pub(super) cold: bool,
    /// Bucket of its latency.
    pub(super) latency: u16,
    pub(super) operation: u32,
    /// In millionths of a request.
    pub(super) weight: i64,
}

impl Hop {
    fn of(counted: &Counted) -> Option<Self> {
        let &Counted { source, target, class, cold, ignored, latency, operation, weight, .. } =
            counted;
        (!ignored).then_some(Self { source, target, class, cold, latency, operation, weight })
    }
}

impl Seen {
    pub(super) fn end_us(&self) -> u64 {
        self.start_us.saturating_add(self.duration_us)
    }
}

/// The best examples of an edge, or of several; what is best does not depend on the order in which they
/// come.
#[derive(Clone, Debug, Default)]
pub(super) struct Best {
    /// Those that took longest lately.
    pub(super) slowest: Ranked,
    /// The last ones that failed, ...
    pub(super) errors: Ranked,
    /// ... or were refused.
    pub(super) throttled: Ranked,
}

/// By what they are ranked, the key that decides between equals, the trace of which the best one counts,
/// and where they are; the best first.
pub(super) type Ranked = SmallVec<[(u64, SpanKey, TraceId, u32); MOST_EXAMPLES]>;

fn rank(list: &mut Ranked, worth: u64, seen: &Seen, place: u32) {
    let it = (worth, seen.key, seen.trace, place);
    if let Some(same) = list.iter_mut().find(|there| there.2 == seen.trace) {
        *same = it.max(*same);
    } else if list.len() < MOST_EXAMPLES {
        list.push(it);
    } else if let Some(last) = list.last_mut().filter(|last| **last < it) {
        *last = it;
    }
    list.sort_unstable_by(|a, b| b.cmp(a));
}

impl Best {
    /// Takes a hop in, if it is one of the best.
    pub(super) fn offer(&mut self, seen: &Seen, hop: &Hop, place: u32, now_s: u32) {
        if now_s.saturating_sub(seen.came_s) <= SLOWEST_S {
            rank(&mut self.slowest, hop.latency.into(), seen, place);
        }
        match hop.class {
            Class::Error => rank(&mut self.errors, seen.end_us(), seen, place),
            Class::Throttled => rank(&mut self.throttled, seen.end_us(), seen, place),
            Class::Ok | Class::Slow => {}
        }
    }

    fn lists(&self) -> [&Ranked; 3] {
        [&self.errors, &self.slowest, &self.throttled]
    }
}

/// The newest spans.
#[derive(Debug)]
pub(super) struct Recent {
    /// Of so many shards spans are taken.
    taken: AtomicUsize,
    /// Of so many shards spans may be there.
    there: AtomicUsize,
    ring: Mutex<Ring>,
}

impl Default for Recent {
    fn default() -> Self {
        let ring = Ring { most_taken: [SHARDS; 2], ..Ring::default() };
        Self { taken: SHARDS.into(), there: SHARDS.into(), ring: Mutex::new(ring) }
    }
}

/// By trace: others that belong to the same request.
pub(super) type Links = HashMap<TraceId, SmallVec<[TraceId; 1]>, foldhash::fast::RandomState>;

/// A trace and those that belong to the same request.
pub(super) fn joined(trace: TraceId, links: &Links) -> SmallVec<[TraceId; 1]> {
    let mut traces: SmallVec<[TraceId; 1]> = SmallVec::from_slice(&[trace]);
    let mut at = 0;
    while let Some(others) = traces.get(at).map(|trace| links.get(trace)) {
        at += 1;
        for other in others.into_iter().flatten() {
            if traces.len() < MOST_TRACES && !traces.contains(other) {
                traces.push(*other);
            }
        }
    }
    traces
}

/// They, and how to find them.
#[derive(Debug, Default)]
pub(super) struct Ring {
    seen: Vec<Seen>,
    by_key: Index,
    /// The place that is due next, once all are taken.
    next: usize,
    /// Traces whose spans stay.
    stay: HashSet<TraceId, foldhash::fast::RandomState>,
    followed: VecDeque<TraceId>,
    /// Spans since it was last decided what share is taken, and when that was.
    since: usize,
    since_ms: u64,
    /// Of how many shards spans were taken since the ring was last at its beginning, and before.
    most_taken: [usize; 2],
}

impl Recent {
    /// A span came.
    pub(super) fn saw(&self, half: &Half, trace: TraceId, now_ms: u64) {
        let taken = self.taken.load(Ordering::Relaxed);
        if shard_of(half.key) >= taken {
            return;
        }
        let mut ring = self.ring.lock();
        if ring.place(half.key).is_some() {
            return;
        }
        let came_s = seconds(now_ms);
        let began_anew = ring.put(Seen {
            key: half.key,
            trace,
            start_us: half.start_us,
            duration_us: half.duration_us,
            caller: 0,
            came_s,
            is_caller: half.is_caller(),
            hop: None,
        });
        let share = ring.pace(taken, now_ms);
        if began_anew || share != taken {
            self.taken.store(share, Ordering::Relaxed);
            self.there.store(ring.follow(share, began_anew), Ordering::Relaxed);
        }
    }

    /// Something else is counted for a span now, or nothing.
    pub(super) fn counts(&self, key: SpanKey, counted: Option<&Counted>) {
        self.change(key, |seen| {
            seen.hop = counted.and_then(Hop::of);
            if seen.hop.is_none() {
                seen.caller = 0;
            }
        });
    }

    /// A span's request was made by this one.
    pub(super) fn called(&self, key: SpanKey, caller: SpanKey) {
        self.change(key, |seen| seen.caller = caller);
    }

    /// A span received a message of this sender, which was thought to be of `before`. Of a batch from
    /// several senders it keeps one, whichever they come in.
    pub(super) fn received(&self, key: SpanKey, before: Option<SpanKey>, sender: SpanKey) {
        self.change(key, |seen| {
            if seen.caller == 0 || before == Some(seen.caller) || sender < seen.caller {
                seen.caller = sender;
            }
        });
    }

    /// Time goes by, with or without spans: what was too much may be no more.
    pub(super) fn wait(&self, now_ms: u64) {
        let taken = self.taken.load(Ordering::Relaxed);
        if taken < SHARDS {
            let ring = &mut *self.ring.lock();
            let share = ring.rest(taken, now_ms);
            if share != taken {
                self.taken.store(share, Ordering::Relaxed);
                self.there.store(ring.follow(share, false), Ordering::Relaxed);
            }
        }
    }

    #[inline]
    fn change(&self, key: SpanKey, change: impl FnOnce(&mut Seen)) {
        // Of much traffic nearly nothing is there, which must cost nearly nothing.
        if shard_of(key) >= self.there.load(Ordering::Relaxed) {
            return;
        }
        let ring = &mut *self.ring.lock();
        if let Some(place) = ring.place(key) {
            change(&mut ring.seen[place as usize]);
        }
    }

    /// What is there; others wait meanwhile.
    pub(super) fn lock(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock()
    }
}

/// In whole seconds.
pub(super) fn seconds(now_ms: u64) -> u32 {
    u32::try_from(now_ms / 1_000).unwrap_or(u32::MAX)
}

impl Ring {
    /// Takes a span in, in the place of the oldest that may go. Returns whether that was the last place.
    fn put(&mut self, seen: Seen) -> bool {
        let began = self.next;
        if self.by_key.is_full() {
            let mut by_key = std::mem::take(&mut self.by_key);
            by_key.rebuild(self.all().map(|(place, seen)| (seen.key, place)));
            self.by_key = by_key;
        }
        let place = if self.seen.len() < ROOM {
            self.seen.push(seen);
            self.seen.len() - 1
        } else {
            let place = self.due();
            let gone = std::mem::replace(&mut self.seen[place], seen);
            self.by_key.remove(gone.key, place as u32);
            place
        };
        // There are fewer places than a u32 has numbers.
        self.by_key.insert(seen.key, place as u32);
        self.next = (place + 1) % ROOM;
        self.since += 1;
        let began_anew = self.next <= began && self.seen.len() == ROOM;
        if began_anew || self.next / QUARTER != began / QUARTER {
            self.choose(seen.came_s);
        }
        began_anew
    }

    /// The next place whose span need not stay. Those that must are half of all, or a little more.
    fn due(&self) -> usize {
        let places = (self.next..ROOM).chain(0..self.next);
        let stays = |seen: &Seen| seen.key != 0 && self.stay.contains(&seen.trace);
        places.into_iter().find(|place| !stays(&self.seen[*place])).unwrap_or(self.next)
    }

    /// Chooses the traces that stay: the examples of each edge, of all edges the best ones first, up to
    /// half of the ring.
    fn choose(&mut self, now_s: u32) {
        let mut edges: HashMap<(NodeIndex, NodeIndex), Best, foldhash::fast::RandomState> =
            HashMap::default();
        let mut sizes: HashMap<TraceId, usize, foldhash::fast::RandomState> = HashMap::default();
        for (place, seen) in (0..).zip(&self.seen).filter(|(_, seen)| seen.key != 0) {
            *sizes.entry(seen.trace).or_default() += 1;
            if let Some(hop) = &seen.hop {
                let edge = edges.entry((hop.source, hop.target)).or_default();
                edge.offer(seen, hop, place, now_s);
            }
        }
        let mut wanted: Vec<_> = edges
            .values()
            .flat_map(Best::lists)
            .flat_map(|list| (0..).zip(list.iter()))
            .map(|(rank, (_, key, trace, _))| (rank, *key, *trace))
            .collect();
        wanted.sort_unstable();
        let followed = self.followed.iter().map(|trace| (0, 0, *trace));
        let wanted: Vec<_> = followed.chain(wanted).collect();
        let links = self.links();
        self.stay.clear();
        let mut held = 0;
        for (_, _, trace) in wanted {
            for trace in joined(trace, &links) {
                let size = sizes.get(&trace).copied().unwrap_or(0);
                if held + size <= ROOM / 2 && self.stay.insert(trace) {
                    held += size;
                }
            }
        }
    }

    /// Of how many shards spans are to be taken, after another one of `taken`.
    fn pace(&mut self, taken: usize, now_ms: u64) -> usize {
        if self.since < PACE {
            return taken;
        }
        let took_ms = now_ms.saturating_sub(self.since_ms);
        if took_ms >= PACE_MS || self.seen.len() < QUARTER {
            return self.rest(taken, now_ms);
        }
        (self.since, self.since_ms) = (0, now_ms);
        // A burst is not yet much traffic, so it is not believed at once how much there is.
        let share = taken as u64 * took_ms / PACE_MS;
        (share as usize).max(taken / 8).max(1)
    }

    /// The same where few spans came.
    fn rest(&mut self, taken: usize, now_ms: u64) -> usize {
        let took_ms = now_ms.saturating_sub(self.since_ms);
        if took_ms < 2 * PACE_MS {
            if self.since >= PACE {
                (self.since, self.since_ms) = (0, now_ms);
            }
            return taken;
        }
        (self.since, self.since_ms) = (0, now_ms);
        (taken * 2).min(SHARDS)
    }

    /// Of how many shards spans may be there, if they are taken of so many from now on. Of those that
    /// nobody listens to any more, none stay.
    fn follow(&mut self, taken: usize, began_anew: bool) -> usize {
        let [now, before] = &mut self.most_taken;
        if began_anew {
            *before = std::mem::replace(now, taken);
        }
        *now = taken.max(*now);
        let full = self.seen.len() == ROOM;
        let there = if full { *now.max(before) } else { SHARDS };
        if began_anew {
            let goes = |seen: &Seen| seen.key != 0 && shard_of(seen.key) >= there;
            for (place, seen) in (0..).zip(&mut self.seen).filter(|(_, seen)| goes(seen)) {
                self.by_key.remove(seen.key, place);
                seen.key = 0;
                seen.hop = None;
            }
        }
        there
    }

    /// All that are there.
    pub(super) fn all(&self) -> impl Iterator<Item = (u32, &Seen)> {
        (0..).zip(&self.seen).filter(|(_, seen)| seen.key != 0)
    }

    /// The span in a place of [`Self::all`].
    pub(super) fn at(&self, place: u32) -> Option<&Seen> {
        self.seen.get(place as usize).filter(|seen| seen.key != 0)
    }

    /// A span by its key.
    pub(super) fn find(&self, key: SpanKey) -> Option<&Seen> {
        self.place(key).map(|place| &self.seen[place as usize])
    }

    fn place(&self, key: SpanKey) -> Option<u32> {
        self.by_key.find(key, |place| self.seen[place as usize].key == key)
    }

    /// Takes note that somebody looks at a trace, so that it stays.
    pub(super) fn follow_trace(&mut self, trace: TraceId, now_s: u32) {
        if self.followed.contains(&trace) {
            return;
        }
        if self.followed.len() == MOST_FOLLOWED {
            self.followed.pop_front();
        }
        self.followed.push_back(trace);
        self.choose(now_s);
    }

    /// Which traces calls and messages lead from and to.
    pub(super) fn links(&self) -> Links {
        let mut links = Links::default();
        for seen in self.seen.iter().filter(|seen| seen.caller != 0) {
            let caller = self.find(seen.caller).filter(|caller| caller.trace != seen.trace);
            let Some(caller) = caller else { continue };
            for (one, other) in [(seen.trace, caller.trace), (caller.trace, seen.trace)] {
                let others = links.entry(one).or_default();
                if others.len() < MOST_TRACES && !others.contains(&other) {
                    others.push(other);
                }
            }
        }
        links
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }
}

#[cfg(test)]
mod tests;
