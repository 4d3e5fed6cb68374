//! How layers fill the stage. In: how many nodes each layer has. Out: in how many columns each
//! should stand, and how large the picture then is.

use super::{COLUMN, ROW};

/// Distance between the columns of one layer: less than between layers, as no edge needs to bend
/// in between.
pub(super) const STAGGER: f32 = 190.0;

/// By how much distances may grow to fill the stage.
pub(super) const STRETCH: f32 = 1.7;

/// How much larger the picture has to become for a layer to be split: whole ones read better.
const WORTH: f32 = 1.08;

/// Layers of at most so many nodes are never split.
const FEW_ROWS: usize = 4;

/// In how many columns each layer's nodes stand: whatever makes the picture largest.
pub(super) fn columns(counts: &[usize], aspect: f32) -> Vec<usize> {
    best(counts, aspect).0
}

/// How large the picture is: the height of the stage by that of the picture when it just fits.
pub(super) fn zoom(counts: &[usize], aspect: f32) -> f32 {
    best(counts, aspect).1
}

fn best(counts: &[usize], aspect: f32) -> (Vec<usize>, f32) {
    let tallest = counts.iter().copied().max().unwrap_or(1).max(1);
    let mut best = split(counts, tallest);
    let mut largest = size(&best, tallest, aspect);
    for rows in (FEW_ROWS..tallest).rev() {
        let candidate = split(counts, rows);
        let zoom = size(&candidate, rows, aspect);
        if zoom > largest * WORTH {
            (best, largest) = (candidate, zoom);
        }
    }
    (best, largest)
}

/// Each layer's columns if none is to have more than `rows` nodes.
fn split(counts: &[usize], rows: usize) -> Vec<usize> {
    counts.iter().map(|&count| count.div_ceil(rows).max(1)).collect()
}

fn size(columns: &[usize], rows: usize, aspect: f32) -> f32 {
    let extra: usize = columns.iter().map(|columns| columns - 1).sum();
    let across = (columns.len() as f32 * COLUMN + extra as f32 * STAGGER) / aspect;
    let down = (rows as f32 + 0.5) * ROW;
    1.0 / across.max(down)
}
