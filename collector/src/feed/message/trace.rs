//! What a viewer is told of single requests: examples to choose from, and one that it follows.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::is_false;
use crate::reduce::hop::{Class, EdgeId};
use crate::reduce::node::NodeId;

/// A trace's id; 32 hexadecimal digits on the wire, as OpenTelemetry writes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TraceId(pub [u8; 16]);

/// Why a text is no trace id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a trace id is expected: 32 hexadecimal digits, or 1-xxxxxxxx-xxxxxxxxxxxxxxxxxxxxxxxx")]
pub struct NoTraceId;

impl TraceId {
    /// As X-Ray writes it: its first eight digits are seconds since 1970.
    pub fn as_xray(self) -> String {
        let text = self.to_string();
        let (seconds, rest) = text.split_at(8);
        format!("1-{seconds}-{rest}")
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

/// Reads OpenTelemetry's form and X-Ray's.
impl FromStr for TraceId {
    type Err = NoTraceId;

    fn from_str(text: &str) -> Result<Self, NoTraceId> {
        let digits = match text.strip_prefix("1-").and_then(|rest| rest.split_once('-')) {
            Some((seconds, rest)) if seconds.len() == 8 => format!("{seconds}{rest}"),
            Some(_) => return Err(NoTraceId),
            None => text.to_owned(),
        };
        if digits.len() != 32 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(NoTraceId);
        }
        let id = u128::from_str_radix(&digits, 16).map_err(|_| NoTraceId)?;
        Ok(Self(id.to_be_bytes()))
    }
}

impl Serialize for TraceId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TraceId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Requests that are worth a look, of an edge or of what arrives at a node; at most six that failed or
/// were refused, and three that took long.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Examples {
    /// The last ones that failed, then the last ones that were refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<Example>,
    /// Those of the last ten minutes that took longest, the longest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slowest: Vec<Example>,
}

impl Examples {
    pub(super) fn is_empty(&self) -> bool {
        self.failed.is_empty() && self.slowest.is_empty()
    }
}

/// One of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Example {
    /// The trace that tells of it.
    pub trace: TraceId,
    /// How its hop on this edge went.
    pub class: Class,
    /// What that took, in microseconds.
    pub took_us: u64,
    /// When that set out, in milliseconds since 1970.
    pub at_ms: u64,
    /// What was asked for (the span's name).
    #[serde(default)]
    pub operation: String,
}

/// A followed request with all its hops, as far as they are known. Without hops nothing is known of it,
/// or no more.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Trace {
    /// Its trace's id.
    pub trace: TraceId,
    /// When its first hop set out, in microseconds since 1970.
    #[serde(default)]
    pub start_us: u64,
    /// Its hops, in the order in which they set out; at most 400. Hops of other traces are among them,
    /// where a message or a call without a common trace leads there.
    pub hops: Vec<TraceHop>,
    /// How many more there are.
    #[serde(default, skip_serializing_if = "is_none")]
    pub more: u64,
    /// The page of the trace store that shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// One hop of a followed request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TraceHop {
    /// The edge on which it is counted.
    pub edge: EdgeId,
    /// Where it comes from.
    pub source: NodeId,
    /// Where it goes.
    pub target: NodeId,
    /// How it went.
    pub class: Class,
    /// Whether it met a cold start.
    #[serde(default, skip_serializing_if = "is_false")]
    pub cold: bool,
    /// When it set out, in microseconds since the first one did.
    pub at_us: u64,
    /// What it took, in microseconds: until the caller had its answer; of a message from a queue, what
    /// dealing with it took.
    pub took_us: u64,
    /// When whoever was called was at work, where it sent a span.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callee: Option<Work>,
    /// What was asked for (the span's name).
    #[serde(default)]
    pub operation: String,
    /// How many requests it stands for, where that is not one: the messages of a batch, or the requests of
    /// which only this one was sampled.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub requests: f64,
}

/// When somebody was at work, by the clock of its own machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    /// When it began, in microseconds since the request's first hop set out. Below zero where clocks do
    /// not agree.
    pub at_us: i64,
    /// What it took, in microseconds.
    pub took_us: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_none(count: &u64) -> bool {
    *count == 0
}

fn one() -> f64 {
    1.0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_one(requests: &f64) -> bool {
    (requests - 1.0).abs() < f64::EPSILON
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_id_is_read_in_both_forms_and_nothing_else_is_one() {
        let id: TraceId = "5759e988bd862e3fe1be46a994272793".parse().unwrap();
        assert_eq!(id.as_xray(), "1-5759e988-bd862e3fe1be46a994272793");
        assert_eq!(id.as_xray().parse(), Ok(id));
        assert_eq!(id.to_string().to_uppercase().parse(), Ok(id));
        for text in ["", "1-2-3", "5759e988", "+759e988bd862e3fe1be46a994272793", "1-é-"] {
            assert_eq!(text.parse::<TraceId>(), Err(NoTraceId), "{text}");
        }
    }
}
