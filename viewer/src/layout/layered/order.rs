//! In which order nodes stand within their layer. In: layers. Out: the same, each in an order that
//! makes edges cross little. Edges that span several layers pass through stand-ins, one a layer.

use super::rank::{Part, Ranked};

/// How often the layers are swept through. Gains are small after a dozen.
const SWEEPS: usize = 24;

/// Layers in order, from left to right; items `0..part.ids.len()` are the nodes, the rest are
/// stand-ins.
#[derive(Clone, Debug, Default)]
pub(super) struct Ordered {
    pub(super) part: Part,
    /// Items by layer, from top to bottom.
    pub(super) layers: Vec<Vec<usize>>,
    /// Neighbours of each item in the layer to its left.
    pub(super) left: Vec<Vec<usize>>,
    /// Neighbours of each item in the layer to its right.
    pub(super) right: Vec<Vec<usize>>,
    /// The stand-ins of each edge of the part, in the edge's direction.
    pub(super) chains: Vec<Vec<usize>>,
}

impl Ordered {
    /// Whether an item stands in for an edge that passes through.
    pub(super) fn is_stand_in(&self, item: usize) -> bool {
        item >= self.part.ids.len()
    }
}

/// Orders the layers.
pub(super) fn order(ranked: Ranked) -> Ordered {
    let mut ordered = with_stand_ins(ranked);
    initial_order(&mut ordered);
    let mut place = vec![0; ordered.left.len()];
    note_places(&ordered.layers, &mut place);
    let mut best = ordered.layers.clone();
    let mut fewest = crossings(&ordered, &place);
    let mut stale = 0;
    for sweep in 0..SWEEPS {
        if fewest == 0 || stale >= 6 {
            break;
        }
        sweep_once(&mut ordered, &mut place, sweep % 2 == 0);
        exchange(&mut ordered, &mut place);
        let now = crossings(&ordered, &place);
        if now < fewest {
            fewest = now;
            best.clone_from(&ordered.layers);
            stale = 0;
        } else {
            stale += 1;
        }
    }
    ordered.layers = best;
    ordered
}

fn with_stand_ins(ranked: Ranked) -> Ordered {
    let Ranked { part, layer } = ranked;
    let height = layer.iter().max().map_or(0, |last| last + 1);
    let mut layers = vec![Vec::new(); height];
    for (node, &layer) in layer.iter().enumerate() {
        layers[layer].push(node);
    }
    let mut left = vec![Vec::new(); part.ids.len()];
    let mut right = vec![Vec::new(); part.ids.len()];
    let mut chains = Vec::with_capacity(part.edges.len());
    for &(source, target) in &part.edges {
        if layer[source] == layer[target] {
            // Within a layer there is nothing to be crossed.
            chains.push(Vec::new());
            continue;
        }
        let backward = layer[source] > layer[target];
        let (from, to) = if backward { (target, source) } else { (source, target) };
        let mut chain = Vec::new();
        let mut last = from;
        for between in layers.iter_mut().take(layer[to]).skip(layer[from] + 1) {
            let item = left.len();
            left.push(vec![last]);
            right.push(Vec::new());
            right[last].push(item);
            between.push(item);
            chain.push(item);
            last = item;
        }
        right[last].push(to);
        left[to].push(last);
        if backward {
            chain.reverse();
        }
        chains.push(chain);
    }
    Ordered { part, layers, left, right, chains }
}

/// Starts from the order in which a walk from the left meets the items, so that what belongs
/// together begins together.
fn initial_order(ordered: &mut Ordered) {
    let mut met = vec![usize::MAX; ordered.left.len()];
    let mut count = 0;
    let starts: Vec<usize> = ordered.layers.iter().flatten().copied().collect();
    for start in starts {
        let mut way = vec![start];
        while let Some(item) = way.pop() {
            if met[item] != usize::MAX {
                continue;
            }
            met[item] = count;
            count += 1;
            way.extend(ordered.right[item].iter().rev());
        }
    }
    for layer in &mut ordered.layers {
        layer.sort_by_key(|&item| met[item]);
    }
}

fn note_places(layers: &[Vec<usize>], place: &mut [usize]) {
    for layer in layers {
        for (index, &item) in layer.iter().enumerate() {
            place[item] = index;
        }
    }
}

/// Moves every item to the mean place of its neighbours, layer by layer, to the right or back.
fn sweep_once(ordered: &mut Ordered, place: &mut [usize], rightward: bool) {
    let count = ordered.layers.len();
    let mut keyed: Vec<(f32, usize, usize)> = Vec::new();
    for step in 1..count {
        let index = if rightward { step } else { count - 1 - step };
        let neighbours = if rightward { &ordered.left } else { &ordered.right };
        keyed.clear();
        for (at, &item) in ordered.layers[index].iter().enumerate() {
            keyed.push((mean_place(&neighbours[item], place).unwrap_or(at as f32), at, item));
        }
        keyed.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        for (at, &(_, _, item)) in keyed.iter().enumerate() {
            ordered.layers[index][at] = item;
            place[item] = at;
        }
    }
}

