//! Every panel as it should look, cut out of pictures that the real program renders, and compared with
//! golden ones as `pictures.rs` does it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::path::Path;

use image::RgbImage;
use image::imageops::crop_imm;
use serde_json::{Value, json};
use spanfall_tests::picture::{self, Tolerance};
use spanfall_tests::program::repository;
use spanfall_tests::snapshot::{of, of_feed, of_file};
use spanfall_tests::theme;
use tempfile::NamedTempFile;

/// Where differences are left.
const LEFT: &str = env!("CARGO_TARGET_TMPDIR");

const SIZE: &str = "1280x720";

/// Compares a part of a picture: x, y, width, height.
#[track_caller]
fn golden(name: &str, picture: &RgbImage, [x, y, width, height]: [u32; 4]) {
    let part = crop_imm(picture, x, y, width, height).to_image();
    let letters = picture::count(&part, theme::color("text"), 60);
    assert!(letters > 40, "only {letters} pixels of text in {name}");
    picture::assert_golden(&format!("panel-{name}"), &part, Tolerance::default(), Path::new(LEFT));
}

/// The shop's feed, message by message.
fn shop() -> Vec<Value> {
    let text = std::fs::read_to_string(repository("tests/fixtures/feeds/shop.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn write(messages: &[Value]) -> NamedTempFile {
    let lines: String = messages.iter().map(|message| format!("{message}\n")).collect();
    let file = NamedTempFile::with_suffix(".jsonl").unwrap();
    std::fs::write(file.path(), lines).unwrap();
    file
}

/// The id of the shop's node of this name.
fn node(name: &str) -> Value {
    let graph = &shop()[1];
    let nodes = graph["nodes"].as_array().unwrap();
    nodes.iter().find(|node| node["name"] == name).unwrap()["id"].clone()
}

/// The shop's edge between two nodes.
fn edge(source: &str, target: &str) -> Value {
    let (source, target) = (node(source), node(target));
    let graph = &shop()[1];
    let edges = graph["edges"].as_array().unwrap();
    let is = |edge: &&Value| edge["source"] == source && edge["target"] == target;
    edges.iter().find(is).unwrap()["id"].clone()
}

/// The shop after four minutes that it has seen, with what deserved attention meanwhile.
fn shop_with_past() -> NamedTempFile {
    const PAST: u64 = 240_000;
    const ROUND: u64 = 20_000;
    let mut messages = shop();
    let begin = messages[0]["now_ms"].as_u64().unwrap();
    messages[0]["now_ms"] = json!(begin + PAST);
    let ticks = messages.split_off(2);
    let notice = |id: &str, severity: &str, about: &str, text: &str, hurt: f64, since: u64| {
        let node = node(about);
        json!({"type": "notice", "id": id, "severity": severity, "text": text, "node": node,
               "hurt": hurt, "since_ms": begin + since, "url": "https://wiki.example/runbooks"})
    };
    let pay = "pay.example.net fails: 12% of its requests in the last minute";
    let table = "tickets is slow: three times as long as usual";
    let sender = "kiosk-orders has had a cold start with every third request";
    for round in 0..=PAST / ROUND {
        for tick in &ticks {
            let mut tick = tick.clone();
            tick["t"] = json!(tick["t"].as_u64().unwrap() + round * ROUND);
            messages.push(tick);
        }
        match round {
            2 => messages.push(notice("pay", "critical", "pay.example.net", pay, 130.0, 40_000)),
            6 => messages.push(notice("slow", "warning", "tickets", table, 40.0, 120_000)),
            9 => messages.push(notice("cold", "info", "kiosk-orders", sender, 9.0, 180_000)),
            _ => {}
        }
    }
    write(&messages)
}

const TRACE: &str = "5759e988bd862e3fe1be46a994272793";

/// The shop, whose collector tells of one failed request when it is asked.
fn shop_with_a_request() -> NamedTempFile {
    let hop = |from: &str, to: &str, class: &str, at: u64, took: u64, work: Option<[u64; 2]>| {
        let mut hop = json!({"edge": edge(from, to), "source": node(from), "target": node(to),
                             "class": class, "at_us": at, "took_us": took, "operation": "POST /orders"});
        if let Some([at, took]) = work {
            hop["callee"] = json!({"at_us": at, "took_us": took});
        }
        hop
    };
    let trace = json!({"type": "trace", "trace": TRACE, "start_us": 1_800_000_001_000_000_u64,
        "url": "http://traces.example", "hops": [
        hop("users", "kiosk-api", "error", 0, 410_000, Some([3_000, 400_000])),
        hop("kiosk-api", "kiosk-orders", "error", 9_000, 390_000, Some([31_000, 360_000])),
        hop("kiosk-orders", "tickets", "ok", 60_000, 12_000, None),
        hop("kiosk-orders", "pay.example.net", "error", 90_000, 290_000, None),
    ]});
    let mut messages = Vec::new();
    for (index, message) in shop().into_iter().enumerate() {
        messages.push(message);
        if index > 1 && index % 5 == 0 {
            messages.push(trace.clone());
        }
    }
    write(&messages)
}

#[test]
fn the_options_look_as_they_should() {
    let picture = of_feed("shop", SIZE, "4", &["--open", "options"]);
    golden("options", &picture, [0, 40, 400, 440]);
}

#[test]
fn the_list_of_keys_looks_as_it_should() {
    let picture = of_feed("shop", SIZE, "4", &["--open", "keys"]);
    golden("keys", &picture, [110, 90, 1060, 540]);
}

#[test]
fn the_filters_look_as_they_should() {
    let picture = of_feed("regions", SIZE, "4", &["--open", "filters", "--tabs", "1"]);
    golden("filters", &picture, [0, 40, 380, 260]);
}

#[test]
fn a_search_dims_what_it_does_not_find_and_counts() {
    let more = ["--search", "orders", "--view", "everything"];
    let picture = of_feed("regions", "960x540", "6", &more);
    golden("search", &picture, [0, 30, 960, 440]);
}

#[test]
fn the_way_here_is_told_to_whoever_has_just_started() {
    // A name that nobody has: the picture is the same on every computer.
    let source = ["--connect", "collector.invalid"];
    let picture = of(&source, SIZE, "4", &["--open", "setup"]);
    golden("first-run", &picture, [0, 350, 500, 330]);
}

#[test]
fn a_wall_has_large_text() {
    let picture = of_feed("shop", "960x540", "12", &["--wall"]);
    golden("wall", &picture, [0, 0, 960, 540]);
}

#[test]
fn a_followed_request_is_shown_with_its_waterfall() {
    let feed = shop_with_a_request();
    let picture = of_file(feed.path(), SIZE, "12", &["--follow", TRACE]);
    golden("waterfall", &picture, [0, 500, 1280, 220]);
}

#[test]
fn the_details_of_an_edge_look_as_they_should() {
    let more = ["--select", "kiosk-orders > pay.example.net"];
    let picture = of_feed("shop", SIZE, "12", &more);
    golden("edge", &picture, [955, 0, 325, 560]);
}

#[test]
fn the_details_of_a_group_look_as_they_should() {
    let picture = of_feed("city", SIZE, "5", &["--select", "smiths… (16)"]);
    golden("group", &picture, [955, 0, 325, 720]);
}

#[test]
fn notices_and_the_timeline_look_as_they_should() {
    let feed = shop_with_past();
    let picture = of_file(feed.path(), SIZE, "4", &[]);
    golden("notices", &picture, [900, 330, 380, 340]);
    golden("timeline", &picture, [0, 670, 1280, 50]);
}
