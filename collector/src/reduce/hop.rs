//! Hops: one request from one node to another, and the edge that it belongs to.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::node::NodeId;

/// An edge's identity on the wire: 53 bits, a hash of its two nodes' ids.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EdgeId(pub u64);

impl fmt::Debug for EdgeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "e{:x}", self.0)
    }
}

/// All hops from one node to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Edge {
    /// Where the requests come from.
    pub source: NodeId,
    /// Where they go.
    pub target: NodeId,
}

impl Edge {
    /// Its identity: the same for every collector, and for whatever else makes a feed.
    pub fn id(self) -> EdgeId {
        super::nodes::edge_id(self)
    }
}

/// How a request went. The order is by how bad it is: of two opinions the later one counts.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// As it should be.
    #[default]
    Ok,
    /// It worked, and took too long.
    Slow,
    /// Refused because of a limit.
    Throttled,
    /// It failed.
    Error,
}

impl Class {
    /// Every class, in the order in which counts are written.
    pub const ALL: [Self; 4] = [Self::Ok, Self::Slow, Self::Throttled, Self::Error];

    /// The word for it in JSON, metrics and panels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Slow => "slow",
            Self::Throttled => "throttled",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Requests by class. Numbers, not integers: a sampled span may stand for 3.3 requests. They can
/// be negative within a tick, where a hop shown on a fallback edge is taken back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Counts {
    /// Requests that went as they should.
    pub ok: f64,
    /// Requests that worked and took too long.
    pub slow: f64,
    /// Requests refused because of a limit.
    pub throttled: f64,
    /// Requests that failed.
    pub error: f64,
    /// Requests, of any class and counted there too, that met a cold start.
    pub cold: f64,
}

impl Counts {
    /// All requests, of every class.
    pub fn total(&self) -> f64 {
        self.ok + self.slow + self.throttled + self.error
    }

    /// The requests of one class.
    pub fn of(&self, class: Class) -> f64 {
        match class {
            Class::Ok => self.ok,
            Class::Slow => self.slow,
            Class::Throttled => self.throttled,
            Class::Error => self.error,
        }
    }

    /// Adds the other's requests, class by class.
    pub fn add(&mut self, other: &Self) {
        self.ok += other.ok;
        self.slow += other.slow;
        self.throttled += other.throttled;
        self.error += other.error;
        self.cold += other.cold;
    }
}
