//! Where the keys go, what they do there, and what everything is called.

use accesskit::{Action, ActionRequest as Request, NodeId, Role, TreeId};
use bevy::a11y::{AccessibilityNode, ActionRequest};
use bevy::input::keyboard::Key;
use bevy::ui_widgets::Button;
use spanfall_collector::reduce::node;

use super::*;
use crate::interaction::tests::{Desk, feed_with_past};
use crate::settings::Settings;
use crate::traffic::Playback;

/// With more to press than at the start: a past, and a selected node.
fn desk() -> Desk {
    let mut desk = Desk::with(feed_with_past(600));
    let checkout = desk.at(node::NodeId(2));
    desk.click(checkout);
    desk.move_to(Vec2::new(900.0, 300.0));
    desk
}

fn tab(desk: &mut Desk) -> Option<String> {
    desk.press(KeyCode::Tab, Key::Tab);
    desk.keys_at()
}

fn letter(desk: &mut Desk, letter: &str) {
    desk.press(KeyCode::F35, Key::Character(letter.into()));
}

/// Tabs until the control of this name has the keys.
fn tab_to(desk: &mut Desk, name: &str) {
    let mut met = Vec::new();
    while met.len() < 100 {
        match tab(desk) {
            Some(met) if met.contains(name) => return,
            other => met.push(other),
        }
    }
    panic!("no {name} in {met:?}");
}

/// Once around: what has the keys after each Tab, until the picture has them again.
fn round(desk: &mut Desk) -> Vec<String> {
    let mut names = Vec::new();
    while let Some(name) = tab(desk) {
        names.push(name);
        assert!(names.len() < 100, "it does not end: {names:?}");
    }
    names
}

/// Everything on the screen that can be pressed or turned, but for the mouse's arrows beside a value; by
/// another way than the keys go.
fn pressable(desk: &mut Desk) -> Vec<(Entity, Role, String)> {
    let world = desk.app.world_mut();
    let mut parts = world.query_filtered::<(Entity, &AccessibilityNode), Or<(With<Button>, With<Slider>, With<Control>)>>();
    let mut all: Vec<(Entity, Role, String)> = parts
        .iter(world)
        .filter(|(_, node)| !node.is_hidden())
        .map(|(part, node)| (part, node.role(), node.label().unwrap_or_default().to_owned()))
        .collect();
    all.retain(|(part, ..)| {
        let shown = world.get::<InheritedVisibility>(*part).is_some_and(|seen| seen.get());
        let size = world.get::<ComputedNode>(*part).map_or(Vec2::ZERO, ComputedNode::size);
        shown && size.min_element() > 0.0
    });
    all
}

#[test]
fn tab_goes_through_every_control_on_the_screen_once_and_then_to_the_picture() {
    let mut desk = desk();
    let all = pressable(&mut desk);
    let mut expected: Vec<String> = all.into_iter().map(|(.., name)| name).collect();
    let forward = round(&mut desk);
    assert!(forward.len() >= 4, "{forward:?}");
    assert_eq!(forward.first().map(String::as_str), Some("Close the details"));
    assert_eq!(forward.last().map(String::as_str), Some("Time"), "{forward:?}");
    let mut sorted = forward.clone();
    sorted.sort();
    expected.sort();
    assert_eq!(sorted, expected);
}

#[test]
fn no_control_is_without_a_name_and_a_role() {
    let mut desk = desk();
    let mut met = 0;
    let mut look = |desk: &mut Desk, panel: &str| {
        desk.wait(0.5);
        let all = pressable(desk);
        let unnamed: Vec<_> = all.iter().filter(|(.., name)| name.trim().is_empty()).collect();
        assert!(unnamed.is_empty(), "with {panel}: {unnamed:?}");
        let roles = [Role::Button, Role::SpinButton, Role::Slider, Role::SearchInput];
        assert!(all.iter().all(|(_, role, _)| roles.contains(role)), "with {panel}: {all:?}");
        met += all.len();
    };
    look(&mut desk, "details and timeline");
    for (key, panel) in [("p", "options"), ("n", "filters"), ("e", "a filter"), ("/", "a search")] {
        letter(&mut desk, key);
        look(&mut desk, panel);
    }
    desk.press(KeyCode::Escape, Key::Escape);
    letter(&mut desk, "?");
    look(&mut desk, "the list of keys");
    assert!(met > 80, "only {met} controls were looked at");
}

