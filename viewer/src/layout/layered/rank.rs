//! In which layer a node stands. In: who calls whom. Out: each connected part with its nodes in
//! layers, such that calls lead to the right, but for those that close a circle.

use std::collections::BTreeMap;

use spanfall_collector::reduce::node::NodeId;

use super::Request;

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

/// Layers by the longest way from the left, so that every call that closes no circle leads to the
/// right; what nothing calls and is no entry stands right before what it calls.
pub(super) fn rank(part: Part) -> Ranked {
    let count = part.ids.len();
    let forward = forward_edges(&part);
    let mut next = vec![Vec::new(); count];
    let mut callers = vec![0_usize; count];
    for &(a, b) in &forward {
        next[a].push(b);
        callers[b] += 1;
    }
    let sources: Vec<usize> = (0..count).filter(|&node| callers[node] == 0).collect();
    let mut layer = vec![0_usize; count];
    let mut ready = sources.clone();
    while let Some(node) = ready.pop() {
        for &callee in &next[node] {
            layer[callee] = layer[callee].max(layer[node] + 1);
            callers[callee] -= 1;
            if callers[callee] == 0 {
                ready.push(callee);
            }
        }
    }
    for source in sources {
        if !part.entry[source]
            && let Some(nearest) = next[source].iter().map(|&callee| layer[callee]).min()
        {
            layer[source] = nearest.saturating_sub(1);
        }
    }
    Ranked { part, layer }
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
