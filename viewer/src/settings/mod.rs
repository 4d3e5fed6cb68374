//! What a person likes: how much is drawn, how large, how lively. In: a file of the last run, and
//! [`Command::StepOption`]. Out: [`Settings`], which the scene, the particles and the panels read; the
//! file again.

mod choice;
mod file;
mod store;

pub use choice::Choice;
pub use store::{Store, path};

use std::fmt;

use bevy::prelude::*;
use bevy::time::Real;

use crate::focus::{Command, FocusSystems};
use crate::particles::{DEFAULT_BUDGET, ParticleBudget};
use crate::scene::theme::{ThemeChoice, Themes};

/// Keeps what a person likes.
#[derive(Clone, Copy, Debug, Default)]
pub struct SettingsPlugin;

impl Plugin for SettingsPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Settings>()
            .init_resource::<Store>()
            .init_resource::<Themes>()
            .init_resource::<ParticleBudget>()
            .add_message::<Command>()
            .add_systems(Update, (obey, store::keep).chain().after(FocusSystems::Apply));
    }
}

/// Which nodes have labels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Labels {
    /// As many as there is room for.
    #[default]
    All,
    /// Those in trouble, those with much traffic, and what is in focus.
    Important,
    /// What is in focus.
    None,
}

/// How much light there is around particles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Glow {
    /// None.
    None,
    /// A little.
    #[default]
    Soft,
    /// Much.
    Bright,
}

impl Glow {
    /// The light at a particle's edge; the shader's own measure.
    pub fn light(self) -> f32 {
        match self {
            Self::None => 0.0,
            Self::Soft => 0.35,
            Self::Bright => 0.9,
        }
    }
}

/// What a person likes.
#[derive(Resource, Clone, Debug, PartialEq)]
pub struct Settings {
    /// Which nodes have labels.
    pub labels: Labels,
    /// Whether rates stand under names; errors and silence always do.
    pub rates: bool,
    /// By how much all text is larger than in the theme, in tenths: 8 to 16.
    pub text: u8,
    /// By how much particles are larger than in the theme, in quarters: 2 to 8.
    pub particle_size: u8,
    /// How fast particles travel, in quarters of the usual: 1 to 8.
    pub particle_speed: u8,
    /// The most particles on screen.
    pub particles: u32,
    /// The light around particles.
    pub glow: Glow,
    /// Whether motion is reduced: nothing glides, particles are slow.
    pub calm: bool,
    /// Whether the mouse can put nodes elsewhere. Else it moves the picture, wherever it is pressed.
    pub dragging: bool,
    /// The theme.
    pub theme: ThemeChoice,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            labels: Labels::default(),
            rates: true,
            text: 10,
            particle_size: 4,
            particle_speed: 4,
            particles: DEFAULT_BUDGET,
            glow: Glow::default(),
            calm: false,
            dragging: true,
            theme: ThemeChoice::default(),
        }
    }
}

/// How much longer particles take where motion is reduced.
const CALM_TRAVEL: f64 = 2.5;

/// Seconds in which everything that glides has arrived.
const AT_ONCE: f32 = 60.0;

impl Settings {
    /// By how much all text is larger than in the theme.
    pub fn text_scale(&self) -> f32 {
        f32::from(self.text) / 10.0
    }

    /// By how much particles are larger than in the theme.
    pub fn particle_scale(&self) -> f32 {
        f32::from(self.particle_size) / 4.0
    }

    /// How much longer than usual particles take.
    pub fn travel_scale(&self) -> f64 {
        let calm = if self.calm { CALM_TRAVEL } else { 1.0 };
        calm * 4.0 / f64::from(self.particle_speed.max(1))
    }

    /// How many seconds a glide goes on in a frame of this many: where motion is reduced, it
    /// arrives.
    pub fn glide(&self, seconds: f32) -> f32 {
        if self.calm { AT_ONCE } else { seconds }
    }
}

impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::All => "all",
            Self::Important => "important",
            Self::None => "none",
        })
    }
}

impl fmt::Display for Glow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Soft => "soft",
            Self::Bright => "bright",
        })
    }
}

/// Takes the next or the last value of what was chosen, now and in what is kept.
fn obey(
    mut commands: MessageReader<'_, '_, Command>,
    themes: Res<'_, Themes>,
    time: Res<'_, Time<Real>>,
    mut settings: ResMut<'_, Settings>,
    mut store: ResMut<'_, Store>,
    mut budget: ResMut<'_, ParticleBudget>,
) {
    let now = time.elapsed_secs_f64();
    for command in commands.read() {
        let Command::StepOption(choice, forward) = *command else { continue };
        let mut next = settings.clone();
        choice.step(&mut next, forward);
        if settings.set_if_neq(next) {
            choice.copy(&settings, store.kept());
            store.touch(now);
        }
    }
    // The theme has a key of its own.
    if *themes.now() != settings.theme {
        settings.theme = themes.now().clone();
        Choice::Theme.copy(&settings, store.kept());
        store.touch(now);
    }
    budget.set_if_neq(ParticleBudget(settings.particles));
}
