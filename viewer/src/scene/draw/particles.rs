//! The particles' ring on the graphics card. In: [`Upload`], the records spawned since the last
//! frame and which part of the ring is alive. Out: the buffer, and what to draw of it.

use std::num::NonZeroU64;
use std::ops::Range;

use bevy::prelude::*;
use bevy::render::MainWorld;
use bevy::render::render_resource::{Buffer, BufferDescriptor, BufferUsages};
use bevy::render::renderer::{RenderDevice, RenderQueue};

/// Records that the ring holds, in 32 MB: twice the largest particle budget, a million.
pub const CAPACITY: u32 = 1 << 21;

/// Bytes of a record: `struct Particle` of `assets/shaders/place.wgsl`.
pub(super) const RECORD_BYTES: NonZeroU64 = NonZeroU64::MIN.saturating_add(15);

/// One particle as the shader reads it: little-endian edge slot, start, travel, look.
pub type ParticleBytes = [u8; 16];

/// What the particles' plugin hands to the graphics card in each frame.
#[derive(Resource, Clone, Debug, Default)]
pub struct Upload {
    /// The slot of the first fresh record; the others follow, around the end of the ring.
    pub first: u32,
    /// Records spawned since the last frame.
    pub fresh: Vec<ParticleBytes>,
    /// The stretches of the ring in which particles may be alive, oldest first.
    pub alive: Alive,
}

/// How a particle is drawn. What most are takes least of the graphics card, so it is drawn apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A hop that went well: a dot.
    Dot,
    /// Any other class, or a cold start, whose shapes say so; above dots.
    Sign,
}

/// Stretches of the ring to draw. One may hold a few of the other form: the shaders look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alive {
    /// The first slot of the part of the ring that all of them lie in.
    pub first: u32,
    /// How many slots that part has, around the end of the ring.
    pub count: u32,
    /// Those with [`Form::Dot`] in them.
    pub dots: Vec<Range<u32>>,
    /// Those with [`Form::Sign`] in them.
    pub signs: Vec<Range<u32>>,
}

impl Alive {
    /// Where in that part a slot is: spots are counted from its first one.
    pub(super) fn spot(&self, slot: u32) -> u32 {
        (slot + CAPACITY - self.first) % CAPACITY
    }
}

/// The ring on the graphics card.
#[derive(Resource)]
pub(super) struct Ring {
    pub(super) buffer: Buffer,
    pub(super) alive: Alive,
    first: u32,
    fresh: Vec<ParticleBytes>,
}

impl FromWorld for Ring {
    fn from_world(world: &mut World) -> Self {
        let buffer = world.resource::<RenderDevice>().create_buffer(&BufferDescriptor {
            label: Some("spanfall particles"),
            size: u64::from(CAPACITY) * RECORD_BYTES.get(),
            usage: BufferUsages::STORAGE | BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        Self { buffer, alive: Alive::default(), first: 0, fresh: Vec::new() }
    }
}

/// Takes what was spawned; the main world's list is left empty, with its memory.
pub(super) fn extract_particles(mut main: ResMut<'_, MainWorld>, mut ring: ResMut<'_, Ring>) {
    let Some(mut upload) = main.get_resource_mut::<Upload>() else { return };
    let upload = upload.bypass_change_detection();
    ring.alive.clone_from(&upload.alive);
    ring.first = upload.first;
    ring.fresh.clear();
    std::mem::swap(&mut ring.fresh, &mut upload.fresh);
}

/// Writes only what is new.
pub(super) fn write_particles(mut ring: ResMut<'_, Ring>, queue: Res<'_, RenderQueue>) {
    let mut slot = ring.first % CAPACITY;
    let mut rest = ring.fresh.as_slice();
    while !rest.is_empty() {
        let (now, later) = rest.split_at(rest.len().min((CAPACITY - slot) as usize));
        queue.write_buffer(&ring.buffer, u64::from(slot) * RECORD_BYTES.get(), now.as_flattened());
        rest = later;
        slot = 0;
    }
    ring.fresh.clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spots_are_counted_from_the_first_slot_around_the_end_of_the_ring() {
        let alive = Alive { first: CAPACITY - 2, count: 5, ..Alive::default() };
        let spots = [CAPACITY - 2, CAPACITY - 1, 0, 1, 2].map(|slot| alive.spot(slot));
        assert_eq!(spots, [0, 1, 2, 3, 4]);
    }
}
