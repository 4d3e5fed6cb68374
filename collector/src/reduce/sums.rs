//! Sums: hops added up. In: hops, and hops taken back. Out: counts by class, latencies, and these
//! by operation and version.
//!
//! Counts are whole millionths of a hop, so that sums are the same in every order of arrival.

use smallvec::SmallVec;

use super::Summary;
use super::histogram::Histogram;
use super::hop::{Class, Counts};
use super::sides::Sides;
use super::tally::{Counted, Ends, ONE};

/// An edge keeps this many operations apart; the rest share one.
const MOST_OPERATIONS: usize = 100;
/// The operation that stands for those.
pub(super) const OTHER_OPERATIONS: u32 = u32::MAX;

const OK: usize = Class::Ok as usize;
const SLOW: usize = Class::Slow as usize;
const COLD: usize = 4;

/// Hops by class, and what they took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    /// By class, then cold.
    counts: [i64; 5],
    /// Latencies of hops that worked: ok and slow ones.
    worked: Histogram,
    /// Latencies of the others; they are short or a timeout, and would bend what is usual.
    failed: Histogram,
    /// Hops that worked and have a known latency, whatever they stand for.
    timed: i64,
    /// Hops that only their caller told of, and those that both sides did.
    lone: i64,
    both: i64,
}

impl Sums {
    fn add(&mut self, hop: &Counted, sign: i64) {
        let weight = hop.weight * sign;
        self.counts[hop.class as usize] += weight;
        if hop.cold {
            self.counts[COLD] += weight;
        }
        match hop.sighting.sides {
            // Who refuses a call sends no span of it.
            Sides::Client if hop.class != Class::Throttled => self.lone += weight,
            Sides::Both | Sides::Across => self.both += weight,
            _ => {}
        }
        if let Class::Ok | Class::Slow = hop.class {
            self.worked.add(hop.latency, weight);
            self.timed += if hop.latency == 0 { 0 } else { sign };
        } else {
            self.failed.add(hop.latency, weight);
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.counts.iter_mut().zip(other.counts).for_each(|(sum, count)| *sum += count);
        self.worked.merge(&other.worked);
        self.failed.merge(&other.failed);
        self.timed += other.timed;
        self.lone += other.lone;
        self.both += other.both;
    }

    /// Of these hops, in millionths, those of which one end is not known. A callee that never tells
    /// of any request is no callee whose span was lost; `answered`: this one has told of some.
    pub(super) fn unknown(&self, ends: Ends, answered: impl FnOnce() -> bool) -> i64 {
        if ends.from_unknown {
            self.total()
        } else if self.lone != 0 && (ends.tells || answered()) {
            self.lone
        } else {
            0
        }
    }

    fn total(&self) -> i64 {
        self.counts[..COLD].iter().sum()
    }

    /// Latencies of the hops that worked, and how many of these have one.
    pub(super) fn worked(&self) -> (&Histogram, i64) {
        (&self.worked, self.timed)
    }

    /// These sums, all of whose hops that worked are still ok, with those that took longer than
    /// `over_us` as slow; to be added to `before`.
    ///
    /// A hop that is taken back was perhaps counted when the limit was another. So what is taken
    /// back is never more than there was: whatever goes, sums of each class stay right.
    fn judged(mut self, before: &Self, over_us: Option<u64>) -> Self {
        let worked = self.counts[OK];
        let slow = over_us.map_or(0, |over| self.worked.weight_above(over));
        let slow = slow.min(worked + before.counts[OK]).max(-before.counts[SLOW]);
        self.counts[OK] = worked - slow;
        self.counts[SLOW] = slow;
        self
    }

    fn counts(&self) -> Counts {
        #[expect(clippy::cast_precision_loss, reason = "exact up to nine billion hops")]
        let [ok, slow, throttled, error, cold] = self.counts.map(|sum| sum as f64 / ONE as f64);
        Counts { ok, slow, throttled, error, cold }
    }

    pub(super) fn summary(&self) -> Summary {
        let mut both = Histogram::default();
        let latency = match (self.worked.is_empty(), self.failed.is_empty()) {
            (_, true) => &self.worked,
            (true, _) => &self.failed,
            (false, false) => {
                both.merge(&self.worked);
                both.merge(&self.failed);
                &both
            }
        };
        Summary {
            counts: self.counts(),
            p50_us: latency.quantile(0.5),
            p95_us: latency.quantile(0.95),
            p99_us: latency.quantile(0.99),
        }
    }
}

/// Sums of an edge, or of several edges together.
#[derive(Clone, Debug, Default)]
pub(super) struct AccountSums {
    operations: Few<Sums>,
    /// Hops by version, in millionths.
    versions: Few<i64>,
}

/// Values by the number of a text, sorted. Mostly there is one.
#[derive(Clone, Debug)]
struct Few<T>(SmallVec<[(u32, T); 1]>);

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self(SmallVec::new())
    }
}

