//! Queues: what happened to messages between their sender and their consumer. In: every span that
//! sends messages and every span that consumes some, once. Out: for each edge that leaves a queue,
//! topic or stream: the time in the queue, sizes of batches, redeliveries, dead letters.
//!
//! A consumer's link leads to its sender by span id, by message id, or by both; a sender may be
//! two spans (an SDK's over a library's). The time in the queue is from the end of the earliest of
//! them to the consumer's start, found whichever comes first, and corrected when an earlier one
//! comes later: sums do not depend on the order of arrival.

use hashbrown::HashMap;
use parking_lot::Mutex;
use smallvec::SmallVec;

use super::histogram::{self, Histogram};
use super::hop::{Edge, EdgeId};
use super::node::{Node, NodeId, NodeKind};
use super::nodes::NodeIndex;
use super::tally::ONE;
use super::{Reducer, Summary};

/// Edges with facts of their own; those past it have none.
const MOST_EDGES: usize = 20_000;

/// Deliveries of one message that are told apart; a message that fails for ever has more.
const MOST_DELIVERIES: usize = 32;

type EdgeKey = (NodeIndex, NodeIndex);

/// No time.
const NEVER: u64 = u64::MAX;

/// A message that a consumer's span received.
#[derive(Clone, Copy, Debug)]
pub(super) struct Received {
    /// Tells it from all others: a hash of the consumer's span and the message's place in it.
    pub(super) delivery: u64,
    /// Hash of the message's id; 0 where there is none.
    pub(super) message: u64,
    /// Key of the span that sent it; 0 where no link tells.
    pub(super) sender: u64,
    /// Queue and consumer.
    pub(super) edge: EdgeKey,
    /// Hash of the names of both: nodes may be known in part at first, and be others later.
    pub(super) ends: u64,
    /// Hash of the queue's name, where ids are kept when a message moves to another queue (SQS);
    /// else 0.
    pub(super) queue: u64,
    /// When the consumer began, in nanoseconds since 1970.
    pub(super) start_ns: u64,
    /// In millionths of a message.
    pub(super) weight: i64,
    /// Whether the span says that it had been delivered before.
    pub(super) again: bool,
}

/// What is known of edges that leave a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct QueueFacts {
    /// Messages whose time in the queue is known, and that time, in microseconds.
    pub time: Summary,
    /// How often messages were received: batches.
    pub batches: f64,
    /// Messages received.
    pub messages: f64,
    /// Messages in the largest batch.
    pub largest: u64,
    /// Messages that had been delivered before.
    pub redelivered: f64,
    /// Messages that had been delivered from another queue before.
    pub dead_letters: f64,
}

impl QueueFacts {
    /// Messages in a batch on average; 0 without batches.
    pub fn mean_batch(&self) -> f64 {
        if self.batches == 0.0 { 0.0 } else { self.messages / self.batches }
    }
}

#[derive(Clone, Debug, Default)]
struct Sums {
    time: Histogram,
    timed: i64,
    batches: i64,
    messages: i64,
    largest: u64,
    redelivered: i64,
    dead_letters: i64,
}

impl Sums {
    fn merge(&mut self, other: &Self) {
        let Self { time, timed, batches, messages, largest, redelivered, dead_letters } = other;
        self.time.merge(time);
        self.timed += timed;
        self.batches += batches;
        self.messages += messages;
        self.largest = self.largest.max(*largest);
        self.redelivered += redelivered;
        self.dead_letters += dead_letters;
    }

    fn facts(&self) -> QueueFacts {
        #[expect(clippy::cast_precision_loss, reason = "exact up to nine billion messages")]
        let count = |sum: i64| sum as f64 / ONE as f64;
        let counts = super::Counts { ok: count(self.timed), ..super::Counts::default() };
        let quantile = |q| self.time.quantile(q);
        QueueFacts {
            time: Summary {
                counts,
                p50_us: quantile(0.5),
                p95_us: quantile(0.95),
                p99_us: quantile(0.99),
            },
            batches: count(self.batches),
            messages: count(self.messages),
            largest: self.largest,
            redelivered: count(self.redelivered),
            dead_letters: count(self.dead_letters),
        }
    }
}

/// What is known under one key: a sender's span or a message's id.
#[derive(Clone, Debug)]
struct Letter {
    /// When it was sent, in nanoseconds since 1970.
    sent_ns: u64,
    received: SmallVec<[Received; 1]>,
}

impl Default for Letter {
    fn default() -> Self {
        Self { sent_ns: NEVER, received: SmallVec::new() }
    }
}

impl Letter {
    /// What was delivered over an edge but for the first time: as many as the spans say, or as
    /// there were deliveries after the first, whichever is more.
    fn redelivered(&self, ends: u64) -> i64 {
        let there = || self.received.iter().filter(|received| received.ends == ends);
        let weights = || there().map(|received| received.weight);
        let said = there().filter(|received| received.again).map(|received| received.weight);
        let beyond_one = weights().sum::<i64>() - weights().max().unwrap_or(0);
        said.sum::<i64>().max(beyond_one)
    }

