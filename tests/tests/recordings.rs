//! Recordings: what the samples reduce to, held against golden files and against what really
//! happened; and that what is recorded now replays to what was on the wall.
//!
//! Golden files are in `tests/golden/`; `UPDATE_GOLDEN=1 cargo test -p spanfall-tests --test
//! recordings` writes them anew. Look at the difference before you commit it: a hop more or less is
//! a request that the wall shows or not.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use prost::Message as _;
use serde_json::Value;
use spanfall_collector::config::Config;
use spanfall_collector::edges::{self, Report};
use spanfall_collector::otlp_file::Input;
use spanfall_collector::receive::Sink;
use spanfall_collector::reduce::hop::{Counts, EdgeId};
use spanfall_collector::reduce::{Ingested, Malformed, Reducer, Settings};
use spanfall_collector::replay::Replayer;
use spanfall_tests::collector::Collector;
use spanfall_tests::feed::Viewer;
use spanfall_tests::functions::{self, Transport};
use spanfall_tests::program::{repository, run};
use spanfall_tests::recording::{self, sample, truth};
use spanfall_tests::report::{self, Hops};
use tokio_util::sync::CancellationToken;

/// What `edges --json` prints for a recording.
#[track_caller]
fn edges_of(recording: &Path) -> String {
    edges_by(recording, &[])
}

/// The same with more options.
#[track_caller]
fn edges_by(recording: &Path, options: &[&str]) -> String {
    let arguments = [&["edges", "--json"], options, &[recording.to_str().unwrap()]].concat();
    let ended = run("spanfall-collector", &arguments);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    ended.stdout
}

#[track_caller]
fn reduces_to_its_golden_file(name: &str, options: &[&str]) {
    let actual = edges_by(&sample(name), options);
    let golden = repository(&format!("tests/golden/{name}.edges.json"));
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
        fs::write(&golden, &actual).unwrap();
        return;
    }
    let expected = fs::read_to_string(&golden).unwrap_or_else(|error| {
        panic!("{}: {error}; write it with UPDATE_GOLDEN=1", golden.display())
    });
    let mut lines = expected.lines().zip(actual.lines()).enumerate();
    if let Some((index, (expected, actual))) = lines.find(|(_, (a, b))| a != b) {
        let line = index + 1;
        panic!(
            "{name} reduces to something else than before.\n{}:{line} has\n{expected}\nand now it \
             is\n{actual}\nIf that is right, write it with UPDATE_GOLDEN=1.",
            golden.display()
        );
    }
    assert_eq!(expected, actual, "{name}: one is longer than the other");
}

#[test]
fn the_webshop_sample_reduces_to_its_golden_file() {
    reduces_to_its_golden_file("webshop", &[]);
}

#[test]
fn the_incident_sample_reduces_to_its_golden_file() {
    reduces_to_its_golden_file("incident", &[]);
}

#[test]
fn the_build_sample_reduces_to_its_golden_file() {
    let config = repository("samples/build.toml");
    reduces_to_its_golden_file("build", &["--config", config.to_str().unwrap()]);
}

#[test]
fn the_line_between_two_steps_of_the_build_has_the_operations_that_led_there() {
    let config = fs::read_to_string(repository("samples/build.toml")).unwrap();
    let reducer = Reducer::new(config.parse::<Config>().unwrap().reduce);
    reducer.ingest(&recording::request(&recording::spans(sample("build"))), 0).unwrap();
    let operations = |source: &str, target: &str| -> Vec<String> {
        let id = |name: &str| {
            reducer.nodes().iter().find(|known| known.node.name == name).map(|known| known.id)
        };
        let (source, target) = (id(source).unwrap(), id(target).unwrap());
        let edges = reducer.edges();
        let edge = edges.iter().find(|(_, e, _)| (e.source, e.target) == (source, target));
        let (.., account) = edge.expect("a line between them");
        account.operations.iter().map(|(name, _)| name.clone()).collect()
    };
    // A crate is checked, and then built, once all that it needs is.
    let compiled = ["rustc regex_automata (check)", "rustc regex_automata (library)"];
    assert_eq!(operations("memchr", "regex-automata"), compiled);
    assert_eq!(operations("build", "test"), ["cargo test --locked --offline --quiet"]);
    assert_eq!(operations("ripgrep", "integration tests"), ["run integration"]);
    // Nothing is needed to compile this one: the step does it that needs it.
    assert_eq!(operations("check", "regex-syntax"), ["rustc regex_syntax (check)"]);
}

