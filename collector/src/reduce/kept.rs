//! Kept: values by key, of which there may be so many. In: keys, hashes that are spread well. Out: their
//! values; what was not asked for since longest is forgotten for what is new.
//!
//! Which that is, is found as a clock's hand goes round: whoever was asked for since it last came by stays
//! for another round. Values lie in chunks that never move, so that memory grows with what is kept and not
//! by leaps.

use super::index::{Index, MOST_ENTRIES};
use super::slots::Slots;

/// Whether a value goes when the hand comes by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Nobody is there.
    #[default]
    Empty,
    /// Nobody has asked for it.
    Goes,
    Stays,
}

/// A key and its value.
type Place<T> = (u64, T);

/// Values by key.
#[derive(Debug)]
pub(super) struct Kept<T> {
    by_key: Index,
    places: Slots<Place<T>>,
    /// Of each place.
    states: Vec<State>,
    hand: u32,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self { by_key: Index::default(), places: Slots::default(), states: Vec::new(), hand: 0 }
    }
}

impl<T: Clone + Default> Kept<T> {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// The value of a key; the default, if it is new. At most `most` are kept, this one included.
    pub(super) fn entry(&mut self, key: u64, most: usize) -> &mut T {
        if let Some(number) = self.find(key) {
            return self.touch(number);
        }
        let number = self.add(key, most);
        &mut self.places.get_mut(number).1
    }

    /// The value of a key, which does not become newer by that.
    pub(super) fn get(&self, key: u64) -> Option<&T> {
        self.find(key).map(|number| &self.places.get(number).1)
    }

    pub(super) fn get_mut(&mut self, key: u64) -> Option<&mut T> {
        let number = self.find(key)?;
        Some(self.touch(number))
    }

    fn touch(&mut self, number: u32) -> &mut T {
        self.states[number as usize] = State::Stays;
        &mut self.places.get_mut(number).1
    }

    fn find(&self, key: u64) -> Option<u32> {
        self.by_key.find(key, |number| self.places.get(number).0 == key)
    }

    fn add(&mut self, key: u64, most: usize) -> u32 {
        while self.len() >= most.clamp(1, MOST_ENTRIES) {
            self.go_on();
        }
        if self.by_key.is_full() {
            let there = (0..).zip(self.places.used().zip(&self.states));
            let there = there.filter(|(_, (_, state))| **state != State::Empty);
            self.by_key.rebuild(there.map(|(number, ((key, _), _))| (*key, number)));
        }
        let number = self.places.insert((key, T::default()));
        self.states.resize(self.places.numbers() as usize, State::Empty);
        self.states[number as usize] = State::Goes;
        self.by_key.insert(key, number);
        number
    }

    /// Lets the value go at which the hand is, unless somebody asked for it; and moves the hand on.
    fn go_on(&mut self) {
        let number = self.hand;
        self.hand = (number + 1) % self.places.numbers();
        let state = &mut self.states[number as usize];
        match *state {
            State::Empty => {}
            State::Stays => *state = State::Goes,
            State::Goes => {
                *state = State::Empty;
                self.by_key.remove(self.places.get(number).0, number);
                self.places.remove(number);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;
    use crate::reduce::index::tests::spread;

    proptest! {
        #[test]
        fn there_are_never_more_than_may_be_and_each_is_what_was_put_there(
            steps in prop::collection::vec((0_u64..300, 1_usize..120), 1..1_500),
        ) {
            let mut kept: Kept<u64> = Kept::default();
            let mut model: HashMap<u64, u64> = HashMap::new();
            for (time, (key, most)) in (1..).zip(steps) {
                let known = kept.get(spread(key)).copied();
                let value = kept.entry(spread(key), most);
                if let Some(known) = known {
                    prop_assert_eq!(Some(&known), model.get(&key));
                } else {
                    prop_assert_eq!(*value, 0, "what is forgotten is forgotten");
                }
                *value = time;
                prop_assert_eq!(kept.get_mut(spread(key)).copied(), Some(time));
                model.insert(key, time);
                if known.is_none() {
                    prop_assert!(kept.len() <= most);
                }
                prop_assert_eq!(kept.states.iter().filter(|it| **it != State::Empty).count(), kept.len());
                let found = (0..300).filter(|key| kept.get(spread(*key)).is_some()).count();
                prop_assert_eq!(found, kept.len());
            }
        }

        #[test]
        fn whoever_is_asked_for_stays_while_others_come_and_go(
            favourites in prop::collection::vec(0_u64..1_000, 1..50),
            most in 100_usize..400,
        ) {
            let mut kept: Kept<u64> = Kept::default();
            favourites.iter().for_each(|key| *kept.entry(spread(*key), most) = *key + 1);
            for other in 1_000..5_000 {
                kept.entry(spread(other), most);
                // Seldom enough that only the hand's rounds keep them.
                if other % 40 == 0 {
                    for key in &favourites {
                        prop_assert_eq!(kept.get_mut(spread(*key)).copied(), Some(*key + 1));
                    }
                }
            }
            prop_assert_eq!(kept.len(), most);
        }
    }
}
