//! Seen: spans that were dealt with and let go, so that a batch sent again counts once. In: keys.
//! Out: whether a key was here in the last minutes.

use hashbrown::HashSet;

use super::half::SpanKey;
use super::pair::SHARDS;

/// Spans that came and went: an exporter that sends a batch again, sends it within minutes.
#[derive(Debug, Default)]
pub(super) struct Seen {
    young: HashSet<SpanKey, foldhash::fast::RandomState>,
    old: HashSet<SpanKey, foldhash::fast::RandomState>,
    turned_ms: u64,
}

/// Exporters give up on a batch after a minute or less; two generations cover five to ten.
const GENERATION_MS: u64 = 300_000;
/// Bounds a generation's memory at about 10 MiB over all shards.
const MOST_SEEN: usize = (1 << 20) / SHARDS;

impl Seen {
    pub(super) fn contains(&self, key: SpanKey) -> bool {
        self.young.contains(&key) || self.old.contains(&key)
    }

    pub(super) fn insert(&mut self, key: SpanKey) {
        if self.young.len() >= MOST_SEEN {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key);
    }

    pub(super) fn turn(&mut self, now_ms: u64) {
        if now_ms.saturating_sub(self.turned_ms) >= GENERATION_MS {
            self.turned_ms = now_ms;
            self.old = std::mem::take(&mut self.young);
        }
    }
}