#[test]
fn values_and_what_happens_are_told_too() {
    let mut desk = desk();
    letter(&mut desk, "p");
    letter(&mut desk, "/");
    letter(&mut desk, "o");
    desk.wait(0.5);
    let world = desk.app.world_mut();
    let mut nodes = world.query::<&AccessibilityNode>();
    let told: Vec<(Role, String, String)> = nodes
        .iter(world)
        .filter(|node| !node.is_hidden())
        .map(|node| {
            let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
            (node.role(), text(node.label()), text(node.value()))
        })
        .collect();
    for (role, name, value) in [
        (Role::SpinButton, "Labels", "all"),
        (Role::Slider, "Time", "now"),
        (Role::SearchInput, "Search", "o"),
        (Role::Button, "Glow: next", ""),
    ] {
        assert!(told.contains(&(role, name.to_owned(), value.to_owned())), "{name}: {told:?}");
    }
    let status = told.iter().find(|(role, ..)| *role == Role::Status);
    assert!(status.is_some_and(|(_, name, _)| name.contains("RECORDING")), "{status:?}");
    assert!(told.iter().all(|(role, ..)| *role != Role::Image), "signs are passed over");
}

/// The controls that have a ring, and its colour.
fn rings(desk: &mut Desk) -> Vec<(String, Color)> {
    let world = desk.app.world_mut();
    let mut rings = world.query::<(&Outline, &AccessibilityNode)>();
    rings
        .iter(world)
        .map(|(ring, node)| (node.label().unwrap_or_default().to_owned(), ring.color))
        .collect()
}

#[test]
fn a_ring_is_around_the_control_that_has_the_keys_in_every_theme() {
    let mut desk = desk();
    assert!(rings(&mut desk).is_empty());
    tab_to(&mut desk, "Time");
    for _ in 0..3 {
        let accent = desk.app.world().resource::<Theme>().colors.accent;
        assert_eq!(rings(&mut desk), [("Time".to_owned(), accent)]);
        letter(&mut desk, "v");
        desk.wait(1.5);
        assert_eq!(desk.keys_at().as_deref(), Some("Time"), "another theme takes no keys away");
    }
    desk.press(KeyCode::Escape, Key::Escape);
    assert!(rings(&mut desk).is_empty());
    assert_eq!(desk.keys_at(), None);
}

#[test]
fn enter_and_space_press_the_control_and_not_the_picture() {
    let mut desk = desk();
    let speed = |desk: &Desk| desk.app.world().resource::<Playback>().speed;
    tab_to(&mut desk, "users");
    desk.press(KeyCode::Space, Key::Space);
    desk.wait(0.5);
    assert_eq!(desk.focus().selected, Some(crate::focus::Item::Node(node::NodeId(1))));
    assert_eq!(speed(&desk), 1.0, "Space does not pause while a control has the keys");
    tab_to(&mut desk, "Close the details");
    desk.press(KeyCode::Enter, Key::Enter);
    desk.wait(1.5);
    assert_eq!(desk.focus().selected, None);
    assert_eq!(desk.keys_at(), None, "what is gone does not have the keys");
    desk.press(KeyCode::Space, Key::Space);
    assert_eq!(speed(&desk), 0.0, "they are the picture's again");
}

#[test]
fn a_click_beside_takes_the_keys_to_the_picture() {
    let mut desk = desk();
    tab_to(&mut desk, "Time");
    desk.click(Vec2::new(300.0, 300.0));
    assert_eq!(desk.keys_at(), None);
}

