//! What makes a window a wall: full screen (F11), and a mouse pointer that goes when nobody moves
//! it. In: [`Command::ToggleFullScreen`], the mouse. Out: the window's mode.

use bevy::prelude::*;
use bevy::time::Real;
use bevy::window::{CursorOptions, MonitorSelection, PrimaryWindow, WindowMode};

use crate::activity::Activity;
use crate::focus::{Command, FocusSystems};

/// Full screen.
pub struct WallPlugin;

impl Plugin for WallPlugin {
    fn build(&self, app: &mut App) {
        app.add_message::<Command>()
            .add_message::<CursorMoved>()
            .add_systems(Update, (fill_screen, hide_pointer).chain().after(FocusSystems::Apply));
    }
}

/// Seconds after which a mouse pointer that does not move goes.
const POINTER_STAYS: f64 = 3.0;

fn fill_screen(
    mut commands: MessageReader<'_, '_, Command>,
    mut windows: Query<'_, '_, &mut Window, With<PrimaryWindow>>,
) {
    let times = commands.read().filter(|command| **command == Command::ToggleFullScreen).count();
    if times % 2 == 0 {
        return;
    }
    for mut window in &mut windows {
        window.mode = match window.mode {
            // Without a border rather than exclusive: other windows can come in front, and the
            // screen keeps its resolution.
            WindowMode::Windowed => WindowMode::BorderlessFullscreen(MonitorSelection::Current),
            _ => WindowMode::Windowed,
        };
    }
}

/// On a wall, a pointer that somebody left there is a blemish.
fn hide_pointer(
    time: Res<'_, Time<Real>>,
    mut moves: MessageReader<'_, '_, CursorMoved>,
    mut moved: Local<'_, f64>,
    mut windows: Query<'_, '_, (&Window, &mut CursorOptions), With<PrimaryWindow>>,
    mut activity: ResMut<'_, Activity>,
) {
    let now = time.elapsed_secs_f64();
    if moves.read().last().is_some() {
        *moved = now;
    }
    for (window, mut cursor) in &mut windows {
        let wall = window.mode != WindowMode::Windowed;
        let visible = !wall || now - *moved < POINTER_STAYS;
        if cursor.visible != visible {
            cursor.visible = visible;
        }
        if wall && visible {
            activity.extend(&time, 0.5);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use bevy::time::TimeUpdateStrategy;

    #[test]
    fn f11_fills_the_screen_and_the_pointer_goes_when_it_rests() {
        let mut app = App::new();
        app.add_plugins((MinimalPlugins, WallPlugin))
            .init_resource::<Activity>()
            .insert_resource(TimeUpdateStrategy::ManualDuration(Duration::from_secs(1)));
        let window = app.world_mut().spawn((Window::default(), PrimaryWindow)).id();
        let pointer = |app: &mut App| app.world().get::<CursorOptions>(window).unwrap().visible;
        let mode = |app: &mut App| app.world().get::<Window>(window).unwrap().mode;

        for _ in 0..6 {
            app.update();
        }
        assert!(pointer(&mut app), "in a window the pointer stays");
        app.world_mut().write_message(Command::ToggleFullScreen);
        app.update();
        assert_ne!(mode(&mut app), WindowMode::Windowed);
        assert!(!pointer(&mut app));
        let position = Vec2::ZERO;
        app.world_mut().write_message(CursorMoved { window, position, delta: None });
        app.update();
        assert!(pointer(&mut app));
        app.world_mut().write_message(Command::ToggleFullScreen);
        app.update();
        assert_eq!(mode(&mut app), WindowMode::Windowed);
    }
}
