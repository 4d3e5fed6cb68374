//! Where ticks come from. In: a collector's feed, or a recording of one. Out: the feed's messages
//! as [`Arrived`], in order, and [`SourceState`] for the panels.

mod feed_file;

use std::path::PathBuf;

use bevy::prelude::*;
use spanfall_collector::feed::message::{Message as FeedMessage, SourceLabel};

use crate::app::Flow;
use crate::traffic::SourceState;

/// Where ticks come from, as the command line names it.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// A feed recorded as JSON lines; its ticks' times set the pace.
    FeedFile(PathBuf),
}

/// One message of the feed has come.
#[derive(Message, Clone, Debug)]
pub struct Arrived {
    /// What it says.
    pub message: FeedMessage,
    /// When it came, in seconds of `Time<Real>`; not later than this frame, by and large.
    pub at: f64,
}

/// What comes in from now on is another system's: forget what is known.
#[derive(Message, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reset;

/// Brings the feed's messages into the app.
#[derive(Debug)]
pub struct SourcePlugin {
    source: Source,
}

impl SourcePlugin {
    /// A plugin that reads this source.
    pub fn new(source: Source) -> Self {
        Self { source }
    }
}

impl Plugin for SourcePlugin {
    fn build(&self, app: &mut App) {
        app.add_message::<Arrived>().add_message::<Reset>().init_resource::<SourceState>();
        match &self.source {
            Source::FeedFile(path) => {
                app.insert_resource(feed_file::FeedFile::open(path.clone()))
                    .add_systems(Update, feed_file::read.in_set(Flow::Source));
            }
        }
    }
}

/// What to call a source that says this of itself; live ones are called by where they are.
fn state_of(label: &SourceLabel, from: &str) -> SourceState {
    match label {
        SourceLabel::Live => SourceState::Live(from.to_owned()),
        SourceLabel::Recording(name) => SourceState::Recording(name.clone()),
        SourceLabel::Sample(name) => SourceState::Sample(name.clone()),
    }
}
