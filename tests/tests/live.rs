//! From a function's span to the wall: real exporters send to a real collector, and a real
//! WebSocket client reads its feed.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::time::Duration;

use spanfall_collector::feed::message::{Inspect, PROTOCOL, Request, SourceLabel};
use spanfall_collector::reduce::hop::{Class, EdgeId};
use spanfall_tests::collector::Collector;
use spanfall_tests::feed::{Viewer, Wall};
use spanfall_tests::functions::{self, Transport};

const REQUESTS: usize = 50;

/// Spans are shown soon after they came; this is for a busy machine.
const SOON: Duration = Duration::from_secs(30);

/// Sends a known number of requests and compares the wall with it.
async fn every_request_is_on_the_wall_once(transport: Transport) {
    let collector = Collector::start(&["serve"], &[("REDUCE_WAIT", "500ms")]);
    let mut early = Viewer::connect(collector.view).await;
    functions::shop(REQUESTS, transport, collector.grpc, collector.http).await;

    let expected = functions::expected_lines(REQUESTS);
    early.until(SOON, "all hops", |wall| wall.lines() == expected).await;
    let hello = early.wall.hello.clone().unwrap();
    assert_eq!((hello.protocol, hello.source), (PROTOCOL, SourceLabel::Live));
    assert_eq!(early.wall.order[..2], ["hello", "graph"]);

    // Nothing more comes, and a viewer that comes late sees the same.
    let mut late = Viewer::connect(collector.view).await;
    late.until(SOON, "the recent past", |wall| wall.lines() == expected).await;
    let quiet = late.wall.last_tick + 1_000;
    late.until(SOON, "a quiet second", |wall| wall.last_tick > quiet).await;
    early.until(SOON, "a quiet second", |wall| wall.last_tick > quiet).await;
    assert_eq!(early.wall.lines(), expected);
    assert_eq!(late.wall.lines(), expected);
    let (calls, spans) = (REQUESTS + REQUESTS / 2 + REQUESTS.div_ceil(4), 2 * REQUESTS);
    assert_eq!(early.wall.spans, (calls + spans) as u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spans_over_grpc_are_on_the_wall_once() {
    every_request_is_on_the_wall_once(Transport::Grpc).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spans_over_http_in_protobuf_are_on_the_wall_once() {
    every_request_is_on_the_wall_once(Transport::HttpProtobuf).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spans_over_http_in_json_are_on_the_wall_once() {
    every_request_is_on_the_wall_once(Transport::HttpJson).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_request_is_told_hop_by_hop_to_whoever_follows_it() {
    let settings = [("REDUCE_WAIT", "500ms"), ("TRACE_URL", "http://traces.example/{trace_id}")];
    let collector = Collector::start(&["serve"], &settings);
    let mut viewer = Viewer::connect(collector.view).await;
    functions::shop(REQUESTS, Transport::Grpc, collector.grpc, collector.http).await;
    let expected = functions::expected_lines(REQUESTS);
    viewer.until(SOON, "all hops", |wall| wall.lines() == expected).await;

    // The edge's examples name the requests that failed on it.
    let name = |wall: &Wall, edge: EdgeId| {
        let edge = &wall.edges[&edge];
        (wall.name(edge.source), wall.name(edge.target))
    };
    let pricing = ("function shop-orders".to_owned(), "function shop-pricing".to_owned());
    let edges: Vec<EdgeId> = viewer.wall.edges.keys().copied().collect();
    let edge = edges.into_iter().find(|edge| name(&viewer.wall, *edge) == pricing).unwrap();
    let inspect =
        |trace| Request::Inspect(Inspect { edges: vec![edge], trace, ..Inspect::default() });
    viewer.ask(&inspect(None)).await;
    let has_failed =
        |wall: &Wall| wall.detail.as_ref().is_some_and(|detail| !detail.examples.failed.is_empty());
    viewer.until(SOON, "a failed request", has_failed).await;
    assert_eq!(viewer.wall.trace, None, "nobody has asked for one");
    let example = viewer.wall.detail.as_ref().unwrap().examples.failed[0].clone();

    viewer.ask(&inspect(Some(example.trace))).await;
    let is_told = |wall: &Wall| wall.trace.as_ref().is_some_and(|told| !told.hops.is_empty());
    viewer.until(SOON, "the request's hops", is_told).await;
    let told = viewer.wall.trace.clone().unwrap();
    assert_eq!((told.trace, told.more), (example.trace, 0));
    assert_eq!(told.url, Some(format!("http://traces.example/{}", example.trace)));
    let told_by_name: Vec<((String, String), Class)> =
        told.hops.iter().map(|hop| (name(&viewer.wall, hop.edge), hop.class)).collect();
    let users = ("users users".to_owned(), "function shop-orders".to_owned());
    assert!(told_by_name.iter().any(|(names, _)| *names == users), "{told_by_name:?}");
    assert!(told_by_name.contains(&(pricing, Class::Error)), "{told_by_name:?}");
    assert!(told.hops.iter().map(|hop| hop.at_us).is_sorted());
    assert!(told.hops.iter().all(|hop| {
        let edge = &viewer.wall.edges[&hop.edge];
        (edge.source, edge.target) == (hop.source, hop.target)
    }));

    // Of a request that nobody sent nothing is known, and that is said.
    let unknown = "0123456789abcdef0123456789abcdef".parse().unwrap();
    viewer.ask(&inspect(Some(unknown))).await;
    let is_unknown = |wall: &Wall| wall.trace.as_ref().is_some_and(|told| told.trace == unknown);
    viewer.until(SOON, "an answer about an unknown request", is_unknown).await;
    assert_eq!(viewer.wall.trace.unwrap().hops, []);
}
