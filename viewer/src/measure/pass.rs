//! The particles' draw alone. In: a recorded feed, which plays until many particles are under way. Out:
//! how many milliseconds the standing picture takes without particles, with them, and with as many
//! bare triangles, or discs in such triangles, of their size instead.

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
use crate::scene::draw::{Bare, EdgeRecord, Look, Records, Standin, Upload};
use crate::snapshot::{Pace, headless};
use crate::source::Source;

const SIZE: UVec2 = UVec2::new(1920, 1080);

/// How long the feed plays before.
const PLAYS: Duration = Duration::from_secs(10);

/// Frames of each sort that are counted: so many, and more until that has taken so long, but not more than
/// that. A few before them, in which pipelines are compiled, are not.
const ROUNDS: usize = 15;
const LASTS: Duration = Duration::from_secs(15);
const MOST_ROUNDS: usize = 101;
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
    let bare = Bare { count: alive, sixteenths: sixteenths.round() as u32 };
    let sorts = [Standin::Nothing, Standin::None, Standin::Bare(bare), Standin::BareDiscs(bare)];
    let mut rounds = Vec::new();
    for _ in 0..WARM_UP {
        round(&mut app, sorts)?;
    }
    let begin = Instant::now();
    while rounds.len() < ROUNDS || rounds.len() < MOST_ROUNDS && begin.elapsed() < LASTS {
        rounds.push(round(&mut app, sorts)?);
    }
    // Each round by itself, since how fast a computer is may change from one second to the next.
    let over = |value: fn(&[Cost; 4]) -> f64| median(&rounds.iter().map(value).collect::<Vec<_>>());
    let adapter = app.world().get_resource::<RenderAdapterInfo>();
    Ok(json!({
        "alive": alive,
        "drawn": drawn,
        "reach_px": sixteenths / 16.0,
        "rounds": rounds.len(),
        "without_ms": over(|[without, ..]| without.time),
        "particles_ms": over(|[without, with, ..]| with.time - without.time),
        "bare_ms": over(|[without, _, bare, _]| bare.time - without.time),
        "discs_ms": over(|[without, .., discs]| discs.time - without.time),
        "processor": {
            "without_ms": over(|[without, ..]| without.busy),
            "particles_ms": over(|[without, with, ..]| with.busy - without.busy),
            "bare_ms": over(|[without, _, bare, _]| bare.busy - without.busy),
            "discs_ms": over(|[without, .., discs]| discs.busy - without.busy),
        },
        "adapter": adapter.map(|info| info.name.clone()),
    }))
}

/// What a frame took, in milliseconds: by the clock, and of all processors.
struct Cost {
    time: f64,
    busy: f64,
}

/// Draws a frame of each sort.
fn round(app: &mut App, sorts: [Standin; 4]) -> anyhow::Result<[Cost; 4]> {
    let [first, second, third, fourth] = sorts.map(|sort| {
        app.insert_resource(sort);
        frame(app)
    });
    Ok([first?, second?, third?, fourth?])
}

/// Draws a frame, and waits until it is drawn.
fn frame(app: &mut App) -> anyhow::Result<Cost> {
    let (begin, busy) = (Instant::now(), processor::seconds());
    app.update();
    let device = app.world().get_resource::<RenderDevice>().context("nothing can be drawn here")?;
    device.poll(PollType::wait_indefinitely())?;
    Ok(Cost {
        time: begin.elapsed().as_secs_f64() * 1e3,
        busy: (processor::seconds() - busy) * 1e3,
    })
}

/// Pixels from the middle of an ordinary particle's triangle to its corners, as `particles.wgsl`
/// makes it, on average over the edges.
fn reach(world: &World) -> f32 {
    let edges = world.resource::<Records<EdgeRecord>>().as_slice();
    let grain = edges.iter().map(|edge| edge.grain).sum::<f32>() / edges.len().max(1) as f32;
    let pixel = world.resource::<Steering>().view().scale;
    world.resource::<Look>().reach(grain, pixel, SIZE.y as f32)
}
