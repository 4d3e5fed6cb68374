//! Deliveries: the keys of those that belong to one span or one message. As a rule there is one, or
//! none, so more than that lie elsewhere.

/// Keys of deliveries, in the order in which they came.
#[derive(Clone, Debug, Default)]
pub(super) enum Deliveries {
    #[default]
    None,
    One(u64),
    #[expect(clippy::box_collection, reason = "there are many of these and few hold more than one")]
    Many(Box<Vec<u64>>),
}

impl Deliveries {
    pub(super) fn as_slice(&self) -> &[u64] {
        match self {
            Self::None => &[],
            Self::One(key) => std::slice::from_ref(key),
            Self::Many(keys) => keys,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.as_slice().len()
    }

    pub(super) fn push(&mut self, key: u64) {
        match self {
            Self::None => *self = Self::One(key),
            Self::One(first) => *self = Self::Many(Box::new(vec![*first, key])),
            Self::Many(keys) => keys.push(key),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_pushed_is_there_in_order(keys in prop::collection::vec(any::<u64>(), 0..5)) {
            let mut deliveries = Deliveries::default();
            for key in &keys {
                deliveries.push(*key);
            }
            prop_assert_eq!(deliveries.as_slice(), keys);
        }
    }

    #[test]
    fn one_of_them_takes_sixteen_bytes() {
        assert_eq!(size_of::<Deliveries>(), 16);
    }
}
