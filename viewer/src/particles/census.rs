//! How many particles are alive now, without looking at any of them: arrivals are counted by the
//! moment at which they are due.

use std::collections::VecDeque;

/// Moments in a second. A particle leaves the count at most 1/16 s late.
const PER_SECOND: f64 = 16.0;
/// The farthest moment that is told apart: a minute ahead, far beyond any particle's life.
const MAX_MOMENTS: usize = 16 * 60;

/// Counts particles by the moment of their arrival.
#[derive(Clone, Debug, Default)]
pub(super) struct Census {
    /// The moment that the first entry of `due` stands for.
    first: u64,
    due: VecDeque<u32>,
    alive: u64,
}

impl Census {
    /// Particles that have not arrived yet.
    pub(super) fn alive(&self) -> u64 {
        self.alive
    }

    /// Counts one that arrives at `end`, in seconds of the playback clock.
    pub(super) fn add(&mut self, end: f64) {
        let moment = moment(end);
        // One that should have arrived already leaves with the first; one a minute ahead, earlier.
        let index = usize::try_from(moment.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let index = index.min(MAX_MOMENTS - 1);
        if index >= self.due.len() {
            self.due.resize(index + 1, 0);
        }
        self.due[index] += 1;
        self.alive += 1;
    }

    /// Forgets those that have arrived. To be called with the time before the first is counted.
    pub(super) fn retire(&mut self, now: f64) {
        let now = moment(now);
        while self.first < now {
            let Some(arrived) = self.due.pop_front() else {
                self.first = now;
                return;
            };
            self.alive -= u64::from(arrived);
            self.first += 1;
        }
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast of floats saturates, and times before zero are long past"
)]
fn moment(seconds: f64) -> u64 {
    (seconds * PER_SECOND).floor() as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_count_is_right_to_a_sixteenth_of_a_second(
            births in prop::collection::vec((0.0..0.5_f64, 0.1..6.0_f64), 1..300),
        ) {
            let mut census = Census::default();
            let mut ends = Vec::new();
            let mut now = 1e5;
            census.retire(now);
            for (pause, life) in births {
                census.add(now + life);
                ends.push(now + life);
                now += pause;
                census.retire(now);
                let exact = |now: f64| ends.iter().filter(|end| **end >= now).count() as u64;
                prop_assert!(census.alive() >= exact(now));
                prop_assert!(census.alive() <= exact(now - 2.0 / PER_SECOND));
            }
            census.retire(now + 100.0);
            prop_assert_eq!(census.alive(), 0);
        }
    }

    #[test]
    fn wild_times_cost_no_memory() {
        let mut census = Census::default();
        for end in [1.0, 1e12, -5.0, f64::NAN, f64::INFINITY] {
            census.add(end);
        }
        assert!(census.due.len() <= MAX_MOMENTS);
        assert_eq!(census.alive(), 5);
    }
}
