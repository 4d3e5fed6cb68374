//! What a person does with mouse and keys: moves the camera, points, clicks, drags. In: input, and
//! where things stand. Out: [`Command`](crate::focus::Command)s, and the camera.

pub mod camera;
pub mod hit;
pub mod keys;
pub mod pointer;
pub mod view;

pub use camera::{CameraSystems, MainCamera, PanelInsets, Steering};
pub use pointer::{PointerSystems, Solid};

#[cfg(test)]
mod every_key;
#[cfg(test)]
pub(crate) mod tests;

use bevy::prelude::*;

/// Camera, pointer and keys.
pub struct InteractionPlugin;

impl Plugin for InteractionPlugin {
    fn build(&self, app: &mut App) {
        app.add_plugins((camera::CameraPlugin, pointer::PointerPlugin, keys::KeysPlugin));
    }
}
