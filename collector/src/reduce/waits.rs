//! Waits: who has waited how long. In: the numbers of entries, as they begin to wait. Out: those who
//! have waited long enough, in that order. All wait equally long, so nobody is looked at before it
//! is due.

use std::collections::VecDeque;

/// Times are kept to so many milliseconds.
const STEP_MS: u64 = 16;

/// Entries in the order in which they began to wait.
#[derive(Debug, Default)]
pub(super) struct Waits {
    numbers: VecDeque<u32>,
    /// Since when, and how many of the numbers.
    since: VecDeque<(u64, u32)>,
}

impl Waits {
    pub(super) fn push(&mut self, number: u32, now_ms: u64) {
        // Never too early: of those that came within a step the last one counts.
        let step = now_ms / STEP_MS;
        self.numbers.push_back(number);
        match self.since.back_mut() {
            // Clocks do not go back; should one, nobody waits longer for it.
            Some((since, count)) if *since / STEP_MS >= step && *count < u32::MAX => {
                *since = (*since).max(now_ms);
                *count += 1;
            }
            _ => self.since.push_back((now_ms, 1)),
        }
    }

    /// The next one that has waited for so long.
    pub(super) fn pop_due(&mut self, now_ms: u64, wait_ms: u64) -> Option<u32> {
        let &(since, _) = self.since.front()?;
        if since.saturating_add(wait_ms) > now_ms { None } else { self.pop() }
    }

    /// The next one, however long it has waited.
    pub(super) fn pop(&mut self) -> Option<u32> {
        let (_, count) = self.since.front_mut()?;
        *count -= 1;
        if *count == 0 {
            self.since.pop_front();
        }
        let number = self.numbers.pop_front();
        if self.numbers.is_empty() {
            // What a flood took is given back.
            *self = Self::default();
        }
        number
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = u32> {
        self.numbers.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn everybody_is_let_go_in_turn_and_on_time(
            steps in prop::collection::vec((0_u64..40, 1_u64..200), 1..200),
        ) {
            let mut waits = Waits::default();
            let mut since = Vec::new();
            let mut gone = 0;
            let mut now = 1_000;
            for (number, (passes, wait)) in (0..).zip(steps) {
                now += passes;
                waits.push(number, now);
                since.push(now);
                while let Some(number) = waits.pop_due(now, wait) {
                    prop_assert_eq!(number as usize, gone);
                    prop_assert!(since[gone] + wait <= now, "too early");
                    gone += 1;
                }
                if let Some(next) = since.get(gone) {
                    prop_assert!(next + wait + STEP_MS > now, "too late");
                }
            }
        }
    }
}
