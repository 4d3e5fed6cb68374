//! Panels over the picture: top bar, details, legend, notices, timeline, banner, first run, list of keys. In: the
//! model, focus, theme. Out: text; what a person clicks comes back as
//! [`Command`](crate::focus::Command)s, and nothing here writes the model.
//!
//! Panels are spawned once and changed where something is different, a few times a second: text
//! layout is what costs, not thinking about it.

mod banner;
mod details;
mod elide;
mod first_run;
mod keys_card;
mod legend;
mod marks;
mod notices;
mod paint;
mod rows;
mod sparkline;
mod status;
mod timeline;
mod top_bar;
mod unit;

use bevy::prelude::*;
use bevy::time::Real;

use crate::app::Flow;
use crate::focus::{FocusSystems, Shown};
use crate::interaction::view::Insets;
use crate::interaction::{CameraSystems, MainCamera, PanelInsets};
use crate::scene::Theme;
use details::Slide;
pub use notices::Remark;

/// All panels.
pub struct PanelPlugin;

impl Plugin for PanelPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Beat>()
            .configure_sets(
                Update,
                PanelSystems::Update.in_set(Flow::Panel).after(FocusSystems::Apply),
            )
            .add_plugins((
                elide::ElidePlugin,
                marks::MarksPlugin,
                rows::RowsPlugin,
                top_bar::TopBarPlugin,
                details::DetailsPlugin,
                legend::LegendPlugin,
                notices::NoticesPlugin,
                timeline::TimelinePlugin,
                (banner::BannerPlugin, first_run::FirstRunPlugin),
                keys_card::KeysCardPlugin,
            ))
            .add_systems(
                Update,
                (beat, scale, take_room.before(CameraSystems))
                    .after(FocusSystems::Apply)
                    .before(PanelSystems::Update),
            );
    }
}

/// When panels are spawned (`Startup`) and changed (`Update`).
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum PanelSystems {
    Spawn,
    Update,
}

/// The pace at which panels change: slow enough to be read, and to cost nothing.
#[derive(Resource, Debug, Default)]
struct Beat {
    last: Option<f64>,
    strikes: bool,
}

/// Seconds between two changes of figures.
const BEAT: f64 = 0.25;

impl Beat {
    /// Whether figures change in this frame.
    fn strikes(beat: Res<'_, Self>) -> bool {
        beat.strikes
    }
}

fn beat(time: Res<'_, Time<Real>>, mut beat: ResMut<'_, Beat>) {
    let now = time.elapsed_secs_f64();
    beat.strikes = beat.last.is_none_or(|last| now - last >= BEAT);
    if beat.strikes {
        beat.last = Some(now);
    }
}

/// Panels grow with the window.
fn scale(camera: Query<'_, '_, &Camera, With<MainCamera>>, mut ui_scale: ResMut<'_, UiScale>) {
    if let Some(window) = camera.single().ok().and_then(Camera::logical_target_size) {
        let scale = Theme::scale(window.y);
        if ui_scale.0 != scale {
            ui_scale.0 = scale;
        }
    }
}

/// Tells the camera which part of the window the panels leave it.
fn take_room(
    ui_scale: Res<'_, UiScale>,
    shown: Res<'_, Shown>,
    slide: Res<'_, Slide>,
    timeline: Res<'_, timeline::Room>,
    mut insets: ResMut<'_, PanelInsets>,
) {
    let scale = ui_scale.0;
    insets.set_if_neq(PanelInsets(Insets {
        left: 0.0,
        right: if slide.open() { details::WIDTH * scale } else { 0.0 },
        top: top_bar::HEIGHT * scale,
        bottom: (if shown.legend { legend::ROOM } else { 0.0 } + timeline.0) * scale,
    }));
}
