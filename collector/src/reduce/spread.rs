//! How latencies spread, for systems that keep histograms with bounds of their own. In: bounds.
//! Out: for every edge, how many hops since the start stayed within each.

use hashbrown::HashMap;

use super::Reducer;
use super::hop::{Counts, Edge, EdgeId};
use super::tally::ONE;

/// An edge's hops since the start, and how their latencies spread.
#[derive(Clone, Debug, PartialEq)]
pub struct Spread {
    /// Which edge.
    pub id: EdgeId,
    /// From where to where.
    pub edge: Edge,
    /// Its hops by class.
    pub counts: Counts,
    /// How many hops took no longer than each of the bounds.
    pub within: Vec<f64>,
    /// How many hops have a known latency.
    pub measured: f64,
    /// The sum of these latencies, in seconds.
    pub seconds: f64,
}

impl Reducer {
    /// How the latencies of every edge spread over bounds in microseconds, sorted by edge. At most
    /// 1.6% off, as all latencies are.
    pub fn spreads(&self, bounds_us: &[u64]) -> Vec<Spread> {
        let mut spreads: HashMap<EdgeId, Spread> = HashMap::default();
        self.tally.for_each(|(source, target), sums| {
            if sums.is_nothing() {
                return;
            }
            let (id, edge) = self.nodes.edge(source, target);
            let spread = spreads.entry(id).or_insert_with(|| Spread {
                id,
                edge,
                counts: Counts::default(),
                within: vec![0.0; bounds_us.len()],
                measured: 0.0,
                seconds: 0.0,
            });
            spread.counts.add(&sums.counts());
            for (micros, weight) in sums.latencies() {
                spread.add(bounds_us, micros, weight);
            }
        });
        let mut spreads: Vec<_> = spreads.into_values().collect();
        spreads.sort_by_key(|spread| spread.id);
        spreads
    }
}

impl Spread {
    #[expect(clippy::cast_precision_loss, reason = "a sum for a chart needs no more than 53 bits")]
    fn add(&mut self, bounds_us: &[u64], micros: u64, weight: i64) {
        if micros == 0 {
            // No hop takes no time: this one's latency is not known.
            return;
        }
        let hops = weight as f64 / ONE as f64;
        self.measured += hops;
        self.seconds += hops * micros as f64 / 1e6;
        for (within, _) in
            self.within.iter_mut().zip(bounds_us).filter(|(_, bound)| micros <= **bound)
        {
            *within += hops;
        }
    }
}
