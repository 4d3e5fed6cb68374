//! Activity: what functions do by themselves, whoever calls them. In: every invocation once, with
//! the instance and the memory that its resource names. Out: live instances, and work by size, from
//! which `cost` makes money.
//!
//! A span comes when its invocation ends, so an invocation counts for the moment in which its span
//! arrives. What is at work and has not ended yet is not known here.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crossbeam_utils::CachePadded;
use dashmap::DashMap;
use hashbrown::HashMap;
use parking_lot::Mutex;
use smallvec::SmallVec;

use super::Reducer;
use super::facts::{Facts, ResourceFacts};
use super::node::{NodeId, NodeKind};
use super::nodes::{NodeIndex, keyed};
use super::tally::ONE;
use crate::span::Span;

/// An instance is live for so long after an invocation of it ended, in milliseconds. Lambda keeps
/// instances longer, but bills and limits only those at work.
pub const LIVE_MS: u64 = 60_000;

/// "Lately": over so many milliseconds work is averaged into "an hour".
pub const LATELY_MS: u64 = SLOT_MS * SLOTS as u64;

const SLOT_MS: u64 = 10_000;
const SLOTS: usize = 30;

/// Instances remembered in all. At the cap those that are not live are forgotten; should all be
/// live, new ones are not counted, so that what is said is "at least".
const MOST_INSTANCES: usize = 100_000;

/// Sizes that a function has at once: during a deployment two. More share the last one.
const MOST_SIZES: usize = 8;

/// Where a function's work is done: what its resource says that matters to a bill.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Memory in MB (as Lambda counts: 2^20 bytes); 0 where it is not known, or not Lambda's.
    pub memory_mb: u32,
    /// Whether the processor is an arm64 one.
    pub arm64: bool,
}

/// Who works, as a resource says it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Worker {
    /// Whether it is a function.
    function: bool,
    /// Hash of the instance's name; 0 where it has none.
    instance: u64,
    size: Size,
}

impl Worker {
    pub(super) fn new(
        facts: &ResourceFacts<'_>,
        kind: NodeKind,
        hasher: &foldhash::fast::RandomState,
    ) -> Self {
        let name = facts.instance.or(facts.service_instance);
        Self {
            function: kind == NodeKind::Function,
            instance: name.map_or(0, |name| keyed(hasher, name) | 1),
            size: size(facts),
        }
    }
}

fn size(facts: &ResourceFacts<'_>) -> Size {
    let lambda = match (facts.platform, facts.provider) {
        (Some(platform), _) => platform == "aws_lambda",
        (None, provider) => provider.is_none_or(|provider| provider == "aws"),
    };
    // Python tells megabytes, Node and the semantic conventions bytes.
    const MIB: i64 = 1 << 20;
    let memory = facts.max_memory.filter(|memory| lambda && *memory > 0).unwrap_or(0);
    let memory = if memory >= MIB { memory / MIB } else { memory };
    Size { memory_mb: u32::try_from(memory).unwrap_or(0), arm64: facts.arch == Some("arm64") }
}

/// Whether a callee's span is an invocation, and not what went on inside one: a batch that is
/// processed, or a web framework's own span.
pub(super) fn is_invocation(span: &Span<'_>, facts: &Facts<'_>, consumer: bool) -> bool {
    facts.request_id.is_some() || (!consumer && span.parent_is_remote() != Some(false))
}

/// Invocations and the time they took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// In millionths of an invocation.
    invocations: i128,
    /// In millionths of a millisecond.
    billed_ms: i128,
}

impl Work {
    /// So many invocations that took so many milliseconds together.
    pub fn new(invocations: i64, billed_ms: i64) -> Self {
        let millionths = |count| i128::from(count) * i128::from(ONE);
        Self { invocations: millionths(invocations), billed_ms: millionths(billed_ms) }
    }

    fn add(&mut self, other: Self) {
        self.invocations += other.invocations;
        self.billed_ms += other.billed_ms;
    }

    /// How many invocations.
    #[expect(clippy::cast_precision_loss, reason = "exact up to nine billion invocations")]
    pub fn invocations(&self) -> f64 {
        self.invocations as f64 / ONE as f64
    }

    /// How long they took, each rounded up to a millisecond, in milliseconds.
    #[expect(clippy::cast_precision_loss, reason = "a sum of times need not be exact to the digit")]
    pub fn billed_ms(&self) -> f64 {
        self.billed_ms as f64 / ONE as f64
    }
}

/// The work of one size of a function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SizedWork {
    /// On what.
    pub size: Size,
    /// Since the start.
    pub all: Work,
    /// In the last [`Workload::lately_ms`].
    pub lately: Work,
}

/// What a function does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workload {
    /// Instances that ended an invocation in the last minute ([`LIVE_MS`]).
    pub live: u64,
    /// Of these, the ones that were not there before.
    pub new: u64,
    /// Instances seen since the start; 0 where spans name none.
    pub seen: u64,
    /// Its work, by size.
    pub work: Vec<SizedWork>,
    /// How many milliseconds "lately" is: [`LATELY_MS`], or what there was so far.
    pub lately_ms: u64,
    /// From the beginning of the first invocation of any function to the end of the last one, by
    /// the clocks of those that ran them, in milliseconds.
    pub extent_ms: u64,
}

