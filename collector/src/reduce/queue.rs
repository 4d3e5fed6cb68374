//! Queues: what is said of messages between their sender and their consumer. In: every span that
//! sends messages and every one that consumes some, once. Out: for each edge that leaves a queue,
//! topic or stream: the time in the queue, sizes of batches, redeliveries, dead letters.

use crossbeam_utils::CachePadded;
use hashbrown::HashMap;
use parking_lot::Mutex;

use super::histogram::Histogram;
use super::hop::{Edge, EdgeId};
use super::letters::Letters;
use super::node::{Node, NodeId, NodeKind};
use super::nodes::NodeIndex;
use super::tally::ONE;
use super::{Reducer, Summary};

pub(super) type EdgeKey = (NodeIndex, NodeIndex);

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

/// The same in millionths.
#[derive(Clone, Debug, Default)]
pub(super) struct Sums {
    time: Histogram,
    timed: i64,
    batches: i64,
    messages: i64,
    largest: u64,
    pub(super) redelivered: i64,
    pub(super) dead_letters: i64,
}

impl Sums {
    /// Adds a message whose time in the queue is known, by its bucket.
    pub(super) fn add_time(&mut self, time: Option<u16>, weight: i64) {
        if let Some(bucket) = time {
            self.time.add(bucket, weight);
            self.timed += weight;
        }
    }

    /// A span received so many messages at once; weight in millionths of a batch.
    pub(super) fn add_batch(&mut self, messages: i64, weight: i64) {
        self.batches += weight;
        self.messages += weight * messages;
        self.largest = self.largest.max(u64::try_from(messages).unwrap_or(0));
    }

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

    pub(super) fn facts(&self) -> QueueFacts {
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

/// What is known of all queues, shared by all receivers. One lock: of all spans only those that
/// send or consume messages come here.
#[derive(Debug, Default)]
pub(super) struct Queues(pub(super) CachePadded<Mutex<Letters>>);

impl Queues {
    /// A span received so many messages at once; weight in millionths of a batch.
    pub(super) fn received_batch(&self, edge: EdgeKey, messages: i64, weight: i64) {
        if let Some(sums) = self.0.lock().sums(edge) {
            sums.add_batch(messages, weight);
        }
    }

    fn for_each(&self, mut visit: impl FnMut(EdgeKey, &Sums)) {
        self.0.lock().edges.iter().for_each(|(edge, sums)| visit(*edge, sums));
    }

    /// Visits messages both of whose sides are known, in millionths: by sender and queue, and by
    /// queue and receiver.
    pub(super) fn for_each_joined(&self, mut visit: impl FnMut(EdgeKey, i64)) {
        self.0.lock().joined.iter().for_each(|(edge, requests)| visit(*edge, *requests));
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
mod tests {
    use super::*;

    #[test]
    fn queues_for_dead_letters_are_known_by_their_names() {
        for name in [
            "shipments-dlq",
            "shipments_dlq",
            "dlq",
            "a.DLQ.fifo",
            "orders-dlq.fifo",
            "OrdersDLQ",
            "stack-OrdersDLQ1A2B-X",
            "dead-letters",
            "orders_dead_letter_queue",
            "my-deadletter-q",
            "OrdersDeadLetterQueue",
        ] {
            assert!(is_named_dead_letter(name), "{name}");
        }
        for name in ["shipments", "handlqueue", "letters", "dead-code", "dlqueue-x", ""] {
            assert!(!is_named_dead_letter(name), "{name}");
        }
    }
}