/// What the truth calls a node, in the words of the spans.
///
/// The truth was written from the log of what played AWS; these are all the names in it that no
/// span tells:
/// - a function that SNS, S3 or a schedule triggers does not say by what: its requests come from
///   `unknown trigger`, unless a rule in the configuration names one;
/// - S3's client spans (botocore, Python) do not name the bucket: they show as the API `S3`.
fn in_the_words_of_spans(node: &Value, source: bool) -> String {
    match (node["kind"].as_str().unwrap(), source) {
        ("topic" | "bucket" | "schedule", true) => "users unknown trigger".to_owned(),
        ("bucket", false) => "api S3".to_owned(),
        _ => report::node(node),
    }
}

/// Every edge of a sample against its truth: exactly as many hops, and as many of each class.
#[track_caller]
fn is_what_happened(name: &str) {
    let text = fs::read_to_string(truth(name)).unwrap();
    let truth: Value = serde_json::from_str(&text).unwrap();
    let mut expected: BTreeMap<report::Ends, Hops> = BTreeMap::new();
    for edge in truth["edges"].as_array().unwrap() {
        let ends = (
            in_the_words_of_spans(&edge["source"], true),
            in_the_words_of_spans(&edge["target"], false),
        );
        let number = |count: &str| edge[count].as_u64().unwrap();
        // What the truth calls `unseen` is not among its hops either.
        if number("hops") == 0 {
            continue;
        }
        let hops = expected.entry(ends).or_default();
        hops.total += number("hops");
        hops.error += number("errors");
        hops.throttled += number("throttled");
        hops.cold += number("cold");
    }
    let actual = report::hops(&edges_of(&sample(name)));
    let mut wrong = Vec::new();
    for ends in expected.keys().chain(actual.keys()) {
        let (expected, actual) = (expected.get(ends), actual.get(ends));
        if expected != actual {
            wrong.push(format!("{} > {}: {actual:?}, truth {expected:?}", ends.0, ends.1));
        }
    }
    wrong.sort();
    wrong.dedup();
    assert!(wrong.is_empty(), "{name} is not what happened:\n{}", wrong.join("\n"));
    assert!(expected.len() >= 10, "{name} has only {} edges", expected.len());
}

#[test]
fn the_webshop_sample_shows_what_happened() {
    is_what_happened("webshop");
}

#[test]
fn the_incident_sample_shows_what_happened() {
    is_what_happened("incident");
}

/// What ran and what was received, against the truth: every function as often as it was called and
/// not refused, on as many instances as there were cold starts; every message of every queue once.
#[track_caller]
fn did_what_happened(name: &str) {
    let text = fs::read_to_string(truth(name)).unwrap();
    let truth: Value = serde_json::from_str(&text).unwrap();
    let report: Value = serde_json::from_str(&edges_of(&sample(name))).unwrap();
    let number = |edge: &Value, count: &str| edge[count].as_u64().unwrap();
    let mut ran: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    let mut received: BTreeMap<&str, u64> = BTreeMap::new();
    for edge in truth["edges"].as_array().unwrap() {
        let kind = |end: &str| edge[end]["kind"].as_str().unwrap();
        let target = edge["target"]["name"].as_str().unwrap();
        if kind("source") == "queue" {
            *received.entry(target).or_default() += number(edge, "hops");
        } else if kind("target") == "function" {
            let (runs, cold) = ran.entry(target).or_default();
            *runs += number(edge, "hops") - number(edge, "throttled");
            *cold += number(edge, "cold");
        }
    }
    let mut said = BTreeMap::new();
    for node in report["nodes"].as_array().unwrap() {
        let name = node["name"].as_str().unwrap();
        if ran.contains_key(name) {
            said.insert(name, (number(node, "invocations"), number(node, "instances")));
        }
        if node["kind"] == "function" {
            let cost = &node["cost"];
            assert_eq!(cost["currency"], "USD", "{name} tells its memory");
            // 256 MB to 1 GB, some 50 ms to a few seconds.
            let million = cost["per_million"].as_f64().unwrap();
            assert!((0.25..50.0).contains(&million), "{name} costs {million}");
        }
    }
    assert_eq!(said, ran, "{name}: runs and instances");
    let mut messages = BTreeMap::new();
    for edge in report["edges"].as_array().unwrap().iter().filter(|edge| !edge["queue"].is_null()) {
        let target = edge["target"]["name"].as_str().unwrap();
        messages.insert(target, number(&edge["queue"], "messages"));
    }
    assert_eq!(messages, received, "{name}: messages");
}

