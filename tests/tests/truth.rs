//! The reducer against known truth: simulated systems under every condition, hop by hop, each held
//! to its goal. `spanfall-world score` prints the whole table.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use spanfall_tests::world::recording::Recording;
use spanfall_tests::world::score::{Score, quantile, score};
use spanfall_tests::world::{Condition, World, table};

/// Enough that every edge of the built-in world has hops.
const SPANS: usize = 5_000;

/// Two ticks: one in which the last span arrives, and the one that tells.
const TWO_TICKS_MS: u64 = 400;

/// A seed like any other.
const SEED: u64 = 11;

/// A seed with which everything at once has a trace of over 10,000 spans, without request ids.
const HUGE_TRACE: u64 = 1;

fn scored(condition: &Condition, seed: u64) -> Score {
    score(&Recording::make(World::standard(), condition, seed, SPANS), condition)
}

/// Runs these conditions and holds each to its goal.
#[track_caller]
fn hold(names: &[&str]) {
    hold_with(SEED, names);
}

/// The same with another seed. Returns how many spans there were.
#[track_caller]
fn hold_with(seed: u64, names: &[&str]) -> usize {
    let mut spans = 0;
    for name in names {
        let condition = Condition::named(name).unwrap();
        let score = scored(&condition, seed);
        assert!(score.told > 300.0, "{name} has too few hops to tell: {}", score.told);
        let misses = score.misses(condition.goal);
        let table = table::table(&[(condition, score.clone())]);
        assert!(misses.is_empty(), "{misses:?}\n{table}{}", score.examples.join("\n"));
        let late = quantile(&score.gateway_lags, 0.99);
        assert!(late <= TWO_TICKS_MS, "{name}: entries take {late} ms to show\n{table}");
        spans += score.spans;
    }
    spans
}

#[test]
fn a_clean_world_is_shown_as_it_was_however_its_spans_come() {
    hold(&["clean", "resent", "late-callers", "skew", "lost"]);
}

#[test]
fn calls_are_joined_where_parents_are_never_exported() {
    hold(&["no-parents", "no-parents-no-ids", "links", "doubled-clients"]);
}

#[test]
fn queues_and_silent_triggers_stand_where_the_trace_is_cut() {
    hold(&["cut-queues", "silent-triggers"]);
}

#[test]
fn requests_are_found_where_kinds_and_flags_are_wrong() {
    hold(&["kinds", "kinds-no-flags"]);
}

#[test]
fn a_node_is_one_node_whatever_it_is_called() {
    hold(&["names", "twins", "bare-resources", "odd"]);
}

#[test]
fn sampled_hops_stand_for_those_that_were_not() {
    hold(&["sampled", "sampled-unmarked"]);
}

#[test]
fn everything_at_once_is_still_nearly_right() {
    hold(&["everything"]);
}

#[test]
fn everything_at_once_is_nearly_right_in_a_huge_trace() {
    let spans = hold_with(HUGE_TRACE, &["everything"]);
    assert!(spans > SPANS + 10_000, "no huge trace in {spans} spans");
}

#[test]
fn every_condition_is_held_to_something() {
    let this_file = include_str!("truth.rs");
    for condition in Condition::all() {
        assert!(this_file.contains(&format!("\"{}\"", condition.name)), "{}", condition.name);
    }
}
