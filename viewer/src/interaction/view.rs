//! Which part of the world the window shows: pure maths, without Bevy's app.
//!
//! Screen points are logical pixels from the window's top left corner, y down, as the cursor
//! reports them. World points have y up.

use bevy::math::{Rect, Vec2, Vec3};

/// A part of the world, as the window shows it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    /// The world point in the middle of the window.
    pub centre: Vec2,
    /// World units in one logical pixel: smaller is closer.
    pub scale: f32,
}

impl Default for View {
    fn default() -> Self {
        Self { centre: Vec2::ZERO, scale: 1.0 }
    }
}

/// Room that panels take at the window's edges, in logical pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Insets {
    /// At the left.
    pub left: f32,
    /// At the right.
    pub right: f32,
    /// At the top.
    pub top: f32,
    /// At the bottom.
    pub bottom: f32,
}

impl Insets {
    /// The same on every side.
    pub const fn all(room: f32) -> Self {
        Self { left: room, right: room, top: room, bottom: room }
    }

    /// Both, side by side.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            left: self.left + other.left,
            right: self.right + other.right,
            top: self.top + other.top,
            bottom: self.bottom + other.bottom,
        }
    }

    /// The room that is left between them in a window of this size; at least a tenth of it.
    fn free(self, window: Vec2) -> Rect {
        let floor = (window * 0.1).max(Vec2::ONE);
        let size = (window - Vec2::new(self.left + self.right, self.top + self.bottom)).max(floor);
        let corner = Vec2::new(self.left, self.top).min(window - size);
        Rect::from_corners(corner, corner + size)
    }
}

/// How close, and how far away, a view may be: world units in a pixel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// The closest.
    pub closest: f32,
    /// The farthest.
    pub farthest: f32,
}

impl View {
    /// The world point under a screen point.
    pub fn to_world(&self, window: Vec2, screen: Vec2) -> Vec2 {
        let from_middle = screen - window / 2.0;
        self.centre + Vec2::new(from_middle.x, -from_middle.y) * self.scale
    }

    /// The screen point above a world point.
    pub fn to_screen(&self, window: Vec2, world: Vec2) -> Vec2 {
        let from_middle = (world - self.centre) / self.scale;
        window / 2.0 + Vec2::new(from_middle.x, -from_middle.y)
    }

    /// The view of another scale that keeps `world` under `screen`.
    #[must_use]
    pub fn anchored(window: Vec2, screen: Vec2, world: Vec2, scale: f32) -> Self {
        let from_middle = screen - window / 2.0;
        Self { centre: world - Vec2::new(from_middle.x, -from_middle.y) * scale, scale }
    }

    /// The view that shows all of `bounds` between the insets, no closer than `closest`.
    pub fn fit(bounds: Rect, window: Vec2, insets: Insets, closest: f32) -> Self {
        let free = insets.free(window);
        let size = bounds.size() / free.size();
        let scale = size.x.max(size.y).max(closest);
        Self::anchored(window, free.center(), bounds.center(), scale)
    }

    /// The nearest view whose middle lies within `bounds`, and whose scale within the limits:
    /// nobody gets lost in the empty world around the graph.
    #[must_use]
    pub fn kept_within(self, bounds: Rect, limits: Limits) -> Self {
        Self {
            centre: self.centre.clamp(bounds.min, bounds.max),
            scale: self.scale.clamp(limits.closest, limits.farthest.max(limits.closest)),
        }
    }

    /// The view after a part (0 to 1) of a calm way to another: it sets out and arrives gently, and
    /// where the scale changes, zooms about one point, so that nothing swims.
    #[must_use]
    pub fn on_the_way(&self, to: &Self, part: f32) -> Self {
        let t = part.clamp(0.0, 1.0);
        let eased = t * t * t * (t * (t * 6.0 - 15.0) + 10.0);
        let (from_ln, to_ln) = (self.scale.ln(), to.scale.ln());
        let scale = (from_ln + (to_ln - from_ln) * eased).exp();
        let change = to.scale - self.scale;
        // Without a change of scale there is no such point.
        let moved =
            if change.abs() > 0.01 * self.scale { (scale - self.scale) / change } else { eased };
        Self { centre: self.centre.lerp(to.centre, moved), scale }
    }

    /// Whether a person could not tell the two apart: less than a fifth of a pixel anywhere.
    pub fn looks_like(&self, other: &Self, window: Vec2) -> bool {
        let corner = window / 2.0;
        (self.centre - other.centre).length() < 0.1 * self.scale
            && (self.scale / other.scale - 1.0).abs() * corner.length() < 0.1
    }
}

/// How fast a glide settles: it is within 1% after about 6.6 / RATE seconds.
const RATE: f32 = 13.0;

