//! Every key of the list does what the list says, in the whole viewer. A key that is listed and not tried
//! here fails the test.

use bevy::input::ButtonState;
use bevy::input::keyboard::{Key, KeyCode};
use bevy::prelude::*;
use bevy::window::{PrimaryWindow, WindowMode};
use spanfall_collector::feed::message::{Message as FeedMessage, Notice, Severity};
use spanfall_collector::reduce::hop::EdgeId;
use spanfall_collector::reduce::node::NodeId;

use super::keys::KEYS;
use super::tests::{Desk, feed_with_past};
use crate::browser::OpenPage;
use crate::focus::{Command, Item, Shown};
use crate::follow::Following;
use crate::layout::Places;
use crate::picture::{Filter, Level, Picture};
use crate::scene::theme::Themes;
use crate::search::Search;
use crate::source::{Arrived, Intake};
use crate::traffic::Playback;

const CHECKOUT: NodeId = NodeId(2);
const ORDERS: NodeId = NodeId(3);
const GROUND: Vec2 = Vec2::new(300.0, 700.0);
const TRACE: &str = "000000000000000000000000000000a1";

/// What was asked for so far.
#[derive(Resource, Default)]
struct Heard {
    commands: Vec<Command>,
    pages: usize,
    exits: usize,
}

fn listen(
    mut commands: MessageReader<'_, '_, Command>,
    mut pages: MessageReader<'_, '_, OpenPage>,
    mut exits: MessageReader<'_, '_, AppExit>,
    mut heard: ResMut<'_, Heard>,
) {
    heard.commands.extend(commands.read().copied());
    heard.pages += pages.read().count();
    heard.exits += exits.read().count();
}

impl Desk {
    fn key(&mut self, key: Key) {
        self.press(KeyCode::F35, key);
        self.wait(0.3);
    }

    fn letter(&mut self, letter: &str) {
        self.key(Key::Character(letter.into()));
    }

    /// A key while another one is held.
    fn chord(&mut self, held: KeyCode, key: Key) {
        self.hold(held, ButtonState::Pressed);
        self.key(key);
        self.hold(held, ButtonState::Released);
    }

    fn get<T: Resource + Clone>(&self) -> T {
        self.app.world().resource::<T>().clone()
    }

    fn hears(&mut self, message: &str) {
        let message: FeedMessage = serde_json::from_str(message).unwrap();
        self.app.world_mut().write_message(Arrived::Message { message, at: 0.0 });
        self.wait(0.3);
    }

    /// Whether somebody has asked for this.
    fn was_asked(&self, command: Command) -> bool {
        self.app.world().resource::<Heard>().commands.contains(&command)
    }

    /// How many pages were to be opened so far.
    fn pages(&self) -> usize {
        self.app.world().resource::<Heard>().pages
    }

    fn selects(&mut self, item: Item) {
        self.app.world_mut().write_message(Command::Select(Some(item)));
        self.wait(1.5);
    }
}

/// Does what stands in a line of the list, and sees what comes of it. Leaves things as they were.
fn try_line(desk: &mut Desk, keys: &str) {
    match keys {
        "Click" | "Double click" | "Drag" | "Wheel  + −" | "R" | "F" => try_mouse(desk, keys),
        "← ↑ ↓ →" | "Tab" | "Enter" | "Alt with ↑" | "Backspace" | "Z" | "Esc" => {
            try_walk(desk, keys);
        }
        "Space" | ",  ." | "[  ]" | "Home  End" => try_time(desk, keys),
        "M" | "O" | "G" | "U" => try_trouble(desk, keys),
        _ => try_panel(desk, keys),
    }
}

fn try_mouse(desk: &mut Desk, keys: &str) {
    let scale = |desk: &Desk| desk.get::<crate::interaction::Steering>().view().scale;
    match keys {
        "Click" => {
            desk.click(desk.at(CHECKOUT));
            assert_eq!(desk.focus().selected, Some(Item::Node(CHECKOUT)));
            desk.click(GROUND);
            assert_eq!(desk.focus().selected, None);
        }
        "Double click" => {
            desk.double_click(desk.at(CHECKOUT));
            assert_eq!(desk.get::<Picture>().level, Level::Node(CHECKOUT));
            desk.double_click(GROUND);
            assert_eq!(desk.get::<Picture>().level, Level::Everything);
            desk.click(GROUND);
        }
        "Drag" | "R" => {
            let before = desk.get::<Places>().target[&ORDERS];
            let from = desk.at(ORDERS);
            desk.move_to(from);
            desk.button(ButtonState::Pressed);
            for step in 1..=5_u8 {
                desk.move_to(from + Vec2::new(0.0, -20.0) * f32::from(step));
            }
            desk.button(ButtonState::Released);
            desk.wait(1.0);
            assert!(desk.get::<Places>().target[&ORDERS].distance(before) > 20.0);
            desk.letter("r");
            desk.wait(1.0);
            let after = desk.get::<Places>().target[&ORDERS];
            assert!(after.distance(before) < 1.0, "R lays out anew: {before} {after}");
        }
        _ => {
            let before = scale(desk);
            desk.letter("+");
            desk.wait(1.0);
            let closer = scale(desk);
            assert!(closer < before);
            desk.letter("-");
            desk.letter("-");
            desk.wait(1.0);
            assert!(scale(desk) > closer);
            desk.letter("f");
            desk.wait(2.0);
            assert!((scale(desk) / before - 1.0).abs() < 0.01, "F shows everything again");
        }
    }
}

