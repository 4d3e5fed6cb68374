//! The particles' draw alone. In: a recorded feed, which plays until many particles are under way. Out:
//! how many milliseconds the standing picture takes without particles, with them, and with as many
//! bare triangles of their size instead.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bevy::prelude::*;
use bevy::render::render_resource::PollType;
use bevy::render::renderer::{RenderAdapterInfo, RenderDevice};
use serde_json::{Value, json};

use super::{median, processor};
use crate::app;
use crate::interaction::Steering;
use crate::particles::ParticleStats;
use crate::scene::draw::{EdgeRecord, Look, Records, Standin, Upload};
use crate::snapshot::{Pace, headless};
use crate::source::Source;

const SIZE: UVec2 = UVec2::new(1920, 1080);

/// How long the feed plays before.
const PLAYS: Duration = Duration::from_secs(10);

/// Frames of each sort that are counted, and those before, in which pipelines are compiled.
const ROUNDS: usize = 15;
const WARM_UP: usize = 3;

/// Measures.
pub(super) fn measure(source: &Source, prepare: impl Fn(&mut App)) -> anyhow::Result<Value> {
    let mut app = app::headless_app(source.clone(), SIZE);
    prepare(&mut app);
    headless::make_ready(&mut app);
    headless::aim(&mut app, SIZE)?;
    headless::run(&mut app, PLAYS, Pace::Stepped, |_, _| {});
    frame(&mut app)?;
    let alive = app.world().resource::<ParticleStats>().alive;
    ensure!(alive > 0, "nothing moves in this feed");
    let stretches = &app.world().resource::<Upload>().alive;
    let drawn: usize =
        stretches.dots.iter().chain(&stretches.signs).map(ExactSizeIterator::len).sum();
    let sixteenths = reach(app.world()) * 16.0;
    let bare = Standin::Bare { count: alive, sixteenths: sixteenths.round() as u32 };
    let sorts = [Standin::Nothing, Standin::None, bare];
    let mut times = sorts.map(|_| (Vec::new(), Vec::new()));
    for round in 0..WARM_UP + ROUNDS {
        for (sort, times) in sorts.into_iter().zip(&mut times) {
            app.insert_resource(sort);
            let (time, busy) = frame(&mut app)?;
            if round >= WARM_UP {
                times.0.push(time);
                times.1.push(busy);
            }
        }
    }
    let [without, with, bare] = times.map(|(times, busy)| (median(&times), median(&busy)));
    let adapter = app.world().get_resource::<RenderAdapterInfo>();
    Ok(json!({
        "alive": alive,
        "drawn": drawn,
        "reach_px": sixteenths / 16.0,
        "without_ms": without.0,
        "particles_ms": with.0 - without.0,
        "bare_ms": bare.0 - without.0,
        "processor": {
            "without_ms": without.1,
            "particles_ms": with.1 - without.1,
            "bare_ms": bare.1 - without.1,
        },
        "adapter": adapter.map(|info| info.name.clone()),
    }))
}

/// Draws a frame, and waits until it is drawn: milliseconds by the clock, and of all processors.
fn frame(app: &mut App) -> anyhow::Result<(f64, f64)> {
    let (begin, busy) = (Instant::now(), processor::seconds());
    app.update();
    let device = app.world().get_resource::<RenderDevice>().context("nothing can be drawn here")?;
    device.poll(PollType::wait_indefinitely())?;
    Ok((begin.elapsed().as_secs_f64() * 1e3, (processor::seconds() - busy) * 1e3))
}

/// Pixels from the middle of an ordinary particle's triangle to its corners, as `particles.wgsl`
/// makes it, on average over the edges.
fn reach(world: &World) -> f32 {
    let edges = world.resource::<Records<EdgeRecord>>().as_slice();
    let grain = edges.iter().map(|edge| edge.grain).sum::<f32>() / edges.len().max(1) as f32;
    let pixel = world.resource::<Steering>().view().scale;
    world.resource::<Look>().reach(grain, pixel, SIZE.y as f32)
}
