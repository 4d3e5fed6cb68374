//! Which slots of the ring buffer hold particles that may still be alive. In: how many of which form are
//! spawned and until when the last of them lives. Out: the slots to write, and the stretches to draw.

use std::collections::VecDeque;
use std::ops::Range;

use crate::scene::draw::{Alive, Form};

/// Batches that are kept apart. Ticks come a few times a second and particles live for seconds, so
/// that is never reached in practice; past it batches are joined, and die a little later.
const MAX_BATCHES: usize = 1024;

/// Batches whose last particles arrive within so many seconds are one.
const TOGETHER: f64 = 0.1;

/// Slots that are drawn in vain rather than in two stretches: a draw costs about as much.
const SMALL_GAP: u32 = 64;

/// A ring of slots, filled in the order of spawning.
#[derive(Clone, Debug)]
pub(super) struct Ring {
    capacity: u32,
    /// Particles ever spawned, and ever retired. Their difference is what may be alive.
    spawned: u64,
    retired: u64,
    batches: VecDeque<Batch>,
}

/// Particles spawned together: of one form, unless there are too many batches.
#[derive(Clone, Copy, Debug)]
struct Batch {
    /// `spawned` after this batch.
    until: u64,
    dots: bool,
    signs: bool,
    /// When the last of them arrives, in seconds of the playback clock.
    end: f64,
    /// What that was at first, before others joined.
    first_end: f64,
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

