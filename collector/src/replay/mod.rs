//! `replay`: recordings back in, at their own pace. In: the files of a recording. Out: their export
//! requests, in order, when they are due, with times of now and new ids.
//!
//! Data goes through the files in this order: order (all files as one recording), schedule (round
//! after round), pace (when what is due), template (other times and ids), replayer.

mod args;
mod order;
mod pace;
mod replayer;
mod round;
mod run;
mod schedule;
mod speed;
mod template;
#[cfg(test)]
mod tests;

use std::io;

pub use args::Args;
pub use pace::{Control, Pace};
pub use replayer::{Played, Replayer};
pub use round::Round;
pub use run::run;
pub use speed::{Speed, SpeedError};
pub use template::{Template, last_end};

use crate::otlp_file::ReadError;

/// Why a recording could not be played.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// A recording cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// There is nothing to play.
    #[error("there is not a single span to play in these recordings")]
    Empty,
    /// A pipe was to be looped.
    #[error("{0} can be read once only; save it to a file to use --loop")]
    Once(String),
    /// The port for viewers cannot be had.
    #[error("{0}; choose another with --view, such as --view 4321")]
    Port(String),
    /// The thread that reads cannot be had.
    #[error("cannot start the replay: {0}")]
    Thread(io::Error),
}
