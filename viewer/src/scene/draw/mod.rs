//! The picture on the graphics card: four layers (edges, particles, plates, nodes), each one draw,
//! among what Bevy draws in 2D; [`straight`] draws it all into the window. In: [`Records`], [`Upload`]
//! and [`Look`] from the main world. Out: pixels.
//!
//! Nothing here is an entity of the main world: a layer is one phase item in every 2D view.

mod frame;
mod particles;
mod pipeline;
mod records;
pub mod shaders;
mod standin;
mod straight;

pub use frame::Look;
pub use particles::{CAPACITY, ParticleBytes, Upload};
pub(crate) use pipeline::LABELS_Z;
pub use records::{EdgeRecord, NodeRecord, PlateRecord, Records};
pub use standin::Standin;

use bevy::camera::Camera2d;
use bevy::core_pipeline::core_2d::Transparent2d;
use bevy::ecs::query::ROQueryItem;
use bevy::ecs::system::SystemParamItem;
use bevy::ecs::system::lifetimeless::{Read, SRes};
use bevy::math::FloatOrd;
use bevy::prelude::*;
use bevy::render::camera::CameraRenderGraph;
use bevy::render::extract_resource::ExtractResourcePlugin;
use bevy::render::render_asset::RenderAssets;
use bevy::render::render_phase::{
    AddRenderCommand, DrawFunctions, PhaseItemExtraIndex, RenderCommand, RenderCommandResult,
    SetItemPipeline, TrackedRenderPass, ViewSortedRenderPhases,
};
use bevy::render::render_resource::encase::internal::WriteInto;
use bevy::render::render_resource::encase::private::ShaderSize;
use bevy::render::render_resource::{
    BindGroup, BindGroupEntries, PipelineCache, ShaderType, SpecializedRenderPipelines,
    StorageBuffer,
};
use bevy::render::renderer::{RenderDevice, RenderQueue};
use bevy::render::sync_world::MainEntity;
use bevy::render::texture::GpuImage;
use bevy::render::view::{ExtractedView, Msaa, prepare_view_targets, prepare_windows};
use bevy::render::{
    Extract, ExtractSchedule, GpuResourceAppExt, Render, RenderApp, RenderStartup, RenderSystems,
};
use bevy::shader::Shader;

use super::icons::IconAtlas;
use crate::interaction::MainCamera;
use frame::{FrameOffset, Frames, prepare_frames};
use particles::{Ring, extract_particles, write_particles};
use pipeline::{Layer, PipelineKey, Pipelines, Shaders};
use straight::{Straight, follow_format};

/// Vertices of an edge's strip: two at each end of each of the 32 segments that `edges.wgsl` names.
const EDGE_VERTICES: u32 = 2 * (32 + 1);

/// Draws the layers. Without a renderer (tests) it only keeps the resources that it reads.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct DrawPlugin;

impl Plugin for DrawPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Records<EdgeRecord>>()
            .init_resource::<Records<NodeRecord>>()
            .init_resource::<Records<PlateRecord>>()
            .init_resource::<Upload>()
            .init_resource::<Look>();
        if app.get_sub_app(RenderApp).is_none() {
            return;
        }
        app.add_plugins((
            ExtractResourcePlugin::<Look>::default(),
            ExtractResourcePlugin::<IconAtlas>::default(),
            ExtractResourcePlugin::<Standin>::default(),
        ));
        app.register_required_components_with::<MainCamera, _>(|| CameraRenderGraph::new(Straight));
        let shaders = Shaders::add_to(&mut app.world_mut().resource_mut::<Assets<Shader>>());
        let Some(render_app) = app.get_sub_app_mut(RenderApp) else { return };
        render_app
            .insert_resource(shaders)
            .add_schedule(straight::schedule())
            .init_gpu_resource::<Frames>()
            .init_gpu_resource::<Ring>()
            .init_gpu_resource::<Buffer<EdgeRecord>>()
            .init_gpu_resource::<Buffer<NodeRecord>>()
            .init_gpu_resource::<Buffer<PlateRecord>>()
            .init_gpu_resource::<Pipelines>()
            .init_gpu_resource::<SpecializedRenderPipelines<Pipelines>>()
            .add_render_command::<Transparent2d, DrawLayer>()
            .add_systems(RenderStartup, spawn_layers)
            .add_systems(
                ExtractSchedule,
                (
                    extract_particles,
                    extract_records::<EdgeRecord>,
                    extract_records::<NodeRecord>,
                    extract_records::<PlateRecord>,
                ),
            )
            .add_systems(
                Render,
                (
                    follow_format
                        .in_set(RenderSystems::PrepareViews)
                        .after(prepare_windows)
                        .before(prepare_view_targets),
                    queue_layers.in_set(RenderSystems::Queue),
                    (
                        prepare_frames,
                        write_particles,
                        write_records::<EdgeRecord>,
                        write_records::<NodeRecord>,
                        write_records::<PlateRecord>,
                    )
                        .in_set(RenderSystems::PrepareResources),
                    bind.in_set(RenderSystems::PrepareBindGroups),
                ),
            );
    }
}

