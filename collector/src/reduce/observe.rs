//! Observe: every hop as it is counted or taken back, one by one, for whoever judges the reducer
//! against what really happened. Viewers want sums; they have [`Reducer::drain`].

use std::fmt;

use super::Reducer;
use super::half::SpanKey;
use super::hop::Class;
use super::node::Node;
use super::nodes::{NodeIndex, keyed};
use super::pair::span_key;
use super::tally::Counted;

/// One hop, as it is counted or taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observed {
    /// The key of the span that it is kept with; see [`Reducer::key_of`].
    pub key: u64,
    /// Where it comes from; [`Reducer::node_at`] names it.
    pub source: u32,
    /// Where it goes.
    pub target: u32,
    /// How it went.
    pub class: Class,
    /// Whether it met a cold start.
    pub cold: bool,
    /// How many requests it stands for, in millionths; below zero where it is taken back.
    pub weight: i64,
}

/// Who observes, if anyone.
#[derive(Default)]
pub(super) struct Observer(Option<Box<dyn Fn(Observed) + Send + Sync>>);

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Observer(set)" } else { "Observer(none)" })
    }
}

impl Observer {
    /// Tells of a hop that the half of `key` has, or has no longer.
    #[inline]
    pub(super) fn tell(&self, key: u64, hop: &Counted, sign: i64) {
        if let Some(observer) = &self.0 {
            let &Counted { source, target, class, cold, weight, .. } = hop;
            observer(Observed { key, source, target, class, cold, weight: sign * weight });
        }
    }
}

impl Reducer {
    /// Calls `observer` for every hop from now on, from whatever thread counts it. Correct sums
    /// come of all observations of a key together.
    pub fn observe(&mut self, observer: impl Fn(Observed) + Send + Sync + 'static) {
        self.tally.observer = Observer(Some(Box::new(observer)));
    }

    /// The key that observations of this span's hop have, in this reducer.
    pub fn key_of(&self, trace_id: [u8; 16], span_id: u64) -> u64 {
        self.keys_of(trace_id, span_id, 0).0
    }

    /// The keys of a span and of its parent, which is 0 where there is none.
    #[inline]
    pub(super) fn keys_of(
        &self,
        trace_id: [u8; 16],
        span_id: u64,
        parent_id: u64,
    ) -> (SpanKey, SpanKey) {
        let trace = keyed(&self.hasher, trace_id);
        let key = |id: u64| span_key(trace, keyed(&self.hasher, (trace_id, id)));
        (key(span_id), if parent_id == 0 { 0 } else { key(parent_id) })
    }

    /// The node that an observation names, as it is known now.
    pub fn node_at(&self, place: NodeIndex) -> Option<Node> {
        let is = self.nodes.resolved(place).0;
        let mut found = None;
        self.nodes.for_each(|index, _, node, _| {
            if index == is {
                found = Some(node.clone());
            }
        });
        found
    }
}
