//! The load generator against a real collector: whatever it sends, the feed tells of all of it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use serde_json::Value;
use spanfall_tests::collector::Collector;
use spanfall_tests::program::run;

const SPANS: u64 = 20_000;

/// Sends [`SPANS`] spans or a few more; returns the report.
#[track_caller]
fn report(collector: &Collector, protocol: &str, options: &[&str]) -> Value {
    let port = if protocol == "grpc" { collector.grpc } else { collector.http };
    let (target, feed) = (format!("http://{port}"), format!("ws://{}/feed", collector.view));
    let count = SPANS.to_string();
    let mut arguments = vec!["--json", "--protocol", protocol, "--count", &count, "--feed", &feed];
    arguments.extend(options);
    arguments.push(&target);
    let ended = run("spanfall-load", &arguments);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    serde_json::from_str(&ended.stdout).unwrap()
}

#[track_caller]
fn everything_arrives(protocol: &str, options: &[&str]) -> Value {
    let collector = Collector::start(&[], &[]);
    // Twice, so that the second run's ids would be duplicates if they were the same.
    report(&collector, protocol, options);
    let report = report(&collector, protocol, options);
    let sent = &report["sent"];
    let spans = sent["spans"].as_u64().unwrap();
    assert!((SPANS..SPANS + 600).contains(&spans), "{report:#}");
    assert_eq!(sent["accepted"], spans, "{report:#}");
    let feed = &report["feed"];
    assert_eq!(feed["spans"], feed["expected"], "{report:#}");
    assert_eq!(feed["missing_markers"], 0, "{report:#}");
    let health = spanfall_tests::http::get(collector.view, "/metrics").unwrap().text();
    let duplicates =
        health.lines().find(|line| line.contains("duplicate") && !line.starts_with('#'));
    assert!(duplicates.unwrap().ends_with(" 0"), "{duplicates:?}");
    report
}

#[test]
fn everything_that_is_sent_over_grpc_is_counted_by_the_feed() {
    everything_arrives("grpc", &[]);
}

#[test]
fn everything_that_is_sent_over_http_is_counted_by_the_feed() {
    everything_arrives("http", &["--small"]);
}

#[test]
fn everything_that_is_sent_compressed_is_counted_by_the_feed() {
    everything_arrives("grpc", &["--gzip", "--prepare", "10"]);
    everything_arrives("http", &["--gzip", "--prepare", "all", "--connections", "3"]);
}

#[test]
fn a_generated_world_at_a_rate_arrives_and_its_latency_counts_from_when_it_was_due() {
    let report = everything_arrives("http", &["--world", "60", "--rate", "40000", "--batch", "0"]);
    assert!(report["seconds"].as_f64().unwrap() >= 0.45, "{report:#}");
    assert_eq!(report["latency"]["count"], report["sent"]["requests"], "{report:#}");
    assert!(report["feed"]["latency"]["count"].as_u64().unwrap() > 0, "{report:#}");
}

#[test]
fn a_collector_that_refuses_makes_the_run_fail_and_says_why() {
    let collector = Collector::start(&[], &[("RECEIVE_AUTHORIZATION", "Bearer 1234")]);
    let target = format!("http://{}", collector.grpc);
    let ended = run("spanfall-load", &["--count", "600", &target]);
    assert_eq!(ended.code, Some(1), "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains("Authorization"), "{}", ended.stdout);
    let header = "authorization: Bearer 1234";
    let ended = run("spanfall-load", &["--count", "600", "--header", header, &target]);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
}

#[test]
fn without_a_collector_it_says_what_it_cannot_reach() {
    let ended = run("spanfall-load", &["http://127.0.0.1:1"]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("cannot connect to 127.0.0.1:1"), "{}", ended.stderr);
}
