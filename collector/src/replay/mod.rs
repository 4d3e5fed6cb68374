//! `replay`: recordings back in, at their own pace. In: the files of a recording. Out: their export
//! requests, in order, when they are due, with times of now and new ids.

mod args;
mod speed;
mod template;

use std::net::SocketAddr;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

pub use args::Args;
pub use speed::{Speed, SpeedError};

pub(crate) use template::{Round, Template, last_end};

use crate::reduce::Settings;

/// Why a recording could not be played.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// Nothing plays yet.
    #[error("replaying is not there yet")]
    Unplayed,
}

/// Plays the recordings into a reducer of its own and serves the feed on `view` until everything
/// is played or `stop` is called.
///
/// # Errors
/// [`ReplayError`] where a file cannot be read, or the port not be served.
pub async fn run(
    args: Args,
    settings: Settings,
    tick: Duration,
    view: SocketAddr,
    stop: CancellationToken,
) -> Result<(), ReplayError> {
    let _ = (args, settings, tick, view, stop);
    Err(ReplayError::Unplayed)
}
