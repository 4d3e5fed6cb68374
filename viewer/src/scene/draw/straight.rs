//! Draws a view straight into its window or image: what stands still, if it has changed, into its own
//! texture; then a copy of that, what moves, and panels over them. In: what Bevy has sorted and prepared,
//! and [`Still`]. Out: the render passes of a frame.
//!
//! Bevy's own 2D graph draws all anew in every frame, into a texture, and copies that into the window, since
//! effects may come between; here are none.

use bevy::camera::{Camera2d, NormalizedRenderTarget};
use bevy::core_pipeline::core_2d::Transparent2d;
use bevy::ecs::schedule::{ScheduleBuildSettings, ScheduleLabel};
use bevy::prelude::*;
use bevy::render::camera::ExtractedCamera;
use bevy::render::render_phase::{SortedRenderPhase, TrackedRenderPass, ViewSortedRenderPhases};
use bevy::render::render_resource::{
    CachedRenderPipelineId, LoadOp, Operations, PipelineCache, RenderPassColorAttachment,
    RenderPassDepthStencilAttachment, RenderPassDescriptor, StoreOp, TextureView,
};
use bevy::render::renderer::{RenderContext, ViewQuery};
use bevy::render::view::{ExtractedView, ExtractedWindows, ViewDepthTexture, ViewTarget};
use bevy::ui_render::{TransparentUi, UiCameraView, UiViewTarget};

use super::buffer::Buffer;
use super::frame::ViewFrame;
use super::layers::{Bindings, Lines};
use super::panels::Panels;
use super::particles::Ring;
use super::pipeline::{MOVES_Z, SHADE_SCALE};
use super::place::place_particles;
use super::records::{NodeRecord, PlateRecord};
use super::standin::Standin;
use super::still::Still;

/// The render graph of the main camera.
#[derive(ScheduleLabel, Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Straight;

/// What happens in it.
pub(super) fn schedule() -> Schedule {
    let mut schedule = Schedule::new(Straight);
    let settings = ScheduleBuildSettings { auto_insert_apply_deferred: false, ..default() };
    schedule
        .set_build_settings(settings)
        .add_systems((draw_still, place_particles, draw_moving, draw_panels).chain());
    schedule
}

/// Makes pipelines for the format that the window has: Bevy's own texture has another order of
/// channels than most windows.
pub(super) fn follow_format(
    windows: Res<'_, ExtractedWindows>,
    cameras: Query<'_, '_, &ExtractedCamera, With<Camera2d>>,
    mut views: Query<'_, '_, (Entity, &mut ExtractedView, Option<&UiViewTarget>)>,
) {
    for (entity, mut view, panels) in &mut views {
        let camera = cameras.get(panels.map_or(entity, |panels| panels.0));
        let target = camera.ok().and_then(|camera| camera.target.as_ref());
        if let Some(NormalizedRenderTarget::Window(window)) = target
            && let Some(window) = windows.get(&window.entity())
            && let Some(format) = window.swap_chain_texture_view_format
        {
            view.target_format = format;
        }
    }
}

