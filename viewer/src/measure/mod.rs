//! How fast the viewer is here. `window` draws as fast as it can, for `--measure SECONDS`; the others
//! are for `tests/bench --viewer`, which starts the viewer with the hidden [`Options`] and reads JSON:
//! `idle` counts the frames of a picture in which nothing moves, `model` takes the main world's time
//! without a renderer, `pass` that of the particles' draw alone, `layout` that of the layout.

mod idle;
mod layout;
mod model;
mod pass;
mod processor;
mod window;

use std::io::Write as _;
use std::time::Duration;

use bevy::prelude::*;
use clap::{Args, ValueEnum};
use serde_json::Value;

pub use idle::IdlePlugin;
pub use window::MeasurePlugin;

use crate::source::Source;

/// Options that no person needs: `tests/bench --viewer` does.
#[derive(Clone, Debug, Default, Args)]
pub struct Options {
    /// With `--measure`: print JSON instead of a sentence.
    #[arg(long, hide = true, requires = "measure")]
    pub measure_json: bool,
    /// Wait until no frames are drawn any more, count frames and processor time for so long, print
    /// them as JSON, and end.
    #[arg(long, hide = true, value_name = "SECONDS", value_parser = crate::cli::seconds,
          conflicts_with_all = ["picture", "measure"])]
    pub measure_idle: Option<Duration>,
    /// Measure a part of the viewer without a window, print JSON, and end.
    #[arg(long, hide = true, value_name = "PART", requires = "feed_file",
          conflicts_with_all = ["picture", "measure", "measure_idle"])]
    pub measure_part: Option<Part>,
    /// Show every node, however many there are.
    #[arg(long, hide = true)]
    pub never_fold: bool,
}

/// A part that is measured alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Laying out the feed's graph, and adding a node to it.
    Layout,
    /// A frame of the main world.
    Model,
    /// The particles' draw.
    Pass,
}

/// Measures a part while a recorded feed plays, and prints what came out.
///
/// # Errors
/// If the feed cannot be read, or nothing can be drawn here.
pub fn part(part: Part, source: &Source, prepare: impl Fn(&mut App)) -> anyhow::Result<()> {
    print(&match part {
        Part::Layout => layout::measure(source)?,
        Part::Model => model::measure(source, prepare)?,
        Part::Pass => pass::measure(source, prepare)?,
    });
    Ok(())
}

fn print(figures: &Value) {
    // Whoever closed standard output does not want to know.
    let _ = writeln!(std::io::stdout().lock(), "{figures}");
}

/// The middle one of some figures; 0 of none.
fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
}