impl Workload {
    /// How many invocations were at work at once on average lately.
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of five minutes")]
    pub fn busy(&self) -> f64 {
        let billed: f64 = self.work.iter().map(|work| work.lately.billed_ms()).sum();
        if self.lately_ms == 0 { 0.0 } else { billed / self.lately_ms as f64 }
    }

    /// Invocations since the start.
    pub fn invocations(&self) -> f64 {
        self.work.iter().map(|work| work.all.invocations()).sum()
    }
}

/// When an instance's invocations arrived.
#[derive(Clone, Copy, Debug)]
pub(super) struct Presence {
    first_ms: u64,
    pub(super) last_ms: u64,
    /// Whether a drain has told of it.
    pub(super) told: bool,
}

/// Work of the last minutes, in slots of time.
#[derive(Clone, Debug, Default)]
struct Window {
    /// The number of the slot's time, and what was done then.
    slots: SmallVec<[(u64, Work); 2]>,
}

impl Window {
    fn add(&mut self, now_ms: u64, work: Work) {
        let slot = now_ms / SLOT_MS;
        match self.slots.iter_mut().rev().find(|(number, _)| *number == slot) {
            Some((_, sum)) => sum.add(work),
            None => {
                self.slots.retain(|entry| entry.0 + SLOTS as u64 > slot);
                self.slots.push((slot, work));
            }
        }
    }

    fn sum(&self, now_ms: u64) -> Work {
        let slot = now_ms / SLOT_MS;
        let mut sum = Work::default();
        let recent = self.slots.iter().filter(|(number, _)| number + SLOTS as u64 > slot);
        recent.for_each(|(_, work)| sum.add(*work));
        sum
    }
}

/// One node's part.
#[derive(Debug, Default)]
pub(super) struct NodeActivity {
    pub(super) instances: HashMap<u64, Presence, foldhash::fast::RandomState>,
    /// Whether an instance came, or came back, since drains last looked.
    pub(super) stirred: bool,
    /// When the first of those that were live then is live no more, unless it was heard of since.
    pub(super) next_end_ms: Option<u64>,
    work: SmallVec<[(Size, Work, Window); 1]>,
}

impl NodeActivity {
    /// Whether there may be more or fewer live instances than when drains last looked.
    pub(super) fn is_due(&self, now_ms: u64) -> bool {
        self.stirred || self.next_end_ms.is_some_and(|end_ms| end_ms <= now_ms)
    }

    fn add_work(&mut self, size: Size, work: Work, now_ms: u64) {
        let known = self.work.iter().position(|(known, ..)| *known == size);
        let at = known.unwrap_or_else(|| {
            if self.work.len() < MOST_SIZES {
                self.work.push((size, Work::default(), Window::default()));
            }
            self.work.len() - 1
        });
        let (_, all, lately) = &mut self.work[at];
        all.add(work);
        lately.add(now_ms, work);
    }
}

/// What all functions do, shared by all receivers.
#[derive(Debug, Default)]
pub(super) struct Activity {
    pub(super) nodes: DashMap<NodeIndex, Mutex<NodeActivity>, foldhash::fast::RandomState>,
    instances: AtomicUsize,
    /// When forgetting was last tried.
    forgot_ms: AtomicU64,
    extent: CachePadded<Extent>,
}

/// From when to when anything was done.
#[derive(Debug)]
struct Extent {
    /// When the first invocation arrived.
    since_ms: AtomicU64,
    /// When the first one began and the last one ended, by the clocks of those that ran them.
    first_ns: AtomicU64,
    last_ns: AtomicU64,
}

impl Default for Extent {
    fn default() -> Self {
        let never = AtomicU64::new(u64::MAX);
        Self { since_ms: AtomicU64::new(u64::MAX), first_ns: never, last_ns: AtomicU64::new(0) }
    }
}

impl Extent {
    /// Takes an invocation in. Mostly little of that is news, and who only reads keeps nobody waiting.
    fn add(&self, span: &Span<'_>, now_ms: u64) {
        if now_ms < self.since_ms.load(Ordering::Relaxed) {
            self.since_ms.fetch_min(now_ms, Ordering::Relaxed);
        }
        if span.start_ns == 0 || span.end_ns < span.start_ns {
            return;
        }
        if span.start_ns < self.first_ns.load(Ordering::Relaxed) {
            self.first_ns.fetch_min(span.start_ns, Ordering::Relaxed);
        }
        if span.end_ns > self.last_ns.load(Ordering::Relaxed) {
            self.last_ns.fetch_max(span.end_ns, Ordering::Relaxed);
        }
    }
}

