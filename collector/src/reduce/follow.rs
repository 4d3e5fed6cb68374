//! Follow: single requests for somebody who looks at one. In: what `recent` has seen. Out: the examples of
//! an edge or a node, and all hops of one request in the order in which they set out.

use hashbrown::{HashMap, HashSet};

use super::Reducer;
use super::hop::{Class, Edge, EdgeId};
use super::node::NodeId;
use super::nodes::NodeIndex;
use super::recent::{Best, Hop, Ranked, Ring, Seen, joined, seconds};
use super::tally::ONE;

/// Hops of one request that are told, those that set out first.
const MOST_HOPS: usize = 400;

/// One request of which a hop is worth a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// Its trace's id.
    pub trace: [u8; 16],
    /// How this hop went.
    pub class: Class,
    /// What it took, in microseconds.
    pub took_us: u64,
    /// When it set out, in microseconds since 1970.
    pub at_us: u64,
    /// What was asked for.
    pub operation: String,
}

/// Examples of an edge, or of what arrives at a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Examples {
    /// The last ones that failed, then the last ones that were refused.
    pub failed: Vec<Example>,
    /// Those of the last ten minutes that took longest, the longest first.
    pub slowest: Vec<Example>,
}

/// One hop of a followed request.
#[derive(Clone, Debug, PartialEq)]
pub struct FollowedHop {
    /// On which edge it is counted.
    pub edge: EdgeId,
    /// Where it goes from and to.
    pub ends: Edge,
    /// How it went, and by what is slow now.
    pub class: Class,
    /// Whether it met a cold start.
    pub cold: bool,
    /// When it set out, in microseconds since 1970: when the call began, or when the message had been
    /// sent.
    pub at_us: u64,
    /// What it took, in microseconds.
    pub took_us: u64,
    /// When whoever was called began, and how long that took, both in microseconds; where it sent a
    /// span. By the clock of its own machine.
    pub callee_us: Option<(u64, u64)>,
    /// What was asked for.
    pub operation: String,
    /// How many requests it stands for.
    pub requests: f64,
}

/// A request with all that became of it, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Followed {
    /// Its hops, in the order in which they set out; at most 400.
    pub hops: Vec<FollowedHop>,
    /// How many more there are.
    pub more: usize,
}

/// A hop's span, and that of its other side.
#[derive(Clone, Copy)]
struct Both {
    seen: Seen,
    hop: Hop,
    caller: Option<Seen>,
}

impl Both {
    fn of(seen: &Seen, ring: &Ring) -> Option<Self> {
        let caller = if seen.caller == 0 { None } else { ring.find(seen.caller).copied() };
        Some(Self { seen: *seen, hop: seen.hop?, caller })
    }

    /// The caller of a call; not the sender of a message, which made a hop of its own.
    fn calls(&self) -> Option<&Seen> {
        self.caller.as_ref().filter(|caller| caller.hop.is_none())
    }

    fn at_us(&self) -> u64 {
        match (self.calls(), &self.caller) {
            (Some(caller), _) => caller.start_us,
            (None, Some(sender)) => sender.end_us().min(self.seen.start_us),
            (None, None) => self.seen.start_us,
        }
    }

    fn took_us(&self) -> u64 {
        self.calls().unwrap_or(&self.seen).duration_us
    }

    fn callee_us(&self) -> Option<(u64, u64)> {
        (!self.seen.is_caller || self.caller.is_some())
            .then_some((self.seen.start_us, self.seen.duration_us))
    }
}

impl Reducer {
    /// Examples of an edge's hops.
    pub fn edge_examples(&self, edge: EdgeId) -> Examples {
        self.examples(|id, _| id == edge)
    }

    /// Examples of the hops that arrive at a node; where none do, of those that leave it.
    pub fn node_examples(&self, node: NodeId) -> Examples {
        let arriving = self.examples(|_, edge| edge.target == node);
        if arriving == Examples::default() {
            return self.examples(|_, edge| edge.source == node);
        }
        arriving
    }

