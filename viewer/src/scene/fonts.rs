//! The typeface of everything that is read: Inter, in three weights, part of the program.

use bevy::prelude::*;
use bevy::text::{FontFeatureTag, FontFeatures, FontSource};

/// Adds [`Fonts`]. Needs Bevy's text plugin.
#[derive(Clone, Copy, Debug, Default)]
pub struct FontsPlugin;

impl Plugin for FontsPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Fonts>();
    }
}

/// The typeface's weights. Build text with [`Fonts::regular`] and its siblings rather than from
/// the handles, so that digits keep their width when numbers change.
#[derive(Resource, Clone, Debug)]
pub struct Fonts {
    regular: Handle<Font>,
    medium: Handle<Font>,
    semibold: Handle<Font>,
}

impl Fonts {
    /// For running text and numbers. `size` is in logical pixels.
    pub fn regular(&self, size: f32) -> TextFont {
        text_font(&self.regular, size)
    }

    /// For what should stand out from running text a little. `size` is in logical pixels.
    pub fn medium(&self, size: f32) -> TextFont {
        text_font(&self.medium, size)
    }

    /// For names and headings. `size` is in logical pixels.
    pub fn semibold(&self, size: f32) -> TextFont {
        text_font(&self.semibold, size)
    }
}

/// All digits are equally wide: a changing rate must not make its line tremble.
fn text_font(font: &Handle<Font>, size: f32) -> TextFont {
    TextFont {
        font: FontSource::Handle(font.clone()),
        font_size: FontSize::Px(size),
        font_features: FontFeatures::from([FontFeatureTag::TABULAR_FIGURES]),
        ..default()
    }
}

impl FromWorld for Fonts {
    fn from_world(world: &mut World) -> Self {
        let mut fonts = world.resource_mut::<Assets<Font>>();
        let mut add = |bytes: &[u8]| fonts.add(Font::from_bytes(bytes.to_vec()));
        Self {
            regular: add(include_bytes!("../../../assets/fonts/Inter-Regular.otf")),
            medium: add(include_bytes!("../../../assets/fonts/Inter-Medium.otf")),
            semibold: add(include_bytes!("../../../assets/fonts/Inter-SemiBold.otf")),
        }
    }
}
