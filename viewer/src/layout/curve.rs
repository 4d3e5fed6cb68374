//! The curves of edges. In: where two nodes stand, how large they are, where the layout would like
//! the edge to pass. Out: a cubic Bézier from rim to rim.

use bevy::prelude::*;

/// The curve that an edge and its particles follow: a cubic Bézier from rim to rim.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Curve {
    /// Start, control, control, end.
    pub points: [Vec2; 4],
    /// Its length in world units.
    pub length: f32,
}

/// Steps in which a curve is measured: enough for a quarter of a unit on the longest.
const STEPS: usize = 24;

/// How far a curve's controls may lie beyond what it should pass, as a share of its height: a curve
/// keeps within its controls.
const OVERSHOOT: f32 = 0.15;

/// A node as its edges see it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct End {
    pub(super) at: Vec2,
    pub(super) radius: f32,
}

impl Curve {
    /// The point at `t`, from 0 at the start to 1 at the end.
    pub fn point(&self, t: f32) -> Vec2 {
        let [a, b, c, d] = self.points;
        let s = 1.0 - t;
        a * (s * s * s) + b * (3.0 * s * s * t) + c * (3.0 * s * t * t) + d * (t * t * t)
    }

    /// The direction at `t`, not of unit length; zero where the curve has none.
    pub fn direction(&self, t: f32) -> Vec2 {
        let [a, b, c, d] = self.points;
        let s = 1.0 - t;
        ((b - a) * (s * s) + (c - b) * (2.0 * s * t) + (d - c) * (t * t)) * 3.0
    }

    fn through(points: [Vec2; 4]) -> Self {
        let mut curve = Self { points, length: 0.0 };
        let mut last = points[0];
        for step in 1..=STEPS {
            let next = curve.point(step as f32 / STEPS as f32);
            curve.length += last.distance(next);
            last = next;
        }
        curve
    }

    /// The curve between two nodes. `bends` is where it should pass on a long way; `paired` says
    /// that there is an edge back, which must not lie on this one.
    pub(super) fn between(source: End, target: End, bends: &[Vec2], paired: bool) -> Self {
        let across = target.at.x - source.at.x;
        let reach = source.radius + target.radius;
        if source.at == target.at {
            Self::looped(source)
        } else if across > reach {
            Self::forward(source, target, bends, paired)
        } else if across < -reach {
            Self::backward(source, target)
        } else {
            Self::aside(source, target)
        }
    }

    /// Between two nodes of a ring: a little to the left of the straight way, so that there and back are
    /// two.
    pub(super) fn chord(source: End, target: End) -> Self {
        const BULGE: f32 = 0.12;
        let way = target.at - source.at;
        let Some(ahead) = way.try_normalize() else { return Self::looped(source) };
        let lean = Vec2::from_angle(0.35);
        let start = source.at + lean.rotate(ahead) * source.radius;
        let end = target.at - Vec2::new(lean.x, -lean.y).rotate(ahead) * target.radius;
        let aside = ahead.perp() * way.length() * BULGE;
        let third = (end - start) / 3.0;
        Self::through([start, start + third + aside, end - third + aside, end])
    }

    /// To the right: out of one rim, into the other, level at both ends unless the way is long.
    fn forward(source: End, target: End, bends: &[Vec2], paired: bool) -> Self {
        let tilt = if paired { 0.35 } else { 0.0 };
        let rise = (target.at - source.at).y.atan2((target.at - source.at).x);
        let leave = rise * 0.45 + tilt;
        let arrive = rise * 0.45 - tilt;
        let start = source.at + Vec2::from_angle(leave) * source.radius;
        let end = target.at - Vec2::from_angle(arrive) * target.radius;
        let pull = (end.x - start.x).max(24.0) * 0.45;
        let mut controls = [start + Vec2::X * pull, end - Vec2::X * pull];
        if paired {
            controls[0].y += pull * tilt;
            controls[1].y += pull * tilt;
        }
        if !bends.is_empty() {
            controls = bent(start, end, controls, bends);
        }
        Self::through([start, controls[0], controls[1], end])
    }

    /// To the left: in an arc below what leads to the right.
    fn backward(source: End, target: End) -> Self {
        let gap = (source.at.x - target.at.x).abs();
        let drop = Vec2::NEG_Y * (gap * 0.22 + 36.0);
        let pull = Vec2::X * gap * 0.3;
        let leave = Vec2::new(-0.75, -0.66);
        let start = source.at + leave * source.radius;
        let end = target.at + Vec2::new(-leave.x, leave.y) * target.radius;
        Self::through([start, start - pull + drop, end + pull + drop, end])
    }

    /// Up on the right side of a column, or down on its left.
    fn aside(source: End, target: End) -> Self {
        let gap = target.at.y - source.at.y;
        let side = gap.signum();
        let lean = Vec2::from_angle(0.6) * side;
        let start = source.at + lean * source.radius;
        let end = target.at + Vec2::new(lean.x, -lean.y) * target.radius;
        let bulge = Vec2::X * side * (gap.abs() * 0.25 + 30.0);
        Self::through([start, start + bulge, end + bulge, end])
    }

