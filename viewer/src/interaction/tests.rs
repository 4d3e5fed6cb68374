//! The whole viewer without a graphics card, with a mouse and keys that tests hold: what a person
//! does, and what the panels say then.

use std::io::Write as _;
use std::time::Duration;

use bevy::a11y::{AccessibilityNode, AccessibilityRequested};
use bevy::input::ButtonState;
use bevy::input::keyboard::{Key, KeyboardInput};
use bevy::input::mouse::{MouseButtonInput, MouseScrollUnit, MouseWheel};
use bevy::input::touch::TouchPhase;
use bevy::input_focus::InputFocus;
use bevy::log::LogPlugin;
use bevy::prelude::*;
use bevy::render::RenderPlugin;
use bevy::render::settings::{RenderCreation, WgpuSettings};
use bevy::time::TimeUpdateStrategy;
use bevy::window::{CursorMoved, PrimaryWindow, WindowEvent};
use spanfall_collector::reduce::hop::EdgeId;
use spanfall_collector::reduce::node::NodeId;

use crate::app::SpanfallPlugins;
use crate::focus::{Focus, Item};
use crate::interaction::Steering;
use crate::layout::{Curves, Places};
use crate::settings::Settings;
use crate::snapshot::headless;
use crate::source::Source;
use crate::traffic::Playback;

const USERS: NodeId = NodeId(1);
const CHECKOUT: NodeId = NodeId(2);
const ORDERS: NodeId = NodeId(3);

/// A viewer that has seen three seconds of `users -> checkout -> orders`.
pub(crate) struct Desk {
    pub(crate) app: App,
    window: Entity,
    _feed: tempfile::NamedTempFile,
}

pub(crate) fn feed() -> tempfile::NamedTempFile {
    feed_with_past(0)
}

