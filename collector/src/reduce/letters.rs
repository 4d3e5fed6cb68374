//! Letters: who sent the messages that somebody received. In: every span that sends messages and
//! every message that a span receives, once, in any order. Out: for each edge that leaves a queue the
//! time in the queue, redeliveries and dead letters; and sightings of both sides of a message, from
//! function to function, for systems that draw no queues.
//!
//! A message is known by the span that sent it, which a link or a parent names, by its own id, or by
//! both; a sender may be two spans (an SDK's over a library's). Of all spans that may have sent a
//! message, the one that ended first did; when one comes later that ended earlier, what was said is
//! taken back. So sums do not depend on the order of arrival.

use std::num::NonZero;

use hashbrown::HashMap;
use smallvec::SmallVec;

use super::deliveries::Deliveries;
use super::half::{Half, SpanKey};
use super::histogram;
use super::kept::Kept;
use super::nodes::NodeIndex;
use super::queue::{EdgeKey, Sums};
use super::sides::{Sides, Sighting};
use super::tally::Tally;

/// What a message may be known by: the key of the span that sent it, or a hash of its own id. 0 is
/// nothing.
pub(super) type LetterKey = u64;

/// Edges with facts of their own; those past it have none.
const MOST_EDGES: usize = 20_000;

/// Deliveries of one message that are told apart; a message that fails for ever has more.
const MOST_DELIVERIES: usize = 32;

/// Deliveries that one span which sent messages may have to be told to.
const MOST_WAITING: usize = 1_000;

/// A message that a span received.
#[derive(Clone, Copy, Debug)]
pub(super) struct Received {
    /// Tells it from all others: a hash of the consumer's span and the message's place in it.
    pub(super) delivery: u64,
    /// Hash of the message's id; 0 where there is none.
    pub(super) message: LetterKey,
    /// Key of the span that sent it; 0 where nothing tells.
    pub(super) sender: LetterKey,
    /// Queue and consumer.
    pub(super) edge: EdgeKey,
    /// The consumer's span, and what it saw.
    pub(super) span: SpanKey,
    pub(super) sighting: Sighting,
    /// How many requests it stands for, in millionths.
    pub(super) requests: i64,
    /// What the span says of it; `None` where it is not certain that the span was run by messages.
    pub(super) said: Option<Said>,
}

/// What a consumer's span says of a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said {
    /// Hash of the names of queue and consumer: nodes may be known in part at first, and be others
    /// later.
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

/// A span that may have sent a message. One that ended before another is less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Sender {
    /// In nanoseconds since 1970.
    end_ns: u64,
    span: NonZero<SpanKey>,
}

impl Sender {
    /// None of what is no span.
    fn new(end_ns: u64, span: SpanKey) -> Option<Self> {
        NonZero::new(span).map(|span| Self { end_ns, span })
    }
}

/// What is known of a span that sent messages, or is said to have.
#[derive(Clone, Debug, Default)]
struct Letter {
    sent: Option<Sent>,
    /// Deliveries to be told when it comes.
    received: Deliveries,
}

/// What is known of a message's own id.
#[derive(Clone, Debug, Default)]
struct Message {
    /// Of the spans that sent it, the one that ended first.
    first: Option<Sender>,
    /// Deliveries to be told when another one comes.
    received: Deliveries,
}

/// What a span sent.
#[derive(Clone, Copy, Debug)]
struct Sent {
    /// When it ended, in nanoseconds since 1970.
    end_ns: u64,
    sender: NodeIndex,
    queue: NodeIndex,
    sighting: Sighting,
    /// In millionths.
    requests: i64,
    /// How much of it was received, in millionths. More than was sent where a topic hands a message
    /// on to several receivers, or a queue again to the same one.
    received: i64,
}

/// What stays to be known of a message that was [`Received`].
#[derive(Clone, Copy, Debug, Default)]
struct Delivery {
    edge: EdgeKey,
    span: SpanKey,
    sighting: Sighting,
    requests: i64,
    said: Option<Said>,
    sender: Option<Sender>,
}

