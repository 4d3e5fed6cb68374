//! The feed's messages: what a collector tells its viewers, as JSON text frames.
//!
//! A viewer that connects to `ws://HOST:4320/feed` receives, in this order: one [`Hello`]; one
//! [`Graph`] with `complete` set, which is how things stood when the recent past began; the recent
//! past as it happened; and then what happens: [`Tick`]s, a [`Graph`] before any tick that needs
//! it, and [`Notice`]s. It may send [`Request`]s.
//!
//! Readers ignore fields and message types that they do not know: that is how the protocol grows.

use std::collections::BTreeMap;

use serde::de::{self, SeqAccess, Visitor};
use serde::ser::SerializeTuple;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::reduce::hop::{Counts, EdgeId};
use crate::reduce::node::{NodeId, NodeKind};

/// The protocol's number. It changes only when old viewers would misread new frames.
pub const PROTOCOL: u32 = 1;

/// One frame of the feed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Message {
    /// The first frame: who is speaking.
    Hello(Hello),
    /// Nodes and edges that are new or changed; everything at first.
    Graph(Graph),
    /// What happened on every edge in one short interval.
    Tick(Tick),
    /// One sentence that deserves a person's attention.
    Notice(Notice),
    /// Facts about what this viewer asked to inspect.
    Detail(Box<Detail>),
    /// This viewer could not keep up.
    Lost(Lost),
    /// A frame of a later protocol; to be ignored.
    #[serde(other, skip_serializing)]
    Unknown,
}

/// Who is speaking, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    /// [`PROTOCOL`].
    pub protocol: u32,
    /// The collector's version, such as `0.1.0`.
    pub version: String,
    /// Milliseconds in a tick.
    pub tick_ms: u32,
    /// Where the traffic comes from.
    pub source: SourceLabel,
    /// The collector's clock, in milliseconds since 1970, so that a viewer can tell age from skew.
    pub now_ms: u64,
}

/// Where a feed's traffic comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "name", rename_all = "snake_case")]
pub enum SourceLabel {
    /// Spans that arrive now.
    Live,
    /// A recording, by name.
    Recording(String),
    /// A sample that came with the program, by name.
    Sample(String),
}

/// Nodes and edges that are new or changed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Graph {
    /// Whether this is everything: what is not named here is gone.
    #[serde(default, skip_serializing_if = "is_false")]
    pub complete: bool,
    /// Nodes that are new or changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<GraphNode>,
    /// Edges that are new.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub edges: Vec<GraphEdge>,
    /// `[from, into]`: a node known only in part turned out to be another one. Its edges come
    /// anew under the other's name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub merged: Vec<(NodeId, NodeId)>,
}

/// A node as viewers see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GraphNode {
    /// Its identity.
    pub id: NodeId,
    /// What it is.
    pub kind: NodeKind,
    /// Its name.
    pub name: String,
    /// The cloud account; empty where unknown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub account: String,
    /// The cloud region; empty where unknown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub region: String,
    /// Whether requests enter the system here.
    #[serde(default, skip_serializing_if = "is_false")]
    pub entry: bool,
}

/// An edge as viewers see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GraphEdge {
    /// Its identity.
    pub id: EdgeId,
    /// Where requests come from.
    pub source: NodeId,
    /// Where they go.
    pub target: NodeId,
}

/// What happened on every edge in one interval.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tick {
    /// When the interval began, in milliseconds since 1970.
    pub t: u64,
    /// Its length in milliseconds. A collector with nothing to tell sends one empty tick a second.
    pub ms: u32,
    /// Spans received in it.
    #[serde(default)]
    pub spans: u64,
    /// Hops of which one end is not known, or that are on no edge because there are too many.
    /// Negative where more of those that were told before have become known since.
    #[serde(default, skip_serializing_if = "is_zero", serialize_with = "short_number")]
    pub unknown: f64,
    /// The edges that moved.
    #[serde(default)]
    pub edges: Vec<EdgeTick>,
}

/// One edge in one tick. On the wire an array, since it is most of the feed:
/// `[edge, ok, slow, throttled, error, cold, p50, p99]`, counts first, then latencies in
/// microseconds (0 where no hop had one). Counts are whole numbers unless sampled spans stand for
/// more; a negative count takes back hops that earlier ticks showed here. A ninth number, where it
/// is not 0, is [`EdgeTick::again`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EdgeTick {
    /// Which edge.
    pub edge: EdgeId,
    /// Hops by class.
    pub counts: Counts,
    /// Median latency of these hops, in microseconds.
    pub p50_us: u64,
    /// 99th percentile of their latency, in microseconds.
    pub p99_us: u64,
    /// How many of these hops are corrections of what earlier ticks showed: positive where a request
    /// is counted now that was shown elsewhere or otherwise, negative where such a one is taken
    /// back. What is left of the counts is new requests.
    pub again: f64,
}

/// How much attention a [`Notice`] deserves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Something to look at today.
    Warning,
    /// Requests fail now.
    Critical,
}

