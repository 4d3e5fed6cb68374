use proptest::prelude::*;

use super::*;
use crate::reduce::Summary;
use crate::reduce::half::{Side, State};
use crate::reduce::hop::Class;
use crate::reduce::queue::QueueFacts;
use crate::reduce::sides::SideSums;
use crate::reduce::tally::ONE;

const MOST: usize = 1_000;
/// Who sends, and from whose queue a consumer receives.
const SENDER: NodeIndex = 9;
const EDGE: EdgeKey = (1, 2);
/// The queue for dead letters, and who looks after it.
const DEAD: EdgeKey = (3, 4);

const MS: u64 = 1_000_000;

fn received(delivery: u64, message: u64, edge: EdgeKey, start_ms: u64) -> Received {
    Received {
        delivery,
        message,
        sender: 0,
        edge,
        span: delivery,
        sighting: Sighting { sides: Sides::Server, failed: false, client: 0, server: 40 },
        requests: ONE,
        said: Some(Said {
            ends: u64::from(edge.0) << 32 | u64::from(edge.1),
            queue: u64::from(edge.0),
            start_ns: start_ms * MS,
            weight: ONE,
            again: false,
        }),
    }
}

fn again(mut received: Received) -> Received {
    received.said.as_mut().unwrap().again = true;
    received
}

/// A span that sends so many messages to the queue, and took `key` milliseconds.
fn sender(key: SpanKey, messages: i64) -> Half {
    Half {
        key,
        parent: 0,
        link: 0,
        request: 0,
        bridge: 0,
        bridged: 0,
        side: Side::Sends,
        state: State::Waiting,
        own: SENDER,
        other: EDGE.0,
        called: EDGE.0,
        origin: 0,
        unsure: false,
        sdk: false,
        class: Class::Ok,
        failed: false,
        message: false,
        cold: false,
        start_us: 0,
        ignored: false,
        duration_us: key * 1_000,
        weight: messages * ONE,
        operation: 0,
        version: 0,
        told: 0,
    }
}

/// What can happen to messages.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// The span, its messages, the key of their id, when it ended.
    Sent(SpanKey, i64, LetterKey, u64),
    Received(Received),
}

/// Two messages sent by one span of two libraries, one by a span that names no message; one of them
/// fails twice and dies.
fn events() -> Vec<Event> {
    let by_sender = |delivery, sender| Received { sender, ..received(delivery, 0, EDGE, 1_400) };
    vec![
        Event::Sent(201, 1, 11, 1_010 * MS),
        Event::Sent(102, 1, 11, 1_000 * MS),
        Event::Sent(303, 1, 12, 1_100 * MS),
        Event::Sent(404, 2, 0, 1_200 * MS),
        Event::Received(Received { sender: 201, ..received(1, 11, EDGE, 1_250) }),
        Event::Received(received(2, 12, EDGE, 1_250)),
        Event::Received(by_sender(3, 404)),
        Event::Received(again(received(4, 12, EDGE, 31_250))),
        Event::Received(received(5, 12, EDGE, 61_250)),
        Event::Received(received(6, 12, DEAD, 91_250)),
        Event::Received(again(received(7, 0, DEAD, 92_000))),
    ]
}

fn run(events: impl IntoIterator<Item = Event>) -> (Letters, Tally) {
    let (mut letters, tally) = (Letters::default(), Tally::default());
    for event in events {
        match event {
            Event::Sent(span, messages, message, end_ns) => {
                letters.sent(&sender(span, messages), end_ns, message, MOST, &tally);
            }
            Event::Received(received) => letters.received(received, MOST, &tally),
        }
    }
    (letters, tally)
}

fn facts(letters: &Letters, edge: EdgeKey) -> QueueFacts {
    letters.edges.get(&edge).map(Sums::facts).unwrap_or_default()
}