    /// The deliveries that came from another queue than an earlier one did.
    fn dead(&self) -> impl Iterator<Item = (EdgeKey, i64)> {
        let later = |received: &&Received| {
            let other = |before: &Received| {
                before.queue != received.queue
                    && before.queue != 0
                    && before.start_ns < received.start_ns
            };
            received.queue != 0 && self.received.iter().any(other)
        };
        self.received.iter().filter(later).map(|received| (received.edge, received.weight))
    }
}

/// The time in the queue of one delivery, as far as it is known.
#[derive(Clone, Copy, Debug)]
struct Delivery {
    edge: EdgeKey,
    start_ns: u64,
    sent_ns: u64,
    weight: i64,
}

impl Delivery {
    /// The bucket of the time in the queue. Clocks that disagree make it a microsecond.
    fn time(&self) -> Option<u16> {
        let nanos = self.start_ns.saturating_sub(self.sent_ns);
        (self.sent_ns != NEVER).then(|| histogram::bucket((nanos / 1_000).max(1)))
    }
}

/// A map that forgets what was not touched for long: two generations, the older of which goes when
/// the younger is full.
#[derive(Debug)]
struct Kept<T> {
    young: HashMap<u64, T, foldhash::fast::RandomState>,
    old: HashMap<u64, T, foldhash::fast::RandomState>,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self { young: HashMap::default(), old: HashMap::default() }
    }
}

impl<T: Default> Kept<T> {
    fn entry(&mut self, key: u64, most: usize) -> &mut T {
        if self.young.len() >= most && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        let old = &mut self.old;
        self.young.entry(key).or_insert_with(|| old.remove(&key).unwrap_or_default())
    }
}

impl<T> Kept<T> {
    fn insert(&mut self, key: u64, value: T, most: usize) {
        if self.young.len() >= most {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }

    fn get_mut(&mut self, key: u64) -> Option<&mut T> {
        self.young.get_mut(&key).or_else(|| self.old.get_mut(&key))
    }
}

/// What is known of all queues, shared by all receivers. One lock: of all spans only those that
/// send or consume messages come here.
#[derive(Debug, Default)]
pub(super) struct Queues(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    letters: Kept<Letter>,
    deliveries: Kept<Delivery>,
    edges: HashMap<EdgeKey, Sums, foldhash::fast::RandomState>,
}

impl Queues {
    /// A span that sent messages ended then. Its keys: of the span, and of the message's id.
    pub(super) fn sent(&self, keys: [u64; 2], end_ns: u64, most: usize) {
        let mut inner = self.0.lock();
        for key in keys.into_iter().filter(|key| *key != 0) {
            let letter = inner.letters.entry(key, most);
            if end_ns >= letter.sent_ns {
                continue;
            }
            letter.sent_ns = end_ns;
            let deliveries: SmallVec<[u64; 1]> =
                letter.received.iter().map(|received| received.delivery).collect();
            deliveries.into_iter().for_each(|delivery| inner.was_sent(delivery, end_ns));
        }
    }

    /// A span received so many messages at once; weight in millionths of a batch.
    pub(super) fn received_batch(&self, edge: EdgeKey, messages: i64, weight: i64) {
        let mut inner = self.0.lock();
        if let Some(sums) = inner.sums(edge) {
            sums.batches += weight;
            sums.messages += weight * messages;
            sums.largest = sums.largest.max(u64::try_from(messages).unwrap_or(0));
        }
    }

    /// One of its messages, where anything is known of it.
    pub(super) fn received(&self, received: Received, most: usize) {
        let Received { delivery, message, sender, edge, start_ns, weight, .. } = received;
        let mut inner = self.0.lock();
        let new = Delivery { edge, start_ns, sent_ns: NEVER, weight };
        inner.deliveries.insert(delivery, new, most);
        let mut sent_ns = NEVER;
        if sender != 0 && sender != message {
            let letter = inner.letters.entry(sender, most);
            sent_ns = letter.sent_ns;
            if letter.received.len() < MOST_DELIVERIES {
                letter.received.push(received);
            }
        }
        if message == 0 {
            inner.count_redelivered(edge, if received.again { weight } else { 0 });
        } else {
            sent_ns = sent_ns.min(inner.received_by_id(received, most));
        }
        inner.was_sent(delivery, sent_ns);
    }

    fn for_each(&self, mut visit: impl FnMut(EdgeKey, &Sums)) {
        self.0.lock().edges.iter().for_each(|(edge, sums)| visit(*edge, sums));
    }
}

impl Inner {
    fn sums(&mut self, edge: EdgeKey) -> Option<&mut Sums> {
        let has_room = self.edges.len() < MOST_EDGES || self.edges.contains_key(&edge);
        has_room.then(|| self.edges.entry(edge).or_default())
    }