    /// From a node to itself: a loop above it.
    fn looped(node: End) -> Self {
        let out = Vec2::from_angle(1.0);
        let start = node.at + out * node.radius;
        let end = node.at + Vec2::new(-out.x, out.y) * node.radius;
        let rise = Vec2::new(node.radius * 1.2, node.radius * 1.6);
        Self::through([start, start + rise, end + Vec2::new(-rise.x, rise.y), end])
    }
}

/// Moves the controls such that the curve passes as near as it can to the bends: least squares for
/// their two heights, held to the level ends a little. With the controls at thirds of the way, the
/// curve is at `x` when `t` is the share of the way to `x`.
fn bent(start: Vec2, end: Vec2, level: [Vec2; 2], bends: &[Vec2]) -> [Vec2; 2] {
    const HOLD: f32 = 0.002;
    let (mut aa, mut ab, mut bb) = (HOLD, 0.0, HOLD);
    let (mut ay, mut by) = (HOLD * level[0].y, HOLD * level[1].y);
    let width = end.x - start.x;
    for bend in bends {
        let t = ((bend.x - start.x) / width).clamp(0.05, 0.95);
        let s = 1.0 - t;
        let (a, b) = (3.0 * s * s * t, 3.0 * s * t * t);
        let rest = bend.y - start.y * s * s * s - end.y * t * t * t;
        aa += a * a;
        ab += a * b;
        bb += b * b;
        ay += a * rest;
        by += b * rest;
    }
    let scale = aa * bb - ab * ab;
    if scale.abs() < 1e-9 {
        return level;
    }
    // What lies beyond all that it should pass is of no use, and may be off the stage.
    let heights = || bends.iter().map(|bend| bend.y).chain([start.y, end.y]);
    let low = heights().fold(f32::INFINITY, f32::min);
    let high = heights().fold(f32::NEG_INFINITY, f32::max);
    let beyond = (high - low) * OVERSHOOT;
    let held = |y: f32| y.clamp(low - beyond, high + beyond);
    [
        Vec2::new(start.x + width / 3.0, held((ay * bb - by * ab) / scale)),
        Vec2::new(end.x - width / 3.0, held((by * aa - ay * ab) / scale)),
    ]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ends() -> impl Strategy<Value = (End, End)> {
        let end = || {
            (-2000.0..2000.0f32, -2000.0..2000.0f32, 16.0..44.0f32)
                .prop_map(|(x, y, radius)| End { at: Vec2::new(x, y), radius })
        };
        (end(), end())
    }

    proptest! {
        #[test]
        fn a_curve_leads_from_rim_to_rim((source, target) in ends(), paired: bool) {
            let curve = Curve::between(source, target, &[], paired);
            let [start, .., end] = curve.points;
            prop_assert!((start.distance(source.at) - source.radius).abs() < 0.1);
            prop_assert!((end.distance(target.at) - target.radius).abs() < 0.1);
            prop_assert!(curve.length.is_finite() && curve.length >= start.distance(end) - 0.1);
        }

        #[test]
        fn there_and_back_are_two_curves((source, target) in ends()) {
            prop_assume!((source.at - target.at).length() > 150.0);
            let there = Curve::between(source, target, &[], true);
            let back = Curve::between(target, source, &[], true);
            prop_assert!(there.point(0.5).distance(back.point(0.5)) > 10.0);
        }

        #[test]
        fn a_curve_passes_near_its_bends_and_not_far_beyond(y in -400.0..400.0f32) {
            let source = End { at: Vec2::ZERO, radius: 20.0 };
            let target = End { at: Vec2::new(660.0, 0.0), radius: 20.0 };
            let bends = [Vec2::new(220.0, y), Vec2::new(440.0, y)];
            let curve = Curve::between(source, target, &bends, false);
            let points: Vec<Vec2> = (1..100).map(|at| curve.point(at as f32 / 100.0)).collect();
            for bend in bends {
                let near = points.iter().map(|point| point.distance(bend));
                prop_assert!(near.fold(f32::INFINITY, f32::min) < 20.0 + y.abs() * 0.3);
            }
            let highest = points.iter().map(|point| point.y.abs()).fold(0.0, f32::max);
            prop_assert!(highest < y.abs() * 1.05 + 20.0, "{highest} for {y}");
        }
    }

    #[test]
    fn chords_there_and_back_are_two_curves_from_rim_to_rim() {
        let a = End { at: Vec2::new(-300.0, 40.0), radius: 30.0 };
        let b = End { at: Vec2::new(200.0, -90.0), radius: 20.0 };
        let (there, back) = (Curve::chord(a, b), Curve::chord(b, a));
        assert!(there.point(0.5).distance(back.point(0.5)) > 40.0);
        for (curve, source, target) in [(there, a, b), (back, b, a)] {
            let [start, .., end] = curve.points;
            assert!((start.distance(source.at) - source.radius).abs() < 0.1);
            assert!((end.distance(target.at) - target.radius).abs() < 0.1);
        }
        assert!(Curve::chord(a, a).length > 30.0);
    }

    #[test]
    fn a_node_that_calls_itself_has_a_loop_above_it() {
        let node = End { at: Vec2::new(5.0, 5.0), radius: 20.0 };
        let curve = Curve::between(node, node, &[], false);
        assert!(curve.point(0.5).y > 5.0 + 20.0);
        assert!(curve.length > 40.0);
    }
}
