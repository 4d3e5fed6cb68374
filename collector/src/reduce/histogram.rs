//! Latency histograms: mergeable, log-spaced, at most 1.6% off. In: microseconds. Out: quantiles.
//!
//! A bucket holds the values that share their exponent and the five bits after the leading one,
//! so it is 1/32 of its values wide; reporting its middle is at most 1/64 off.

use smallvec::SmallVec;

/// Bits after the leading one that tell buckets apart.
const MANTISSA_BITS: u32 = 5;

/// Weighted counts by bucket, sparse, and without memory of their own for the few hops of a tick: an edge's latencies fill a few dozen of the 1,900 buckets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Histogram {
    /// `(bucket, weight in micro-hops)`, sorted by bucket.
    buckets: SmallVec<[(u16, i64); 2]>,
}

/// The bucket of a latency.
pub(super) fn bucket(micros: u64) -> u16 {
    let exponent = micros.checked_ilog2().unwrap_or(0);
    if exponent <= MANTISSA_BITS {
        // Small values have buckets of their own.
        return u16::try_from(micros).unwrap_or(0);
    }
    let mantissa = (micros >> (exponent - MANTISSA_BITS)) & ((1 << MANTISSA_BITS) - 1);
    let index = (u64::from(exponent - MANTISSA_BITS + 1) << MANTISSA_BITS) + mantissa;
    u16::try_from(index).unwrap_or(u16::MAX)
}

/// The middle of a bucket, in microseconds.
pub(super) fn middle(bucket: u16) -> u64 {
    let bucket = u64::from(bucket);
    let row = bucket >> MANTISSA_BITS;
    if row <= 1 {
        return bucket;
    }
    let shift = row - 1;
    let low = ((1 << MANTISSA_BITS) + (bucket & ((1 << MANTISSA_BITS) - 1))) << shift;
    low + (1 << shift) / 2
}

impl Histogram {
    /// Adds (or, with a negative weight, takes back) one latency.
    pub(super) fn add(&mut self, bucket: u16, weight: i64) {
        match self.buckets.binary_search_by_key(&bucket, |entry| entry.0) {
            Ok(index) => {
                self.buckets[index].1 += weight;
                if self.buckets[index].1 == 0 {
                    self.buckets.remove(index);
                }
            }
            Err(index) => self.buckets.insert(index, (bucket, weight)),
        }
    }

    /// Adds all of another histogram.
    pub(super) fn merge(&mut self, other: &Self) {
        for &(bucket, weight) in &other.buckets {
            self.add(bucket, weight);
        }
    }

    /// Adds the latencies of another histogram that are above a limit in microseconds.
    pub(super) fn merge_above(&mut self, other: &Self, limit_us: u64) {
        other
            .buckets
            .iter()
            .filter(|(bucket, _)| middle(*bucket) > limit_us)
            .for_each(|&(bucket, weight)| self.add(bucket, weight));
    }

    /// The weight, in micro-hops, of a latency in microseconds.
    pub(super) fn weight_of(&self, micros: u64) -> i64 {
        let found = self.buckets.binary_search_by_key(&bucket(micros), |entry| entry.0);
        found.map_or(0, |index| self.buckets[index].1)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    /// The weight, in micro-hops, of the latencies above a limit in microseconds; which side a
    /// latency within 1.6% of it is on, is left to chance.
    pub(super) fn weight_above(&self, limit_us: u64) -> i64 {
        let above = self.buckets.iter().rev().take_while(|(bucket, _)| middle(*bucket) > limit_us);
        above.map(|(_, weight)| weight).sum()
    }

    /// `(latency in microseconds, weight in micro-hops)`, shortest first.
    pub(super) fn entries(&self) -> impl Iterator<Item = (u64, i64)> {
        self.buckets.iter().map(|&(bucket, weight)| (middle(bucket), weight))
    }

    /// The latency in microseconds that a share `q` of the hops stays within; 0 where there are
    /// none. Hops that were taken back in another tick than they were added do not count.
    pub(super) fn quantile(&self, q: f64) -> u64 {
        let positive = || self.buckets.iter().filter(|entry| entry.1 > 0);
        let total: i64 = positive().map(|entry| entry.1).sum();
        #[expect(clippy::cast_precision_loss, reason = "a share needs no more than 53 bits")]
        let rank = total as f64 * q;
        let mut below = 0;
        let mut last = 0;
        for &(bucket, weight) in positive() {
            below += weight;
            last = middle(bucket);
            #[expect(clippy::cast_precision_loss, reason = "a share needs no more than 53 bits")]
            if below as f64 >= rank {
                break;
            }
        }
        last
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_bucket_is_at_most_two_percent_off(micros in 0_u64..1 << 42) {
            let off = middle(bucket(micros)).abs_diff(micros);
            prop_assert!(off * 50 <= micros, "{micros} reads as {}", middle(bucket(micros)));
        }

        #[test]
        fn larger_latencies_never_have_smaller_buckets(a: u64, b: u64) {
            prop_assert!((a < b) <= (bucket(a) <= bucket(b)));
        }

        #[test]
        fn merging_is_the_same_as_adding_and_taking_back_leaves_nothing(
            left in prop::collection::vec(0_u64..10_000_000, 0..50),
            right in prop::collection::vec(0_u64..10_000_000, 0..50),
        ) {
            let of = |values: &[u64], weight| {
                let mut histogram = Histogram::default();
                values.iter().for_each(|&value| histogram.add(bucket(value), weight));
                histogram
            };
            let mut merged = of(&left, 3);
            merged.merge(&of(&right, 3));
            let all: Vec<u64> = left.iter().chain(&right).copied().collect();
            prop_assert_eq!(&merged, &of(&all, 3));
            merged.merge(&of(&all, -3));
            prop_assert_eq!(merged, Histogram::default());
        }

        #[test]
        fn quantiles_are_those_of_the_values(mut values in prop::collection::vec(1_u64..10_000_000, 1..200)) {
            let mut histogram = Histogram::default();
            values.iter().for_each(|&value| histogram.add(bucket(value), 1));
            values.sort_unstable();
            let median = values[(values.len() - 1) / 2];
            prop_assert!(histogram.quantile(0.5).abs_diff(median) * 50 <= median);
        }
    }
}