/// Records of one sort on the graphics card.
#[derive(Resource)]
struct Buffer<T: ShaderType + ShaderSize + Send + Sync + 'static> {
    storage: StorageBuffer<Vec<T>>,
    /// How many records there are. The buffer always holds one at least, since none cannot be bound.
    count: u32,
    /// Revision of the records that `storage` holds, and whether they are written yet.
    revision: Option<u64>,
    written: bool,
}

impl<T: ShaderType + ShaderSize + Default + Send + Sync + 'static> Default for Buffer<T> {
    fn default() -> Self {
        let storage = StorageBuffer::from(vec![T::default()]);
        Self { storage, count: 0, revision: None, written: false }
    }
}

fn extract_records<T>(
    records: Extract<'_, '_, Res<'_, Records<T>>>,
    mut buffer: ResMut<'_, Buffer<T>>,
) where
    T: ShaderType + ShaderSize + Default + Clone + PartialEq + Send + Sync + 'static,
    Vec<T>: ShaderType + WriteInto,
{
    if buffer.revision == Some(records.revision()) {
        return;
    }
    let slice = records.as_slice();
    buffer.revision = Some(records.revision());
    buffer.written = false;
    buffer.count = u32::try_from(slice.len()).unwrap_or(u32::MAX);
    let kept = buffer.storage.get_mut();
    kept.clear();
    kept.extend_from_slice(slice);
    if kept.is_empty() {
        kept.push(T::default());
    }
}

fn write_records<T>(
    mut buffer: ResMut<'_, Buffer<T>>,
    device: Res<'_, RenderDevice>,
    queue: Res<'_, RenderQueue>,
) where
    T: ShaderType + ShaderSize + Send + Sync + 'static,
    Vec<T>: ShaderType + WriteInto,
{
    if !buffer.written {
        buffer.storage.write_buffer(&device, &queue);
        buffer.written = true;
    }
}

fn spawn_layers(mut commands: Commands<'_, '_>, layers: Query<'_, '_, Entity, With<Layer>>) {
    // A lost device starts the renderer anew; the layers are still there then.
    if layers.is_empty() {
        commands.spawn_batch(Layer::ALL);
    }
}