impl Delivery {
    fn of(received: &Received) -> Self {
        let &Received { edge, span, sighting, requests, said, .. } = received;
        Self { edge, span, sighting, requests, said, sender: None }
    }
}

impl Said {
    /// The bucket of the time in the queue. Clocks that disagree make it a microsecond.
    fn time(&self, sender: Option<Sender>) -> Option<u16> {
        let nanos = self.start_ns.saturating_sub(sender?.end_ns);
        Some(histogram::bucket((nanos / 1_000).max(1)))
    }
}

/// Sums by edge, of so many edges at most.
type Edges<T> = HashMap<EdgeKey, T, foldhash::fast::RandomState>;

fn sum_of<T: Default>(edges: &mut Edges<T>, edge: EdgeKey) -> Option<&mut T> {
    let has_room = edges.len() < MOST_EDGES || edges.contains_key(&edge);
    has_room.then(|| edges.entry(edge).or_default())
}

/// All messages that may still be asked for, and what came of all.
#[derive(Debug, Default)]
pub(super) struct Letters {
    /// By the spans that sent them.
    letters: Kept<Letter>,
    /// By their own ids.
    messages: Kept<Message>,
    deliveries: Kept<Delivery>,
    pub(super) edges: Edges<Sums>,
    /// By sender and queue, and by queue and receiver: messages both of whose sides are known, in
    /// millionths.
    pub(super) joined: Edges<i64>,
}

impl Letters {
    /// A span sent messages. `message` is their key, where they have one; of spans, ids and deliveries
    /// `most` each are kept.
    pub(super) fn sent(
        &mut self,
        half: &Half,
        end_ns: u64,
        message: LetterKey,
        most: usize,
        tally: &Tally,
    ) {
        let Some(sender) = Sender::new(end_ns, half.key) else { return };
        let letter = self.letters.entry(half.key, most);
        let before = letter.sent.replace(Sent {
            end_ns,
            sender: half.own,
            queue: half.other,
            sighting: half.sighting(),
            requests: half.weight,
            received: 0,
        });
        let mut told: SmallVec<[u64; 8]> = SmallVec::new();
        if before.is_none_or(|before| end_ns < before.end_ns) {
            told.extend_from_slice(letter.received.as_slice());
        }
        if message != 0 {
            let message = self.messages.entry(message, most);
            if message.first.is_none_or(|first| sender < first) {
                message.first = Some(sender);
                told.extend_from_slice(message.received.as_slice());
            }
        }
        for delivery in told {
            self.found(delivery, sender, tally);
        }
    }

    /// What is said of an edge that leaves a queue, if there is room.
    pub(super) fn sums(&mut self, edge: EdgeKey) -> Option<&mut Sums> {
        sum_of(&mut self.edges, edge)
    }

    /// A span received a message.
    pub(super) fn received(&mut self, received: Received, most: usize, tally: &Tally) {
        let Received { delivery, message, sender, edge, said, .. } = received;
        *self.deliveries.entry(delivery, most) = Delivery::of(&received);
        let mut found = None;
        if sender != 0 && sender != message {
            let letter = self.letters.entry(sender, most);
            found = letter.sent.and_then(|sent| Sender::new(sent.end_ns, sender));
            if letter.received.len() < MOST_WAITING {
                letter.received.push(delivery);
            }
        }
        if message != 0 {
            let by_id = self.received_by_id(&received, most);
            found = found.into_iter().chain(by_id).min();
        } else if let Some(said) = said.filter(|said| said.again) {
            self.count_redelivered(edge, said.weight);
        }
        if let Some(sender) = found {
            self.found(delivery, sender, tally);
        }
    }

