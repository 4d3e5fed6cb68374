//! The heart: export requests in, live edges out. Data goes through the files in this order:
//! `origin` and `exporter` (whose span is this), `facts` by `keys`, `role` and `target` (whom it talks
//! to), `choice` (what the configuration makes of both), `classify` (how it went), `pair`, `shard`,
//! `bridge`, `attempt` and `step` (who called whom, or led to whom), `showing` and `tally` (edges), `usual` (which
//! hops were slow), `versions` and `instances` (what each drain tells of nodes). Halves wait in `held`,
//! as `entry`s in `slots`, found by `index`, for as long as `waits` says; `requests` knows those of each
//! invocation. Edges go between `nodes`; `habit` is what every span asks of these. `beside` feeds `activity`
//! (what functions do), `letters`, `kept` and `queue` (what happened to messages). `recent` keeps the last hops one
//! by one, and `follow` tells of those of one request. This file lists the steps and takes what happened;
//! `answers` answers questions about the result.

mod activity;
mod answers;
mod attempt;
mod beside;
mod bridge;
mod choice;
mod classify;
mod clock;
mod deliveries;
mod ending;
mod entry;
mod exemplar;
mod exporter;
mod facts;
mod follow;
mod habit;
mod half;
mod held;
mod histogram;
pub mod hop;
mod index;
mod instances;
mod kept;
mod keys;
mod letters;
pub(crate) mod naming;
pub mod node;
mod nodes;
mod observe;
mod origin;
mod pair;
mod pattern;
mod question;
mod queue;
mod read;
mod recall;
mod recent;
mod request;
mod requests;
mod role;
mod seen;
mod settings;
mod shard;
mod showing;
mod sides;
mod slots;
mod spread;
mod step;
mod sums;
mod tally;
mod target;
mod texts;
mod unknown;
mod usual;
mod versions;
mod waits;

pub use crate::span::Malformed;
pub use activity::{LATELY_MS, LIVE_MS, Size, SizedWork, Work, Workload};
pub use choice::{Ignore, NodeRules, Rename};
pub use exemplar::Exemplar;
pub use follow::{Example, Examples, Followed, FollowedHop};
pub use instances::InstanceCount;
pub use observe::Observed;
pub use pattern::Pattern;
pub use queue::QueueFacts;
pub use settings::{Settings, Slow, Spans, TriggerRule};
pub use sides::Sides;
pub use spread::{Latencies, Spread};
pub use versions::{NamedVersions, VersionHops};

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use hashbrown::{HashMap, HashSet};
use parking_lot::Mutex;

use activity::Activity;
use exporter::Exporters;
use hop::{Counts, Edge, EdgeId};
use instances::Instances;
use node::{Node, NodeId};
use nodes::{NodeIndex, Nodes};
use origin::Origins;
use pair::{Context, Pairing};
use queue::Queues;
use read::Current;

use tally::Tally;
use texts::Texts;
use usual::Bounds;
use versions::Versions;

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
    /// Hops of which one end is not known, or that are on no edge because there are too many.
    /// Negative where more of those that were told before have become known since.
    pub unknown: f64,
    /// The functions that have more or fewer live instances than was told before.
    pub instances: Vec<InstanceCount>,
    /// Nodes of which drains tell other versions from now on.
    pub named_versions: Vec<NamedVersions>,
    /// Hops by version, of these nodes.
    pub versions: Vec<VersionHops>,
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
    /// How many of these hops are corrections of what earlier drains told: positive where they are
    /// counted now, negative where they are taken back. What is left of the counts is new.
    pub again: f64,
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
    /// What hops that worked took lately, in microseconds: the median. `None` for a node, and while
    /// an edge had fewer than 30 of them.
    pub usual_us: Option<u64>,
    /// Hops that work and take longer than so many microseconds are slow now. `None` for a node,
    /// and while nothing can be said.
    pub slow_over_us: Option<u64>,
}

