//! The layout alone. In: the graph of a recorded feed. Out: how long it takes to lay it out from
//! nothing, and to add one node, and how far that moves the others.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::time::Instant;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use spanfall_collector::feed::message::Message as FeedMessage;
use spanfall_collector::reduce::node::NodeId;

use super::median;
use crate::layout::layered::{Placement, Request, arrange, extend};
use crate::source::Source;

/// Times that each is done; the middle one counts.
const ROUNDS: usize = 9;

/// Measures.
pub(super) fn measure(source: &Source) -> anyhow::Result<Value> {
    let request = request(source)?;
    let (anew, placement) = timed(|| arrange(&request));
    let larger = with_one_more(&request);
    let (adding, added) = timed(|| extend(&placement, &larger));
    Ok(json!({
        "nodes": request.nodes.len(),
        "edges": request.edges.len(),
        "anew_ms": anew,
        "adding_ms": adding,
        "placed": added.places.len(),
        "moved": moved(&placement, &added),
    }))
}

/// The graph that the feed tells first.
fn request(source: &Source) -> anyhow::Result<Request> {
    let Source::FeedFile(path) = source else { bail!("only a recorded feed is laid out") };
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    for line in BufReader::new(file).lines() {
        if let FeedMessage::Graph(graph) = serde_json::from_str(&line?)? {
            return Ok(Request {
                nodes: graph.nodes.iter().map(|node| (node.id, node.entry)).collect(),
                edges: graph.edges.iter().map(|edge| (edge.source, edge.target)).collect(),
                aspect: 16.0 / 9.0,
            });
        }
    }
    bail!("{} tells no graph", path.display())
}

/// With another node, between a busy one and two others.
fn with_one_more(request: &Request) -> Request {
    let mut larger = request.clone();
    let new = NodeId(u64::MAX);
    let ends: BTreeSet<NodeId> = request.edges.iter().map(|(source, _)| *source).take(3).collect();
    larger.nodes.insert(new, false);
    for (index, end) in ends.into_iter().enumerate() {
        larger.edges.insert(if index == 0 { (end, new) } else { (new, end) });
    }
    larger
}

/// Milliseconds that it takes, and what it makes.
fn timed(make: impl Fn() -> Placement) -> (f64, Placement) {
    let mut times = Vec::new();
    let mut made = Placement::default();
    for _ in 0..ROUNDS {
        let begin = Instant::now();
        made = make();
        times.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    (median(&times), made)
}

/// How far the node was moved that was moved farthest, in world units.
fn moved(before: &Placement, after: &Placement) -> f32 {
    let way = |(id, from): (&NodeId, &[f32; 2])| {
        after.places.get(id).map_or(f32::INFINITY, |to| (to[0] - from[0]).hypot(to[1] - from[1]))
    };
    before.places.iter().map(way).fold(0.0, f32::max)
}