    fn examples(&self, wanted: impl Fn(EdgeId, Edge) -> bool) -> Examples {
        let mut edges: HashSet<(NodeIndex, NodeIndex), foldhash::fast::RandomState> =
            HashSet::default();
        self.tally.for_each(|(source, target), _| {
            let (id, edge) = self.nodes.edge(source, target);
            if wanted(id, edge) {
                edges.insert((source, target));
            }
        });
        let now_s = seconds(self.now_ms.load(std::sync::atomic::Ordering::Relaxed));
        let ring = self.tally.recent.lock();
        let mut best = Best::default();
        for (place, seen) in ring.all() {
            if let Some(hop) = &seen.hop
                && edges.contains(&(hop.source, hop.target))
            {
                best.offer(seen, hop, place, now_s);
            }
        }
        let sides = |list: &Ranked| -> Vec<Both> {
            let seen = list.iter().filter_map(|(.., place)| ring.at(*place));
            seen.filter_map(|seen| Both::of(seen, &ring)).collect()
        };
        let lists = [&best.errors, &best.throttled, &best.slowest].map(sides);
        drop(ring);
        let mut slow = Slow { reducer: self, over_us: HashMap::default() };
        let [mut failed, throttled, mut slowest] =
            lists.map(|list| list.iter().map(|it| slow.example(it)).collect::<Vec<_>>());
        failed.extend(throttled);
        // Buckets of latency are two hundredths wide.
        slowest.sort_by_key(|it| std::cmp::Reverse((it.took_us, it.trace)));
        Examples { failed, slowest }
    }

    /// All hops of the request that a trace tells of, those of other traces that it led to or came from
    /// included. None where nothing is known of it, or no more.
    pub fn follow(&self, trace: [u8; 16]) -> Followed {
        let now_s = seconds(self.now_ms.load(std::sync::atomic::Ordering::Relaxed));
        let mut ring = self.tally.recent.lock();
        let traces = joined(trace, &ring.links());
        let is_one = |seen: &&Seen| traces.contains(&seen.trace);
        let all = ring.all().map(|(_, seen)| seen).filter(is_one);
        let mut hops: Vec<_> = all.filter_map(|seen| Both::of(seen, &ring)).collect();
        if !hops.is_empty() {
            ring.follow_trace(trace, now_s);
        }
        drop(ring);
        hops.sort_by_key(|it| (it.at_us(), std::cmp::Reverse(it.took_us()), it.seen.key));
        let more = hops.len().saturating_sub(MOST_HOPS);
        hops.truncate(MOST_HOPS);
        let mut slow = Slow { reducer: self, over_us: HashMap::default() };
        Followed { hops: hops.iter().map(|it| slow.hop(it)).collect(), more }
    }
}

/// Tells what is slow on each edge now.
struct Slow<'a> {
    reducer: &'a Reducer,
    over_us: HashMap<EdgeId, u64>,
}

impl Slow<'_> {
    fn class(&mut self, edge: EdgeId, it: &Both) -> Class {
        let over_us = *self.over_us.entry(edge).or_insert_with(|| {
            let slow = self.reducer.current.load().settings.slow;
            self.reducer.tally.bounds(edge, slow).slow_over_us.unwrap_or(u64::MAX)
        });
        match it.hop.class {
            Class::Ok if it.took_us() > over_us => Class::Slow,
            class => class,
        }
    }

    fn example(&mut self, it: &Both) -> Example {
        let edge = self.reducer.nodes.edge(it.hop.source, it.hop.target).0;
        Example {
            trace: it.seen.trace,
            class: self.class(edge, it),
            took_us: it.took_us(),
            at_us: it.at_us(),
            operation: self.reducer.texts.text(it.hop.operation),
        }
    }

    fn hop(&mut self, it: &Both) -> FollowedHop {
        let (edge, ends) = self.reducer.nodes.edge(it.hop.source, it.hop.target);
        #[expect(clippy::cast_precision_loss, reason = "exact up to nine billion requests")]
        let requests = it.hop.weight as f64 / ONE as f64;
        FollowedHop {
            edge,
            ends,
            class: self.class(edge, it),
            cold: it.hop.cold,
            at_us: it.at_us(),
            took_us: it.took_us(),
            callee_us: it.callee_us(),
            operation: self.reducer.texts.text(it.hop.operation),
            requests,
        }
    }
}
