//! Ending: halves whose wait is over, or for which there is no room. In: the time, and how many halves
//! there may be. Out: hops by what the halves know themselves, and halves that are forgotten.

use std::sync::atomic::Ordering;

use super::half::{Half, Side, State};
use super::index::MOST_ENTRIES;
use super::pair::Context;
use super::shard::Shard;
use super::showing::show;
use super::waits::Waits;

impl Shard {
    /// Resolves and forgets what has waited long enough. Returns those that are known elsewhere.
    pub(super) fn expire(&mut self, context: &Context<'_>) -> Vec<Half> {
        let mut gone = Vec::new();
        while let Some(number) = self.waits.pop_due(context.now_ms, context.wait_ms) {
            self.prefetch_next(&self.waits, context);
            self.end_wait(number, context, &mut gone);
        }
        while let Some(number) = self.corrections.pop_due(context.now_ms, context.correct_ms) {
            self.prefetch_next(&self.corrections, context);
            gone.extend(Some(self.forget(number, context)).filter(is_known_elsewhere));
        }
        while let Some((since, key)) = self.again.front().copied()
            && since.saturating_add(context.wait_ms) <= context.now_ms
        {
            self.again.pop_front();
            if let Some(number) = self.held.find(key) {
                self.resolve(number, context);
            }
        }
        gone
    }

    fn end_wait(&mut self, number: u32, context: &Context<'_>, gone: &mut Vec<Half>) {
        self.resolve(number, context);
        let half = self.held.half(number);
        // A caller is kept, also when it was answered: an asynchronous invocation that failed
        // runs again minutes later. So is a span whose parent may still come and tell that it
        // stands for the same request.
        let orphan = half.parent != 0 && !self.held.contains(half.parent);
        let correctable =
            orphan || matches!(half.state, State::Guessed(_)) || half.side == Side::Calls;
        // A step is kept for the steps that it leads to, even if it shows nothing itself.
        let kept = half.side == Side::Step || (correctable && half.state != State::Silent);
        if kept && context.correct_ms > 0 {
            self.corrections.push(number, context.now_ms);
        } else {
            gone.extend(Some(self.forget(number, context)).filter(is_known_elsewhere));
        }
    }

    /// Shows a half by what it knows itself, and learns from it.
    fn resolve(&mut self, number: u32, context: &Context<'_>) -> bool {
        // Most have been shown for good when their wait ends.
        if self.held.entry(number).is_settled() {
            return false;
        }
        let mut half = self.held.half(number);
        let waited = resolve(&mut half, context);
        self.held.write(number, &half);
        waited
    }

    pub(super) fn resolve_all(&mut self, context: &Context<'_>) {
        let waits: Vec<u32> = self.waits.iter().collect();
        let again = self.again.iter().filter_map(|&(_, key)| self.held.find(key));
        let again: Vec<u32> = again.collect();
        for number in waits.into_iter().chain(again) {
            self.resolve(number, context);
        }
    }

    /// Forgets a half; its hop stays as it is counted.
    fn forget(&mut self, number: u32, context: &Context<'_>) -> Half {
        let half = self.held.remove(number);
        context.held.fetch_sub(1, Ordering::Relaxed);
        self.seen.insert(half.key, context.now_ms);
        self.forget_bridge(&half);
        half
    }

    /// Holds the bound on memory: what is only kept for corrections goes first, then the oldest.
    pub(super) fn make_room(&mut self, context: &Context<'_>) -> (u64, Vec<Half>) {
        let (mut early, mut gone) = (0, Vec::new());
        while context.held.load(Ordering::Relaxed) > context.max_pending.max(1)
            || self.held.len() >= MOST_ENTRIES
        {
            let Some((half, was_early)) = self.let_go_oldest(context) else { break };
            early += u64::from(was_early);
            gone.extend(Some(half).filter(is_known_elsewhere));
        }
        (early, gone)
    }

    /// Has the processor fetch those whose turn it will be next, since it would wait for each: first their
    /// entries, and then what these lead to.
    #[inline]
    fn prefetch_next(&self, queue: &Waits, context: &Context<'_>) {
        const STEP: usize = 1;
        if let Some(number) = queue.after(3 * STEP) {
            self.held.prefetch_entry(number);
        }
        if let Some(number) = queue.after(2 * STEP) {
            self.held.prefetch_beside(number);
            self.seen.prefetch(self.held.key(number));
        }
        if let Some(number) = queue.after(STEP) {
            context.requests.prefetch(self.held.request(number));
        }
    }

    /// Lets the half go that it matters least to keep. Says whether it had not waited long enough.
    fn let_go_oldest(&mut self, context: &Context<'_>) -> Option<(Half, bool)> {
        if let Some(number) = self.corrections.pop() {
            self.prefetch_next(&self.corrections, context);
            return Some((self.forget(number, context), false));
        }
        let number = self.waits.pop()?;
        self.prefetch_next(&self.waits, context);
        let early = self.resolve(number, context);
        Some((self.forget(number, context), early))
    }
}

/// Whether other shards, or the list of requests, know of a half.
fn is_known_elsewhere(half: &Half) -> bool {
    half.link != 0 || half.request != 0
}

/// Shows a half by what it knows itself, and learns from it. Says whether it had waited for another.
fn resolve(half: &mut Half, context: &Context<'_>) -> bool {
    let waited = half.state == State::Waiting;
    if half.side == Side::Step {
        if waited {
            show(half, State::Unmet, context.tally);
        }
        return waited && half.parent != 0;
    }
    // Health checks say nothing of other requests.
    if half.is_open() && !half.ignored {
        if half.is_caller() {
            context.nodes.learn_silent(half.other, true);
        } else {
            context.nodes.learn_entry(half.own, true);
        }
    }
    if waited {
        let hop = half.alone();
        show(half, State::Guessed(hop), context.tally);
    }
    waited
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;
    use crate::reduce::nodes::Nodes;
    use crate::reduce::requests::Requests;
    use crate::reduce::tally::Tally;

    #[test]
    fn halves_that_are_parted_again_and_again_take_no_memory_without_end() {
        let (nodes, tally, held) = (Nodes::default(), Tally::default(), AtomicUsize::new(0));
        let requests = Requests::default();
        let context = Context {
            nodes: &nodes,
            tally: &tally,
            requests: &requests,
            now_ms: 0,
            wait_ms: 30_000,
            correct_ms: 300_000,
            held: &held,
            max_pending: 1_000,
        };
        let mut shard = Shard::default();
        for time in 0..10_000 {
            // Nobody of these is held, so there is nothing to remember.
            shard.wait(time % 7 + 1, &Context { now_ms: time, ..context });
            assert!(shard.again.len() <= 1, "{}", shard.again.len());
        }
    }
}
