//! The picture on the graphics card: layers (edges, plates, nodes; particles), of which
//! those that stand still are kept ([`still`]); [`straight`] draws it all into the window. In: [`Records`],
//! [`Upload`] and [`Look`] from the main world. Out: pixels.
//!
//! Nothing here is an entity of the main world.

mod buffer;
mod frame;
mod layers;
mod panels;
mod particles;
mod pipeline;
mod place;
mod records;
pub mod shaders;
mod standin;
mod still;
mod straight;
mod tiles;

pub use frame::Look;
pub use particles::{Alive, CAPACITY, Form, ParticleBytes, Upload};
pub(crate) use pipeline::{LABELS_Z, MOVES_Z};
pub use records::{EdgeRecord, NodeRecord, PlateRecord, Records};
pub use standin::{Bare, Standin};

use bevy::core_pipeline::core_2d::Transparent2d;
use bevy::prelude::*;
use bevy::render::camera::CameraRenderGraph;
use bevy::render::extract_resource::ExtractResourcePlugin;
use bevy::render::render_phase::AddRenderCommand;
use bevy::render::render_resource::SpecializedRenderPipelines;
use bevy::render::view::{prepare_view_targets, prepare_windows};
use bevy::render::{
    ExtractSchedule, GpuResourceAppExt, Render, RenderApp, RenderStartup, RenderSystems,
};
use bevy::shader::Shader;
use bevy::time::Real;
use bevy::ui_render::prepare_uinodes;
use bevy::winit::EventLoopProxyWrapper;

use super::icons::IconAtlas;
use crate::activity::Activity;
use crate::interaction::MainCamera;
use crate::layout::Places;
use buffer::{Buffer, extract_records, write_records};
use frame::{Frames, prepare_frames};
use layers::{DrawLayer, bind, queue_layers, queue_lines, spawn_layers};
use panels::{Panels, judge_panels};
use particles::{Ring, extract_particles, write_particles};
use pipeline::{Pipelines, Shaders};
use place::{Spots, bind_spots, make_room};
use still::{Still, bind_copy, judge, prepare_textures, watch_images};
use straight::{Straight, follow_format};

/// Draws the layers. Without a renderer (tests) it only keeps the resources that it reads.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct DrawPlugin;

impl Plugin for DrawPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Records<EdgeRecord>>()
            .init_resource::<Records<NodeRecord>>()
            .init_resource::<Records<PlateRecord>>()
            .init_resource::<Upload>()
            .init_resource::<Look>()
            .add_systems(Last, see_urgency);
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
            .init_gpu_resource::<Still>()
            .init_gpu_resource::<Panels>()
            .init_gpu_resource::<Pipelines>()
            .init_gpu_resource::<Spots>()
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
                    watch_images.in_set(RenderSystems::ExtractCommands),
                    (queue_layers, queue_lines).in_set(RenderSystems::Queue),
                    (
                        prepare_frames,
                        prepare_textures,
                        write_particles,
                        make_room,
                        write_records::<EdgeRecord>,
                        write_records::<NodeRecord>,
                        write_records::<PlateRecord>,
                    )
                        .in_set(RenderSystems::PrepareResources),
                    judge_panels.in_set(RenderSystems::PrepareBindGroups).before(prepare_uinodes),
                    (bind, judge, bind_copy, bind_spots)
                        .chain()
                        .in_set(RenderSystems::PrepareBindGroups),
                ),
            );
    }
}

/// Whether changes may wait for their turn; see [`still`].
fn see_urgency(
    activity: Option<Res<'_, Activity>>,
    time: Option<Res<'_, Time<Real>>>,
    places: Option<Res<'_, Places>>,
    window: Option<Res<'_, EventLoopProxyWrapper>>,
    mut look: ResMut<'_, Look>,
    mut before: Local<'_, u64>,
) {
    let moves = places.map_or(0, |places| places.moves);
    let moved = std::mem::replace(&mut *before, moves) != moves;
    let rests = activity
        .zip(time)
        .is_none_or(|(activity, time)| !activity.goes_on(&time) || activity.at_the_controls(&time));
    look.at_once = moved || rests || window.is_none();
}

#[cfg(test)]
mod tests {
    use super::*;
    use layers::EDGE_VERTICES;

    /// A constant of a shader, as its text says.
    fn constant(shader: &str, name: &str) -> f32 {
        let (_, source) = shaders::all().into_iter().find(|(file, _)| *file == shader).unwrap();
        let after = source.split(&format!("const {name}: ")).nth(1).unwrap();
        let (_, value) = after.split(';').next().unwrap().split_once(" = ").unwrap();
        value.trim_end_matches('u').parse().unwrap()
    }

    #[test]
    fn an_edge_is_drawn_with_as_many_vertices_as_its_shader_expects() {
        let segments = constant("edges.wgsl", "SEGMENTS");
        assert_eq!(EDGE_VERTICES as f32, 2.0 * (segments + 1.0));
    }

    #[test]
    fn what_is_copied_and_shaded_reaches_as_far_as_the_shaders_draw() {
        assert_eq!(tiles::REACH, constant("nodes.wgsl", "REACH"));
        assert_eq!(tiles::SOFT * 8.0, constant("plates.wgsl", "SOFT"));
        assert_eq!(pipeline::SHADE_SCALE as f32, constant("place.wgsl", "SHADE"));
    }

    #[test]
    fn every_particle_of_a_full_ring_is_placed() {
        assert_eq!(place::GROUP as f32, constant("place.wgsl", "GROUP"));
        // As many groups as WebGPU promises in a row.
        assert!(CAPACITY.div_ceil(place::GROUP) <= 65_535);
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
