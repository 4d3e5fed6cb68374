//! Rates under head sampling: every edge's sum against what really happened, in standard errors.
//!
//! Whole traces are kept or not, so the error of an edge's sum comes from how its hops spread over
//! traces: its variance is the sum of their squares times (1 - p) / p.

use std::collections::HashMap;

use spanfall_collector::reduce::Reducer;
use spanfall_collector::reduce::node::{Node, NodeId};

use super::super::condition::Condition;
use super::super::recording::Recording;
use super::Score;

/// Edges with fewer hops say little about rates.
const LEAST: f64 = 50.0;

pub(super) fn judge(
    score: &mut Score,
    reducer: &Reducer,
    recording: &Recording,
    condition: &Condition,
) {
    let Some(sampling) = condition.faults.sampling else { return };
    let nodes: HashMap<NodeId, Node> =
        reducer.nodes().into_iter().map(|known| (known.id, known.node)).collect();
    let mut shown: HashMap<(&str, &str), f64> = HashMap::new();
    for (_, edge, account) in &reducer.edges() {
        if let (Some(source), Some(target)) = (nodes.get(&edge.source), nodes.get(&edge.target)) {
            *shown.entry((&source.name, &target.name)).or_default() += account.all.counts.total();
        }
    }
    let (mut all, mut all_shown) = (0.0, 0.0);
    for ((source, target), truth) in &recording.truth.edges {
        // Where no span names the trigger there is no sum to compare.
        let Some(&sum) = shown.get(&(source.name.as_str(), target.name.as_str())) else { continue };
        if truth.hops < LEAST {
            continue;
        }
        let squares: f64 = truth.by_trace.values().map(|hops| hops * hops).sum();
        let error = (squares * (1.0 - sampling.kept) / sampling.kept).sqrt();
        score.deviations.push((sum - truth.hops).abs() / error.max(1e-9));
        all += truth.hops;
        all_shown += sum;
    }
    score.rate_error = (all_shown - all).abs() / f64::max(all, 1.0);
}
