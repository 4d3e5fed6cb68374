//! Panels over the picture: top bar, levels, search, filters, details, legend, notices, timeline, waterfall,
//! banner, first run, options, list of keys. In: the model, focus, theme. Out: text; what a person clicks comes back as
//! [`Command`](crate::focus::Command)s, and nothing here writes the model.
//!
//! Panels are spawned once (and again in another theme) and changed where something is different, a few
//! times a second: text layout is what costs, not thinking about it.

mod banner;
mod control;
mod crumbs;
mod details;
mod elide;
mod filters;
mod first_run;
mod keys_card;
mod legend;
mod marks;
mod notices;
mod options;
mod paint;
mod recording_sign;
mod rows;
mod search_field;
mod sparkline;
mod status;
mod timeline;
mod top_bar;
mod unit;
mod waterfall;

use bevy::ecs::schedule::ScheduleLabel;
use bevy::prelude::*;
use bevy::time::Real;

use crate::app::Flow;
use crate::focus::{FocusSystems, Shown};
use crate::interaction::view::Insets;
use crate::interaction::{CameraSystems, MainCamera, PanelInsets};
use crate::scene::Theme;
use crate::settings::Settings;
use crate::traffic::{Playback, SourceState};
use details::Slide;
pub use notices::{Remark, Worst};
use paint::PanelRoot;

/// All panels.
pub struct PanelPlugin;

impl Plugin for PanelPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Beat>()
            .configure_sets(
                Update,
                PanelSystems::Update.in_set(Flow::Panel).after(FocusSystems::Apply),
            )
            .init_schedule(SpawnPanels)
            .add_systems(Startup, spawn_panels)
            .add_plugins((
                (elide::ElidePlugin, control::ControlPlugin),
                marks::MarksPlugin,
                rows::RowsPlugin,
                top_bar::TopBarPlugin,
                details::DetailsPlugin,
                legend::LegendPlugin,
                notices::NoticesPlugin,
                (timeline::TimelinePlugin, waterfall::WaterfallPlugin),
                (banner::BannerPlugin, first_run::FirstRunPlugin, crumbs::CrumbsPlugin),
                (filters::FiltersPlugin, search_field::SearchFieldPlugin),
                (keys_card::KeysCardPlugin, options::OptionsPlugin),
                recording_sign::RecordingSignPlugin,
            ))
            .add_systems(
                Update,
                (
                    (beat, spawn_again.run_if(resource_changed::<Theme>)).chain(),
                    scale,
                    take_room.before(CameraSystems),
                )
                    .after(FocusSystems::Apply)
                    .before(PanelSystems::Update),
            );
    }
}

/// When panels are changed.
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum PanelSystems {
    Update,
}

/// Spawns all panels: at the start, and again whenever the theme changes, since a panel's parts have
/// its colours and sizes from when they were spawned. What a panel shows must follow from resources
/// alone: its entities come and go.
#[derive(ScheduleLabel, Clone, Debug, PartialEq, Eq, Hash)]
struct SpawnPanels;

fn spawn_panels(world: &mut World) {
    world.run_schedule(SpawnPanels);
}

/// In another theme. Whatever panels follow counts as changed, so that they say what they said.
fn spawn_again(
    world: &mut World,
    roots: &mut QueryState<Entity, With<PanelRoot>>,
    mut first: Local<'_, bool>,
) {
    if !std::mem::replace(&mut *first, true) {
        // It is the one that they were spawned in.
        return;
    }
    let keys = control::place_of_keys(world);
    let before: Vec<Entity> = roots.iter(world).collect();
    for root in before {
        world.despawn(root);
    }
    spawn_panels(world);
    if let Some(keys) = keys {
        control::give_keys_to(world, &keys);
    }
    world.resource_mut::<Beat>().strikes = true;
    world.resource_mut::<Slide>().begin_again();
    world.resource_mut::<Shown>().set_changed();
    world.resource_mut::<timeline::Room>().set_changed();
    world.resource_mut::<Playback>().set_changed();
    world.resource_mut::<SourceState>().set_changed();
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

/// Panels grow with the window, and with the text that a person wants.
fn scale(
    camera: Query<'_, '_, &Camera, With<MainCamera>>,
    settings: Res<'_, Settings>,
    mut ui_scale: ResMut<'_, UiScale>,
) {
    if let Some(window) = camera.single().ok().and_then(Camera::logical_viewport_size) {
        let scale = Theme::scale(window.y) * settings.text_scale();
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
    (timeline, waterfall): (Res<'_, timeline::Room>, Res<'_, waterfall::Room>),
    way: Res<'_, first_run::Way>,
    mut insets: ResMut<'_, PanelInsets>,
) {
    let scale = ui_scale.0;
    insets.set_if_neq(PanelInsets(Insets {
        left: way.room(&shown).max(options::room(&shown)) * scale,
        right: if slide.open() { details::WIDTH * scale } else { 0.0 },
        top: top_bar::HEIGHT * scale,
        bottom: (if shown.legend { legend::ROOM } else { 0.0 } + timeline.0 + waterfall.0) * scale,
    }));
}
