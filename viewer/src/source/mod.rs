//! Where ticks come from. In: a collector's feed, spans, recordings, or Vizceral's JSON. Out: the feed's messages
//! as [`Arrived`], in order, and [`SourceState`] for the panels.

mod ahead;
mod backoff;
mod connect;
mod embedded;
mod endpoint;
mod feed_file;
mod inbox;
mod intake;
mod recording;
mod sample;
#[cfg(test)]
mod tests;
mod thread;
pub mod vizceral;

pub use ahead::{Ahead, AheadPlugin};
pub use embedded::Embedded;
pub use endpoint::{Endpoint, EndpointError};
pub use intake::{Intake, Reach, Setup, outward};
pub use recording::Recording;
pub use vizceral::Vizceral;

use std::path::PathBuf;

use bevy::prelude::*;
use spanfall_collector::feed::message::{Message as FeedMessage, SourceLabel};

use crate::app::Flow;
use crate::follow::Following;
use crate::search::Search;
use crate::traffic::SourceState;

/// Where ticks come from, as the command line names it.
#[derive(Clone, Debug)]
pub enum Source {
    /// A collector within the viewer.
    Embedded(Embedded),
    /// A collector elsewhere.
    Connect(Endpoint),
    /// Recorded traces, played here.
    Replay(Recording),
    /// A feed recorded as JSON lines; its ticks' times set the pace.
    FeedFile(PathBuf),
    /// What Vizceral shows: its JSON, in a file or polled.
    Vizceral(Vizceral),
}

impl Source {
    /// What tells its graphs from those of other sources, from run to run: what it is, not how it is
    /// played.
    pub fn graph(&self) -> String {
        match self {
            Self::Embedded(_) => "here".to_owned(),
            Self::Connect(endpoint) => endpoint.url(),
            Self::Replay(recording) => format!("recording {}", recording.name()),
            Self::FeedFile(path) => {
                let name = path.file_name().unwrap_or(path.as_os_str());
                format!("feed {}", name.to_string_lossy())
            }
            Self::Vizceral(Vizceral { place: place @ vizceral::Place::Url(url), .. }) => {
                // Whoever may read it is nobody's business.
                format!("vizceral {place}{}", url.path())
            }
            Self::Vizceral(Vizceral { place, .. }) => format!("vizceral {place}"),
        }
    }
}

/// Something has come from the source. What comes is to be followed in this order.
#[derive(Message, Clone, Debug)]
pub enum Arrived {
    /// A message of the feed.
    Message {
        /// What it says.
        message: FeedMessage,
        /// When it came, in seconds of `Time<Real>`; by and large not later than this frame.
        at: f64,
    },
    /// What comes from now on is another system's: forget what is known.
    Reset,
}

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

impl SourcePlugin {
    /// Where spans can be sent to, as far as that is known before the source has started.
    fn intake(&self) -> Intake {
        match &self.source {
            Source::Connect(endpoint) => Intake::Elsewhere(endpoint.host().to_owned()),
            Source::Embedded(_) | Source::Replay(_) | Source::FeedFile(_) | Source::Vizceral(_) => {
                Intake::Nowhere
            }
        }
    }
}

impl Plugin for SourcePlugin {
    fn build(&self, app: &mut App) {
        app.add_message::<Arrived>()
            .init_resource::<SourceState>()
            .init_resource::<Following>()
            .init_resource::<Search>()
            .insert_resource(self.intake());
        match &self.source {
            Source::FeedFile(path) => {
                app.insert_resource(feed_file::FeedFile::open(path.clone()))
                    .add_systems(Update, feed_file::read.in_set(Flow::Source));
            }
            source @ (Source::Embedded(_)
            | Source::Connect(_)
            | Source::Replay(_)
            | Source::Vizceral(_)) => {
                app.insert_resource(thread::Planned(source.clone()))
                    .add_systems(Startup, thread::start)
                    .add_systems(
                        Update,
                        (thread::receive, thread::inspect, thread::pause)
                            .chain()
                            .in_set(Flow::Source),
                    );
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
