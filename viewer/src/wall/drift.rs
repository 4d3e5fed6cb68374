//! Against burn-in: the whole picture, panels and all, shifts by a few pixels in the course of
//! minutes. In: the clock. Out: the camera's viewport, a little smaller than the window, so that
//! nothing is ever cut off.

use bevy::camera::Viewport;
use bevy::prelude::*;
use bevy::time::Real;

use super::Plan;
use crate::activity::Activity;
use crate::interaction::{CameraSystems, MainCamera};
use crate::scene::theme::DESIGN_HEIGHT;

/// Shifts the picture where the [`Plan`] says so.
pub(super) struct DriftPlugin;

impl Plugin for DriftPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Plan>().init_resource::<Activity>().add_systems(
            Update,
            drift.before(CameraSystems).run_if(|plan: Res<'_, Plan>| plan.wall),
        );
    }
}

/// How far it shifts to either side, in pixels of a screen 1080 high.
const FAR: f32 = 6.0;
/// Seconds of one way to and fro, across and up and down. They have no common measure, so that every
/// pixel rests in time.
const PERIODS: [f64; 2] = [1_020.0, 1_380.0];
/// Seconds between two looks at where it is: a pixel takes longer than that.
const LOOK: f64 = 15.0;

/// The part of a window of this size (in pixels) that is drawn to now. It is the same size always.
fn viewport(window: UVec2, now: f64) -> Option<(UVec2, UVec2)> {
    let far = (FAR * window.y as f32 / DESIGN_HEIGHT).round().max(1.0) as u32;
    let size = window.checked_sub(UVec2::splat(far * 2)).filter(|size| size.min_element() > 0)?;
    let shift = PERIODS.map(|period| {
        let turn = (now / period).fract() * std::f64::consts::TAU;
        // From 0 to twice as far as it goes to one side.
        ((turn.sin() + 1.0) * f64::from(far)).round() as u32
    });
    Some((UVec2::from(shift), size))
}

fn drift(
    time: Res<'_, Time<Real>>,
    mut cameras: Query<'_, '_, &mut Camera, With<MainCamera>>,
    mut activity: ResMut<'_, Activity>,
) {
    let now = time.elapsed_secs_f64();
    for mut camera in &mut cameras {
        let Some(window) = camera.physical_target_size() else { continue };
        let Some((position, size)) = viewport(window, now) else { continue };
        let before = camera.viewport.as_ref();
        if before.is_none_or(|at| (at.physical_position, at.physical_size) != (position, size)) {
            camera.viewport =
                Some(Viewport { physical_position: position, physical_size: size, ..default() });
            // Labels take their places on whole pixels anew.
            activity.extend(&time, 0.2);
        }
    }
    activity.wake_at(now + LOOK);
}

#[cfg(test)]
mod tests {
    use bevy::camera::RenderTargetInfo;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_picture_stays_whole_within_the_window(
            width in 1..8_000_u32, height in 1..5_000_u32, now in 0.0..1e7_f64,
        ) {
            let window = UVec2::new(width, height);
            if let Some((position, size)) = viewport(window, now) {
                prop_assert!((position + size).cmple(window).all());
                prop_assert_eq!(size, viewport(window, 0.0).unwrap().1, "it changes no size");
            }
        }

        #[test]
        fn nobody_sees_it_move(now in 0.0..1e7_f64) {
            let window = UVec2::new(3840, 2160);
            let at = |now| viewport(window, now).unwrap().0.as_ivec2();
            let step = (at(now + LOOK) - at(now)).abs();
            prop_assert!(step.max_element() <= 2, "{step}");
        }
    }

    #[test]
    fn in_an_hour_it_goes_to_either_side() {
        let window = UVec2::new(1920, 1080);
        let seen: Vec<UVec2> =
            (0..240).map(|step| viewport(window, f64::from(step) * LOOK).unwrap().0).collect();
        for side in [0, 12] {
            assert!(seen.iter().any(|at| at.x == side) && seen.iter().any(|at| at.y == side));
        }
    }

    #[test]
    fn only_a_wall_drifts() {
        for wall in [false, true] {
            let mut app = App::new();
            app.add_plugins((MinimalPlugins, DriftPlugin))
                .insert_resource(Plan { wall, ..Plan::default() });
            let mut camera = Camera::default();
            let physical_size = UVec2::new(1920, 1080);
            camera.computed.target_info =
                Some(RenderTargetInfo { physical_size, scale_factor: 1.0 });
            let camera = app.world_mut().spawn((camera, MainCamera)).id();
            app.update();
            let viewport = app.world().get::<Camera>(camera).unwrap().viewport.clone();
            assert_eq!(viewport.map(|at| at.physical_size), wall.then(|| UVec2::new(1908, 1068)));
        }
    }
}
