//! Index: which entries have a key, by its hash. In: hashes and the numbers of entries. Out: those
//! numbers. A place of four bytes holds the number of an entry and eight bits of its hash, and half to
//! three in four of the places are taken; keys are with the entries, which are rarely looked at for
//! nothing.

/// No entry was ever here.
const EMPTY: u32 = 0;
/// An entry was here; look on.
const GONE: u32 = 1;
/// What an entry's number is more than it is.
const OFFSET: u32 = 2;
const NUMBER_BITS: u32 = 24;
const NUMBER: u32 = (1 << NUMBER_BITS) - 1;

/// Entries may have numbers below this.
pub(super) const MOST_ENTRIES: usize = (NUMBER - OFFSET) as usize;

/// At least so many places.
const LEAST: usize = 16;

/// Numbers of entries by the hash of their key. A hash's bits from 6 on have to be spread well.
#[derive(Debug, Default)]
pub(super) struct Index {
    places: Vec<u32>,
    /// Places that are not empty.
    taken: usize,
    /// Places that hold an entry.
    held: usize,
}

impl Index {
    #[inline]
    fn home(&self, hash: u64) -> usize {
        // A share of the whole, as the hash is a share of all hashes.
        ((u64::from((hash >> 6) as u32) * self.places.len() as u64) >> 32) as usize
    }

    #[inline]
    fn tag(hash: u64) -> u32 {
        ((hash >> 40) as u32) << NUMBER_BITS
    }

    /// The place of an entry.
    #[inline]
    fn place(&self, hash: u64, is: impl Fn(u32) -> bool) -> Option<usize> {
        if self.places.is_empty() {
            return None;
        }
        let tag = Self::tag(hash);
        let mut at = self.home(hash);
        // There is always an empty place.
        loop {
            let there = self.places[at];
            if there == EMPTY {
                return None;
            }
            let number = there & NUMBER;
            if (there ^ tag) <= NUMBER && number >= OFFSET && is(number - OFFSET) {
                return Some(at);
            }
            at += 1;
            if at == self.places.len() {
                at = 0;
            }
        }
    }

    /// The entry of this hash of which `is` is true.
    #[inline]
    pub(super) fn find(&self, hash: u64, is: impl Fn(u32) -> bool) -> Option<u32> {
        self.place(hash, is).map(|at| (self.places[at] & NUMBER) - OFFSET)
    }

    /// Whether one more entry needs [`Self::rebuild`] first.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        // Beyond three in four, searches get long.
        (self.taken + 1) * 4 > self.places.len() * 3
    }

    /// Makes room, and forgets what is gone. `entries` are all entries that are in it.
    pub(super) fn rebuild(&mut self, entries: impl Iterator<Item = (u64, u32)>) {
        // Half of them are taken then, and three in four before the next time.
        let places = ((self.held + 1) * 2).max(LEAST);
        self.places.clear();
        self.places.shrink_to(places);
        self.places.resize(places, EMPTY);
        (self.taken, self.held) = (0, 0);
        for (hash, number) in entries {
            self.insert(hash, number);
        }
    }

    /// Takes an entry in, which is not there yet. There must be room for it.
    #[inline]
    pub(super) fn insert(&mut self, hash: u64, number: u32) {
        let mut at = self.home(hash);
        // Where entries come and go, they take the places of those that went.
        while self.places[at] > GONE {
            at += 1;
            if at == self.places.len() {
                at = 0;
            }
        }
        self.taken += usize::from(self.places[at] == EMPTY);
        self.places[at] = Self::tag(hash) | (number + OFFSET);
        self.held += 1;
    }

    /// Puts an entry in the place of another one of the same hash.
    #[inline]
    pub(super) fn replace(&mut self, hash: u64, number: u32, by: u32) {
        if let Some(at) = self.place(hash, |there| there == number) {
            self.places[at] = Self::tag(hash) | (by + OFFSET);
        }
    }

    /// Takes an entry out.
    pub(super) fn remove(&mut self, hash: u64, number: u32) {
        let Some(at) = self.place(hash, |there| there == number) else { return };
        let next = if at + 1 == self.places.len() { 0 } else { at + 1 };
        self.places[at] = GONE;
        self.held -= 1;
        // Whoever looks on from here, or from a place before that is as good as empty, finds nothing.
        let mut last = at;
        while self.places[next] == EMPTY && self.places[last] == GONE {
            self.places[last] = EMPTY;
            self.taken -= 1;
            last = last.checked_sub(1).unwrap_or(self.places.len() - 1);
        }
    }

    /// Bytes of memory.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.places.capacity() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn spread(key: u64) -> u64 {
        key.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31)
    }

    proptest! {
        #[test]
        fn what_is_in_it_is_found_and_nothing_else_is(
            steps in prop::collection::vec((any::<bool>(), 0_u64..400), 1..3_000),
            // Few different hashes, so that entries have to make way for each other.
            hashes in prop::sample::select(&[3_u64, 50, 1_000][..]),
        ) {
            let mut index = Index::default();
            let mut model: HashMap<u64, u32> = HashMap::new();
            let mut keys: Vec<u64> = Vec::new();
            let hash_of = |key: u64| spread(key % hashes);
            for (adds, key) in steps {
                let found = index.find(hash_of(key), |number| keys[number as usize] == key);
                prop_assert_eq!(found, model.get(&key).copied());
                if let Some(number) = found {
                    if adds {
                        // Moved to another number.
                        let by = u32::try_from(keys.len()).unwrap();
                        keys.push(key);
                        index.replace(hash_of(key), number, by);
                        model.insert(key, by);
                    } else {
                        index.remove(hash_of(key), number);
                        model.remove(&key);
                    }
                } else if adds {
                    let number = u32::try_from(keys.len()).unwrap();
                    keys.push(key);
                    if index.is_full() {
                        index.rebuild(model.iter().map(|(key, number)| (hash_of(*key), *number)));
                    }
                    index.insert(hash_of(key), number);
                    model.insert(key, number);
                }
                prop_assert_eq!(index.held, model.len());
            }
        }
    }

    #[test]
    fn an_entry_takes_at_most_eight_bytes_and_they_are_given_back() {
        let mut index = Index::default();
        let mut held: Vec<(u64, u32)> = Vec::new();
        for number in 0..100_000 {
            if index.is_full() {
                index.rebuild(held.iter().copied());
            }
            index.insert(spread(u64::from(number)), number);
            held.push((spread(u64::from(number)), number));
        }
        assert!(index.bytes() <= 8 * held.len(), "{}", index.bytes());
        for (hash, number) in held.drain(1_000..) {
            index.remove(hash, number);
        }
        index.rebuild(held.iter().copied());
        assert!(index.bytes() < 10_000, "{}", index.bytes());
    }
}
