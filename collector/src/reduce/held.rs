//! Held: the halves of a shard, while anything may still come for them. In: halves. Out: those with
//! a key, and those with a parent.
//!
//! Entries have numbers and stay where they are; two indices find them by their span, and the first
//! of those that name the same span as their parent, from which the others follow. Whoever has found
//! one goes on with its number.

use hashbrown::HashMap;
use smallvec::SmallVec;

use super::entry::{Entry, Rare, Ties};
use super::half::{Half, SpanKey};
use super::index::Index;
use super::slots::Slots;

/// A shard's halves.
#[derive(Debug, Default)]
pub(super) struct Held {
    entries: Slots<Entry>,
    by_key: Index,
    by_parent: Index,
    /// Of those that have any.
    ties: Slots<Ties>,
    /// By the number of the entry.
    rare: HashMap<u32, Rare, foldhash::fast::RandomState>,
}

/// Spans, mostly few.
pub(super) type Keys = SmallVec<[SpanKey; 2]>;

impl Held {
    /// How many halves there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The entry of this number.
    #[inline]
    pub(super) fn entry(&self, number: u32) -> &Entry {
        self.entries.get(number)
    }

    /// The number of a span's entry.
    #[inline]
    pub(super) fn find(&self, key: SpanKey) -> Option<u32> {
        self.by_key.find(key, |number| self.entry(number).key() == key)
    }

    #[inline]
    pub(super) fn contains(&self, key: SpanKey) -> bool {
        self.find(key).is_some()
    }

    /// Has the processor fetch what it takes to take in a half of this span and parent.
    #[inline]
    pub(super) fn prefetch(&self, key: SpanKey, parent: SpanKey) {
        self.by_key.prefetch(key);
        self.by_parent.prefetch(key);
        if parent != 0 {
            self.by_key.prefetch(parent);
            self.by_parent.prefetch(parent);
        }
    }

    /// Has the processor fetch an entry.
    #[inline]
    pub(super) fn prefetch_entry(&self, number: u32) {
        self.entries.prefetch(number);
    }

    /// Has the processor fetch what it takes to take out the half of this number, whose entry it has.
    #[inline]
    pub(super) fn prefetch_beside(&self, number: u32) {
        let entry = self.entry(number);
        self.by_key.prefetch(entry.key());
        if entry.parent() != 0 {
            self.by_key.prefetch(entry.parent());
            self.by_parent.prefetch(entry.parent());
        }
        if let Some(at) = entry.beside.ties() {
            self.ties.prefetch(at);
        }
    }

    /// The hash of the request id of the half of this number; 0 is none.
    #[inline]
    pub(super) fn request(&self, number: u32) -> u64 {
        self.entry(number).beside.ties().map_or(0, |at| self.ties.get(at).request())
    }

    /// The half of this number.
    #[inline]
    pub(super) fn half(&self, number: u32) -> Half {
        let entry = self.entry(number);
        let ties = entry.beside.ties().map_or_else(Ties::default, |at| *self.ties.get(at));
        let rare = if entry.beside.is_rare() { self.rare.get(&number) } else { None };
        entry.unpack(ties, rare)
    }

    /// A span's half.
    pub(super) fn copy(&self, key: SpanKey) -> Option<Half> {
        self.find(key).map(|number| self.half(number))
    }

    /// A span's entry, for what can be told without unpacking it.
    pub(super) fn peek(&self, key: SpanKey) -> Option<&Entry> {
        self.find(key).map(|number| self.entry(number))
    }

    /// Changes a half, whose key and parent stay the same.
    pub(super) fn change<T>(
        &mut self,
        key: SpanKey,
        change: impl FnOnce(&mut Half) -> T,
    ) -> Option<T> {
        let number = self.find(key)?;
        let mut half = self.half(number);
        let result = change(&mut half);
        self.write(number, &half);
        Some(result)
    }

