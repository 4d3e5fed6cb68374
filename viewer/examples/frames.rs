//! Measures how many frames a second the viewer draws: `cargo run --release --example frames --
//! FEED-FILE [SECONDS] [PARTICLES]`, in a window of 1920x1080 as fast as it can. Prints one line.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use bevy::prelude::*;
use bevy::time::Real;
use bevy::window::PresentMode;
use bevy::winit::WinitSettings;
use spanfall_viewer::app::window_app;
use spanfall_viewer::particles::{ParticleBudget, ParticleStats};
use spanfall_viewer::source::Source;

/// Seconds that are not counted: pipelines are compiled, and the first particles arrive.
const WARM_UP: f64 = 8.0;

#[derive(Resource)]
struct Measure {
    seconds: f64,
    frames: u32,
    particles: u64,
    longest: Duration,
    busy_before: f64,
}

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let feed = PathBuf::from(arguments.next().context("give a recorded feed")?);
    let seconds = arguments.next().map_or(Ok(20.0), |text| text.parse()).context("SECONDS")?;
    let mut app = window_app(Source::FeedFile(feed));
    if let Some(budget) = arguments.next() {
        app.insert_resource(ParticleBudget(budget.parse().context("PARTICLES")?));
    }
    app.insert_resource(WinitSettings::continuous())
        .insert_resource(Measure {
            seconds,
            frames: 0,
            particles: 0,
            longest: Duration::ZERO,
            busy_before: 0.0,
        })
        .add_systems(Startup, prepare_window)
        .add_systems(Last, measure);
    app.run();
    Ok(())
}

fn prepare_window(mut windows: Query<'_, '_, &mut Window>) {
    for mut window in &mut windows {
        window.present_mode = PresentMode::AutoNoVsync;
        window.resolution.set(1920.0, 1080.0);
    }
}

fn measure(
    time: Res<'_, Time<Real>>,
    stats: Res<'_, ParticleStats>,
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
    if measured >= measure.seconds {
        let frames = f64::from(measure.frames);
        #[expect(clippy::print_stdout, reason = "this line is what the program is for")]
        {
            println!(
                "{:.1} frames/s, {:.0} particles alive, longest frame {:.0} ms, {:.1} ms of processor a frame",
                frames / measured,
                measure.particles as f64 / frames,
                measure.longest.as_secs_f64() * 1e3,
                (processor_seconds() - measure.busy_before) / frames * 1e3,
            );
        }
        exit.write(AppExit::Success);
    }
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
