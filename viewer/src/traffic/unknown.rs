//! How much of the traffic is known from one end only. In: ticks. Out: a share, where it is worth a
//! word.

use spanfall_collector::feed::message::Tick;

/// How fast the past fades, in seconds: some minutes are looked at.
const TIME_CONSTANT: f64 = 120.0;

/// Of fewer hops than this a share says nothing.
const ENOUGH: f64 = 50.0;

/// A share up to this is not worth a word.
const NOTEWORTHY: f64 = 0.01;

/// Hops lately, and those of which one end is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Unknown {
    hops: f64,
    unknown: f64,
}

impl Unknown {
    pub(super) fn follow(&mut self, tick: &Tick) {
        let kept = (-f64::from(tick.ms) / 1e3 / TIME_CONSTANT).exp();
        let hops: f64 = tick.edges.iter().map(|moved| moved.counts.total()).sum();
        // What is taken back was perhaps told before this viewer came.
        self.hops = (self.hops * kept + hops).max(0.0);
        self.unknown = (self.unknown * kept + tick.unknown).max(0.0);
    }

    /// The share of hops of which one end is not known, if it is more than 1% of enough hops.
    pub fn share(&self) -> Option<f64> {
        let share = (self.unknown / self.hops).min(1.0);
        (self.hops >= ENOUGH && share > NOTEWORTHY).then_some(share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spanfall_collector::feed::message::EdgeTick;
    use spanfall_collector::reduce::hop::{Counts, EdgeId};

    fn followed(ticks: &[(f64, f64)]) -> Unknown {
        let mut known = Unknown::default();
        for &(ok, unknown) in ticks {
            let counts = Counts { ok, ..Counts::default() };
            let edges =
                vec![EdgeTick { edge: EdgeId(1), counts, p50_us: 0, p99_us: 0, again: 0.0 }];
            known.follow(&Tick { t: 0, ms: 1_000, unknown, edges, ..Tick::default() });
        }
        known
    }

    #[test]
    fn more_than_one_in_a_hundred_is_worth_a_word() {
        assert_eq!(followed(&[(1_000.0, 9.0)]).share(), None);
        assert_eq!(followed(&[(1_000.0, 20.0)]).share(), Some(0.02));
        assert_eq!(followed(&[(20.0, 5.0)]).share(), None, "too few to tell");
        assert_eq!(followed(&[]).share(), None);
    }

    #[test]
    fn what_became_known_is_forgotten_and_so_is_what_is_minutes_old() {
        assert_eq!(followed(&[(1_000.0, 20.0), (0.0, -20.0)]).share(), None);
        assert_eq!(followed(&[(1_000.0, -20.0)]).share(), None);
        let before = vec![(100.0, 50.0); 60];
        let after = vec![(100.0, 0.0); 600];
        assert!(followed(&before).share().unwrap() > 0.4);
        assert_eq!(followed(&[before, after].concat()).share(), None);
    }
}
