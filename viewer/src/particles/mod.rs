//! Hops on screen. In: [`Played`] ticks and the playback clock. Out: records for the graphics card,
//! which places every particle by the clock; arrivals, which make nodes pulse; and
//! [`ParticleStats`] for the legend.
//!
//! A frame costs the processor only what was newly spawned: nothing is moved here, and no particle
//! is an entity.

mod budget;
mod census;
mod clock;
mod ring;
mod spawn;
mod travel;

pub use budget::DEFAULT_BUDGET;

use std::collections::VecDeque;

use bevy::platform::collections::HashMap;
use bevy::prelude::*;
use bevy::time::Real;
use spanfall_collector::feed::message::EdgeTick;
use spanfall_collector::reduce::hop::EdgeId;

use crate::activity::Activity;
use crate::app::Flow;
use crate::picture::Picture;
use crate::scene::draw::{CAPACITY, Form, Look, ParticleBytes, Upload};
use crate::scene::pulses::Pulses;
use crate::scene::slots::EdgeSlots;
use crate::settings::Settings;
use crate::traffic::{Playback, Played};
use budget::Budget;
use census::Census;
use clock::{PERIOD, wrap};
use ring::Ring;
use spawn::{Carry, Spawn, spawn};
use travel::{SLOWEST, travel};

/// The clock may be set back by this many seconds (a source that stutters) before what is on
/// screen is thought to belong to another time.
const BACKWARDS: f64 = 1.0;

/// Ticks that are kept to set out again: as many as there are while a hop is under way, and more.
const MOST_TICKS: usize = 128;

/// Spawns particles. Needs [`ScenePlugin`](crate::scene::ScenePlugin), which draws them.
#[derive(Clone, Copy, Debug, Default)]
pub struct ParticlesPlugin;

impl Plugin for ParticlesPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<ParticleBudget>()
            .init_resource::<Settings>()
            .init_resource::<ParticleStats>()
            .init_resource::<Particles>()
            .add_message::<Played>()
            .add_systems(Update, (spawn_particles, keep_time).chain().in_set(Flow::Particles));
    }
}

/// The most particles on screen; past it, each stands for several hops. May be changed at any time.
#[derive(Resource, Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParticleBudget(pub u32);

impl ParticleBudget {
    /// Half of the ring is left for bursts that come before the share has followed them.
    const LARGEST: u32 = CAPACITY / 2;

    fn limit(self) -> u32 {
        self.0.clamp(1, Self::LARGEST)
    }
}

impl Default for ParticleBudget {
    fn default() -> Self {
        Self(DEFAULT_BUDGET)
    }
}

/// What the legend says about the particles.
#[derive(Resource, Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParticleStats {
    /// Particles under way.
    pub alive: u32,
    /// The most that there shall be.
    pub budget: u32,
    /// How many hops each stands for.
    pub share: u32,
    /// Particles left out since the start because even the ring was full.
    pub left_out: u64,
}

/// The particles under way, as far as the processor knows them.
#[derive(Resource, Debug)]
struct Particles {
    ring: Ring,
    census: Census,
    budget: Budget,
    carries: HashMap<EdgeId, Carry>,
    /// Whether there has been one.
    begun: bool,
    /// The playback clock in the last frame, and [`Playback::epoch`].
    clock: f64,
    epoch: u64,
    /// [`Picture::cut`], and what was played so lately that it may be under way: when the picture shows
    /// the same traffic in another way, it sets out again.
    cut: u64,
    lately: VecDeque<Played>,
    /// One edge's particles, and those of a tick that are no dots, with when they arrive; kept for
    /// their memory.
    fresh: Vec<Spawn>,
    signs: Vec<(f64, ParticleBytes)>,
    /// In which order a tick's edges are taken; kept for its memory.
    order: Vec<(f64, usize)>,
}

impl Default for ParticleStats {
    fn default() -> Self {
        Self { alive: 0, budget: DEFAULT_BUDGET, share: 1, left_out: 0 }
    }
}

impl Default for Particles {
    fn default() -> Self {
        Self {
            ring: Ring::new(CAPACITY),
            census: Census::default(),
            budget: Budget::new(DEFAULT_BUDGET),
            carries: HashMap::default(),
            begun: false,
            clock: 0.0,
            epoch: 0,
            cut: 0,
            lately: VecDeque::new(),
            fresh: Vec::new(),
            signs: Vec::new(),
            order: Vec::new(),
        }
    }
}

