//! Attempts: an asynchronous invocation that failed runs again minutes later, under the same request
//! id. In: invocations of one trace, function and request id whose caller has to be found by time.
//! Out: the first of them is looked for in the bridge, and whoever called it called the later ones.

use smallvec::SmallVec;

use super::half::{Half, SpanKey, State};
use super::pair::Context;
use super::shard::Shard;
use super::showing::{pair_halves, show};

/// Later attempts, each behind the first one of the same invocation; sorted.
#[derive(Debug, Default)]
pub(super) struct Attempts(Vec<(SpanKey, SpanKey)>);

impl Attempts {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a span is not the first attempt.
    pub(super) fn is_later(&self, key: SpanKey) -> bool {
        self.0.iter().any(|(_, later)| *later == key)
    }

    fn after(&self, first: SpanKey) -> SmallVec<[SpanKey; 2]> {
        let begin = self.0.partition_point(|(key, _)| *key < first);
        let same = self.0[begin..].iter().take_while(|(key, _)| *key == first);
        same.map(|(_, later)| *later).collect()
    }

    fn add(&mut self, first: SpanKey, later: SpanKey) {
        self.0.retain(|(_, key)| *key != later);
        let place = self.0.partition_point(|pair| *pair < (first, later));
        self.0.insert(place, (first, later));
    }

    /// Forgets a span. What is shown of others stays as it is.
    pub(super) fn forget(&mut self, key: SpanKey) {
        self.0.retain(|(first, later)| *first != key && *later != key);
    }
}

impl Shard {
    /// Takes note that an invocation and others have the same request id.
    pub(super) fn join_attempts(&mut self, half: &Half, all: &[SpanKey], context: &Context<'_>) {
        let Some(bridge) = self.bridges.get(&half.bridge) else { return };
        let open = |it: &Half| {
            let by_time = it.bridged != 0 || bridge.attempts.is_later(it.key);
            it.bridge == half.bridge && (by_time || it.may_be_bridged())
        };
        let mut attempts: SmallVec<[Half; 4]> =
            all.iter().filter_map(|key| self.copy(*key)).filter(open).collect();
        attempts.sort_unstable_by_key(|it| (it.start_us, it.key));
        let Some((first, later)) = attempts.split_first() else { return };
        for half in later {
            self.strike(half);
            self.bridges.entry(half.bridge).or_default().attempts.add(first.key, half.key);
            if half.bridged != 0 {
                self.part(half.key, half.bridged, context);
                self.settle(half.bridged, context);
            }
        }
        self.tell_attempts(first.key, context);
    }

    /// Whoever is found to have called the first attempt called the later ones; nobody did, if it
    /// was nobody.
    pub(super) fn tell_attempts(&mut self, first: SpanKey, context: &Context<'_>) {
        let Some(half) = self.copy(first) else { return };
        let Some(bridge) = self.bridges.get(&half.bridge) else { return };
        for key in bridge.attempts.after(first) {
            let Some(mut later) = self.copy(key) else { continue };
            if !later.is_open() {
                show(&mut later, State::Waiting, context.tally);
                self.wait(key, context);
            }
            if let Some(mut caller) = self.copy(half.bridged) {
                pair_halves(&mut caller, &mut later, context);
                self.held.put(&caller);
            }
            self.held.put(&later);
            self.show_if_safe(key, context);
        }
    }

    /// Something better than time tells who called an attempt.
    pub(super) fn leave_attempts(&mut self, half: &Half, context: &Context<'_>) {
        let Some(bridge) = self.bridges.get_mut(&half.bridge) else { return };
        if bridge.attempts.is_empty() {
            return;
        }
        let (is_later, later) =
            (bridge.attempts.is_later(half.key), bridge.attempts.after(half.key));
        bridge.attempts.forget(half.key);
        let left = if is_later { SmallVec::from_slice(&[half.key]) } else { later };
        for key in left {
            let waits = self.held.change(key, |half| {
                let is_shown = !half.is_open();
                if is_shown {
                    show(half, State::Waiting, context.tally);
                }
                is_shown
            });
            if waits == Some(true) {
                self.wait(key, context);
            }
            if key != half.key {
                self.enter_bridge(key, context);
                self.show_if_safe(key, context);
            }
        }
    }
}
