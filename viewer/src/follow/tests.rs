//! What becomes of keys and clicks, of a feed that tells of a request.

use std::sync::{Arc, Mutex};

use bevy::input::keyboard::Key;
use bevy::prelude::*;
use spanfall_collector::feed::message::{Example, Examples, TraceId};
use spanfall_collector::reduce::hop::EdgeId;

use super::{Following, next_example};
use crate::browser::OpenPage;
use crate::clipboard::Clipboard;
use crate::focus::{Command, Item};
use crate::interaction::tests::Desk;
use crate::scene::emphasis::Emphasis;
use crate::source::Arrived;

const FIRST: &str = "000000000000000000000000000000a1";
const SECOND: &str = "000000000000000000000000000000b2";

/// A desk at which what goes from checkout to orders is selected, and two of its requests are known.
fn desk() -> Desk {
    let mut desk = Desk::new();
    desk.app.world_mut().write_message(Command::Select(Some(Item::Edge(EdgeId(23)))));
    desk.wait(0.1);
    tell_examples(&mut desk);
    desk
}

/// As the collector does every second while the edge is selected.
fn tell_examples(desk: &mut Desk) {
    let detail = format!(
        r#"{{"type":"detail","edge":23,"counts":{{"ok":3,"slow":0,"throttled":0,"error":1,"cold":0}},"latency":{{"p50_us":1,"p95_us":1,"p99_us":1}},"examples":{{"failed":[{{"trace":"{FIRST}","class":"error","took_us":90000,"at_ms":1800000000000,"operation":"PutItem"}}],"slowest":[{{"trace":"{SECOND}","class":"ok","took_us":95000,"at_ms":1800000000000,"operation":"Query"}},{{"trace":"{FIRST}","class":"error","took_us":90000,"at_ms":1800000000000,"operation":"PutItem"}}]}}}}"#
    );
    let message = serde_json::from_str(&detail).unwrap();
    desk.app.world_mut().write_message(Arrived::Message { message, at: 0.0 });
    desk.wait(0.3);
}

fn following(desk: &Desk) -> Following {
    desk.app.world().resource::<Following>().clone()
}

fn id(text: &str) -> TraceId {
    text.parse().unwrap()
}

fn key(desk: &mut Desk, key_code: KeyCode, text: &str) {
    desk.press(key_code, Key::Character(text.into()));
    desk.wait(0.2);
}

/// Says again what the collector would answer with to whoever follows this trace.
fn answer(desk: &mut Desk, trace: &str) {
    let told = following(desk);
    assert_eq!(told.trace(), Some(id(trace)));
    let message = format!(
        r#"{{"type":"trace","trace":"{trace}","start_us":1,"hops":[{{"edge":12,"source":1,"target":2,"class":"ok","at_us":0,"took_us":100000,"callee":{{"at_us":0,"took_us":100000}}}},{{"edge":23,"source":2,"target":3,"class":"error","at_us":5000,"took_us":90000,"operation":"PutItem"}}],"url":"file:///no/page"}}"#
    );
    let message = serde_json::from_str(&message).unwrap();
    desk.app.world_mut().write_message(Arrived::Message { message, at: 0.0 });
    desk.wait(0.1);
}

#[test]
fn g_goes_along_with_the_worst_request_of_what_is_selected_and_then_with_the_next() {
    let mut desk = desk();
    for trace in [FIRST, SECOND, FIRST] {
        key(&mut desk, KeyCode::KeyG, "g");
        assert_eq!(following(&desk).trace(), Some(id(trace)));
    }
}

#[test]
fn g_with_nothing_selected_finds_what_fails_most() {
    let mut desk = Desk::new();
    key(&mut desk, KeyCode::KeyG, "g");
    assert_eq!(desk.focus().selected, Some(Item::Edge(EdgeId(23))));
    tell_examples(&mut desk);
    assert_eq!(following(&desk).trace(), Some(id(FIRST)));
}

#[test]
fn a_click_on_an_example_in_the_details_goes_along_with_it() {
    let mut desk = desk();
    let row = desk.place_of("details", "Query");
    desk.click(row);
    assert_eq!(following(&desk).trace(), Some(id(SECOND)));
    let said = desk.says("details");
    assert_eq!(said.iter().filter(|text| *text == "PutItem").count(), 1, "{said:?}");
}