    /// Puts a half in the place of the one of the same span, if that is there.
    pub(super) fn put(&mut self, half: &Half) {
        if let Some(number) = self.find(half.key) {
            self.write(number, half);
        }
    }

    /// Puts a half in the place of the one of the same span, which has this number.
    pub(super) fn write(&mut self, number: u32, half: &Half) {
        let (mut packed, ties, rare) = Entry::pack(half);
        let entry = self.entries.get_mut(number);
        (packed.next, packed.before, packed.beside) = (entry.next, entry.before, entry.beside);
        if ties != Ties::default() {
            match packed.beside.ties() {
                Some(at) => *self.ties.get_mut(at) = ties,
                None => packed.beside.set_ties(Some(self.ties.insert(ties))),
            }
        } else if let Some(at) = packed.beside.ties() {
            self.ties.remove(at);
            packed.beside.set_ties(None);
        }
        if rare != Rare::default() {
            self.rare.insert(number, rare);
            packed.beside.set_rare(true);
        } else if packed.beside.is_rare() {
            self.rare.remove(&number);
            packed.beside.set_rare(false);
        }
        *entry = packed;
    }

    /// The span of an entry.
    pub(super) fn key(&self, number: u32) -> SpanKey {
        self.entry(number).key()
    }

    /// Takes in a half of a span that is not there; returns the number of its entry. There must be
    /// fewer than [`super::index::MOST_ENTRIES`].
    pub(super) fn insert(&mut self, half: &Half) -> u32 {
        if self.by_key.is_full() {
            let mut by_key = std::mem::take(&mut self.by_key);
            by_key.rebuild(self.all().map(|(number, entry)| (entry.key(), number)));
            self.by_key = by_key;
        }
        if self.by_parent.is_full() {
            let mut by_parent = std::mem::take(&mut self.by_parent);
            let first = self.all().filter(|(_, entry)| entry.before == 0 && entry.parent() != 0);
            by_parent.rebuild(first.map(|(number, entry)| (entry.parent(), number)));
            self.by_parent = by_parent;
        }
        let number = self.entries.insert(Entry::default());
        self.write(number, half);
        self.by_key.insert(half.key, number);
        self.join(number, half.parent);
        number
    }

    fn all(&self) -> impl Iterator<Item = (u32, &Entry)> {
        (0..).zip(self.entries.used()).filter(|(_, entry)| entry.key() != 0)
    }

    fn first_of(&self, parent: SpanKey) -> Option<u32> {
        self.by_parent.find(parent, |number| self.entry(number).parent() == parent)
    }

    /// Puts an entry before the others of its parent.
    fn join(&mut self, number: u32, parent: SpanKey) {
        if parent == 0 {
            return;
        }
        match self.first_of(parent) {
            Some(first) => {
                self.entries.get_mut(number).next = first + 1;
                self.entries.get_mut(first).before = number + 1;
                self.by_parent.replace(parent, first, number);
            }
            None => self.by_parent.insert(parent, number),
        }
    }

    fn leave(&mut self, number: u32) {
        let &Entry { next, before, .. } = self.entry(number);
        let parent = self.entry(number).parent();
        if let Some(next) = next.checked_sub(1) {
            self.entries.get_mut(next).before = before;
        }
        match before.checked_sub(1) {
            Some(before) => self.entries.get_mut(before).next = next,
            None if parent == 0 => {}
            None => match next.checked_sub(1) {
                Some(next) => self.by_parent.replace(parent, number, next),
                None => self.by_parent.remove(parent, number),
            },
        }
    }

    /// The spans that name this one as their parent, in the order in which they came.
    pub(super) fn kids(&self, parent: SpanKey) -> Keys {
        let mut kids = Keys::new();
        let mut next = self.first_of(parent).map_or(0, |first| first + 1);
        while let Some(number) = next.checked_sub(1) {
            let entry = self.entry(number);
            kids.push(entry.key());
            next = entry.next;
        }
        kids.reverse();
        kids
    }

