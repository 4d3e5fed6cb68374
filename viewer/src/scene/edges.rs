//! Edges as the graphics card draws them. In: their curves and rates. Out: one record an edge, in
//! its slot; particles follow the same records.

use bevy::prelude::*;
use bevy::time::Real;
use spanfall_collector::reduce::hop::Counts;

use super::blame::{Blame, alarm};
use super::draw::{EdgeRecord, Records};
use super::emphasis::Emphasis;
use super::slots::EdgeSlots;
use crate::layout::{Curve, Curves};
use crate::picture::Picture;

/// Assigns slots, and rebuilds the records when curves, rates or brightness have changed.
pub(super) fn draw_edges(
    time: Res<'_, Time<Real>>,
    picture: Res<'_, Picture>,
    curves: Res<'_, Curves>,
    (emphasis, blame): (Res<'_, Emphasis>, Res<'_, Blame>),
    mut slots: ResMut<'_, EdgeSlots>,
    mut records: ResMut<'_, Records<EdgeRecord>>,
    mut built: Local<'_, (u64, u64)>,
    mut fresh: Local<'_, Vec<EdgeRecord>>,
) {
    if built.0 != picture.revision {
        slots.assign(picture.edges.keys(), time.elapsed_secs_f64());
    }
    let stale = *built != (picture.revision, curves.revision);
    if !(stale || picture.is_changed() || emphasis.is_changed() || blame.is_changed()) {
        return;
    }
    *built = (picture.revision, curves.revision);
    fresh.clear();
    fresh.resize(slots.count() as usize, EdgeRecord::default());
    let crowd = Crowd::of(&picture);
    let grain = crowd.grain();
    for (id, edge) in &picture.edges {
        let (Some(slot), Some(curve)) = (slots.of(*id), curves.of.get(id)) else { continue };
        if let Some(record) = fresh.get_mut(slot as usize) {
            let rates = &edge.rates.per_second;
            let bright = emphasis.edge(*id) * edge.presence * crowd.bright(rates);
            let bright = bright * blame.bright(alarm(rates));
            *record = edge_record(curve, rates, bright, grain);
        }
    }
    records.replace(&mut fresh);
}

/// Width of an edge's line at this rate, in design pixels.
pub(super) fn line_width(rate: &Counts) -> f32 {
    let decades = (1.0 + rate.total().max(0.0) as f32).log10();
    (1.0 + 1.1 * decades).min(5.5)
}

/// How much a crowded picture steps back: its quiet edges, so that the busy ones can be followed, and its
/// ordinary particles, so that a stream stays a stream of dots and what goes wrong is seen in it.
#[derive(Clone, Copy, Debug, Default)]
struct Crowd {
    /// 0 where there are few edges, 1 where there are many.
    dense: f32,
    /// The decades of the busiest edge's rate.
    busiest: f32,
    /// Hops a second on all edges.
    hops: f32,
}

impl Crowd {
    /// Up to so many edges everybody can follow; from the second on quiet ones are but a hint.
    const FEW: f32 = 250.0;
    const MANY: f32 = 500.0;
    /// What is left of the quietest.
    const HINT: f32 = 0.15;
    /// Up to so many hops a second particles hardly meet; with sixteen times as many they are half as large.
    const SPARSE: f32 = 600.0;
    /// No smaller than this share, or nothing is left of them from afar.
    const FINEST: f32 = 0.4;

    fn of(picture: &Picture) -> Self {
        let dense = (picture.edges.len() as f32 - Self::FEW) / (Self::MANY - Self::FEW);
        let rates = picture.edges.values().map(|edge| decades(&edge.rates.per_second));
        let hops: f64 = picture.edges.values().map(|edge| edge.rates.per_second.total()).sum();
        Self {
            dense: dense.clamp(0.0, 1.0),
            busiest: rates.fold(0.0, f32::max),
            hops: hops.max(0.0) as f32,
        }
    }

    /// How large ordinary particles are, by how many hops share the stage.
    fn grain(self) -> f32 {
        (Self::SPARSE / self.hops.max(Self::SPARSE)).powf(0.25).max(Self::FINEST)
    }

    /// How bright an edge with these rates is. What goes wrong never steps back.
    fn bright(self, rates: &Counts) -> f32 {
        if self.dense <= 0.0 || self.busiest <= 0.0 || rates.error + rates.throttled > 0.0 {
            return 1.0;
        }
        let share = (decades(rates) / self.busiest).clamp(0.0, 1.0);
        1.0 - self.dense * (1.0 - Self::HINT) * (1.0 - share)
    }
}

/// A rate on a scale of tenfolds, from none at 0.
fn decades(rate: &Counts) -> f32 {
    (1.0 + 10.0 * rate.total().max(0.0) as f32).log10()
}

/// How an edge looks at these rates. Width and body grow with the logarithm of traffic: ten times
/// the requests are one more design pixel of line. From tens of requests a second on, particles are
/// finer, so that a stream stays a stream of dots.
fn edge_record(curve: &Curve, rate: &Counts, bright: f32, grain: f32) -> EdgeRecord {
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
        grain: (1.25 - 0.22 * decades).clamp(0.5, 1.0) * grain,
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
            let at = |ok| edge_record(&CURVE, &Counts { ok, ..Counts::default() }, 1.0, 1.0);
            let (less, busier) = (at(low), at(low + more));
            prop_assert!(busier.width >= less.width && busier.body >= less.body);
            prop_assert!(busier.busy >= less.busy - 1e-6 && busier.busy <= 1.0);
        }

        #[test]
        fn any_rates_give_numbers_that_can_be_drawn(
            ok in -1e9..1e9_f64, slow in -1e9..1e9_f64, error in -1e9..1e9_f64,
        ) {
            let rate = Counts { ok, slow, error, ..Counts::default() };
            let record = edge_record(&CURVE, &rate, 1.0, 1.0);
            for value in [record.warm, record.alarm, record.busy] {
                prop_assert!((0.0..=1.0).contains(&value));
            }
            prop_assert!(record.width.is_finite() && record.body.is_finite());
        }
    }

    #[test]
    fn among_many_edges_quiet_ones_step_back_and_failing_ones_do_not() {
        let ok = |ok| Counts { ok, ..Counts::default() };
        let crowd = Crowd { dense: 1.0, busiest: decades(&ok(100.0)), hops: 100.0 };
        assert_eq!(crowd.bright(&ok(100.0)), 1.0);
        assert!(crowd.bright(&ok(1.0)) < 0.6 && crowd.bright(&ok(0.0)) < 0.3);
        assert_eq!(crowd.bright(&Counts { error: 0.1, ..Counts::default() }), 1.0);
        assert_eq!(Crowd::default().bright(&ok(0.0)), 1.0, "a few edges are all followed");
    }

    #[test]
    fn the_more_hops_share_the_stage_the_finer_their_particles() {
        let grain = |hops| Crowd { hops, ..Crowd::default() }.grain();
        assert_eq!((grain(0.0), grain(Crowd::SPARSE)), (1.0, 1.0), "a few are as large as can be");
        assert!(grain(5000.0) < 0.65 && grain(50_000.0) < grain(5000.0));
        assert_eq!(grain(f32::INFINITY), Crowd::FINEST);
    }

    #[test]
    fn an_edge_without_traffic_has_no_colour_of_trouble() {
        let record = edge_record(&CURVE, &Counts::default(), 1.0, 1.0);
        assert_eq!((record.warm, record.alarm, record.busy), (0.0, 0.0, 0.0));
    }
}
