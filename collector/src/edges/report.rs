//! What `edges` tells. In: a reducer that has resolved everything. Out: a [`Report`], sorted, so that
//! the same traffic gives the same bytes whatever order it was read in.
//!
//! # The schema `spanfall.edges/1`
//!
//! ```json
//! {
//!   "schema": "spanfall.edges/1",
//!   "totals": {
//!     "spans": 4, "hops": 2, "unpaired": 0, "duplicates": 0, "rejected": 0, "early": 0,
//!     "unknown": 0, "dropped": 0, "unknown_triggers": 0
//!   },
//!   "nodes": [
//!     { "kind": "function", "name": "checkout", "account": "123456789012", "region": "eu-west-1",
//!       "invocations": 2, "instances": 1,
//!       "cost": { "currency": "USD", "total": 5.8e-7, "per_million": 0.29, "per_hour": 0.0021 } },
//!     { "kind": "users", "name": "users", "entry": true }
//!   ],
//!   "edges": [
//!     {
//!       "source": { "kind": "users", "name": "users" },
//!       "target": { "kind": "function", "name": "checkout", "account": "123456789012",
//!                   "region": "eu-west-1" },
//!       "hops": { "total": 2, "ok": 1, "slow": 0, "throttled": 0, "error": 1, "cold": 1 },
//!       "latency_us": { "p50": 1200, "p95": 90000, "p99": 90000 },
//!       "usual_us": null,
//!       "slow_over_us": null
//!     }
//!   ]
//! }
//! ```
//!
//! - `kind` is one of the words of [`NodeKind`]; `account`, `region` and `entry` are left out where
//!   they are empty or false.
//! - Numbers of hops are whole unless sampled spans stand for more requests; then they have up to
//!   three decimals. `cold` counts hops of any class, which are counted there too. `hops` in `totals`
//!   counts each hop once, whatever it stands for.
//! - `latency_us` is in microseconds, at most 2% off; 0 where no hop had one.
//! - `slow` hops worked and took longer than `slow_over_us`. By default that is found from all hops
//!   of the edge that worked, whose median latency is `usual_us`: it is what stands out from them, by
//!   the rule that [`Slow`](crate::reduce::Slow) names. Both are `null` below 30 such hops.
//! - `unpaired` are spans whose other side never came though one was to be expected; `rejected` are
//!   spans that no one can use; `early` are spans that had to be resolved early to save memory, in
//!   which case the result may depend on the order of the input.
//! - `unknown` are hops of which one end is not known: their trigger is not, or their callee sent no
//!   span though it is a function, or has sent some for other calls (others are taken for hosts that
//!   send none). `unknown_triggers` are the nodes that run by a trigger that nobody knows;
//!   `[[trigger]]` tables can name it. `dropped` are hops that are on no edge, because there are more
//!   than 200,000.
//! - A function has `invocations`, and `instances`: how many of them ran it (left out where spans
//!   name none). `cost` is an estimate by the prices of the configuration: in all, for a million
//!   invocations, and for an hour of the time between the first invocation of any function and
//!   the last one (`null` below a second); left out where the memory is not known.
//! - An edge that leaves a queue, topic or stream has `queue`: for `timed` messages, whose sender is
//!   known by a link or the message's id, the time from the end of the sender's span to the start
//!   of the consumer's (`time_us`, left out where none is); how many `messages` came in how many
//!   `batches`, and how many in the `largest_batch`; how many messages had been delivered before
//!   (`redelivered`: the span says so, or the same id came again), and how many of them from
//!   another queue (`dead_letters`; SQS keeps a message's id when it moves it there).
//! - `dead_letter` is true on edges to and from a queue that takes what others could not deal
//!   with: its name has the word `dlq` or `dead-letter`, or a dead letter came from it.
//! - Nodes are sorted by kind (in the order of `NodeKind`), name, account and region; edges by the
//!   names of source and target, then by their kinds, accounts and regions.
//!
//! Later versions may add fields; a field that changes its meaning changes the schema's number.

use std::collections::HashMap;

use serde::Serialize;

use crate::cost::Prices;
use crate::reduce::hop::Counts;
use crate::reduce::node::{Node, NodeId, NodeKind, UNKNOWN_TRIGGER};
use crate::reduce::{Account, KnownNode, QueueFacts, Reducer, Summary, Workload};

/// The schema of the JSON.
pub const SCHEMA: &str = "spanfall.edges/1";