    /// Takes the half of this number out.
    pub(super) fn remove(&mut self, number: u32) -> Half {
        let half = self.half(number);
        self.leave(number);
        self.by_key.remove(half.key, number);
        let beside = self.entry(number).beside;
        if let Some(at) = beside.ties() {
            self.ties.remove(at);
        }
        if beside.is_rare() {
            self.rare.remove(&number);
        }
        self.entries.remove(number);
        if self.len() == 0 && self.entries.is_spread() {
            // What a flood took is given back.
            *self = Self::default();
        }
        half
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::reduce::half::{Side, State};
    use crate::reduce::hop::Class;

    pub(in crate::reduce) fn half(key: SpanKey, parent: SpanKey, request: u64) -> Half {
        Half {
            key,
            parent,
            link: 0,
            request,
            bridge: 0,
            bridged: 0,
            side: Side::Calls,
            state: State::Waiting,
            own: 1,
            other: 2,
            called: 0,
            origin: 3,
            unsure: false,
            sdk: false,
            class: Class::Ok,
            failed: false,
            message: false,
            cold: false,
            ignored: false,
            start_us: 4,
            duration_us: 5,
            weight: 6,
            operation: 7,
            version: 8,
            told: 0,
        }
    }

    /// Spread as the keys of spans are, and all of one shard.
    fn spread(id: u64) -> SpanKey {
        if id == 0 { 0 } else { id.wrapping_mul(0x9e37_79b9_7f4a_7c15) & !63 | 1 << 63 }
    }

    proptest! {
        #[test]
        fn it_holds_what_a_plain_map_would(
            steps in prop::collection::vec((0..4_u8, 1_u64..60, 0_u64..20, 0_u64..3), 1..600),
        ) {
            let mut held = Held::default();
            // By key: the parent, the request, and when it came.
            let mut model: BTreeMap<SpanKey, (SpanKey, u64, usize)> = BTreeMap::new();
            for (at, (what, id, parent, request)) in steps.into_iter().enumerate() {
                let (key, parent) = (spread(id), spread(parent + 30));
                match (what, model.contains_key(&key)) {
                    (0, true) => {
                        let number = held.find(key).unwrap();
                        prop_assert_eq!(held.remove(number).request, model[&key].1);
                        model.remove(&key);
                    }
                    (_, true) => {
                        held.change(key, |half| half.request = request);
                        model.get_mut(&key).unwrap().1 = request;
                    }
                    (_, false) => {
                        let number = held.insert(&half(key, parent, request));
                        prop_assert_eq!(held.key(number), key);
                        model.insert(key, (parent, request, at));
                    }
                }
                prop_assert_eq!(held.len(), model.len());
                let mut kids: Vec<_> =
                    model.iter().filter(|(_, it)| it.0 == parent).map(|(k, it)| (it.2, *k)).collect();
                kids.sort_unstable();
                let kids: Vec<SpanKey> = kids.into_iter().map(|(_, key)| key).collect();
                prop_assert_eq!(held.kids(parent).to_vec(), kids);
            }
            for (key, (parent, request, _)) in model {
                let half = held.copy(key).unwrap();
                prop_assert_eq!((half.key, half.parent, half.request), (key, parent, request));
            }
        }
    }

    #[test]
    fn a_parent_of_a_hundred_thousand_is_left_by_them_one_by_one_in_no_time() {
        let mut held = Held::default();
        let ids = 1..=100_000;
        ids.clone().for_each(|id| {
            held.insert(&half(spread(id), 1 << 63, 0));
        });
        assert_eq!(held.kids(1 << 63).len(), 100_000);
        ids.for_each(|id| assert_eq!(held.remove(held.find(spread(id)).unwrap()).key, spread(id)));
        assert!(!held.entries.is_spread() && held.kids(1 << 63).is_empty());
    }
}
