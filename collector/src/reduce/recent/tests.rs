use proptest::prelude::*;

use super::*;
use crate::reduce::half::{Side, State};
use crate::reduce::sides::Sighting;

fn half(key: SpanKey) -> Half {
    Half {
        key,
        parent: 0,
        link: 0,
        request: 0,
        bridge: 0,
        bridged: 0,
        side: Side::Calls,
        state: State::Waiting,
        own: 1,
        other: 2,
        called: 0,
        origin: 3,
        unsure: false,
        sdk: false,
        class: Class::Ok,
        failed: false,
        message: false,
        cold: false,
        ignored: false,
        start_us: key,
        duration_us: 5,
        weight: 1,
        operation: 7,
        version: 8,
        told: 0,
    }
}

fn counted(class: Class, latency: u16) -> Counted {
    Counted {
        source: 1,
        target: 2,
        class,
        cold: false,
        ignored: false,
        latency,
        weight: 1,
        operation: 0,
        version: 0,
        sighting: Sighting::default(),
    }
}

/// Of every shard some.
fn key(number: u64) -> SpanKey {
    1 << 63 | number << 8 | (number % SHARDS as u64)
}

fn trace(number: u64) -> TraceId {
    u128::from(number).to_be_bytes()
}

fn arrives(recent: &Recent, number: u64, of_trace: u64, counts: &Counted, now_ms: u64) {
    recent.saw(&half(key(number)), trace(of_trace), now_ms);
    recent.counts(key(number), Some(counts));
}

/// As slow as to fill the ring in this many milliseconds a span.
const CALM_MS: u64 = 2 * STAY_MS / ROOM as u64;

#[test]
fn an_example_stays_with_its_whole_trace_however_much_comes_after_it() {
    let recent = Recent::default();
    for number in 1..=5 {
        arrives(&recent, number, 7, &counted(Class::Ok, 90), 0);
    }
    arrives(&recent, 6, 7, &counted(Class::Error, 90), 0);
    for number in 7..5 * ROOM as u64 {
        arrives(&recent, number, 1_000 + number, &counted(Class::Ok, 3), number * CALM_MS);
    }
    let ring = recent.lock();
    assert_eq!(ring.len(), ROOM);
    let whole = ring.all().filter(|(_, seen)| seen.trace == trace(7));
    assert_eq!(whole.count(), 6);
    assert_eq!(recent.taken.load(Ordering::Relaxed), SHARDS, "calm traffic is taken whole");
}

#[test]
fn a_trace_that_somebody_follows_stays() {
    let recent = Recent::default();
    arrives(&recent, 1, 7, &counted(Class::Ok, 3), 0);
    recent.lock().follow_trace(trace(7), 0);
    for number in 2..4 * ROOM as u64 {
        arrives(&recent, number, 1_000 + number, &counted(Class::Ok, 90), number * CALM_MS);
    }
    assert!(recent.lock().find(key(1)).is_some());
    assert!(recent.lock().find(key(2)).is_none());
}

#[test]
fn of_a_flood_a_share_is_taken_and_all_again_when_it_is_over() {
    let recent = Recent::default();
    let flood = 200 * ROOM as u64;
    for number in 1..flood {
        // A million a second.
        arrives(&recent, number, number, &counted(Class::Ok, 3), number / 1_000);
    }
    assert_eq!(recent.taken.load(Ordering::Relaxed), 1);
    assert_eq!(recent.there.load(Ordering::Relaxed), 1, "the others cost nothing");
    assert!(recent.lock().all().all(|(_, seen)| shard_of(seen.key) == 0));
    for tick in 0..1_000 {
        recent.wait(flood / 1_000 + tick * 200);
    }
    assert_eq!(recent.taken.load(Ordering::Relaxed), SHARDS);
    assert_eq!(recent.there.load(Ordering::Relaxed), SHARDS);
}

#[test]
fn one_trace_without_end_does_not_keep_others_out() {
    let recent = Recent::default();
    for number in 1..3 * ROOM as u64 {
        arrives(&recent, number, 7, &counted(Class::Error, 90), number * CALM_MS);
    }
    recent.lock().follow_trace(trace(7), 0);
    let last = 3 * ROOM as u64;
    for number in last..last + 100 {
        arrives(&recent, number, 8, &counted(Class::Ok, 90), number * CALM_MS);
    }
    let others = recent.lock().all().filter(|(_, seen)| seen.trace == trace(8)).count();
    assert_eq!((others, recent.lock().len()), (100, ROOM));
}

#[test]
fn traces_are_joined_by_calls_and_messages_in_both_directions_and_not_without_end() {
    let recent = Recent::default();
    for number in 1..=20 {
        arrives(&recent, number, number, &counted(Class::Ok, 3), 0);
        if number > 1 {
            recent.called(key(number), key(number - 1));
        }
    }
    let ring = recent.lock();
    let links = ring.links();
    let mut found = joined(trace(3), &links).to_vec();
    assert_eq!(found.len(), MOST_TRACES);
    found.sort_unstable();
    assert_eq!(found[..5], [1, 2, 3, 4, 5].map(trace));
}

proptest! {
    #[test]
    fn the_best_are_the_same_in_any_order_and_one_of_each_trace(
        hops in prop::collection::vec((0_u64..12, 0_u16..40, 0_u8..3), 1..60),
        seed in any::<u64>(),
    ) {
        let seen: Vec<_> = (1..)
            .zip(&hops)
            .map(|(number, &(of_trace, latency, class))| {
                let class = [Class::Ok, Class::Error, Class::Throttled][usize::from(class)];
                let hop = Hop::of(&counted(class, latency)).unwrap();
                let Half { key, start_us, duration_us, .. } = half(key(number));
                let (trace, caller, came_s) = (trace(of_trace), 0, 0);
                let hop = Some(hop);
                Seen { key, trace, start_us, duration_us, caller, came_s, is_caller: true, hop }
            })
            .collect();
        let best = |order: &[usize]| {
            let mut best = Best::default();
            for place in order {
                let it = &seen[*place];
                best.offer(it, it.hop.as_ref().unwrap(), *place as u32, 0);
            }
            [best.slowest, best.errors, best.throttled]
        };
        let order: Vec<usize> = (0..seen.len()).collect();
        let mut other = order.clone();
        other.sort_by_key(|place| (*place as u64 ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        prop_assert_eq!(best(&order), best(&other));
        let [slowest, ..] = best(&order);
        let traces: HashSet<_> = slowest.iter().map(|it| it.2).collect();
        prop_assert_eq!(traces.len(), slowest.len());
        let longest = hops.iter().map(|hop| u64::from(hop.1)).max();
        prop_assert_eq!(slowest.first().map(|it| it.0), longest);
    }
}
