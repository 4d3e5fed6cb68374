//! Time as the graphics card knows it: the playback clock wraps, so that 32-bit floats stay exact
//! for as long as a wall hangs.

/// After how many seconds the clock begins anew. Times below it are exact to 0.06 milliseconds in
/// a 32-bit float: a particle that crosses a 4K screen in a second moves by 0.25 pixels in that
/// time. It is far longer than twice any particle's life, so an age is never ambiguous.
pub(super) const PERIOD: f64 = 1024.0;

/// Seconds of the playback clock, as records and the shader's clock have them.
#[expect(clippy::cast_possible_truncation, reason = "below PERIOD, where f32 is exact enough")]
pub(super) fn wrap(seconds: f64) -> f32 {
    // A tiny negative time would round up to PERIOD itself; that is 0.
    let wrapped = seconds.rem_euclid(PERIOD) as f32;
    if wrapped >= PERIOD as f32 { 0.0 } else { wrapped }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What `place.wgsl` does.
    fn age(clock: f32, start: f32) -> f32 {
        let period = PERIOD as f32;
        let since = clock - start;
        since - period * (since / period).round()
    }

    proptest! {
        #[test]
        fn ages_are_right_after_weeks_and_across_the_wrap(
            start in 0.0..5e6_f64,
            lived in -2.0..8.0_f64,
        ) {
            let shown = age(wrap(start + lived), wrap(start));
            prop_assert!((f64::from(shown) - lived).abs() < 3e-4, "{shown} {lived}");
        }

        #[test]
        fn wrapped_times_lie_within_the_period(seconds in -1e7..1e7_f64) {
            prop_assert!((0.0..PERIOD as f32).contains(&wrap(seconds)));
        }
    }

    #[test]
    fn a_moment_before_zero_does_not_become_a_whole_period() {
        assert_eq!(wrap(-1e-12), 0.0);
    }
}
