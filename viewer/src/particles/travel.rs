//! How long a particle takes from node to node: longer where requests take longer, so that slow
//! edges look slow, within what the eye follows.

/// Seconds on screen for a request of a millisecond or less.
pub(super) const FASTEST: f64 = 0.9;
/// Seconds on screen for a request of [`SLOW_US`] or more.
pub(super) const SLOWEST: f64 = 4.0;
/// Seconds on screen where nothing is known.
const UNKNOWN: f64 = 1.6;
/// Microseconds that are shown as [`FASTEST`].
const FAST_US: f64 = 1_000.0;
/// Microseconds that are shown as [`SLOWEST`].
const SLOW_US: f64 = 10_000_000.0;

/// Seconds on screen for a request of `latency_us` microseconds (0: unknown). It grows by the same
/// amount whenever the latency doubles: 1 ms takes 0.9 s, 10 ms 1.7 s, 100 ms 2.5 s, 1 s 3.2 s,
/// and 10 s or more 4 s.
pub(super) fn travel(latency_us: u64) -> f64 {
    if latency_us == 0 {
        return UNKNOWN;
    }
    let latency = (latency_us as f64).clamp(FAST_US, SLOW_US);
    let share = (latency / FAST_US).ln() / (SLOW_US / FAST_US).ln();
    FASTEST + (SLOWEST - FASTEST) * share
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_longer_latency_never_looks_faster(a in 1..u64::MAX, b in 1..u64::MAX) {
            let (short, long) = (a.min(b), a.max(b));
            prop_assert!(travel(short) <= travel(long));
            prop_assert!((FASTEST..=SLOWEST).contains(&travel(short)));
        }
    }

    #[test]
    fn each_tenfold_latency_adds_the_same_time() {
        let times: Vec<f64> = [1_000, 10_000, 100_000, 1_000_000, 10_000_000].map(travel).into();
        assert_eq!((times[0], times[4]), (FASTEST, SLOWEST));
        for pair in times.windows(2) {
            assert!((pair[1] - pair[0] - 0.775).abs() < 1e-9);
        }
    }

    #[test]
    fn an_unknown_latency_looks_neither_fast_nor_slow() {
        assert!(travel(0) > FASTEST && travel(0) < SLOWEST);
    }
}
