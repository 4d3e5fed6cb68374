//! How nodes move to where the layout wants them: a critically damped spring, solved exactly, so
//! that it never overshoots from rest and is the same at any frame rate.

use bevy::prelude::*;

/// How fast a glide is, in radians a second: 99% of the way in about a second.
const STIFFNESS: f32 = 6.5;

/// Closer than this, in world units (and units a second), a glide is over.
const STILL: f32 = 0.05;

/// Moves `at` towards `target` for `delta` seconds. False when it has arrived.
pub(super) fn glide(at: &mut Vec2, speed: &mut Vec2, target: Vec2, delta: f32) -> bool {
    let away = *at - target;
    if away.length() < STILL && speed.length() < STILL {
        *at = target;
        *speed = Vec2::ZERO;
        return false;
    }
    let drive = *speed + away * STIFFNESS;
    let decay = (-STIFFNESS * delta).exp();
    *at = target + (away + drive * delta) * decay;
    *speed = (*speed - drive * (STIFFNESS * delta)) * decay;
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_glide_is_the_same_at_any_frame_rate(seconds in 0.05..1.5f32, frames in 1..200u32) {
            let target = Vec2::new(300.0, -80.0);
            let (mut once, mut once_speed) = (Vec2::ZERO, Vec2::new(10.0, 0.0));
            let (mut many, mut many_speed) = (once, once_speed);
            glide(&mut once, &mut once_speed, target, seconds);
            for _ in 0..frames {
                glide(&mut many, &mut many_speed, target, seconds / frames as f32);
            }
            prop_assert!(once.distance(many) < 0.5, "{once} and {many}");
        }

        #[test]
        fn a_glide_from_rest_arrives_and_never_overshoots(x in -2000.0..2000.0f32) {
            let (mut at, mut speed) = (Vec2::new(x, 0.0), Vec2::ZERO);
            let mut frames = 0;
            while glide(&mut at, &mut speed, Vec2::ZERO, 1.0 / 60.0) {
                prop_assert!(at.x * x >= -1e-3);
                frames += 1;
                prop_assert!(frames < 300, "still at {at} after five seconds");
            }
            prop_assert_eq!(at, Vec2::ZERO);
        }
    }
}
