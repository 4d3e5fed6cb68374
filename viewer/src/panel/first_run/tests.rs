//! When the card comes, what it says, and what makes it go.

use std::io::Write as _;
use std::sync::{Arc, Mutex};

use bevy::input::keyboard::Key;
use bevy::prelude::*;

use super::NAMES;
use crate::clipboard::Clipboard;
use crate::focus::{Command, Shown};
use crate::interaction::tests::{Desk, feed};
use crate::source::Intake;
use crate::traffic::{SourceState, Traffic};

/// A desk whose feed is a sample, at a collector that listens on this address; and its clipboard.
fn desk(address: &str) -> (Desk, Arc<Mutex<String>>) {
    let mut desk = Desk::with(feed());
    let board = Arc::new(Mutex::new(String::new()));
    let there = Arc::clone(&board);
    let world = desk.app.world_mut();
    world.insert_resource(Clipboard::new(move |text| {
        text.clone_into(&mut there.lock().unwrap());
        Ok(())
    }));
    world.insert_resource(SourceState::Sample("webshop".to_owned()));
    world.insert_resource(Intake::Here { http: address.parse().ok(), grpc: None });
    desk.wait(0.1);
    (desk, board)
}

fn says(desk: &mut Desk, part: &str) -> bool {
    desk.says("first run").iter().any(|text| text.contains(part))
}

fn open(desk: &Desk) -> bool {
    desk.app.world().resource::<Shown>().setup
}

#[test]
fn while_the_sample_plays_a_card_says_how_to_point_functions_here() {
    let (mut desk, _) = desk("203.0.113.9:4318");
    for text in ["http://203.0.113.9:4318", "http/protobuf", "/opt/otel-instrument", "sample"] {
        assert!(says(&mut desk, text), "{text}: {:?}", desk.says("first run"));
    }
    for name in NAMES {
        assert!(says(&mut desk, name), "{name}");
    }
    assert!(!says(&mut desk, "--host"), "it listens on a network");
}

#[test]
fn a_collector_that_answers_this_computer_only_names_the_option_that_opens_it() {
    let (mut desk, _) = desk("127.0.0.1:4318");
    assert!(says(&mut desk, "only this computer") && says(&mut desk, "--host 0.0.0.0"));
}

#[test]
fn the_variables_can_be_copied_by_key_and_by_click() {
    let (mut desk, board) = desk("203.0.113.9:4318");
    desk.press(KeyCode::KeyC, Key::Character("c".into()));
    let copied = std::mem::take(&mut *board.lock().unwrap());
    assert!(copied.contains("OTEL_EXPORTER_OTLP_ENDPOINT=http://203.0.113.9:4318\n"), "{copied}");
    assert!(desk.says("notices").contains(&"Copied the environment variables".to_owned()));
    let place = desk.place_of("first run", "Copy (C)");
    desk.click(place);
    assert_eq!(*board.lock().unwrap(), copied);
}

#[test]
fn esc_or_a_click_hides_the_card_and_it_stays_hidden_until_it_is_asked_for() {
    let (mut desk, board) = desk("203.0.113.9:4318");
    desk.press(KeyCode::Escape, Key::Escape);
    assert!(desk.says("first run").is_empty());
    // The collector has started anew, and still nothing came.
    let lost = SourceState::Lost { from: String::new(), why: String::new(), retry_in: 1.0 };
    for state in [lost, SourceState::Sample("webshop".to_owned())] {
        desk.app.world_mut().insert_resource(state);
        desk.wait(0.1);
    }
    assert!(!open(&desk));
    desk.press(KeyCode::KeyC, Key::Character("c".into()));
    assert!(board.lock().unwrap().is_empty(), "what is not shown is not copied");

    desk.press(KeyCode::KeyI, Key::Character("i".into()));
    assert!(open(&desk));
    let place = desk.place_of("first run", "Hide (Esc)");
    desk.click(place);
    assert!(desk.says("first run").is_empty());
}

#[test]
fn the_card_goes_with_the_first_live_span_and_does_not_come_back() {
    let (mut desk, _) = desk("203.0.113.9:4318");
    desk.app.world_mut().insert_resource(SourceState::Live("this computer".to_owned()));
    desk.wait(0.1);
    assert!(!open(&desk));
    // Long afterwards all is forgotten.
    desk.app.world_mut().resource_mut::<Traffic>().nodes.clear();
    desk.wait(0.1);
    assert!(!open(&desk));
}

#[test]
fn of_a_recording_the_card_comes_only_when_asked_and_says_why_no_span_can_come() {
    let mut file = feed();
    writeln!(file).unwrap();
    let mut desk = Desk::with(file);
    assert!(!open(&desk));
    desk.app.world_mut().write_message(Command::ToggleSetup);
    desk.wait(0.1);
    assert!(says(&mut desk, "No span can come in") && says(&mut desk, "--connect"));
    assert!(!says(&mut desk, NAMES[0]) && !says(&mut desk, "Copy (C)"), "nowhere to send spans to");
    assert!(says(&mut desk, "Hide (Esc)"));
}
