//! What is in the way of labels on the screen: what must not be covered, and what had better not be.

use bevy::math::{IVec2, Rect, Vec2};
use bevy::platform::collections::HashMap;

/// What has a place already. Finds what overlaps without looking at everything, by square cells.
pub(super) struct Taken {
    cell: f32,
    cells: HashMap<(i32, i32), Vec<usize>>,
    taken: Vec<(Rect, usize)>,
}

impl Taken {
    /// Nothing yet, to be looked up in cells of this size.
    pub(super) fn new(cell: f32) -> Self {
        Self { cell: cell.max(1.0), cells: HashMap::default(), taken: Vec::new() }
    }

    /// Takes a place for the node of this index.
    pub(super) fn add(&mut self, rect: Rect, owner: usize) {
        let number = self.taken.len();
        self.taken.push((rect, owner));
        for key in self.keys(rect) {
            self.cells.entry(key).or_default().push(number);
        }
    }

    /// Whether nothing but the owner's own lies there.
    pub(super) fn is_free(&self, rect: Rect, owner: usize) -> bool {
        self.keys(rect).all(|key| {
            let here = self.cells.get(&key).map_or(&[][..], Vec::as_slice);
            here.iter().all(|number| {
                let (other, other_owner) = self.taken[*number];
                other_owner == owner || other.intersect(rect).is_empty()
            })
        })
    }

    fn keys(&self, rect: Rect) -> impl Iterator<Item = (i32, i32)> + use<> {
        cells(rect, self.cell)
    }
}

/// Where edges run, and how much runs there.
pub(super) struct Streams {
    cell: f32,
    weights: HashMap<(i32, i32), f32>,
}

impl Streams {
    /// None yet, remembered in cells of this size: about the height of a line of text.
    pub(super) fn new(cell: f32) -> Self {
        Self { cell: cell.max(1.0), weights: HashMap::default() }
    }

    /// Adds an edge of this width (design pixels) by points along it.
    pub(super) fn add(&mut self, points: impl Iterator<Item = Vec2>, width: f32) {
        let mut last = None;
        for point in points {
            let [x, y] = (point / self.cell).floor().as_ivec2().to_array();
            // However many points lie in a cell, the edge passes it once.
            if last != Some((x, y)) {
                *self.weights.entry((x, y)).or_default() += width;
                last = Some((x, y));
            }
        }
    }

    /// How much runs through this rectangle: an edge counts by its width, once a cell.
    pub(super) fn weight(&self, rect: Rect) -> f32 {
        cells(rect, self.cell).filter_map(|key| self.weights.get(&key)).sum()
    }
}

/// The cells that a rectangle touches; a node zoomed to the size of the sky touches no more than
/// 64 by 64.
fn cells(rect: Rect, cell: f32) -> impl Iterator<Item = (i32, i32)> {
    let first = (rect.min / cell).floor().as_ivec2();
    let last = (rect.max / cell).floor().as_ivec2().min(first.saturating_add(IVec2::splat(64)));
    (first.y..=last.y).flat_map(move |y| (first.x..=last.x).map(move |x| (x, y)))
}
