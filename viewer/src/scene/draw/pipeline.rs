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
use super::place::SPOT_BYTES;
use super::records::{EdgeRecord, NodeRecord, PlateRecord};
use super::shaders;

/// What is drawn with a pipeline of its own.
#[derive(Component, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Layer {
    /// The still picture, from back to front; labels lie above, at [`LABELS_Z`].
    Edges,
    Plates,
    Nodes,
    /// Where that lies above particles: under nodes none is seen, and under plates hardly any.
    NodeCovers,
    PlateShades,
    /// Every frame: the still picture, and particles where nothing covers them.
    Copy,
    Dots,
    Signs,
    /// Panels, where they are kept in a texture.
    Panels,
    /// Nothing that a person sees: see [`Standin`](super::Standin).
    Bare,
    BareDiscs,
}

/// The world's z at which labels stand, in front of every layer.
pub(crate) const LABELS_Z: f32 = 10.0;

/// The world's z from which on sprites move, and are drawn in every frame, above particles.
pub(crate) const MOVES_Z: f32 = 12.0;

/// The depths of what covers particles. Two of them are told apart, so little is enough.
pub(super) const COVER_FORMAT: TextureFormat = TextureFormat::Depth16Unorm;

/// How much of the light of particles plates take.
pub(super) const SHADE_FORMAT: TextureFormat = TextureFormat::R8Unorm;

/// That is soft, so a pixel of it stands for so many, squared, as `place.wgsl` has it.
pub(super) const SHADE_SCALE: u32 = 4;

impl Layer {
    /// Sort key among all that Bevy draws in 2D; what has a pass of its own needs none.
    pub(super) fn z(self) -> f32 {
        match self {
            Self::Edges => 1.0,
            Self::Plates => 2.0,
            Self::Nodes => 3.0,
            _ => 0.0,
        }
    }

    /// Which of [`shaders::all`] draws it, and the entries of its vertex and fragment shader.
    fn shader(self) -> (usize, &'static str, &'static str) {
        match self {
            Self::Edges => (0, "vertex", "fragment"),
            Self::Dots => (1, "vertex_dot", "fragment_dot"),
            Self::Signs => (1, "vertex_sign", "fragment_sign"),
            Self::Plates => (2, "vertex", "fragment"),
            Self::PlateShades => (2, "vertex", "shade"),
            Self::Nodes => (3, "vertex", "fragment"),
            Self::NodeCovers => (3, "vertex", "cover"),
            Self::Copy | Self::Panels => (4, "vertex", "fragment"),
            Self::Bare => (5, "vertex", "fragment"),
            Self::BareDiscs => (5, "vertex_disc", "fragment_disc"),
        }
    }

    /// The depth that it is drawn against.
    fn depth(self) -> Option<DepthStencilState> {
        let (format, write, compare) = match self {
            // Bevy's 2D pass has a depth buffer; the layers are sorted, so it is not asked.
            Self::Edges | Self::Plates | Self::Nodes => {
                (CORE_2D_DEPTH_FORMAT, false, CompareFunction::Always)
            }
            Self::NodeCovers => (COVER_FORMAT, true, CompareFunction::Always),
            Self::PlateShades | Self::Panels => return None,
            Self::Copy | Self::Bare | Self::BareDiscs => {
                (COVER_FORMAT, false, CompareFunction::Always)
            }
            Self::Dots | Self::Signs => (COVER_FORMAT, false, CompareFunction::GreaterEqual),
        };
        Some(DepthStencilState {
            format,
            depth_write_enabled: Some(write),
            depth_compare: Some(compare),
            stencil: StencilState::default(),
            bias: DepthBiasState::default(),
        })
    }

    /// What it does to the colours below it; `None` for what has none.
    fn blend(self, format: TextureFormat) -> Option<ColorTargetState> {
        let (format, blend) = match self {
            Self::NodeCovers => return None,
            Self::Copy => (format, None),
            Self::PlateShades => (SHADE_FORMAT, Some(BlendState::PREMULTIPLIED_ALPHA_BLENDING)),
            _ => (format, Some(BlendState::PREMULTIPLIED_ALPHA_BLENDING)),
        };
        Some(ColorTargetState { format, blend, write_mask: ColorWrites::ALL })
    }

