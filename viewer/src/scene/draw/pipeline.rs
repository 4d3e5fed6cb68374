//! The picture's layers, and the pipeline that draws each.

use bevy::core_pipeline::core_2d::CORE_2D_DEPTH_FORMAT;
use bevy::prelude::*;
use bevy::render::render_resource::binding_types::{
    sampler, storage_buffer_read_only, storage_buffer_read_only_sized, texture_2d, uniform_buffer,
};
use bevy::render::render_resource::{
    BindGroupLayoutDescriptor, BindGroupLayoutEntries, BlendState, ColorTargetState, ColorWrites,
    CompareFunction, DepthBiasState, DepthStencilState, FragmentState, MultisampleState,
    PrimitiveState, PrimitiveTopology, RenderPipelineDescriptor, SamplerBindingType, ShaderStages,
    SpecializedRenderPipeline, StencilState, TextureFormat, TextureSampleType, VertexState,
};
use bevy::shader::Shader;

use super::frame::Frame;
use super::particles::RECORD_BYTES;
use super::records::{EdgeRecord, NodeRecord, PlateRecord};
use super::shaders;

/// The picture's layers, from back to front. Labels lie above them all, at [`LABELS_Z`]. `Bare` is none
/// that a person sees: see [`Standin`](super::Standin).
#[derive(Component, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Layer {
    Edges,
    Particles,
    Plates,
    Nodes,
    Bare,
}

/// The world's z at which labels stand, in front of every layer.
pub(crate) const LABELS_Z: f32 = 10.0;

impl Layer {
    /// Every layer, in the order of [`shaders::all`].
    pub(super) const ALL: [Self; 5] =
        [Self::Edges, Self::Particles, Self::Plates, Self::Nodes, Self::Bare];

    /// Sort key among all that Bevy draws in 2D.
    pub(super) fn z(self) -> f32 {
        match self {
            Self::Edges => 1.0,
            Self::Particles | Self::Bare => 2.0,
            Self::Plates => 3.0,
            Self::Nodes => 4.0,
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Edges => "spanfall edges",
            Self::Particles => "spanfall particles",
            Self::Plates => "spanfall plates",
            Self::Nodes => "spanfall nodes",
            Self::Bare => "spanfall bare triangles",
        }
    }

    /// An edge is a strip of its own; everything else is made of triangles.
    fn topology(self) -> PrimitiveTopology {
        match self {
            Self::Edges => PrimitiveTopology::TriangleStrip,
            Self::Particles | Self::Plates | Self::Nodes | Self::Bare => {
                PrimitiveTopology::TriangleList
            }
        }
    }
}

/// The shaders' handles, in the order of [`Layer::ALL`].
#[derive(Resource, Clone)]
pub(super) struct Shaders(pub(super) [Handle<Shader>; 5]);

impl Shaders {
    pub(super) fn add_to(assets: &mut Assets<Shader>) -> Self {
        Self(shaders::all().map(|(name, source)| {
            assets.add(Shader::from_wgsl(source, format!("assets/shaders/{name}")))
        }))
    }
}

/// Makes the layers' pipelines for a view's format and samples.
#[derive(Resource)]
pub(super) struct Pipelines {
    shaders: Shaders,
    /// Group 0: the frame.
    pub(super) frame: BindGroupLayoutDescriptor,
    /// Group 1: everything that is drawn.
    pub(super) picture: BindGroupLayoutDescriptor,
}

/// What a pipeline is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct PipelineKey {
    pub(super) layer: Layer,
    pub(super) format: TextureFormat,
    pub(super) samples: u32,
}

impl FromWorld for Pipelines {
    fn from_world(world: &mut World) -> Self {
        let frame = BindGroupLayoutDescriptor::new(
            "spanfall frame",
            &BindGroupLayoutEntries::single(
                ShaderStages::VERTEX_FRAGMENT,
                uniform_buffer::<Frame>(true),
            ),
        );
        let picture = BindGroupLayoutDescriptor::new(
            "spanfall picture",
            &BindGroupLayoutEntries::sequential(
                ShaderStages::VERTEX,
                (
                    storage_buffer_read_only::<EdgeRecord>(false),
                    storage_buffer_read_only_sized(false, Some(RECORD_BYTES)),
                    storage_buffer_read_only::<NodeRecord>(false),
                    storage_buffer_read_only::<PlateRecord>(false),
                    texture_2d(TextureSampleType::Float { filterable: true })
                        .visibility(ShaderStages::FRAGMENT),
                    sampler(SamplerBindingType::Filtering).visibility(ShaderStages::FRAGMENT),
                ),
            ),
        );
        Self { shaders: world.resource::<Shaders>().clone(), frame, picture }
    }
}

impl SpecializedRenderPipeline for Pipelines {
    type Key = PipelineKey;

    fn specialize(&self, key: PipelineKey) -> RenderPipelineDescriptor {
        let [edges, particles, plates, nodes, bare] = &self.shaders.0;
        let shader = match key.layer {
            Layer::Edges => edges,
            Layer::Particles => particles,
            Layer::Plates => plates,
            Layer::Nodes => nodes,
            Layer::Bare => bare,
        };
        RenderPipelineDescriptor {
            label: Some(key.layer.label().into()),
            layout: vec![self.frame.clone(), self.picture.clone()],
            vertex: VertexState {
                shader: shader.clone(),
                entry_point: Some("vertex".into()),
                ..default()
            },
            primitive: PrimitiveState { topology: key.layer.topology(), ..default() },
            // Bevy's 2D pass has a depth buffer; the layers are sorted, so it is not asked.
            depth_stencil: Some(DepthStencilState {
                format: CORE_2D_DEPTH_FORMAT,
                depth_write_enabled: Some(false),
                depth_compare: Some(CompareFunction::Always),
                stencil: StencilState::default(),
                bias: DepthBiasState::default(),
            }),
            multisample: MultisampleState { count: key.samples, ..default() },
            fragment: Some(FragmentState {
                shader: shader.clone(),
                entry_point: Some("fragment".into()),
                targets: vec![Some(ColorTargetState {
                    format: key.format,
                    blend: Some(BlendState::PREMULTIPLIED_ALPHA_BLENDING),
                    write_mask: ColorWrites::ALL,
                })],
                ..default()
            }),
            ..default()
        }
    }
}
