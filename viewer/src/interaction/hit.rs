//! What lies under a point of the world: pure maths over [`Places`] and [`Curves`].

use bevy::math::{Rect, Vec2};

use crate::focus::Item;
use crate::layout::{Curves, Places};

/// How generous the test is. World units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// Added to a node's radius.
    pub node: f32,
    /// How far from an edge's middle line still counts.
    pub edge: f32,
}

/// The item at `point`: of the nodes there the one whose centre is nearest, else the nearest
/// edge. Where items are equally near, the one with the lesser id, so that the answer is stable.
pub fn item_at(
    point: Vec2,
    places: &Places,
    curves: &Curves,
    tolerance: Tolerance,
) -> Option<Item> {
    let node = places
        .now
        .iter()
        .filter_map(|(&id, &centre)| {
            let reach = places.radius.get(&id).copied().unwrap_or(0.0) + tolerance.node;
            let distance = point.distance(centre);
            (distance <= reach).then_some((distance, id))
        })
        .min_by(|(a, a_id), (b, b_id)| a.total_cmp(b).then(a_id.cmp(b_id)));
    if let Some((_, id)) = node {
        return Some(Item::Node(id));
    }
    curves
        .of
        .iter()
        .filter(|(_, curve)| hull(&curve.points).inflate(tolerance.edge).contains(point))
        .map(|(&id, curve)| (distance_to_curve(point, &curve.points), id))
        .filter(|&(distance, _)| distance <= tolerance.edge)
        .min_by(|(a, a_id), (b, b_id)| a.total_cmp(b).then(a_id.cmp(b_id)))
        .map(|(_, id)| Item::Edge(id))
}

/// A cubic Bézier curve lies within the box around its four points.
fn hull(points: &[Vec2; 4]) -> Rect {
    let [a, b, c, d] = *points;
    Rect::from_corners(a, d).union_point(b).union_point(c)
}

/// The point of a cubic Bézier curve at `t`, 0 to 1.
fn on_curve(points: &[Vec2; 4], t: f32) -> Vec2 {
    let [a, b, c, d] = *points;
    let u = 1.0 - t;
    a * (u * u * u) + b * (3.0 * u * u * t) + c * (3.0 * u * t * t) + d * (t * t * t)
}

/// Chords that stand for a curve when its nearest point is sought. The edges of a layered layout
/// bend at most twice; 32 chords of the longest ones stay within a pixel of the curve.
const CHORDS: u8 = 32;

/// How far `point` is from a cubic Bézier curve.
pub fn distance_to_curve(point: Vec2, points: &[Vec2; 4]) -> f32 {
    let mut from = points[0];
    let mut nearest = f32::INFINITY;
    for step in 1..=CHORDS {
        let to = on_curve(points, f32::from(step) / f32::from(CHORDS));
        nearest = nearest.min(distance_to_segment(point, from, to));
        from = to;
    }
    nearest
}

fn distance_to_segment(point: Vec2, from: Vec2, to: Vec2) -> f32 {
    let along = to - from;
    let length = along.length_squared();
    // A segment of no length is a point.
    let t = if length > 0.0 { ((point - from).dot(along) / length).clamp(0.0, 1.0) } else { 0.0 };
    point.distance(from + along * t)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Curve;
    use proptest::prelude::*;
    use spanfall_collector::reduce::hop::EdgeId;
    use spanfall_collector::reduce::node::NodeId;

    const TOLERANCE: Tolerance = Tolerance { node: 4.0, edge: 6.0 };

    fn picture() -> (Places, Curves) {
        let mut places = Places::default();
        for (id, x) in [(1, 0.0), (2, 400.0), (3, 430.0)] {
            places.now.insert(NodeId(id), Vec2::new(x, 0.0));
            places.radius.insert(NodeId(id), 20.0);
        }
        let mut curves = Curves::default();
        let points = [(20.0, 0.0), (150.0, 0.0), (250.0, 0.0), (380.0, 0.0)].map(Vec2::from);
        curves.of.insert(EdgeId(9), Curve { points, length: 360.0 });
        (places, curves)
    }

    fn at(x: f32, y: f32) -> Option<Item> {
        let (places, curves) = picture();
        item_at(Vec2::new(x, y), &places, &curves, TOLERANCE)
    }

    #[test]
    fn a_node_is_hit_within_its_circle_and_a_little_around_it() {
        assert_eq!(at(0.0, 23.0), Some(Item::Node(NodeId(1))));
        assert_eq!(at(0.0, 25.0), None);
    }

    #[test]
    fn of_two_nodes_that_overlap_the_nearer_centre_counts() {
        assert_eq!(at(414.0, 0.0), Some(Item::Node(NodeId(2))));
        assert_eq!(at(416.0, 0.0), Some(Item::Node(NodeId(3))));
    }

    #[test]
    fn an_edge_is_hit_near_its_curve_and_a_node_lies_on_top_of_it() {
        assert_eq!(at(200.0, 5.0), Some(Item::Edge(EdgeId(9))));
        assert_eq!(at(200.0, 7.0), None);
        assert_eq!(at(22.0, 1.0), Some(Item::Node(NodeId(1))));
    }

    #[test]
    fn an_empty_picture_holds_nothing() {
        let hit = item_at(Vec2::ZERO, &Places::default(), &Curves::default(), TOLERANCE);
        assert_eq!(hit, None);
    }

    fn point() -> impl Strategy<Value = Vec2> {
        (-1e3f32..1e3, -1e3f32..1e3).prop_map(|(x, y)| Vec2::new(x, y))
    }

    proptest! {
        #[test]
        fn no_point_of_a_curve_is_nearer_than_the_distance_to_it(
            a in point(), b in point(), c in point(), d in point(), p in point(), t in 0f32..=1.0,
        ) {
            let points = [a, b, c, d];
            // The chords cut the curve's bends short by a few units at worst on curves this wild.
            prop_assert!(distance_to_curve(p, &points) <= p.distance(on_curve(&points, t)) + 4.0);
        }

        #[test]
        fn a_point_on_a_layered_edge_is_within_a_pixel_of_it(
            start in point(), across in 50f32..1500.0, up in -900f32..900.0, t in 0f32..=1.0,
        ) {
            let end = start + Vec2::new(across, up);
            let bend = Vec2::new(across / 2.0, 0.0);
            let points = [start, start + bend, end - bend, end];
            prop_assert!(distance_to_curve(on_curve(&points, t), &points) < 1.0);
        }
    }
}
