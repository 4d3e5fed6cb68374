//! What every layer's shader knows about the frame: the camera, the clock and the colours. In: the
//! views that Bevy extracted, and [`Look`]. Out: one uniform a view.

use bevy::camera::Camera2d;
use bevy::color::Luminance as _;
use bevy::prelude::*;
use bevy::render::extract_resource::ExtractResource;
use bevy::render::render_resource::{DynamicUniformBuffer, ShaderType};
use bevy::render::renderer::{RenderDevice, RenderQueue};
use bevy::render::view::ExtractedView;

use crate::scene::theme::{Colors, DESIGN_HEIGHT};

/// How the picture looks in this frame: what shaders need and the camera does not tell.
#[derive(Resource, ExtractResource, Clone, Debug, PartialEq)]
pub struct Look {
    /// The theme's colours, dimmed as far as the feed is stale.
    pub colors: Colors,
    /// Radius of an ordinary particle in design pixels.
    pub particle: f32,
    /// The light around particles: 0 is none.
    pub glow: f32,
    /// The playback clock in seconds, modulo `period`.
    pub clock: f32,
    /// After how many seconds the clock begins anew.
    pub period: f32,
    /// Whether all that has changed is to be seen in this very frame: somebody is at the controls, or no
    /// other frame follows.
    pub at_once: bool,
}

/// A background of more luminance than this is light.
const LIGHT: f32 = 0.4;

impl Look {
    /// Pixels from the middle of an ordinary particle's triangle to its corners, as `particles.wgsl`
    /// has it, where its edge's [grain](super::EdgeRecord::grain) is `grain` and a pixel of a picture
    /// of `height` pixels is `pixel` world units.
    pub fn reach(&self, grain: f32, pixel: f32, height: f32) -> f32 {
        const MEAN_SIZE: f32 = 0.98;
        let radius = self.particle * stroke(pixel, height) * MEAN_SIZE * grain;
        let radius = radius.max(1.2);
        let light = if self.glow < 0.5 { 1.2 } else { 1.4 };
        2.0 * (radius * light).max(radius + 0.5)
    }
}

impl Default for Look {
    fn default() -> Self {
        Self {
            colors: Colors::default(),
            particle: 3.0,
            glow: 0.35,
            clock: 0.0,
            period: 1.0,
            at_once: true,
        }
    }
}

/// `struct Frame` of `assets/shaders/frame.wgsl`.
#[derive(Clone, Default, PartialEq, ShaderType)]
pub(super) struct Frame {
    pub(super) clip_from_world: Mat4,
    pub(super) viewport: Vec2,
    pub(super) pixel: f32,
    pub(super) stroke: f32,
    clock: f32,
    period: f32,
    particle: f32,
    glow: f32,
    day: f32,
    background: Vec4,
    ok: Vec4,
    slow: Vec4,
    throttled: Vec4,
    error: Vec4,
    cold: Vec4,
    edge: Vec4,
    node: Vec4,
    icon: Vec4,
    accent: Vec4,
}

/// The frames of all views.
#[derive(Resource, Default)]
pub(super) struct Frames(pub(super) DynamicUniformBuffer<Frame>);

/// A view's frame.
#[derive(Component, Clone)]
pub(super) struct ViewFrame {
    /// Where it lies in [`Frames`].
    pub(super) offset: u32,
    pub(super) frame: Frame,
}

/// Writes every 2D view's frame.
pub(super) fn prepare_frames(
    mut commands: Commands<'_, '_>,
    mut frames: ResMut<'_, Frames>,
    look: Res<'_, Look>,
    views: Query<'_, '_, (Entity, &ExtractedView), With<Camera2d>>,
    device: Res<'_, RenderDevice>,
    queue: Res<'_, RenderQueue>,
) {
    frames.0.clear();
    for (entity, view) in &views {
        let frame = Frame::new(view, &look);
        let offset = frames.0.push(&frame);
        commands.entity(entity).insert(ViewFrame { offset, frame });
    }
    frames.0.write_buffer(&device, &queue);
}

impl Frame {
    /// What it has in common with the frame before, as long as only particles move.
    pub(super) fn still(&self) -> Self {
        Self { clock: 0.0, particle: 0.0, glow: 0.0, ..self.clone() }
    }

    /// A frame of a camera in the middle of the world, in which a pixel is so many units.
    #[cfg(test)]
    pub(super) fn of_middle(viewport: Vec2, pixel: f32) -> Self {
        let clip_from_world = Mat4::from_scale((2.0 / viewport / pixel).extend(1.0));
        Self { clip_from_world, viewport, pixel, stroke: 1.0, ..Self::default() }
    }

    fn new(view: &ExtractedView, look: &Look) -> Self {
        let clip_from_world = view
            .clip_from_world
            .unwrap_or_else(|| view.clip_from_view * view.world_from_view.to_matrix().inverse());
        let viewport = view.viewport.zw().as_vec2();
        let (pixel, stroke) = scales(clip_from_world.x_axis.x, viewport);
        let color = |color: Color| color.to_linear().to_vec4();
        let colors = &look.colors;
        Self {
            clip_from_world,
            viewport,
            pixel,
            stroke,
            clock: look.clock,
            period: look.period,
            particle: look.particle,
            glow: look.glow,
            day: if colors.background.to_linear().luminance() > LIGHT { 1.0 } else { 0.0 },
            background: color(colors.background),
            ok: color(colors.ok),
            slow: color(colors.slow),
            throttled: color(colors.throttled),
            error: color(colors.error),
            cold: color(colors.cold),
            edge: color(colors.edge),
            node: color(colors.node),
            icon: color(colors.icon),
            accent: color(colors.accent),
        }
    }
}

/// World units in a pixel, and pixels in a design pixel of dots and lines. These follow the
/// window's height fully, so that a wall shows the same at 4K as at 1080p; they follow the zoom
/// only by its square root and within bounds, so that a large graph has thinner lines, yet every
/// dot is seen.
fn scales(clip_from_world_x: f32, viewport: Vec2) -> (f32, f32) {
    let pixel = 2.0 / (clip_from_world_x.abs() * viewport.x).max(f32::MIN_POSITIVE);
    (pixel, stroke(pixel, viewport.y))
}

/// Pixels in a design pixel of dots and lines, in a picture of `height` pixels of `pixel` world units.
fn stroke(pixel: f32, height: f32) -> f32 {
    let unit = (height / DESIGN_HEIGHT).clamp(0.6, 4.0);
    let zoom = 1.0 / (pixel * unit);
    unit * zoom.sqrt().clamp(0.72, 1.7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_at_4k_shows_the_same_picture_as_one_at_1080p() {
        // The same part of the world fills the window: twice the pixels in every line and dot.
        let (pixel, stroke) = scales(2.0 / 1920.0, Vec2::new(1920.0, 1080.0));
        let (fine_pixel, fine_stroke) = scales(2.0 / 1920.0, Vec2::new(3840.0, 2160.0));
        assert!((pixel - 1.0).abs() < 1e-6 && (stroke - 1.0).abs() < 1e-6);
        assert!((fine_pixel - 0.5).abs() < 1e-6 && (fine_stroke - 2.0).abs() < 1e-6);
    }

    #[test]
    fn dots_stay_visible_however_far_the_zoom_goes() {
        let viewport = Vec2::new(1920.0, 1080.0);
        assert!(scales(1e-7, viewport).1 >= 0.7);
        assert!(scales(1e3, viewport).1 <= 1.8);
        assert!(scales(0.0, viewport).0.is_finite());
    }
}
