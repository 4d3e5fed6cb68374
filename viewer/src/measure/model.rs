//! The main world alone, without a renderer: what the viewer itself takes of a processor for a frame, by
//! all of its threads. In: a recorded feed. Out: milliseconds.

use std::time::{Duration, Instant};

use anyhow::ensure;
use bevy::prelude::*;
use bevy::time::TimeUpdateStrategy;
use serde_json::{Value, json};

use super::{median, processor};
use crate::app;
use crate::particles::ParticleStats;
use crate::picture::Picture;
use crate::scene::draw::Upload;
use crate::settings::Settings;
use crate::snapshot::headless;
use crate::source::Source;

const SIZE: UVec2 = UVec2::new(1920, 1080);

/// As on a common screen.
const FRAME: Duration = Duration::from_nanos(16_666_667);

/// In quarters: as slow as a person may choose, so that a million are alive where some 60,000 set out in a
/// second.
const SPEED: u8 = 1;

/// Frames until as many particles are alive as there will be, and frames that are counted.
const WARM_UP: usize = 1_080;
const FRAMES: usize = 600;

/// Measures.
pub(super) fn measure(source: &Source, prepare: impl Fn(&mut App)) -> anyhow::Result<Value> {
    let mut app = app::model_app(source.clone(), SIZE);
    prepare(&mut app);
    headless::make_ready(&mut app);
    app.world_mut().resource_mut::<Settings>().particle_speed = SPEED;
    app.insert_resource(TimeUpdateStrategy::ManualDuration(FRAME));
    for _ in 0..WARM_UP {
        frame(&mut app);
    }
    let before = processor::seconds();
    let (mut times, mut spawned, mut alive) = (Vec::new(), 0, 0);
    for _ in 0..FRAMES {
        let (time, fresh) = frame(&mut app);
        times.push(time);
        spawned += fresh;
        alive += u64::from(app.world().resource::<ParticleStats>().alive);
    }
    let busy = (processor::seconds() - before) / FRAMES as f64 * 1e3;
    ensure!(alive > 0, "nothing moves in this feed");
    let picture = app.world().resource::<Picture>();
    Ok(json!({
        "nodes": picture.nodes.len(),
        "edges": picture.edges.len(),
        "alive": alive as f64 / FRAMES as f64,
        "spawned_per_second": spawned as f64 / (FRAMES as f64 * FRAME.as_secs_f64()),
        "left_out": app.world().resource::<ParticleStats>().left_out,
        "processor_ms": busy,
        "median_ms": median(&times),
        "longest_ms": times.iter().copied().fold(0.0, f64::max),
    }))
}

/// One frame: how many milliseconds it took, and how many particles set out. These are taken as the
/// renderer would take them.
fn frame(app: &mut App) -> (f64, usize) {
    let begin = Instant::now();
    app.update();
    let mut upload = app.world_mut().resource_mut::<Upload>();
    let fresh = upload.bypass_change_detection().fresh.len();
    upload.bypass_change_detection().fresh.clear();
    (begin.elapsed().as_secs_f64() * 1e3, fresh)
}
