//! The recent past: every frame that went to all viewers, in order, in a ring that is bounded by
//! age and by bytes. It is replayed to a new viewer, and it is every viewer's queue: a viewer is a
//! place in the ring. In: frames. Out: frames by their number.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::frame::Frame;
use super::message::{Graph, InstanceTick, Notice, Tick, VersionTick};

/// What a frame says.
#[derive(Clone, Debug)]
pub(super) enum Said {
    /// What happened in an interval, as far as it is not over with it.
    Tick(Standings),
    /// How the graph changed.
    Change(Graph),
    /// What deserves attention.
    Notice(Notice),
}

/// What a tick says that holds until another one says otherwise, or adds up.
#[derive(Clone, Debug, Default)]
pub(super) struct Standings {
    pub(super) instances: Vec<InstanceTick>,
    pub(super) versions: Vec<VersionTick>,
}

impl Standings {
    pub(super) fn of(tick: &Tick) -> Self {
        Self { instances: tick.instances.clone(), versions: tick.versions.clone() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.instances.is_empty() && self.versions.is_empty()
    }
}

/// A frame in the ring.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// What it says.
    pub(super) said: Said,
    /// What goes out.
    pub(super) frame: Frame,
    /// How many ticks came before it since the hub's start, so that a loss can be counted even
    /// when what was lost is gone.
    pub(super) ticks_before: u64,
    at: Instant,
}

impl Entry {
    /// How many ticks came up to it, itself included.
    pub(super) fn ticks_with(&self) -> u64 {
        self.ticks_before + u64::from(matches!(self.said, Said::Tick(_)))
    }

    /// What it takes in memory, nearly: what is not over with a tick is kept as text and as it is.
    fn bytes(&self) -> usize {
        match &self.said {
            Said::Tick(standings) if standings.is_empty() => self.frame.bytes(),
            Said::Tick(_) | Said::Change(_) | Said::Notice(_) => 2 * self.frame.bytes(),
        }
    }
}

/// The ring. Frames are numbered from 0 for as long as it lives.
#[derive(Debug)]
pub(super) struct History {
    entries: VecDeque<Entry>,
    /// The number of the oldest entry.
    first: u64,
    ticks: u64,
    bytes: usize,
    max_age: Duration,
    max_bytes: usize,
}

impl History {
    pub(super) fn new(max_age: Duration, max_bytes: usize) -> Self {
        Self { entries: VecDeque::new(), first: 0, ticks: 0, bytes: 0, max_age, max_bytes }
    }

    /// Takes other bounds from now on.
    pub(super) fn bound(&mut self, max_age: Duration, max_bytes: usize) {
        self.max_age = max_age;
        self.max_bytes = max_bytes;
    }

    /// Adds a frame, and returns what had to go for it, oldest first: what is too old or too much.
    /// The newest frame always stays, whatever its size, since viewers that keep up wait for it.
    pub(super) fn push(&mut self, said: Said, frame: Frame, at: Instant) -> Vec<Entry> {
        let entry = Entry { said, frame, ticks_before: self.ticks, at };
        self.bytes += entry.bytes();
        self.ticks = entry.ticks_with();
        self.entries.push_back(entry);
        let mut gone = Vec::new();
        while self.entries.len() > 1 && self.front_must_go(at) {
            if let Some(entry) = self.entries.pop_front() {
                self.bytes -= entry.bytes();
                self.first += 1;
                gone.push(entry);
            }
        }
        gone
    }

    fn front_must_go(&self, now: Instant) -> bool {
        self.bytes > self.max_bytes
            || self.entries.front().is_some_and(|front| now - front.at > self.max_age)
    }

    /// The entry of that number, unless it is gone or still to come.
    pub(super) fn get(&self, number: u64) -> Option<&Entry> {
        let index = number.checked_sub(self.first)?;
        self.entries.get(usize::try_from(index).ok()?)
    }

    /// The number of the oldest frame there is.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// The number of the next frame to come.
    pub(super) fn end(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    /// The ticks of the last so long, oldest first.
    pub(super) fn ticks_within(&self, last: Duration, now: Instant) -> Vec<Frame> {
        let newest_first = self.entries.iter().rev().take_while(|entry| now - entry.at <= last);
        let ticks = newest_first.filter(|entry| matches!(entry.said, Said::Tick(_)));
        let mut frames: Vec<_> = ticks.map(|entry| entry.frame.clone()).collect();
        frames.reverse();
        frames
    }

    /// How many ticks came since the start.
    pub(super) fn ticks(&self) -> u64 {
        self.ticks
    }

    /// How many ticks came before the frame of that number. For a frame that is gone, as if it
    /// were the oldest there is.
    pub(super) fn ticks_before(&self, number: u64) -> u64 {
        self.get(number.max(self.first)).map_or(self.ticks, |entry| entry.ticks_before)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::message::{Message, Tick};
    use super::*;

    fn frame(t: u64) -> Frame {
        Frame::encode(&Message::Tick(Tick { t, ms: 200, ..Tick::default() })).unwrap()
    }

    #[tokio::test]
    async fn what_is_too_old_goes_and_the_numbers_stay() {
        let start = Instant::now();
        let mut history = History::new(Duration::from_secs(10), usize::MAX);
        for second in 0..30 {
            history.push(
                Said::Tick(Standings::default()),
                frame(second),
                start + Duration::from_secs(second),
            );
        }
        assert_eq!((history.first(), history.end()), (19, 30));
        assert_eq!(history.get(18).map(|entry| entry.ticks_before), None);
        assert_eq!(history.get(19).map(|entry| entry.ticks_before), Some(19));
        assert_eq!(history.get(30).map(|entry| entry.ticks_before), None);
    }

    #[tokio::test]
    async fn a_frame_larger_than_the_ring_stays_until_the_next() {
        let mut history = History::new(Duration::from_secs(10), 1);
        history.push(Said::Tick(Standings::default()), frame(0), Instant::now());
        history.push(Said::Tick(Standings::default()), frame(1), Instant::now());
        assert_eq!((history.first(), history.end()), (1, 2));
    }

    proptest! {
        #[test]
        fn adding_and_dropping_mirror_each_other(
            steps in prop::collection::vec((0u64..5, any::<bool>()), 1..200),
            max_bytes in 1usize..2000,
        ) {
            let start = Instant::now();
            let mut history = History::new(Duration::from_secs(20), max_bytes);
            let mut seconds = 0;
            for (index, (wait, is_tick)) in steps.iter().enumerate() {
                seconds += wait;
                let said = if *is_tick { Said::Tick(Standings::default()) } else { Said::Change(Graph::default()) };
                let (first, at) = (history.first(), start + Duration::from_secs(seconds));
                let gone = history.push(said, frame(seconds), at);
                prop_assert_eq!(first + gone.len() as u64, history.first());
                let held: usize = history.entries.iter().map(Entry::bytes).sum();
                prop_assert_eq!(held, history.bytes);
                prop_assert!(held <= max_bytes || history.entries.len() == 1);
                prop_assert_eq!(history.end(), index as u64 + 1);
                let ticks = steps[..=index].iter().filter(|(_, tick)| *tick).count() as u64;
                prop_assert_eq!(history.ticks(), ticks);
                for number in history.first()..history.end() {
                    let before =
                        steps[..number as usize].iter().filter(|(_, tick)| *tick).count() as u64;
                    prop_assert_eq!(history.ticks_before(number), before);
                }
            }
        }
    }
}
