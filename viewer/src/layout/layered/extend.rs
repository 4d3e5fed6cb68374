//! Adds nodes to a placement. In: a placement and a request that names more (or fewer) nodes. Out:
//! a placement in which every known node stands where it stood, and new ones at the best free
//! place near the nodes that they talk to.

use std::collections::{BTreeMap, BTreeSet};

use spanfall_collector::reduce::node::NodeId;

use super::coordinates::bounds;
use super::{COLUMN, Placement, Point, ROW, Request, arrange};

/// How far to the side and up or down a free place is looked for, in columns and rows.
const REACH: (i32, i32) = (3, 40);

/// Two nodes closer than this, in columns and in rows, are in each other's way.
const ROOM: Point = [COLUMN * 0.8, ROW * 0.95];

/// Adds what is new to `known`, drops what is gone, moves nothing.
pub fn extend(known: &Placement, request: &Request) -> Placement {
    let mut placement = Placement {
        places: known
            .places
            .iter()
            .filter(|(id, _)| request.nodes.contains_key(id))
            .map(|(id, at)| (*id, *at))
            .collect(),
        bends: known
            .bends
            .iter()
            .filter(|(edge, _)| request.edges.contains(edge))
            .map(|(edge, bends)| (*edge, bends.clone()))
            .collect(),
    };
    if placement.places.is_empty() {
        return arrange(request);
    }
    let mut near: BTreeMap<NodeId, Near> = BTreeMap::new();
    for &(source, target) in request.edges.iter().filter(|(source, target)| source != target) {
        near.entry(target).or_default().callers.push(source);
        near.entry(source).or_default().callees.push(target);
    }
    let mut waiting: BTreeSet<NodeId> =
        request.nodes.keys().copied().filter(|id| !placement.places.contains_key(id)).collect();
    let mut taken = Taken::new(placement.places.values().copied());
    // What talks to placed nodes comes first, then what talks to those, and so on.
    while let Some((id, wish)) = next(&waiting, &near, &placement) {
        let at = taken.nearest_free(wish);
        taken.take(at);
        waiting.remove(&id);
        placement.places.insert(id, at);
    }
    if !waiting.is_empty() {
        add_apart(&mut placement, request, &waiting);
    }
    placement
}

/// Lays everything out anew around nodes that a person has put somewhere.
pub fn arrange_around(pins: &BTreeMap<NodeId, Point>, request: &Request) -> Placement {
    let mut placement = arrange(request);
    let pins: BTreeMap<NodeId, Point> = pins
        .iter()
        .filter(|(id, _)| request.nodes.contains_key(id))
        .map(|(id, at)| (*id, *at))
        .collect();
    if pins.is_empty() {
        return placement;
    }
    let taken = Taken::new(pins.values().copied());
    placement.places.retain(|id, at| !pins.contains_key(id) && taken.is_free(*at));
    placement.places.extend(&pins);
    placement
        .bends
        .retain(|(source, target), _| !pins.contains_key(source) && !pins.contains_key(target));
    extend(&placement, request)
}

/// Whom a node talks to.
#[derive(Clone, Debug, Default)]
struct Near {
    callers: Vec<NodeId>,
    callees: Vec<NodeId>,
}

/// The waiting node that is best known by its placed neighbours, and where it would like to stand.
fn next(
    waiting: &BTreeSet<NodeId>,
    near: &BTreeMap<NodeId, Near>,
    placement: &Placement,
) -> Option<(NodeId, Point)> {
    waiting
        .iter()
        .filter_map(|id| {
            let near = near.get(id)?;
            let placed = |ids: &[NodeId]| -> Vec<Point> {
                ids.iter().filter_map(|id| placement.places.get(id)).copied().collect()
            };
            let (callers, callees) = (placed(&near.callers), placed(&near.callees));
            let known = callers.len() + callees.len();
            let wish = wish(&callers, &callees)?;
            // Callers tell the column, so a node whose callers are there is better known.
            Some((known + callers.len(), *id, wish))
        })
        .max_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)))
        .map(|(_, id, wish)| (id, wish))
}

/// To the right of its callers, else to the left of what it calls; at their mean height.
fn wish(callers: &[Point], callees: &[Point]) -> Option<Point> {
    let all = || callers.iter().chain(callees);
    let count = all().count();
    if count == 0 {
        return None;
    }
    let y = all().map(|at| at[1]).sum::<f32>() / count as f32;
    let after = callers.iter().map(|at| at[0]).reduce(f32::max).map(|x| x + COLUMN);
    let before = callees.iter().map(|at| at[0]).reduce(f32::min).map(|x| x - COLUMN);
    let x = match (after, before) {
        // Where it fits between them, in the middle.
        (Some(after), Some(before)) if before > after => (after + before) / 2.0,
        (Some(after), _) => after,
        (None, Some(before)) => before,
        (None, None) => return None,
    };
    Some([x, y])
}

