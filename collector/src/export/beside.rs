//! What functions and queues do beside their hops, as numbers for everyone who wants to know. In: the
//! reducer's workloads and queue facts, and prices. Out: families of numbers.

use std::collections::HashMap;

use super::readings::{Family, Kind, Point};
use crate::cost::Prices;
use crate::reduce::Reducer;
use crate::reduce::hop::EdgeId;
use crate::reduce::node::{Node, NodeId};

/// So many functions, and so many edges, have numbers; a scrape should stay readable.
const MOST: usize = 5_000;

/// Everything that is known now.
pub(super) fn families(reducer: &Reducer, prices: &Prices) -> Vec<Family> {
    let nodes: HashMap<NodeId, Node> =
        reducer.nodes().into_iter().map(|known| (known.id, known.node)).collect();
    let mut families = of_functions(reducer, prices, &nodes);
    families.extend(of_queues(reducer, &nodes));
    families
}

fn of_functions(reducer: &Reducer, prices: &Prices, nodes: &HashMap<NodeId, Node>) -> Vec<Family> {
    let mut workloads: Vec<_> = reducer.workloads().into_iter().collect();
    workloads.sort_by_key(|(id, _)| *id);
    let (mut live, mut busy, mut cost) = (Vec::new(), Vec::new(), Vec::new());
    for (id, workload) in workloads.into_iter().take(MOST) {
        let Some(node) = nodes.get(&id) else { continue };
        let labels = place("function", node);
        if workload.seen > 0 {
            #[expect(clippy::cast_precision_loss, reason = "at most 100,000")]
            let value = workload.live as f64;
            live.push(Point { labels: labels.clone(), value });
        }
        if let Some(estimate) = prices.estimate(&node.name, &workload) {
            let mut labels = labels.clone();
            labels.push(("currency", prices.currency.clone()));
            cost.push(Point { labels, value: estimate.per_hour });
        }
        busy.push(Point { labels, value: workload.busy() });
    }
    vec![
        gauge(
            "spanfall.function.instances",
            "{instance}",
            "Instances of a function that ended an invocation in the last minute.",
            live,
        ),
        gauge(
            "spanfall.function.busy",
            "{invocation}",
            "Invocations of a function at work at once, on average over the last five minutes.",
            busy,
        ),
        gauge(
            "spanfall.function.cost_per_hour",
            "",
            "What a function costs in an hour like the last five minutes, estimated from its time, \
             its memory and the prices in the configuration.",
            cost,
        ),
    ]
}

fn of_queues(reducer: &Reducer, nodes: &HashMap<NodeId, Node>) -> Vec<Family> {
    let queues: HashMap<EdgeId, _> = reducer.queues().into_iter().collect();
    let (mut time, mut messages) = (Vec::new(), Vec::new());
    let (mut batches, mut again, mut dead) = (Vec::new(), Vec::new(), Vec::new());
    for (id, edge, _) in reducer.edges() {
        let (Some(facts), true) = (queues.get(&id), messages.len() < MOST) else { continue };
        let (Some(queue), Some(consumer)) = (nodes.get(&edge.source), nodes.get(&edge.target))
        else {
            continue;
        };
        let mut labels = place("queue", queue);
        labels.push(("consumer", consumer.name.clone()));
        if facts.time.counts.total() > 0.0 {
            let quantiles = [
                ("0.5", facts.time.p50_us),
                ("0.95", facts.time.p95_us),
                ("0.99", facts.time.p99_us),
            ];
            time.extend(quantiles.map(|(quantile, us)| {
                let mut labels = labels.clone();
                labels.push(("quantile", quantile.to_owned()));
                #[expect(clippy::cast_precision_loss, reason = "microseconds of days")]
                let value = us as f64 / 1e6;
                Point { labels, value }
            }));
        }
        let counts = [
            (&mut messages, facts.messages),
            (&mut batches, facts.batches),
            (&mut again, facts.redelivered),
            (&mut dead, facts.dead_letters),
        ];
        for (points, value) in counts {
            points.push(Point { labels: labels.clone(), value });
        }
    }
    vec![
        gauge(
            "spanfall.queue.time",
            "s",
            "How long messages were in a queue, since the start: quantiles of those whose sender \
             is known.",
            time,
        ),
        gauge("spanfall.queue.messages", "{message}", "Messages that left a queue.", messages),
        gauge(
            "spanfall.queue.batches",
            "{batch}",
            "Batches that messages left a queue in.",
            batches,
        ),
        gauge(
            "spanfall.queue.redelivered",
            "{message}",
            "Messages that had been delivered before.",
            again,
        ),
        gauge(
            "spanfall.queue.dead_letters",
            "{message}",
            "Messages that had been delivered from another queue before.",
            dead,
        ),
    ]
}

/// Its name, and where it is as far as that is known.
fn place(label: &'static str, node: &Node) -> Vec<(&'static str, String)> {
    let mut labels = vec![(label, node.name.clone())];
    let places = [("account", &node.account), ("region", &node.region)];
    let known = places.into_iter().filter(|(_, place)| !place.is_empty());
    labels.extend(known.map(|(label, place)| (label, place.clone())));
    labels
}

fn gauge(name: &'static str, unit: &'static str, help: &'static str, points: Vec<Point>) -> Family {
    Family { name, unit, help, kind: Kind::Gauge, points }
}