impl Particles {
    fn clear(&mut self) {
        self.ring.clear();
        self.census.clear();
    }
}

/// Turns the ticks whose time has come into particles, and tells the nodes when they arrive.
fn spawn_particles(
    mut played: MessageReader<'_, '_, Played>,
    playback: Res<'_, Playback>,
    picture: Res<'_, Picture>,
    slots: Res<'_, EdgeSlots>,
    (budget, settings): (Res<'_, ParticleBudget>, Res<'_, Settings>),
    mut particles: ResMut<'_, Particles>,
    mut upload: ResMut<'_, Upload>,
    mut pulses: ResMut<'_, Pulses>,
    mut stats: ResMut<'_, ParticleStats>,
) {
    let particles = &mut *particles;
    let elsewhere = std::mem::replace(&mut particles.epoch, playback.epoch) != playback.epoch;
    if elsewhere || playback.now < particles.clock - BACKWARDS {
        particles.clear();
        particles.lately.clear();
        pulses.clear();
    }
    let recut = std::mem::replace(&mut particles.cut, picture.cut) != picture.cut;
    if recut {
        particles.clear();
        particles.carries.clear();
        pulses.clear();
    }
    particles.clock = playback.now;
    particles.ring.retire(playback.now);
    particles.census.retire(playback.now);
    if upload.fresh.is_empty() {
        upload.first = particles.ring.next();
    }
    particles.budget.set_limit(budget.limit());
    let slower = settings.travel_scale();
    let mut left_out = 0;
    let again = if recut { std::mem::take(&mut particles.lately) } else { VecDeque::new() };
    for (played, anew) in again
        .into_iter()
        .map(|played| (played, false))
        .chain(played.read().cloned().map(|played| (played, true)))
    {
        if anew {
            // By the tick's own length: a late one is played in less.
            let length = f64::from(played.tick.ms.max(1)) / 1e3;
            let shown =
                played.tick.edges.iter().filter(|tick| picture.edge_of(tick.edge).is_some());
            particles.budget.observe(wanted(shown, length) * slower);
        }
        left_out += particles.set_out(&played, slower, &picture, &slots, &mut upload, &mut pulses);
        particles.lately.push_back(played);
    }
    particles.forget_what_arrived(&picture);
    stats.left_out += u64::from(left_out);
}

/// How many particles would be alive if these rates held and each particle were one hop.
fn wanted<'a>(edges: impl Iterator<Item = &'a EdgeTick>, length: f64) -> f64 {
    edges.map(|tick| tick.counts.total().max(0.0) / length * travel(tick.p50_us)).sum()
}

/// How long the slowest of an edge's hops is under way.
fn longest(tick: &EdgeTick) -> f64 {
    let usual = travel(tick.p50_us);
    if tick.counts.slow > 0.0 { usual.max(travel(tick.p99_us)) } else { usual }
}

impl Particles {
    /// Lets the hops of a tick set out, on the edges that show them. Returns how many found no room.
    fn set_out(
        &mut self,
        Played { tick, start, length }: &Played,
        slower: f64,
        picture: &Picture,
        slots: &EdgeSlots,
        upload: &mut Upload,
        pulses: &mut Pulses,
    ) -> u32 {
        let length = length.max(1e-3);
        let mut left_out = 0;
        let mut order = std::mem::take(&mut self.order);
        order.clear();
        order.extend(tick.edges.iter().map(longest).zip(0..));
        // Those that are longest under way first: what arrives early lies together in the ring then.
        order.sort_by(|a, b| b.0.total_cmp(&a.0));
        for edge_tick in order.iter().filter_map(|(_, at)| tick.edges.get(*at)) {
            let Some(shown) = picture.edge_of(edge_tick.edge) else { continue };
            let Some(edge) = picture.edges.get(&shown) else { continue };
            let Some(slot) = slots.of(shown) else { continue };
            let (launched, without) =
                self.launch(edge_tick, slot, (*start, length, slower), &mut upload.fresh);
            left_out += without;
            if launched > 0 {
                if !std::mem::replace(&mut self.begun, true) {
                    debug!("the first particle sets out");
                }
                let arrive = start + travel(edge_tick.p50_us) * slower;
                // What has long arrived at a moment to which somebody jumped makes nobody pulse.
                if arrive + length > self.clock {
                    pulses.schedule(edge.target, arrive, length, launched);
                }
            }
        }
        self.order = order;
        self.launch_signs(&mut upload.fresh);
        left_out
    }