    /// Files a delivery under its message's id; returns who sent that.
    fn received_by_id(&mut self, received: &Received, most: usize) -> Option<Sender> {
        let Received { delivery, message, edge, said, .. } = *received;
        let message = self.messages.entry(message, most);
        let first = message.first;
        let before: SmallVec<[u64; 4]> = SmallVec::from_slice(message.received.as_slice());
        let is_full = before.len() >= MOST_DELIVERIES;
        if !is_full {
            message.received.push(delivery);
        }
        let Some(said) = said else { return first };
        if is_full {
            self.count_redelivered(edge, said.weight);
            return first;
        }
        let mut copies: SmallVec<[(EdgeKey, Said); 4]> = before
            .iter()
            .filter_map(|delivery| self.deliveries.get(*delivery))
            .filter_map(|known| Some((known.edge, known.said?)))
            .collect();
        let redelivered_before = redelivered(&copies, said.ends);
        let mut dead: SmallVec<[(EdgeKey, i64); 4]> =
            dead(&copies).map(|(edge, weight)| (edge, -weight)).collect();
        copies.push((edge, said));
        dead.extend(self::dead(&copies));
        self.count_redelivered(edge, redelivered(&copies, said.ends) - redelivered_before);
        for (edge, weight) in dead {
            if let Some(sums) = self.sums(edge) {
                sums.dead_letters += weight;
            }
        }
        first
    }

    fn count_redelivered(&mut self, edge: EdgeKey, weight: i64) {
        if weight != 0
            && let Some(sums) = self.sums(edge)
        {
            sums.redelivered += weight;
        }
    }

    /// A span that may have sent what was delivered is known.
    fn found(&mut self, delivery: u64, sender: Sender, tally: &Tally) {
        let Some(known) = self.deliveries.get_mut(delivery) else { return };
        // What was said of a sender that is forgotten cannot be taken back.
        let is_known = |span: NonZero<SpanKey>| {
            self.letters.get(span.get()).is_some_and(|it| it.sent.is_some())
        };
        if known.sender.is_some_and(|before| before <= sender || !is_known(before.span)) {
            return;
        }
        let before = known.sender.replace(sender);
        let known = *known;
        let earlier = before.map(|before| before.span.get());
        tally.recent.received(known.span, earlier, sender.span.get());
        if let Some(said) = known.said
            && let Some(sums) = self.sums(known.edge)
        {
            sums.add_time(said.time(before), -said.weight);
            sums.add_time(said.time(Some(sender)), said.weight);
        }
        if let Some(before) = earlier {
            self.join(before, &known, -known.requests, tally);
        }
        self.join(sender.span.get(), &known, known.requests, tally);
    }

    /// Counts a message whose both sides are known.
    fn join(&mut self, sender: SpanKey, received: &Delivery, requests: i64, tally: &Tally) {
        let Some(sent) = self.letters.get_mut(sender).and_then(|it| it.sent.as_mut()) else {
            return;
        };
        let told = sent.received.min(sent.requests);
        sent.received += requests;
        let newly = sent.received.min(sent.requests) - told;
        let (from, to) = ((sent.sender, sent.queue), received.edge);
        let sighting = sent.sighting.with(&received.sighting, Sides::Across);
        tally.sight((from.0, to.1), &sighting, requests, received.span);
        for (edge, requests) in [(from, newly), (to, requests)] {
            if requests != 0
                && let Some(sum) = sum_of(&mut self.joined, edge)
            {
                *sum += requests;
            }
        }
    }
}

/// What was delivered over an edge but for the first time: as many as the spans say, or as there
/// were deliveries after the first, whichever is more.
fn redelivered(copies: &[(EdgeKey, Said)], ends: u64) -> i64 {
    let there = || copies.iter().map(|(_, said)| said).filter(|said| said.ends == ends);
    let weights = || there().map(|said| said.weight);
    let again = there().filter(|said| said.again).map(|said| said.weight);
    let beyond_one = weights().sum::<i64>() - weights().max().unwrap_or(0);
    again.sum::<i64>().max(beyond_one)
}

/// The deliveries that came from another queue than an earlier one did.
fn dead(copies: &[(EdgeKey, Said)]) -> impl Iterator<Item = (EdgeKey, i64)> {
    let later = |(_, said): &&(EdgeKey, Said)| {
        let other = |(_, before): &(EdgeKey, Said)| {
            before.queue != said.queue && before.queue != 0 && before.start_ns < said.start_ns
        };
        said.queue != 0 && copies.iter().any(other)
    };
    copies.iter().filter(later).map(|(edge, said)| (*edge, said.weight))
}

#[cfg(test)]
mod tests;