/// Places that are taken, in cells of the size of the room that a node needs.
struct Taken {
    cells: BTreeMap<(i32, i32), Vec<Point>>,
    columns: Vec<f32>,
}

impl Taken {
    fn new(places: impl Iterator<Item = Point>) -> Self {
        let mut taken = Self { cells: BTreeMap::new(), columns: Vec::new() };
        for place in places {
            taken.take(place);
        }
        taken
    }

    #[expect(clippy::cast_possible_truncation, reason = "saturates; no picture is that large")]
    fn cell(at: Point) -> (i32, i32) {
        ((at[0] / ROOM[0]).floor() as i32, (at[1] / ROOM[1]).floor() as i32)
    }

    fn take(&mut self, at: Point) {
        self.cells.entry(Self::cell(at)).or_default().push(at);
        if !self.columns.iter().any(|x| (x - at[0]).abs() < 1.0) {
            self.columns.push(at[0]);
        }
    }

    fn is_free(&self, at: Point) -> bool {
        let (column, row) = Self::cell(at);
        !(column - 1..=column + 1)
            .flat_map(|column| (row - 1..=row + 1).map(move |row| (column, row)))
            .filter_map(|cell| self.cells.get(&cell))
            .flatten()
            .any(|other| (other[0] - at[0]).abs() < ROOM[0] && (other[1] - at[1]).abs() < ROOM[1])
    }

    /// The free place that is least far from the wished one: up or down costs less than aside, as
    /// the column tells who calls whom. It lines up with a column that is there.
    fn nearest_free(&self, wish: Point) -> Point {
        let x = self
            .columns
            .iter()
            .copied()
            .filter(|x| (x - wish[0]).abs() < COLUMN * 0.4)
            .min_by(|a, b| (a - wish[0]).abs().total_cmp(&(b - wish[0]).abs()))
            .unwrap_or(wish[0]);
        let mut best: Option<(f32, Point)> = None;
        for aside in -REACH.0..=REACH.0 {
            for down in 0..=2 * REACH.1 {
                // 0, -1, 1, -2, 2, ... quarter rows would only look untidy: halves.
                let rows = (down + 1) / 2 * if down % 2 == 0 { 1 } else { -1 };
                let at = [x + aside as f32 * COLUMN, wish[1] + rows as f32 * ROW / 2.0];
                let cost = rows.unsigned_abs() as f32 * 0.5 + aside.unsigned_abs() as f32 * 4.0
                    // To the right of its callers rather than before them.
                    + if aside < 0 { 3.0 } else { 0.0 };
                if best.is_none_or(|(least, _)| cost < least) && self.is_free(at) {
                    best = Some((cost, at));
                }
            }
        }
        // So crowded: below everything.
        best.map_or_else(|| [x, self.bottom() - ROW], |(_, at)| at)
    }

    fn bottom(&self) -> f32 {
        self.cells.values().flatten().map(|at| at[1]).fold(0.0, f32::min)
    }
}

/// New systems that talk to none of the placed nodes stand below them, from the left.
fn add_apart(placement: &mut Placement, request: &Request, apart: &BTreeSet<NodeId>) {
    let (low, high) = bounds(&placement.places.values().copied().collect::<Vec<_>>());
    let part = Request {
        nodes: request
            .nodes
            .iter()
            .filter(|(id, _)| apart.contains(id))
            .map(|(id, entry)| (*id, *entry))
            .collect(),
        edges: request
            .edges
            .iter()
            .filter(|(source, target)| apart.contains(source) && apart.contains(target))
            .copied()
            .collect(),
        // As wide as what stands there, and no taller than it must be.
        aspect: ((high[0] - low[0] + COLUMN) / ROW).max(request.aspect),
    };
    let added = arrange(&part);
    let (first, last) = bounds(&added.places.values().copied().collect::<Vec<_>>());
    let shift = [low[0] - first[0], low[1] - ROW * 1.3 - last[1]];
    let moved = |at: Point| [at[0] + shift[0], at[1] + shift[1]];
    placement.places.extend(added.places.into_iter().map(|(id, at)| (id, moved(at))));
    placement.bends.extend(
        added.bends.into_iter().map(|(edge, at)| (edge, at.into_iter().map(moved).collect())),
    );
}