impl Activity {
    /// Counts an invocation that arrived now. `weight` in millionths of a request.
    pub(super) fn add(
        &self,
        node: NodeIndex,
        worker: Worker,
        span: &Span<'_>,
        weight: i64,
        now_ms: u64,
    ) {
        if !worker.function {
            return;
        }
        self.extent.add(span, now_ms);
        let has_room = self.has_room(now_ms);
        let billed_ms = span.duration_us().div_ceil(1_000).max(1);
        let (invocations, billed) = (i128::from(weight), i128::from(billed_ms));
        let work = Work { invocations, billed_ms: billed * invocations };
        let known = self.nodes.get(&node);
        let activity = known.unwrap_or_else(|| self.nodes.entry(node).or_default().downgrade());
        let activity = &mut *activity.lock();
        activity.add_work(worker.size, work, now_ms);
        if worker.instance == 0 {
            return;
        }
        if let Some(presence) = activity.instances.get_mut(&worker.instance) {
            activity.stirred |= !is_live(presence.last_ms, now_ms);
            presence.first_ms = presence.first_ms.min(now_ms);
            presence.last_ms = presence.last_ms.max(now_ms);
        } else if has_room {
            let presence = Presence { first_ms: now_ms, last_ms: now_ms, told: false };
            activity.instances.insert(worker.instance, presence);
            activity.stirred = true;
            self.instances.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether there is room for another instance; forgets some where there is none.
    fn has_room(&self, now_ms: u64) -> bool {
        if self.instances.load(Ordering::Relaxed) < MOST_INSTANCES {
            return true;
        }
        // Looking through all of them is worth it once in a while only.
        let last = self.forgot_ms.load(Ordering::Relaxed);
        let due = now_ms >= last + LIVE_MS / 4;
        let order = Ordering::Relaxed;
        if due && self.forgot_ms.compare_exchange(last, now_ms, order, order).is_ok() {
            let mut left = 0;
            for node in &self.nodes {
                let mut activity = node.value().lock();
                activity.instances.retain(|_, presence| is_live(presence.last_ms, now_ms));
                left += activity.instances.len();
            }
            self.instances.store(left, Ordering::Relaxed);
        }
        self.instances.load(Ordering::Relaxed) < MOST_INSTANCES
    }

    /// What the functions with these indexes do together; they are one node under several names.
    pub(super) fn workload(
        &self,
        now_ms: u64,
        wanted: impl Fn(NodeIndex) -> bool,
    ) -> Option<Workload> {
        let mut instances: HashMap<u64, Presence> = HashMap::default();
        let mut work: Vec<SizedWork> = Vec::new();
        for node in self.nodes.iter().filter(|node| wanted(*node.key())) {
            let activity = node.value().lock();
            for (id, presence) in &activity.instances {
                let known = instances.entry(*id).or_insert(*presence);
                known.first_ms = known.first_ms.min(presence.first_ms);
                known.last_ms = known.last_ms.max(presence.last_ms);
            }
            for (size, all, lately) in &activity.work {
                let at = work.iter().position(|known| known.size == *size).unwrap_or_else(|| {
                    work.push(SizedWork { size: *size, ..SizedWork::default() });
                    work.len() - 1
                });
                work[at].all.add(*all);
                work[at].lately.add(lately.sum(now_ms));
            }
        }
        work.sort_by_key(|work| (work.size.memory_mb, work.size.arm64));
        let live = instances.values().filter(|presence| is_live(presence.last_ms, now_ms));
        let new = instances.values().filter(|presence| is_live(presence.first_ms, now_ms));
        (!work.is_empty()).then(|| Workload {
            live: live.count() as u64,
            new: new.count() as u64,
            seen: instances.len() as u64,
            work,
            lately_ms: self.lately_ms(now_ms),
            extent_ms: self.extent_ms(),
        })
    }

    /// The time that the slots cover: the newest of them is not over yet.
    fn lately_ms(&self, now_ms: u64) -> u64 {
        let whole = LATELY_MS - SLOT_MS + now_ms % SLOT_MS;
        let so_far = now_ms.saturating_sub(self.extent.since_ms.load(Ordering::Relaxed));
        whole.min(so_far.max(SLOT_MS))
    }

    fn extent_ms(&self) -> u64 {
        let Extent { first_ns, last_ns, .. } = &*self.extent;
        let (first, last) = (first_ns.load(Ordering::Relaxed), last_ns.load(Ordering::Relaxed));
        last.saturating_sub(first) / 1_000_000
    }
}

pub(super) fn is_live(at_ms: u64, now_ms: u64) -> bool {
    at_ms + LIVE_MS > now_ms
}

impl Reducer {
    /// What a function does; nothing for other nodes, and before its first invocation.
    pub fn workload(&self, node: NodeId) -> Option<Workload> {
        let now_ms = self.now_ms.load(Ordering::Relaxed);
        self.activity.workload(now_ms, |index| self.nodes.resolved(index).1 == node)
    }

    /// What every function does.
    pub fn workloads(&self) -> HashMap<NodeId, Workload> {
        let ids = self.activity.nodes.iter().map(|node| self.nodes.resolved(*node.key()).1);
        let ids: Vec<NodeId> = ids.collect();
        ids.into_iter().filter_map(|id| Some((id, self.workload(id)?))).collect()
    }
}

#[cfg(test)]
pub(super) mod tests;
