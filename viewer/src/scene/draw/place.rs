//! Where particles are on screen, found out once a frame for each, by a compute shader, rather than for
//! each corner of their triangles. In: the [`Ring`], the edges, and what shades particles. Out: a spot for
//! each slot of the part of the ring that may be alive.
//!
//! Without a graphics card one processor alone runs vertex shaders, and all of them run this.

use std::num::NonZeroU64;

use bevy::prelude::*;
use bevy::render::render_resource::binding_types::{
    storage_buffer_read_only, storage_buffer_read_only_sized, storage_buffer_sized, texture_2d,
    uniform_buffer,
};
use bevy::render::render_resource::{
    BindGroup, BindGroupEntries, BindGroupLayoutDescriptor, BindGroupLayoutEntries,
    Buffer as GpuBuffer, BufferDescriptor, BufferUsages, CachedComputePipelineId,
    ComputePassDescriptor, ComputePipelineDescriptor, PipelineCache, ShaderStages, ShaderType,
    TextureSampleType, UniformBuffer,
};
use bevy::render::renderer::{RenderContext, RenderDevice, RenderQueue, ViewQuery};

use super::buffer::Buffer;
use super::frame::ViewFrame;
use super::layers::Bindings;
use super::particles::{RECORD_BYTES, Ring};
use super::pipeline::Pipelines;
use super::records::EdgeRecord;
use super::standin::Standin;
use super::still::Still;

/// Bytes of a spot: `struct Spot` of `assets/shaders/spot.wgsl`.
pub(super) const SPOT_BYTES: NonZeroU64 = NonZeroU64::MIN.saturating_add(15);

/// Spots that there is room for at first.
const LEAST: u32 = 1 << 12;

/// Particles that are placed together, as `place.wgsl` has it.
pub(super) const GROUP: u32 = 64;

/// `struct Span` of `assets/shaders/place.wgsl`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ShaderType)]
struct Span {
    first: u32,
    count: u32,
}

/// What places particles, and where it puts them.
#[derive(Resource)]
pub(super) struct Spots {
    pub(super) buffer: GpuBuffer,
    /// How many spots that holds.
    room: u32,
    layout: BindGroupLayoutDescriptor,
    pipeline: CachedComputePipelineId,
    span: UniformBuffer<Span>,
    binding: Option<BindGroup>,
}

impl FromWorld for Spots {
    fn from_world(world: &mut World) -> Self {
        let (buffer, room) = make(world.resource::<RenderDevice>(), LEAST);
        let layout = BindGroupLayoutDescriptor::new(
            "spanfall places",
            &BindGroupLayoutEntries::sequential(
                ShaderStages::COMPUTE,
                (
                    storage_buffer_read_only::<EdgeRecord>(false),
                    storage_buffer_read_only_sized(false, Some(RECORD_BYTES)),
                    storage_buffer_sized(false, Some(SPOT_BYTES)),
                    uniform_buffer::<Span>(false),
                    texture_2d(TextureSampleType::Float { filterable: false }),
                ),
            ),
        );
        let pipelines = world.resource::<Pipelines>();
        let descriptor = ComputePipelineDescriptor {
            label: Some("spanfall places".into()),
            layout: vec![pipelines.frame.clone(), layout.clone()],
            shader: pipelines.place_shader().clone(),
            entry_point: Some("main".into()),
            ..default()
        };
        let pipeline = world.resource::<PipelineCache>().queue_compute_pipeline(descriptor);
        Self { buffer, room, layout, pipeline, span: UniformBuffer::default(), binding: None }
    }
}

fn make(device: &RenderDevice, room: u32) -> (GpuBuffer, u32) {
    let buffer = device.create_buffer(&BufferDescriptor {
        label: Some("spanfall spots"),
        size: u64::from(room) * SPOT_BYTES.get(),
        usage: BufferUsages::STORAGE,
        mapped_at_creation: false,
    });
    (buffer, room)
}

/// Makes room for as many spots as there may be particles: a ring that is nearly empty needs few.
pub(super) fn make_room(
    device: Res<'_, RenderDevice>,
    ring: Res<'_, Ring>,
    mut spots: ResMut<'_, Spots>,
) {
    if spots.room < ring.alive.count {
        (spots.buffer, spots.room) = make(&device, ring.alive.count.next_power_of_two());
    }
}

/// Binds what is read and written.
pub(super) fn bind_spots(
    (device, queue): (Res<'_, RenderDevice>, Res<'_, RenderQueue>),
    cache: Res<'_, PipelineCache>,
    (ring, edges): (Res<'_, Ring>, Res<'_, Buffer<EdgeRecord>>),
    still: Res<'_, Still>,
    mut spots: ResMut<'_, Spots>,
) {
    let Spots { buffer, layout, span, binding, .. } = &mut *spots;
    span.set(Span { first: ring.alive.first, count: ring.alive.count });
    span.write_buffer(&device, &queue);
    *binding = (|| {
        Some(device.create_bind_group(
            "spanfall places",
            &cache.get_bind_group_layout(layout),
            &BindGroupEntries::sequential((
                edges.storage.binding()?,
                ring.buffer.as_entire_binding(),
                buffer.as_entire_binding(),
                span.binding()?,
                &still.textures.as_ref()?.shade,
            )),
        ))
    })();
}

/// Places all particles that may be alive.
pub(super) fn place_particles(
    view: ViewQuery<'_, '_, &ViewFrame>,
    (spots, ring): (Res<'_, Spots>, Res<'_, Ring>),
    standin: Option<Res<'_, Standin>>,
    (bindings, cache): (Option<Res<'_, Bindings>>, Res<'_, PipelineCache>),
    mut context: RenderContext<'_, '_>,
) {
    let measured = standin.is_some_and(|standin| *standin != Standin::None);
    let (Some(bindings), Some(binding)) = (&bindings, &spots.binding) else { return };
    let Some(pipeline) = cache.get_compute_pipeline(spots.pipeline) else { return };
    if measured || ring.alive.count == 0 {
        return;
    }
    let frame = view.into_inner();
    let mut pass = context
        .command_encoder()
        .begin_compute_pass(&ComputePassDescriptor { label: Some("spanfall places"), ..default() });
    pass.set_pipeline(pipeline);
    pass.set_bind_group(0, &bindings.frame, &[frame.offset]);
    pass.set_bind_group(1, binding, &[]);
    pass.dispatch_workgroups(ring.alive.count.div_ceil(GROUP), 1, 1);
}
