//! Controls: all that takes the keys. Tab and Shift+Tab give them to the next control and the one before,
//! in the order in which the window is read, and in between to the picture; a ring is around the one that
//! has them. Enter and Space press it, arrow keys turn it, or go on within its panel. Esc, or a click
//! elsewhere, gives the keys back to the picture. In: [`Command`]s, the panels' trees. Out: [`InputFocus`],
//! [`Activate`], and what a turned control asks for.

mod spoken;
mod tree;

use bevy::input_focus::{FocusCause, InputFocus};
use bevy::prelude::*;
use bevy::ui_widgets::{Activate, ScrollIntoView, Slider, SliderRange, SliderValue, ValueChange};
use bevy::window::PrimaryWindow;

use super::PanelSystems;
use crate::focus::{Arrow, Command, FocusSystems, Shown};
use crate::interaction::keys::TakesKeys;
use crate::scene::Theme;
use crate::search::Search;
pub(super) use spoken::Spoken;
pub(super) use tree::Place;
use tree::Tree;

/// Lets controls have the keys.
pub(super) struct ControlPlugin;

impl Plugin for ControlPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<InputFocus>()
            .init_resource::<Search>()
            .add_message::<Command>()
            .add_plugins(spoken::SpokenPlugin)
            .add_observer(keep_what_was_turned)
            .add_systems(Update, (let_go, obey).chain().in_set(FocusSystems::Apply))
            .add_systems(
                Update,
                (
                    give_to_what_opened
                        .run_if(resource_changed::<Shown>.or_else(resource_changed::<Search>)),
                    take_from_what_is_gone,
                    draw_ring
                        .run_if(resource_changed::<InputFocus>.or_else(resource_changed::<Theme>)),
                )
                    .chain()
                    .after(PanelSystems::Update),
            );
    }
}

/// What a control makes of the keys.
#[derive(Component, Clone, Copy, Debug, Default, PartialEq)]
#[require(TakesKeys)]
pub(super) enum Control {
    /// Enter and Space do what a click does.
    #[default]
    Press,
    /// Left and right ask for the value before and the next one, and so do Enter and Space.
    Turn {
        /// Asks for the value before.
        back: Command,
        /// Asks for the next value.
        on: Command,
    },
    /// Left and right move its [`Slider`].
    Slide,
    /// It takes what is typed.
    Type,
}

/// Width of the ring, and how far within the control's edge it is, so that nothing cuts it off; in logical
/// pixels at 1080.
const RING: f32 = 2.0;

/// Of a slider's range, how much an arrow key is.
const SLIDE: f32 = 0.01;

fn obey(
    mut asked: MessageReader<'_, '_, Command>,
    tree: Tree<'_, '_>,
    sliders: Query<'_, '_, (&SliderValue, &SliderRange), With<Slider>>,
    mut focus: ResMut<'_, InputFocus>,
    mut commands: Commands<'_, '_>,
) {
    for command in asked.read() {
        let holder = focus.get().filter(|holder| tree.control(*holder).is_some());
        match *command {
            Command::NextControl(forward) => {
                let next = beside(&tree.stops(), holder, forward, true);
                give(&mut focus, next, &mut commands);
            }
            Command::Press => {
                let Some(holder) = holder else { continue };
                match tree.control(holder) {
                    Some(Control::Press) => commands.trigger(Activate { entity: holder }),
                    Some(Control::Turn { on, .. }) => {
                        commands.write_message(on);
                    }
                    Some(Control::Slide | Control::Type) | None => {}
                }
            }
            Command::Arrow(arrow) => {
                let Some(holder) = holder else { continue };
                let forward = matches!(arrow, Arrow::Right | Arrow::Down);
                let across = matches!(arrow, Arrow::Left | Arrow::Right);
                match tree.control(holder) {
                    Some(Control::Turn { back, on }) if across => {
                        commands.write_message(if forward { on } else { back });
                    }
                    Some(Control::Slide) => {
                        let Ok((value, range)) = sliders.get(holder) else { continue };
                        let on = matches!(arrow, Arrow::Right | Arrow::Up);
                        let step = range.span() * if on { SLIDE } else { -SLIDE };
                        let value = range.clamp(value.0 + step);
                        commands.trigger(ValueChange { source: holder, value, is_final: true });
                    }
                    Some(_) => {
                        let next = beside(&tree.stops_beside(holder), Some(holder), forward, false);
                        give(&mut focus, next, &mut commands);
                    }
                    None => {}
                }
            }
            Command::Back => focus.clear(),
            _ => {}
        }
    }
}

