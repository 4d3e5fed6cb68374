//! Recall: small answers that were found before, by a hash of the question. In: a hash. Out: the
//! answer, if no other question has taken its place since. Asking takes one look at one place and no
//! lock; whoever finds nothing finds out the long way, and tells.
//!
//! Of a question's hash 56 bits are compared, with a seed that nobody outside knows, so that the
//! answer to another question is not to be expected in the life of a program.

use std::sync::atomic::{AtomicU64, Ordering};

/// Bits of an answer.
pub(super) const ANSWER_BITS: u32 = 20;
const ANSWER: u64 = (1 << ANSWER_BITS) - 1;

/// A power of two: 32 KiB, which the processor keeps at hand.
const PLACES: usize = 1 << 12;

/// Answers by the hash of their questions.
#[derive(Debug)]
pub(super) struct Recall {
    places: Box<[AtomicU64]>,
}

impl Default for Recall {
    fn default() -> Self {
        Self { places: (0..PLACES).map(|_| AtomicU64::new(0)).collect() }
    }
}

impl Recall {
    #[inline]
    fn place(&self, hash: u64) -> &AtomicU64 {
        // The lowest bits name the place; they are not among those that are compared.
        &self.places[(hash & (PLACES as u64 - 1)) as usize]
    }

    /// The answer to the question of this hash.
    #[inline]
    pub(super) fn get(&self, hash: u64) -> Option<u32> {
        let there = self.place(hash).load(Ordering::Relaxed);
        // Nothing was ever told of a place that holds 0.
        let known = there != 0 && (there ^ hash) & !ANSWER == 0;
        // The mask leaves 20 bits.
        known.then_some((there & ANSWER) as u32)
    }

    /// Remembers an answer of at most [`ANSWER_BITS`]; a larger one is not remembered.
    pub(super) fn put(&self, hash: u64, answer: u32) {
        let answer = u64::from(answer);
        if answer <= ANSWER {
            self.place(hash).store((hash & !ANSWER) | answer, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_answer_is_the_last_one_told_or_nothing(
            told in prop::collection::vec((any::<u64>(), any::<u32>()), 1..200),
        ) {
            let recall = Recall::default();
            for &(hash, answer) in &told {
                recall.put(hash, answer);
                let known = answer >> ANSWER_BITS == 0 && (hash & !ANSWER != 0 || answer != 0);
                prop_assert!(!known || recall.get(hash) == Some(answer));
            }
            for &(hash, _) in &told {
                let last = told.iter().rfind(|(other, answer)| {
                    *other == hash && answer >> ANSWER_BITS == 0
                });
                prop_assert!(recall.get(hash).is_none_or(|found| last.map(|it| it.1) == Some(found)));
            }
        }
    }

    #[test]
    fn a_question_that_takes_the_place_of_another_leaves_the_other_without_an_answer() {
        let recall = Recall::default();
        let (one, other) = (0xabcd_0000_0000_0007, 0x1234_0000_0000_0007);
        recall.put(one, 5);
        assert_eq!((recall.get(one), recall.get(other)), (Some(5), None));
        recall.put(other, 6);
        assert_eq!((recall.get(one), recall.get(other)), (None, Some(6)));
    }
}
