//! The layers' draws. In: their records on the graphics card. Out: a phase item for each layer that takes
//! turns with labels, and [`Lines`] for those that have a pass of their own.

use bevy::camera::Camera2d;
use bevy::core_pipeline::core_2d::Transparent2d;
use bevy::ecs::query::ROQueryItem;
use bevy::ecs::system::SystemParamItem;
use bevy::ecs::system::lifetimeless::{Read, SRes};
use bevy::math::FloatOrd;
use bevy::prelude::*;
use bevy::render::render_asset::RenderAssets;
use bevy::render::render_phase::{
    DrawFunctions, PhaseItemExtraIndex, RenderCommand, RenderCommandResult, SetItemPipeline,
    TrackedRenderPass, ViewSortedRenderPhases,
};
use bevy::render::render_resource::{
    BindGroup, BindGroupEntries, CachedRenderPipelineId, PipelineCache, SpecializedRenderPipelines,
};
use bevy::render::renderer::RenderDevice;
use bevy::render::sync_world::MainEntity;
use bevy::render::texture::GpuImage;
use bevy::render::view::{ExtractedView, Msaa};

use super::buffer::Buffer;
use super::frame::{Frames, ViewFrame};
use super::pipeline::{Layer, PipelineKey, Pipelines};
use super::place::Spots;
use super::records::{EdgeRecord, NodeRecord, PlateRecord};
use crate::scene::icons::IconAtlas;

/// Vertices of an edge's strip: two at each end of each of the 32 segments that `edges.wgsl` names.
pub(super) const EDGE_VERTICES: u32 = 2 * (32 + 1);

/// Gives the layers among labels their entities.
pub(super) fn spawn_layers(
    mut commands: Commands<'_, '_>,
    layers: Query<'_, '_, Entity, With<Layer>>,
) {
    // A lost device starts the renderer anew; the layers are still there then.
    if layers.is_empty() {
        commands.spawn_batch([Layer::Edges, Layer::Plates, Layer::Nodes]);
    }
}

/// Puts those layers in every 2D view.
pub(super) fn queue_layers(
    layers: Query<'_, '_, (Entity, &Layer)>,
    views: Query<'_, '_, (&ExtractedView, &Msaa), With<Camera2d>>,
    functions: Res<'_, DrawFunctions<Transparent2d>>,
    pipelines: Res<'_, Pipelines>,
    mut specialized: ResMut<'_, SpecializedRenderPipelines<Pipelines>>,
    cache: Res<'_, PipelineCache>,
    mut phases: ResMut<'_, ViewSortedRenderPhases<Transparent2d>>,
) {
    let draw_function = functions.read().id::<DrawLayer>();
    for (view, msaa) in &views {
        let Some(phase) = phases.get_mut(&view.retained_view_entity) else { continue };
        for (entity, &layer) in &layers {
            let key = PipelineKey { layer, format: view.target_format, samples: msaa.samples() };
            phase.add_transient(Transparent2d {
                sort_key: FloatOrd(layer.z()),
                entity: (entity, MainEntity::from(Entity::PLACEHOLDER)),
                pipeline: specialized.specialize(&cache, &pipelines, key),
                draw_function,
                batch_range: 0..1,
                extracted_index: usize::MAX,
                extra_index: PhaseItemExtraIndex::None,
                indexed: false,
            });
        }
    }
}

/// The pipelines of a view's layers that have a pass of their own.
#[derive(Component, Clone, Copy)]
pub(super) struct Lines {
    pub(super) copy: CachedRenderPipelineId,
    pub(super) dots: CachedRenderPipelineId,
    pub(super) signs: CachedRenderPipelineId,
    pub(super) panels: CachedRenderPipelineId,
    pub(super) bare: CachedRenderPipelineId,
    pub(super) bare_discs: CachedRenderPipelineId,
    pub(super) covers: CachedRenderPipelineId,
    pub(super) shades: CachedRenderPipelineId,
}

