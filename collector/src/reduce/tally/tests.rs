use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::reduce::histogram::bucket;
use crate::reduce::hop::Counts;
use crate::reduce::sides::Sides;

fn hop(class: Class) -> Counted {
    Counted {
        source: 1,
        target: 2,
        class,
        cold: false,
        ignored: false,
        latency: 100,
        weight: ONE,
        operation: 0,
        version: 0,
        sighting: Sighting::default(),
    }
}

fn took(ms: u64) -> Counted {
    Counted { latency: bucket(ms * 1_000), ..hop(Class::Ok) }
}

fn add(tally: &Tally, hop: &Counted) {
    tally.replace(1, None, Some((*hop, false)));
}

fn take_back(tally: &Tally, hop: &Counted) {
    tally.replace(1, Some((*hop, false)), None);
}

fn one_edge(_: EdgeKey) -> EdgeId {
    EdgeId(1)
}

fn all_ends(keys: &[EdgeKey]) -> Vec<Ends> {
    keys.iter().map(|key| ends(*key)).collect()
}

fn ends(key: EdgeKey) -> Ends {
    Ends { edge: one_edge(key), from_unknown: false, tells: false }
}

fn tick(tally: &Tally, slow: Slow) -> Vec<Moved> {
    tally.settle(all_ends, slow, 0);
    tally.drain(one_edge, |_, _, _| {}).0
}

fn account(tally: &Tally) -> Counts {
    let mut counts = Counts::default();
    tally.for_each(|_, sums| counts.add(&sums.summary().counts));
    counts
}

#[test]
fn a_tick_holds_what_happened_since_the_last_one() {
    let tally = Tally::default();
    add(&tally, &hop(Class::Ok));
    add(&tally, &hop(Class::Error));
    let first = tick(&tally, Slow::Auto);
    assert_eq!((first[0].counts.ok, first[0].counts.error), (1.0, 1.0));
    assert!(tick(&tally, Slow::Auto).is_empty());
    assert_eq!(tally.hops(), 2);
}

#[test]
fn a_hop_taken_back_within_its_tick_was_never_there() {
    let tally = Tally::default();
    add(&tally, &hop(Class::Ok));
    take_back(&tally, &hop(Class::Ok));
    assert!(tick(&tally, Slow::Auto).is_empty());
    assert_eq!(tally.hops(), 0);
}

#[test]
fn two_edges_that_turn_out_to_be_one_make_one_entry_of_the_tick() {
    let tally = Tally::default();
    add(&tally, &hop(Class::Ok));
    add(&tally, &Counted { source: 9, ..hop(Class::Ok) });
    let moved = tick(&tally, Slow::Auto);
    assert_eq!(moved.len(), 1);
    assert_eq!(moved[0].counts.ok, 2.0);
}

#[test]
fn what_was_judged_before_a_tick_is_in_the_tick() {
    let tally = Tally::default();
    let slow = Slow::Over(Duration::from_millis(100));
    add(&tally, &took(50));
    tally.settle(all_ends, slow, 0);
    add(&tally, &took(200));
    tally.settle(all_ends, slow, 0);
    assert_eq!(account(&tally), Counts { ok: 1.0, slow: 1.0, ..Counts::default() });
    let moved = tally.drain(one_edge, |_, _, _| {}).0;
    assert_eq!(moved.len(), 1);
    assert_eq!(moved[0].counts, account(&tally));
}

#[test]
fn only_hops_that_worked_are_slow_and_only_they_tell_what_is_usual() {
    let tally = Tally::default();
    (0..40).for_each(|_| add(&tally, &took(100)));
    (0..60).for_each(|_| add(&tally, &Counted { class: Class::Error, ..took(30_000) }));
    add(&tally, &took(900));
    let counts = tick(&tally, Slow::Auto)[0].counts;
    assert_eq!((counts.ok, counts.slow, counts.error), (40.0, 1.0, 60.0));
    let usual = tally.bounds(EdgeId(1), Slow::Auto).usual_us.unwrap();
    assert!(usual.abs_diff(100_000) < 2_000, "{usual}");
}