/// Everything that `edges` tells.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// The sums.
    pub totals: Totals,
    /// The nodes that have edges.
    pub nodes: Vec<ReportNode>,
    /// The edges.
    pub edges: Vec<ReportEdge>,
}

/// The sums over all recordings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Spans read, rejected ones and duplicates included.
    pub spans: u64,
    /// Hops counted.
    pub hops: u64,
    /// Hops that an ignore rule left out; no edge has them.
    pub ignored: u64,
    /// Spans whose other side never came though one was to be expected.
    pub unpaired: u64,
    /// Spans that were there before, and left out.
    pub duplicates: u64,
    /// Spans that no one can use.
    pub rejected: u64,
    /// Spans that were resolved early to save memory.
    pub early: u64,
    /// Hops of which one end is not known.
    pub unknown: u64,
    /// Hops that are on no edge, because there are too many.
    pub dropped: u64,
    /// Nodes that run by a trigger that nobody knows.
    pub unknown_triggers: u64,
}

/// A node.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReportNode {
    /// Its name.
    #[serde(flatten)]
    pub node: Node,
    /// Whether requests enter the system here.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub entry: bool,
    /// How often a function ran.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "short_or_nothing")]
    pub invocations: Option<f64>,
    /// How many instances ran it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instances: Option<u64>,
    /// What it cost, estimated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<ReportCost>,
}

/// What a function cost, estimated.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReportCost {
    /// In what the amounts are.
    pub currency: String,
    /// In all.
    #[serde(serialize_with = "money")]
    pub total: f64,
    /// For a million invocations.
    #[serde(serialize_with = "money")]
    pub per_million: f64,
    /// For an hour; `None` where all was over within a second.
    #[serde(serialize_with = "money_or_null")]
    pub per_hour: Option<f64>,
}

/// What happened to messages between their sender and their consumer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ReportQueue {
    /// Messages whose sender is known.
    #[serde(serialize_with = "short")]
    pub timed: f64,
    /// How long these were in the queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_us: Option<LatencyUs>,
    /// How often messages were received.
    #[serde(serialize_with = "short")]
    pub batches: f64,
    /// Messages received.
    #[serde(serialize_with = "short")]
    pub messages: f64,
    /// Messages in the largest batch.
    pub largest_batch: u64,
    /// Messages that had been delivered before.
    #[serde(serialize_with = "short")]
    pub redelivered: f64,
    /// Of these, the ones that had been delivered from another queue.
    #[serde(serialize_with = "short")]
    pub dead_letters: f64,
}

/// An edge.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReportEdge {
    /// Where requests come from.
    pub source: Node,
    /// Where they go.
    pub target: Node,
    /// Hops by class.
    pub hops: Hops,
    /// Their latency.
    pub latency_us: LatencyUs,
    /// The median of hops that worked, in microseconds; `None` where there were too few.
    pub usual_us: Option<u64>,
    /// Hops that worked and took longer, in microseconds, were slow; `None` where nothing can be
    /// said.
    pub slow_over_us: Option<u64>,
    /// What happened to messages, where it leaves a queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<ReportQueue>,
    /// Whether it is an edge to or from a queue for what others could not deal with.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dead_letter: bool,
}

/// Hops by class.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Hops {
    /// Of every class.
    #[serde(serialize_with = "short")]
    pub total: f64,
    /// Those that went as they should.
    #[serde(serialize_with = "short")]
    pub ok: f64,
    /// Those that worked and took too long.
    #[serde(serialize_with = "short")]
    pub slow: f64,
    /// Those that were refused because of a limit.
    #[serde(serialize_with = "short")]
    pub throttled: f64,
    /// Those that failed.
    #[serde(serialize_with = "short")]
    pub error: f64,
    /// Those, of any class, that met a cold start.
    #[serde(serialize_with = "short")]
    pub cold: f64,
}

/// Latency in microseconds; 0 where none is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LatencyUs {
    /// Median.
    pub p50: u64,
    /// 95th percentile.
    pub p95: u64,
    /// 99th percentile.
    pub p99: u64,
}

