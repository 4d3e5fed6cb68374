//! What must not change the result: the order in which spans come, how they are packed into
//! requests, and how often exporters send them. Tried on what really instrumented functions sent.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::fs;

use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};
use spanfall_collector::config::Config;
use spanfall_collector::cost::Prices;
use spanfall_collector::edges::Report;
use spanfall_collector::edges::report::Totals;
use spanfall_collector::reduce::{Reducer, Settings};
use spanfall_tests::program::repository;
use spanfall_tests::recording::{self, Told};

/// Spans of the sample that each case shuffles: some seconds of traffic on every edge.
const SPANS: usize = 1_500;

/// The edges that requests make, as `edges --json` would print them.
fn edges(settings: &Settings, requests: &[Vec<u8>]) -> Vec<String> {
    let reducer = Reducer::new(settings.clone());
    for request in requests {
        let ingested = reducer.ingest(request, 0).unwrap();
        assert_eq!(ingested.rejected, 0, "{:?}", ingested.reason);
    }
    reducer.resolve_all();
    let report = Report::new(&reducer, 0, &Prices::default());
    let mut lines: Vec<String> =
        report.edges.iter().map(|edge| serde_json::to_string(edge).unwrap()).collect();
    lines.extend(report.nodes.iter().map(|node| serde_json::to_string(node).unwrap()));
    let Totals { hops, ignored, unpaired, .. } = report.totals;
    lines.push(format!("{hops} hops, {ignored} ignored, {unpaired} unpaired"));
    lines
}

/// The spans in any order, some of them twice or thrice, in requests of any size.
fn shuffled(spans: &[Told], seed: u64) -> Vec<Vec<u8>> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut order: Vec<&Told> = spans.iter().collect();
    let repeats = random.random_range(0..=spans.len() / 4);
    for _ in 0..repeats {
        order.push(&spans[random.random_range(0..spans.len())]);
    }
    order.shuffle(&mut random);
    // From a span a request to everything in one.
    let largest = 1_usize << random.random_range(0..=11);
    let mut requests = Vec::new();
    let mut rest = &order[..];
    while !rest.is_empty() {
        let (some, others) = rest.split_at(random.random_range(1..=largest).min(rest.len()));
        requests.push(recording::request(some.iter().copied()));
        rest = others;
    }
    requests
}

/// Each sample, its middle if it is long, with settings that make something else of it.
fn cases() -> Vec<(Settings, Vec<Told>)> {
    let build = fs::read_to_string(repository("samples/build.toml")).unwrap();
    let leave_out = "[[node.ignore]]\noperation = 'S3*'\n[[node.ignore]]\nnode = 'shop-p*'\n\
                     [[node.rename]]\nname = 'shop-*'\nto = '*'\n";
    [
        ("webshop", ""),
        ("incident", ""),
        ("webshop", "reduce.spans = 'all'"),
        ("incident", leave_out),
        ("build", &build),
    ]
    .into_iter()
    .map(|(name, text)| {
        let config: Config = text.parse().unwrap();
        let spans = recording::spans(recording::sample(name));
        let middle = spans.len().saturating_sub(SPANS) / 2;
        (config.reduce, spans[middle..(middle + SPANS).min(spans.len())].to_vec())
    })
    .collect()
}

#[test]
fn order_packing_and_repetition_change_nothing() {
    let cases = cases();
    let whole: Vec<_> = cases
        .iter()
        .map(|(settings, spans)| edges(settings, &[recording::request(spans)]))
        .collect();
    for ((_, spans), lines) in cases.iter().zip(&whole) {
        assert!(spans.len() >= 100 && lines.len() > 20, "too small to tell");
    }
    let config = ProptestConfig { cases: 40, failure_persistence: None, ..Default::default() };
    proptest!(config, |(seed: u64, case in 0..cases.len())| {
        let (settings, spans) = &cases[case];
        let (once, again) = (&whole[case], edges(settings, &shuffled(spans, seed)));
        let gone: Vec<_> = once.iter().filter(|line| !again.contains(line)).collect();
        let new: Vec<_> = again.iter().filter(|line| !once.contains(line)).collect();
        prop_assert!(gone.is_empty() && new.is_empty(), "not\n{gone:#?}\nbut\n{new:#?}");
    });
}
