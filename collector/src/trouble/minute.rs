//! What went wrong on one edge in the last minute. In: counts of ticks. Out: their sum, and whether
//! it is worth a word.

use crate::reduce::hop::Counts;

/// Milliseconds in a step, and steps that are kept: a minute, long enough that single failures are no
/// matter, short enough that what is over is seen to be over.
const STEP_MS: u64 = 5_000;
const STEPS: u64 = 12;

/// Fewer failed requests a minute than this are no matter, and neither is a smaller share.
const FAILED: f64 = 5.0;
const FAILED_SHARE: f64 = 0.05;

/// The same for slow ones, of which there are always some.
const SLOW: f64 = 10.0;
const SLOW_SHARE: f64 = 0.2;

/// What keeps a matter open, and makes an edge a suspect: a part of what opens one.
const LINGERING: f64 = 0.5;

/// Requests of the last minute, by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Ill {
    pub(super) all: f64,
    pub(super) failed: f64,
    pub(super) throttled: f64,
    pub(super) slow: f64,
}

impl Ill {
    /// Requests that did not go as they should.
    pub(super) fn hurt(&self) -> f64 {
        self.failed + self.throttled + self.slow
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.all += other.all;
        self.failed += other.failed;
        self.throttled += other.throttled;
        self.slow += other.slow;
    }

    /// Whether this deserves a notice.
    pub(super) fn matters(&self) -> bool {
        self.exceeds(1.0)
    }

    /// Whether this is still, or already, part of a matter.
    pub(super) fn lingers(&self) -> bool {
        self.exceeds(LINGERING)
    }

    /// Whether so many failed or were turned away that it deserves a notice.
    pub(super) fn fails(&self) -> bool {
        over(self.failed + self.throttled, self.all, FAILED, FAILED_SHARE)
    }

    fn exceeds(&self, part: f64) -> bool {
        let bad = self.failed + self.throttled;
        over(bad, self.all, FAILED * part, FAILED_SHARE * part)
            || over(self.slow, self.all, SLOW * part, SLOW_SHARE * part)
    }
}

fn over(count: f64, all: f64, least: f64, share: f64) -> bool {
    count >= least && count >= all * share
}

/// The last minute of one edge.
#[derive(Clone, Debug, Default)]
pub(super) struct Minute {
    steps: [Ill; STEPS as usize],
    /// The newest step's number since 1970.
    newest: u64,
}

impl Minute {
    /// Adds what happened at a time, in milliseconds since 1970.
    pub(super) fn add(&mut self, ms: u64, counts: &Counts) {
        let step = ms / STEP_MS;
        self.reach(step);
        if self.newest - step < STEPS {
            let Counts { ok: _, slow, throttled, error, cold: _ } = *counts;
            let ill = Ill { all: counts.total(), failed: error, throttled, slow };
            self.steps[(step % STEPS) as usize].add(&ill);
        }
    }

    /// The sum of the minute before a time, in milliseconds since 1970.
    pub(super) fn sum(&mut self, ms: u64) -> Ill {
        self.reach(ms / STEP_MS);
        let mut sum = Ill::default();
        for step in &self.steps {
            sum.add(step);
        }
        // What is taken back was perhaps counted more than a minute ago.
        let Ill { all, failed, throttled, slow } = sum;
        let [failed, throttled, slow] = [failed, throttled, slow].map(|count| count.max(0.0));
        Ill { all: all.max(failed + throttled + slow), failed, throttled, slow }
    }

    fn reach(&mut self, step: u64) {
        // A clock that was set back by more than a minute begins another past.
        if self.newest.saturating_sub(step) >= STEPS {
            *self = Self { newest: step, ..Self::default() };
        }
        let passed = step.saturating_sub(self.newest).min(STEPS);
        for number in 0..passed {
            self.steps[((step - number) % STEPS) as usize] = Ill::default();
        }
        self.newest = self.newest.max(step);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn failed(count: f64) -> Counts {
        Counts { error: count, ..Counts::default() }
    }

    #[test]
    fn single_failures_and_small_shares_are_no_matter() {
        let ill = |all, failed| Ill { all, failed, ..Ill::default() };
        assert!(!ill(4.0, 4.0).matters());
        assert!(!ill(1_000.0, 20.0).matters());
        assert!(ill(1_000.0, 50.0).matters() && ill(5.0, 5.0).matters());
        assert!(ill(1_000.0, 30.0).lingers() && !ill(1_000.0, 20.0).lingers());
    }

    #[test]
    fn a_fifth_that_is_slow_is_a_matter_and_a_tenth_is_not() {
        let ill = |slow| Ill { all: 100.0, slow, ..Ill::default() };
        assert!(ill(20.0).matters() && !ill(10.0).matters());
    }

    #[test]
    fn hops_that_are_taken_back_leave_no_less_than_nothing() {
        let mut minute = Minute::default();
        minute.add(1_000_000, &failed(-3.0));
        assert_eq!(minute.sum(1_000_000), Ill::default());
    }

    proptest! {
        #[test]
        fn the_sum_is_what_happened_in_the_last_minute(
            steps in prop::collection::vec((0u64..20_000, 0u32..5), 1..100),
        ) {
            let (mut minute, mut now, mut seen) = (Minute::default(), 1_800_000_000_000, Vec::new());
            for (later, count) in steps {
                now += later;
                minute.add(now, &failed(f64::from(count)));
                seen.push((now, f64::from(count)));
            }
            let recent = seen.iter().filter(|(at, _)| now / STEP_MS - at / STEP_MS < STEPS);
            prop_assert_eq!(minute.sum(now).failed, recent.map(|(_, count)| count).sum::<f64>());
            prop_assert_eq!(minute.sum(now + 70_000), Ill::default());
        }
    }
}
