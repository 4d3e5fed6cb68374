//! Where exactly nodes stand. In: ordered layers. Out: a [`Block`], the coordinates of one
//! connected part, shaped to the stage: a layer that is too tall becomes several columns, staggered
//! so that every node can be seen past the others.

use spanfall_collector::reduce::node::NodeId;

use super::fit::{self, STAGGER, STRETCH};
use super::order::Ordered;
use super::{COLUMN, Point, ROW};

/// Room for an edge that passes through a layer, where there is room at all.
const LANE: f32 = 26.0;

/// How often items are moved towards their neighbours.
const ROUNDS: usize = 16;

/// One connected part, placed. The origin is its centre.
#[derive(Clone, Debug, Default)]
pub(super) struct Block {
    pub(super) places: Vec<(NodeId, Point)>,
    pub(super) bends: Vec<((NodeId, NodeId), Vec<Point>)>,
    /// Width and height, with half a column and half a row of margin on each side.
    pub(super) size: Point,
}

/// Places one part.
pub(super) fn place(ordered: Ordered, aspect: f32) -> Block {
    let nodes = |layer: &Vec<usize>| layer.iter().filter(|&&i| !ordered.is_stand_in(i)).count();
    let columns = fit::columns(&ordered.layers.iter().map(nodes).collect::<Vec<_>>(), aspect);
    let heights = settle(&ordered, &columns);
    shape(&ordered, &columns, &heights, aspect)
}

/// How high each item stands: near its neighbours, and apart from the items above and below.
fn settle(ordered: &Ordered, columns: &[usize]) -> Vec<f32> {
    let split = columns.iter().any(|&columns| columns > 1);
    let lane = if split { 0.0 } else { LANE };
    let half = |item: usize, layer: usize| {
        if ordered.is_stand_in(item) { lane / 2.0 } else { ROW / 2.0 / columns[layer] as f32 }
    };
    let mut offsets: Vec<Vec<f32>> = Vec::with_capacity(ordered.layers.len());
    let mut height = vec![0.0; ordered.left.len()];
    for (index, layer) in ordered.layers.iter().enumerate() {
        let mut at = 0.0;
        let mut row = Vec::with_capacity(layer.len());
        for &item in layer {
            at += half(item, index);
            row.push(at);
            at += half(item, index);
        }
        for (&item, offset) in layer.iter().zip(&mut row) {
            *offset -= at / 2.0;
            height[item] = *offset;
        }
        offsets.push(row);
    }
    for round in 0..ROUNDS {
        let both = round + 4 >= ROUNDS;
        let count = ordered.layers.len();
        for step in 0..count {
            let rightward = round % 2 == 0;
            let layer = if rightward { step } else { count - 1 - step };
            let pull = if both {
                Pull::Both
            } else if rightward {
                Pull::Left
            } else {
                Pull::Right
            };
            settle_layer(ordered, layer, &offsets[layer], pull, &mut height);
        }
    }
    height
}

/// Which neighbours an item moves towards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pull {
    Left,
    Right,
    Both,
}

/// Moves a layer's items as near to their neighbours as their distances allow, by least squares.
fn settle_layer(ordered: &Ordered, layer: usize, offsets: &[f32], pull: Pull, height: &mut [f32]) {
    let items = &ordered.layers[layer];
    let wishes: Vec<(f32, f32)> = items
        .iter()
        .zip(offsets)
        .map(|(&item, offset)| {
            let (wish, weight) = wish(ordered, item, pull, height);
            (wish - offset, weight)
        })
        .collect();
    for ((&item, offset), place) in items.iter().zip(offsets).zip(isotonic(&wishes)) {
        height[item] = place + offset;
    }
}