/// What stands still, if it is to be drawn anew: layers and labels on the background, and where they
/// cover particles.
fn draw_still(
    world: &World,
    view: ViewQuery<
        '_,
        '_,
        (&ExtractedCamera, &ExtractedView, &ViewDepthTexture, &ViewFrame, &Lines),
    >,
    (still, background): (Res<'_, Still>, Res<'_, ClearColor>),
    phases: Res<'_, ViewSortedRenderPhases<Transparent2d>>,
    (nodes, plates): (Res<'_, Buffer<NodeRecord>>, Res<'_, Buffer<PlateRecord>>),
    (bindings, cache): (Option<Res<'_, Bindings>>, Res<'_, PipelineCache>),
    mut context: RenderContext<'_, '_>,
) {
    let entity = view.entity();
    let (camera, view, depth, frame, lines) = view.into_inner();
    let Some(textures) = still.textures.as_ref().filter(|_| still.fresh) else { return };
    let ground = LoadOp::Clear(LinearRgba::from(background.0).into());
    // Labels want a depth buffer. It was zero (the farthest) when it was made, and nothing writes to it.
    let mut pass = context.begin_tracked_render_pass(RenderPassDescriptor {
        label: Some("spanfall still picture"),
        color_attachments: &[Some(onto(&textures.color, ground))],
        depth_stencil_attachment: Some(against(depth.view(), None)),
        ..default()
    });
    within(&mut pass, camera);
    if let Some(phase) = phases.get(&view.retained_view_entity) {
        let standing = standing(phase);
        if let Err(error) = phase.render_range(&mut pass, world, entity, ..standing) {
            error!("the picture cannot be drawn: {error:?}");
        }
    }
    drop(pass);
    let Some(bindings) = &bindings else { return };
    let farthest = Some(Operations { load: LoadOp::Clear(0.0), store: StoreOp::Store });
    let mut pass = context.begin_tracked_render_pass(RenderPassDescriptor {
        label: Some("spanfall covers"),
        color_attachments: &[],
        depth_stencil_attachment: Some(against(&textures.cover, farthest)),
        ..default()
    });
    within(&mut pass, camera);
    if begin(&mut pass, &cache, lines.covers, bindings, frame) {
        pass.draw(0..nodes.count * 6, 0..1);
    }
    drop(pass);
    let dark = LoadOp::Clear(LinearRgba::NONE.into());
    let mut pass = context.begin_tracked_render_pass(RenderPassDescriptor {
        label: Some("spanfall shades"),
        color_attachments: &[Some(onto(&textures.shade, dark))],
        ..default()
    });
    // Wherever on the window the view is: particles look up their own places in it.
    let size = frame.frame.viewport / SHADE_SCALE as f32;
    pass.set_viewport(0.0, 0.0, size.x, size.y, 0.0, 1.0);
    if begin(&mut pass, &cache, lines.shades, bindings, frame) {
        pass.draw(0..plates.count * 6, 0..1);
    }
}

/// The still picture, and what moves on it.
fn draw_moving(
    world: &World,
    view: ViewQuery<
        '_,
        '_,
        (&ExtractedCamera, &ExtractedView, &ViewTarget, &ViewDepthTexture, &ViewFrame, &Lines),
    >,
    (still, background): (Res<'_, Still>, Res<'_, ClearColor>),
    phases: Res<'_, ViewSortedRenderPhases<Transparent2d>>,
    (ring, standin): (Res<'_, Ring>, Option<Res<'_, Standin>>),
    (bindings, cache): (Option<Res<'_, Bindings>>, Res<'_, PipelineCache>),
    mut context: RenderContext<'_, '_>,
) {
    let entity = view.entity();
    let (camera, view, target, depth, frame, lines) = view.into_inner();
    let Some(textures) = &still.textures else { return };
    // Bevy shows a window only if it has seen that its picture was asked for.
    let ground = LinearRgba::from(background.0);
    let Some(window) = target.out_texture_color_attachment(Some(ground)) else { return };
    let mut pass = context.begin_tracked_render_pass(RenderPassDescriptor {
        label: Some("spanfall picture"),
        color_attachments: &[Some(window)],
        depth_stencil_attachment: Some(against(&textures.cover, None)),
        ..default()
    });
    if let Some(bindings) = &bindings {
        if let Some(copied) = &still.copied
            && begin(&mut pass, &cache, lines.copy, bindings, frame)
        {
            pass.set_bind_group(2, &copied.binding, &[]);
            pass.draw(0..copied.stretches * 6, 0..1);
        }
        within(&mut pass, camera);
        match standin.as_deref().copied().unwrap_or_default() {
            Standin::None => {
                let alive = [(lines.dots, &ring.alive.dots), (lines.signs, &ring.alive.signs)];
                for (line, stretches) in alive {
                    if !stretches.is_empty() && begin(&mut pass, &cache, line, bindings, frame) {
                        for stretch in stretches {
                            let first = ring.alive.spot(stretch.start) * 3;
                            pass.draw(first..first + stretch.len() as u32 * 3, 0..1);
                        }
                    }
                }
            }
            Standin::Nothing => {}
            Standin::Bare(bare) => {
                if begin(&mut pass, &cache, lines.bare, bindings, frame) {
                    pass.draw(bare.vertices(), 0..bare.count);
                }
            }
            Standin::BareDiscs(bare) => {
                if begin(&mut pass, &cache, lines.bare_discs, bindings, frame) {
                    pass.draw(bare.vertices(), 0..bare.count);
                }
            }
        }
    }
    drop(pass);
    let Some(phase) = phases.get(&view.retained_view_entity) else { return };
    let standing = standing(phase);
    if standing == phase.items.len() {
        return;
    }
    let Some(window) = target.out_texture_color_attachment(None) else { return };
    let mut pass = context.begin_tracked_render_pass(RenderPassDescriptor {
        label: Some("spanfall marker"),
        color_attachments: &[Some(window)],
        depth_stencil_attachment: Some(against(depth.view(), None)),
        ..default()
    });
    within(&mut pass, camera);
    if let Err(error) = phase.render_range(&mut pass, world, entity, standing..) {
        error!("the marker cannot be drawn: {error:?}");
    }
}

