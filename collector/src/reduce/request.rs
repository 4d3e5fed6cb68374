//! Request: the spans that name one invocation by its request id. In: keys of callers and callees. Out:
//! the same. Nearly always there is one of each.

use super::half::SpanKey;
use super::held::Keys;

/// The spans that name one invocation. Lambda runs an asynchronous one again when it failed, under
/// the same id.
#[derive(Clone, Debug, Default)]
pub(super) struct Request {
    callers: Side,
    callees: Side,
}

/// Spans in the order in which they came. 0 is none.
#[derive(Clone, Debug, Default)]
struct Side {
    first: SpanKey,
    #[expect(clippy::box_collection, reason = "few have more than one, and all would be larger")]
    others: Option<Box<Vec<SpanKey>>>,
}

impl Side {
    fn add(&mut self, key: SpanKey) {
        if self.first == 0 {
            self.first = key;
        } else {
            self.others.get_or_insert_default().push(key);
        }
    }

    fn remove(&mut self, key: SpanKey) {
        let mut left = self.keys();
        left.retain(|other| *other != key);
        *self = Self::default();
        left.into_iter().for_each(|key| self.add(key));
    }

    fn keys(&self) -> Keys {
        let others = self.others.iter().flat_map(|others| others.iter());
        [self.first].iter().filter(|key| **key != 0).chain(others).copied().collect()
    }
}

impl Request {
    /// Takes in a caller's span, or a callee's.
    pub(super) fn add(&mut self, is_caller: bool, key: SpanKey) {
        if is_caller { self.callers.add(key) } else { self.callees.add(key) }
    }

    /// Forgets a span.
    pub(super) fn remove(&mut self, key: SpanKey) {
        for side in [&mut self.callers, &mut self.callees] {
            if side.first == key && side.others.is_none() {
                side.first = 0;
            } else if side.others.is_some() {
                side.remove(key);
            }
        }
    }

    /// Whether there are none.
    pub(super) const fn is_empty(&self) -> bool {
        self.callers.first == 0 && self.callees.first == 0
    }

    pub(super) fn callers(&self) -> Keys {
        self.callers.keys()
    }

    pub(super) fn callees(&self) -> Keys {
        self.callees.keys()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_holds_what_came_and_was_not_forgotten_in_order(
            steps in prop::collection::vec((any::<bool>(), any::<bool>(), 1_u64..9), 1..60),
        ) {
            let (mut request, mut model) = (Request::default(), [Vec::new(), Vec::new()]);
            for (adds, is_caller, key) in steps {
                if adds {
                    request.add(is_caller, key);
                    model[usize::from(is_caller)].push(key);
                } else {
                    request.remove(key);
                    model.iter_mut().for_each(|keys| keys.retain(|other| *other != key));
                }
                prop_assert_eq!(&request.callees()[..], &model[0][..]);
                prop_assert_eq!(&request.callers()[..], &model[1][..]);
                prop_assert_eq!(request.is_empty(), model.iter().all(Vec::is_empty));
            }
        }
    }

    #[test]
    fn it_takes_32_bytes() {
        assert_eq!(size_of::<Request>(), 32);
    }
}