/// The stop after this one, or before. After the last one comes the first, or with `out` none, which is
/// the picture.
fn beside(stops: &[Entity], now: Option<Entity>, forward: bool, out: bool) -> Option<Entity> {
    let at = now.and_then(|now| stops.iter().position(|stop| *stop == now));
    let next = match (at, forward) {
        (None, true) => stops.first(),
        (None, false) => stops.last(),
        (Some(at), true) => stops.get(at + 1).or_else(|| stops.first().filter(|_| !out)),
        (Some(0), false) => stops.last().filter(|_| !out),
        (Some(at), false) => stops.get(at - 1),
    };
    next.copied()
}

fn give(focus: &mut InputFocus, to: Option<Entity>, commands: &mut Commands<'_, '_>) {
    match to {
        Some(entity) => {
            focus.set(entity, FocusCause::Navigated);
            commands.trigger(ScrollIntoView { entity });
        }
        None => focus.clear(),
    }
}

/// Whoever takes the mouse to the picture wants the keys there, too.
fn let_go(
    buttons: Option<Res<'_, ButtonInput<MouseButton>>>,
    tree: Tree<'_, '_>,
    mut focus: ResMut<'_, InputFocus>,
) {
    let pressed = buttons.is_some_and(|buttons| buttons.get_just_pressed().next().is_some());
    if pressed && focus.get().is_some_and(|holder| tree.control(holder).is_some()) {
        focus.clear();
    }
}

/// What is turned by a click has the keys then, to be turned on.
fn keep_what_was_turned(
    activated: On<'_, '_, Activate>,
    tree: Tree<'_, '_>,
    mut focus: ResMut<'_, InputFocus>,
) {
    let turned = tree
        .way_up(activated.entity)
        .find(|part| matches!(tree.control(*part), Some(Control::Turn { .. })));
    if let Some(turned) = turned {
        focus.set(turned, FocusCause::Pressed);
    }
}

/// Cards that are opened to be changed have the keys at once.
fn give_to_what_opened(
    shown: Res<'_, Shown>,
    search: Res<'_, Search>,
    tree: Tree<'_, '_>,
    mut before: Local<'_, [bool; 3]>,
    mut focus: ResMut<'_, InputFocus>,
) {
    const CARDS: [&str; 3] = ["options", "filters", "search"];
    let open = [shown.options, shown.filters, search.open];
    for ((name, open), was) in CARDS.into_iter().zip(open).zip(*before) {
        let first = tree.root(name).and_then(|root| tree.first_to_change(root));
        if let Some(first) = first.filter(|_| open && !was) {
            focus.set(first, FocusCause::Navigated);
        }
    }
    *before = open;
}

/// What is not shown any more does not have the keys.
fn take_from_what_is_gone(
    tree: Tree<'_, '_>,
    windows: Query<'_, '_, (), With<PrimaryWindow>>,
    mut focus: ResMut<'_, InputFocus>,
) {
    if focus.get().is_some_and(|holder| !windows.contains(holder) && !tree.is_stop(holder)) {
        focus.clear();
    }
}

fn draw_ring(
    focus: Res<'_, InputFocus>,
    theme: Res<'_, Theme>,
    controls: Query<'_, '_, (), With<Control>>,
    ringed: Query<'_, '_, Entity, (With<Outline>, With<Control>)>,
    mut commands: Commands<'_, '_>,
) {
    let holder = focus.get().filter(|holder| controls.contains(*holder));
    for entity in &ringed {
        if Some(entity) != holder {
            commands.entity(entity).remove::<Outline>();
        }
    }
    if let Some(holder) = holder {
        let ring = Outline::new(px(RING), px(-RING), theme.colors.accent);
        commands.entity(holder).insert(ring);
    }
}

/// Where the control is that has the keys, for when all panels are spawned anew.
pub(super) fn place_of_keys(world: &mut World) -> Option<Place> {
    let holder = world.get_resource::<InputFocus>()?.get()?;
    Place::of(world, holder)
}

/// Gives the keys to the control at this place.
pub(super) fn give_keys_to(world: &mut World, place: &Place) {
    let holder = place.find(world);
    if let Some(mut focus) = world.get_resource_mut::<InputFocus>() {
        match holder {
            Some(holder) => focus.set(holder, FocusCause::Navigated),
            None => focus.clear(),
        }
    }
}

#[cfg(test)]
mod tests;