/// Where an item would like to stand, and how much it cares: edges that pass through want to be
/// straight.
fn wish(ordered: &Ordered, item: usize, pull: Pull, height: &[f32]) -> (f32, f32) {
    let mut sum = 0.0;
    let mut weight = 0.0;
    let sides: [&[usize]; 2] = [
        if pull == Pull::Right { &[] } else { &ordered.left[item] },
        if pull == Pull::Left { &[] } else { &ordered.right[item] },
    ];
    for side in sides {
        for &neighbour in side {
            let straight = match (ordered.is_stand_in(item), ordered.is_stand_in(neighbour)) {
                (true, true) => 8.0,
                (false, false) => 1.0,
                _ => 2.0,
            };
            // A node with a hundred callers is not a hundred times as stubborn as one with one.
            let share = straight / (side.len() as f32).sqrt();
            sum += height[neighbour] * share;
            weight += share;
        }
    }
    if weight > 0.0 { (sum / weight, weight) } else { (height[item], 0.05) }
}

/// The sequence nearest to the wished values (by weighted squares) that never falls: neighbours
/// that want to pass each other share their mean.
fn isotonic(wishes: &[(f32, f32)]) -> Vec<f32> {
    struct Pool {
        value: f32,
        weight: f32,
        count: usize,
    }
    let mut pools: Vec<Pool> = Vec::with_capacity(wishes.len());
    for &(value, weight) in wishes {
        let mut pool = Pool { value, weight, count: 1 };
        while let Some(last) = pools.pop_if(|last| last.value > pool.value) {
            let weight = last.weight + pool.weight;
            pool.value = (last.value * last.weight + pool.value * pool.weight) / weight;
            pool.weight = weight;
            pool.count += last.count;
        }
        pools.push(pool);
    }
    pools.iter().flat_map(|pool| std::iter::repeat_n(pool.value, pool.count)).collect()
}

/// From layers and heights to coordinates, stretched towards the stage's shape.
fn shape(ordered: &Ordered, columns: &[usize], heights: &[f32], aspect: f32) -> Block {
    let mut points = vec![[0.0, 0.0]; heights.len()];
    let mut x = 0.0;
    for (layer, items) in ordered.layers.iter().enumerate() {
        let count = columns[layer];
        let width = (count - 1) as f32 * STAGGER;
        let mut row = 0;
        for &item in items {
            let column = if ordered.is_stand_in(item) {
                (count - 1) as f32 / 2.0
            } else {
                row += 1;
                ((row - 1) % count) as f32
            };
            // The first of the order is at the top, and y grows upward.
            points[item] = [x + column * STAGGER, -heights[item]];
        }
        x += width + COLUMN;
    }
    let (low, high) = bounds(&points);
    let size = [high[0] - low[0] + COLUMN, high[1] - low[1] + ROW];
    let stretch = [
        (size[1] * aspect / size[0]).clamp(1.0, STRETCH),
        (size[0] / aspect / size[1]).clamp(1.0, STRETCH),
    ];
    for point in &mut points {
        for axis in 0..2 {
            point[axis] = (point[axis] - (low[axis] + high[axis]) / 2.0) * stretch[axis];
        }
    }
    let places = ordered.part.ids.iter().copied().zip(points.iter().copied()).collect::<Vec<_>>();
    let bends = ordered
        .part
        .edges
        .iter()
        .zip(&ordered.chains)
        .filter(|(_, chain)| !chain.is_empty())
        .map(|(&(source, target), chain)| {
            let ids = (ordered.part.ids[source], ordered.part.ids[target]);
            (ids, chain.iter().map(|&item| points[item]).collect())
        })
        .collect();
    let size = [0, 1].map(|axis| {
        (high[axis] - low[axis]) * stretch[axis] + if axis == 0 { COLUMN } else { ROW }
    });
    Block { places, bends, size }
}

/// The smallest rectangle around the points: its lower and its upper corner.
pub(super) fn bounds(points: &[Point]) -> (Point, Point) {
    let mut low = [f32::INFINITY; 2];
    let mut high = [f32::NEG_INFINITY; 2];
    for point in points {
        for axis in 0..2 {
            low[axis] = low[axis].min(point[axis]);
            high[axis] = high[axis].max(point[axis]);
        }
    }
    if points.is_empty() { ([0.0; 2], [0.0; 2]) } else { (low, high) }
}