fn try_walk(desk: &mut Desk, keys: &str) {
    let level = |desk: &Desk| desk.get::<Picture>().level;
    match keys {
        "← ↑ ↓ →" => {
            desk.key(Key::ArrowRight);
            desk.key(Key::ArrowRight);
            assert_eq!(desk.focus().selected, Some(Item::Node(CHECKOUT)));
            desk.key(Key::ArrowLeft);
            assert_eq!(desk.focus().selected, Some(Item::Node(NodeId(1))));
            desk.key(Key::Escape);
            // The details slide out.
            desk.wait(1.0);
        }
        "Tab" => {
            desk.key(Key::Tab);
            let first = desk.keys_at();
            assert!(first.is_some());
            desk.chord(KeyCode::ShiftLeft, Key::Tab);
            assert_eq!(desk.keys_at(), None);
        }
        "Enter" | "Backspace" | "Alt with ↑" => {
            desk.selects(Item::Node(CHECKOUT));
            desk.key(Key::Enter);
            assert_eq!(level(desk), Level::Node(CHECKOUT));
            desk.key(Key::Backspace);
            assert_eq!(level(desk), Level::Everything);
            desk.chord(KeyCode::AltLeft, Key::ArrowRight);
            assert_eq!(level(desk), Level::Node(CHECKOUT));
            desk.chord(KeyCode::AltLeft, Key::ArrowUp);
            assert_eq!(level(desk), Level::Everything);
            desk.click(GROUND);
        }
        // Few nodes do not fold; the picture's own tests see what becomes of it.
        "Z" => {
            desk.letter("z");
            assert!(desk.was_asked(Command::Fold));
        }
        _ => {
            desk.selects(Item::Node(ORDERS));
            desk.key(Key::Escape);
            assert_eq!(desk.focus().selected, None);
        }
    }
}

fn try_time(desk: &mut Desk, keys: &str) {
    let playback = |desk: &Desk| desk.get::<Playback>();
    match keys {
        "Space" => {
            desk.key(Key::Space);
            assert_eq!(playback(desk).speed, 0.0);
            desk.key(Key::Space);
            assert_eq!(playback(desk).speed, 1.0);
        }
        ",  ." => {
            desk.letter(",");
            let before = playback(desk);
            assert_eq!(before.speed, 0.0, "it stands");
            desk.letter(",");
            let back = playback(desk).at.unwrap() - before.at.unwrap();
            assert!((back + 0.2).abs() < 1e-3, "a tick back, not {back}");
            desk.letter(".");
            assert!((playback(desk).at.unwrap() - before.at.unwrap()).abs() < 1e-3);
        }
        "[  ]" => {
            desk.key(Key::Home);
            desk.letter("]");
            let faster = playback(desk).speed;
            assert!(faster > 1.0, "{faster}");
            desk.letter("[");
            desk.letter("[");
            assert!(playback(desk).speed < 1.0);
        }
        _ => {
            desk.key(Key::Home);
            assert!(!playback(desk).live);
        }
    }
    desk.key(Key::End);
    assert!(playback(desk).live);
    if playback(desk).speed == 0.0 {
        desk.key(Key::Space);
    }
    assert_eq!(playback(desk).speed, 1.0);
}