/// A feed that begins with so many ticks of the past, as a collector's does.
pub(crate) fn feed_with_past(ticks: u64) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let begin = 1_800_000_000_000_u64;
    let now = begin + ticks * 200;
    writeln!(
        file,
        r#"{{"type":"hello","protocol":1,"version":"0.1.0","tick_ms":200,"source":{{"kind":"recording","name":"desk"}},"now_ms":{now}}}"#
    )
    .unwrap();
    writeln!(
        file,
        r#"{{"type":"graph","complete":true,"nodes":[{{"id":1,"kind":"users","name":"users","entry":true}},{{"id":2,"kind":"function","name":"checkout","account":"123456789012"}},{{"id":3,"kind":"table","name":"orders"}}],"edges":[{{"id":12,"source":1,"target":2}},{{"id":23,"source":2,"target":3}}]}}"#
    )
    .unwrap();
    for tick in 0..ticks + 60 {
        let t = begin + tick * 200;
        writeln!(
            file,
            r#"{{"type":"tick","t":{t},"ms":200,"spans":5,"edges":[[12,4,0,0,0,0,20000,90000],[23,3,0,0,1,0,5000,20000]]}}"#
        )
        .unwrap();
    }
    file
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self::with(feed())
    }

    /// A viewer that has seen three seconds of this feed.
    pub(crate) fn with(feed: tempfile::NamedTempFile) -> Self {
        Self::sized(feed, UVec2::new(1920, 1080))
    }

    /// The same in a window of so many pixels.
    pub(crate) fn sized(feed: tempfile::NamedTempFile, size: UVec2) -> Self {
        // No backends: everything but the drawing.
        let settings = WgpuSettings { backends: None, ..default() };
        let nothing_drawn = RenderPlugin {
            render_creation: RenderCreation::Automatic(Box::new(settings)),
            ..default()
        };
        let mut app = App::new();
        app.add_plugins(headless::plugins(size).set(nothing_drawn).disable::<LogPlugin>())
            .add_plugins(SpanfallPlugins { source: Source::FeedFile(feed.path().to_owned()) })
            .insert_resource(TimeUpdateStrategy::ManualDuration(Duration::from_millis(20)));
        app.finish();
        app.cleanup();
        // Somebody listens to what controls are called.
        app.world().resource::<AccessibilityRequested>().set(true);
        let window = app
            .world_mut()
            .query_filtered::<Entity, With<PrimaryWindow>>()
            .single(app.world())
            .unwrap();
        let mut desk = Self { app, window, _feed: feed };
        desk.wait(3.0);
        desk
    }

    pub(crate) fn wait(&mut self, seconds: f32) {
        for _ in 0..(seconds / 0.02) as u32 {
            self.app.update();
        }
    }

    fn send(&mut self, event: WindowEvent) {
        let world = self.app.world_mut();
        world.write_message(event.clone());
        match event {
            WindowEvent::CursorMoved(event) => drop(world.write_message(event)),
            WindowEvent::MouseButtonInput(event) => drop(world.write_message(event)),
            WindowEvent::MouseWheel(event) => drop(world.write_message(event)),
            WindowEvent::KeyboardInput(event) => drop(world.write_message(event)),
            _ => {}
        }
    }

    pub(crate) fn move_to(&mut self, position: Vec2) {
        let mut window = self.app.world_mut().get_mut::<Window>(self.window).unwrap();
        window.set_cursor_position(Some(position));
        let event = CursorMoved { window: self.window, position, delta: None };
        self.send(WindowEvent::CursorMoved(event));
        self.wait(0.06);
    }

    pub(crate) fn button(&mut self, state: ButtonState) {
        let event = MouseButtonInput { button: MouseButton::Left, state, window: self.window };
        self.send(WindowEvent::MouseButtonInput(event));
        self.wait(0.06);
    }

    pub(crate) fn click(&mut self, position: Vec2) {
        self.move_to(position);
        self.button(ButtonState::Pressed);
        self.button(ButtonState::Released);
        // The panel slides in, and the picture moves aside.
        self.wait(2.0);
    }

    /// Two clicks, as quick as a hand is.
    pub(crate) fn double_click(&mut self, position: Vec2) {
        self.move_to(position);
        for _ in 0..2 {
            self.button(ButtonState::Pressed);
            self.button(ButtonState::Released);
        }
        self.wait(2.0);
    }

    fn wheel(&mut self, position: Vec2, notches: f32) {
        self.move_to(position);
        self.send(WindowEvent::MouseWheel(MouseWheel {
            unit: MouseScrollUnit::Line,
            x: 0.0,
            y: notches,
            window: self.window,
            phase: TouchPhase::Moved,
        }));
        self.wait(1.0);
    }

    /// A key that stays down, or comes up.
    pub(crate) fn hold(&mut self, key_code: KeyCode, state: ButtonState) {
        let logical_key = match key_code {
            KeyCode::ShiftLeft => Key::Shift,
            KeyCode::AltLeft => Key::Alt,
            _ => Key::Control,
        };
        let window = self.window;
        let event =
            KeyboardInput { key_code, logical_key, state, text: None, repeat: false, window };
        self.send(WindowEvent::KeyboardInput(event));
        self.wait(0.06);
    }

    pub(crate) fn press(&mut self, key_code: KeyCode, logical_key: Key) {
        for state in [ButtonState::Pressed, ButtonState::Released] {
            let window = self.window;
            let logical_key = logical_key.clone();
            let event =
                KeyboardInput { key_code, logical_key, state, text: None, repeat: false, window };
            self.send(WindowEvent::KeyboardInput(event));
            self.wait(0.06);
        }
    }

    /// What the control is called that has the keys; none while the picture has them.
    pub(crate) fn keys_at(&self) -> Option<String> {
        let holder = self.app.world().resource::<InputFocus>().get()?;
        let node = self.app.world().get::<AccessibilityNode>(holder)?;
        Some(node.label().unwrap_or_default().to_owned())
    }

    pub(crate) fn focus(&self) -> Focus {
        *self.app.world().resource::<Focus>()
    }

    fn view(&self) -> Steering {
        *self.app.world().resource::<Steering>()
    }

    /// Where a node is on the screen.
    pub(crate) fn at(&self, node: NodeId) -> Vec2 {
        let world = self.app.world().resource::<Places>().now[&node];
        let steering = self.view();
        steering.view().to_screen(steering.window(), world)
    }

    /// The middle of an edge on the screen.
    fn middle_of(&self, edge: EdgeId) -> Vec2 {
        let [a, b, c, d] = self.app.world().resource::<Curves>().of[&edge].points;
        let steering = self.view();
        steering.view().to_screen(steering.window(), (a + 3.0 * b + 3.0 * c + d) / 8.0)
    }

    /// Every text that a panel of this name shows.
    pub(crate) fn says(&mut self, panel: &str) -> Vec<String> {
        let world = self.app.world_mut();
        let mut names = world.query::<(Entity, &Name)>();
        let root = names.iter(world).find(|(_, name)| name.as_str() == panel).unwrap().0;
        let mut texts = Vec::new();
        collect(world, root, &mut texts);
        texts
    }

    /// Where a text stands on the screen.
    pub(crate) fn place_of(&mut self, panel: &str, wanted: &str) -> Vec2 {
        let world = self.app.world_mut();
        let mut texts = world.query::<(Entity, &Text, &UiGlobalTransform)>();
        let found: Vec<(Entity, Vec2)> = texts
            .iter(world)
            .filter(|(_, text, _)| text.0 == wanted)
            .map(|(entity, _, transform)| (entity, transform.translation))
            .collect();
        let is_hidden =
            |at| world.get::<Node>(at).is_some_and(|node| node.display == Display::None);
        let inside = |entity: Entity| {
            let mut at = entity;
            while let Some(parent) = world.get::<ChildOf>(at) {
                // What is not shown may be anywhere.
                if is_hidden(at) {
                    return false;
                }
                at = parent.parent();
            }
            world.get::<Name>(at).is_some_and(|name| name.as_str() == panel)
        };
        found.into_iter().find(|(entity, _)| inside(*entity)).unwrap().1
    }
}

