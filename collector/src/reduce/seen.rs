//! Seen: spans that were dealt with and let go, so that a batch sent again counts once. In: keys.
//! Out: whether a key was here lately.
//!
//! A key has one line of eight to be in, with the latest ones first: whoever looks for it looks at
//! one place in memory, and what is forgotten is what came longest ago.

use prefetch_index::prefetch_index;

use super::half::SpanKey;
use super::pair::SHARDS;

const LINE: usize = 8;
/// Over all shards two million spans, in 16 MiB.
const MOST_LINES: usize = (1 << 18) / SHARDS;
const LEAST_LINES: usize = 8;
/// There are twice as many lines when each took so many keys on average within [`KEPT_MS`].
const FULL: usize = 5;
/// There are as many lines as it takes to know keys for so long, in milliseconds: exporters that send a
/// batch again do so within a minute. By number alone they would become more for hours, however little
/// comes.
const KEPT_MS: u64 = 120_000;

/// A line of the processor's cache. 0 is no key.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
struct Line([SpanKey; LINE]);

/// Spans that came and went.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// A power of two of them.
    lines: Vec<Line>,
    /// Keys taken in since `since_ms`, by the reducer's clock.
    taken: usize,
    since_ms: u64,
}

impl Seen {
    #[inline]
    fn line(&self, key: SpanKey) -> usize {
        // The low bits of a key name its shard.
        (key >> 8) as usize & (self.lines.len() - 1)
    }

    #[inline]
    pub(super) fn contains(&self, key: SpanKey) -> bool {
        !self.lines.is_empty() && self.lines[self.line(key)].0.contains(&key)
    }

    /// Has the processor fetch what will be looked at for this key.
    #[inline]
    pub(super) fn prefetch(&self, key: SpanKey) {
        if !self.lines.is_empty() {
            prefetch_index(&self.lines, self.line(key));
        }
    }

    pub(super) fn insert(&mut self, key: SpanKey, now_ms: u64) {
        if now_ms.saturating_sub(self.since_ms) >= KEPT_MS {
            (self.taken, self.since_ms) = (0, now_ms);
        }
        if self.taken >= self.lines.len() * FULL && self.lines.len() < MOST_LINES {
            self.grow();
        }
        self.taken += 1;
        self.put(key);
    }

    fn put(&mut self, key: SpanKey) {
        let line = self.line(key);
        let Line(line) = &mut self.lines[line];
        line.copy_within(..LINE - 1, 1);
        line[0] = key;
    }

    fn grow(&mut self) {
        let lines = (self.lines.len() * 2).max(LEAST_LINES);
        let before = std::mem::replace(&mut self.lines, vec![Line::default(); lines]);
        for Line(line) in before {
            line.into_iter().rev().filter(|key| *key != 0).for_each(|key| self.put(key));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: u64) -> SpanKey {
        id.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1 << 63
    }

    #[test]
    fn the_last_ones_are_known_and_memory_has_a_bound() {
        let mut seen = Seen::default();
        let all = 10 * (LINE * MOST_LINES) as u64;
        for id in 1..=all {
            assert!(!seen.contains(key(id)), "{id}");
            seen.insert(key(id), 0);
            assert!(seen.contains(key(id)));
        }
        assert_eq!(seen.lines.len(), MOST_LINES);
        // Half of what fits, by chance unevenly spread over the lines.
        let lately = (LINE * MOST_LINES) as u64 / 2;
        let forgotten = (all - lately..=all).filter(|id| !seen.contains(key(*id))).count() as u64;
        assert!(forgotten * 20 < lately, "{forgotten} of {lately}");
    }

    #[test]
    fn there_are_as_many_lines_as_what_came_lately_takes_for_however_long_it_comes() {
        let mut seen = Seen::default();
        let (each_ms, day_ms) = (100, 24 * 3_600_000);
        let lately = KEPT_MS / each_ms;
        for id in 1..=day_ms / each_ms {
            seen.insert(key(id), id * each_ms);
        }
        let places = (seen.lines.len() * LINE) as u64;
        assert!((lately..4 * lately).contains(&places), "{places} for {lately} keys");
        let last = day_ms / each_ms;
        let forgotten = (last - lately / 2..=last).filter(|id| !seen.contains(key(*id))).count();
        assert!(forgotten as u64 * 20 < lately / 2, "{forgotten} of {}", lately / 2);
    }
}
