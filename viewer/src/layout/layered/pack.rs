//! Puts connected parts beside and below each other. In: blocks, largest first. Out: the whole
//! placement, shaped to the stage, with its centre at the origin.

use super::coordinates::Block;
use super::{Placement, Point};

/// Packs the blocks into rows, as wide as makes the whole largest on the stage.
pub(super) fn pack(blocks: Vec<Block>, aspect: f32) -> Placement {
    let mut widths: Vec<f32> = Vec::with_capacity(blocks.len());
    let mut sum = 0.0;
    for block in &blocks {
        sum += block.size[0];
        widths.push(sum);
    }
    let zoom = |size: Point| (aspect / size[0]).min(1.0 / size[1]);
    let best = widths
        .iter()
        .map(|&width| rows(&blocks, width))
        .reduce(|best, next| if zoom(next.1) > zoom(best.1) * 1.001 { next } else { best });
    let Some((corners, size)) = best else { return Placement::default() };
    let mut placement = Placement::default();
    for (block, corner) in blocks.into_iter().zip(corners) {
        let shift = [
            corner[0] + block.size[0] / 2.0 - size[0] / 2.0,
            size[1] / 2.0 - corner[1] - block.size[1] / 2.0,
        ];
        let moved = |point: Point| [point[0] + shift[0], point[1] + shift[1]];
        placement.places.extend(block.places.into_iter().map(|(id, at)| (id, moved(at))));
        placement.bends.extend(
            block
                .bends
                .into_iter()
                .map(|(edge, bends)| (edge, bends.into_iter().map(moved).collect())),
        );
    }
    placement
}

/// Fills rows of at most `width` from the left: each block's upper left corner (y downward), and
/// the size of the whole.
fn rows(blocks: &[Block], width: f32) -> (Vec<Point>, Point) {
    let mut corners = Vec::with_capacity(blocks.len());
    let (mut x, mut y, mut row_height, mut widest) = (0.0, 0.0, 0.0_f32, 0.0_f32);
    for block in blocks {
        if x > 0.0 && x + block.size[0] > width * 1.0001 {
            y += row_height;
            (x, row_height) = (0.0, 0.0);
        }
        corners.push([x, y]);
        x += block.size[0];
        row_height = row_height.max(block.size[1]);
        widest = widest.max(x);
    }
    (corners, [widest, y + row_height])
}
