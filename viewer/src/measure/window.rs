//! The whole viewer in a window: `--measure SECONDS`. In: every frame. Out: one line, and the end.

use std::io::Write as _;
use std::time::Duration;

use bevy::prelude::*;
use bevy::time::Real;
use bevy::window::PresentMode;
use bevy::winit::WinitSettings;
use serde_json::json;

use super::{median, print, processor};
use crate::particles::ParticleStats;
use crate::picture::Picture;

/// Seconds that are not counted: pipelines are compiled, and the first particles arrive.
const WARM_UP: f64 = 8.0;

/// The window that is measured, in logical pixels, so that figures of two computers compare.
const SIZE: Vec2 = Vec2::new(1920.0, 1080.0);

/// Draws as fast as the computer can for so long, prints how fast that was, and ends.
#[derive(Clone, Copy, Debug)]
pub struct MeasurePlugin {
    /// How long is counted. It begins a few seconds after the start.
    pub seconds: Duration,
    /// Whether to print JSON.
    pub json: bool,
}

impl Plugin for MeasurePlugin {
    fn build(&self, app: &mut App) {
        app.insert_resource(WinitSettings::continuous())
            .insert_resource(Measure {
                seconds: self.seconds.as_secs_f64(),
                json: self.json,
                particles: 0,
                frames: Vec::new(),
                busy_before: 0.0,
            })
            .add_systems(Startup, prepare_window)
            .add_systems(Last, measure);
    }
}

#[derive(Resource)]
struct Measure {
    seconds: f64,
    json: bool,
    /// Particles alive, summed over all frames.
    particles: u64,
    /// How many milliseconds each frame took.
    frames: Vec<f64>,
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
    picture: Res<'_, Picture>,
    windows: Query<'_, '_, &Window>,
    mut measure: ResMut<'_, Measure>,
    mut exit: MessageWriter<'_, AppExit>,
) {
    let measured = time.elapsed_secs_f64() - WARM_UP;
    if measured < 0.0 {
        return;
    }
    if measure.frames.is_empty() {
        measure.busy_before = processor::seconds();
    }
    measure.frames.push(time.delta_secs_f64() * 1e3);
    measure.particles += u64::from(stats.alive);
    if measured < measure.seconds {
        return;
    }
    let frames = measure.frames.len() as f64;
    let size = windows.iter().next().map(Window::physical_size).unwrap_or_default();
    let rate = frames / measured;
    let alive = measure.particles as f64 / frames;
    let longest = measure.frames.iter().copied().fold(0.0, f64::max);
    let busy = (processor::seconds() - measure.busy_before) / frames * 1e3;
    if measure.json {
        print(&json!({
            "frames_per_second": rate,
            "width": size.x,
            "height": size.y,
            "alive": alive,
            "share": stats.share,
            "nodes": picture.nodes.len(),
            "edges": picture.edges.len(),
            "median_ms": median(&measure.frames),
            "longest_ms": longest,
            "processor_ms": busy,
        }));
    } else {
        let line = format!(
            "{rate:.1} frames/s at {}x{}, {alive:.0} particles alive, longest frame {longest:.0} ms, \
             {busy:.1} ms of processor a frame\n",
            size.x, size.y,
        );
        // Whoever closed standard output does not want to know.
        let _ = std::io::stdout().lock().write_all(line.as_bytes());
    }
    exit.write(AppExit::Success);
}