/// Makes them.
pub(super) fn queue_lines(
    mut commands: Commands<'_, '_>,
    views: Query<'_, '_, (Entity, &ExtractedView), With<Camera2d>>,
    pipelines: Res<'_, Pipelines>,
    mut specialized: ResMut<'_, SpecializedRenderPipelines<Pipelines>>,
    cache: Res<'_, PipelineCache>,
) {
    for (entity, view) in &views {
        let mut line = |layer| {
            let key = PipelineKey { layer, format: view.target_format, samples: 1 };
            specialized.specialize(&cache, &pipelines, key)
        };
        commands.entity(entity).insert(Lines {
            copy: line(Layer::Copy),
            dots: line(Layer::Dots),
            signs: line(Layer::Signs),
            panels: line(Layer::Panels),
            bare: line(Layer::Bare),
            bare_discs: line(Layer::BareDiscs),
            covers: line(Layer::NodeCovers),
            shades: line(Layer::PlateShades),
        });
    }
}

/// The bind groups of this frame; missing until the atlas is on the graphics card.
#[derive(Resource)]
pub(super) struct Bindings {
    pub(super) frame: BindGroup,
    picture: BindGroup,
}

impl Bindings {
    /// Binds what every layer reads.
    pub(super) fn set<'a>(&'a self, pass: &mut TrackedRenderPass<'a>, frame: &ViewFrame) {
        pass.set_bind_group(0, &self.frame, &[frame.offset]);
        pass.set_bind_group(1, &self.picture, &[]);
    }
}

/// Makes the bind groups.
pub(super) fn bind(
    mut commands: Commands<'_, '_>,
    pipelines: Res<'_, Pipelines>,
    cache: Res<'_, PipelineCache>,
    device: Res<'_, RenderDevice>,
    frames: Res<'_, Frames>,
    spots: Res<'_, Spots>,
    (edges, nodes, plates): (
        Res<'_, Buffer<EdgeRecord>>,
        Res<'_, Buffer<NodeRecord>>,
        Res<'_, Buffer<PlateRecord>>,
    ),
    atlas: Option<Res<'_, IconAtlas>>,
    images: Res<'_, RenderAssets<GpuImage>>,
) {
    let bindings = (|| {
        let icons = images.get(&atlas?.0)?;
        let frame = device.create_bind_group(
            "spanfall frame",
            &cache.get_bind_group_layout(&pipelines.frame),
            &BindGroupEntries::single(frames.0.binding()?),
        );
        let picture = device.create_bind_group(
            "spanfall picture",
            &cache.get_bind_group_layout(&pipelines.picture),
            &BindGroupEntries::sequential((
                edges.storage.binding()?,
                spots.buffer.as_entire_binding(),
                nodes.storage.binding()?,
                plates.storage.binding()?,
                &icons.texture_view,
                &icons.sampler,
            )),
        );
        Some(Bindings { frame, picture })
    })();
    match bindings {
        Some(bindings) => commands.insert_resource(bindings),
        None => commands.remove_resource::<Bindings>(),
    }
}

/// Draws a layer among labels.
pub(super) type DrawLayer = (SetItemPipeline, DrawTriangles);

/// Binds what the shaders read, and draws one layer.
pub(super) struct DrawTriangles;

impl RenderCommand<Transparent2d> for DrawTriangles {
    type Param = (
        Option<SRes<Bindings>>,
        SRes<Buffer<EdgeRecord>>,
        SRes<Buffer<NodeRecord>>,
        SRes<Buffer<PlateRecord>>,
    );
    type ViewQuery = Option<Read<ViewFrame>>;
    type ItemQuery = Read<Layer>;

    fn render<'w>(
        _: &Transparent2d,
        frame: ROQueryItem<'w, '_, Self::ViewQuery>,
        layer: Option<ROQueryItem<'w, '_, Self::ItemQuery>>,
        (bindings, edges, nodes, plates): SystemParamItem<'w, '_, Self::Param>,
        pass: &mut TrackedRenderPass<'w>,
    ) -> RenderCommandResult {
        let (Some(bindings), Some(frame), Some(layer)) = (bindings, frame, layer) else {
            return RenderCommandResult::Skip;
        };
        bindings.into_inner().set(pass, frame);
        match layer {
            Layer::Edges => pass.draw(0..EDGE_VERTICES, 0..edges.count),
            Layer::Plates => pass.draw(0..plates.count * 6, 0..1),
            Layer::Nodes => pass.draw(0..nodes.count * 6, 0..1),
            // These have a pass of their own.
            Layer::Dots
            | Layer::Signs
            | Layer::Panels
            | Layer::Bare
            | Layer::BareDiscs
            | Layer::Copy
            | Layer::NodeCovers
            | Layer::PlateShades => return RenderCommandResult::Skip,
        }
        RenderCommandResult::Success
    }
}
