//! The two clocks of a collector: one that never goes back, to wait by, and the wall's, to tell
//! viewers when something happened.

use std::time::{SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// Both clocks, from the moment of [`Clock::start`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    started: Instant,
    wall: Wall,
}

#[derive(Clone, Copy, Debug)]
enum Wall {
    /// The system's, which follows time servers and people, and may jump.
    System,
    /// This time at the start, and from there as tokio's clock goes, which tests can stop.
    #[cfg(test)]
    From(u64),
}

impl Clock {
    /// Starts now, with the system's wall clock.
    pub(crate) fn start() -> Self {
        Self { started: Instant::now(), wall: Wall::System }
    }

    /// Starts now, with a wall clock that begins at `unix_ms` and follows tokio's time.
    #[cfg(test)]
    pub(crate) fn start_at(unix_ms: u64) -> Self {
        Self { started: Instant::now(), wall: Wall::From(unix_ms) }
    }

    /// Milliseconds since the start. Never goes back.
    pub(crate) fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Milliseconds since 1970. May go back where the system's clock is set back.
    pub(crate) fn unix_ms(&self) -> u64 {
        match self.wall {
            Wall::System => {
                let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)
            }
            #[cfg(test)]
            Wall::From(start) => start + self.elapsed_ms(),
        }
    }
}
