//! Edges as the graphics card draws them. In: their curves and rates. Out: one record an edge, in
//! its slot; particles follow the same records.

use bevy::prelude::*;
use bevy::time::Real;
use spanfall_collector::reduce::hop::Counts;

use super::draw::{EdgeRecord, Records};
use super::emphasis::Emphasis;
use super::slots::EdgeSlots;
use crate::layout::{Curve, Curves};
use crate::traffic::Traffic;

/// Assigns slots, and rebuilds the records when curves, rates or brightness have changed.
pub(super) fn draw_edges(
    time: Res<'_, Time<Real>>,
    traffic: Res<'_, Traffic>,
    curves: Res<'_, Curves>,
    emphasis: Res<'_, Emphasis>,
    mut slots: ResMut<'_, EdgeSlots>,
    mut records: ResMut<'_, Records<EdgeRecord>>,
    mut built: Local<'_, (u64, u64)>,
    mut fresh: Local<'_, Vec<EdgeRecord>>,
) {
    if built.0 != traffic.revision {
        slots.assign(traffic.edges.keys(), time.elapsed_secs_f64());
    }
    let stale = *built != (traffic.revision, curves.revision);
    if !(stale || traffic.is_changed() || emphasis.is_changed()) {
        return;
    }
    *built = (traffic.revision, curves.revision);
    fresh.clear();
    fresh.resize(slots.count() as usize, EdgeRecord::default());
    for (id, edge) in &traffic.edges {
        let (Some(slot), Some(curve)) = (slots.of(*id), curves.of.get(id)) else { continue };
        if let Some(record) = fresh.get_mut(slot as usize) {
            *record =
                edge_record(curve, &edge.rates.per_second, emphasis.edge(*id) * edge.presence);
        }
    }
    records.replace(&mut fresh);
}

/// Width of an edge's line at this rate, in design pixels.
pub(super) fn line_width(rate: &Counts) -> f32 {
    let decades = (1.0 + rate.total().max(0.0) as f32).log10();
    (1.0 + 1.1 * decades).min(5.5)
}

/// How an edge looks at these rates. Width and body grow with the logarithm of traffic: ten times
/// the requests are one more design pixel of line. From tens of requests a second on, particles are
/// finer, so that a stream stays a stream of dots.
fn edge_record(curve: &Curve, rate: &Counts, bright: f32) -> EdgeRecord {
    let [start, start_control, end_control, end] = curve.points;
    let total = rate.total().max(0.0) as f32;
    let share = |count: f64| if total > 0.0 { (count as f32 / total).clamp(0.0, 1.0) } else { 0.0 };
    let decades = (1.0 + total).log10();
    EdgeRecord {
        start,
        start_control,
        end_control,
        end,
        width: line_width(rate),
        bright,
        busy: total / (total + 0.1),
        body: (1.0 + 3.6 * decades).min(18.0),
        grain: (1.25 - 0.22 * decades).clamp(0.5, 1.0),
        // Square roots, so that one in a hundred shows a little and one in two does not scream.
        warm: share(rate.slow + rate.throttled).sqrt(),
        alarm: share(rate.error).sqrt(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CURVE: Curve = Curve { points: [Vec2::ZERO; 4], length: 0.0 };

    proptest! {
        #[test]
        fn more_traffic_never_looks_like_less(low in 0.0..1e6_f64, more in 0.0..1e6_f64) {
            let at = |ok| edge_record(&CURVE, &Counts { ok, ..Counts::default() }, 1.0);
            let (less, busier) = (at(low), at(low + more));
            prop_assert!(busier.width >= less.width && busier.body >= less.body);
            prop_assert!(busier.busy >= less.busy - 1e-6 && busier.busy <= 1.0);
        }

        #[test]
        fn any_rates_give_numbers_that_can_be_drawn(
            ok in -1e9..1e9_f64, slow in -1e9..1e9_f64, error in -1e9..1e9_f64,
        ) {
            let rate = Counts { ok, slow, error, ..Counts::default() };
            let record = edge_record(&CURVE, &rate, 1.0);
            for value in [record.warm, record.alarm, record.busy] {
                prop_assert!((0.0..=1.0).contains(&value));
            }
            prop_assert!(record.width.is_finite() && record.body.is_finite());
        }
    }

    #[test]
    fn an_edge_without_traffic_has_no_colour_of_trouble() {
        let record = edge_record(&CURVE, &Counts::default(), 1.0);
        assert_eq!((record.warm, record.alarm, record.busy), (0.0, 0.0, 0.0));
    }
}
