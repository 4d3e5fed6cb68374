//! Steps: with `spans = "all"`, which spans lead to a span, in one process or across several. In: a
//! span. Out: its node by its own attributes, and a half for everything that leads to it.
//!
//! A span's links say what led to it; where it has none, its parent does. That one began after
//! another ended says nothing of the kind, so spans that merely follow each other are not joined.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::facts::Facts;
use super::half::{Half, Side, SpanKey};
use super::node::Node;
use super::nodes::{NodeIndex, keyed};
use super::origin::Origin;
use super::pair::span_key;
use super::read::Reading;
use super::settings::Spans;
use crate::span::{Malformed, Span};

/// The node of a span.
pub(super) struct Own<'a> {
    pub(super) index: NodeIndex,
    /// Its name as it is shown.
    pub(super) name: Cow<'a, str>,
}

/// The spans that a span names as leading to it; rarely more than two.
type Links = SmallVec<[([u8; 16], u64); 2]>;

impl Reading<'_> {
    /// The node of a span: its resource's, unless the span itself says better.
    pub(super) fn own<'a>(
        &self,
        span: &Span<'_>,
        origin: &'a Origin,
    ) -> Result<Own<'a>, Malformed> {
        let of_resource = Own { index: origin.node, name: Cow::Borrowed(&origin.shown) };
        let rules = &self.settings.nodes;
        if self.settings.spans == Spans::Remote || rules.attributes.is_empty() {
            return Ok(of_resource);
        }
        let Some((place, name)) = rules.named_by_span(span)? else { return Ok(of_resource) };
        if origin.chosen.is_some_and(|of_resource| of_resource < place) {
            return Ok(of_resource);
        }
        let here = origin.here();
        let mut node = Node {
            kind: rules.kind,
            name: name.to_owned(),
            account: here.account.to_owned(),
            region: here.region.to_owned(),
        };
        rules.rename(&mut node);
        Ok(Own { index: self.reducer.nodes.index(&node), name: Cow::Owned(node.name) })
    }

    /// Makes a half of a span that neither calls nor is called.
    pub(super) fn step(
        &self,
        half: &mut Half,
        span: &Span<'_>,
        facts: &Facts<'_>,
        origin: &Origin,
        own: &str,
    ) {
        half.side = Side::Step;
        half.version = origin.version;
        half.ignored = self.settings.nodes.ignores(span.name, facts, [own, own]);
    }

    /// Halves for what leads to a span, where its own half cannot tell: for each link, or for the
    /// parent of a caller, whose own half tells whom it calls.
    pub(super) fn leads(
        &self,
        half: &mut Half,
        span: &Span<'_>,
        origin: &Origin,
        weight: i64,
    ) -> Result<SmallVec<[Half; 2]>, Malformed> {
        let mut leads = SmallVec::new();
        // A callee's own half looks for what leads to it; so does one that may be a callee.
        let looks = half.unsure || matches!(half.side, Side::Called { .. });
        if looks {
            return Ok(leads);
        }
        let links = links(span)?;
        let lead = |to: &Half, from: SpanKey, (trace, id): ([u8; 16], u64)| Half {
            // The same link again is the same half; it lives where the span that leads here does.
            key: span_key(
                keyed(&self.reducer.hasher, trace),
                keyed(&self.reducer.hasher, (to.key, trace, id)),
            ),
            parent: from,
            request: 0,
            bridge: 0,
            side: Side::Step,
            version: origin.version,
            // A sender's half stands for all its messages; it was led to once.
            weight,
            ..*to
        };
        for &(trace, id) in &links {
            leads.push(lead(half, self.reducer.key_of(trace, id), (trace, id)));
        }
        if half.side == Side::Step {
            if !links.is_empty() {
                half.parent = 0;
            }
        } else if links.is_empty() && half.parent != 0 {
            leads.push(lead(half, half.parent, (span.trace_id, span.parent_id)));
        }
        Ok(leads)
    }
}

/// The other spans that a span links to.
fn links(span: &Span<'_>) -> Result<Links, Malformed> {
    let mut links = Links::new();
    span.for_each_link(|link| {
        let itself = (link.trace_id, link.span_id) == (span.trace_id, span.span_id);
        if link.trace_id != [0; 16] && link.span_id != 0 && !itself {
            links.push((link.trace_id, link.span_id));
        }
        Ok(())
    })?;
    Ok(links)
}
