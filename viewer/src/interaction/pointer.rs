//! What the mouse means: hovering, clicking, dragging nodes and the picture, zooming. In: the
//! mouse, what lies under it, and where panels are. Out: [`Command`]s, and the camera's
//! [`Steering`].

use bevy::input::mouse::{MouseScrollUnit, MouseWheel};
use bevy::picking::hover::Hovered;
use bevy::prelude::*;
use bevy::time::Real;
use bevy::ui::{ComputedNode, UiGlobalTransform};
use bevy::ui_widgets::Button;
use bevy::window::{CursorIcon, PrimaryWindow, SystemCursorIcon};
use spanfall_collector::reduce::node::NodeId;

use super::camera::{MainCamera, Steering};
use super::hit::{Tolerance, item_at};
use crate::focus::{Command, Focus, FocusSystems, Item};
use crate::layout::{Curves, Places};
use crate::scene::Theme;
use crate::settings::Settings;

/// Turns the mouse into commands.
pub struct PointerPlugin;

impl Plugin for PointerPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Grip>()
            .init_resource::<Under>()
            .init_resource::<Places>()
            .init_resource::<Curves>()
            .init_resource::<Settings>()
            .add_message::<MouseWheel>()
            .add_systems(
                Update,
                (look_under, hold, hover, zoom, show_cursor)
                    .chain()
                    .in_set(PointerSystems)
                    .in_set(FocusSystems::Ask),
            );
    }
}

/// When the pointer is followed. Panels that point at something themselves do so after this.
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PointerSystems;

/// Marks a panel: what lies under it can be neither hovered nor clicked.
#[derive(Component, Clone, Copy, Debug, Default)]
pub struct Solid;

/// How far the mouse may slip during a click, in logical pixels at 1080.
const SLIP: f32 = 5.0;
/// How far beside a node or an edge still counts, in logical pixels at 1080.
const NEAR_NODE: f32 = 4.0;
const NEAR_EDGE: f32 = 7.0;
/// Seconds between the two clicks of a double click, at most: what desktops take, a little long.
const DOUBLE: f64 = 0.45;

/// How much closer one notch of the wheel goes.
const NOTCH: f32 = 1.2;
/// Pixels of a touchpad's scrolling that go as far as one notch.
const PIXELS_A_NOTCH: f32 = 60.0;

/// What the mouse is doing.
#[derive(Resource, Clone, Copy, Debug, Default, PartialEq)]
enum Grip {
    /// No button is down.
    #[default]
    Free,
    /// The button went down on a panel or outside: nothing of it is meant for the graph.
    Elsewhere,
    /// Down, and not yet moved enough to be a drag.
    Pressed { at: Vec2, on: Option<Item> },
    /// Moving the picture; where the pointer was last.
    Panning { from: Vec2 },
    /// Carrying a node; from the pointer to its centre, in world units.
    Carrying { node: NodeId, offset: Vec2 },
}

/// What is under the pointer now.
#[derive(Resource, Clone, Copy, Debug, Default, PartialEq)]
struct Under {
    /// The pointer, in logical pixels; none when it is outside the window.
    pointer: Option<Vec2>,
    /// Whether a panel is there.
    panel: bool,
    /// The node or edge there, if no panel is.
    item: Option<Item>,
    /// The same, but only if the pointer went there: what slides under a pointer at rest, because
    /// the camera moves, is not pointed at.
    pointed: Option<Item>,
}

fn look_under(
    window: Query<'_, '_, &Window, With<PrimaryWindow>>,
    camera: Query<'_, '_, &Camera, With<MainCamera>>,
    panels: Query<
        '_,
        '_,
        (&ComputedNode, &UiGlobalTransform, Option<&InheritedVisibility>),
        With<Solid>,
    >,
    steering: Res<'_, Steering>,
    places: Res<'_, Places>,
    curves: Res<'_, Curves>,
    mut under: ResMut<'_, Under>,
) {
    // A wall's picture is a little smaller than its window, and shifts: points are the picture's.
    let corner = camera.single().ok().and_then(Camera::physical_viewport_rect);
    let corner = corner.map_or(Vec2::ZERO, |rect| rect.min.as_vec2());
    let window = window.single().ok();
    let density = window.map_or(1.0, Window::scale_factor);
    let physical = window.and_then(Window::physical_cursor_position).map(|point| point - corner);
    let pointer = physical.map(|point| point / density);
    let panel = physical.is_some_and(|point| {
        panels.iter().any(|(node, transform, visible)| {
            visible.is_none_or(|visible| visible.get()) && node.contains_point(*transform, point)
        })
    });
    let item = pointer.filter(|_| !panel).and_then(|pointer| {
        let pixel = steering.view().scale * Theme::scale(steering.window().y);
        let tolerance = Tolerance { node: NEAR_NODE * pixel, edge: NEAR_EDGE * pixel };
        item_at(steering.to_world(pointer), &places, &curves, tolerance)
    });
    let kept = under.pointed.filter(|_| item == under.pointed);
    let pointed = if pointer == under.pointer { kept } else { item };
    under.set_if_neq(Under { pointer, panel, item, pointed });
}