#[test]
fn a_hop_that_was_ok_when_it_was_counted_leaves_nothing_when_it_is_taken_back_as_slow() {
    let tally = Tally::default();
    add(&tally, &took(300));
    let told = tick(&tally, Slow::Over(Duration::from_secs(1)))[0].counts;
    assert_eq!(told.ok, 1.0);
    take_back(&tally, &took(300));
    let told = tick(&tally, Slow::Over(Duration::from_millis(100)))[0].counts;
    assert_eq!((told.ok, told.slow), (-1.0, 0.0));
    tally.for_each(|_, sums| assert!(sums.is_nothing()));
}

#[test]
fn a_hop_without_its_callee_is_unknown_where_the_target_tells_of_others() {
    let unknown = |tally: &Tally, ends: Ends| {
        tally.settle(|edges| vec![ends; edges.len()], Slow::Auto, 0);
        tally.drain(one_edge, |_, _, _| {}).1
    };
    let seen = |sides, class| Counted {
        sighting: Sighting { sides, ..Sighting::default() },
        ..hop(class)
    };
    let lone = seen(Sides::Client, Class::Ok);
    let answered = seen(Sides::Both, Class::Ok);
    let refused = seen(Sides::Client, Class::Throttled);
    let entry = seen(Sides::Server, Class::Ok);
    let silent = ends((1, 2));
    let tally = Tally::default();
    add(&tally, &lone);
    assert_eq!(unknown(&tally, silent), 0.0, "a host that never tells of its requests");
    add(&tally, &lone);
    assert_eq!(unknown(&tally, Ends { tells: true, ..silent }), 1.0, "a function does");
    add(&tally, &refused);
    add(&tally, &lone);
    assert_eq!(unknown(&tally, silent), 0.0, "a refusal is no answer of a callee's");
    add(&tally, &answered);
    add(&tally, &lone);
    assert_eq!(unknown(&tally, silent), 1.0, "it has told of another one");
    take_back(&tally, &lone);
    assert_eq!(unknown(&tally, silent), -1.0);
    add(&tally, &entry);
    assert_eq!(unknown(&tally, Ends { from_unknown: true, ..silent }), 1.0);
    let all = |ends: Ends| {
        let mut unknown = 0;
        tally.for_each(|_, sums| unknown += sums.unknown(ends));
        unknown / ONE
    };
    assert_eq!((all(silent), all(Ends { from_unknown: true, ..silent })), (3, 6));
}

proptest! {
    #[test]
    fn ticks_add_up_to_the_account_class_by_class_whatever_is_taken_back(
        hops in prop::collection::vec((1_u64..400, 0_u32..3, any::<bool>()), 1..60),
        limits in prop::collection::vec(1_u64..400, 1..60),
    ) {
        let tally = Tally::default();
        let mut told = Counts::default();
        let steps = hops.iter().map(|step| (step, true))
            .chain(hops.iter().rev().map(|step| (step, false)));
        for ((&(ms, operation, is_tick), adds), limit) in steps.zip(limits.iter().cycle()) {
            let hop = Counted { operation, ..took(ms) };
            if adds { add(&tally, &hop) } else { take_back(&tally, &hop) }
            if is_tick {
                let slow = Slow::Over(Duration::from_millis(*limit));
                tick(&tally, slow).iter().for_each(|moved| told.add(&moved.counts));
                prop_assert_eq!(told, account(&tally));
                prop_assert!(told.ok >= 0.0 && told.slow >= 0.0, "{:?}", told);
            }
        }
        tick(&tally, Slow::Auto).iter().for_each(|moved| told.add(&moved.counts));
        prop_assert_eq!(told, Counts::default());
        tally.for_each(|_, sums| assert!(sums.is_nothing()));
    }
}
