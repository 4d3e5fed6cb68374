//! Draws a view straight into its window or image: layers and labels, then panels over them. In: what
//! Bevy has sorted and prepared. Out: two render passes.
//!
//! Bevy's own 2D graph draws into a texture and copies that into the window, since effects may come
//! between; here are none. In software that copy was one of the dearest parts of a frame, and so was
//! clearing a depth buffer that nothing is written to.

use bevy::camera::{Camera2d, NormalizedRenderTarget};
use bevy::core_pipeline::core_2d::Transparent2d;
use bevy::ecs::schedule::{ScheduleBuildSettings, ScheduleLabel};
use bevy::prelude::*;
use bevy::render::camera::ExtractedCamera;
use bevy::render::render_phase::ViewSortedRenderPhases;
use bevy::render::render_resource::{
    LoadOp, Operations, RenderPassDepthStencilAttachment, RenderPassDescriptor, StoreOp,
};
use bevy::render::renderer::{RenderContext, ViewQuery};
use bevy::render::view::{ExtractedView, ExtractedWindows, ViewDepthTexture, ViewTarget};
use bevy::ui_render::{TransparentUi, UiCameraView, UiViewTarget};

/// The render graph of the main camera.
#[derive(ScheduleLabel, Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Straight;

/// What happens in it.
pub(super) fn schedule() -> Schedule {
    let mut schedule = Schedule::new(Straight);
    let settings = ScheduleBuildSettings { auto_insert_apply_deferred: false, ..default() };
    schedule.set_build_settings(settings).add_systems((draw_picture, draw_panels).chain());
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

/// Layers and labels, on the background.
fn draw_picture(
    world: &World,
    view: ViewQuery<'_, '_, (&ExtractedCamera, &ExtractedView, &ViewTarget, &ViewDepthTexture)>,
    phases: Res<'_, ViewSortedRenderPhases<Transparent2d>>,
    background: Res<'_, ClearColor>,
    mut context: RenderContext<'_, '_>,
) {
    let entity = view.entity();
    let (camera, view, target, depth) = view.into_inner();
    let Some(color) = target.out_texture_color_attachment(Some(background.0.into())) else {
        return;
    };
    // Labels want one. It was zero (the farthest) when it was made, and nothing writes to it.
    let depth_ops = Some(Operations { load: LoadOp::Load, store: StoreOp::Store });
    let depth =
        RenderPassDepthStencilAttachment { view: depth.view(), depth_ops, stencil_ops: None };
    let mut pass = context.begin_tracked_render_pass(RenderPassDescriptor {
        label: Some("spanfall picture"),
        color_attachments: &[Some(color)],
        depth_stencil_attachment: Some(depth),
        timestamp_writes: None,
        occlusion_query_set: None,
        multiview_mask: None,
    });
    if let Some(viewport) = &camera.viewport {
        pass.set_camera_viewport(viewport);
    }
    if let Some(phase) = phases.get(&view.retained_view_entity)
        && let Err(error) = phase.render(&mut pass, world, entity)
    {
        error!("the picture cannot be drawn: {error:?}");
    }
}

/// Panels over the picture.
fn draw_panels(
    world: &World,
    view: ViewQuery<'_, '_, (&ExtractedCamera, &ViewTarget, &UiCameraView)>,
    views: Query<'_, '_, &ExtractedView>,
    phases: Res<'_, ViewSortedRenderPhases<TransparentUi>>,
    mut context: RenderContext<'_, '_>,
) {
    let (camera, target, panels) = view.into_inner();
    let Ok(view) = views.get(panels.0) else { return };
    let Some(phase) = phases.get(&view.retained_view_entity) else { return };
    let Some(color) = target.out_texture_color_attachment(None) else { return };
    if phase.items.is_empty() {
        return;
    }
    let mut pass = context.begin_tracked_render_pass(RenderPassDescriptor {
        label: Some("spanfall panels"),
        color_attachments: &[Some(color)],
        depth_stencil_attachment: None,
        timestamp_writes: None,
        occlusion_query_set: None,
        multiview_mask: None,
    });
    if let Some(viewport) = &camera.viewport {
        pass.set_camera_viewport(viewport);
    }
    if let Err(error) = phase.render(&mut pass, world, panels.0) {
        error!("the panels cannot be drawn: {error:?}");
    }
}
