//! The heart: export requests in, live edges out. Data goes through the files in this order:
//! identify (whose span is this), pair (who called whom), classify, tally (edges).

pub mod hop;
pub mod node;
mod settings;

pub use settings::Settings;

use hop::{Counts, Edge, EdgeId};
use node::{Node, NodeId};

/// What became of one export request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ingested {
    /// Spans that the request held, rejected ones included.
    pub spans: u64,
    /// Spans that no one can use, such as those without a trace id.
    pub rejected: u64,
    /// Why the first of them was rejected.
    pub reason: Option<&'static str>,
}

/// The bytes are not an export request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed protobuf at byte {at}: {what}")]
pub struct Malformed {
    /// Where, counted from the request's first byte.
    pub at: usize,
    /// What is wrong there.
    pub what: &'static str,
}

/// A node, and what the reducer has learned about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownNode {
    /// Its identity.
    pub id: NodeId,
    /// Its name.
    pub node: Node,
    /// Whether requests enter the system here.
    pub entry: bool,
}

/// What happened since the last drain.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Drained {
    /// Spans received.
    pub spans: u64,
    /// Nodes that are new or changed.
    pub nodes: Vec<KnownNode>,
    /// Edges that are new.
    pub edges: Vec<(EdgeId, Edge)>,
    /// Nodes that turned out to be others: `(from, into)`.
    pub merged: Vec<(NodeId, NodeId)>,
    /// The edges that moved.
    pub moved: Vec<Moved>,
}

/// One edge's hops since the last drain.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moved {
    /// Which edge.
    pub edge: EdgeId,
    /// Its hops by class.
    pub counts: Counts,
    /// Median of their latency, in microseconds; 0 where none is known.
    pub p50_us: u64,
    /// 99th percentile of their latency, in microseconds.
    pub p99_us: u64,
}

/// Hops by class, and their latency in microseconds (0 where none is known).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Summary {
    /// Hops by class.
    pub counts: Counts,
    /// Median.
    pub p50_us: u64,
    /// 95th percentile.
    pub p95_us: u64,
    /// 99th percentile.
    pub p99_us: u64,
}

/// An edge's whole account.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Account {
    /// All hops.
    pub all: Summary,
    /// Hops by operation, busiest first.
    pub operations: Vec<(String, Summary)>,
    /// Hops by version of the target.
    pub versions: Vec<(String, u64)>,
}

/// What the reducer counts about itself, since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Spans received.
    pub spans: u64,
    /// Spans received before, and left out.
    pub duplicates: u64,
    /// Hops, corrections netted.
    pub hops: u64,
    /// Spans whose other side has not come (yet, or ever) though one was to be expected.
    pub unpaired: u64,
    /// Spans that wait now.
    pub pending: u64,
    /// Spans that were resolved before their time because of `max_pending`.
    pub early: u64,
}

/// Reduces spans to edges. Shared by all receivers; every method takes `&self`.
///
/// Time comes in from outside, in milliseconds of any clock that does not go back, so that tests
/// and replays need not wait.
#[derive(Debug, Default)]
pub struct Reducer {
    spans: std::sync::atomic::AtomicU64,
}

impl Reducer {
    /// A reducer that has seen nothing yet.
    pub fn new(settings: Settings) -> Self {
        let _ = settings;
        Self::default()
    }

    /// Takes other settings from now on.
    pub fn configure(&self, settings: Settings) {
        let _ = settings;
    }

    /// Reads one `ExportTraceServiceRequest` in protobuf.
    ///
    /// # Errors
    /// [`Malformed`] if the bytes are not one. What was read before the fault may have counted.
    pub fn ingest(&self, request: &[u8], now_ms: u64) -> Result<Ingested, Malformed> {
        let _ = (request, now_ms);
        Ok(Ingested::default())
    }

    /// Resolves what has waited long enough, and takes what happened since the last call.
    pub fn drain(&self, now_ms: u64) -> Drained {
        let _ = now_ms;
        Drained::default()
    }

    /// Resolves everything that waits, as at the end of a recording.
    pub fn resolve_all(&self) {}

    /// All nodes known so far.
    pub fn nodes(&self) -> Vec<KnownNode> {
        Vec::new()
    }

    /// All edges known so far, with the sum of everything that happened on them, sorted by id.
    pub fn edges(&self) -> Vec<(EdgeId, Edge, Account)> {
        Vec::new()
    }

    /// The account of one edge.
    pub fn edge_account(&self, edge: EdgeId) -> Option<Account> {
        let _ = edge;
        None
    }

    /// The account of all hops that arrive at a node.
    pub fn node_account(&self, node: NodeId) -> Option<Account> {
        let _ = node;
        None
    }

    /// What it counts about itself.
    pub fn stats(&self) -> Stats {
        Stats { spans: self.spans.load(std::sync::atomic::Ordering::Relaxed), ..Stats::default() }
    }
}
