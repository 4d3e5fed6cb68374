//! Where the still picture is more than its ground. In: the records that it is drawn from, and the frame. Out:
//! stretches of the window, which are copied; the rest is as bare as the window is once it is cleared.
//!
//! Without a graphics card a copied pixel costs a look into memory, and most of a window is bare.

use bevy::prelude::*;

use super::frame::Frame;
use super::records::{EdgeRecord, NodeRecord, PlateRecord};

/// Pixels along a tile's side.
const TILE: u32 = 32;

/// Pixels between two looks along an edge, at most.
const STEP: f32 = 16.0;

/// An edge that would take more looks is zoomed in on so far that everything may as well be copied.
const MOST_STEPS: f32 = 2048.0;

/// How far beyond its radius a node's lights reach, and its soft rim: as `nodes.wgsl` has it.
pub(super) const REACH: f32 = 1.5;
const RIM: f32 = 2.0;

/// How far beyond its half size a plate's soft border reaches, in corners: as `plates.wgsl` has it.
pub(super) const SOFT: f32 = 7.0 / 8.0;

/// Which tiles of a window are not bare.
pub(super) struct Tiles {
    size: UVec2,
    columns: u32,
    taken: Vec<bool>,
}

impl Tiles {
    /// None of a window of this size.
    pub(super) fn none(size: UVec2) -> Self {
        let columns = size.x.div_ceil(TILE);
        Self { size, columns, taken: vec![false; (columns * size.y.div_ceil(TILE)) as usize] }
    }

    /// All of a window of this size.
    pub(super) fn all(size: UVec2) -> Self {
        let mut tiles = Self::none(size);
        tiles.taken.fill(true);
        tiles
    }

    /// Those on which these records are drawn. `place` is the view's place on the window: left, top,
    /// width and height.
    pub(super) fn of(
        size: UVec2,
        (frame, place): (&Frame, UVec4),
        edges: &[EdgeRecord],
        nodes: &[NodeRecord],
        plates: &[PlateRecord],
    ) -> Self {
        let mut tiles = Self::none(size);
        let screen = |world| on_window((frame, place), world);
        for node in nodes.iter().filter(|node| node.radius > 0.0) {
            let reach = node.radius / frame.pixel * REACH + RIM;
            tiles.take(screen(node.center), Vec2::splat(reach));
        }
        for plate in plates.iter().filter(|plate| plate.solid > 0.0) {
            tiles.take(screen(plate.center), plate.half_size + plate.corner * SOFT);
        }
        for edge in edges.iter().filter(|edge| edge.bright > 0.0) {
            let [a, b, c, d] =
                [edge.start, edge.start_control, edge.end_control, edge.end].map(screen);
            // A curve is nowhere faster than three times its longest leg.
            let longest = a.distance(b).max(b.distance(c)).max(c.distance(d));
            let steps = (3.0 * longest / STEP).ceil().max(1.0);
            if steps > MOST_STEPS || !(a + b + c + d).is_finite() {
                return Self::all(size);
            }
            let reach = (edge.width * frame.stroke * 0.55).max(0.5) + 1.0 + STEP / 2.0;
            for step in 0..=steps as u32 {
                let t = step as f32 / steps;
                let u = 1.0 - t;
                let at = u * u * u * a + 3.0 * u * u * t * b + 3.0 * u * t * t * c + t * t * t * d;
                tiles.take(at, Vec2::splat(reach));
            }
        }
        tiles
    }

    /// Those that a rectangle lies on.
    pub(super) fn take(&mut self, middle: Vec2, half_size: Vec2) {
        let (low, high) = (middle - half_size, middle + half_size);
        let window = self.size.as_vec2();
        if !(high.cmpge(Vec2::ZERO).all() && low.cmplt(window).all()) {
            return;
        }
        let last = (self.size - 1) / TILE;
        let first = low.max(Vec2::ZERO).as_uvec2() / TILE;
        let last = (high.max(Vec2::ZERO).as_uvec2() / TILE).min(last);
        for row in first.y..=last.y {
            let row = row * self.columns;
            self.taken[(row + first.x) as usize..=(row + last.x) as usize].fill(true);
        }
    }

    /// Rows of neighbours as one: left, top, right and bottom in clip space.
    pub(super) fn stretches(&self) -> Vec<Vec4> {
        let mut stretches = Vec::new();
        for (row, tiles) in self.taken.chunks(self.columns.max(1) as usize).enumerate() {
            let mut at = 0;
            for run in tiles.chunk_by(|a, b| a == b) {
                let until = at + run.len();
                if run[0] {
                    let [low, high] = [(at, row), (until, row + 1)].map(|(x, y)| self.clip(x, y));
                    stretches.push(Vec4::new(low.x, low.y, high.x, high.y));
                }
                at = until;
            }
        }
        stretches
    }

