//! Index: which entries have a key, by its hash. In: hashes and the numbers of entries. Out: those
//! numbers. A place of four bytes holds the number of an entry and eight bits of its hash; keys are with
//! the entries, which are rarely looked at for nothing.
//!
//! Fifteen places and a count make a bucket, which is one line of the processor's cache: nearly every
//! look is a look at one line. Who finds its bucket full goes to the next one with room, and is counted
//! in those that it passed; whoever looks goes on only where somebody passed. So nothing is left behind
//! by those that go, and four in five to fourteen in fifteen of the places are taken.

use prefetch_index::prefetch_index;

const NUMBER_BITS: u32 = 24;
const NUMBER: u32 = (1 << NUMBER_BITS) - 1;

/// Entries may have numbers below this.
pub(super) const MOST_ENTRIES: usize = NUMBER as usize;

/// Places of a bucket.
const PLACES: usize = 15;

/// Entries for each bucket when room has to be made: beyond that, many pass.
const FULL: usize = 14;

/// Buckets are allocated so many at once, 16 KiB, so that what grows leaves no holes in memory that
/// nothing fits into.
const PAGE: usize = 256;

/// A line of the processor's cache. The first places are taken; a place holds one more than a number, and
/// 0 is nobody. Behind the places are two counts: in the low eight bits, how many are taken; above that,
/// how many entries passed.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
struct Bucket([u32; PLACES + 1]);

impl Bucket {
    const TAKEN: u32 = 0xff;
    const PASSED: u32 = 1 << 8;

    #[inline]
    fn taken(&self) -> usize {
        (self.0[PLACES] & Self::TAKEN) as usize
    }

    #[inline]
    fn was_passed(&self) -> bool {
        self.0[PLACES] >= Self::PASSED
    }

    /// The places that may be those of this tag, as bits.
    #[inline]
    fn alike(&self, tag: u32) -> u32 {
        let mut alike = 0;
        for (bit, &place) in self.0.iter().enumerate() {
            alike |= u32::from(place & !NUMBER == tag) << bit;
        }
        alike & ((1 << PLACES) - 1)
    }

    /// Takes one in, if there is room.
    #[inline]
    fn put(&mut self, place: u32) -> bool {
        let taken = self.taken();
        if taken == PLACES {
            self.0[PLACES] += Self::PASSED;
            return false;
        }
        self.0[taken] = place;
        self.0[PLACES] += 1;
        true
    }

    fn take_out(&mut self, place: usize) {
        let last = self.taken() - 1;
        self.0[place] = self.0[last];
        self.0[last] = 0;
        self.0[PLACES] -= 1;
    }
}

/// Numbers of entries by the hash of their key. A hash's bits from 6 on have to be spread well.
#[derive(Debug, Default)]
pub(super) struct Index {
    pages: Vec<Box<[Bucket]>>,
    buckets: usize,
    held: usize,
}

impl Index {
    #[inline]
    fn home(&self, hash: u64) -> usize {
        // A share of the whole, as the hash is a share of all hashes.
        ((u64::from((hash >> 6) as u32) * self.buckets as u64) >> 32) as usize
    }

    #[inline]
    fn after(&self, bucket: usize) -> usize {
        if bucket + 1 == self.buckets { 0 } else { bucket + 1 }
    }

    /// In the upper bits; never 0, which is that of a place where nobody is.
    #[inline]
    fn tag(hash: u64) -> u32 {
        ((hash >> 40) as u32 & 0xff).max(1) << NUMBER_BITS
    }

    #[inline]
    fn bucket(&self, bucket: usize) -> &Bucket {
        &self.pages[bucket / PAGE][bucket % PAGE]
    }

    #[inline]
    fn bucket_mut(&mut self, bucket: usize) -> &mut Bucket {
        &mut self.pages[bucket / PAGE][bucket % PAGE]
    }

    /// Has the processor fetch what a look for this hash will look at.
    #[inline]
    pub(super) fn prefetch(&self, hash: u64) {
        let home = self.home(hash);
        if let Some(page) = self.pages.get(home / PAGE) {
            prefetch_index(page, home % PAGE);
        }
    }

