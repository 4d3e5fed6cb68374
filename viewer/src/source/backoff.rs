//! How long to wait before a lost feed is tried again. In: that it failed once more. Out: a
//! duration, which grows up to a limit and is never the same for two viewers.

use std::time::Duration;

use rand::Rng;

/// The first wait: a collector that restarts is back in a second.
const FIRST: Duration = Duration::from_millis(500);

/// The longest wait: a wall that nobody attends heals within this time.
const LONGEST: Duration = Duration::from_secs(15);

/// Waits between tries, doubling from [`FIRST`] to [`LONGEST`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Backoff {
    next: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { next: FIRST }
    }
}

impl Backoff {
    /// The wait before the next try. Between a half and all of the nominal one, by chance: when a
    /// collector comes back, its viewers do not all knock at once.
    pub(super) fn next(&mut self, chance: &mut impl Rng) -> Duration {
        let nominal = self.next;
        self.next = (nominal * 2).min(LONGEST);
        nominal.mul_f64(chance.random_range(0.5..=1.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    proptest! {
        #[test]
        fn waits_grow_to_the_limit_and_stay_within_it(seed in any::<u64>(), tries in 1..200usize) {
            let mut chance = StdRng::seed_from_u64(seed);
            let mut backoff = Backoff::default();
            let mut nominal = FIRST;
            for _ in 0..tries {
                let wait = backoff.next(&mut chance);
                prop_assert!(wait >= nominal / 2 && wait <= nominal, "{wait:?} of {nominal:?}");
                prop_assert!(wait <= LONGEST);
                nominal = (nominal * 2).min(LONGEST);
            }
        }
    }

    #[test]
    fn two_viewers_do_not_knock_at_the_same_time() {
        let waits = |seed| Backoff::default().next(&mut StdRng::seed_from_u64(seed));
        assert_ne!(waits(1), waits(2));
    }
}