fn mean_place(neighbours: &[usize], place: &[usize]) -> Option<f32> {
    if neighbours.is_empty() {
        return None;
    }
    let sum: usize = neighbours.iter().map(|&neighbour| place[neighbour]).sum();
    Some(sum as f32 / neighbours.len() as f32)
}

/// Exchanges neighbours in a layer while that takes crossings away.
fn exchange(ordered: &mut Ordered, place: &mut [usize]) {
    for _ in 0..4 {
        let mut better = false;
        for layer in 0..ordered.layers.len() {
            for at in 1..ordered.layers[layer].len() {
                let (upper, lower) = (ordered.layers[layer][at - 1], ordered.layers[layer][at]);
                let gain = gain(&ordered.left, place, upper, lower)
                    + gain(&ordered.right, place, upper, lower);
                if gain > 0 {
                    ordered.layers[layer].swap(at - 1, at);
                    place[upper] = at;
                    place[lower] = at - 1;
                    better = true;
                }
            }
        }
        if !better {
            break;
        }
    }
}

/// How many crossings go away on one side when `upper` and `lower` change places.
fn gain(neighbours: &[Vec<usize>], place: &[usize], upper: usize, lower: usize) -> i64 {
    let mut gain = 0;
    for &a in &neighbours[upper] {
        for &b in &neighbours[lower] {
            gain += match place[a].cmp(&place[b]) {
                std::cmp::Ordering::Greater => 1,
                std::cmp::Ordering::Equal => 0,
                std::cmp::Ordering::Less => -1,
            };
        }
    }
    gain
}

/// How many pairs of edges cross.
pub(super) fn crossings(ordered: &Ordered, place: &[usize]) -> u64 {
    let mut total = 0;
    let mut ends: Vec<(usize, usize)> = Vec::new();
    let mut tree: Vec<u64> = Vec::new();
    for pair in ordered.layers.windows(2) {
        let [from, to] = pair else { continue };
        ends.clear();
        for &item in from {
            ends.extend(ordered.right[item].iter().map(|&end| (place[item], place[end])));
        }
        ends.sort_unstable();
        tree.clear();
        tree.resize(to.len() + 1, 0);
        for (seen, &(_, end)) in ends.iter().enumerate() {
            // A tree of sums: how many edges so far end at `end` or above it.
            let mut above = 0;
            let mut at = end + 1;
            while at > 0 {
                above += tree[at];
                at &= at - 1;
            }
            total += seen as u64 - above;
            let mut at = end + 1;
            while at < tree.len() {
                tree[at] += 1;
                at += at & at.wrapping_neg();
            }
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use spanfall_collector::reduce::node::NodeId;

    use super::super::{Request, rank};
    use super::*;

    fn ordered(edges: &[(u64, u64)]) -> Ordered {
        let edges: std::collections::BTreeSet<_> =
            edges.iter().map(|&(a, b)| (NodeId(a), NodeId(b))).collect();
        let nodes: BTreeMap<_, _> =
            edges.iter().flat_map(|&(a, b)| [(a, false), (b, false)]).collect();
        let request = Request { nodes, edges, aspect: 1.0 };
        order(rank::rank(rank::components(&request).remove(0), 1.0))
    }

    fn count(ordered: &Ordered) -> u64 {
        let mut place = vec![0; ordered.left.len()];
        note_places(&ordered.layers, &mut place);
        crossings(ordered, &place)
    }

    #[test]
    fn two_edges_that_need_not_cross_do_not() {
        // Two chains from one root, named so that the order of ids would cross them.
        let result = ordered(&[(0, 1), (0, 2), (1, 9), (2, 8), (9, 11), (8, 12)]);
        assert_eq!(count(&result), 0);
    }

    #[test]
    fn crossings_are_counted_once_each() {
        // Complete on three and three: nine edges, nine crossings whatever the order.
        let edges: Vec<_> = (0..3).flat_map(|a| (10..13).map(move |b| (a, b))).collect();
        assert_eq!(count(&ordered(&edges)), 9);
    }

    #[test]
    fn a_long_edge_has_a_stand_in_in_every_layer_that_it_passes() {
        let result = ordered(&[(0, 1), (1, 2), (2, 3), (0, 3)]);
        let longest = result.chains.iter().map(Vec::len).max();
        assert_eq!(longest, Some(2));
    }
}
