//! The model: nodes, edges and their recent past, and the playback clock. Only this module's
//! systems write it; scene and panels read it, and send commands.

pub mod model;

pub use model::{EdgeState, NodeState, Rates, Series, Traffic};

use bevy::prelude::*;
use spanfall_collector::feed::message::Tick;

/// A tick whose time has come on the playback clock: its hops set out, evenly spread, between
/// `start` and `start + length`. Particles spawn from these.
#[derive(Message, Clone, Debug)]
pub struct Played {
    /// The tick.
    pub tick: Tick,
    /// When its first hop sets out, in seconds of [`Playback::now`].
    pub start: f64,
    /// Over how many seconds its hops set out.
    pub length: f64,
}

/// The playback clock. It runs a little behind the feed, so that hops can be spread evenly.
#[derive(Resource, Clone, Debug, Default)]
pub struct Playback {
    /// Seconds since the viewer started to play. Particles are placed by it; it never jumps back
    /// while a source plays.
    pub now: f64,
    /// How fast it runs: 1 is real time, 0 is paused.
    pub speed: f64,
    /// Seconds since the last tick came from the source, of the wall's clock.
    pub age: f64,
}

/// Where the picture's traffic comes from right now.
#[derive(Resource, Clone, Debug, Default, PartialEq)]
pub enum SourceState {
    /// Nothing has come yet.
    #[default]
    Starting,
    /// A bundled sample plays until live spans arrive; the text names it.
    Sample(String),
    /// A recording plays; the text names it.
    Recording(String),
    /// Live traffic; the text says from where (`this computer`, or the collector's URL).
    Live(String),
    /// The feed is lost: from where, why, and when (seconds of the wall's clock) it is tried again.
    Lost {
        /// The collector's URL.
        from: String,
        /// What went wrong, for a person.
        why: String,
        /// Seconds until the next try.
        retry_in: f64,
    },
}
