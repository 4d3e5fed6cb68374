//! A slow tour for whoever only looks: the whole picture, what deserves attention, where most happens.
//! In: [`ROUND`], the clock, a person's input, which stops it for a minute. Out: the camera's ways.

use bevy::input::keyboard::KeyboardInput;
use bevy::input::mouse::{MouseButtonInput, MouseWheel};
use bevy::input::touch::TouchInput;
use bevy::prelude::*;
use bevy::time::Real;

use super::Plan;
use super::stops::{ROUND, Sight, Stop};
use crate::activity::Activity;
use crate::app::Flow;
use crate::focus::Command;
use crate::interaction::{CameraSystems, PanelInsets, Steering};
use crate::layout::Places;
use crate::panel::Worst;
use crate::picture::Picture;
use crate::settings::Settings;
use crate::traffic::{Playback, Traffic};

/// Tours where the [`Plan`] says so.
pub(super) struct TourPlugin;

impl Plugin for TourPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Tour>()
            .init_resource::<Plan>()
            .init_resource::<Worst>()
            .init_resource::<Settings>()
            .init_resource::<Playback>()
            .init_resource::<Traffic>()
            .init_resource::<Picture>()
            .add_message::<Command>()
            .add_message::<KeyboardInput>()
            .add_message::<MouseButtonInput>()
            .add_message::<MouseWheel>()
            .add_message::<TouchInput>()
            .add_message::<CursorMoved>()
            .add_systems(
                Update,
                (notice_people, go_on)
                    .chain()
                    .in_set(Flow::Scene)
                    .after(CameraSystems)
                    .run_if(|plan: Res<'_, Plan>| plan.wall),
            );
    }
}

/// Seconds that a way takes: slow enough to be followed without a thought.
const WAY: f32 = 7.0;
/// Seconds after the start until the first way: the graph has to come, and be looked at.
const FIRST: f64 = 30.0;
/// Seconds until a tour that has nowhere to go looks again.
const LOOK_AGAIN: f64 = 10.0;
/// Seconds without a person until the tour goes on.
const PAUSE: f64 = 60.0;
/// Seconds without a person until what is shown is the present again.
const BACK_TO_LIVE: f64 = 600.0;
/// Seconds after which a window has its size.
const SETTLED: f64 = 5.0;
/// Logical pixels that a mouse must move to count: desks shake.
const SHAKES: f32 = 3.0;

/// Where a tour is.
#[derive(Resource, Clone, Copy, Debug)]
struct Tour {
    /// Of [`ROUND`], what comes next.
    next: usize,
    /// When it goes on, in seconds of the wall's clock.
    at: f64,
    /// What it shows; none is the whole.
    shows: Option<Rect>,
    /// Whether the camera is where a person left it.
    left: bool,
    /// When a person did something last, and where the mouse was then.
    touched: Option<f64>,
    pointer: Option<Vec2>,
}

impl Default for Tour {
    fn default() -> Self {
        Self { next: 1, at: FIRST, shows: None, left: false, touched: None, pointer: None }
    }
}

/// Whoever does something wants to look for themselves.
fn notice_people(
    time: Res<'_, Time<Real>>,
    mut keys: MessageReader<'_, '_, KeyboardInput>,
    mut buttons: MessageReader<'_, '_, MouseButtonInput>,
    mut wheel: MessageReader<'_, '_, MouseWheel>,
    mut touches: MessageReader<'_, '_, TouchInput>,
    mut moves: MessageReader<'_, '_, CursorMoved>,
    mut tour: ResMut<'_, Tour>,
) {
    // All are read, whichever there are.
    let mut somebody = keys.read().count() + buttons.read().count() > 0;
    somebody |= wheel.read().count() + touches.read().count() > 0;
    let now = time.elapsed_secs_f64();
    for CursorMoved { position, .. } in moves.read() {
        // A window that opens and grows under a mouse at rest is told where it is: that is nobody.
        match tour.pointer {
            Some(_) if now < SETTLED => tour.pointer = Some(*position),
            Some(before) if before.distance(*position) < SHAKES => {}
            Some(_) => {
                tour.pointer = Some(*position);
                somebody = true;
            }
            None => tour.pointer = Some(*position),
        }
    }
    if somebody {
        tour.touched = Some(now);
        tour.at = now + PAUSE;
        tour.left = true;
    }
}

fn go_on(
    time: Res<'_, Time<Real>>,
    settings: Res<'_, Settings>,
    playback: Res<'_, Playback>,
    (traffic, picture, places): (Res<'_, Traffic>, Res<'_, Picture>, Res<'_, Places>),
    plan: Res<'_, Plan>,
    (worst, panels): (Res<'_, Worst>, Res<'_, PanelInsets>),
    mut tour: ResMut<'_, Tour>,
    mut steering: ResMut<'_, Steering>,
    mut commands: MessageWriter<'_, Command>,
    mut activity: ResMut<'_, Activity>,
) {
    let now = time.elapsed_secs_f64();
    if !playback.live && tour.touched.is_some_and(|at| now - at >= BACK_TO_LIVE) {
        tour.touched = None;
        commands.write(Command::Live);
    }
    if settings.calm {
        return;
    }
    if now < tour.at {
        activity.wake_at(tour.at);
        return;
    }
    let left = std::mem::take(&mut tour.left);
    if left {
        // What somebody opened and went away from. From there the whole is a way in any case.
        commands.write(Command::Select(None));
        tour.next = 0;
    }
    let zones = (!plan.stays).then_some(&picture.zones);
    let sight = Sight { traffic: &traffic, places: &places, trouble: worst.0, zones };
    let found = (0..ROUND.len()).find_map(|step| {
        let at = (tour.next + step) % ROUND.len();
        let stop = ROUND[at](&sight)?;
        let goes = stop.level.is_some_and(|level| level != picture.level);
        // What is to be framed must have places: those of the level that is shown.
        let stop = if goes { Stop { around: None, ..stop } } else { stop };
        (left || goes || stop.around != tour.shows).then_some((at, stop, goes))
    });
    let Some((at, stop, goes)) = found else {
        // There is nothing else to see.
        tour.at = now + LOOK_AGAIN;
        activity.wake_at(tour.at);
        return;
    };
    tour.next = (at + 1) % ROUND.len();
    tour.at = now + f64::from(WAY) + stop.stay;
    tour.shows = stop.around;
    debug!("the tour goes to {:?} in {:?}", stop.around, stop.level);
    match stop.level {
        // The camera shows all of another level by itself.
        Some(level) if goes => {
            commands.write(Command::Go(level));
        }
        _ => steering.travel(stop.around, panels.0, WAY),
    }
    activity.extend(&time, 0.1);
    activity.wake_at(tour.at);
}

#[cfg(test)]
mod tests;
