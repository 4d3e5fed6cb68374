//! From a function's span to the wall: real exporters send to a real collector, and a real
//! WebSocket client reads its feed.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::time::Duration;

use spanfall_collector::feed::message::{PROTOCOL, SourceLabel};
use spanfall_tests::collector::Collector;
use spanfall_tests::feed::Viewer;
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
