//! How fast the viewer draws here: `--measure SECONDS`. In: every frame. Out: one line, and the end.

use std::io::Write as _;
use std::time::Duration;

use bevy::prelude::*;
use bevy::time::Real;
use bevy::window::PresentMode;
use bevy::winit::WinitSettings;

use crate::particles::ParticleStats;

/// Seconds that are not counted: pipelines are compiled, and the first particles arrive.
const WARM_UP: f64 = 8.0;

/// The window that is measured, in logical pixels, so that figures of two computers compare.
const SIZE: Vec2 = Vec2::new(1920.0, 1080.0);

/// Draws as fast as the computer can for so long, prints how fast that was, and ends.
#[derive(Clone, Copy, Debug)]
pub struct MeasurePlugin {
    /// How long is counted. It begins a few seconds after the start.
    pub seconds: Duration,
}

impl Plugin for MeasurePlugin {
    fn build(&self, app: &mut App) {
        app.insert_resource(WinitSettings::continuous())
            .insert_resource(Measure {
                seconds: self.seconds.as_secs_f64(),
                frames: 0,
                particles: 0,
                longest: Duration::ZERO,
                busy_before: 0.0,
            })
            .add_systems(Startup, prepare_window)
            .add_systems(Last, measure);
    }
}

#[derive(Resource)]
struct Measure {
    seconds: f64,
    frames: u32,
    particles: u64,
    longest: Duration,
    busy_before: f64,
}

fn prepare_window(mut windows: Query<'_, '_, &mut Window>) {
    for mut window in &mut windows {
        window.present_mode = PresentMode::AutoNoVsync;
        window.resolution.set(SIZE.x, SIZE.y);
    }
}

fn measure(
    time: Res<'_, Time<Real>>,
    stats: Res<'_, ParticleStats>,
    windows: Query<'_, '_, &Window>,
    mut measure: ResMut<'_, Measure>,
    mut exit: MessageWriter<'_, AppExit>,
) {
    let measured = time.elapsed_secs_f64() - WARM_UP;
    if measured < 0.0 {
        return;
    }
    if measure.frames == 0 {
        measure.busy_before = processor_seconds();
    }
    measure.frames += 1;
    measure.particles += u64::from(stats.alive);
    measure.longest = measure.longest.max(time.delta());
    if measured < measure.seconds {
        return;
    }
    let frames = f64::from(measure.frames);
    let size = windows.iter().next().map(Window::physical_size).unwrap_or_default();
    let line = format!(
        "{:.1} frames/s at {}x{}, {:.0} particles alive, longest frame {:.0} ms, {:.1} ms of processor \
         a frame\n",
        frames / measured,
        size.x,
        size.y,
        measure.particles as f64 / frames,
        measure.longest.as_secs_f64() * 1e3,
        (processor_seconds() - measure.busy_before) / frames * 1e3,
    );
    // Whoever closed standard output does not want to know.
    let _ = std::io::stdout().lock().write_all(line.as_bytes());
    exit.write(AppExit::Success);
}

/// Seconds for which processors worked for this program, software rendering included: unlike frames
/// a second it hardly depends on what else the computer does. Linux only; elsewhere 0.
fn processor_seconds() -> f64 {
    // Fields 14 and 15, counted after the program's name, which is in parentheses. Hundredths.
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
    let ticks: f64 = after
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<f64>().ok())
        .sum();
    ticks / 100.0
}