/// By ends: what was seen across queues, as the clients' and the servers' latencies.
fn across(tally: &Tally) -> Vec<(EdgeKey, Vec<(u64, i64)>, Vec<(u64, i64)>)> {
    let mut seen = Vec::new();
    tally.for_each_sides(|edge, sums: &SideSums| {
        for (sides, part) in sums.parts() {
            assert_eq!(sides, Sides::Across);
            seen.push((edge, part.client.entries().collect(), part.server.entries().collect()));
        }
    });
    seen.sort();
    seen
}

proptest! {
    #[test]
    fn whatever_comes_first_the_same_is_said(events in Just(events()).prop_shuffle()) {
        let (letters, tally) = run(events);
        let live = facts(&letters, EDGE);
        prop_assert_eq!((live.redelivered, live.dead_letters), (2.0, 0.0));
        prop_assert_eq!(live.time.counts.total(), 5.0);
        // 150 ms, 200 ms, 250 ms from the earlier of two senders, half a minute, a minute.
        prop_assert!(live.time.p50_us.abs_diff(250_000) < 5_000, "{:?}", live);
        prop_assert!(live.time.p99_us.abs_diff(60_150_000) < 1_000_000, "{:?}", live);
        let dead = facts(&letters, DEAD);
        prop_assert_eq!((dead.redelivered, dead.dead_letters), (1.0, 1.0));
        // The first message comes from the library's span, not from that over it; the second is
        // received three times, and once more from the other queue.
        let middle = |ms: u64| histogram::middle(histogram::bucket(ms * 1_000));
        let clients = vec![(middle(102), ONE), (middle(303), 3 * ONE), (middle(404), ONE)];
        let died = vec![(middle(303), ONE)];
        prop_assert_eq!(
            across(&tally),
            [((SENDER, 2), clients, vec![(40, 5 * ONE)]), ((SENDER, 4), died, vec![(40, ONE)])]
        );
        let mut joined: Vec<_> = letters.joined.iter().map(|(edge, sum)| (*edge, *sum)).collect();
        joined.sort_unstable();
        // Of the two messages of the last sender one was received.
        prop_assert_eq!(joined, [(EDGE, 5 * ONE), (DEAD, ONE), ((SENDER, EDGE.0), 3 * ONE)]);
    }
}

#[test]
fn a_message_that_two_functions_receive_from_one_queue_is_no_dead_letter() {
    let other = (EDGE.0, 9);
    let (letters, _) = run([
        Event::Received(received(1, 11, EDGE, 10)),
        Event::Received(received(2, 11, other, 20)),
    ]);
    assert_eq!(facts(&letters, other), QueueFacts::default());
}

#[test]
fn clocks_that_disagree_make_no_negative_time() {
    let (letters, _) = run([
        Event::Sent(1, 1, 0, 2_000 * MS),
        Event::Received(Received { sender: 1, ..received(1, 0, EDGE, 1_000) }),
    ]);
    let Summary { counts, p50_us, .. } = facts(&letters, EDGE).time;
    assert_eq!((counts.total(), p50_us), (1.0, 1));
}

#[test]
fn messages_without_end_take_no_memory_without_end() {
    let (mut letters, tally) = (Letters::default(), Tally::default());
    let key = |id: u64| id.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for id in 1..=50_000 {
        let one = received(key(id), key(id), EDGE, id);
        letters.received(Received { sender: 7, ..one }, 200, &tally);
        letters.received(received(key(id + 1_000_000), key(1), EDGE, id), 200, &tally);
        let half = Half { key: key(id + 2_000_000), ..sender(1, 1) };
        letters.sent(&half, id, 0, 200, &tally);
    }
    assert_eq!(
        (letters.letters.len(), letters.messages.len(), letters.deliveries.len()),
        (200, 200, 200)
    );
    assert!(letters.messages.get(key(1)).unwrap().received.len() <= MOST_DELIVERIES);
    assert!(letters.letters.get(7).unwrap().received.len() <= MOST_WAITING);
}
