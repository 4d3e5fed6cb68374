//! Waits: who has waited how long. In: the numbers of entries, as they begin to wait. Out: those who
//! have waited long enough, in that order. All wait equally long, so nobody is looked at before it
//! is due.
//!
//! Numbers are those of [`super::slots`], below [`super::index::MOST_ENTRIES`].

use std::collections::VecDeque;

/// Times are kept to so many milliseconds.
const STEP_MS: u64 = 16;

/// Runs are kept in pieces of so many, 2 KiB, so that there is hardly more memory than it takes.
const PIECE: usize = 512;

/// Numbers that follow each other, up or down: in 24 bits the first of them, in the other eight how many
/// follow it, and whether down. So a number takes four bytes at most, and those that were given out one
/// after the other next to nothing.
#[derive(Clone, Copy, Debug, Default)]
struct Run(u32);

impl Run {
    const NUMBER: u32 = (1 << 24) - 1;
    const DOWN: u32 = 1 << 24;
    const MORE_SHIFT: u32 = 25;
    const MOST: usize = 128;

    const fn of(number: u32) -> Self {
        Self(number & Self::NUMBER)
    }

    const fn len(self) -> usize {
        (self.0 >> Self::MORE_SHIFT) as usize + 1
    }

    /// The one after so many others of it.
    const fn get(self, others: usize) -> u32 {
        let first = self.0 & Self::NUMBER;
        if self.0 & Self::DOWN == 0 { first + others as u32 } else { first - others as u32 }
    }

    /// With one more, if that follows.
    fn with(self, number: u32) -> Option<Self> {
        let (len, last) = (self.len(), self.get(self.len() - 1));
        if len == Self::MOST {
            return None;
        }
        let (up, down) = (last + 1 == number, number + 1 == last);
        let goes_down = self.0 & Self::DOWN != 0;
        let more = self.0 + (1 << Self::MORE_SHIFT);
        match (len, goes_down) {
            (1, _) if down => Some(Self(more | Self::DOWN)),
            (_, false) if up => Some(Self(more)),
            (_, true) if down => Some(Self(more)),
            _ => None,
        }
    }
}

/// Numbers in a queue.
#[derive(Debug, Default)]
struct Numbers {
    pieces: VecDeque<Box<[Run; PIECE]>>,
    /// Runs of the first piece that are gone, ...
    gone: usize,
    /// ... those that are there, ...
    runs: usize,
    /// ... and how many of the first one's numbers are gone.
    begun: usize,
    count: usize,
}

impl Numbers {
    fn run(&self, place: usize) -> Run {
        let at = self.gone + place;
        self.pieces[at / PIECE][at % PIECE]
    }

    fn push(&mut self, number: u32) {
        self.count += 1;
        let at = self.gone + self.runs;
        if let Some(last) = self.runs.checked_sub(1)
            && let Some(run) = self.run(last).with(number)
        {
            self.pieces[(at - 1) / PIECE][(at - 1) % PIECE] = run;
            return;
        }
        if at == self.pieces.len() * PIECE {
            self.pieces.push_back(Box::new([Run::default(); PIECE]));
        }
        self.pieces[at / PIECE][at % PIECE] = Run::of(number);
        self.runs += 1;
    }

    /// The one that is next after so many others.
    fn get(&self, mut others: usize) -> Option<u32> {
        others += self.begun;
        for place in 0..self.runs {
            let run = self.run(place);
            if others < run.len() {
                return Some(run.get(others));
            }
            others -= run.len();
        }
        None
    }

    fn pop(&mut self) -> Option<u32> {
        let run = (self.runs > 0).then(|| self.run(0))?;
        let number = run.get(self.begun);
        self.count -= 1;
        self.begun += 1;
        if self.begun == run.len() {
            self.begun = 0;
            self.runs -= 1;
            self.gone += 1;
        }
        if self.gone == PIECE {
            self.pieces.pop_front();
            self.gone = 0;
        }
        Some(number)
    }

    fn iter(&self) -> impl Iterator<Item = u32> {
        let runs = (0..self.runs).map(|place| self.run(place));
        runs.flat_map(|run| (0..run.len()).map(move |others| run.get(others))).skip(self.begun)
    }
}

/// Entries in the order in which they began to wait.
#[derive(Debug, Default)]
pub(super) struct Waits {
    numbers: Numbers,
    /// Since when, and how many of the numbers.
    since: VecDeque<(u64, u32)>,
}

impl Waits {
    pub(super) fn push(&mut self, number: u32, now_ms: u64) {
        // Never too early: of those that came within a step the last one counts.
        let step = now_ms / STEP_MS;
        self.numbers.push(number);
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
        let number = self.numbers.pop();
        if self.numbers.count == 0 {
            // What a flood took is given back.
            *self = Self::default();
        }
        number
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = u32> {
        self.numbers.iter()
    }

    /// The one whose turn it is after so many others.
    pub(super) fn after(&self, others: usize) -> Option<u32> {
        self.numbers.get(others)
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
    proptest! {
        #[test]
        fn numbers_come_out_as_they_went_in_whether_they_follow_each_other_or_not(
            runs in prop::collection::vec((0_u32..1_000, 1_u32..300, any::<bool>(), 0_usize..300), 1..40),
        ) {
            let (mut waits, mut model) = (Waits::default(), VecDeque::new());
            for (first, count, down, leave) in runs {
                for more in 0..count {
                    let number = if down { 2_000 - first - more } else { first + more };
                    waits.push(number, 0);
                    model.push_back(number);
                }
                for _ in 0..leave {
                    prop_assert_eq!(waits.pop(), model.pop_front());
                }
                prop_assert!(waits.iter().eq(model.iter().copied()));
                for others in [0, 3, 200] {
                    prop_assert_eq!(waits.after(others), model.get(others).copied());
                }
            }
        }
    }

    #[test]
    fn a_number_takes_at_most_four_bytes_and_a_run_hardly_any() {
        let mut waits = Waits::default();
        (0..100_000).for_each(|number| waits.push(number, 0));
        assert!(waits.numbers.pieces.len() <= 2);
        let mut waits = Waits::default();
        (0..100_000).for_each(|number| waits.push(2 * number, 0));
        assert!(waits.numbers.pieces.len() * PIECE < 100_000 + PIECE);
    }
}
