//! Truth: what a perfect reader of the spans that arrived would say, hop by hop. In: what happened,
//! and when each span arrived. Out: [`Hop`]s, with the spans that tell of each.
//!
//! A hop that no span tells of (its spans were lost, not sampled, or never existed) is counted as
//! untold and asked of nobody. Where spans tell of one side only, the other side is what that side
//! names: an end that no one can know is `unknown trigger`, and that is then the right answer.

use std::collections::HashMap;

use spanfall_collector::reduce::hop::Class;
use spanfall_collector::reduce::node::{Node, NodeKind};

use super::export::{id_of, trace_of};
use super::faults::Faults;
use super::simulate::{Happened, HopRecord, SpanRecord};

/// A span's trace id and id.
pub type SpanId = (u128, u64);

/// How it can be known that the hop is on its edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Spans of both sides say so, or one side needs no other.
    Spans,
    /// A gateway is named, and no caller will come.
    Gateway,
    /// One side was there, and the other never came: only waiting or experience can tell.
    Experience,
}

/// One hop that spans tell of.
#[derive(Clone, Debug)]
pub struct Hop {
    /// Where it came from, as far as spans tell.
    pub source: Node,
    /// Where it went, as far as spans tell.
    pub target: Node,
    /// How it went, as far as spans tell.
    pub class: Class,
    /// Whether it met a cold start; `None` where spans do not tell.
    pub cold: Option<bool>,
    /// How many requests the spans that arrived say it stands for.
    pub weight: f64,
    /// The spans that tell of it.
    pub spans: Vec<SpanId>,
    /// When the last of them arrived, in milliseconds.
    pub known_ms: u64,
    /// How it can be known.
    pub how: How,
}

/// Hops of one edge that happened, sampled or not.
#[derive(Clone, Debug, Default)]
pub struct EdgeTruth {
    /// Their number.
    pub hops: f64,
    /// The same by trace, for the error of sampling whole traces.
    pub by_trace: HashMap<u128, f64>,
}

/// What happened, as far as it can be known.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    /// The hops that spans tell of.
    pub hops: Vec<Hop>,
    /// Hops that no span tells of.
    pub untold: usize,
    /// All hops by the names of their edge's nodes, told or not.
    pub edges: HashMap<(Node, Node), EdgeTruth>,
}

/// Reads the truth off a run. `configured` are functions whose trigger the configuration names.
pub fn truth(
    happened: &Happened,
    faults: &Faults,
    arrivals: &[Option<u64>],
    configured: &HashMap<String, Node>,
) -> Truth {
    let reader = Reader { happened, faults, arrivals, configured, by_id: by_id(happened) };
    let answered = reader.answered();
    let mut truth = Truth::default();
    for (index, record) in happened.hops.iter().enumerate() {
        let edge = truth.edges.entry((record.source.clone(), record.target.clone())).or_default();
        edge.hops += f64::from(record.weight);
        let trace = record.callees.first().or(record.callers.first());
        let trace = trace.map_or(0, |&span| trace_of(&happened.spans[span].span));
        *edge.by_trace.entry(trace).or_default() += f64::from(record.weight);
        // A caller's span that stands for several attempts tells of those that were answered, or
        // else of one.
        let stands_for = record.callers.first().and_then(|caller| answered.get(caller));
        let spoken_for = stands_for.is_some_and(|&(first, any)| {
            !reader.any_arrived(&record.callees) && (any || first != index)
        });
        match reader.hop(record) {
            Some(hop) if !spoken_for => truth.hops.push(hop),
            _ => truth.untold += 1,
        }
    }
    truth
}

fn by_id(happened: &Happened) -> HashMap<SpanId, usize> {
    let ids = happened.spans.iter().map(|it| (trace_of(&it.span), id_of(&it.span)));
    ids.zip(0..).collect()
}

struct Reader<'a> {
    happened: &'a Happened,
    faults: &'a Faults,
    arrivals: &'a [Option<u64>],
    configured: &'a HashMap<String, Node>,
    by_id: HashMap<SpanId, usize>,
}

