//! Keeps the graphics driver loaded until the process has ended.
//!
//! Whoever drops the last handle to the graphics instance makes the loader unload the driver's
//! library. When the program ends, that may be one of the renderer's threads, while the main thread
//! runs the exit handlers that this library has registered (Mesa's does): code that is just then
//! taken away, so the program would now and then end with a segmentation fault. One more handle,
//! never dropped, prevents it; the system takes everything back anyway.

use bevy::prelude::*;
use bevy::render::RenderApp;
use bevy::render::renderer::RenderInstance;

/// Holds on to the graphics instance for ever.
#[derive(Debug)]
pub struct DriverPlugin;

impl Plugin for DriverPlugin {
    fn build(&self, _app: &mut App) {}

    // Only now: the renderer puts its instance into the render world in its own `finish`.
    fn finish(&self, app: &mut App) {
        let Some(render_app) = app.get_sub_app(RenderApp) else { return };
        if let Some(instance) = render_app.world().get_resource::<RenderInstance>() {
            std::mem::forget(instance.clone());
        }
    }
}
