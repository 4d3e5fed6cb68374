use proptest::prelude::*;

use super::*;

const MOST: usize = 1_000;
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
        ends: u64::from(edge.0) << 32 | u64::from(edge.1),
        queue: u64::from(edge.0),
        start_ns: start_ms * MS,
        weight: ONE,
        again: false,
    }
}

fn facts(queues: &Queues, edge: EdgeKey) -> QueueFacts {
    let mut found = QueueFacts::default();
    queues.for_each(|key, sums| {
        if key == edge {
            found = sums.facts();
        }
    });
    found
}

/// What can happen to messages.
#[derive(Clone, Copy, Debug)]
enum Event {
    Sent([u64; 2], u64),
    Received(Received),
    Batch(i64),
}

/// Two messages sent by one span of two libraries, one by a span that names no message; one of them
/// fails twice and dies.
fn events() -> Vec<Event> {
    let by_sender = |delivery, sender| Received { sender, ..received(delivery, 0, EDGE, 1_400) };
    vec![
        Event::Sent([101, 11], 1_010 * MS),
        Event::Sent([102, 11], 1_000 * MS),
        Event::Sent([103, 12], 1_100 * MS),
        Event::Sent([104, 0], 1_200 * MS),
        Event::Batch(2),
        Event::Received(Received { sender: 101, ..received(1, 11, EDGE, 1_250) }),
        Event::Received(received(2, 12, EDGE, 1_250)),
        Event::Batch(1),
        Event::Received(by_sender(3, 104)),
        Event::Batch(1),
        Event::Received(Received { again: true, ..received(4, 12, EDGE, 31_250) }),
        Event::Batch(1),
        Event::Received(received(5, 12, EDGE, 61_250)),
        Event::Received(received(6, 12, DEAD, 91_250)),
        Event::Received(Received { again: true, ..received(7, 0, DEAD, 92_000) }),
    ]
}

fn run(events: impl IntoIterator<Item = Event>) -> Queues {
    let queues = Queues::default();
    for event in events {
        match event {
            Event::Sent(keys, end_ns) => queues.sent(keys, end_ns, MOST),
            Event::Received(received) => queues.received(received, MOST),
            Event::Batch(messages) => queues.received_batch(EDGE, messages, ONE),
        }
    }
    queues
}

proptest! {
    #[test]
    fn whatever_comes_first_the_facts_are_the_same(events in Just(events()).prop_shuffle()) {
        let queues = run(events);
        let live = facts(&queues, EDGE);
        prop_assert_eq!((live.messages, live.batches, live.largest), (5.0, 4.0, 2));
        prop_assert_eq!(live.mean_batch(), 1.25);
        prop_assert_eq!((live.redelivered, live.dead_letters), (2.0, 0.0));
        prop_assert_eq!(live.time.counts.total(), 5.0);
        // 150 ms, 200 ms, 250 ms from the earlier of two senders, half a minute, a minute.
        prop_assert!(live.time.p50_us.abs_diff(250_000) < 5_000, "{:?}", live);
        prop_assert!(live.time.p99_us.abs_diff(60_150_000) < 1_000_000, "{:?}", live);
        let dead = facts(&queues, DEAD);
        prop_assert_eq!((dead.redelivered, dead.dead_letters), (1.0, 1.0));
    }
}

#[test]
fn a_message_that_two_functions_receive_from_one_queue_is_no_dead_letter() {
    let other = (EDGE.0, 9);
    let queues = run([
        Event::Received(received(1, 11, EDGE, 10)),
        Event::Received(received(2, 11, other, 20)),
    ]);
    assert_eq!(facts(&queues, other).dead_letters, 0.0);
    assert_eq!(facts(&queues, other).redelivered, 0.0);
}

#[test]
fn clocks_that_disagree_make_no_negative_time() {
    let queues = run([
        Event::Sent([1, 0], 2_000 * MS),
        Event::Received(Received { sender: 1, ..received(1, 0, EDGE, 1_000) }),
    ]);
    let time = facts(&queues, EDGE).time;
    assert_eq!((time.counts.total(), time.p50_us), (1.0, 1));
}

#[test]
fn messages_without_end_take_no_memory_without_end() {
    let queues = Queues::default();
    for id in 1..=50_000 {
        queues.received(received(id, id, EDGE, id), 100);
        queues.received(received(id + 1_000_000, 1, EDGE, id), 100);
        queues.sent([id + 2_000_000, 0], id, 100);
    }
    let inner = queues.0.lock();
    let held = |kept: usize, more: usize| kept + more;
    assert!(held(inner.letters.young.len(), inner.letters.old.len()) <= 200);
    assert!(held(inner.deliveries.young.len(), inner.deliveries.old.len()) <= 200);
    assert!(inner.letters.young.values().all(|letter| letter.received.len() <= MOST_DELIVERIES));
}

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
