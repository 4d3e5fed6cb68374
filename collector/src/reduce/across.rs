//! Across: who sent the messages that somebody received. In: spans that send, and spans that
//! receive, in any order. Out: sightings of both sides of a message, from function to function, for
//! systems that draw no queues.
//!
//! A message is known by the span that sent it, which links or a parent name, or by its own id. On
//! the wall a queue is a node, and the hops to it and from it need none of this.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use dashmap::DashMap;
use hashbrown::HashMap;
use parking_lot::Mutex;
use smallvec::SmallVec;

use super::half::{Half, SpanKey};
use super::nodes::NodeIndex;
use super::sides::{Sides, Sighting};
use super::tally::Tally;

/// What a message may be known by: the key of the span that sent it, or a hash of its own id. 0 is
/// nothing.
pub(super) type MessageKey = u64;

/// A power of two; enough that two receivers rarely want the same one.
const SHARDS: usize = 16;
/// How long a message is waited for, in milliseconds, at least; twice that at most.
const GENERATION_MS: u64 = 300_000;
/// Bounds a generation's memory at about 25 MiB over all shards.
const MOST_KEYS: usize = (1 << 18) / SHARDS;

#[derive(Debug, Default)]
pub(super) struct Across {
    shards: [Mutex<Shard>; SHARDS],
    /// By sender and queue, and by queue and receiver: messages both of whose sides are known, in
    /// millionths.
    joined: DashMap<(NodeIndex, NodeIndex), i64, foldhash::fast::RandomState>,
}

#[derive(Debug, Default)]
struct Shard {
    young: Keys,
    old: Keys,
    turned_ms: u64,
}

type Keys = HashMap<MessageKey, Meeting, foldhash::fast::RandomState>;

#[derive(Debug, Default)]
struct Meeting {
    sent: Option<Arc<Sent>>,
    waiting: SmallVec<[Arc<Received>; 1]>,
}

/// A span that sent messages.
#[derive(Debug)]
struct Sent {
    sender: NodeIndex,
    queue: NodeIndex,
    sighting: Sighting,
    /// What it sent and nobody has received yet, in millionths. A topic hands a message on to
    /// several receivers, and a queue again to the same one.
    left: AtomicI64,
}

/// One message of a span that received some.
#[derive(Debug)]
struct Received {
    receiver: NodeIndex,
    key: SpanKey,
    sighting: Sighting,
    weight: i64,
    joined: AtomicBool,
}

impl Across {
    /// A span sent messages that are known by `keys`.
    pub(super) fn send(&self, half: &Half, keys: [MessageKey; 2], tally: &Tally, now_ms: u64) {
        let sent = Arc::new(Sent {
            sender: half.own,
            queue: half.other,
            sighting: half.sighting(),
            left: AtomicI64::new(half.weight),
        });
        for key in keys.into_iter().filter(|key| *key != 0) {
            let waiting = self.with(key, now_ms, |meeting| {
                meeting.sent.get_or_insert_with(|| Arc::clone(&sent));
                std::mem::take(&mut meeting.waiting)
            });
            waiting.iter().for_each(|received| self.join(&sent, received, tally));
        }
    }

    /// A span received one message, known by `keys`, that stands for `weight` millionths.
    pub(super) fn receive(
        &self,
        half: &Half,
        weight: i64,
        keys: [MessageKey; 2],
        tally: &Tally,
        now_ms: u64,
    ) {
        let received = Arc::new(Received {
            receiver: half.own,
            key: half.key,
            sighting: half.sighting(),
            weight,
            joined: AtomicBool::new(false),
        });
        for key in keys.into_iter().filter(|key| *key != 0) {
            let sent = self.with(key, now_ms, |meeting| {
                if meeting.sent.is_none() {
                    meeting.waiting.push(Arc::clone(&received));
                }
                meeting.sent.clone()
            });
            if let Some(sent) = sent {
                self.join(&sent, &received, tally);
                return;
            }
        }
    }

    fn with<T>(&self, key: MessageKey, now_ms: u64, meet: impl FnOnce(&mut Meeting) -> T) -> T {
        let place = (key >> 16) as usize % SHARDS;
        let mut shard = self.shards[place].lock();
        shard.turn(now_ms);
        let Shard { young, old, .. } = &mut *shard;
        meet(young.entry(key).or_insert_with(|| old.remove(&key).unwrap_or_default()))
    }

    fn join(&self, sent: &Sent, received: &Received, tally: &Tally) {
        if received.joined.swap(true, Ordering::Relaxed) {
            return;
        }
        let weight = received.weight;
        let sighting = sent.sighting.with(&received.sighting, Sides::Across);
        tally.sight((sent.sender, received.receiver), &sighting, weight, received.key);
        *self.joined.entry((sent.queue, received.receiver)).or_default() += weight;
        let left = sent.left.fetch_sub(weight, Ordering::Relaxed);
        *self.joined.entry((sent.sender, sent.queue)).or_default() += weight.min(left.max(0));
    }

    /// Visits messages whose sides are known, in millionths: by sender and queue, and by queue and
    /// receiver.
    pub(super) fn for_each_joined(&self, mut visit: impl FnMut((NodeIndex, NodeIndex), i64)) {
        self.joined.iter().for_each(|entry| visit(*entry.key(), *entry.value()));
    }
}

impl Shard {
    /// Forgets what is too old, or too much.
    fn turn(&mut self, now_ms: u64) {
        let due = now_ms.saturating_sub(self.turned_ms) >= GENERATION_MS;
        if due || self.young.len() >= MOST_KEYS {
            self.turned_ms = now_ms;
            self.old = std::mem::take(&mut self.young);
        }
    }
}
