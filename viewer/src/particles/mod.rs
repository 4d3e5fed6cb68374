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

use bevy::platform::collections::HashMap;
use bevy::prelude::*;
use bevy::time::Real;
use spanfall_collector::feed::message::EdgeTick;
use spanfall_collector::reduce::hop::EdgeId;

use crate::activity::Activity;
use crate::app::Flow;
use crate::scene::draw::{CAPACITY, Look, ParticleBytes, Upload};
use crate::scene::pulses::Pulses;
use crate::scene::slots::EdgeSlots;
use crate::traffic::{Playback, Played, Traffic};
use budget::Budget;
use census::Census;
use clock::{PERIOD, wrap};
use ring::Ring;
use spawn::{Carry, Spawn, spawn};
use travel::travel;

/// The clock may be set back by this many seconds (a source that stutters) before what is on
/// screen is thought to belong to another time.
const BACKWARDS: f64 = 1.0;

/// Spawns particles. Needs [`ScenePlugin`](crate::scene::ScenePlugin), which draws them.
#[derive(Clone, Copy, Debug)]
pub struct ParticlesPlugin {
    /// The most particles on screen; past it, each stands for several hops.
    pub budget: u32,
}

impl Default for ParticlesPlugin {
    fn default() -> Self {
        Self { budget: DEFAULT_BUDGET }
    }
}

impl Plugin for ParticlesPlugin {
    fn build(&self, app: &mut App) {
        // Half of the ring is left for bursts that come before the share has followed them.
        let limit = self.budget.clamp(1, CAPACITY / 2);
        app.insert_resource(ParticleStats { alive: 0, budget: limit, share: 1, left_out: 0 })
            .insert_resource(Particles::new(limit))
            .add_message::<Played>()
            .add_systems(Update, (spawn_particles, keep_time).chain().in_set(Flow::Particles));
    }
}

/// What the legend says about the particles.
#[derive(Resource, Clone, Copy, Debug, Default, PartialEq, Eq)]
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
    /// The playback clock in the last frame.
    clock: f64,
    /// One edge's particles; kept for its memory.
    fresh: Vec<Spawn>,
}

impl Particles {
    fn new(limit: u32) -> Self {
        Self {
            ring: Ring::new(CAPACITY),
            census: Census::default(),
            budget: Budget::new(limit),
            carries: HashMap::default(),
            clock: 0.0,
            fresh: Vec::new(),
        }
    }

    fn clear(&mut self) {
        self.ring.clear();
        self.census.clear();
    }
}

/// Turns the ticks whose time has come into particles, and tells the nodes when they arrive.
fn spawn_particles(
    mut played: MessageReader<'_, '_, Played>,
    playback: Res<'_, Playback>,
    traffic: Res<'_, Traffic>,
    slots: Res<'_, EdgeSlots>,
    mut particles: ResMut<'_, Particles>,
    mut upload: ResMut<'_, Upload>,
    mut pulses: ResMut<'_, Pulses>,
    mut stats: ResMut<'_, ParticleStats>,
) {
    let particles = &mut *particles;
    if playback.now < particles.clock - BACKWARDS {
        particles.clear();
        pulses.clear();
    }
    particles.clock = playback.now;
    particles.ring.retire(playback.now);
    particles.census.retire(playback.now);
    if upload.fresh.is_empty() {
        upload.first = particles.ring.next();
    }
    if particles.carries.len() > traffic.edges.len() {
        particles.carries.retain(|edge, _| traffic.edges.contains_key(edge));
    }
    for Played { tick, start, length } in played.read() {
        let length = length.max(1e-3);
        particles.budget.observe(wanted(&tick.edges, length));
        for edge_tick in &tick.edges {
            let Some(edge) = traffic.edges.get(&edge_tick.edge) else { continue };
            let Some(slot) = slots.of(edge_tick.edge) else { continue };
            let (launched, left_out) =
                particles.launch(edge_tick, slot, (*start, length), &mut upload.fresh);
            stats.left_out += u64::from(left_out);
            if launched > 0 {
                let arrive = start + travel(edge_tick.p50_us);
                pulses.schedule(edge.target, arrive, length, launched);
            }
        }
    }
}

/// How many particles would be alive if these rates held and each particle were one hop.
fn wanted(edges: &[EdgeTick], length: f64) -> f64 {
    edges.iter().map(|tick| tick.counts.total().max(0.0) / length * travel(tick.p50_us)).sum()
}

impl Particles {
    /// Spawns one edge's particles of one tick. Returns how many, and how many found no room.
    fn launch(
        &mut self,
        tick: &EdgeTick,
        slot: u32,
        when: (f64, f64),
        out: &mut Vec<ParticleBytes>,
    ) -> (u32, u32) {
        let carry = self.carries.entry(tick.edge).or_insert_with(|| Carry::new(tick.edge.0));
        self.fresh.clear();
        let share = self.budget.share();
        // A renderer that has stopped takes nothing, so what waits for it is bounded too.
        let waiting = u32::try_from(out.len()).unwrap_or(u32::MAX);
        let room = self.ring.room().min(CAPACITY.saturating_sub(waiting));
        let left_out = spawn(tick, when, share, room, carry, &mut self.fresh);
        let end = self.fresh.iter().map(Spawn::end).fold(0.0, f64::max);
        let taken = self.ring.take(self.fresh.len() as u32, end);
        for particle in &self.fresh {
            self.census.add(particle.end());
            out.push(pack(particle, slot));
        }
        (taken, left_out)
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
    upload.alive = particles.ring.alive();
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

/// `struct Particle` of `assets/shaders/particles.wgsl`.
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
mod tests {
    use spanfall_collector::reduce::hop::{Class, Counts};

    use super::*;

    #[test]
    fn records_are_packed_as_the_shader_unpacks_them() {
        let particle = Spawn {
            start: PERIOD + 2.5,
            travel: 1.25,
            class: Class::Error,
            cold: true,
            lane: 200,
            seed: 0xBEEF,
        };
        let bytes = pack(&particle, 7);
        let word = |index: usize| u32::from_le_bytes(bytes[index * 4..][..4].try_into().unwrap());
        assert_eq!(word(0), 7);
        assert_eq!(f32::from_bits(word(1)), 2.5);
        assert_eq!(f32::from_bits(word(2)), 1.25);
        assert_eq!(word(3) & 3, 3);
        assert_eq!(word(3) >> 2 & 1, 1);
        assert_eq!(word(3) >> 8 & 255, 200);
        assert_eq!(word(3) >> 16, 0xBEEF);
    }

    #[test]
    fn a_renderer_that_has_stopped_costs_no_memory() {
        let mut particles = Particles::new(DEFAULT_BUDGET);
        let counts = Counts { ok: 300_000.0, ..Counts::default() };
        let tick = EdgeTick { edge: EdgeId(1), counts, p50_us: 0, p99_us: 0 };
        let mut out = Vec::new();
        let mut left_out = 0;
        for second in 0..10 {
            particles.ring.retire(f64::from(second) * 10.0);
            left_out += particles.launch(&tick, 0, (f64::from(second) * 10.0, 0.2), &mut out).1;
        }
        assert_eq!(out.len() as u32, CAPACITY);
        assert_eq!(left_out, 3_000_000 - CAPACITY);
    }
}
