//! Requests: the spans that name each invocation, by its request id. In: keys of callers and callees, as
//! they come and go. Out: those of the same invocation. Shared by all receivers.

use crossbeam_utils::CachePadded;
use parking_lot::{Mutex, MutexGuard};

use super::half::{Half, SpanKey};
use super::held::Keys;
use super::index::Index;
use super::request::Request;
use super::slots::Slots;

/// A power of two; enough that two receivers rarely want the same one.
const PARTS: usize = 32;

/// A hash of a request's id. The lowest bit is always set, so that none is 0.
type RequestKey = u64;

/// All invocations of which a span is held that names its request.
#[derive(Debug)]
pub(super) struct Requests(Vec<CachePadded<Mutex<Part>>>);

#[derive(Debug, Default)]
struct Part {
    by_id: Index,
    /// Each with its key.
    requests: Slots<(RequestKey, Request)>,
}

impl Default for Requests {
    fn default() -> Self {
        Self((0..PARTS).map(|_| CachePadded::default()).collect())
    }
}

impl Requests {
    fn part(&self, key: RequestKey) -> &Mutex<Part> {
        // The lowest bit says nothing.
        &self.0[(key >> 1) as usize % PARTS]
    }

    fn lock(&self, key: RequestKey) -> MutexGuard<'_, Part> {
        self.part(key).lock()
    }

    /// Has the processor fetch what it takes to find an invocation's spans.
    pub(super) fn prefetch(&self, key: RequestKey) {
        // Whoever has the part is not to be waited for.
        if key != 0
            && let Some(part) = self.part(key).try_lock()
        {
            part.by_id.prefetch(key);
        }
    }

    /// Takes a half's span in. Returns the spans of its side, itself included, and those of the other.
    pub(super) fn add(&self, half: &Half) -> (Keys, Keys) {
        let mut part = self.lock(half.request);
        let request = part.request(half.request);
        request.add(half.is_caller(), half.key);
        let (callers, callees) = (request.callers(), request.callees());
        if half.is_caller() { (callers, callees) } else { (callees, callers) }
    }

    /// The callees' spans of an invocation.
    pub(super) fn callees(&self, key: RequestKey) -> Keys {
        let part = self.lock(key);
        part.find(key).map_or_else(Keys::new, |number| part.requests.get(number).1.callees())
    }

    /// Forgets a span.
    pub(super) fn remove(&self, key: RequestKey, span: SpanKey) {
        let mut part = self.lock(key);
        let Some(number) = part.find(key) else { return };
        let (_, request) = part.requests.get_mut(number);
        request.remove(span);
        if request.is_empty() {
            part.by_id.remove(key, number);
            part.requests.remove(number);
            if part.requests.len() == 0 && part.requests.is_spread() {
                // What a flood took is given back.
                *part = Part::default();
            }
        }
    }

    /// Invocations that are known.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.iter().map(|part| part.lock().requests.len()).sum()
    }
}

impl Part {
    fn find(&self, key: RequestKey) -> Option<u32> {
        self.by_id.find(key, |number| self.requests.get(number).0 == key)
    }

    /// An invocation, which is made if it is new.
    fn request(&mut self, key: RequestKey) -> &mut Request {
        let number = self.find(key).unwrap_or_else(|| {
            if self.by_id.is_full() {
                let mut by_id = std::mem::take(&mut self.by_id);
                let known = (0..).zip(self.requests.used()).filter(|(_, (key, _))| *key != 0);
                by_id.rebuild(known.map(|(number, (key, _))| (*key, number)));
                self.by_id = by_id;
            }
            let number = self.requests.insert((key, Request::default()));
            self.by_id.insert(key, number);
            number
        });
        &mut self.requests.get_mut(number).1
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::reduce::half::Side;
    use crate::reduce::held::tests::half;

    fn spread(id: u64) -> u64 {
        id.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1
    }

    proptest! {
        #[test]
        fn spans_of_one_request_are_found_until_they_go(
            steps in prop::collection::vec((0..3_u8, 1_u64..40, 1_u64..9), 1..400),
        ) {
            let requests = Requests::default();
            let mut model: BTreeMap<u64, [Vec<u64>; 2]> = BTreeMap::new();
            for (what, id, span) in steps {
                let key = spread(id);
                let sides = model.entry(key).or_default();
                if what == 2 {
                    sides.iter_mut().for_each(|side| side.retain(|known| *known != span));
                    requests.remove(key, span);
                } else {
                    let calls = what == 0;
                    let side = if calls { Side::Calls } else { Side::Called { by_messages: false, evidence: false } };
                    sides[usize::from(calls)].push(span);
                    let (mine, others) = requests.add(&Half { side, ..half(span, 0, key) });
                    prop_assert_eq!(&mine[..], &sides[usize::from(calls)][..]);
                    prop_assert_eq!(&others[..], &sides[usize::from(!calls)][..]);
                }
                prop_assert_eq!(&requests.callees(key)[..], &sides[0][..]);
                model.retain(|_, sides| sides.iter().any(|side| !side.is_empty()));
                prop_assert_eq!(requests.len(), model.len());
            }
        }
    }
}