    /// Takes `count` slots, or as many as there is room for, for particles of `form` of which the last
    /// arrives at `end`. They begin at what [`Ring::next`] was, and go on around the end of the ring.
    /// Returns how many were taken.
    pub(super) fn take(&mut self, form: Form, count: u32, end: f64) -> u32 {
        let taken = count.min(self.room());
        if taken == 0 {
            return 0;
        }
        self.spawned += u64::from(taken);
        let full = self.batches.len() >= MAX_BATCHES;
        let (dots, signs) = (form == Form::Dot, form == Form::Sign);
        match self.batches.back_mut() {
            Some(last)
                if full
                    || (last.dots, last.signs) == (dots, signs)
                        && (end - last.first_end).abs() <= TOGETHER =>
            {
                (last.until, last.end) = (self.spawned, last.end.max(end));
                (last.dots, last.signs) = (last.dots || dots, last.signs || signs);
            }
            _ => self.batches.push_back(Batch {
                until: self.spawned,
                dots,
                signs,
                end,
                first_end: end,
            }),
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

    /// Fills `alive` with those slots in which particles may be alive at `now`, oldest first. Of what has
    /// arrived while older ones are still under way, only small gaps are drawn in vain.
    pub(super) fn alive(&self, now: f64, alive: &mut Alive) {
        alive.dots.clear();
        alive.signs.clear();
        let mut begin = self.retired;
        let mut all = None;
        for batch in &self.batches {
            let from = std::mem::replace(&mut begin, batch.until);
            if batch.end >= now {
                all = Some((all.map_or(from, |(first, _)| first), batch.until));
                if batch.dots {
                    self.stretch(from, batch.until, &mut alive.dots);
                }
                if batch.signs {
                    self.stretch(from, batch.until, &mut alive.signs);
                }
            }
        }
        let (from, until) = all.unwrap_or_default();
        // No more than the capacity, so it fits.
        (alive.first, alive.count) = (self.slot(from), (until - from) as u32);
    }

    /// Adds what lies between two counts of particles, in at most two parts around the ring's end.
    fn stretch(&self, from: u64, until: u64, stretches: &mut Vec<Range<u32>>) {
        let first = self.slot(from);
        // No more than the capacity, so it fits.
        let end = first + (until - from) as u32;
        match stretches.last_mut() {
            Some(last) if last.end <= first && first - last.end <= SMALL_GAP => {
                last.end = end.min(self.capacity);
            }
            _ => stretches.push(first..end.min(self.capacity)),
        }
        if end > self.capacity {
            stretches.push(0..end - self.capacity);
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

    use std::collections::BTreeSet;

    use super::*;

    fn alive(ring: &Ring, now: f64) -> Alive {
        // What was there before is forgotten.
        let mut alive =
            Alive { first: 9, count: 3, dots: vec![7..9, 0..1], signs: vec![3..4, 5..6] };
        ring.alive(now, &mut alive);
        alive
    }

    fn drawn(stretches: &[Range<u32>]) -> Vec<u32> {
        stretches.iter().cloned().flatten().collect()
    }

    fn any_form() -> impl Strategy<Value = Form> {
        prop_oneof![Just(Form::Dot), Just(Form::Sign)]
    }

    proptest! {
        /// Against a plain list of (slot, form, end) for every particle.
        #[test]
        fn no_living_particle_is_overwritten_or_left_out(
            capacity in 1..64_u32,
            steps in
                prop::collection::vec((any_form(), 0..40_u32, 0.0..3.0_f64, 0.0..2.0_f64), 1..200),
        ) {
            let mut ring = Ring::new(capacity);
            let mut living: Vec<(u32, Form, f64)> = Vec::new();
            let mut now = 0.0;
            for (form, count, life, pause) in steps {
                let first = ring.next();
                let taken = ring.take(form, count, now + life);
                prop_assert!(taken <= count);
                for i in 0..taken {
                    let slot = (first + i) % capacity;
                    prop_assert!(living.iter().all(|(other, ..)| *other != slot));
                    living.push((slot, form, now + life));
                }
                now += pause;
                ring.retire(now);
                living.retain(|(.., end)| *end >= now);
                let alive = alive(&ring, now);
                let all: BTreeSet<u32> =
                    (0..alive.count).map(|i| (alive.first + i) % capacity).collect();
                prop_assert!(alive.count <= ring.len(), "nothing is placed that is free");
                for (form, stretches) in [(Form::Dot, alive.dots), (Form::Sign, alive.signs)] {
                    let drawn = drawn(&stretches);
                    let once: BTreeSet<u32> = drawn.iter().copied().collect();
                    prop_assert_eq!(drawn.len(), once.len(), "no particle is drawn twice");
                    prop_assert!(once.is_subset(&all), "nothing is drawn that has no place");
                    for (slot, ..) in living.iter().filter(|(_, is, _)| *is == form) {
                        prop_assert!(once.contains(slot));
                    }
                }
                prop_assert_eq!(ring.room(), capacity - ring.len());
            }
            ring.retire(f64::INFINITY);
            prop_assert!(ring.is_empty());
        }
    }

    #[test]
    fn a_full_ring_takes_what_it_has_room_for() {
        let mut ring = Ring::new(8);
        assert_eq!(ring.take(Form::Dot, 5, 1.0), 5);
        assert_eq!(ring.take(Form::Dot, 5, 1.0), 3);
        assert_eq!(ring.take(Form::Dot, 5, 1.0), 0);
        ring.retire(2.0);
        assert_eq!(ring.take(Form::Dot, 5, 3.0), 5);
        assert_eq!(drawn(&alive(&ring, 2.0).dots), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn what_has_arrived_between_others_is_not_drawn() {
        let mut ring = Ring::new(1000);
        for (count, end) in [(100, 9.0), (100, 8.95), (300, 1.0), (10, 9.0), (10, 2.0), (10, 9.0)] {
            assert_eq!(ring.take(Form::Dot, count, end), count);
        }
        ring.retire(5.0);
        // The second gap is too small to be worth it.
        assert_eq!(alive(&ring, 5.0).dots, [0..200, 500..530]);
        assert_eq!(ring.take(Form::Dot, 600, 12.0), 470, "what has arrived there is not free yet");
        ring.retire(10.0);
        assert_eq!(ring.take(Form::Dot, 50, 13.0), 50);
        assert_eq!(alive(&ring, 10.0).dots, [530..1000, 0..50]);
    }

    #[test]
    fn dots_and_signs_are_drawn_apart_and_over_small_gaps_of_each_other() {
        let mut ring = Ring::new(1000);
        for (form, count) in [
            (Form::Dot, 100),
            (Form::Sign, 10),
            (Form::Dot, 100),
            (Form::Sign, 200),
            (Form::Dot, 1),
        ] {
            ring.take(form, count, 9.0);
        }
        let Alive { first, count, dots, signs } = alive(&ring, 0.0);
        assert_eq!((first, count), (0, 411));
        assert_eq!(dots, [0..210, 410..411]);
        assert_eq!(signs, [100..110, 210..410]);
    }

    #[test]
    fn a_batch_that_others_join_without_end_ends_all_the_same() {
        let mut ring = Ring::new(1 << 20);
        for i in 0..1000 {
            ring.take(Form::Dot, 10, f64::from(i) * 0.05);
        }
        ring.retire(25.0);
        assert!(ring.len() <= 10 * 505, "{}", ring.len());
    }

    #[test]
    fn batches_without_number_cost_no_memory() {
        let mut ring = Ring::new(1 << 20);
        for i in 0..10_000 {
            ring.take(if i % 2 == 0 { Form::Dot } else { Form::Sign }, 1, f64::from(i));
        }
        assert!(ring.batches.len() <= MAX_BATCHES);
        ring.retire(10_000.0);
        assert!(ring.is_empty());
    }
}