fn try_trouble(desk: &mut Desk, keys: &str) {
    let says = |desk: &mut Desk| desk.says("notices").contains(&"orders fails".to_owned());
    match keys {
        "M" => {
            assert!(says(desk));
            desk.letter("m");
            assert!(!says(desk));
            desk.chord(KeyCode::ShiftLeft, Key::Character("M".into()));
            assert!(says(desk));
        }
        "O" => {
            let before = desk.pages();
            desk.letter("o");
            assert_eq!(desk.pages(), before + 1, "the runbook");
        }
        _ => {
            desk.selects(Item::Edge(EdgeId(23)));
            desk.hears(&format!(
                r#"{{"type":"detail","edge":23,"counts":{{"ok":3,"slow":0,"throttled":0,"error":1,"cold":0}},"latency":{{"p50_us":1,"p95_us":1,"p99_us":1}},"examples":{{"failed":[{{"trace":"{TRACE}","class":"error","took_us":90000,"at_ms":1800000000000,"operation":"PutItem"}}]}}}}"#
            ));
            desk.letter("g");
            assert_eq!(desk.get::<Following>().trace(), Some(TRACE.parse().unwrap()));
            desk.hears(&format!(
                r#"{{"type":"trace","trace":"{TRACE}","start_us":1,"hops":[{{"edge":23,"source":2,"target":3,"class":"error","at_us":0,"took_us":90000}}],"url":"file:///no/page"}}"#
            ));
            assert!(!desk.says("waterfall").is_empty());
            let before = desk.pages();
            desk.letter("u");
            assert_eq!(desk.pages(), before + 1, "the trace store");
            desk.key(Key::Escape);
            assert_eq!(desk.get::<Following>().trace(), None);
            desk.key(Key::Escape);
        }
    }
}

fn try_panel(desk: &mut Desk, keys: &str) {
    let shown = |desk: &Desk| desk.get::<Shown>();
    match keys {
        "/" => {
            desk.letter("/");
            assert!(desk.get::<Search>().open);
            desk.key(Key::Escape);
            assert!(!desk.get::<Search>().open);
        }
        "N  E  X" => {
            desk.letter("n");
            assert!(shown(desk).filters);
            desk.letter("n");
            desk.letter("e");
            assert!(desk.get::<Filter>().is_on());
            desk.letter("x");
            assert!(!desk.get::<Filter>().is_on() && !shown(desk).filters);
        }
        "T" => toggles(desk, "t", |shown| shown.timeline),
        "L" => toggles(desk, "l", |shown| shown.legend),
        "P" => toggles(desk, "p", |shown| shown.options),
        "I" => toggles(desk, "i", |shown| shown.setup),
        "H  ?" => {
            toggles(desk, "h", |shown| shown.keys);
            toggles(desk, "?", |shown| shown.keys);
        }
        "V" => {
            let before = desk.get::<Themes>().name();
            desk.letter("v");
            assert_ne!(desk.get::<Themes>().name(), before);
            desk.chord(KeyCode::ShiftLeft, Key::Character("V".into()));
            assert_eq!(desk.get::<Themes>().name(), before);
        }
        "C" => {
            desk.letter("i");
            desk.letter("c");
            let copied = desk.says("notices").iter().any(|said| said.contains("environment"));
            assert!(copied, "{:?}", desk.says("notices"));
            desk.letter("i");
        }
        "S" => {
            // Nothing draws here: that a picture is asked for is all that can be seen. A clip would be a
            // file: those that are rendered have tests of their own.
            desk.letter("s");
            assert!(desk.was_asked(Command::Snapshot));
        }
        "F11" => {
            let full = |desk: &mut Desk| {
                let world = desk.app.world_mut();
                let mut windows = world.query_filtered::<&Window, With<PrimaryWindow>>();
                windows.single(world).unwrap().mode != WindowMode::Windowed
            };
            desk.key(Key::F11);
            assert!(full(desk));
            desk.key(Key::F11);
            assert!(!full(desk));
        }
        "Q with Ctrl" => {
            desk.press(KeyCode::KeyQ, Key::Character("q".into()));
            let exits = |desk: &Desk| desk.app.world().resource::<Heard>().exits;
            assert_eq!(exits(desk), 0);
            desk.chord(KeyCode::ControlLeft, Key::Character("q".into()));
            assert_eq!(exits(desk), 1);
        }
        other => panic!("the list has {other:?}, and nothing here tries it"),
    }
}

#[track_caller]
fn toggles(desk: &mut Desk, letter: &str, part: fn(Shown) -> bool) {
    let before = part(desk.get());
    desk.letter(letter);
    assert_ne!(part(desk.get()), before, "{letter}");
    desk.letter(letter);
    assert_eq!(part(desk.get()), before, "{letter}");
}

#[test]
fn every_key_of_the_list_does_what_the_list_says() {
    let mut desk = Desk::with(feed_with_past(600));
    desk.app.init_resource::<Heard>().add_systems(Last, listen);
    desk.app.world_mut().insert_resource(Intake::Elsewhere("wall.example".to_owned()));
    let notice = Notice {
        id: "fails".into(),
        severity: Severity::Critical,
        text: "orders fails".into(),
        node: Some(ORDERS),
        hurt: 40.0,
        url: Some("file:///no/page".into()),
        ..Notice::default()
    };
    let message = FeedMessage::Notice(notice);
    desk.app.world_mut().write_message(Arrived::Message { message, at: 0.0 });
    desk.wait(1.0);
    for (keys, _) in KEYS {
        try_line(&mut desk, keys);
    }
}
