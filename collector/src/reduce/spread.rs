//! How latencies spread, for systems that keep histograms with bounds of their own. In: bounds.
//! Out: for every edge, and for each way in which its two sides were seen, how many requests since
//! the start stayed within each.

use hashbrown::HashMap;

use super::Reducer;
use super::exemplar::Exemplar;
use super::histogram::Histogram;
use super::hop::{Edge, EdgeId};
use super::sides::{Part, Sides};
use super::tally::ONE;

/// Requests on an edge since the start, and how their latencies spread.
#[derive(Clone, Debug, PartialEq)]
pub struct Spread {
    /// Which edge.
    pub id: EdgeId,
    /// From where to where.
    pub edge: Edge,
    /// Which sides of these requests sent spans.
    pub sides: Sides,
    /// How many there were.
    pub requests: f64,
    /// How many of them failed by the status of a span.
    pub failed: f64,
    /// How many of them went to or came from a queue, topic or stream, and are also known as
    /// messages between those who sent and received them, which is an edge of its own.
    pub joined: f64,
    /// What they took by their clients' spans.
    pub client: Latencies,
    /// What they took by their servers' spans.
    pub server: Latencies,
    /// One of the last.
    pub exemplar: Option<Exemplar>,
}

/// How latencies spread.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Latencies {
    /// How many took no longer than each of the bounds.
    pub within: Vec<f64>,
    /// How many there are.
    pub measured: f64,
    /// Their sum, in seconds.
    pub seconds: f64,
}

impl Reducer {
    /// How the latencies of every edge spread over bounds in microseconds, sorted by edge. At most
    /// 1.6% off, as all latencies are.
    pub fn spreads(&self, bounds_us: &[u64]) -> Vec<Spread> {
        let mut parts: HashMap<(EdgeId, Sides), (Edge, Part)> = HashMap::default();
        self.tally.for_each_sides(|(source, target), sums| {
            let (id, edge) = self.nodes.edge(source, target);
            for (sides, part) in sums.parts() {
                let known = parts.entry((id, sides)).or_insert_with(|| (edge, Part::default()));
                known.1.merge(part);
            }
        });
        let mut joined: HashMap<EdgeId, i64> = HashMap::default();
        self.queues.for_each_joined(|(source, target), messages| {
            *joined.entry(self.nodes.edge(source, target).0).or_default() += messages;
        });
        let joined = |id: EdgeId, sides: Sides| match sides {
            Sides::Client | Sides::Server => joined.get(&id).copied().unwrap_or(0),
            Sides::Both | Sides::Across => 0,
        };
        let mut spreads: Vec<_> = parts
            .into_iter()
            .filter(|(_, (_, part))| part.requests != 0)
            .map(|((id, sides), (edge, part))| Spread {
                id,
                edge,
                sides,
                requests: hops(part.requests),
                failed: hops(part.failed),
                joined: hops(joined(id, sides).clamp(0, part.requests.max(0))),
                client: Latencies::of(&part.client, bounds_us),
                server: Latencies::of(&part.server, bounds_us),
                exemplar: part.exemplar,
            })
            .collect();
        spreads.sort_by_key(|spread| (spread.id, spread.sides));
        spreads
    }
}

#[expect(clippy::cast_precision_loss, reason = "a sum for a chart needs no more than 53 bits")]
fn hops(millionths: i64) -> f64 {
    millionths as f64 / ONE as f64
}

impl Latencies {
    fn of(histogram: &Histogram, bounds_us: &[u64]) -> Self {
        let mut latencies = Self { within: vec![0.0; bounds_us.len()], ..Self::default() };
        for (micros, weight) in histogram.entries() {
            latencies.add(bounds_us, micros, hops(weight));
        }
        latencies
    }

    #[expect(clippy::cast_precision_loss, reason = "a latency is far below 2^53 microseconds")]
    fn add(&mut self, bounds_us: &[u64], micros: u64, hops: f64) {
        self.measured += hops;
        self.seconds += hops * micros as f64 / 1e6;
        let reached = self.within.iter_mut().zip(bounds_us).filter(|(_, bound)| micros <= **bound);
        reached.for_each(|(within, _)| *within += hops);
    }
}
