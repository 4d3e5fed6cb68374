//! What a viewer is told of a node or an edge that it asked to inspect.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Examples, is_false};
use crate::reduce::hop::{Counts, EdgeId};
use crate::reduce::node::NodeId;

/// Facts about one node or edge, since the collector started or the edge was last quiet for long.
/// For a node they are those of the hops that arrive there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Detail {
    /// The node, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeId>,
    /// The edge, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edge: Option<EdgeId>,
    /// Hops by class.
    pub counts: Counts,
    /// Latency of the hops.
    pub latency: Latency,
    /// The busiest operations (span names), at most 20.
    #[serde(default)]
    pub operations: Vec<Operation>,
    /// Hops by version of the target (`faas.version`, `service.version`).
    #[serde(default)]
    pub versions: BTreeMap<String, u64>,
    /// What an edge's hops that worked took lately, in microseconds: their median. Missing for a
    /// node, and while there were fewer than 30.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usual_us: Option<u64>,
    /// An edge's hops that work and take longer, in microseconds, are slow now. Missing for a node,
    /// and while nothing can be said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slow_over_us: Option<u64>,
    /// A function's instances; missing where spans name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instances: Option<Instances>,
    /// What a function costs, estimated; missing where its memory is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
    /// What happened to the messages that leave a queue, topic or stream: those on the edge, or
    /// all that leave the node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<Queue>,
    /// Whether the queue (on either end, if it is an edge) takes what others could not deal with.
    #[serde(default, skip_serializing_if = "is_false")]
    pub dead_letter: bool,
    /// Requests that are worth a look.
    #[serde(default, skip_serializing_if = "Examples::is_empty")]
    pub examples: Examples,
}

/// A function's instances, as far as spans tell: these come when an invocation ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Instances {
    /// Those that ended an invocation in the last minute.
    pub live: u64,
    /// Of these, the ones that were not there before: cold starts in the last minute.
    pub new: u64,
    /// All that were seen since the collector started.
    pub seen: u64,
    /// Invocations at work at once, on average over the last five minutes.
    pub busy: f64,
}

/// What a function costs: an estimate from the time and memory that its spans tell, and the prices
/// in the collector's configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// In what the amounts are, such as `USD`.
    pub currency: String,
    /// An hour that goes like the last five minutes.
    pub per_hour: f64,
    /// A million invocations like those of the last five minutes.
    pub per_million: f64,
}

/// What happened to messages between their sender and their consumer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Queue {
    /// Messages whose sender is known.
    pub timed: f64,
    /// How long these were in the queue: from the end of the sender's span to the start of the
    /// consumer's.
    pub time: Latency,
    /// How often messages were received.
    pub batches: f64,
    /// Messages received.
    pub messages: f64,
    /// Messages in the largest batch.
    pub largest_batch: u64,
    /// Messages that had been delivered before.
    pub redelivered: f64,
    /// Messages that had been delivered from another queue before.
    pub dead_letters: f64,
}

/// Latencies in microseconds; 0 where no hop had one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latency {
    /// Median.
    pub p50_us: u64,
    /// 95th percentile.
    pub p95_us: u64,
    /// 99th percentile.
    pub p99_us: u64,
}

/// One operation on an edge.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// The span's name, such as `GET /orders` or `DynamoDB.PutItem`.
    pub name: String,
    /// Hops by class.
    pub counts: Counts,
    /// Latency of the hops.
    pub latency: Latency,
}