/// Follows the left button through press, drag and release.
fn hold(
    buttons: Res<'_, ButtonInput<MouseButton>>,
    under: Res<'_, Under>,
    (places, settings, time): (Res<'_, Places>, Res<'_, Settings>, Res<'_, Time<Real>>),
    mut clicked: Local<'_, Option<(f64, Option<Item>)>>,
    mut grip: ResMut<'_, Grip>,
    mut steering: ResMut<'_, Steering>,
    mut commands: MessageWriter<'_, Command>,
) {
    if buttons.just_pressed(MouseButton::Left) {
        *grip = match under.pointer {
            Some(at) if !under.panel => Grip::Pressed { at, on: under.item },
            _ => Grip::Elsewhere,
        };
    }
    if let (Grip::Pressed { at, on }, Some(now)) = (*grip, under.pointer)
        && at.distance(now) > SLIP * Theme::scale(steering.window().y)
    {
        *grip = match on {
            Some(Item::Node(node)) if settings.dragging => {
                let centre = places.now.get(&node).copied().unwrap_or_default();
                Grip::Carrying { node, offset: centre - steering.to_world(at) }
            }
            _ => Grip::Panning { from: at },
        };
    }
    if let Some(now) = under.pointer {
        match &mut *grip {
            Grip::Panning { from } if *from != now => {
                steering.pan_by(now - *from);
                *from = now;
            }
            Grip::Carrying { node, offset } => {
                let to = steering.to_world(now) + *offset;
                if places.target.get(node) != Some(&to) {
                    commands.write(Command::Place(*node, to));
                }
            }
            _ => {}
        }
    }
    if !buttons.pressed(MouseButton::Left) && *grip != Grip::Free {
        if let Grip::Pressed { on, .. } = *grip {
            let now = time.elapsed_secs_f64();
            let before = clicked.replace((now, on)).filter(|(at, _)| now - at <= DOUBLE);
            match (on, before) {
                // The second click on the same node goes into it.
                (Some(Item::Node(node)), Some((_, before))) if before == on => {
                    commands.write(Command::Enter(Some(node)));
                    *clicked = None;
                }
                // The second one on the ground goes outward.
                (None, Some((_, None))) => {
                    commands.write(Command::Outward);
                    *clicked = None;
                }
                _ => {
                    commands.write(Command::Select(on));
                }
            }
        }
        *grip = Grip::Free;
    }
}

/// While something is held, it stays hovered. Over a panel the panel says what is pointed at.
fn hover(
    under: Res<'_, Under>,
    grip: Res<'_, Grip>,
    focus: Res<'_, Focus>,
    mut on_panel: Local<'_, bool>,
    mut commands: MessageWriter<'_, Command>,
) {
    let free = matches!(*grip, Grip::Free | Grip::Elsewhere);
    let was_on_panel = std::mem::replace(&mut *on_panel, under.panel && free);
    if was_on_panel && *on_panel {
        return;
    }
    let item = match *grip {
        Grip::Carrying { node, .. } => Some(Item::Node(node)),
        Grip::Panning { .. } => None,
        Grip::Free | Grip::Elsewhere | Grip::Pressed { .. } => under.pointed,
    };
    if item != focus.hovered {
        commands.write(Command::Hover(item));
    }
}

fn zoom(
    mut wheel: MessageReader<'_, '_, MouseWheel>,
    under: Res<'_, Under>,
    mut steering: ResMut<'_, Steering>,
) {
    let notches: f32 = wheel
        .read()
        .map(|turn| match turn.unit {
            MouseScrollUnit::Line => turn.y,
            MouseScrollUnit::Pixel => turn.y / PIXELS_A_NOTCH,
        })
        .sum();
    if let (Some(pointer), false) = (under.pointer, under.panel)
        && notches != 0.0
    {
        steering.zoom_at(pointer, NOTCH.powf(notches));
    }
}

fn show_cursor(
    under: Res<'_, Under>,
    grip: Res<'_, Grip>,
    buttons: Query<'_, '_, &Hovered, With<Button>>,
    mut window: Query<'_, '_, (Entity, Option<&mut CursorIcon>), With<PrimaryWindow>>,
    mut commands: Commands<'_, '_>,
) {
    let clickable = under.item.is_some() || (under.panel && buttons.iter().any(Hovered::get));
    let icon = CursorIcon::System(match *grip {
        Grip::Panning { .. } | Grip::Carrying { .. } => SystemCursorIcon::Grabbing,
        _ if clickable => SystemCursorIcon::Pointer,
        _ => SystemCursorIcon::Default,
    });
    for (entity, now) in &mut window {
        match now {
            Some(mut now) => {
                now.set_if_neq(icon.clone());
            }
            None => {
                commands.entity(entity).insert(icon.clone());
            }
        }
    }
}