/// How many of a view's items, the first ones, stand still.
fn standing(phase: &SortedRenderPhase<Transparent2d>) -> usize {
    phase.items.values().take_while(|item| item.sort_key.0 < MOVES_Z).count()
}

/// Draws only where the camera does; a wall's picture is a little smaller than its window.
fn within(pass: &mut TrackedRenderPass<'_>, camera: &ExtractedCamera) {
    if let Some(viewport) = &camera.viewport {
        pass.set_camera_viewport(viewport);
    }
}

/// Begins a layer's draw, if its pipeline is there.
fn begin<'a>(
    pass: &mut TrackedRenderPass<'a>,
    cache: &'a PipelineCache,
    line: CachedRenderPipelineId,
    bindings: &'a Bindings,
    frame: &ViewFrame,
) -> bool {
    let Some(pipeline) = cache.get_render_pipeline(line) else { return false };
    pass.set_render_pipeline(pipeline);
    bindings.set(pass, frame);
    true
}

fn onto(view: &TextureView, load: LoadOp<wgpu_types::Color>) -> RenderPassColorAttachment<'_> {
    let ops = Operations { load, store: StoreOp::Store };
    RenderPassColorAttachment { view, depth_slice: None, resolve_target: None, ops }
}

/// Without operations it is only asked.
fn against(
    view: &TextureView,
    depth_ops: Option<Operations<f32>>,
) -> RenderPassDepthStencilAttachment<'_> {
    RenderPassDepthStencilAttachment { view, depth_ops, stencil_ops: None }
}

/// Panels over the picture: where they are kept, a copy of them, and before that, if they have changed, they
/// themselves.
fn draw_panels(
    world: &World,
    view: ViewQuery<'_, '_, (&ExtractedCamera, &ViewTarget, &UiCameraView, &ViewFrame, &Lines)>,
    views: Query<'_, '_, &ExtractedView>,
    phases: Res<'_, ViewSortedRenderPhases<TransparentUi>>,
    kept: Res<'_, Panels>,
    (bindings, cache): (Option<Res<'_, Bindings>>, Res<'_, PipelineCache>),
    mut context: RenderContext<'_, '_>,
) {
    let (camera, target, panels, frame, lines) = view.into_inner();
    let Ok(view) = views.get(panels.0) else { return };
    let Some(phase) = phases.get(&view.retained_view_entity) else { return };
    let Some(window) = target.out_texture_color_attachment(None) else { return };
    let mut draw = |color, label| {
        let mut pass = context.begin_tracked_render_pass(RenderPassDescriptor {
            label: Some(label),
            color_attachments: &[Some(color)],
            ..default()
        });
        within(&mut pass, camera);
        if let Err(error) = phase.render(&mut pass, world, panels.0) {
            error!("the panels cannot be drawn: {error:?}");
        }
    };
    let (Some(texture), Some(copied), Some(bindings)) = (&kept.texture, &kept.copied, &bindings)
    else {
        if !phase.items.is_empty() {
            draw(window, "spanfall panels");
        }
        return;
    };
    if kept.fresh {
        let nothing = LoadOp::Clear(LinearRgba::NONE.into());
        draw(onto(&texture.color, nothing), "spanfall panels, kept");
    }
    if copied.stretches == 0 {
        return;
    }
    let mut pass = context.begin_tracked_render_pass(RenderPassDescriptor {
        label: Some("spanfall panels"),
        color_attachments: &[Some(window)],
        ..default()
    });
    if begin(&mut pass, &cache, lines.panels, bindings, frame) {
        pass.set_bind_group(2, &copied.binding, &[]);
        pass.draw(0..copied.stretches * 6, 0..1);
    }
}
