//! What makes a window a wall. In: the command line's [`Plan`], [`Command::ToggleFullScreen`], the
//! mouse. Out: full screen on the display that is asked for, a pointer that goes when nobody moves it,
//! a tour, dimming at night, and a picture that does not burn in.

mod display;
mod drift;
mod night;
pub mod stops;
mod tour;

use bevy::prelude::*;
use bevy::time::Real;
use bevy::window::{CursorOptions, MonitorSelection, PrimaryWindow, WindowMode};

use crate::activity::Activity;
use crate::focus::{Command, FocusSystems};
pub use night::Night;

/// A window or a wall.
pub struct WallPlugin;

impl Plugin for WallPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Plan>()
            .add_message::<Command>()
            .add_message::<CursorMoved>()
            .add_plugins((
                tour::TourPlugin,
                night::NightPlugin,
                drift::DriftPlugin,
                display::DisplayPlugin,
            ))
            .add_systems(Update, (fill_screen, hide_pointer).chain().after(FocusSystems::Apply));
    }
}

/// What the command line asks of the window.
#[derive(Resource, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Whether it is a wall: full screen from the start, on tour, drifting.
    pub wall: bool,
    /// Whether the tour stays on the level that was asked for.
    pub stays: bool,
    /// Which display it fills, from 1; none is the first that there is.
    pub display: Option<usize>,
    /// When it is darker.
    pub night: Option<Night>,
}

impl Plan {
    /// How the window opens.
    pub fn mode(&self) -> WindowMode {
        match self.display {
            Some(number) => {
                WindowMode::BorderlessFullscreen(MonitorSelection::Index(number.saturating_sub(1)))
            }
            None if self.wall => WindowMode::BorderlessFullscreen(MonitorSelection::Primary),
            None => WindowMode::Windowed,
        }
    }

    /// How F11 fills the screen.
    fn filled(&self) -> WindowMode {
        match self.mode() {
            // Without a border rather than exclusive: other windows can come in front, and the
            // screen keeps its resolution.
            WindowMode::Windowed => WindowMode::BorderlessFullscreen(MonitorSelection::Current),
            mode => mode,
        }
    }
}

/// Seconds after which a mouse pointer that does not move goes.
const POINTER_STAYS: f64 = 3.0;

fn fill_screen(
    mut commands: MessageReader<'_, '_, Command>,
    plan: Res<'_, Plan>,
    mut windows: Query<'_, '_, &mut Window, With<PrimaryWindow>>,
) {
    let times = commands.read().filter(|command| **command == Command::ToggleFullScreen).count();
    if times % 2 == 0 {
        return;
    }
    for mut window in &mut windows {
        window.mode = match window.mode {
            WindowMode::Windowed => plan.filled(),
            _ => WindowMode::Windowed,
        };
    }
}

/// On a wall, a pointer that somebody left there is a blemish. It is gone from the start, and comes
/// when somebody moves the mouse.
fn hide_pointer(
    time: Res<'_, Time<Real>>,
    plan: Res<'_, Plan>,
    mut moves: MessageReader<'_, '_, CursorMoved>,
    mut moved: Local<'_, Option<f64>>,
    mut windows: Query<'_, '_, (&Window, &mut CursorOptions), With<PrimaryWindow>>,
    mut activity: ResMut<'_, Activity>,
) {
    let now = time.elapsed_secs_f64();
    if moves.read().last().is_some() {
        *moved = Some(now);
    }
    let lately = match *moved {
        Some(at) => now - at < POINTER_STAYS,
        None => !plan.wall && now < POINTER_STAYS,
    };
    for (window, mut cursor) in &mut windows {
        let fills = window.mode != WindowMode::Windowed;
        let visible = !fills || lately;
        if cursor.visible != visible {
            cursor.visible = visible;
        }
        if fills && visible {
            activity.extend(&time, 0.5);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use bevy::time::TimeUpdateStrategy;

    fn app(plan: Plan) -> (App, Entity) {
        let mut app = App::new();
        app.add_plugins((MinimalPlugins, WallPlugin))
            .init_resource::<Activity>()
            .init_resource::<crate::interaction::Steering>()
            .init_resource::<crate::interaction::PanelInsets>()
            .init_resource::<crate::layout::Places>()
            .insert_resource(plan)
            .insert_resource(TimeUpdateStrategy::ManualDuration(Duration::from_secs(1)));
        let window = Window { mode: plan.mode(), ..default() };
        let window = app.world_mut().spawn((window, PrimaryWindow)).id();
        (app, window)
    }

    fn pointer(app: &App, window: Entity) -> bool {
        app.world().get::<CursorOptions>(window).unwrap().visible
    }

    #[test]
    fn f11_fills_the_screen_and_the_pointer_goes_when_it_rests() {
        let (mut app, window) = app(Plan::default());
        let mode = |app: &mut App| app.world().get::<Window>(window).unwrap().mode;

        for _ in 0..6 {
            app.update();
        }
        assert!(pointer(&app, window), "in a window the pointer stays");
        app.world_mut().write_message(Command::ToggleFullScreen);
        app.update();
        assert_ne!(mode(&mut app), WindowMode::Windowed);
        assert!(!pointer(&app, window));
        let position = Vec2::ZERO;
        app.world_mut().write_message(CursorMoved { window, position, delta: None });
        app.update();
        assert!(pointer(&app, window));
        app.world_mut().write_message(Command::ToggleFullScreen);
        app.update();
        assert_eq!(mode(&mut app), WindowMode::Windowed);
    }

    #[test]
    fn a_wall_has_no_pointer_from_the_start_until_somebody_moves_it() {
        let (mut app, window) = app(Plan { wall: true, ..Plan::default() });
        app.update();
        assert!(!pointer(&app, window));
        let position = Vec2::ZERO;
        app.world_mut().write_message(CursorMoved { window, position, delta: None });
        app.update();
        assert!(pointer(&app, window));
    }

    #[test]
    fn f11_comes_back_to_the_display_that_was_asked_for() {
        let plan = Plan { display: Some(2), ..Plan::default() };
        let (mut app, window) = app(plan);
        for _ in 0..2 {
            app.world_mut().write_message(Command::ToggleFullScreen);
            app.update();
        }
        let second = WindowMode::BorderlessFullscreen(MonitorSelection::Index(1));
        assert_eq!(app.world().get::<Window>(window).unwrap().mode, second);
    }
}
