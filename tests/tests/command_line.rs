//! What a person at a terminal meets: mistakes told so that they can be mended, and programs that
//! end when they are asked to.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::fs;
use std::net::TcpListener;
use std::process::Stdio;
use std::time::{Duration, Instant};

use spanfall_tests::collector::Collector;
use spanfall_tests::feed::Viewer;
use spanfall_tests::functions::{self, Transport};
use spanfall_tests::program::{PATIENCE, Program, command, path, repository, run, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_told_to_stop_sends_what_it_holds_and_ends_well() {
    const REQUESTS: usize = 20;
    // Calls to the host outside wait for a callee longer than this test runs.
    let collector = Collector::start(&["serve"], &[("REDUCE_WAIT", "10m")]);
    let mut viewer = Viewer::connect(collector.view).await;
    functions::shop(REQUESTS, Transport::HttpProtobuf, collector.grpc, collector.http).await;
    viewer.until(Duration::from_secs(30), "spans", |wall| wall.spans > 0).await;

    collector.program.terminate();
    let asked = Instant::now();
    viewer.until_end(Duration::from_secs(5)).await;
    let ended = collector.program.wait(Duration::from_secs(5));
    assert!(asked.elapsed() < Duration::from_secs(5), "it took {:?}", asked.elapsed());
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(viewer.wall.lines(), functions::expected_lines(REQUESTS));
}

#[test]
fn a_mistake_in_the_configuration_is_told_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("spanfall.toml");
    fs::write(&file, "[reduce]\nwait = \"30s\"\n  wiat = \"5s\"\n").unwrap();
    let ended = run("spanfall-collector", &["check", file.to_str().unwrap()]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let said = ended.stderr + &ended.stdout;
    assert!(said.contains(&format!("{}:3:3", file.display())), "{said}");
    assert!(said.contains("did you mean `wait`?"), "{said}");

    fs::write(&file, "[reduce]\nwait = \"30s\"\n").unwrap();
    let ended = run("spanfall-collector", &["check", file.to_str().unwrap()]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

#[test]
fn a_port_that_is_taken_is_named_with_who_has_it() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let anywhere = "127.0.0.1:0".parse().unwrap();
    let ports = [taken.local_addr().unwrap(), anywhere, anywhere];
    let command = Collector::command(&["serve"], ports);
    let ended = Program::start("spanfall-collector", command).wait(Duration::from_secs(30));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let port = taken.local_addr().unwrap().port().to_string();
    assert!(ended.stderr.contains(&port), "{}", ended.stderr);
    assert!(ended.stderr.contains("is taken by"), "{}", ended.stderr);
    assert!(ended.stderr.contains(&std::process::id().to_string()), "{}", ended.stderr);
}

#[test]
fn a_recording_that_is_none_is_told_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("broken.jsonl");
    fs::write(&file, "{\"resourceSpans\":[]}\n{\"resourceSpans\":[}\n").unwrap();
    let ended = run("spanfall-collector", &["edges", file.to_str().unwrap()]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("broken.jsonl, line 2"), "{}", ended.stderr);
    assert_eq!(ended.stdout, "");
}

#[test]
fn reducing_ends_at_once_when_it_is_told_to() {
    let mut edges = command(path("spanfall-collector"));
    // Nothing ever comes through this pipe.
    edges.args(["edges", "-"]).stdin(Stdio::piped());
    let edges = Program::start("spanfall-collector", edges);
    until(PATIENCE, "a program that hears signals", || edges.catches_terminate().then_some(()));
    edges.terminate();
    let ended = edges.wait(PATIENCE);
    assert_eq!(ended.code, Some(130), "{ended:?}");
    assert!(ended.stderr.contains("stopped before"), "{}", ended.stderr);
    assert_eq!(ended.stdout, "");
}

#[test]
fn a_replay_of_a_missing_file_promises_nothing() {
    let ended = run("spanfall-collector", &["replay", "no-such-file.jsonl", "--view", "0"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("no-such-file.jsonl"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("Playing"), "{}", ended.stderr);
}

#[test]
fn without_a_display_the_viewer_names_what_works_without_one() {
    let mut viewer = command(path("spanfall"));
    viewer.arg("--feed-file").arg(repository("tests/fixtures/feeds/shop.jsonl"));
    for name in ["DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET"] {
        viewer.env_remove(name);
    }
    let ended = Program::start("spanfall", viewer).wait(Duration::from_secs(60));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    for helps in ["no display", "--snapshot", "spanfall-collector", "--connect"] {
        assert!(ended.stderr.contains(helps), "{helps} is not in\n{}", ended.stderr);
    }
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
}

#[test]
fn a_bench_without_the_programs_it_measures_says_so_before_it_begins() {
    let folder = tempfile::tempdir().unwrap();
    let alone = folder.path().join("spanfall-bench");
    fs::copy(path("spanfall-bench"), &alone).unwrap();
    let mut bench = command(&alone);
    bench.args(["--quick", "--no-keep"]);
    let ended = Program::start("spanfall-bench", bench).wait(PATIENCE);
    assert_eq!((ended.code, &ended.stdout[..]), (Some(1), ""), "{}", ended.stderr);
    let said = &ended.stderr;
    assert!(said.contains("tests/bench") && said.contains("collector is not built"), "{said}");
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn without_valgrind_it_says_what_to_install() {
    let mut bench = command(path("spanfall-bench"));
    bench.arg("--instructions").env("PATH", "/nowhere");
    let ended = Program::start("spanfall-bench", bench).wait(PATIENCE);
    assert_eq!((ended.code, &ended.stdout[..]), (Some(1), ""), "{}", ended.stderr);
    assert!(ended.stderr.contains("apt install valgrind"), "{}", ended.stderr);
}