impl Reader<'_> {
    fn any_arrived(&self, spans: &[usize]) -> bool {
        spans.iter().any(|&span| self.arrivals[span].is_some())
    }

    fn arrived<'s>(
        &'s self,
        spans: &'s [usize],
    ) -> impl Iterator<Item = (&'s SpanRecord, u64)> + 's {
        spans.iter().filter_map(|&span| {
            self.arrivals[span].map(|arrival| (&self.happened.spans[span], arrival))
        })
    }

    /// By a caller's span: the first hop that it stands for, and whether any was answered.
    fn answered(&self) -> HashMap<usize, (usize, bool)> {
        let mut answered = HashMap::new();
        for (index, record) in self.happened.hops.iter().enumerate() {
            if let Some(&caller) = record.callers.first() {
                let entry = answered.entry(caller).or_insert((index, false));
                entry.1 |= self.any_arrived(&record.callees);
            }
        }
        answered
    }

    fn hop(&self, record: &HopRecord) -> Option<Hop> {
        let callers: Vec<_> = self.arrived(&record.callers).collect();
        let callees: Vec<_> = self.arrived(&record.callees).collect();
        let all = || callers.iter().chain(&callees);
        let mut known_ms = all().map(|(_, arrival)| *arrival).max()?;
        let (source, linked_ms) = self.source(record, &callers, &callees);
        known_ms = known_ms.max(linked_ms);
        let target = match (callees.is_empty(), callers.first()) {
            (true, Some((outermost, _))) => {
                let named = callers.iter().any(|(span, _)| span.other == record.target);
                if named { record.target.clone() } else { outermost.other.clone() }
            }
            _ => record.target.clone(),
        };
        let mut class = Class::Ok;
        if !callers.is_empty() {
            class = class.max(record.caller_class);
        }
        if !callees.is_empty() {
            class = class.max(record.callee_class);
        }
        let both = !callers.is_empty() && !callees.is_empty();
        let how = match (source.kind, target.kind) {
            _ if both => How::Spans,
            (NodeKind::Queue | NodeKind::Topic | NodeKind::Stream, _) => How::Spans,
            (NodeKind::Api, NodeKind::Function) => How::Gateway,
            (_, NodeKind::Host | NodeKind::Function | NodeKind::Service) => How::Experience,
            _ => How::Spans,
        };
        let names_messages = callees.iter().any(|(span, _)| is_channel(&span.other));
        let messages = if names_messages || !callers.is_empty() { record.weight } else { 1 };
        let stands_for =
            self.faults.sampling.filter(|it| it.thresholds).map_or(1.0, |it| 1.0 / it.kept);
        Some(Hop {
            cold: self.cold(record, callees.is_empty()),
            weight: f64::from(messages) * stands_for,
            spans: all().map(|(span, _)| (trace_of(&span.span), id_of(&span.span))).collect(),
            source,
            target,
            class,
            known_ms,
            how,
        })
    }

    /// Where a hop came from, and when a link's other end that tells it arrived.
    fn source(
        &self,
        record: &HopRecord,
        callers: &[(&SpanRecord, u64)],
        callees: &[(&SpanRecord, u64)],
    ) -> (Node, u64) {
        let real = record.source.clone();
        if !callers.is_empty() {
            return (real, 0);
        }
        let alone = callees
            .first()
            .map_or_else(super::dialect::unknown_trigger, |(span, _)| span.other.clone());
        if !record.callers.is_empty() || callees.iter().any(|(span, _)| span.other == real) {
            let named = record.callers.is_empty();
            return (if named { real } else { alone }, 0);
        }
        let links = callees.iter().flat_map(|(span, _)| &span.span.links);
        let linked = links.filter_map(|link| {
            let trace = link.trace_id[..].try_into().map(u128::from_be_bytes).ok()?;
            let id = link.span_id[..].try_into().map(u64::from_be_bytes).ok()?;
            let index = *self.by_id.get(&(trace, id))?;
            let sender = &self.happened.spans[index];
            self.arrivals[index].filter(|_| sender.other == real)
        });
        if let Some(arrival) = linked.min() {
            return (real, arrival);
        }
        // What the spans say themselves outranks the configuration.
        let unknown = alone == super::dialect::unknown_trigger();
        match self.configured.get(&record.target.name).filter(|_| unknown) {
            Some(named) => (named.clone(), 0),
            None => (alone, 0),
        }
    }

    /// Whether a cold start shows: only where no span is missing that could have been the first,
    /// and the resource names its instance.
    fn cold(&self, record: &HopRecord, silent: bool) -> Option<bool> {
        if silent {
            return Some(false);
        }
        let &handler = record.callees.first()?;
        let invocation = &self.happened.invocations[self.happened.spans[handler].invocation];
        let ailments = &self.happened.ailments[invocation.program.0];
        let all_there = self.faults.lost == 0.0 && self.faults.sampling.is_none();
        (all_there && !ailments.bare && self.names_instance(handler)).then_some(record.cold)
    }

    fn names_instance(&self, span: usize) -> bool {
        !self.happened.spans[span].span.attributes.iter().any(|it| it.key == "faas.execution")
    }
}

/// Whether a node hands out messages.
fn is_channel(node: &Node) -> bool {
    matches!(node.kind, NodeKind::Queue | NodeKind::Topic | NodeKind::Stream)
}
