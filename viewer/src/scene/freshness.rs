//! A picture of the past must not look alive. In: the state of the source and the age of its last
//! tick. Out: the theme's colours, dimmed as far as the feed is lost.

use bevy::color::Mix;
use bevy::prelude::*;

use super::theme::Colors;
use crate::traffic::{Playback, SourceState};

/// Seconds without a tick after which a live feed looks stale: a collector with nothing to tell
/// sends one empty tick a second, and the network may hold it up a little.
const STALE: f64 = 3.5;
/// Seconds in which the picture dims, and lights up again.
const EASE: f32 = 0.35;
/// How far towards grey, and towards the background, a lost picture goes.
const GREY: f32 = 0.85;
const FAINT: f32 = 0.5;

/// How fresh the picture is.
#[derive(Resource, Clone, Copy, Debug, PartialEq)]
pub struct Freshness {
    /// 1 shows what happens now, 0 what happened before the feed was lost.
    pub level: f32,
}

impl Default for Freshness {
    fn default() -> Self {
        Self { level: 1.0 }
    }
}

impl Freshness {
    /// Goes on by `passed` seconds. Returns whether it is still changing.
    pub fn advance(&mut self, source: &SourceState, playback: &Playback, passed: f32) -> bool {
        let goal = if is_stale(source, playback.age) { 0.0 } else { 1.0 };
        let step = passed.max(0.0) / EASE;
        self.level += (goal - self.level).clamp(-step, step);
        self.level != goal
    }

    /// The theme's colours as this freshness shows them.
    pub fn dim(&self, colors: &Colors) -> Colors {
        let gone = 1.0 - self.level;
        if gone <= 0.0 {
            return *colors;
        }
        let dim = |color: Color| {
            let grey = Color::from(LinearRgba::gray(color.luminance()));
            color.mix(&grey, gone * GREY).mix(&colors.background, gone * FAINT)
        };
        Colors {
            ok: dim(colors.ok),
            slow: dim(colors.slow),
            throttled: dim(colors.throttled),
            error: dim(colors.error),
            cold: dim(colors.cold),
            edge: dim(colors.edge),
            node: dim(colors.node),
            icon: dim(colors.icon),
            text: dim(colors.text),
            text_secondary: dim(colors.text_secondary),
            ..*colors
        }
    }
}

/// A recording has no age; a live feed does.
fn is_stale(source: &SourceState, age: f64) -> bool {
    match source {
        SourceState::Lost { .. } => true,
        SourceState::Live(_) => age > STALE,
        SourceState::Starting | SourceState::Sample(_) | SourceState::Recording(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost() -> SourceState {
        SourceState::Lost { from: "ws://wall".into(), why: "refused".into(), retry_in: 1.0 }
    }

    #[test]
    fn a_lost_feed_dims_the_picture_and_a_found_one_lights_it_up() {
        let mut freshness = Freshness::default();
        let playback = Playback::default();
        while freshness.advance(&lost(), &playback, 0.016) {}
        assert_eq!(freshness.level, 0.0);
        let colors = Colors::default();
        let dimmed = freshness.dim(&colors);
        assert!(dimmed.ok.luminance() < colors.ok.luminance() * 0.7);
        assert_eq!(dimmed.background, colors.background);
        while freshness.advance(&SourceState::Live("here".into()), &playback, 0.016) {}
        assert_eq!(freshness.dim(&colors), colors);
    }

    #[test]
    fn a_live_feed_that_falls_silent_looks_stale_and_a_recording_does_not() {
        let silent = 10.0;
        assert!(is_stale(&SourceState::Live(String::new()), silent));
        assert!(!is_stale(&SourceState::Recording(String::new()), silent));
        assert!(!is_stale(&SourceState::Live(String::new()), 1.0));
    }
}
