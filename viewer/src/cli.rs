//! The command line: what a person asks for, as clap reads it, and what that means for the app.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;
use bevy::math::UVec2;
use clap::Parser;

use crate::snapshot::{Pace, Shot};
use crate::source::Source;

/// Shows every request that flows through a serverless system, live.
#[derive(Clone, Debug, Parser)]
#[command(name = "spanfall", version)]
pub struct Cli {
    /// Play a feed recorded as JSON lines: its messages, one a line, as a WebSocket client of
    /// /feed would save them. The ticks' own times set the pace
    #[arg(long, value_name = "FILE")]
    pub feed_file: Option<PathBuf>,

    /// Render one picture without a window, exactly what a window would show, and end
    #[arg(long, value_name = "OUT.png", help_heading = "Picture")]
    pub snapshot: Option<PathBuf>,

    /// Its size in pixels
    #[arg(long, value_name = "WxH", default_value = "1920x1080", value_parser = size,
          requires = "snapshot", help_heading = "Picture")]
    pub size: UVec2,

    /// How many seconds the viewer runs before it is taken
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds,
          requires = "snapshot", help_heading = "Picture")]
    pub at: Duration,

    /// Select the node with this name, so that its details are in the picture
    #[arg(long, value_name = "NODE", requires = "snapshot", help_heading = "Picture")]
    pub select: Option<String>,
}

impl Cli {
    /// Where ticks come from.
    ///
    /// # Errors
    /// A sentence for the person, when the options do not fit together.
    pub fn source(&self) -> anyhow::Result<Source> {
        match &self.feed_file {
            Some(file) => Ok(Source::FeedFile(file.clone())),
            None => bail!("give --feed-file FILE"),
        }
    }

    /// The picture to be rendered, if one is asked for.
    pub fn shot(&self) -> Option<Shot> {
        Some(Shot {
            path: self.snapshot.clone()?,
            size: self.size,
            at: self.at,
            // A recorded feed follows the app's clock; everything else has its own.
            pace: if self.feed_file.is_some() { Pace::Stepped } else { Pace::Live },
            select: self.select.clone(),
        })
    }
}

/// Reads `1920x1080`.
fn size(text: &str) -> Result<UVec2, String> {
    let read = |part: &str| part.trim().parse().ok().filter(|side| *side > 0);
    text.split_once(['x', 'X', '×'])
        .and_then(|(width, height)| Some(UVec2::new(read(width)?, read(height)?)))
        .ok_or_else(|| "give width and height in pixels, such as 1920x1080".into())
}

/// Reads `10` or `2.5`.
fn seconds(text: &str) -> Result<Duration, String> {
    text.parse()
        .ok()
        .and_then(|seconds: f64| Duration::try_from_secs_f64(seconds).ok())
        .filter(|duration| *duration <= Duration::from_hours(24))
        .ok_or_else(|| "give seconds, such as 10 or 2.5; a day at most".into())
}
