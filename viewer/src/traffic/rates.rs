//! Smoothed rates: hops a second by class, as a moving average whose past fades exponentially.
//! In: counts of ticks. Out: [`Rates`].

use spanfall_collector::reduce::hop::Counts;

use super::model::Rates;

/// How fast the past fades, in seconds: a change shows to two thirds after this long. Short enough
/// that an incident is seen at once, long enough that figures can be read.
pub const TIME_CONSTANT: f64 = 4.0;

/// Rates below this many hops a second are shown as none: one hop in three minutes.
const NONE: f64 = 0.005;

impl Rates {
    /// Follows an interval of `seconds` in which `counts` happened.
    pub fn follow(&mut self, counts: &Counts, p50_us: u64, p99_us: u64, seconds: f64) {
        if seconds <= 0.0 {
            return;
        }
        let weight = 1.0 - (-seconds / TIME_CONSTANT).exp();
        let blend = |rate: &mut f64, count: f64| {
            // A collector may take hops back; what is shown is not less than nothing.
            *rate = (*rate + (count / seconds - *rate) * weight).max(0.0);
            if *rate < NONE && count <= 0.0 {
                *rate = 0.0;
            }
        };
        let rate = &mut self.per_second;
        blend(&mut rate.ok, counts.ok);
        blend(&mut rate.slow, counts.slow);
        blend(&mut rate.throttled, counts.throttled);
        blend(&mut rate.error, counts.error);
        blend(&mut rate.cold, counts.cold);
        blend_latency(&mut self.p50_us, p50_us, weight);
        blend_latency(&mut self.p99_us, p99_us, weight);
    }

    /// Follows an interval of `seconds` in which nothing happened.
    pub fn fade(&mut self, seconds: f64) {
        if self.per_second != Counts::default() {
            self.follow(&Counts::default(), 0, 0, seconds);
        }
    }

    /// Hops a second, of every class.
    pub fn total(&self) -> f64 {
        self.per_second.total()
    }
}

/// Latencies follow only where there is one; the first one counts at once.
#[expect(clippy::cast_precision_loss, reason = "microseconds in 53 bits are 285 years")]
fn blend_latency(latency: &mut f64, sample: u64, weight: f64) {
    if sample == 0 {
    } else if *latency == 0.0 {
        *latency = sample as f64;
    } else {
        *latency += (sample as f64 - *latency) * weight;
    }
}

/// Rates of several edges together: hops add up, the median is the mean weighted by hops, and the
/// 99th percentile that of the worst edge that has traffic.
#[derive(Clone, Copy, Debug, Default)]
pub struct RateSum {
    counts: Counts,
    weighted_p50: f64,
    weight: f64,
    p99: f64,
}

impl RateSum {
    /// Adds one edge's, or one node's.
    pub fn add(&mut self, rates: &Rates) {
        self.counts.add(&rates.per_second);
        let weight = rates.total();
        if weight > 0.0 && rates.p50_us > 0.0 {
            self.weighted_p50 += rates.p50_us * weight;
            self.weight += weight;
            self.p99 = self.p99.max(rates.p99_us);
        }
    }

    /// Hands the sum over; latencies stay as they are where nothing has one.
    pub fn put(&self, rates: &mut Rates) {
        rates.per_second = self.counts;
        if self.weight > 0.0 {
            rates.p50_us = self.weighted_p50 / self.weight;
            rates.p99_us = self.p99;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ok(count: f64) -> Counts {
        Counts { ok: count, ..Counts::default() }
    }

    #[test]
    fn a_steady_stream_settles_at_its_rate_whatever_the_tick() {
        for tick in [0.05, 0.2, 1.0, 5.0] {
            let mut rates = Rates::default();
            for _ in 0..(40.0 / tick) as usize {
                rates.follow(&ok(12.0 * tick), 0, 0, tick);
            }
            assert!((rates.total() - 12.0).abs() < 0.1, "{rates:?} at {tick}");
        }
    }

    #[test]
    fn a_rate_fades_to_nothing_when_ticks_stop() {
        let mut rates = Rates::default();
        rates.follow(&ok(1000.0), 1500, 9000, 1.0);
        rates.fade(120.0);
        assert_eq!(rates.per_second, Counts::default());
        assert!(rates.p50_us > 0.0, "the last latency stays known");
    }

    proptest! {
        #[test]
        fn fading_in_parts_is_fading_at_once(start in 1.0..1e5f64, a in 0.0..5.0f64, b in 0.0..5.0f64) {
            let mut whole = Rates { per_second: ok(start), ..Rates::default() };
            let mut parts = whole;
            whole.fade(a + b);
            parts.fade(a);
            parts.fade(b);
            prop_assert!((whole.total() - parts.total()).abs() < 1e-6 * start);
        }

        #[test]
        fn no_rate_is_ever_negative_or_above_the_busiest_tick(counts in prop::collection::vec(-5.0..50.0f64, 1..50)) {
            let mut rates = Rates::default();
            for count in counts {
                rates.follow(&ok(count), 0, 0, 0.2);
                prop_assert!((0.0..=250.0).contains(&rates.total()));
            }
        }
    }
}
