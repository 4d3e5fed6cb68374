//! What the waterfall's rows say, as plain data. In: a followed request. Out: lines.

use spanfall_collector::feed::message::{Trace, TraceHop};
use spanfall_collector::reduce::hop::Class;
use spanfall_collector::reduce::node::NodeKind;

use crate::figures::count;
use crate::focus::Item;
use crate::follow::journey::Journey;
use crate::traffic::Traffic;

/// One hop.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    /// How many hops led to it.
    pub(super) depth: usize,
    /// Whom it goes to, ...
    pub(super) kind: NodeKind,
    /// ... by name, and what was asked.
    pub(super) name: String,
    /// From where to where its bar goes, as shares of the whole.
    pub(super) whole: (f32, f32),
    /// The same of whoever was called, if that sent a span.
    pub(super) work: Option<(f32, f32)>,
    /// How it went.
    pub(super) class: Class,
    /// What it took, in microseconds.
    pub(super) took_us: u64,
    /// Where a click goes.
    pub(super) goes: Item,
}

/// A line for each hop, in the order in which they set out.
pub(super) fn lines(trace: &Trace, journey: &Journey, traffic: &Traffic) -> Vec<Line> {
    let end_us = journey.end_us().max(1.0);
    let part = |from: f64, took: f64| {
        let share = |us: f64| (us / end_us).clamp(0.0, 1.0) as f32;
        (share(from), share(from + took))
    };
    let line = |(index, hop): (usize, &TraceHop)| {
        let (kind, name) = match traffic.nodes.get(&hop.target) {
            Some(node) => (node.kind, node.name.as_str()),
            None => (NodeKind::Host, "(not shown)"),
        };
        let work = hop.callee.map(|callee| part(callee.at_us as f64, callee.took_us as f64));
        let mut whole = part(hop.at_us as f64, hop.took_us as f64);
        // A message is on its way until somebody deals with it.
        whole.1 = whole.1.max(work.map_or(0.0, |work| work.1));
        Line {
            depth: journey.depth(index),
            kind,
            name: named(name, hop),
            whole,
            work,
            class: hop.class,
            took_us: hop.took_us,
            goes: Item::Edge(hop.edge),
        }
    };
    trace.hops.iter().enumerate().map(line).collect()
}

/// `orders-table  PutItem`: a function's own span is named for the function, which says nothing more.
fn named(name: &str, hop: &TraceHop) -> String {
    let mut text = name.to_owned();
    if !hop.operation.is_empty() && hop.operation != name {
        text.push_str("  ");
        text.push_str(&hop.operation);
    }
    if (hop.requests - 1.0).abs() > 1e-6 {
        text.push_str(&format!(" ×{}", count(hop.requests)));
    }
    text
}