fn collect(world: &World, entity: Entity, texts: &mut Vec<String>) {
    if world.get::<Node>(entity).is_some_and(|node| node.display == Display::None) {
        return;
    }
    if let Some(text) = world.get::<Text>(entity) {
        texts.push(text.0.replace('\u{a0}', " "));
    }
    for &child in world.get::<Children>(entity).map_or(&[][..], |children| children) {
        collect(world, child, texts);
    }
}

#[test]
fn a_click_on_a_node_opens_its_details_and_a_click_beside_it_closes_them() {
    let mut desk = Desk::new();
    desk.click(desk.at(CHECKOUT));
    assert_eq!(desk.focus().selected, Some(Item::Node(CHECKOUT)));
    let said = desk.says("details");
    for text in ["checkout", "function · 123456789012", "req/s in", "users", "orders"] {
        assert!(said.iter().any(|said| said == text), "{text:?} is not in {said:?}");
    }
    assert!(said.iter().any(|said| said == "25%"), "the share of errors towards orders: {said:?}");

    desk.click(Vec2::new(300.0, 900.0));
    assert_eq!(desk.focus().selected, None);
}

#[test]
fn hovering_points_and_leaving_does_not() {
    let mut desk = Desk::new();
    desk.move_to(desk.at(ORDERS));
    assert_eq!(desk.focus().hovered, Some(Item::Node(ORDERS)));
    desk.move_to(desk.middle_of(EdgeId(12)));
    assert_eq!(desk.focus().hovered, Some(Item::Edge(EdgeId(12))));
    desk.move_to(Vec2::new(300.0, 900.0));
    assert_eq!(desk.focus().hovered, None);
}

#[test]
fn what_slides_under_a_pointer_at_rest_is_not_pointed_at() {
    let mut desk = Desk::new();
    let pointer = desk.at(CHECKOUT);
    desk.click(pointer);
    assert!((desk.at(CHECKOUT) - pointer).length() > 50.0, "the picture moved aside");
    assert_eq!(desk.focus().hovered, None);
    desk.move_to(desk.at(CHECKOUT));
    assert_eq!(desk.focus().hovered, Some(Item::Node(CHECKOUT)));
}

#[test]
fn a_click_on_an_edge_tells_both_its_ends() {
    let mut desk = Desk::new();
    desk.click(desk.middle_of(EdgeId(23)));
    assert_eq!(desk.focus().selected, Some(Item::Edge(EdgeId(23))));
    let said = desk.says("details");
    assert!(said.contains(&"checkout".to_owned()) && said.contains(&"orders".to_owned()));
}

#[test]
fn a_row_of_the_details_goes_to_the_node_it_names_and_esc_comes_back() {
    let mut desk = Desk::new();
    desk.click(desk.at(CHECKOUT));
    let row = desk.place_of("details", "users");
    desk.move_to(row);
    assert_eq!(desk.focus().hovered, Some(Item::Node(USERS)), "the row points at its node");
    desk.click(row);
    assert_eq!(desk.focus().selected, Some(Item::Node(USERS)));
    desk.press(KeyCode::Escape, Key::Escape);
    assert_eq!(desk.focus().selected, Some(Item::Node(CHECKOUT)));
    desk.press(KeyCode::Escape, Key::Escape);
    assert_eq!(desk.focus().selected, None);
}