/// One sentence that deserves a person's attention. The same `id` again replaces it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// Names the matter, such as `config` or `early`.
    pub id: String,
    /// How much attention it deserves.
    pub severity: Severity,
    /// The sentence. Empty when the matter is over.
    pub text: String,
    /// The node that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeId>,
    /// The edge that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edge: Option<EdgeId>,
    /// Since when, in milliseconds since 1970.
    pub since_ms: u64,
}

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

/// Ticks that this viewer did not get because it could not keep up. A complete [`Graph`] follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// How many.
    pub ticks: u64,
}

/// What a viewer may ask.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Request {
    /// Send a [`Detail`] now and every second for these. Replaces what was asked before; an empty
    /// request ends it.
    Inspect {
        /// Nodes to inspect, at most 16.
        #[serde(default)]
        nodes: Vec<NodeId>,
        /// Edges to inspect, at most 16.
        #[serde(default)]
        edges: Vec<EdgeId>,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn short_number<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    ShortNumber(*value).serialize(serializer)
}

fn is_false(value: &bool) -> bool {
    !value
}

/// Writes a count the short way: `3`, not `3.0`; and a fraction where there is one.
struct ShortNumber(f64);

impl Serialize for ShortNumber {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Doubles hold whole numbers exactly up to 2^53; no tick comes near.
        #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and small")]
        if self.0.fract() == 0.0 && self.0.abs() < 9e15 {
            serializer.serialize_i64(self.0 as i64)
        } else {
            serializer.serialize_f64((self.0 * 1e3).round() / 1e3)
        }
    }
}

impl Serialize for EdgeTick {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Counts { ok, slow, throttled, error, cold } = self.counts;
        let again = (self.again != 0.0).then_some(ShortNumber(self.again));
        let mut array = serializer.serialize_tuple(8 + usize::from(again.is_some()))?;
        array.serialize_element(&self.edge)?;
        for count in [ok, slow, throttled, error, cold] {
            array.serialize_element(&ShortNumber(count))?;
        }
        array.serialize_element(&self.p50_us)?;
        array.serialize_element(&self.p99_us)?;
        if let Some(again) = again {
            array.serialize_element(&again)?;
        }
        array.end()
    }
}

impl<'de> Deserialize<'de> for EdgeTick {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ArrayVisitor;

        impl<'de> Visitor<'de> for ArrayVisitor {
            type Value = EdgeTick;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("[edge, ok, slow, throttled, error, cold, p50, p99]")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<EdgeTick, A::Error> {
                let edge =
                    seq.next_element()?.ok_or_else(|| de::Error::invalid_length(0, &self))?;
                let mut count = [0.0; 5];
                for (index, count) in count.iter_mut().enumerate() {
                    *count = seq
                        .next_element()?
                        .ok_or_else(|| de::Error::invalid_length(index + 1, &self))?;
                }
                let p50_us = seq.next_element()?.unwrap_or(0);
                let p99_us = seq.next_element()?.unwrap_or(0);
                let again = seq.next_element()?.unwrap_or(0.0);
                // Later protocols may append; what is not known is not needed.
                while seq.next_element::<de::IgnoredAny>()?.is_some() {}
                let [ok, slow, throttled, error, cold] = count;
                Ok(EdgeTick {
                    edge,
                    counts: Counts { ok, slow, throttled, error, cold },
                    p50_us,
                    p99_us,
                    again,
                })
            }
        }

        deserializer.deserialize_seq(ArrayVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_tick_is_a_short_array_and_reads_back() {
        let tick = EdgeTick {
            edge: EdgeId(7),
            counts: Counts { ok: 3.0, slow: 0.0, throttled: 0.0, error: -1.0, cold: 2.5 },
            p50_us: 1200,
            p99_us: 90_000,
            again: 0.0,
        };
        let text = serde_json::to_string(&tick).unwrap();
        assert_eq!(text, "[7,3,0,0,-1,2.5,1200,90000]");
        assert_eq!(serde_json::from_str::<EdgeTick>(&text).unwrap(), tick);
        let corrected = EdgeTick { again: 2.0, ..tick };
        let text = serde_json::to_string(&corrected).unwrap();
        assert_eq!(text, "[7,3,0,0,-1,2.5,1200,90000,2]");
        assert_eq!(serde_json::from_str::<EdgeTick>(&text).unwrap(), corrected);
    }

    #[test]
    fn a_message_of_a_later_protocol_is_unknown_not_an_error() {
        let text = r#"{"type":"weather","sky":"clear"}"#;
        assert_eq!(serde_json::from_str::<Message>(text).unwrap(), Message::Unknown);
    }

    #[test]
    fn an_edge_tick_with_fields_of_a_later_protocol_still_reads() {
        let tick: EdgeTick = serde_json::from_str("[7,3,0,0,0,0,1,2,0,[1]]").unwrap();
        assert_eq!(tick.p99_us, 2);
        assert!(serde_json::from_str::<EdgeTick>("[7,3,0]").is_err());
    }
}