impl Account {
    fn within(self, bounds: Bounds) -> Self {
        let Bounds { usual_us, slow_over_us } = bounds;
        Self { usual_us, slow_over_us, ..self }
    }
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
    /// Hops that an ignore rule leaves out; no edge has them.
    pub ignored: u64,
    /// Spans whose other side has not come (yet, or ever) though one was to be expected.
    pub unpaired: u64,
    /// Spans that wait now.
    pub pending: u64,
    /// Spans that were resolved before their time because of `max_pending`.
    pub early: u64,
    /// Hops that are on no edge, because there are too many edges (200,000).
    pub dropped: u64,
    /// Nodes whose callers never turn up, so that their requests are shown at once as entering
    /// there.
    pub learned_entries: u64,
}

/// How often the reducer forgets what nobody needs any more, in milliseconds.
const TIDY_MS: u64 = 600_000;

/// Reduces spans to edges. Shared by all receivers; every method takes `&self`.
///
/// Time comes in from outside, in milliseconds of any clock that does not go back, so that tests
/// and replays need not wait.
#[derive(Debug, Default)]
pub struct Reducer {
    current: ArcSwap<Current>,
    hasher: foldhash::fast::RandomState,
    origins: Origins,
    exporters: Exporters,
    nodes: Nodes,
    texts: Texts,
    pairing: Pairing,
    tally: Tally,
    activity: Activity,
    queues: Queues,
    told: Mutex<Told>,
    spans: AtomicU64,
    /// Spans at the last drain.
    spans_told: AtomicU64,
    duplicates: AtomicU64,
    early: AtomicU64,
    /// The latest time that was told from outside, but for that of spans.
    now_ms: AtomicU64,
    /// When the reducer last forgot what nobody needs, in the same time.
    tidied_ms: AtomicU64,
}

/// What drains have told so far.
#[derive(Debug, Default)]
struct Told {
    nodes: HashSet<NodeId, foldhash::fast::RandomState>,
    edges: HashSet<EdgeId, foldhash::fast::RandomState>,
    /// Nodes known in part, and what they were last said to be.
    merged: HashMap<NodeId, NodeId, foldhash::fast::RandomState>,
    /// Hops on no edge, as of the last drain.
    dropped: f64,
    instances: Instances,
    versions: Versions,
}

impl Reducer {
    /// A reducer that has seen nothing yet.
    pub fn new(settings: Settings) -> Self {
        Self { current: ArcSwap::from_pointee(Current::new(settings)), ..Self::default() }
    }

    /// Takes other settings from now on.
    pub fn configure(&self, mut settings: Settings) {
        // Whose a span is, is found out again only where the rules for it are others.
        let nodes = Arc::clone(&self.current.load().settings.nodes);
        if settings.nodes == nodes {
            settings.nodes = nodes;
        }
        self.current.store(Arc::new(Current::new(settings)));
    }

    /// Which spans it follows.
    pub fn spans(&self) -> Spans {
        self.current.load().settings.spans
    }

    /// Reads one `ExportTraceServiceRequest` in protobuf.
    ///
    /// # Errors
    /// [`Malformed`] if the bytes are not one. What was read before the fault may have counted.
    pub fn ingest(&self, request: &[u8], now_ms: u64) -> Result<Ingested, Malformed> {
        read::request(self, request, now_ms)
    }

    /// Resolves what has waited long enough.
    pub fn expire(&self, now_ms: u64) {
        self.now_ms.fetch_max(now_ms, Ordering::Relaxed);
        self.pairing.expire(&self.context(&self.current.load().settings, now_ms));
        self.tally.recent.wait(now_ms);
        if now_ms >= self.tidied_ms.load(Ordering::Relaxed) + TIDY_MS {
            self.tidied_ms.store(now_ms, Ordering::Relaxed);
            self.tally.forget(now_ms);
        }
    }

    /// Decides of the hops that were counted since the last time which were slow. Whoever asks for
    /// edges does that first. At the end of a recording it is done once, so that the result does
    /// not depend on what was read first.
    fn settle(&self) {
        self.tally.settle(
            |edges| self.nodes.ends(edges),
            self.current.load().settings.slow,
            self.now_ms.load(Ordering::Relaxed),
        );
    }

