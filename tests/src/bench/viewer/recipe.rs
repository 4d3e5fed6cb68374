//! Feeds to draw, of any size. In: how many nodes, edges and hops under way. Out: a file as a WebSocket
//! client of `/feed` would save it. The same every time.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};

const BEGIN_MS: u64 = 1_800_000_000_000;
const TICK_MS: u64 = 200;

/// What a feed holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Recipe {
    /// How many nodes; the first is where requests enter.
    pub(super) nodes: usize,
    /// How many edges.
    pub(super) edges: usize,
    /// How many hops are under way on the screen at any time.
    pub(super) alive: f64,
    /// Whether all hops take so long that the screen shows them as long as it ever does.
    pub(super) all_slow: bool,
    /// How long it goes on.
    pub(super) seconds: u64,
}

struct Edge {
    id: u64,
    source: usize,
    target: usize,
    /// Hops a second.
    rate: f64,
    /// A median, in microseconds.
    latency_us: f64,
    /// The share of errors.
    error: f64,
}

impl Recipe {
    /// Writes it.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(super) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let mut random = StdRng::seed_from_u64(73);
        let ids: Vec<u64> = (0..self.nodes).map(|_| random.random_range(1..1 << 53)).collect();
        let edges = self.connect(&mut random);
        let mut out = BufWriter::new(File::create(path)?);
        let source = json!({ "kind": "recording", "name": "bench" });
        let hello = json!({ "type": "hello", "protocol": 1, "version": "0.1.0", "tick_ms": TICK_MS,
            "source": source, "now_ms": BEGIN_MS });
        let node = |(index, id): (usize, &u64)| {
            let kind = match index {
                0 => "users",
                _ if index % 9 == 5 => "queue",
                _ if index % 7 == 3 => "table",
                _ => "function",
            };
            json!({ "id": id, "kind": kind, "name": format!("{kind}-{index}"), "entry": index == 0,
                "account": "123456789012", "region": "eu-west-1" })
        };
        let told = |edge: &Edge| json!({ "id": edge.id, "source": ids[edge.source], "target": ids[edge.target] });
        let graph = json!({ "type": "graph", "complete": true,
            "nodes": ids.iter().enumerate().map(node).collect::<Vec<_>>(),
            "edges": edges.iter().map(told).collect::<Vec<_>>() });
        writeln!(out, "{hello}\n{graph}")?;
        for number in 0..self.seconds * 1_000 / TICK_MS {
            writeln!(out, "{}", tick(number, &edges, &mut random))?;
        }
        Ok(out.flush()?)
    }

    /// Each node is called by one that comes somewhat before it; the other edges lead on, too.
    fn connect(&self, random: &mut StdRng) -> Vec<Edge> {
        let mut pairs = HashSet::new();
        let mut edges = Vec::new();
        let mut connect = |source: usize, target: usize, random: &mut StdRng| {
            if source >= target || !pairs.insert((source, target)) {
                return false;
            }
            let id = random.random_range(1..1 << 53);
            // Few edges carry most of the traffic, and few fail.
            let rate = (1.5 * (random.random::<f64>() + random.random::<f64>() - 1.0) * 2.0).exp();
            let tenfolds = if self.all_slow { 7.3 } else { random.random_range(3.6..5.2) };
            let error = if random.random::<f64>() < 0.03 { 0.1 } else { 0.0 };
            edges.push(Edge { id, source, target, rate, latency_us: 10_f64.powf(tenfolds), error });
            true
        };
        let before = |index: usize, random: &mut StdRng| {
            // A graph of some eight layers, whatever its size.
            let layer = (self.nodes / 8).max(1);
            index.saturating_sub(random.random_range(1..=2 * layer))
        };
        for target in 1..self.nodes {
            while !connect(before(target, random), target, random) {}
        }
        let mut left = self.edges.saturating_sub(self.nodes - 1);
        while left > 0 {
            let target = random.random_range(2..self.nodes);
            left -= usize::from(connect(before(target, random), target, random));
        }
        let alive: f64 = edges.iter().map(|edge| edge.rate * on_screen(edge.latency_us)).sum();
        for edge in &mut edges {
            edge.rate *= self.alive / alive;
        }
        edges
    }
}

fn tick(number: u64, edges: &[Edge], random: &mut StdRng) -> Value {
    let mut spans = 0;
    let mut rows = Vec::new();
    for edge in edges {
        let due = edge.rate * TICK_MS as f64 / 1e3;
        let hops = (due + random.random::<f64>()).floor();
        if hops > 0.0 {
            let failed = (hops * edge.error + random.random::<f64>() * edge.error.ceil()).floor();
            let p50 = edge.latency_us as u64;
            rows.push(json!([edge.id, hops - failed, 0, 0, failed, 0, p50, p50 * 4]));
            spans += 2 * hops as u64;
        }
    }
    json!({ "type": "tick", "t": BEGIN_MS + number * TICK_MS, "ms": TICK_MS, "spans": spans,
        "edges": rows })
}

/// For how many seconds the viewer shows a hop of this latency: 0.9 s at a millisecond, and as much
/// more for each tenfold, 4 s at most.
fn on_screen(latency_us: f64) -> f64 {
    0.9 + 0.775 * (latency_us / 1e3).log10().clamp(0.0, 4.0)
}

#[cfg(test)]
mod tests {
    use spanfall_collector::feed::message::Message;

    use super::*;

    #[test]
    fn a_feed_has_as_much_under_way_as_it_should() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("feed.jsonl");
        let recipe = Recipe { nodes: 73, edges: 155, alive: 3_000.0, all_slow: false, seconds: 60 };
        recipe.write(&path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let mut alive = 0.0;
        for line in text.lines() {
            match serde_json::from_str(line).unwrap() {
                Message::Graph(graph) => {
                    assert_eq!((graph.nodes.len(), graph.edges.len()), (73, 155));
                    let reached = graph.edges.iter().map(|edge| edge.target);
                    assert_eq!(reached.collect::<HashSet<_>>().len(), 72);
                }
                Message::Tick(tick) => {
                    let seconds = |edge: &spanfall_collector::feed::message::EdgeTick| {
                        edge.counts.total() * on_screen(edge.p50_us as f64)
                    };
                    alive += tick.edges.iter().map(seconds).sum::<f64>() / 60.0;
                }
                _ => {}
            }
        }
        assert!((2_900.0..3_100.0).contains(&alive), "{alive}");
    }
}
