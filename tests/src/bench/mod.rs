//! `tests/bench`: how fast and how small, in one table. Data goes through the files in this order:
//! `cost` (processor time in process), `scale` (two threads, and the tick while spans come in),
//! `memory`, `live` (programs as a person runs them) and `outside` (what their time goes to) make [`figure`]s; `results` keeps them and
//! tells what has changed. `instructions` is apart: it counts them instead of taking time; so is `viewer`, which
//! measures what draws.
//!
//! Other programs may run on the same computer. So what is measured is processor time where that is
//! possible, everything is measured beside its peer in turns, and ratios are what counts.

pub mod cost;
pub mod figure;
pub mod instructions;
pub mod live;
pub mod memory;
pub mod outside;
pub mod results;
pub mod scale;
pub mod viewer;

use std::time::Duration;

/// How long to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effort {
    /// Whether to be done within two minutes.
    pub quick: bool,
}

impl Effort {
    /// Processor time for one figure in process.
    fn cost(self) -> Duration {
        if self.quick { Duration::from_millis(600) } else { Duration::from_secs(4) }
    }

    /// Spans that go over the wire for one figure.
    fn wire_spans(self) -> u64 {
        if self.quick { 500_000 } else { 10_000_000 }
    }

    /// How long the feed is watched under load, and while nothing happens.
    fn watch(self) -> Duration {
        if self.quick { Duration::from_secs(6) } else { Duration::from_secs(30) }
    }

    /// The longest that an accelerated hour may take: no longer than an hour. What is left of it is left out.
    fn hour(self) -> Duration {
        if self.quick { Duration::from_secs(20) } else { Duration::from_secs(3_600) }
    }
}