    /// Resolves what has waited long enough, and takes what happened since the last call.
    pub fn drain(&self, now_ms: u64) -> Drained {
        self.expire(now_ms);
        self.settle();
        let spans = self.spans.load(Ordering::Relaxed);
        let mut drained = Drained {
            spans: spans - self.spans_told.swap(spans, Ordering::Relaxed),
            ..Drained::default()
        };
        let told = &mut *self.told.lock();
        self.tell_merged(told, &mut drained);
        let mut arrived = Vec::new();
        let name = |(source, target)| {
            let (id, edge) = self.nodes.edge(source, target);
            if told.edges.insert(id) {
                drained.edges.push((id, edge));
            }
            id
        };
        (drained.moved, drained.unknown) = self.tally.drain(name, |target, version, hops| {
            arrived.push((self.nodes.resolved(target).1, version, hops));
        });
        let dropped = self.tally.dropped();
        drained.unknown += dropped - std::mem::replace(&mut told.dropped, dropped);
        let mut new: HashSet<NodeId> = HashSet::default();
        for (_, edge) in &drained.edges {
            new.extend(
                [edge.source, edge.target].iter().filter(|node| !told.nodes.contains(*node)),
            );
        }
        told.nodes.extend(&new);
        drained.nodes = self.known(|id| new.contains(&id));
        drained.edges.sort();
        let now_ms = self.now_ms.load(Ordering::Relaxed);
        let (merged, text) = (&drained.merged, |index| self.texts.text(index));
        (drained.named_versions, drained.versions) =
            told.versions.drain(arrived, merged, now_ms, text);
        let (resolve, known) = (|index| self.nodes.resolved(index).1, &told.nodes);
        drained.instances =
            told.instances.drain(&self.activity, now_ms, merged, resolve, |id| known.contains(&id));
        drained
    }

    /// Finds nodes that were told in part and are now known to be others; their edges are told
    /// again under the full names.
    fn tell_merged(&self, told: &mut Told, drained: &mut Drained) {
        let mut changed: HashSet<NodeIndex> = HashSet::default();
        let mut ids: HashMap<NodeIndex, NodeId> = HashMap::default();
        self.nodes.for_each(|index, id, _, is| {
            if is != index && told.nodes.contains(&id) {
                changed.insert(index);
            }
            ids.insert(index, id);
        });
        for index in &changed {
            let (from, into) = (ids[index], self.nodes.resolved(*index).1);
            // One partial name may turn out to be several nodes; viewers move it to one of them.
            if !told.nodes.remove(&from) {
                continue;
            }
            if told.merged.insert(from, into) != Some(into) {
                drained.merged.push((from, into));
            }
        }
        if drained.merged.is_empty() {
            return;
        }
        drained.merged.sort();
        self.tally.for_each(|(source, target), sums| {
            if (changed.contains(&source) || changed.contains(&target)) && !sums.is_nothing() {
                let (id, edge) = self.nodes.edge(source, target);
                if told.edges.insert(id) {
                    drained.edges.push((id, edge));
                }
            }
        });
    }

    /// Resolves everything that waits, as at the end of a recording.
    pub fn resolve_all(&self) {
        self.pairing.resolve_all(&self.context(&self.current.load().settings, 0));
    }

    /// What it counts about itself.
    pub fn stats(&self) -> Stats {
        Stats {
            spans: self.spans.load(Ordering::Relaxed),
            duplicates: self.duplicates.load(Ordering::Relaxed),
            hops: self.tally.hops(),
            ignored: self.tally.ignored(),
            unpaired: self.tally.unpaired(),
            pending: self.pairing.held(),
            early: self.early.load(Ordering::Relaxed),
            dropped: self.tally.dropped().round() as u64,
            learned_entries: self.nodes.learned_entries(),
        }
    }

    fn context(&self, settings: &Settings, now_ms: u64) -> Context<'_> {
        let millis = |duration: std::time::Duration| {
            u64::try_from(duration.as_millis()).unwrap_or(u64::MAX / 4)
        };
        Context {
            nodes: &self.nodes,
            tally: &self.tally,
            now_ms,
            wait_ms: millis(settings.wait),
            correct_ms: millis(settings.correct),
            requests: &self.pairing.requests,
            held: &self.pairing.held,
            max_pending: settings.max_pending,
        }
    }
}

#[cfg(test)]
mod tests;
