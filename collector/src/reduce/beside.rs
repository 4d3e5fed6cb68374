//! Beside the edges: what a span tells beyond the hop that it is part of. In: every span once, as it
//! arrives. Out: invocations to `activity`, messages to `letters`.

use super::activity::is_invocation;
use super::facts::Facts;
use super::half::{Half, Side};
use super::letters::{Received, Said};
use super::node::NodeKind;
use super::nodes::keyed;
use super::origin::Origin;
use super::pair::Context;
use super::{Malformed, Reducer, target};
use crate::span::Span;

/// Takes notes for a reducer.
pub(super) struct Beside<'a> {
    pub(super) reducer: &'a Reducer,
    pub(super) context: &'a Context<'a>,
}

/// A span, and what was found out about it.
pub(super) struct Noted<'a> {
    pub(super) half: &'a Half,
    pub(super) span: &'a Span<'a>,
    pub(super) facts: &'a Facts<'a>,
    /// Of the span, in millionths, however many messages it stands for.
    pub(super) weight: i64,
    /// Whether it is a consumer's.
    pub(super) consumer: bool,
}

impl Beside<'_> {
    /// Takes note of a span that had not been received before.
    pub(super) fn note(&self, noted: &Noted<'_>, origin: &Origin) -> Result<(), Malformed> {
        let &Noted { half, span, facts, weight, consumer } = noted;
        let is_channel = || holds_messages(self.reducer.nodes.kind(half.other));
        if half.is_caller() {
            if half.side == Side::Sends && is_channel() {
                let message = self.message_key(facts.message_id);
                let mut letters = self.reducer.queues.0.lock();
                letters.sent(half, span.end_ns, message, self.most_messages(), self.context.tally);
            }
            return Ok(());
        }
        if is_invocation(span, facts, consumer) {
            let now_ms = self.context.now_ms;
            self.reducer.activity.add(half.own, origin.worker, span, weight, now_ms);
        }
        if let Side::Called { by_messages, .. } = half.side
            && (by_messages || is_channel())
        {
            self.received(noted, by_messages)?;
        }
        Ok(())
    }

    /// Takes note of messages that a consumer's span received: one a link, or the one that the span
    /// itself names.
    fn received(&self, noted: &Noted<'_>, certain: bool) -> Result<(), Malformed> {
        let &Noted { half, span, facts, weight, .. } = noted;
        let hasher = &self.reducer.hasher;
        let again = |facts: &Facts<'_>| facts.delivery_count.is_some_and(|count| count > 1);
        let name = |node| self.reducer.nodes.with_name(node, |name| keyed(hasher, name) | 1);
        let said = certain.then(|| {
            let queue = name(half.other);
            Said {
                ends: keyed(hasher, (queue, name(half.own))),
                queue: if target::keeps_message_ids(facts) { queue } else { 0 },
                start_ns: span.start_ns,
                weight,
                again: again(facts),
            }
        });
        let links = span.link_count()?;
        let mut one = Received {
            delivery: half.key,
            message: self.message_key(facts.message_id),
            sender: half.parent,
            edge: (half.other, half.own),
            span: half.key,
            sighting: half.sighting(),
            requests: half.weight / links.max(1),
            said,
        };
        let (most, tally) = (self.most_messages(), self.context.tally);
        if certain {
            self.reducer.queues.received_batch(one.edge, half.weight / weight.max(1), weight);
        }
        if links == 0 {
            self.reducer.queues.0.lock().received(one, most, tally);
        }
        let mut place = 0_u32;
        span.for_each_link(|link| {
            let linked = Facts::read(link.attributes())?;
            place += 1;
            one.delivery = keyed(hasher, (half.key, place));
            one.message = self.message_key(linked.message_id);
            one.sender = self.reducer.key_of(link.trace_id, link.span_id);
            one.said = said.map(|said| Said { again: again(&linked), ..said });
            self.reducer.queues.0.lock().received(one, most, tally);
            Ok(())
        })
    }

    fn message_key(&self, id: Option<&str>) -> u64 {
        id.filter(|id| !id.is_empty())
            .map_or(0, |id| keyed(&self.reducer.hasher, ("message", id)) | 1)
    }

    /// How many messages are kept to find out how long they were in their queues.
    fn most_messages(&self) -> usize {
        /// Of spans, the share that has to do with messages.
        const SHARE: usize = 4;
        (self.context.max_pending / SHARE).max(1)
    }
}

fn holds_messages(kind: NodeKind) -> bool {
    matches!(kind, NodeKind::Queue | NodeKind::Topic | NodeKind::Stream)
}