#[test]
fn functions_and_queues_of_the_samples_did_what_happened() {
    did_what_happened("webshop");
    did_what_happened("incident");
}

#[test]
fn the_time_in_the_webshop_s_queue_is_known_for_every_message_since_its_links_lead_to_senders() {
    let report: Value = serde_json::from_str(&edges_of(&sample("webshop"))).unwrap();
    let edges = report["edges"].as_array().unwrap();
    let queue = edges.iter().find_map(|edge| edge["queue"].as_object()).unwrap();
    assert_eq!(queue["timed"], queue["messages"]);
    let p50 = queue["time_us"]["p50"].as_u64().unwrap();
    assert!((1_000..30_000_000).contains(&p50), "{queue:?}");
}

/// The hops of a recording as a wall would show them: by source and target, and by the second in
/// which a tick told of them.
fn as_it_happened(name: &str) -> BTreeMap<(String, String), BTreeMap<u64, Counts>> {
    const TICK_MS: u64 = 200;
    let reducer = Reducer::new(Settings::default());
    let requests = recording::requests(sample(name));
    let begin_ms = requests.first().map(recording::end_ms).unwrap();
    let mut now_ms = 0;
    let mut seconds: BTreeMap<EdgeId, BTreeMap<u64, Counts>> = BTreeMap::new();
    let mut tick = |now_ms| {
        for moved in reducer.drain(now_ms).moved {
            let second = seconds.entry(moved.edge).or_default().entry(now_ms / 1_000).or_default();
            second.add(&moved.counts);
        }
    };
    for request in requests {
        let end_ms = recording::end_ms(&request).saturating_sub(begin_ms);
        while now_ms + TICK_MS <= end_ms {
            now_ms += TICK_MS;
            tick(now_ms);
        }
        reducer.ingest(&request.encode_to_vec(), now_ms).unwrap();
    }
    tick(now_ms + TICK_MS);
    let names: BTreeMap<_, _> =
        reducer.nodes().into_iter().map(|known| (known.id, known.node.name)).collect();
    let edges = reducer.edges().into_iter().filter_map(|(id, edge, _)| {
        let ends = (names[&edge.source].clone(), names[&edge.target].clone());
        Some((ends, seconds.remove(&id)?))
    });
    edges.collect()
}

fn sum<'a>(seconds: impl Iterator<Item = (&'a u64, &'a Counts)>) -> Counts {
    seconds.fold(Counts::default(), |mut sum, (_, counts)| {
        sum.add(counts);
        sum
    })
}

#[test]
fn the_payment_provider_s_slowdown_is_slow_while_it_lasts_and_not_before_or_after() {
    let edges = as_it_happened("incident");
    let payment = &edges[&("shop-payment".to_owned(), "api.payments.example".to_owned())];
    let during = |from: u64, to: u64| sum(payment.range(from..to));
    let slowdown = during(65, 110);
    assert!(slowdown.slow > 0.6 * (slowdown.ok + slowdown.slow), "{slowdown:?}");
    for calm in [during(0, 55), during(215, 300)] {
        assert!(calm.total() > 50.0 && calm.slow <= 0.02 * calm.total(), "{calm:?}");
    }
    let report: Value = serde_json::from_str(&edges_of(&sample("incident"))).unwrap();
    let of_payment = |edge: &&Value| {
        report::node(&edge["target"]) == "host api.payments.example" && !edge["usual_us"].is_null()
    };
    let edge = report["edges"].as_array().unwrap().iter().find(of_payment).unwrap();
    assert!(edge["hops"]["slow"].as_f64().unwrap() >= 20.0, "{edge}");
    assert!(edge["slow_over_us"].as_f64().unwrap() > 2.0 * edge["usual_us"].as_f64().unwrap());
}

