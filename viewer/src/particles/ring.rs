//! Which slots of the ring buffer hold particles that may still be alive. In: how many are spawned
//! and until when the last of them lives. Out: the slots to write, and the stretches to draw.

use std::collections::VecDeque;
use std::ops::Range;

/// Batches that are kept apart. Ticks come a few times a second and particles live for seconds, so
/// that is never reached in practice; past it batches are joined, and die a little later.
const MAX_BATCHES: usize = 1024;

/// A ring of slots, filled in the order of spawning.
#[derive(Clone, Debug)]
pub(super) struct Ring {
    capacity: u32,
    /// Particles ever spawned, and ever retired. Their difference is what may be alive.
    spawned: u64,
    retired: u64,
    batches: VecDeque<Batch>,
}

/// Particles spawned together.
#[derive(Clone, Copy, Debug)]
struct Batch {
    /// `spawned` after this batch.
    until: u64,
    /// When the last of them arrives, in seconds of the playback clock.
    end: f64,
}

impl Ring {
    /// A ring of `capacity` slots.
    pub(super) fn new(capacity: u32) -> Self {
        Self { capacity: capacity.max(1), spawned: 0, retired: 0, batches: VecDeque::new() }
    }

    /// Free slots.
    pub(super) fn room(&self) -> u32 {
        self.capacity - self.len()
    }

    /// Slots whose particles may be alive.
    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.spawned - self.retired).unwrap_or(self.capacity)
    }

    /// Whether no particle can be alive.
    pub(super) fn is_empty(&self) -> bool {
        self.spawned == self.retired
    }

    /// The slot that the next particle gets.
    pub(super) fn next(&self) -> u32 {
        self.slot(self.spawned)
    }

    /// Takes `count` slots, or as many as there is room for, for particles of which the last arrives
    /// at `end`. They begin at what [`Ring::next`] was, and go on around the end of the ring.
    /// Returns how many were taken.
    pub(super) fn take(&mut self, count: u32, end: f64) -> u32 {
        let taken = count.min(self.room());
        if taken == 0 {
            return 0;
        }
        self.spawned += u64::from(taken);
        let full = self.batches.len() >= MAX_BATCHES;
        match self.batches.back_mut() {
            Some(last) if full => {
                *last = Batch { until: self.spawned, end: last.end.max(end) };
            }
            _ => self.batches.push_back(Batch { until: self.spawned, end }),
        }
        taken
    }

    /// Frees the oldest slots whose particles have all arrived.
    pub(super) fn retire(&mut self, now: f64) {
        while let Some(batch) = self.batches.front().filter(|batch| batch.end < now) {
            self.retired = batch.until;
            self.batches.pop_front();
        }
    }

    /// Frees everything: another source plays, or the clock was set back.
    pub(super) fn clear(&mut self) {
        self.retired = self.spawned;
        self.batches.clear();
    }

    /// The stretches of slots in which particles may be alive; empty ones where there are fewer.
    pub(super) fn alive(&self) -> [Range<u32>; 2] {
        let first = self.slot(self.retired);
        let end = first + self.len();
        if end <= self.capacity {
            [first..end, 0..0]
        } else {
            [first..self.capacity, 0..end - self.capacity]
        }
    }

    fn slot(&self, index: u64) -> u32 {
        // Below the capacity, so it fits.
        (index % u64::from(self.capacity)) as u32
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against a plain list of (slot, end) for every particle.
        #[test]
        fn no_living_particle_is_overwritten_or_left_out(
            capacity in 1..64_u32,
            steps in prop::collection::vec((0..40_u32, 0.0..3.0_f64, 0.0..2.0_f64), 1..200),
        ) {
            let mut ring = Ring::new(capacity);
            let mut living: Vec<(u32, f64)> = Vec::new();
            let mut now = 0.0;
            for (count, life, pause) in steps {
                let first = ring.next();
                let taken = ring.take(count, now + life);
                prop_assert!(taken <= count);
                for i in 0..taken {
                    let slot = (first + i) % capacity;
                    prop_assert!(living.iter().all(|(other, _)| *other != slot));
                    living.push((slot, now + life));
                }
                now += pause;
                ring.retire(now);
                living.retain(|(_, end)| *end >= now);
                let drawn: Vec<u32> = ring.alive().into_iter().flatten().collect();
                prop_assert_eq!(drawn.len() as u32, ring.len());
                for (slot, _) in &living {
                    prop_assert!(drawn.contains(slot));
                }
                // What is drawn in vain must still be taken: nothing there is free.
                living.retain(|(slot, _)| drawn.contains(slot));
                prop_assert_eq!(ring.room(), capacity - ring.len());
            }
            ring.retire(f64::INFINITY);
            prop_assert!(ring.is_empty());
        }
    }

    #[test]
    fn a_full_ring_takes_what_it_has_room_for() {
        let mut ring = Ring::new(8);
        assert_eq!(ring.take(5, 1.0), 5);
        assert_eq!(ring.take(5, 1.0), 3);
        assert_eq!(ring.take(5, 1.0), 0);
        ring.retire(2.0);
        assert_eq!(ring.take(5, 3.0), 5);
        assert_eq!(ring.alive(), [0..5, 0..0]);
    }

    #[test]
    fn batches_without_number_cost_no_memory() {
        let mut ring = Ring::new(1 << 20);
        for i in 0..10_000 {
            ring.take(1, f64::from(i));
        }
        assert!(ring.batches.len() <= MAX_BATCHES);
        ring.retire(10_000.0);
        assert!(ring.is_empty());
    }
}