#[test]
fn panels_keep_clicks_and_the_wheel_from_the_graph_below_them() {
    let mut desk = Desk::new();
    desk.click(desk.at(CHECKOUT));
    let before = desk.view();
    desk.wheel(Vec2::new(1800.0, 1000.0), 3.0);
    desk.click(Vec2::new(1800.0, 1040.0));
    assert_eq!(desk.focus().selected, Some(Item::Node(CHECKOUT)));
    assert_eq!(desk.view().view(), before.view());
}

#[test]
fn a_drag_moves_a_node_and_selects_nothing() {
    let mut desk = Desk::new();
    let from = desk.at(ORDERS);
    let places = desk.app.world().resource::<Places>().now[&ORDERS];
    desk.move_to(from);
    desk.button(ButtonState::Pressed);
    for step in 1..=10_u8 {
        desk.move_to(from + Vec2::new(0.0, -12.0) * f32::from(step));
    }
    desk.button(ButtonState::Released);
    desk.wait(2.0);
    let moved = desk.app.world().resource::<Places>().now[&ORDERS] - places;
    assert!(moved.y > 20.0, "{moved}");
    assert_eq!(desk.focus().selected, None);
}

#[test]
fn where_dragging_is_off_a_drag_on_a_node_moves_the_picture() {
    let mut desk = Desk::new();
    desk.app.world_mut().resource_mut::<Settings>().dragging = false;
    let from = desk.at(ORDERS);
    let place = desk.app.world().resource::<Places>().now[&ORDERS];
    desk.move_to(from);
    desk.button(ButtonState::Pressed);
    desk.move_to(from + Vec2::new(60.0, 0.0));
    desk.move_to(from + Vec2::new(100.0, -20.0));
    desk.button(ButtonState::Released);
    assert_eq!(desk.app.world().resource::<Places>().now[&ORDERS], place);
    assert!((desk.at(ORDERS) - from - Vec2::new(100.0, -20.0)).length() < 1.0);
}

#[test]
fn a_drag_on_the_background_moves_the_picture_and_f_brings_it_back() {
    let mut desk = Desk::new();
    let before = desk.at(CHECKOUT);
    desk.move_to(Vec2::new(300.0, 900.0));
    desk.button(ButtonState::Pressed);
    desk.move_to(Vec2::new(360.0, 900.0));
    desk.move_to(Vec2::new(400.0, 880.0));
    desk.button(ButtonState::Released);
    let moved = desk.at(CHECKOUT) - before;
    assert!((moved - Vec2::new(100.0, -20.0)).length() < 1.0, "{moved}");
    desk.press(KeyCode::KeyF, Key::Character("f".into()));
    desk.wait(2.0);
    assert!((desk.at(CHECKOUT) - before).length() < 1.0);
}

#[test]
fn the_wheel_zooms_to_the_pointer() {
    let mut desk = Desk::new();
    let (pointer, scale) = (desk.at(CHECKOUT), desk.view().view().scale);
    desk.wheel(pointer, 3.0);
    assert!(desk.view().view().scale < scale);
    assert!((desk.at(CHECKOUT) - pointer).length() < 1.0);
}

#[test]
fn space_pauses_and_the_top_bar_says_so() {
    let mut desk = Desk::new();
    desk.press(KeyCode::Space, Key::Space);
    desk.wait(0.5);
    assert_eq!(desk.app.world().resource::<Playback>().speed, 0.0);
    assert!(desk.says("top bar").contains(&"paused".to_owned()));
}

#[test]
fn the_top_bar_tells_the_rate_and_the_source() {
    let mut desk = Desk::new();
    desk.wait(6.0);
    let said = desk.says("top bar");
    for text in ["RECORDING", "desk", "playing"] {
        assert!(said.contains(&text.to_owned()), "{said:?}");
    }
    let rate: f64 = said.iter().find_map(|said| said.parse().ok()).unwrap();
    assert!((30.0..=42.0).contains(&rate), "{rate}");
}

#[test]
fn the_legend_and_the_list_of_keys_come_and_go() {
    let mut desk = Desk::new();
    assert!(!desk.says("legend").is_empty());
    desk.press(KeyCode::KeyL, Key::Character("l".into()));
    assert!(desk.says("legend").is_empty());
    desk.press(KeyCode::Slash, Key::Character("?".into()));
    assert!(desk.says("keys").contains(&"full screen".to_owned()));
    desk.click(Vec2::new(500.0, 500.0));
    assert!(desk.says("keys").is_empty());
}