#[test]
fn a_shop_without_an_incident_has_few_slow_requests_but_for_its_slow_mail() {
    /// When the sale is on: functions start cold, and requests wait for the table.
    const SALE: std::ops::Range<u64> = 85..125;
    let edges = as_it_happened("webshop");
    let is_mail =
        |(source, target): &(String, String)| source == "shop-mailer" || target == "shop-mailer";
    let (mail, others): (Vec<_>, Vec<_>) = edges.iter().partition(|(ends, _)| is_mail(ends));
    let of = |edges: &[(&(String, String), &BTreeMap<u64, Counts>)], sale: bool| {
        let seconds = edges.iter().flat_map(|(_, seconds)| seconds.iter());
        sum(seconds.filter(|(second, _)| sale || !SALE.contains(*second)))
    };
    let (mail, others, calm) = (of(&mail, true), of(&others, true), of(&others, false));
    assert!(calm.slow < 0.01 * calm.total(), "{calm:?}");
    assert!(others.slow < 0.025 * others.total(), "{others:?}");
    assert!(mail.slow > 0.05 * mail.total(), "{mail:?}");
}

/// Hops by edge, in the words of both the feed and the report.
fn as_on_the_wall(json: &str) -> Vec<String> {
    let line = |((source, target), hops): (&report::Ends, &Hops)| {
        let Hops { total, throttled, error, cold } = hops;
        format!("{source} > {target}: {} 0 {throttled} {error} {cold}", total - throttled - error)
    };
    report::hops(json).iter().map(line).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_recorded_reduces_to_what_was_on_the_wall() {
    const REQUESTS: usize = 40;
    for transport in [Transport::Grpc, Transport::HttpJson] {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("recording.jsonl.zst");
        let record = ["record", target.to_str().unwrap()];
        let collector = Collector::start(&record, &[("REDUCE_WAIT", "500ms")]);
        let mut viewer = Viewer::connect(collector.view).await;
        functions::shop(REQUESTS, transport, collector.grpc, collector.http).await;
        let expected = functions::expected_lines(REQUESTS);
        let limit = Duration::from_secs(30);
        viewer.until(limit, "all hops", |wall| wall.lines() == expected).await;

        collector.program.terminate();
        let ended = collector.program.wait(Duration::from_secs(10));
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert_eq!(as_on_the_wall(&edges_of(&target)), expected);
    }
}

/// A reducer that a replay plays into, without time: nothing is resolved before the end.
struct Timeless(Reducer);

impl Sink for Timeless {
    fn traces(&self, request: Bytes) -> Result<Ingested, Malformed> {
        self.0.ingest(&request, 0)
    }
}

#[tokio::test]
async fn a_sample_says_the_same_however_fast_it_plays() {
    let (input, config) = (Input::from(sample("incident")), Config::default());
    let whole = edges::reduce_files(std::slice::from_ref(&input), &config).unwrap();
    for speed in ["max", "4000", "500"] {
        let reducer = Reducer::new(Settings {
            wait: Duration::from_secs(600),
            max_pending: 4_000_000,
            ..Settings::default()
        });
        let sink = Arc::new(Timeless(reducer));
        let replayer = Replayer::new(vec![input.clone()]).speed(speed.parse().unwrap());
        replayer.play(Arc::clone(&sink) as Arc<dyn Sink>, CancellationToken::new()).await.unwrap();
        sink.0.resolve_all();
        let played = Report::new(&sink.0, 0, &config.prices);
        // Its edges tell latencies and times in queues, its nodes work and cost.
        for (played, recorded) in played.edges.iter().zip(&whole.edges) {
            assert_eq!(played, recorded, "at speed {speed}");
        }
        assert_eq!(played, whole, "at speed {speed}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replayed_sample_puts_on_the_wall_what_edges_counts() {
    let recording = sample("webshop");
    // Read as fast as possible, then served until it is told to stop.
    let replay = ["replay", "--speed", "max", "--loop", recording.to_str().unwrap()];
    let collector = Collector::start(&replay, &[]);
    let mut viewer = Viewer::connect(collector.view).await;
    let counted = report::hops(&edges_of(&recording));
    let hops: u64 = counted.values().map(|hops| hops.total).sum();
    let limit = Duration::from_secs(60);
    viewer.until(limit, "a round of the sample", |wall| wall.hops() >= hops as f64).await;
    let hello = viewer.wall.hello.clone().unwrap();
    assert!(format!("{:?}", hello.source).contains("webshop"), "{hello:?}");
    for (source, target) in viewer.wall.by_name().into_keys() {
        let ends = (source, target);
        assert!(counted.contains_key(&ends), "{ends:?} is on the wall and not in the recording");
    }
}
