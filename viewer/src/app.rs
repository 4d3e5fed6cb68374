//! The viewer on one page: its plugins in the order in which data flows through them, and the
//! window that they draw into. In: where ticks come from. Out: a Bevy [`App`], ready to run.

use std::time::Duration;

use bevy::app::TerminalCtrlCHandlerPlugin;
use bevy::input_focus::InputDispatchPlugin;
use bevy::log::LogPlugin;
use bevy::prelude::*;
use bevy::render::RenderPlugin;
use bevy::render::settings::{RenderCreation, WgpuSettings};
use bevy::time::Real;
use bevy::window::WindowResolution;
use bevy::winit::{UpdateMode, WinitSettings};

use crate::activity::{Activity, ActivityPlugin};
use crate::browser::BrowserPlugin;
use crate::clipboard::ClipboardPlugin;
use crate::driver::DriverPlugin;
use crate::exit::ExitPlugin;
use crate::focus::{Command, FocusPlugin, FocusSystems};
use crate::follow::FollowPlugin;
use crate::interaction::InteractionPlugin;
use crate::layout::LayoutPlugin;
use crate::panel::PanelPlugin;
use crate::particles::ParticlesPlugin;
use crate::picture::PicturePlugin;
use crate::scene::ScenePlugin;
use crate::search::{SearchPlugin, Typed};
use crate::settings::SettingsPlugin;
use crate::snapshot::{ClipKeyPlugin, SnapshotKeyPlugin, headless};
use crate::source::{Source, SourcePlugin};
use crate::traffic::TrafficPlugin;
use crate::wall::{Plan, WallPlugin};

/// What happens in one frame, in this order. Every system of the viewer that takes part in the
/// flow of data runs in [`Update`], in one of these sets.
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flow {
    /// A person's input becomes [`Command`]s.
    Input,
    /// Frames of the feed come in.
    Source,
    /// The model and the playback clock follow them.
    Traffic,
    /// What of the model is on screen, and as what.
    Picture,
    /// Nodes find and take their places, edges their curves.
    Layout,
    /// The picture follows: nodes, edges, labels, camera.
    Scene,
    /// Hops set out as particles.
    Particles,
    /// Panels show what is known.
    Panel,
}

/// The whole viewer, without a window: what a headless snapshot and the tests run, too.
#[derive(Clone, Debug)]
pub struct SpanfallPlugins {
    /// Where ticks come from.
    pub source: Source,
}

impl Plugin for SpanfallPlugins {
    fn build(&self, app: &mut App) {
        app.configure_sets(
            Update,
            (
                Flow::Input,
                Flow::Source,
                Flow::Traffic,
                Flow::Picture,
                Flow::Layout,
                Flow::Scene,
                Flow::Particles,
                Flow::Panel,
            )
                .chain(),
        );
        app.configure_sets(Update, (FocusSystems::Ask, FocusSystems::Apply).in_set(Flow::Input));
        app.add_plugins((
            (InteractionPlugin, FocusPlugin, SettingsPlugin, SearchPlugin),
            SourcePlugin::new(self.source.clone()),
            (TrafficPlugin::default(), PicturePlugin, FollowPlugin),
            LayoutPlugin,
            ScenePlugin,
            ParticlesPlugin,
            PanelPlugin,
            (SnapshotKeyPlugin, ClipKeyPlugin),
            (BrowserPlugin, ClipboardPlugin, DriverPlugin),
            WallPlugin,
            ActivityPlugin,
        ));
        app.add_systems(Last, follow_commands);
    }
}

/// A command is carried out in the frame after the one that it was given in, and its effect is
/// animated: so there must be such frames.
fn follow_commands(
    mut commands: MessageReader<'_, '_, Command>,
    mut typed: MessageReader<'_, '_, Typed>,
    time: Res<'_, Time<Real>>,
    mut activity: ResMut<'_, Activity>,
) {
    let typed = typed.read().last().is_some();
    if commands.read().last().is_some() || typed {
        activity.extend(&time, 0.5);
    }
}

/// The viewer in a window, or on a whole wall.
pub fn window_app(source: Source, plan: Plan) -> App {
    let window = Window {
        title: "Spanfall".into(),
        name: Some("spanfall".into()),
        resolution: WindowResolution::new(1600, 900),
        mode: plan.mode(),
        ..default()
    };
    let mut app = App::new();
    app.add_plugins(
        DefaultPlugins
            .set(WindowPlugin { primary_window: Some(window), ..default() })
            .set(log_plugin())
            .disable::<TerminalCtrlCHandlerPlugin>()
            .disable::<InputDispatchPlugin>(),
    );
    // Frames are drawn when something happens: see `activity`. The long wait is only a safety net
    // against a lost wake-up.
    let wait = UpdateMode::reactive_low_power(Duration::from_mins(10));
    app.insert_resource(WinitSettings { focused_mode: wait, unfocused_mode: wait });
    app.insert_resource(plan);
    app.add_plugins((SpanfallPlugins { source }, ExitPlugin));
    app
}

/// The viewer without a window, for pictures of `size` pixels.
pub fn headless_app(source: Source, size: UVec2) -> App {
    let mut app = App::new();
    app.add_plugins(
        headless::plugins(size).set(log_plugin()).disable::<TerminalCtrlCHandlerPlugin>(),
    );
    app.add_plugins(SpanfallPlugins { source });
    app
}

/// The viewer without a window and without a renderer: its main world alone, to be measured.
pub fn model_app(source: Source, size: UVec2) -> App {
    let nothing = WgpuSettings { backends: None, ..default() };
    let render_creation = RenderCreation::Automatic(Box::new(nothing));
    let mut app = App::new();
    app.add_plugins(
        headless::plugins(size)
            .set(RenderPlugin { render_creation, ..default() })
            .set(log_plugin())
            .disable::<TerminalCtrlCHandlerPlugin>(),
    );
    app.add_plugins(SpanfallPlugins { source });
    app
}

/// What the viewer logs. `RUST_LOG` overrides it.
fn log_plugin() -> LogPlugin {
    LogPlugin {
        // winit warns of what an X server without a desktop lacks; nothing comes of it.
        filter: "warn,winit=error,spanfall_viewer=info,spanfall_collector=info,spanfall=info"
            .into(),
        ..default()
    }
}
