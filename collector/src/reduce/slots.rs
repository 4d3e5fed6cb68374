//! Slots: values that stay where they are put, each with a number. In: values. Out: the same, by their
//! numbers. Numbers of those that were taken out are used again, the last one first, which the
//! processor still has at hand.

use prefetch_index::prefetch_index;

/// Values are allocated so many at once, and never moved.
const CHUNK: usize = 256;

/// Values by number.
#[derive(Debug)]
pub(super) struct Slots<T> {
    chunks: Vec<Box<[T]>>,
    /// Numbers that were ever used.
    used: u32,
    /// Those of them that are not.
    free: Vec<u32>,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self { chunks: Vec::new(), used: 0, free: Vec::new() }
    }
}

impl<T: Clone + Default> Slots<T> {
    /// How many values there are.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.used as usize - self.free.len()
    }

    /// How many numbers were ever given out: all are below that.
    pub(super) fn numbers(&self) -> u32 {
        self.used
    }

    #[inline]
    pub(super) fn get(&self, number: u32) -> &T {
        &self.chunks[number as usize / CHUNK][number as usize % CHUNK]
    }

    #[inline]
    pub(super) fn get_mut(&mut self, number: u32) -> &mut T {
        &mut self.chunks[number as usize / CHUNK][number as usize % CHUNK]
    }

    /// Has the processor fetch a value that will be looked at.
    #[inline]
    pub(super) fn prefetch(&self, number: u32) {
        if let Some(chunk) = self.chunks.get(number as usize / CHUNK) {
            prefetch_index(chunk, number as usize % CHUNK);
        }
    }

    /// Takes a value in; returns its number.
    #[inline]
    pub(super) fn insert(&mut self, value: T) -> u32 {
        let number = self.free.pop().unwrap_or_else(|| {
            if self.used as usize == self.chunks.len() * CHUNK {
                self.chunks.push(vec![T::default(); CHUNK].into_boxed_slice());
            }
            self.used += 1;
            self.used - 1
        });
        *self.get_mut(number) = value;
        number
    }

    /// Takes a value out, and leaves the default in its place.
    #[inline]
    pub(super) fn remove(&mut self, number: u32) {
        *self.get_mut(number) = T::default();
        self.free.push(number);
    }

    /// All values that were ever put in, by number; the default where one was taken out.
    pub(super) fn used(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flat_map(|chunk| chunk.iter()).take(self.used as usize)
    }

    /// Whether there is more memory than the least.
    pub(super) fn is_spread(&self) -> bool {
        self.chunks.len() > 1
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_value_stays_until_it_is_taken_out_and_its_number_is_used_again(
            steps in prop::collection::vec(prop::option::of(1_u32..9), 1..2_000),
        ) {
            let (mut slots, mut model) = (Slots::default(), BTreeMap::new());
            let mut most = 0;
            for step in steps {
                match (step, model.pop_first()) {
                    (Some(value), first) => {
                        model.extend(first);
                        prop_assert_eq!(model.insert(slots.insert(value), value), None);
                    }
                    (None, Some((number, value))) => {
                        prop_assert_eq!(*slots.get(number), value);
                        slots.remove(number);
                    }
                    (None, None) => {}
                }
                most = most.max(model.len());
                prop_assert_eq!(slots.len(), model.len());
            }
            prop_assert_eq!(slots.used().count(), most, "numbers are used again");
            prop_assert_eq!(slots.used().filter(|value| **value != 0).count(), model.len());
        }
    }
}
