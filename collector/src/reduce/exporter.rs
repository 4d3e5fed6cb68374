//! Exporters: whose a caller's span is, where its resource is that of functions in several accounts
//! and the handler's span, which tells, is in another export of its trace. In: handlers and callers of
//! such resources. Out: who exported a caller, as soon as both are there.

use std::sync::Arc;

use crossbeam_utils::CachePadded;
use hashbrown::HashMap;
use parking_lot::Mutex;
use smallvec::SmallVec;

use super::half::SpanKey;
use super::nodes::NodeIndex;

/// A power of two; enough that two receivers rarely want the same one.
const PARTS: usize = 16;

/// Traces and resources of which is kept who exported them, in each part; twice as many at most, of 50
/// bytes, and as many as fill a table of a power of two: 57,344 in all. A function is frozen between two
/// exports, so they may be seconds apart.
const MOST: usize = (1 << 16) / PARTS / 8 * 7;

/// Spans that may wait for the handler of one invocation.
const MOST_WAITING: usize = 10_000;

/// A function, in full.
#[derive(Clone, Debug)]
pub(super) struct Exporter {
    pub(super) own: NodeIndex,
    pub(super) account: Arc<str>,
}

/// Spans of one resource in one trace, which wait for its handler.
type Waiting = SmallVec<[SpanKey; 1]>;

/// What is known of one resource in one trace, by a hash of both.
#[derive(Debug)]
enum Known {
    Exporter(Exporter),
    Waiting(Waiting),
}

impl Default for Known {
    fn default() -> Self {
        Self::Waiting(Waiting::new())
    }
}

type Knowns = HashMap<u64, Known, foldhash::fast::RandomState>;

/// Two generations of them, in parts by key.
#[derive(Debug, Default)]
pub(super) struct Exporters([CachePadded<Mutex<[Knowns; 2]>>; PARTS]);

impl Exporters {
    /// A handler told who it is; returns the spans that waited for it.
    pub(super) fn tell(&self, key: u64, exporter: Exporter) -> Waiting {
        self.with(key, |known| match known {
            // Whoever told first is believed.
            Known::Exporter(_) => Waiting::new(),
            Known::Waiting(waiting) => {
                let waiting = std::mem::take(waiting);
                *known = Known::Exporter(exporter);
                waiting
            }
        })
    }

    /// Who exported a caller's span; whoever tells that later is told of the span.
    pub(super) fn ask(&self, key: u64, span: SpanKey) -> Option<Exporter> {
        self.with(key, |known| match known {
            Known::Exporter(exporter) => Some(exporter.clone()),
            Known::Waiting(waiting) => {
                if waiting.len() < MOST_WAITING {
                    waiting.push(span);
                }
                None
            }
        })
    }

    fn part(&self, key: u64) -> &Mutex<[Knowns; 2]> {
        // A key is a hash, so any of its bits will do.
        &self.0[(key >> 32) as usize % PARTS]
    }

    fn with<T>(&self, key: u64, with: impl FnOnce(&mut Known) -> T) -> T {
        let [young, old] = &mut *self.part(key).lock();
        if young.len() >= MOST && !young.contains_key(&key) {
            std::mem::swap(young, old);
            // Its memory is used again.
            young.clear();
        }
        with(young.entry(key).or_insert_with(|| old.remove(&key).unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_without_end_take_no_memory_without_end() {
        let exporters = Exporters::default();
        let all = 3 * (MOST * PARTS) as u64;
        for key in (0..all).map(|id| id.wrapping_mul(0x9e37_79b9_7f4a_7c15)) {
            assert!(exporters.ask(key, key).is_none());
        }
        for part in &exporters.0 {
            let known = part.lock().iter().map(HashMap::len).sum::<usize>();
            assert!((MOST..=2 * MOST).contains(&known), "{known}");
        }
        (0..20_000).for_each(|span| assert!(exporters.ask(7, span).is_none()));
        let exporter = Exporter { own: 3, account: "1".into() };
        assert_eq!(exporters.tell(7, exporter).len(), MOST_WAITING);
        assert_eq!(exporters.ask(7, 1).map(|it| it.own), Some(3));
    }
}
