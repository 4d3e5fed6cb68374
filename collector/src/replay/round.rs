//! What is new in one round of a recording that is played again and again. In: a seed, and the
//! round's number. Out: masks for ids, and a suffix for those that are texts.

/// Sets ids of different rounds apart: as hexadecimal digits, after a mark that ids do not hold.
pub(super) const SUFFIX: usize = 17;

/// What is new in one round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Round {
    pub(super) trace: u128,
    pub(super) span: u64,
    pub(super) suffix: [u8; SUFFIX],
}

impl Round {
    /// The ids of one round out of many. The same seed and number give the same ids.
    pub fn new(seed: u64, number: u64) -> Self {
        let mut state = seed ^ mix(number.wrapping_add(1));
        let mut next = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            mix(state)
        };
        let (high, low, span, text) = (next(), next(), next(), next());
        let trace = (u128::from(high) << 64) | u128::from(low);
        let mut suffix = [b'~'; SUFFIX];
        for (index, digit) in suffix.iter_mut().skip(1).enumerate() {
            let nibble = (text >> (4 * index)) & 15;
            *digit = b"0123456789abcdef".get(nibble as usize).copied().unwrap_or(b'0');
        }
        Self { trace, span, suffix }
    }
}

/// The finalizer of splitmix64: every bit of the result depends on every bit of the input.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_of_all_rounds_differ() {
        let rounds: Vec<_> = (0..10_000).map(|number| Round::new(7, number)).collect();
        let traces: HashSet<_> = rounds.iter().map(|round| round.trace).collect();
        let spans: HashSet<_> = rounds.iter().map(|round| round.span).collect();
        let texts: HashSet<_> = rounds.iter().map(|round| round.suffix).collect();
        assert_eq!((traces.len(), spans.len(), texts.len()), (10_000, 10_000, 10_000));
        assert_eq!(Round::new(7, 1), Round::new(7, 1));
        assert_ne!(Round::new(7, 1), Round::new(8, 1));
    }
}