impl<T: Default> Few<T> {
    fn place(&self, number: u32) -> Result<usize, usize> {
        self.0.binary_search_by_key(&number, |(number, _)| *number)
    }

    /// The value of a number, which is made if it is new.
    fn entry(&mut self, number: u32) -> &mut T {
        let place = self.place(number).unwrap_or_else(|place| {
            self.0.insert(place, (number, T::default()));
            place
        });
        &mut self.0[place].1
    }
}

impl AccountSums {
    pub(super) fn add(&mut self, hop: &Counted, sign: i64) {
        self.operation(hop.operation).add(hop, sign);
        *self.versions.entry(hop.version) += hop.weight * sign;
    }

    /// The sums of an operation, or of the other ones where there are too many.
    fn operation(&mut self, operation: u32) -> &mut Sums {
        let has_room =
            self.operations.0.len() < MOST_OPERATIONS || self.operations.place(operation).is_ok();
        self.operations.entry(if has_room { operation } else { OTHER_OPERATIONS })
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (operation, sums) in &other.operations.0 {
            self.operations.entry(*operation).merge(sums);
        }
        self.add_versions(&other.versions);
    }

    /// Adds hops that nobody has judged yet; says what was added, of all operations.
    pub(super) fn settle(&mut self, tick: Self, over_us: Option<u64>) -> Sums {
        let mut added = Sums::default();
        for (operation, sums) in tick.operations.0 {
            let own = self.operation(operation);
            let judged = sums.judged(own, over_us);
            own.merge(&judged);
            added.merge(&judged);
        }
        self.add_versions(&tick.versions);
        added
    }

    fn add_versions(&mut self, versions: &Few<i64>) {
        for (version, hops) in &versions.0 {
            *self.versions.entry(*version) += hops;
        }
    }

    /// Whether everything that was counted was taken back.
    pub(super) fn is_nothing(&self) -> bool {
        self.parts().all(|sums| sums.counts == [0; 5])
    }

    /// Whether a callee has told of any of these hops.
    pub(super) fn answered(&self) -> bool {
        self.parts().any(|sums| sums.both != 0)
    }

    /// See [`Sums::unknown`].
    pub(super) fn unknown(&self, ends: Ends) -> i64 {
        let answered = self.answered();
        self.parts().map(|sums| sums.unknown(ends, || answered)).sum()
    }

    /// The sums of every operation, each for itself.
    pub(super) fn parts(&self) -> impl Iterator<Item = &Sums> {
        self.operations.0.iter().map(|(_, sums)| sums)
    }

    pub(super) fn summary(&self) -> Summary {
        let mut all = Sums::default();
        self.parts().for_each(|sums| all.merge(sums));
        all.summary()
    }

    /// The texts that name operations and versions of hops, each at least once.
    pub(super) fn texts(&self) -> impl Iterator<Item = u32> {
        let operations = self.operations.0.iter().filter(|(_, sums)| sums.counts != [0; 5]);
        operations.map(|(text, _)| *text).chain(self.by_version().map(|(text, _)| text))
    }

    /// `(operation, its sums)`, busiest first.
    pub(super) fn operations(&self) -> Vec<(u32, Summary)> {
        let mut operations: Vec<_> = self
            .operations
            .0
            .iter()
            .map(|(operation, sums)| (*operation, sums.summary()))
            .filter(|(_, summary)| summary.counts.total() != 0.0)
            .collect();
        operations.sort_by(|a, b| b.1.counts.total().total_cmp(&a.1.counts.total()));
        operations
    }

    /// The text of each version and its hops, in millionths, of either sign.
    pub(super) fn by_version(&self) -> impl Iterator<Item = (u32, i64)> {
        self.versions.0.iter().copied().filter(|(_, hops)| *hops != 0)
    }

    /// `(version, hops)`.
    pub(super) fn versions(&self) -> impl Iterator<Item = (u32, u64)> {
        self.versions
            .0
            .iter()
            .map(|(version, hops)| (*version, u64::try_from(hops / ONE).unwrap_or(0)))
            .filter(|(_, hops)| *hops > 0)
    }
}
