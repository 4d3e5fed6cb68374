//! Nodes as the graphics card draws them. In: places, rates, pulses and focus. Out: one record a
//! node.

use bevy::prelude::*;
use spanfall_collector::reduce::hop::Counts;

use super::blame::{Blame, alarm};
use super::draw::{NodeRecord, Records};
use super::emphasis::Emphasis;
use super::icons::{Form, icon};
use super::pulses::Pulses;
use crate::layout::Places;
use crate::picture::{Picture, PictureNode, What};

/// A class that occurs at all takes at least this part of the ring: one error in a thousand must
/// be seen from afar.
const LEAST_PART: f32 = 0.03;

/// Rebuilds the records when anything that they show has changed.
pub(super) fn draw_nodes(
    picture: Res<'_, Picture>,
    places: Res<'_, Places>,
    emphasis: Res<'_, Emphasis>,
    (pulses, blame): (Res<'_, Pulses>, Res<'_, Blame>),
    mut records: ResMut<'_, Records<NodeRecord>>,
    mut built: Local<'_, (u64, u64)>,
    mut fresh: Local<'_, Vec<NodeRecord>>,
) {
    let stale = *built != (picture.revision, places.revision);
    let dressed = emphasis.is_changed() || pulses.is_changed() || blame.is_changed();
    if !(stale || picture.is_changed() || dressed) {
        return;
    }
    *built = (picture.revision, places.revision);
    fresh.clear();
    for (id, node) in &picture.nodes {
        let (Some(&center), Some(&radius)) = (places.now.get(id), places.radius.get(id)) else {
            continue;
        };
        let rates = shown_rates(node);
        let total = rates.total().max(0.0) as f32;
        let share =
            |count: f64| if total > 0.0 { (count as f32 / total).clamp(0.0, 1.0) } else { 0.0 };
        let alarm = alarm(rates);
        fresh.push(NodeRecord {
            center,
            radius,
            form: Form::of(node.kind).number(),
            icon: icon(node.kind),
            several: f32::from(u8::from(node.what != What::Itself)),
            bright: emphasis.node(*id) * node.presence * blame.bright(alarm),
            chosen: emphasis.chosen(*id),
            pulse: pulses.of(*id),
            parts: ring_parts(rates),
            traffic: total / (total + 0.02),
            alarm: blame.light(*id, alarm),
            blamed: f32::from(u8::from(blame.is_on(*id))),
            cold: (share(rates.cold) * 8.0).min(1.0).sqrt(),
        });
    }
    records.replace(&mut fresh);
}

/// What arrives; where requests only set out, what leaves.
pub(super) fn shown_rates(node: &PictureNode) -> &Counts {
    let inbound = &node.inbound.per_second;
    if inbound.total() > 0.0 { inbound } else { &node.outbound.per_second }
}

/// Where the ring's parts end, in turns clockwise from the top: errors, then throttled, then slow;
/// what is left is ok. Every class that occurs can be seen.
fn ring_parts(rates: &Counts) -> Vec3 {
    let counts = [rates.error, rates.throttled, rates.slow, rates.ok].map(|count| count.max(0.0));
    let total: f64 = counts.iter().sum();
    if total <= 0.0 || !total.is_finite() {
        return Vec3::ZERO;
    }
    let shares = counts.map(|count| (count / total) as f32);
    let widened = shares.map(|share| if share > 0.0 { share.max(LEAST_PART) } else { 0.0 });
    let sum: f32 = widened.iter().sum();
    let [error, throttled, slow, _] = widened.map(|share| share / sum);
    Vec3::new(error, error + throttled, error + throttled + slow)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_ring_is_divided_by_class(
            ok in 0.0..1e6_f64, slow in 0.0..1e6_f64, throttled in 0.0..1e6_f64, error in 0.0..1e6_f64,
        ) {
            let rates = Counts { ok, slow, throttled, error, cold: 0.0 };
            let total = rates.total().max(1e-9);
            let Vec3 { x, y, z } = ring_parts(&rates);
            prop_assert!(0.0 <= x && x <= y && y <= z && z <= 1.0 + 1e-5);
            for (part, count) in [(x, error), (y - x, throttled), (z - y, slow), (1.0 - z, ok)] {
                let share = (count / total) as f32;
                // Widening small parts takes at most three times the least part from the others.
                prop_assert!((part - share).abs() <= 3.0 * LEAST_PART + 1e-5, "{part} {share}");
            }
        }

        #[test]
        fn any_rates_give_a_ring(ok in any::<f64>(), slow in any::<f64>(), error in any::<f64>()) {
            let parts = ring_parts(&Counts { ok, slow, error, throttled: 0.0, cold: 0.0 });
            prop_assert!(parts.is_finite());
        }
    }

    #[test]
    fn one_error_in_ten_thousand_is_seen() {
        let parts = ring_parts(&Counts { ok: 9999.0, error: 1.0, ..Counts::default() });
        assert!(parts.x > 0.025, "{parts}");
        assert_eq!(parts.x, parts.z);
    }

    #[test]
    fn a_class_that_does_not_occur_has_no_part() {
        assert_eq!(ring_parts(&Counts { ok: 3.0, ..Counts::default() }), Vec3::ZERO);
        assert_eq!(ring_parts(&Counts { error: 3.0, ..Counts::default() }), Vec3::ONE);
    }
}