#[test]
fn where_no_request_is_known_g_says_so_and_does_not_wait_for_ever() {
    let mut desk = Desk::new();
    key(&mut desk, KeyCode::KeyG, "g");
    desk.wait(5.5);
    assert_eq!(following(&desk).trace(), None);
    let said = desk.says("notices");
    assert!(said.iter().any(|text| text.starts_with("No single request")), "{said:?}");
}

#[test]
fn a_followed_request_goes_hop_by_hop_and_round_and_round_and_everything_else_is_dim() {
    let mut desk = desk();
    desk.app.world_mut().write_message(Command::Follow(id(FIRST)));
    desk.wait(0.1);
    answer(&mut desk, FIRST);
    let mut edges = Vec::new();
    let mut rounds = 0;
    for _ in 0..900 {
        desk.app.update();
        let now = following(&desk);
        if let Some(edge) = now.edge().filter(|edge| edges.last() != Some(edge)) {
            edges.push(edge);
            rounds += usize::from(edge == EdgeId(12));
        }
    }
    assert!(rounds >= 2 && edges.contains(&EdgeId(23)), "{edges:?}");
    let emphasis = desk.app.world().resource::<Emphasis>();
    let bright = |id| emphasis.is_front_edge(EdgeId(id));
    assert!(bright(12) && bright(23));

    // It stands still with everything else, ...
    key(&mut desk, KeyCode::Space, " ");
    let stands = following(&desk).moment();
    desk.wait(1.0);
    assert_eq!(following(&desk).moment(), stands);
    // ... and Esc ends it, and nothing else.
    desk.press(KeyCode::Escape, Key::Escape);
    assert_eq!(following(&desk).trace(), None);
    assert_eq!(desk.focus().selected, Some(Item::Edge(EdgeId(23))));
}

#[test]
fn the_trace_id_is_copied_and_the_page_of_the_trace_store_opened() {
    let mut desk = desk();
    let copied = Arc::new(Mutex::new(String::new()));
    let there = Arc::clone(&copied);
    desk.app.insert_resource(Clipboard::new(move |text| {
        there.lock().unwrap().push_str(text);
        Ok(())
    }));
    key(&mut desk, KeyCode::KeyC, "c");
    key(&mut desk, KeyCode::KeyU, "u");
    assert!(desk.says("notices").iter().any(|text| text.starts_with("No request is followed")));
    assert_eq!(*copied.lock().unwrap(), "");

    desk.app.world_mut().write_message(Command::Follow(id(FIRST)));
    desk.wait(0.1);
    answer(&mut desk, FIRST);
    key(&mut desk, KeyCode::KeyC, "c");
    assert_eq!(*copied.lock().unwrap(), FIRST);
    desk.app.world_mut().resource_mut::<Messages<OpenPage>>().clear();
    key(&mut desk, KeyCode::KeyU, "u");
    // This page is none that is opened, which is said.
    let said = desk.says("notices");
    assert!(said.iter().any(|text| text.contains("no web page")), "{said:?}");
}

#[test]
fn an_answer_about_another_request_changes_nothing() {
    let mut desk = desk();
    desk.app.world_mut().write_message(Command::Follow(id(SECOND)));
    desk.wait(0.1);
    let message =
        serde_json::from_str(&format!(r#"{{"type":"trace","trace":"{FIRST}","hops":[]}}"#));
    let message = message.unwrap();
    desk.app.world_mut().write_message(Arrived::Message { message, at: 0.0 });
    desk.wait(0.1);
    assert!(following(&desk).known().is_none());
    desk.app.world_mut().write_message(Arrived::Reset);
    desk.wait(0.1);
    assert_eq!(following(&desk).trace(), None, "another system has other requests");
}

#[test]
fn examples_come_in_turn_each_once() {
    let example = |byte| Example { trace: TraceId([byte; 16]), ..Example::default() };
    let examples =
        Examples { failed: vec![example(1)], slowest: vec![example(2), example(1), example(3)] };
    let mut now = None;
    let mut order = Vec::new();
    for _ in 0..4 {
        now = next_example(&examples, now);
        order.push(now.unwrap().0[0]);
    }
    assert_eq!(order, [1, 2, 3, 1]);
    assert_eq!(next_example(&Examples::default(), None), None);
}
