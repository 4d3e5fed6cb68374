//! Which batch is sent when. In: a rate and an end. Out: the number of the next batch and the time that
//! it is due, to whichever connection asks first. What is due does not wait for answers: a collector
//! that is late makes requests late, and their latency counts from when they were due.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::Until;
use crate::load::batch::Batches;

/// Hands out batches.
#[derive(Debug)]
pub(super) struct Schedule {
    batches: Arc<Batches>,
    rate: Option<f64>,
    until: Until,
    begin: Instant,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    number: u64,
    /// Spans in all batches before it.
    spans: u64,
}

/// A batch that is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Due {
    /// Its number.
    pub(super) number: u64,
    /// When it is due; none if it is whenever somebody has the time.
    pub(super) at: Option<Instant>,
}

impl Schedule {
    /// Begins now.
    pub(super) fn new(batches: Arc<Batches>, rate: Option<f64>, until: Until) -> Self {
        Self { batches, rate, until, begin: Instant::now(), state: Mutex::default() }
    }

    /// The next batch; none once there is enough.
    pub(super) fn next(&self) -> Option<Due> {
        let mut state = self.state.lock();
        let at = self.rate.map(|rate| {
            #[expect(clippy::cast_precision_loss, reason = "a time")]
            let seconds = state.spans as f64 / rate;
            self.begin + Duration::from_secs_f64(seconds)
        });
        let enough = match self.until {
            Until::Spans(spans) => state.spans >= spans,
            Until::Time(time) => at.unwrap_or_else(Instant::now) >= self.begin + time,
        };
        if enough {
            return None;
        }
        let number = state.number;
        state.number += 1;
        state.spans += self.batches.spans_of(number);
        Some(Due { number, at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::small;

    fn schedule(rate: Option<f64>, until: Until) -> Schedule {
        Schedule::new(Arc::new(Batches::new(small::pairs(2, 10), 10, 3)), rate, until)
    }

    #[test]
    fn batches_are_due_at_the_rate_whoever_asks_and_however_late() {
        let schedule = schedule(Some(1_000.0), Until::Time(Duration::from_millis(45)));
        let due: Vec<_> = std::iter::from_fn(|| schedule.next()).collect();
        let after = |due: &Due| due.at.unwrap() - schedule.begin;
        assert_eq!(due.iter().map(|due| due.number).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        let times: Vec<_> = due.iter().map(|due| after(due).as_millis()).collect();
        assert_eq!(times, [0, 10, 20, 30, 40]);
    }

    #[test]
    fn without_a_rate_a_batch_is_due_at_once_until_there_are_enough_spans() {
        let schedule = schedule(None, Until::Spans(21));
        let due: Vec<_> = std::iter::from_fn(|| schedule.next()).collect();
        assert_eq!((due.len(), due[2]), (3, Due { number: 2, at: None }));
    }
}
