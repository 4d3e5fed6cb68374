//! What can be chosen in the options panel, with its name, its value in words, and what comes next.

use super::{Glow, Labels, Settings};
use crate::focus::Command;

/// One of the options.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Choice {
    /// Which nodes have labels.
    Labels,
    /// Whether rates stand under names.
    Rates,
    /// How large text is.
    Text,
    /// How large particles are.
    ParticleSize,
    /// How fast they travel.
    ParticleSpeed,
    /// How many particles there are at most.
    Particles,
    /// How much they glow.
    Glow,
    /// Whether things glide.
    Motion,
    /// Whether nodes can be dragged.
    Dragging,
    /// Which theme is on. The themes themselves step it.
    Theme,
}

/// Budgets of particles to choose from.
const BUDGETS: [u32; 9] = [500, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000];

/// Text sizes, in tenths of the theme's.
pub(super) const TEXT: std::ops::RangeInclusive<u8> = 8..=16;

/// Particle sizes, in quarters of the theme's.
pub(super) const PARTICLE: std::ops::RangeInclusive<u8> = 2..=8;

/// Speeds of particles, in quarters of the usual.
pub(super) const SPEED: std::ops::RangeInclusive<u8> = 1..=8;

/// What is on is called so in the panel and in the file.
pub(super) const fn on_or_off(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

impl Choice {
    /// All of them, as the panel shows them.
    pub const ALL: [Self; 10] = [
        Self::Labels,
        Self::Rates,
        Self::Text,
        Self::Theme,
        Self::ParticleSize,
        Self::ParticleSpeed,
        Self::Particles,
        Self::Glow,
        Self::Motion,
        Self::Dragging,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Labels => "Labels",
            Self::Rates => "Rates under names",
            Self::Text => "Text size",
            Self::ParticleSize => "Particle size",
            Self::ParticleSpeed => "Particle speed",
            Self::Particles => "Particles at most",
            Self::Glow => "Glow",
            Self::Motion => "Motion",
            Self::Dragging => "Dragging of nodes",
            Self::Theme => "Theme",
        }
    }

    /// Its value in words. `theme` is what the theme is called.
    pub fn value(self, settings: &Settings, theme: &str) -> String {
        match self {
            Self::Labels => settings.labels.to_string(),
            Self::Rates => on_or_off(settings.rates).to_owned(),
            Self::Text => format!("{} %", u32::from(settings.text) * 10),
            Self::ParticleSize => format!("{} %", u32::from(settings.particle_size) * 25),
            Self::ParticleSpeed => format!("{} %", u32::from(settings.particle_speed) * 25),
            Self::Particles => grouped(settings.particles),
            Self::Glow => settings.glow.to_string(),
            Self::Motion => if settings.calm { "reduced" } else { "full" }.to_owned(),
            Self::Dragging => on_or_off(settings.dragging).to_owned(),
            Self::Theme => theme.to_owned(),
        }
    }

    /// Takes the next value, or the one before. What is a measure ends at its ends; what is a list
    /// goes around.
    pub(super) fn step(self, settings: &mut Settings, forward: bool) {
        match self {
            Self::Labels => {
                let all = [Labels::All, Labels::Important, Labels::None];
                settings.labels = around(&all, settings.labels, forward);
            }
            Self::Text => settings.text = along(settings.text, TEXT, forward),
            Self::ParticleSize => {
                settings.particle_size = along(settings.particle_size, PARTICLE, forward);
            }
            Self::ParticleSpeed => {
                settings.particle_speed = along(settings.particle_speed, SPEED, forward);
            }
            Self::Particles => {
                let now = settings.particles;
                let next = if forward {
                    BUDGETS.iter().find(|budget| **budget > now)
                } else {
                    BUDGETS.iter().rfind(|budget| **budget < now)
                };
                settings.particles = next.copied().unwrap_or(now);
            }
            Self::Glow => {
                let all = [Glow::None, Glow::Soft, Glow::Bright];
                settings.glow = around(&all, settings.glow, forward);
            }
            Self::Motion => settings.calm = !settings.calm,
            Self::Rates => settings.rates = !settings.rates,
            Self::Dragging => settings.dragging = !settings.dragging,
            Self::Theme => {}
        }
    }

    /// What asks for its next value, or the one before.
    pub fn stepped(self, forward: bool) -> Command {
        match self {
            Self::Theme => Command::NextTheme(forward),
            _ => Command::StepOption(self, forward),
        }
    }

    /// Gives one what the other has.
    pub(super) fn copy(self, from: &Settings, to: &mut Settings) {
        match self {
            Self::Labels => to.labels = from.labels,
            Self::Rates => to.rates = from.rates,
            Self::Text => to.text = from.text,
            Self::ParticleSize => to.particle_size = from.particle_size,
            Self::ParticleSpeed => to.particle_speed = from.particle_speed,
            Self::Particles => to.particles = from.particles,
            Self::Glow => to.glow = from.glow,
            Self::Motion => to.calm = from.calm,
            Self::Dragging => to.dragging = from.dragging,
            Self::Theme => to.theme.clone_from(&from.theme),
        }
    }
}

fn around<T: Copy + PartialEq>(all: &[T], now: T, forward: bool) -> T {
    let at = all.iter().position(|one| *one == now).unwrap_or_default();
    let step = if forward { 1 } else { all.len() - 1 };
    all[(at + step) % all.len()]
}

fn along(now: u8, range: std::ops::RangeInclusive<u8>, forward: bool) -> u8 {
    let next = if forward { now.saturating_add(1) } else { now.saturating_sub(1) };
    next.clamp(*range.start(), *range.end())
}

/// `50 000`, with spaces that do not break.
fn grouped(number: u32) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{a0}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_end_at_their_ends_and_lists_go_around() {
        let mut settings = Settings::default();
        for _ in 0..20 {
            for choice in [Choice::Text, Choice::ParticleSize, Choice::Particles] {
                choice.step(&mut settings, true);
            }
        }
        assert_eq!((settings.text, settings.particle_size), (16, 8));
        assert_eq!(settings.particles, 500_000);
        for _ in 0..20 {
            for choice in [Choice::Text, Choice::ParticleSize, Choice::Particles] {
                choice.step(&mut settings, false);
            }
        }
        assert_eq!((settings.text, settings.particle_size, settings.particles), (8, 2, 500));

        for choice in [Choice::Labels, Choice::Glow] {
            let before = settings.clone();
            for _ in 0..3 {
                choice.step(&mut settings, true);
            }
            assert_eq!(settings, before);
            choice.step(&mut settings, false);
            assert_ne!(settings, before);
            choice.step(&mut settings, true);
            assert_eq!(settings, before);
        }
    }

    #[test]
    fn a_budget_between_two_steps_goes_to_the_next() {
        let mut settings = Settings { particles: 30_000, ..Settings::default() };
        Choice::Particles.step(&mut settings, false);
        assert_eq!(settings.particles, 20_000);
        assert_eq!(Choice::Particles.value(&settings, ""), "20\u{a0}000");
    }

    #[test]
    fn each_option_copies_what_it_steps_and_nothing_else() {
        for choice in Choice::ALL {
            let (mut changed, mut copy) = (Settings::default(), Settings::default());
            choice.step(&mut changed, true);
            if choice != Choice::Theme {
                assert_ne!(changed, copy, "{choice:?}");
            }
            choice.copy(&changed, &mut copy);
            assert_eq!(changed, copy, "{choice:?}");
        }
    }
}
