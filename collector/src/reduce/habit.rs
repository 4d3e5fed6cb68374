//! Habits: what every span asks of nodes: of what kind they are, and what experience says of them. In:
//! kinds, and how waits ended. Out: the same, without a lock.

use std::sync::atomic::{AtomicI8, AtomicU8, Ordering};

use super::node::NodeKind;

/// One disappointment outweighs this many confirmations.
const DISAPPOINTMENT: i8 = 8;

/// What experience says of a node, as a score: above zero, what is not certain yet is shown at
/// once, and taken back in the rare case that it was wrong.
#[derive(Debug, Default)]
pub(super) struct Score(AtomicI8);

impl Score {
    /// Whether it may be relied on.
    #[inline]
    pub(super) fn is_good(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }

    /// Learns from one more case.
    #[inline]
    pub(super) fn learn(&self, confirmed: bool) {
        let step = if confirmed { 1 } else { -DISAPPOINTMENT };
        let bounded = |score: i8| (score + step).clamp(-DISAPPOINTMENT, DISAPPOINTMENT);
        let score = self.0.load(Ordering::Relaxed);
        // Mostly it is what it always is, and nobody has to be told.
        if bounded(score) != score {
            // The closure always answers, so the update cannot fail.
            let update = |score| Some(bounded(score));
            let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, update);
        }
    }
}

/// What is asked of one node.
#[derive(Debug, Default)]
pub(super) struct Habit {
    /// Its place in [`NodeKind::ALL`].
    kind: AtomicU8,
    /// As a callee: its callers never turn up.
    pub(super) entry: Score,
    /// As a target: it never answers with spans.
    pub(super) silent: Score,
}

impl Habit {
    #[inline]
    pub(super) fn kind(&self) -> NodeKind {
        let place = usize::from(self.kind.load(Ordering::Relaxed));
        NodeKind::ALL.get(place).copied().unwrap_or_default()
    }

    pub(super) fn set_kind(&self, kind: NodeKind) {
        let place = NodeKind::ALL.iter().position(|known| *known == kind);
        let place = place.and_then(|place| u8::try_from(place).ok()).unwrap_or_default();
        self.kind.store(place, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_habit_has_the_kind_that_it_was_given() {
        let habit = Habit::default();
        for kind in NodeKind::ALL {
            habit.set_kind(kind);
            assert_eq!(habit.kind(), kind);
        }
    }

    #[test]
    fn a_score_that_was_good_for_ever_is_bad_after_a_disappointment() {
        let score = Score::default();
        assert!(!score.is_good());
        (0..1_000).for_each(|_| score.learn(true));
        assert!(score.is_good());
        score.learn(false);
        assert!(!score.is_good());
        score.learn(true);
        assert!(score.is_good());
        (0..1_000).for_each(|_| score.learn(false));
        (0..8).for_each(|_| score.learn(true));
        assert!(!score.is_good());
        score.learn(true);
        assert!(score.is_good());
    }
}