    /// The bucket and the place of an entry.
    #[inline]
    fn place(&self, hash: u64, is: impl Fn(u32) -> bool) -> Option<(usize, usize)> {
        if self.held == 0 {
            return None;
        }
        let tag = Self::tag(hash);
        let home = self.home(hash);
        let mut at = home;
        loop {
            let bucket = self.bucket(at);
            let mut alike = bucket.alike(tag);
            while alike != 0 {
                let place = alike.trailing_zeros() as usize;
                if is((bucket.0[place] & NUMBER) - 1) {
                    return Some((at, place));
                }
                alike &= alike - 1;
            }
            at = self.after(at);
            // Where there are few, all may have been passed.
            if !bucket.was_passed() || at == home {
                return None;
            }
        }
    }

    /// The entry of this hash of which `is` is true.
    #[inline]
    pub(super) fn find(&self, hash: u64, is: impl Fn(u32) -> bool) -> Option<u32> {
        self.place(hash, is).map(|(at, place)| (self.bucket(at).0[place] & NUMBER) - 1)
    }

    /// Whether one more entry needs [`Self::rebuild`] first.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.held >= self.buckets * FULL
    }

    /// Makes room. `entries` are all entries that are in it.
    pub(super) fn rebuild(&mut self, entries: impl Iterator<Item = (u64, u32)>) {
        // Large ones grow by a sixth, small ones twofold.
        const LARGE: usize = 1 << 13;
        let each = if self.held < LARGE { FULL / 2 } else { FULL * 6 / 7 };
        self.buckets = self.held / each + 1;
        self.held = 0;
        let pages = self.buckets.div_ceil(PAGE);
        if pages != 1 && self.pages.first().is_some_and(|page| page.len() < PAGE) {
            self.pages.clear();
        }
        self.pages.truncate(pages);
        self.pages.iter_mut().for_each(|page| page.fill(Bucket::default()));
        if pages == 1 && self.pages.first().is_none_or(|page| page.len() != self.buckets) {
            self.pages = vec![vec![Bucket::default(); self.buckets].into_boxed_slice()];
        }
        self.pages.resize_with(pages, || vec![Bucket::default(); PAGE].into_boxed_slice());
        for (hash, number) in entries {
            self.insert(hash, number);
        }
    }

    /// Takes an entry in, which is not there yet. There must be room for it.
    #[inline]
    pub(super) fn insert(&mut self, hash: u64, number: u32) {
        let place = Self::tag(hash) | (number + 1);
        let mut at = self.home(hash);
        while !self.bucket_mut(at).put(place) {
            at = self.after(at);
        }
        self.held += 1;
    }

    /// Puts an entry in the place of another one of the same hash.
    #[inline]
    pub(super) fn replace(&mut self, hash: u64, number: u32, by: u32) {
        if let Some((at, place)) = self.place(hash, |there| there == number) {
            self.bucket_mut(at).0[place] = Self::tag(hash) | (by + 1);
        }
    }

    /// Takes an entry out.
    pub(super) fn remove(&mut self, hash: u64, number: u32) {
        let Some((at, place)) = self.place(hash, |there| there == number) else { return };
        self.bucket_mut(at).take_out(place);
        let mut passed = self.home(hash);
        while passed != at {
            self.bucket_mut(passed).0[PLACES] -= Bucket::PASSED;
            passed = self.after(passed);
        }
        self.held -= 1;
    }

    /// How many entries are in it.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.held
    }

    /// Bytes of memory.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.pages.iter().map(|page| page.len() * size_of::<Bucket>()).sum()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    pub(in crate::reduce) fn spread(key: u64) -> u64 {
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
                prop_assert_eq!(index.len(), model.len());
            }
            // Whoever leaves is forgotten where it passed, or each look would go further and further.
            for (key, number) in model {
                index.remove(hash_of(key), number);
            }
            prop_assert!(index.pages.iter().flat_map(|page| page.iter()).all(|bucket| !bucket.was_passed()));
        }
    }

    #[test]
    fn an_entry_takes_at_most_five_and_a_half_bytes_and_they_are_given_back() {
        let mut index = Index::default();
        let mut held: Vec<(u64, u32)> = Vec::new();
        for number in 0..100_000 {
            if index.is_full() {
                index.rebuild(held.iter().copied());
            }
            index.insert(spread(u64::from(number)), number);
            held.push((spread(u64::from(number)), number));
            let pages = 2 * PAGE * size_of::<Bucket>();
            assert!(2 * index.bytes() <= 11 * held.len() + 2 * pages, "{}", index.bytes());
        }
        for (hash, number) in held.drain(1_000..) {
            index.remove(hash, number);
        }
        index.rebuild(held.iter().copied());
        assert!(index.bytes() < 10_000, "{}", index.bytes());
    }
}
