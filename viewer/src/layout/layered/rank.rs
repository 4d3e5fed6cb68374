//! In which layer a node stands. In: who calls whom. Out: each connected part with its nodes in
//! layers, such that calls lead to the right, but for those that close a circle.

use std::collections::BTreeMap;

use spanfall_collector::reduce::node::NodeId;

use super::{Request, fit};

/// Nodes that are connected with each other, numbered by id.
#[derive(Clone, Debug, Default)]
pub(super) struct Part {
    pub(super) ids: Vec<NodeId>,
    pub(super) entry: Vec<bool>,
    /// Caller and callee, by number; no loops, none twice.
    pub(super) edges: Vec<(usize, usize)>,
}

/// A part with a layer for each of its nodes.
#[derive(Clone, Debug, Default)]
pub(super) struct Ranked {
    pub(super) part: Part,
    pub(super) layer: Vec<usize>,
}

/// The connected parts, largest first; equals by the smallest id.
pub(super) fn components(request: &Request) -> Vec<Part> {
    let ids: Vec<NodeId> = request.nodes.keys().copied().collect();
    let number: BTreeMap<NodeId, usize> = ids.iter().copied().zip(0..).collect();
    let edges: Vec<(usize, usize)> = request
        .edges
        .iter()
        .filter(|(source, target)| source != target)
        .filter_map(|(source, target)| Some((*number.get(source)?, *number.get(target)?)))
        .collect();

    let mut leader: Vec<usize> = (0..ids.len()).collect();
    for &(a, b) in &edges {
        let (a, b) = (find(&mut leader, a), find(&mut leader, b));
        leader[a.max(b)] = a.min(b);
    }
    let mut parts: BTreeMap<usize, Part> = BTreeMap::new();
    let mut local = vec![0; ids.len()];
    for (index, &id) in ids.iter().enumerate() {
        let part = parts.entry(find(&mut leader, index)).or_default();
        local[index] = part.ids.len();
        part.ids.push(id);
        part.entry.push(request.nodes.get(&id).copied().unwrap_or_default());
    }
    for &(a, b) in &edges {
        if let Some(part) = parts.get_mut(&find(&mut leader, a)) {
            part.edges.push((local[a], local[b]));
        }
    }
    let mut parts: Vec<Part> = parts.into_values().collect();
    parts.sort_by_key(|part| std::cmp::Reverse(part.ids.len()));
    parts
}

fn find(leader: &mut [usize], mut node: usize) -> usize {
    while leader[node] != node {
        leader[node] = leader[leader[node]];
        node = leader[node];
    }
    node
}

/// Up to so many layers fit on any stage: there every call leads to the right.
const SHALLOW: usize = 10;

/// How much larger the picture has to become for calls to be allowed to lead back.
const WORTH: f32 = 1.12;

/// Layers by the longest way from the left, so that every call that closes no circle leads to the
/// right; what nothing calls and is no entry stands right before what it calls.
///
/// Where that makes too many layers for the stage, nodes come nearer to the entries than their
/// longest way, and some calls lead back.
pub(super) fn rank(part: Part, aspect: f32) -> Ranked {
    let forward = forward_edges(&part);
    let way = Way::new(&part, &forward);
    let mut best = way.layers(&part, f32::INFINITY);
    if best.iter().max().is_some_and(|last| *last >= SHALLOW) {
        let mut largest = fit::zoom(&counts(&best), aspect);
        for detour in [2.0, 1.5, 1.0] {
            let layer = way.layers(&part, detour);
            let zoom = fit::zoom(&counts(&layer), aspect);
            if zoom > largest * WORTH {
                (best, largest) = (layer, zoom);
            }
        }
    }
    Ranked { part, layer: best }
}

/// How many nodes stand in each layer.
fn counts(layer: &[usize]) -> Vec<usize> {
    let mut counts = vec![0; layer.iter().max().map_or(0, |last| last + 1)];
    for &layer in layer {
        counts[layer] += 1;
    }
    counts
}

