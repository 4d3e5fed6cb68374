//! The picture: nodes, edges and labels, and the theme that all of the viewer is drawn with.
//!
//! In: [`Picture`], [`Places`], [`Curves`] and [`Focus`]. Out: what is on screen. The way there:
//! `emphasis`, `blame` and `freshness` say how bright things are; `edges`, `nodes` and `labels` turn the model
//! into flat records, only when it has changed; [`draw`] hands those to the graphics card.

pub mod draw;
pub mod emphasis;
pub mod fonts;
pub mod freshness;
pub mod icons;
pub mod pulses;
pub mod slots;
pub mod theme;

mod blame;
mod edges;
mod labels;
#[cfg(test)]
mod legibility;
mod nodes;
#[cfg(test)]
pub(crate) mod sample;

pub use fonts::Fonts;
pub use labels::Cover;
pub use theme::Theme;

use bevy::prelude::*;
use bevy::time::Real;

use crate::activity::Activity;
use crate::app::Flow;
use crate::focus::Focus;
use crate::follow::Following;
use crate::layout::{Curves, Places};
use crate::picture::Picture;
use crate::search::Search;
use crate::settings::Settings;
use crate::traffic::{Playback, SourceState, Traffic};
use draw::Look;
use emphasis::Emphasis;
use freshness::Freshness;
use pulses::Pulses;
use slots::EdgeSlots;

/// Draws the graph, and gives every other plugin its [`Theme`] and [`Fonts`].
#[derive(Clone, Copy, Debug, Default)]
pub struct ScenePlugin;

impl Plugin for ScenePlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Settings>()
            .init_resource::<Traffic>()
            .init_resource::<Picture>()
            .init_resource::<Places>()
            .init_resource::<Curves>()
            .init_resource::<Focus>()
            .init_resource::<Search>()
            .init_resource::<Following>()
            .init_resource::<Playback>()
            .init_resource::<SourceState>()
            .init_resource::<Emphasis>()
            .init_resource::<blame::Blame>()
            .init_resource::<Freshness>()
            .init_resource::<Pulses>()
            .init_resource::<EdgeSlots>()
            .init_resource::<icons::IconAtlas>()
            .add_plugins((
                theme::ThemePlugin,
                fonts::FontsPlugin,
                draw::DrawPlugin,
                labels::LabelsPlugin,
            ))
            .add_systems(
                Update,
                (observe, blame::cast, pulse, dress, edges::draw_edges, nodes::draw_nodes)
                    .chain()
                    .in_set(Flow::Scene),
            );
    }
}

/// Lets brightness and freshness follow what is in focus, and the feed.
fn observe(
    time: Res<'_, Time<Real>>,
    (focus, search, following): (Res<'_, Focus>, Res<'_, Search>, Res<'_, Following>),
    picture: Res<'_, Picture>,
    playback: Res<'_, Playback>,
    source: Res<'_, SourceState>,
    mut emphasis: ResMut<'_, Emphasis>,
    mut freshness: ResMut<'_, Freshness>,
    mut activity: ResMut<'_, Activity>,
) {
    let passed = time.delta_secs();
    // Reading through the change marks: a brightness that rests must not look changed.
    let still = emphasis.bypass_change_detection();
    let news = focus.is_changed() || search.is_changed() || following.is_changed();
    if still.moving() || news || picture.is_changed() {
        still.advance(&focus, search.singled_out(), &following, &picture, passed);
        emphasis.set_changed();
    }
    let mut level = *freshness;
    let fading = level.advance(&source, &playback, passed);
    freshness.set_if_neq(level);
    if emphasis.moving() || fading {
        activity.extend(&time, 0.1);
    }
}

/// Lets the pulses follow the playback clock.
fn pulse(
    playback: Res<'_, Playback>,
    mut pulses: ResMut<'_, Pulses>,
    time: Res<'_, Time<Real>>,
    mut activity: ResMut<'_, Activity>,
    mut before: Local<'_, f64>,
) {
    let passed = (playback.now - *before) as f32;
    *before = playback.now;
    if pulses.is_still() {
        return;
    }
    if passed > 0.0 {
        activity.extend(&time, 0.1);
        pulses.advance(playback.now, passed);
    }
}

/// Hands the colours of this moment to the shaders.
fn dress(
    theme: Res<'_, Theme>,
    freshness: Res<'_, Freshness>,
    settings: Res<'_, Settings>,
    mut clear: ResMut<'_, ClearColor>,
    mut look: ResMut<'_, Look>,
) {
    if theme.is_changed() || freshness.is_changed() || settings.is_changed() {
        look.colors = freshness.dim(&theme.colors);
        look.particle = theme.sizes.particle * settings.particle_scale();
        look.glow = settings.glow.light();
        // Nothing is drawn behind the graph: the window is cleared to the background.
        clear.0 = theme.colors.background;
    }
}