/// One step of a critically damped glide: `at` moves towards `goal`, carrying `velocity` (per
/// second) over, without overshooting from rest. Exact for any `dt` (seconds), so that the glide
/// is the same at 10 and at 144 frames a second.
pub fn glide(at: Vec3, velocity: Vec3, goal: Vec3, dt: f32) -> (Vec3, Vec3) {
    let offset = at - goal;
    let pull = velocity + offset * RATE;
    let decay = (-RATE * dt).exp();
    (goal + (offset + pull * dt) * decay, (velocity - pull * RATE * dt) * decay)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WINDOW: Vec2 = Vec2::new(1920.0, 1080.0);

    fn point() -> impl Strategy<Value = Vec2> {
        (-2e3f32..2e3, -2e3f32..2e3).prop_map(|(x, y)| Vec2::new(x, y))
    }

    fn on_screen() -> impl Strategy<Value = Vec2> {
        (0f32..1920.0, 0f32..1080.0).prop_map(|(x, y)| Vec2::new(x, y))
    }

    proptest! {
        #[test]
        fn the_world_point_under_the_pointer_stays_there_through_a_zoom(
            centre in point(), scale in 0.05f32..20.0, zoomed in 0.05f32..20.0,
            pointer in on_screen(),
        ) {
            let view = View { centre, scale };
            let world = view.to_world(WINDOW, pointer);
            let after = View::anchored(WINDOW, pointer, world, zoomed);
            let moved = after.to_screen(WINDOW, world) - pointer;
            prop_assert!(moved.length() < 0.5, "{moved}");
            prop_assert_eq!(after.scale, zoomed);
        }

        #[test]
        fn screen_and_world_are_each_others_inverse(
            centre in point(), scale in 0.05f32..20.0, pointer in on_screen(),
        ) {
            let view = View { centre, scale };
            let back = view.to_screen(WINDOW, view.to_world(WINDOW, pointer));
            prop_assert!((back - pointer).length() < 0.5, "{back}");
        }

        #[test]
        fn a_fitted_graph_lies_between_the_panels(
            a in point(), b in point(),
            left in 0f32..300.0, right in 0f32..500.0, top in 0f32..100.0, bottom in 0f32..200.0,
        ) {
            let bounds = Rect::from_corners(a, b);
            let insets = Insets { left, right, top, bottom };
            let view = View::fit(bounds, WINDOW, insets, 0.5);
            for corner in [bounds.min, bounds.max] {
                let at = view.to_screen(WINDOW, corner);
                prop_assert!(at.x > left - 0.5 && at.x < 1920.5 - right, "{at}");
                prop_assert!(at.y > top - 0.5 && at.y < 1080.5 - bottom, "{at}");
            }
            prop_assert!(view.scale >= 0.5);
        }

        #[test]
        fn a_glide_from_rest_arrives_without_overshooting(
            x in -1e3f32..1e3, fps in 5f32..200.0,
        ) {
            let goal = Vec3::new(x, -x, 1.0);
            let (mut at, mut velocity) = (Vec3::ZERO, Vec3::ZERO);
            let mut left = goal.length();
            for _ in 0..(fps * 2.0) as usize {
                (at, velocity) = glide(at, velocity, goal, 1.0 / fps);
                let now = (at - goal).length();
                prop_assert!(now <= left + 1e-3, "{now} after {left}");
                left = now;
            }
            prop_assert!(left < 0.01 * goal.length(), "{left}");
        }

        #[test]
        fn a_glide_is_the_same_at_any_frame_rate(x in -1e3f32..1e3, parts in 2usize..50) {
            let goal = Vec3::splat(x);
            let once = glide(Vec3::ZERO, Vec3::ONE, goal, 0.2);
            let (mut at, mut velocity) = (Vec3::ZERO, Vec3::ONE);
            for _ in 0..parts {
                (at, velocity) = glide(at, velocity, goal, 0.2 / parts as f32);
            }
            prop_assert!((at - once.0).length() < 1e-3 * (1.0 + x.abs()), "{at} {}", once.0);
        }
    }

    proptest! {
        #[test]
        fn a_calm_way_begins_and_ends_where_it_should_and_never_leaves_its_line(
            from in point(), to in point(), zoom in 0.2f32..5.0, part in 0f32..1.0,
        ) {
            let from = View { centre: from, scale: 1.0 };
            let to = View { centre: to, scale: zoom };
            prop_assert!(from.on_the_way(&to, 0.0).looks_like(&from, WINDOW));
            prop_assert!(from.on_the_way(&to, 1.0).looks_like(&to, WINDOW));
            let at = from.on_the_way(&to, part);
            let later = from.on_the_way(&to, (part + 0.01).min(1.0));
            let left = |view: &View| view.centre.distance(to.centre);
            prop_assert!(left(&later) <= left(&at) + 0.01, "it turns back");
            let detour = from.centre.distance(at.centre) + left(&at);
            prop_assert!(detour <= from.centre.distance(to.centre) * 1.001 + 0.01);
            prop_assert!((from.scale.min(zoom) * 0.999..=from.scale.max(zoom) * 1.001).contains(&at.scale));
        }
    }

    #[test]
    fn a_view_far_away_is_brought_back_to_the_graph() {
        let bounds = Rect::from_corners(Vec2::splat(-100.0), Vec2::splat(100.0));
        let limits = Limits { closest: 0.2, farthest: 3.0 };
        let lost = View { centre: Vec2::new(5000.0, -7000.0), scale: 40.0 };
        let found = lost.kept_within(bounds, limits);
        assert_eq!(found, View { centre: Vec2::new(100.0, -100.0), scale: 3.0 });
    }

    #[test]
    fn a_window_smaller_than_its_panels_still_shows_something() {
        let bounds = Rect::from_corners(Vec2::ZERO, Vec2::splat(100.0));
        let view = View::fit(bounds, Vec2::new(300.0, 200.0), Insets::all(200.0), 0.5);
        assert!(view.scale.is_finite() && view.centre.is_finite());
    }
}