/// The way from the left to each node.
struct Way {
    next: Vec<Vec<usize>>,
    /// Nodes that nothing calls.
    sources: Vec<usize>,
    /// All nodes, callers before what they call.
    sequence: Vec<usize>,
    /// How many calls the shortest way to a node has.
    shortest: Vec<usize>,
}

impl Way {
    fn new(part: &Part, forward: &[(usize, usize)]) -> Self {
        let count = part.ids.len();
        let mut next = vec![Vec::new(); count];
        let mut callers = vec![0_usize; count];
        for &(a, b) in forward {
            next[a].push(b);
            callers[b] += 1;
        }
        let sources: Vec<usize> = (0..count).filter(|&node| callers[node] == 0).collect();
        let mut shortest = vec![usize::MAX; count];
        let mut sequence = Vec::with_capacity(count);
        let mut ready = sources.clone();
        for &source in &sources {
            shortest[source] = 0;
        }
        while let Some(node) = ready.pop() {
            sequence.push(node);
            for &callee in &next[node] {
                shortest[callee] = shortest[callee].min(shortest[node].saturating_add(1));
                callers[callee] -= 1;
                if callers[callee] == 0 {
                    ready.push(callee);
                }
            }
        }
        Self { next, sources, sequence, shortest }
    }

    /// Layers by the longest way, but none further than `detour` times the shortest one.
    fn layers(&self, part: &Part, detour: f32) -> Vec<usize> {
        let mut layer = vec![0_usize; part.ids.len()];
        for &node in &self.sequence {
            let limit = self.shortest[node] as f32 * detour;
            // Infinite for the longest way, whatever it is; a cast of that saturates.
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "see above"
            )]
            let limit = if self.shortest[node] == 0 { 0 } else { limit.round() as usize };
            layer[node] = layer[node].min(limit);
            for &callee in &self.next[node] {
                layer[callee] = layer[callee].max(layer[node] + 1);
            }
        }
        for &source in &self.sources {
            let nearest = self.next[source].iter().map(|&callee| layer[callee]).min();
            if let (false, Some(nearest)) = (part.entry[source], nearest) {
                layer[source] = nearest.saturating_sub(1);
            }
        }
        layer
    }
}

/// The edges without those that close a circle on the way from the entries, turned round.
fn forward_edges(part: &Part) -> Vec<(usize, usize)> {
    let count = part.ids.len();
    let mut next = vec![Vec::new(); count];
    let mut called = vec![0_usize; count];
    for &(a, b) in &part.edges {
        next[a].push(b);
        called[b] += 1;
    }
    // Entries first, then what nothing calls, then what calls more than it is called.
    let mut starts: Vec<usize> = (0..count).collect();
    starts.sort_by_key(|&node| {
        let surplus = called[node].saturating_sub(next[node].len());
        (!part.entry[node], called[node] > 0, surplus, called[node], node)
    });
    let mut state = vec![Visit::None; count];
    let mut forward = Vec::with_capacity(part.edges.len());
    for start in starts {
        walk(start, &next, &mut state, &mut forward);
    }
    forward
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Visit {
    None,
    /// On the way from the start to where the walk is now.
    Open,
    Done,
}

/// Walks depth first, without recursion: a chain may be long.
fn walk(start: usize, next: &[Vec<usize>], state: &mut [Visit], forward: &mut Vec<(usize, usize)>) {
    if state[start] != Visit::None {
        return;
    }
    state[start] = Visit::Open;
    let mut way = vec![(start, 0)];
    while let Some((node, at)) = way.last_mut() {
        let node = *node;
        let Some(&callee) = next[node].get(*at) else {
            state[node] = Visit::Done;
            way.pop();
            continue;
        };
        *at += 1;
        match state[callee] {
            // It leads back: turned round it leads to the right, like the others.
            Visit::Open => forward.push((callee, node)),
            Visit::Done => forward.push((node, callee)),
            Visit::None => {
                forward.push((node, callee));
                state[callee] = Visit::Open;
                way.push((callee, 0));
            }
        }
    }
}
