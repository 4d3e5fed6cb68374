//! What happened in one interval. On the wire the parts of a tick are short arrays, since they are
//! most of the feed.

use serde::de::{self, SeqAccess, Visitor};
use serde::ser::SerializeTuple;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::is_zero;
use crate::reduce::hop::{Counts, EdgeId};
use crate::reduce::node::NodeId;

/// What happened on every edge in one interval.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
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
    /// The functions that have more or fewer instances now than was told before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub instances: Vec<InstanceTick>,
    /// Hops by version, where requests go to two or more versions of a node.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<VersionTick>,
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

/// A function's instances at the end of a tick. On the wire `[node, live, cold]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceTick(
    /// Which function.
    pub NodeId,
    /// Its instances that ended an invocation in the last minute.
    pub u64,
    /// Cold starts: the instances that were first heard of in this tick.
    pub u64,
);

/// Hops that arrived at one version of a node in one tick. On the wire `[node, version, hops]`.
/// Negative where hops are taken back that earlier ticks told of.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct VersionTick(
    /// Which node.
    pub NodeId,
    /// Which of the versions that the graph names for this node last, from 0.
    pub u32,
    /// How many.
    #[serde(serialize_with = "short_number")]
    pub f64,
);

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn short_number<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    ShortNumber(*value).serialize(serializer)
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
    fn an_edge_tick_with_fields_of_a_later_protocol_still_reads() {
        let tick: EdgeTick = serde_json::from_str("[7,3,0,0,0,0,1,2,0,[1]]").unwrap();
        assert_eq!(tick.p99_us, 2);
        assert!(serde_json::from_str::<EdgeTick>("[7,3,0]").is_err());
    }

    #[test]
    fn instances_and_versions_are_short_arrays_and_are_missing_where_there_are_none() {
        let quiet = Tick { t: 5, ms: 200, spans: 1, ..Tick::default() };
        let text = serde_json::to_string(&quiet).unwrap();
        assert_eq!(text, r#"{"t":5,"ms":200,"spans":1,"edges":[]}"#);
        let told = Tick {
            instances: vec![InstanceTick(NodeId(7), 12, 1)],
            versions: vec![VersionTick(NodeId(7), 0, 3.0), VersionTick(NodeId(7), 1, -0.5)],
            ..quiet
        };
        let text = serde_json::to_string(&told).unwrap();
        assert!(
            text.ends_with(r#""instances":[[7,12,1]],"versions":[[7,0,3],[7,1,-0.5]]}"#),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<Tick>(&text).unwrap(), told);
    }
}