#[test]
fn arrow_keys_move_through_time_and_through_a_panel() {
    let mut desk = desk();
    tab_to(&mut desk, "Time");
    desk.press(KeyCode::ArrowLeft, Key::ArrowLeft);
    desk.wait(0.5);
    let playback = desk.app.world().resource::<Playback>().clone();
    assert!(!playback.live, "a step into the past");
    tab_to(&mut desk, "Close the details");
    desk.press(KeyCode::ArrowDown, Key::ArrowDown);
    assert!(desk.keys_at().unwrap().starts_with("users"));
    desk.press(KeyCode::ArrowUp, Key::ArrowUp);
    desk.press(KeyCode::ArrowUp, Key::ArrowUp);
    let last = desk.keys_at().unwrap();
    assert!(last.contains("orders"), "around within the details: {last}");
}

#[test]
fn tab_leaves_a_search_and_the_list_of_keys_covers_all_other_controls() {
    let mut desk = desk();
    letter(&mut desk, "/");
    assert_eq!(desk.keys_at().as_deref(), Some("Search"));
    tab(&mut desk);
    assert!(!desk.app.world().resource::<Search>().open);
    letter(&mut desk, "?");
    desk.wait(0.3);
    desk.press(KeyCode::Escape, Key::Escape);
    letter(&mut desk, "?");
    let names = round(&mut desk);
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(names.contains(&"Options (P)".to_owned()));
}

#[test]
fn details_that_slide_out_give_the_keys_back_at_once() {
    let mut desk = desk();
    tab_to(&mut desk, "Close the details");
    desk.press(KeyCode::Enter, Key::Enter);
    assert_eq!(desk.keys_at(), None);
    let leaves = |desk: &mut Desk| {
        let world = desk.app.world_mut();
        let mut roots = world.query::<(&Name, &Visibility)>();
        roots
            .iter(world)
            .any(|(name, seen)| name.as_str() == "details" && *seen != Visibility::Hidden)
    };
    assert!(leaves(&mut desk), "it is still seen on its way out");
    let checkout = desk.at(node::NodeId(2));
    desk.click(checkout);
    tab_to(&mut desk, "Close the details");
}

#[test]
fn assistive_technology_can_press_turn_and_give_the_keys() {
    let mut desk = desk();
    letter(&mut desk, "p");
    desk.wait(0.3);
    let all = pressable(&mut desk);
    let ask = |desk: &mut Desk, action, name: &str| {
        let (part, ..) = all.iter().find(|(.., other)| other == name).unwrap();
        let target_node = NodeId(part.to_bits());
        let target_tree = TreeId::ROOT;
        let request = Request { action, target_tree, target_node, data: None };
        desk.app.world_mut().write_message(ActionRequest(request));
        desk.wait(0.3);
    };
    ask(&mut desk, Action::Increment, "Text size");
    assert_eq!(desk.app.world().resource::<Settings>().text, 11);
    ask(&mut desk, Action::Focus, "Time");
    assert_eq!(desk.keys_at().as_deref(), Some("Time"));
    ask(&mut desk, Action::Click, "Close the details");
    assert_eq!(desk.focus().selected, None);
}

#[test]
fn keys_go_around_among_a_panels_controls_and_past_the_last_one_to_the_picture() {
    let stops: Vec<Entity> = (1..4).filter_map(Entity::from_raw_u32).collect();
    let (first, last) = (stops.first().copied(), stops.last().copied());
    assert_eq!(beside(&stops, None, true, true), first);
    assert_eq!(beside(&stops, None, false, true), last);
    assert_eq!(beside(&stops, last, true, true), None);
    assert_eq!(beside(&stops, first, false, true), None);
    assert_eq!(beside(&stops, last, true, false), first);
    assert_eq!(beside(&stops, first, false, false), last);
    assert_eq!(beside(&stops, first, true, true), stops.get(1).copied());
    assert_eq!(beside(&[], None, true, true), None);
}
