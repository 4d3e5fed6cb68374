//! The picture: nodes, edges and labels, and the theme that all of the viewer is drawn with.
//!
//! In: [`Traffic`](crate::traffic::Traffic), [`Places`](crate::layout::Places),
//! [`Curves`](crate::layout::Curves) and [`Focus`](crate::focus::Focus). Out: what is on screen.

pub mod fonts;
pub mod theme;

use bevy::prelude::*;

pub use fonts::Fonts;
pub use theme::Theme;

/// Draws the graph, and gives every other plugin its [`Theme`] and [`Fonts`].
#[derive(Clone, Copy, Debug, Default)]
pub struct ScenePlugin;

impl Plugin for ScenePlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Theme>().add_plugins(fonts::FontsPlugin).add_systems(Update, backdrop);
    }
}

/// Nothing is drawn behind the graph: the window is cleared to the theme's background.
fn backdrop(theme: Res<'_, Theme>, mut clear: ResMut<'_, ClearColor>) {
    if theme.is_changed() {
        clear.0 = theme.colors.background;
    }
}
