//! Log lines about bad requests, at most one a second, so that a broken sender cannot fill the
//! log of a collector that works for everybody else.

use std::fmt;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// The least time between two lines.
const PAUSE: Duration = Duration::from_secs(1);

/// When the last line was written, and what was left out since.
#[derive(Debug, Default)]
pub(super) struct Complaints(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    last: Option<Instant>,
    left_out: u64,
}

impl Complaints {
    /// Writes a line, unless the last one was just now.
    pub(super) fn warn(&self, what: fmt::Arguments<'_>) {
        match self.due(Instant::now()) {
            None => {}
            Some(0) => tracing::warn!("{what}"),
            Some(left_out) => tracing::warn!("{what} ({left_out} other warnings left out)"),
        }
    }

    /// Whether a line may be written now; if so, how many were left out before it.
    fn due(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock();
        if state.last.is_some_and(|last| now.saturating_duration_since(last) < PAUSE) {
            state.left_out += 1;
            return None;
        }
        state.last = Some(now);
        Some(std::mem::take(&mut state.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_complaints_becomes_one_line_a_second_with_a_count() {
        let (complaints, start) = (Complaints::default(), Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        assert_eq!(complaints.due(at(0)), Some(0));
        for ms in 1..=50 {
            assert_eq!(complaints.due(at(ms)), None);
        }
        assert_eq!(complaints.due(at(1000)), Some(50));
        assert_eq!(complaints.due(at(1999)), None);
        assert_eq!(complaints.due(at(5000)), Some(1));
    }
}