    fn label(self) -> &'static str {
        match self {
            Self::Edges => "spanfall edges",
            Self::Dots => "spanfall dots",
            Self::Signs => "spanfall signs",
            Self::Plates => "spanfall plates",
            Self::Nodes => "spanfall nodes",
            Self::NodeCovers => "spanfall covers of nodes",
            Self::PlateShades => "spanfall shades of plates",
            Self::Copy => "spanfall copy",
            Self::Panels => "spanfall panels",
            Self::Bare => "spanfall bare triangles",
            Self::BareDiscs => "spanfall bare discs",
        }
    }

    /// An edge is a strip of its own; everything else is made of triangles.
    fn topology(self) -> PrimitiveTopology {
        match self {
            Self::Edges => PrimitiveTopology::TriangleStrip,
            _ => PrimitiveTopology::TriangleList,
        }
    }
}

/// The shaders' handles, in the order of [`shaders::all`].
#[derive(Resource, Clone)]
pub(super) struct Shaders(pub(super) [Handle<Shader>; 7]);

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
    /// Group 2: for a copy, the texture and which stretches of it.
    pub(super) still: BindGroupLayoutDescriptor,
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
                ShaderStages::VERTEX_FRAGMENT | ShaderStages::COMPUTE,
                uniform_buffer::<Frame>(true),
            ),
        );
        let picture = BindGroupLayoutDescriptor::new(
            "spanfall picture",
            &BindGroupLayoutEntries::sequential(
                ShaderStages::VERTEX,
                (
                    storage_buffer_read_only::<EdgeRecord>(false),
                    storage_buffer_read_only_sized(false, Some(SPOT_BYTES)),
                    storage_buffer_read_only::<NodeRecord>(false),
                    storage_buffer_read_only::<PlateRecord>(false),
                    texture_2d(TextureSampleType::Float { filterable: true })
                        .visibility(ShaderStages::FRAGMENT),
                    sampler(SamplerBindingType::Filtering).visibility(ShaderStages::FRAGMENT),
                ),
            ),
        );
        let still = BindGroupLayoutDescriptor::new(
            "spanfall still picture",
            &BindGroupLayoutEntries::sequential(
                ShaderStages::FRAGMENT,
                (
                    texture_2d(TextureSampleType::Float { filterable: false })
                        .visibility(ShaderStages::VERTEX_FRAGMENT),
                    storage_buffer_read_only::<Vec4>(false).visibility(ShaderStages::VERTEX),
                ),
            ),
        );
        Self { shaders: world.resource::<Shaders>().clone(), frame, picture, still }
    }
}

impl Pipelines {
    /// What places particles before they are drawn.
    pub(super) fn place_shader(&self) -> &Handle<Shader> {
        &self.shaders.0[6]
    }
}

impl SpecializedRenderPipeline for Pipelines {
    type Key = PipelineKey;

    fn specialize(&self, key: PipelineKey) -> RenderPipelineDescriptor {
        let (shader, vertex, fragment) = key.layer.shader();
        let shader = &self.shaders.0[shader];
        let mut layout = vec![self.frame.clone(), self.picture.clone()];
        if matches!(key.layer, Layer::Copy | Layer::Panels) {
            layout.push(self.still.clone());
        }
        RenderPipelineDescriptor {
            label: Some(key.layer.label().into()),
            layout,
            vertex: VertexState {
                shader: shader.clone(),
                entry_point: Some(vertex.into()),
                ..default()
            },
            primitive: PrimitiveState { topology: key.layer.topology(), ..default() },
            depth_stencil: key.layer.depth(),
            multisample: MultisampleState { count: key.samples, ..default() },
            fragment: Some(FragmentState {
                shader: shader.clone(),
                entry_point: Some(fragment.into()),
                targets: key.layer.blend(key.format).map(Some).into_iter().collect(),
                ..default()
            }),
            ..default()
        }
    }
}
