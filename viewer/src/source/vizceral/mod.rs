//! Vizceral's JSON as a source, so that who has it can move over in a minute. In: a file, or a URL
//! that is polled. Out: the feed's messages: a graph, its requests a second as ticks of whole hops,
//! and notices.

mod atlas;
mod format;
mod pace;
mod picture;
mod place;
mod poll;
mod show;
#[cfg(test)]
mod tests;

use std::time::Duration;

use anyhow::Context as _;

pub use format::FormatError;
pub use place::{Place, PlaceError};
pub use poll::Trouble;

use super::thread::Feed;

/// How often it is read unless told otherwise: Vizceral's own page polls about as often.
pub const EVERY: Duration = Duration::from_secs(5);

/// Vizceral's JSON, and how often to look for news in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vizceral {
    /// Where it is.
    pub place: Place,
    /// The time between two looks.
    pub every: Duration,
}

impl Vizceral {
    /// Reads a file once, so that a mistake is told before a window opens. What a URL answers is
    /// told on the wall: it may get better.
    ///
    /// # Errors
    /// Why the file cannot be read, or where it is not what Vizceral reads.
    pub fn check(&self) -> anyhow::Result<()> {
        let Place::File(path) = &self.place else { return Ok(()) };
        poll::read_file(path, None)
            .and_then(|read| poll::understand(&read.unwrap_or_default().0))
            .with_context(|| format!("cannot read {}", path.display()))?;
        Ok(())
    }
}

/// Reads and shows it for ever.
pub(super) async fn run(feed: Feed, source: Vizceral) {
    // One piece of news waits at most: the poll is much rarer than the ticks.
    let (tell, news) = tokio::sync::mpsc::channel(1);
    tokio::select! {
        () = poll::poll(&source, tell) => {}
        () = show::show(&feed, &source, news) => {}
    }
}