    fn count_redelivered(&mut self, edge: EdgeKey, weight: i64) {
        if weight != 0
            && let Some(sums) = self.sums(edge)
        {
            sums.redelivered += weight;
        }
    }

    /// Files a delivery under its message's id; returns when that was sent.
    fn received_by_id(&mut self, received: Received, most: usize) -> u64 {
        let Received { edge, ends, weight, .. } = received;
        let letter = self.letters.entry(received.message, most);
        let sent_ns = letter.sent_ns;
        if letter.received.len() >= MOST_DELIVERIES {
            self.count_redelivered(edge, weight);
            return sent_ns;
        }
        let redelivered = letter.redelivered(ends);
        let mut dead: SmallVec<[(EdgeKey, i64); 4]> =
            letter.dead().map(|(edge, weight)| (edge, -weight)).collect();
        letter.received.push(received);
        let redelivered = letter.redelivered(ends) - redelivered;
        dead.extend(letter.dead());
        self.count_redelivered(edge, redelivered);
        for (edge, weight) in dead {
            if let Some(sums) = self.sums(edge) {
                sums.dead_letters += weight;
            }
        }
        sent_ns
    }

    /// A sender of this delivery is known; the earliest of them counts.
    fn was_sent(&mut self, delivery: u64, sent_ns: u64) {
        let Some(delivery) = self.deliveries.get_mut(delivery) else { return };
        if sent_ns >= delivery.sent_ns {
            return;
        }
        let before = delivery.time();
        delivery.sent_ns = sent_ns;
        let (edge, after, weight) = (delivery.edge, delivery.time(), delivery.weight);
        let Some(sums) = self.sums(edge) else { return };
        for (bucket, weight) in
            before.map(|b| (b, -weight)).into_iter().chain(after.map(|b| (b, weight)))
        {
            sums.time.add(bucket, weight);
            sums.timed += weight;
        }
    }
}

/// Whether a queue's name says that it takes what others could not deal with: `orders-dlq`,
/// `orders_dlq.fifo`, `dead-letters`, `OrdersDLQ`.
fn is_named_dead_letter(name: &str) -> bool {
    let parts = name.split(|c: char| !c.is_ascii_alphanumeric());
    let word = |part: &str| {
        let part = part.to_ascii_lowercase();
        part == "dlq" || part.starts_with("deadletter")
    };
    let lower = name.to_ascii_lowercase().replace('_', "-");
    parts.into_iter().any(word)
        || lower.contains("dead-letter")
        || name.contains("DLQ")
        || name.contains("DeadLetter")
}

impl Reducer {
    /// What is known of the messages on an edge that leaves a queue.
    pub fn edge_queue(&self, edge: EdgeId) -> Option<QueueFacts> {
        self.queue_where(|id, _| id == edge)
    }

    /// What is known of the messages that leave a queue, whoever consumes them.
    pub fn node_queue(&self, node: NodeId) -> Option<QueueFacts> {
        self.queue_where(|_, edge| edge.source == node)
    }

    fn queue_where(&self, wanted: impl Fn(EdgeId, Edge) -> bool) -> Option<QueueFacts> {
        let mut total: Option<Sums> = None;
        self.queues.for_each(|(source, target), sums| {
            let (id, edge) = self.nodes.edge(source, target);
            if wanted(id, edge) {
                total.get_or_insert_default().merge(sums);
            }
        });
        total.map(|sums| sums.facts())
    }

    /// What is known of the messages on every edge that leaves a queue.
    pub fn queues(&self) -> HashMap<EdgeId, QueueFacts> {
        let mut all: HashMap<EdgeId, Sums> = HashMap::default();
        self.queues.for_each(|(source, target), sums| {
            all.entry(self.nodes.edge(source, target).0).or_default().merge(sums);
        });
        all.into_iter().map(|(id, sums)| (id, sums.facts())).collect()
    }

    /// The queues that take what others could not deal with: by their name, or because a message
    /// was consumed from another queue before.
    pub fn dead_letter_queues(&self) -> Vec<NodeId> {
        let mut found = Vec::new();
        self.queues.for_each(|(source, _), sums| {
            if sums.dead_letters > 0 {
                found.push(self.nodes.resolved(source).1);
            }
        });
        self.nodes.for_each(|_, id, node, _| {
            if is_dead_letter(node) {
                found.push(id);
            }
        });
        found.sort_unstable();
        found.dedup();
        found
    }
}

fn is_dead_letter(node: &Node) -> bool {
    matches!(node.kind, NodeKind::Queue | NodeKind::Topic) && is_named_dead_letter(&node.name)
}

#[cfg(test)]
mod tests;
