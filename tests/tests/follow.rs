//! Single requests, followed hop by hop through a recorded incident: all of them together are what really
//! happened, and the worst one of the edge that fails is found and told whole.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use spanfall_collector::reduce::hop::{Class, EdgeId};
use spanfall_collector::reduce::{FollowedHop, Reducer, Settings};
use spanfall_tests::recording::{self, sample};

/// The incident, reduced as it came, and its spans.
fn incident() -> (Reducer, Vec<Span>) {
    let reducer = Reducer::new(Settings::default());
    let mut spans = Vec::new();
    for request in recording::requests(sample("incident")) {
        let now_ms = recording::end_ms(&request);
        reducer.ingest(&request.encode_to_vec(), now_ms).unwrap();
        reducer.drain(now_ms);
        let scopes = request.resource_spans.into_iter().flat_map(|it| it.scope_spans);
        spans.extend(scopes.flat_map(|scope| scope.spans));
    }
    reducer.resolve_all();
    (reducer, spans)
}

fn id(span: &Span) -> [u8; 16] {
    span.trace_id[..].try_into().unwrap()
}

/// What tells a hop from all others.
type Identity = (EdgeId, u64, u64, Option<(u64, u64)>, String);

fn identity(hop: &FollowedHop) -> Identity {
    (hop.edge, hop.at_us, hop.took_us, hop.callee_us, hop.operation.clone())
}

#[test]
fn the_hops_of_all_requests_together_are_those_that_the_edges_count() {
    let (reducer, spans) = incident();
    let mut traces: Vec<_> = spans.iter().map(id).collect();
    traces.sort_unstable();
    traces.dedup();
    // A request is told by each of its traces, and its hops count once; two that are alike count twice.
    let mut hops: BTreeMap<Identity, (f64, f64)> = BTreeMap::new();
    for trace in &traces {
        let mut alike: BTreeMap<Identity, (f64, f64)> = BTreeMap::new();
        let followed = reducer.follow(*trace);
        assert_eq!(followed.more, 0);
        for hop in &followed.hops {
            let (all, failed) = alike.entry(identity(hop)).or_default();
            *all += hop.requests;
            *failed += if hop.class == Class::Error { hop.requests } else { 0.0 };
        }
        for (identity, (all, failed)) in alike {
            let most = hops.entry(identity).or_default();
            *most = (most.0.max(all), most.1.max(failed));
        }
    }
    let mut sums: BTreeMap<EdgeId, (f64, f64)> = BTreeMap::new();
    for ((edge, ..), (all, failed)) in hops {
        let sum = sums.entry(edge).or_default();
        *sum = (sum.0 + all, sum.1 + failed);
    }
    // Another test holds these to what really happened.
    let counted: BTreeMap<EdgeId, (f64, f64)> = reducer
        .edges()
        .into_iter()
        .map(|(edge, _, account)| (edge, (account.all.counts.total(), account.all.counts.error)))
        .collect();
    assert!(counted.len() > 20);
    assert_eq!(sums, counted);
}

/// The edge on which most requests fail.
fn failing(reducer: &Reducer) -> EdgeId {
    let edges = reducer.edges().into_iter();
    let errors = edges.map(|(edge, _, account)| (account.all.counts.error as u64, edge));
    errors.max().unwrap().1
}

#[test]
fn the_worst_request_of_the_failing_edge_is_found_and_told_on_its_whole_way() {
    let (reducer, _) = incident();
    let edge = failing(&reducer);
    let examples = reducer.edge_examples(edge);
    let worst = &examples.failed[0];
    assert_eq!(worst.class, Class::Error);
    let hops = reducer.follow(worst.trace).hops;
    assert!(hops.iter().any(|hop| hop.edge == edge && hop.class == Class::Error));
    assert!(hops.len() > 2, "{hops:?}");
    assert!(hops.iter().map(|hop| hop.at_us).is_sorted());
}