    /// Lets go of what cannot be under way any more, and of what is left over on edges that are gone.
    fn forget_what_arrived(&mut self, picture: &Picture) {
        while let Some(oldest) = self.lately.front()
            && (self.lately.len() > MOST_TICKS
                || oldest.start + oldest.length + SLOWEST * 1.1 < self.clock)
        {
            self.lately.pop_front();
        }
        if self.carries.len() > picture.edges.len() * 2 + MOST_TICKS {
            self.carries.retain(|edge, _| picture.edge_of(*edge).is_some());
        }
    }

    /// Spawns one edge's particles of one tick; those that are no dots are kept for [`Self::launch_signs`].
    /// Returns how many, and how many found no room.
    fn launch(
        &mut self,
        tick: &EdgeTick,
        slot: u32,
        (start, length, slower): (f64, f64, f64),
        out: &mut Vec<ParticleBytes>,
    ) -> (u32, u32) {
        let carry = self.carries.entry(tick.edge).or_insert_with(|| Carry::new(tick.edge.0));
        self.fresh.clear();
        let share = self.budget.share();
        // A renderer that has stopped takes nothing, so what waits for it is bounded too.
        let waiting = u32::try_from(out.len() + self.signs.len()).unwrap_or(u32::MAX);
        let room = self.ring.room().saturating_sub(self.signs.len() as u32);
        let room = room.min(CAPACITY.saturating_sub(waiting));
        let left_out = spawn(tick, (start, length), share, room, carry, &mut self.fresh);
        let before = out.len();
        let mut last = 0.0_f64;
        for particle in &mut self.fresh {
            particle.travel *= slower;
            let end = particle.end();
            self.census.add(end);
            let packed = pack(particle, slot);
            match particle.form() {
                Form::Dot => {
                    last = last.max(end);
                    out.push(packed);
                }
                Form::Sign => self.signs.push((end, packed)),
            }
        }
        self.ring.take(Form::Dot, (out.len() - before) as u32, last);
        (self.fresh.len() as u32, left_out)
    }

    /// Spawns what a tick has besides dots, so that it lies together in the ring.
    fn launch_signs(&mut self, out: &mut Vec<ParticleBytes>) {
        self.signs.sort_by(|a, b| b.0.total_cmp(&a.0));
        for (end, packed) in self.signs.drain(..) {
            self.ring.take(Form::Sign, 1, end);
            out.push(packed);
        }
    }
}

/// Tells the graphics card and the legend what time it is.
fn keep_time(
    playback: Res<'_, Playback>,
    particles: Res<'_, Particles>,
    mut upload: ResMut<'_, Upload>,
    mut look: ResMut<'_, Look>,
    mut stats: ResMut<'_, ParticleStats>,
    time: Res<'_, Time<Real>>,
    mut activity: ResMut<'_, Activity>,
) {
    particles.ring.alive(playback.now, &mut upload.alive);
    look.clock = wrap(playback.now);
    look.period = PERIOD as f32;
    let now = ParticleStats {
        alive: u32::try_from(particles.census.alive()).unwrap_or(u32::MAX),
        budget: particles.budget.limit(),
        share: particles.budget.share(),
        left_out: stats.left_out,
    };
    stats.set_if_neq(now);
    if !particles.ring.is_empty() && playback.speed > 0.0 {
        activity.extend(&time, 0.1);
    }
}

/// `struct Particle` of `assets/shaders/place.wgsl`.
fn pack(particle: &Spawn, slot: u32) -> ParticleBytes {
    let look = particle.class as u32
        | u32::from(particle.cold) << 2
        | u32::from(particle.lane) << 8
        | u32::from(particle.seed) << 16;
    let mut bytes = [0; 16];
    bytes[0..4].copy_from_slice(&slot.to_le_bytes());
    bytes[4..8].copy_from_slice(&wrap(particle.start).to_le_bytes());
    bytes[8..12].copy_from_slice(&(particle.travel as f32).to_le_bytes());
    bytes[12..16].copy_from_slice(&look.to_le_bytes());
    bytes
}

#[cfg(test)]
mod tests;
