//! The displays. In: the one that is asked for, those that there are. Out: an error that lists them
//! where there is no such one; and the screen filled again when a display comes back from sleep.

use bevy::prelude::*;
use bevy::window::{Monitor, PrimaryWindow, WindowMode, WindowPosition};

use super::Plan;

/// Watches the displays.
pub(super) struct DisplayPlugin;

impl Plugin for DisplayPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Plan>()
            .add_systems(Update, (check.run_if(not(resource_exists::<Checked>)), fill_again));
    }
}

/// That there is such a display has been checked.
#[derive(Resource)]
struct Checked;

fn check(
    plan: Res<'_, Plan>,
    monitors: Query<'_, '_, (Entity, &Monitor)>,
    mut windows: Query<'_, '_, &mut Window, With<PrimaryWindow>>,
    mut exits: MessageWriter<'_, AppExit>,
    mut commands: Commands<'_, '_>,
) {
    // They come with the first window.
    if monitors.is_empty() {
        return;
    }
    commands.insert_resource(Checked);
    let mut all: Vec<(Entity, &Monitor)> = monitors.iter().collect();
    all.sort_by_key(|(entity, _)| *entity);
    let list: Vec<&Monitor> = all.into_iter().map(|(_, monitor)| monitor).collect();
    let number = match (plan.display, plan.wall) {
        (Some(number), _) => number,
        (None, true) => 1,
        (None, false) => return,
    };
    let Some(monitor) = number.checked_sub(1).and_then(|at| list.get(at)) else {
        error!("{}", missing(number, &list));
        exits.write(AppExit::error());
        return;
    };
    // Without a window manager, as on many a wall, nobody else makes the window as large.
    for mut window in &mut windows {
        let size = UVec2::new(monitor.physical_width, monitor.physical_height);
        if window.physical_size() != size && (plan.display.is_some() || list.len() == 1) {
            window.resolution.set_physical_resolution(size.x, size.y);
            window.position = WindowPosition::At(monitor.physical_position);
        }
    }
}

/// That there is no such display, and which there are.
fn missing(number: usize, monitors: &[&Monitor]) -> String {
    let mut text = format!("there is no display {number}; --display takes one of these:");
    for (at, monitor) in monitors.iter().enumerate() {
        let Monitor { physical_width, physical_height, .. } = monitor;
        let name = monitor.name.as_deref().unwrap_or("without a name");
        text += &format!("\n  {}  {name}, {physical_width}x{physical_height}", at + 1);
    }
    text
}

/// A display that slept was away for the window system, and its window may be anywhere: it fills the
/// screen anew when a display comes.
fn fill_again(
    plan: Res<'_, Plan>,
    came: Query<'_, '_, (), Added<Monitor>>,
    mut before: Local<'_, bool>,
    mut wanted: Local<'_, Option<WindowMode>>,
    mut windows: Query<'_, '_, &mut Window, With<PrimaryWindow>>,
) {
    if let Some(mode) = wanted.take() {
        for mut window in &mut windows {
            window.mode = mode;
        }
    }
    let news = !came.is_empty();
    // The first ones come with the window.
    if news && std::mem::replace(&mut *before, true) && plan.wall {
        for mut window in &mut windows {
            if window.mode != WindowMode::Windowed {
                *wanted = Some(window.mode);
                // It asks for the same mode only if it had another one.
                window.mode = WindowMode::Windowed;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn monitor(name: &str, width: u32, height: u32) -> Monitor {
        Monitor {
            name: Some(name.to_owned()),
            physical_width: width,
            physical_height: height,
            physical_position: IVec2::ZERO,
            refresh_rate_millihertz: None,
            scale_factor: 1.0,
            video_modes: Vec::new(),
        }
    }

    fn app(plan: Plan) -> App {
        let mut app = App::new();
        app.add_plugins((MinimalPlugins, DisplayPlugin)).insert_resource(plan);
        app.world_mut().spawn((Window { mode: plan.mode(), ..default() }, PrimaryWindow));
        app
    }

    fn ends(display: usize) -> bool {
        let mut app = app(Plan { display: Some(display), ..Plan::default() });
        app.update();
        app.world_mut().spawn(monitor("DP-1", 1920, 1080));
        app.world_mut().spawn(monitor("HDMI-2", 3840, 2160));
        app.update();
        app.should_exit().is_some_and(|exit| exit.is_error())
    }

    #[test]
    fn a_display_that_is_not_there_ends_the_viewer() {
        assert!(!ends(1) && !ends(2));
        assert!(ends(3) && ends(0));
    }

    #[test]
    fn without_a_window_manager_the_window_is_as_large_as_its_display() {
        let mut app = app(Plan { wall: true, ..Plan::default() });
        app.update();
        app.world_mut().spawn(monitor("DP-1", 2560, 1440));
        app.update();
        let mut windows = app.world_mut().query::<&Window>();
        let window = windows.single(app.world()).unwrap();
        assert_eq!(window.physical_size(), UVec2::new(2560, 1440));
    }

    #[test]
    fn the_displays_that_there_are_are_listed() {
        let (one, two) = (monitor("DP-1", 1920, 1080), monitor("HDMI-2", 3840, 2160));
        assert_eq!(
            missing(3, &[&one, &two]),
            "there is no display 3; --display takes one of these:\n  \
             1  DP-1, 1920x1080\n  2  HDMI-2, 3840x2160"
        );
    }

    #[test]
    fn a_display_that_comes_back_is_filled_again() {
        let plan = Plan { wall: true, ..Plan::default() };
        let mut app = app(plan);
        let first = app.world_mut().spawn(monitor("DP-1", 1920, 1080)).id();
        app.update();
        let modes = |app: &mut App| {
            app.update();
            let mut windows = app.world_mut().query::<&Window>();
            windows.single(app.world()).unwrap().mode
        };
        assert_eq!(modes(&mut app), plan.mode());
        app.world_mut().despawn(first);
        app.update();
        app.world_mut().spawn(monitor("DP-1", 1920, 1080));
        assert_eq!(modes(&mut app), WindowMode::Windowed);
        assert_eq!(modes(&mut app), plan.mode());
        assert_eq!(modes(&mut app), plan.mode());
    }
}
