//! `edges`: recordings in, a table of edges out. In: the files of a recording. Out: every edge with
//! its hops by class and its latencies, as a table or as JSON, the same byte for byte on every run.

mod args;

pub use args::Args;

use crate::reduce::Settings;

/// Why the edges could not be told.
#[derive(Debug, thiserror::Error)]
pub enum EdgesError {
    /// Nothing reads yet.
    #[error("reading recordings is not there yet")]
    Unread,
}

/// Reads the recordings and prints their edges on standard output.
///
/// # Errors
/// [`EdgesError`] where a file cannot be read, or the result not be written.
pub async fn run(args: Args, settings: Settings) -> Result<(), EdgesError> {
    let _ = (args, settings);
    Err(EdgesError::Unread)
}