/// Puts every layer in every 2D view.
fn queue_layers(
    layers: Query<'_, '_, (Entity, &Layer)>,
    views: Query<'_, '_, (&ExtractedView, &Msaa), With<Camera2d>>,
    functions: Res<'_, DrawFunctions<Transparent2d>>,
    pipelines: Res<'_, Pipelines>,
    mut specialized: ResMut<'_, SpecializedRenderPipelines<Pipelines>>,
    cache: Res<'_, PipelineCache>,
    standin: Option<Res<'_, Standin>>,
    mut phases: ResMut<'_, ViewSortedRenderPhases<Transparent2d>>,
) {
    let draw_function = functions.read().id::<DrawLayer>();
    for (view, msaa) in &views {
        let Some(phase) = phases.get_mut(&view.retained_view_entity) else { continue };
        let standin = standin.as_deref().copied().unwrap_or_default();
        for (entity, &layer) in layers.iter().filter(|(_, layer)| standin.shows(**layer)) {
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

/// The bind groups of this frame; missing until the atlas is on the graphics card.
#[derive(Resource)]
struct Bindings {
    frame: BindGroup,
    picture: BindGroup,
}

fn bind(
    mut commands: Commands<'_, '_>,
    pipelines: Res<'_, Pipelines>,
    cache: Res<'_, PipelineCache>,
    device: Res<'_, RenderDevice>,
    frames: Res<'_, Frames>,
    ring: Res<'_, Ring>,
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
                ring.buffer.as_entire_binding(),
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

type DrawLayer = (SetItemPipeline, DrawTriangles);

/// Binds what the shaders read, and draws one layer.
struct DrawTriangles;

impl RenderCommand<Transparent2d> for DrawTriangles {
    type Param = (
        Option<SRes<Bindings>>,
        SRes<Ring>,
        SRes<Buffer<EdgeRecord>>,
        SRes<Buffer<NodeRecord>>,
        SRes<Buffer<PlateRecord>>,
        Option<SRes<Standin>>,
    );
    type ViewQuery = Option<Read<FrameOffset>>;
    type ItemQuery = Read<Layer>;

    fn render<'w>(
        _: &Transparent2d,
        offset: ROQueryItem<'w, '_, Self::ViewQuery>,
        layer: Option<ROQueryItem<'w, '_, Self::ItemQuery>>,
        (bindings, ring, edges, nodes, plates, standin): SystemParamItem<'w, '_, Self::Param>,
        pass: &mut TrackedRenderPass<'w>,
    ) -> RenderCommandResult {
        let (Some(bindings), Some(offset), Some(layer)) = (bindings, offset, layer) else {
            return RenderCommandResult::Skip;
        };
        let bindings = bindings.into_inner();
        pass.set_bind_group(0, &bindings.frame, &[offset.0]);
        pass.set_bind_group(1, &bindings.picture, &[]);
        match layer {
            Layer::Edges => pass.draw(0..EDGE_VERTICES, 0..edges.count),
            Layer::Particles => {
                for stretch in ring.into_inner().alive.clone() {
                    pass.draw(stretch.start * 3..stretch.end * 3, 0..1);
                }
            }
            Layer::Plates => pass.draw(0..plates.count * 6, 0..1),
            Layer::Nodes => pass.draw(0..nodes.count * 6, 0..1),
            Layer::Bare => {
                if let Some((vertices, instances)) = standin.and_then(|standin| standin.draw()) {
                    pass.draw(vertices, instances);
                }
            }
        }
        RenderCommandResult::Success
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A constant of a shader, as its text says.
    fn constant(shader: &str, name: &str) -> f32 {
        let (_, source) = shaders::all().into_iter().find(|(file, _)| *file == shader).unwrap();
        let after = source.split(&format!("const {name}: f32 = ")).nth(1).unwrap().to_owned();
        after.split(';').next().unwrap().parse().unwrap()
    }

    #[test]
    fn an_edge_is_drawn_with_as_many_vertices_as_its_shader_expects() {
        let segments = constant("edges.wgsl", "SEGMENTS");
        assert_eq!(EDGE_VERTICES as f32, 2.0 * (segments + 1.0));
    }

    #[test]
    fn the_shader_cuts_the_atlas_as_it_was_made() {
        let made = include_str!("../../../../assets/icons/atlas.py");
        for (python, name) in
            [("COLUMNS = ", "COLUMNS"), ("CELL = ", "CELL"), ("SPREAD = ", "SPREAD")]
        {
            let text = made.split(&format!("\n{python}")).nth(1).unwrap();
            let number = text.split(|c: char| !c.is_ascii_digit()).next().unwrap();
            assert_eq!(number.parse::<f32>().unwrap(), constant("nodes.wgsl", name));
        }
    }
}