    fn clip(&self, column: usize, row: usize) -> Vec2 {
        let pixel = (UVec2::new(column as u32, row as u32) * TILE).min(self.size).as_vec2();
        Vec2::new(2.0, -2.0) * pixel / self.size.as_vec2() + Vec2::new(-1.0, 1.0)
    }
}

/// Where on the window a point of the world is. `place` as in [`Tiles::of`].
pub(super) fn on_window((frame, place): (&Frame, UVec4), world: Vec2) -> Vec2 {
    let clip = frame.clip_from_world * world.extend(0.0).extend(1.0);
    place.xy().as_vec2() + Vec2::new(clip.x + 1.0, 1.0 - clip.y) / 2.0 * frame.viewport
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SIZE: UVec2 = UVec2::new(1000, 600);
    const PLACE: UVec4 = UVec4::new(6, 4, 988, 592);

    fn frame() -> Frame {
        Frame::of_middle(PLACE.zw().as_vec2(), 1.0)
    }

    /// Whether a pixel, counted from the middle of the view and upwards, is copied.
    fn copied(stretches: &[Vec4], world: Vec2) -> bool {
        let pixel =
            PLACE.xy().as_vec2() + PLACE.zw().as_vec2() / 2.0 + Vec2::new(1.0, -1.0) * world;
        let clip = Vec2::new(2.0, -2.0) * pixel / SIZE.as_vec2() + Vec2::new(-1.0, 1.0);
        stretches.iter().any(|stretch| {
            (stretch.x..=stretch.z).contains(&clip.x) && (stretch.w..=stretch.y).contains(&clip.y)
        })
    }

    fn seen(world: Vec2) -> bool {
        world.abs().cmplt(PLACE.zw().as_vec2() / 2.0).all()
    }

    proptest! {
        #[test]
        fn wherever_an_edge_is_its_pixels_are_copied(
            points in prop::array::uniform4((-900.0..900.0_f32, -600.0..600.0_f32)),
            width in 0.5..12.0_f32, side in -1.0..1.0_f32,
        ) {
            let [start, start_control, end_control, end] = points.map(Vec2::from);
            let edge = EdgeRecord { start, start_control, end_control, end, width, bright: 1.0, ..default() };
            let stretches = Tiles::of(SIZE, (&frame(), PLACE), &[edge], &[], &[]).stretches();
            // Closely: what is between two steps of the walk along it may be in no step's tiles.
            for t in (0..=1_000).map(|t| t as f32 / 1_000.0) {
                let u = 1.0 - t;
                let on = u * u * u * start + 3.0 * u * u * t * start_control
                    + 3.0 * u * t * t * end_control + t * t * t * end;
                let at = on + Vec2::Y * side * (width * 0.55).max(0.5);
                prop_assert!(!seen(at) || copied(&stretches, at), "{at}");
            }
        }

        #[test]
        fn wherever_a_node_or_a_plate_is_its_pixels_are_copied(
            x in -700.0..700.0_f32, y in -400.0..400.0_f32, radius in 1.0..80.0_f32,
            turn in 0.0..6.3_f32, part in 0.0..1.0_f32,
        ) {
            let center = Vec2::new(x, y);
            let node = NodeRecord { center, radius, ..default() };
            let half_size = Vec2::new(radius * 2.0, radius);
            let plate = PlateRecord { center, half_size, corner: 8.0, solid: 0.9 };
            let way = Vec2::from_angle(turn) * part;
            let of_node = Tiles::of(SIZE, (&frame(), PLACE), &[], &[node], &[]).stretches();
            let at = center + way * radius * 1.5;
            prop_assert!(!seen(at) || copied(&of_node, at));
            let of_plate = Tiles::of(SIZE, (&frame(), PLACE), &[], &[], &[plate]).stretches();
            let at = center + way * half_size;
            prop_assert!(!seen(at) || copied(&of_plate, at));
        }
    }

    #[test]
    fn nothing_is_copied_of_a_bare_window_and_all_of_one_that_is_zoomed_in_on_too_far() {
        let none = [EdgeRecord::default()];
        let tiles = Tiles::of(SIZE, (&frame(), PLACE), &none, &[NodeRecord::default()], &[]);
        assert!(tiles.stretches().is_empty());
        for end in [Vec2::splat(1e9), Vec2::NAN] {
            let edge = EdgeRecord { end, bright: 1.0, ..default() };
            let tiles = Tiles::of(SIZE, (&frame(), PLACE), &[edge], &[], &[]);
            assert_eq!(tiles.stretches().len(), SIZE.y.div_ceil(TILE) as usize);
        }
    }

    #[test]
    fn a_node_far_outside_of_the_window_takes_no_tile() {
        let node = NodeRecord { center: Vec2::new(1e7, f32::NAN), radius: 10.0, ..default() };
        let tiles = Tiles::of(SIZE, (&frame(), PLACE), &[], &[node], &[]);
        assert!(tiles.stretches().is_empty());
    }
}