impl Report {
    /// Reads a reducer that has resolved everything. `rejected`: spans that it refused. `prices`: by
    /// what costs are estimated.
    pub fn new(reducer: &Reducer, rejected: u64, prices: &Prices) -> Self {
        let stats = reducer.stats();
        let known = reducer.nodes();
        let names: HashMap<NodeId, &Node> =
            known.iter().map(|known| (known.id, &known.node)).collect();
        let edges = reducer.edges();
        let (queues, dead) = (reducer.queues(), reducer.dead_letter_queues());
        let edges = edges.iter().filter_map(|(id, edge, account)| {
            let (source, target) = (*names.get(&edge.source)?, *names.get(&edge.target)?);
            let queue = queues.get(id).map(ReportQueue::new);
            let dead_letter = dead.contains(&edge.source) || dead.contains(&edge.target);
            Some(ReportEdge { queue, dead_letter, ..ReportEdge::new(source, target, account) })
        });
        let mut edges: Vec<_> = edges.collect();
        edges.sort_by(|a, b| a.order().cmp(&b.order()));
        let from_unknown = |edge: &&ReportEdge| {
            edge.source.kind == NodeKind::Users && edge.source.name == UNKNOWN_TRIGGER
        };
        let unknown_triggers = edges.iter().filter(from_unknown).count() as u64;
        let totals = Totals {
            spans: stats.spans,
            hops: stats.hops,
            ignored: stats.ignored,
            unpaired: stats.unpaired,
            duplicates: stats.duplicates,
            rejected,
            early: stats.early,
            unknown: reducer.unknown().round() as u64,
            dropped: stats.dropped,
            unknown_triggers,
        };
        let workloads = reducer.workloads();
        let mut nodes: Vec<_> = known
            .iter()
            .map(|known| ReportNode::new(known, workloads.get(&known.id), prices))
            .collect();
        nodes.sort_by(|a, b| (&a.node, a.entry).cmp(&(&b.node, b.entry)));
        Self { schema: SCHEMA, totals, nodes, edges }
    }
}

impl ReportNode {
    fn new(known: &KnownNode, workload: Option<&Workload>, prices: &Prices) -> Self {
        let estimate = workload.and_then(|workload| prices.estimate(&known.node.name, workload));
        let cost = estimate.map(|estimate| ReportCost {
            currency: prices.currency.clone(),
            total: estimate.total,
            per_million: estimate.per_million_overall,
            per_hour: estimate.per_hour_overall,
        });
        Self {
            node: known.node.clone(),
            entry: known.entry,
            invocations: workload.map(Workload::invocations),
            instances: workload.map(|workload| workload.seen).filter(|seen| *seen > 0),
            cost,
        }
    }
}

impl ReportQueue {
    fn new(facts: &QueueFacts) -> Self {
        let QueueFacts { time, batches, messages, largest, redelivered, dead_letters } = *facts;
        let Summary { counts, p50_us: p50, p95_us: p95, p99_us: p99 } = time;
        let timed = counts.total();
        Self {
            timed,
            time_us: (timed > 0.0).then_some(LatencyUs { p50, p95, p99 }),
            batches,
            messages,
            largest_batch: largest,
            redelivered,
            dead_letters,
        }
    }
}

impl ReportEdge {
    fn new(source: &Node, target: &Node, account: &Account) -> Self {
        let Account { all, operations: _, versions: _, usual_us, slow_over_us } = account;
        let Summary { counts, p50_us: p50, p95_us: p95, p99_us: p99 } = *all;
        let Counts { ok, slow, throttled, error, cold } = counts;
        let hops = Hops { total: counts.total(), ok, slow, throttled, error, cold };
        let latency_us = LatencyUs { p50, p95, p99 };
        let (source, target) = (source.clone(), target.clone());
        Self {
            source,
            target,
            hops,
            latency_us,
            usual_us: *usual_us,
            slow_over_us: *slow_over_us,
            queue: None,
            dead_letter: false,
        }
    }

    fn order(&self) -> (&str, &str, &Node, &Node) {
        (&self.source.name, &self.target.name, &self.source, &self.target)
    }
}

/// Writes a count without a fraction where it has none; sums of weights are rounded, since their
/// last digits depend on the order in which they were added.
fn short<S: serde::Serializer>(count: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    let rounded = (count * 1e3).round() / 1e3;
    if rounded.fract() == 0.0 && rounded.abs() < 9e15 {
        serializer.serialize_i64(rounded as i64)
    } else {
        serializer.serialize_f64(rounded)
    }
}

fn short_or_nothing<S: serde::Serializer>(
    count: &Option<f64>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match count {
        Some(count) => short(count, serializer),
        None => serializer.serialize_none(),
    }
}

/// Writes an amount with six digits that mean something: no estimate has more.
fn money<S: serde::Serializer>(amount: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(format!("{amount:.5e}").parse().unwrap_or(*amount))
}

fn money_or_null<S: serde::Serializer>(
    amount: &Option<f64>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match amount {
        Some(amount) => money(amount, serializer),
        None => serializer.serialize_none(),
    }
}
