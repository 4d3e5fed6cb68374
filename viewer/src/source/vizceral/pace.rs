//! Rates become hops. In: requests a second, and how much time has passed. Out: whole hops, such that
//! over time as many set out as the rates say: what is left of a hop in one tick is owed to the next.

use std::collections::HashMap;

use spanfall_collector::feed::message::EdgeTick;
use spanfall_collector::reduce::hop::{Counts, EdgeId};

use super::format::Metrics;
use super::picture::{Flow, Picture};

/// What every edge is owed.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Parts of hops, below 1.
    owed: HashMap<EdgeId, Metrics>,
}

impl Pace {
    /// Goes on with other rates. What known edges are owed stays.
    pub(super) fn follow(&mut self, picture: &Picture) {
        let mut before = std::mem::take(&mut self.owed);
        let owed = |flow: &Flow| {
            let owed = before.remove(&flow.edge).unwrap_or_else(|| beginning(flow.edge));
            (flow.edge, owed)
        };
        self.owed = picture.flows.iter().map(owed).collect();
    }

    /// The hops of so many seconds. Nothing sets out on edges of places that rest.
    pub(super) fn tick(
        &mut self,
        picture: &Picture,
        seconds: f64,
        rests: impl Fn(usize) -> bool,
    ) -> Vec<EdgeTick> {
        let flows = picture.flows.iter().filter(|flow| !rests(flow.place));
        let moved = flows.filter_map(|flow| {
            let owed = self.owed.get_mut(&flow.edge)?;
            let counts = Counts {
                ok: whole(&mut owed.normal, flow.rates.normal * seconds),
                slow: whole(&mut owed.warning, flow.rates.warning * seconds),
                error: whole(&mut owed.danger, flow.rates.danger * seconds),
                ..Counts::default()
            };
            let edge = flow.edge;
            (counts.total() > 0.0).then_some(EdgeTick {
                edge,
                counts,
                p50_us: 0,
                p99_us: 0,
                again: 0.0,
            })
        });
        moved.collect()
    }
}

/// Takes the whole hops out of what is owed and what is added.
fn whole(owed: &mut f64, more: f64) -> f64 {
    let all = *owed + more;
    let whole = all.floor();
    *owed = all - whole;
    whole
}

/// What an edge is owed at first: anything below a hop, by its id, lest all edges of the same rate
/// send their hops at once.
fn beginning(edge: EdgeId) -> Metrics {
    let part = |from: u32| {
        let [.., high, low] = (edge.0 >> from).to_be_bytes();
        f64::from(u16::from_be_bytes([high, low])) / 65_536.0
    };
    Metrics { normal: part(0), warning: part(16), danger: part(32) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn picture(edges: &[(u64, Metrics)]) -> Picture {
        let flow = |&(id, rates): &(u64, Metrics)| Flow { edge: EdgeId(id), rates, place: 0 };
        Picture { flows: edges.iter().map(flow).collect(), ..Picture::default() }
    }

    fn rates() -> impl Strategy<Value = Metrics> {
        let rate = || prop_oneof![Just(0.0), 0.0..0.1f64, 0.0..20.0, 0.0..1e5];
        (rate(), rate(), rate()).prop_map(|(normal, warning, danger)| Metrics {
            normal,
            warning,
            danger,
        })
    }

    proptest! {
        #[test]
        fn over_time_as_many_hops_set_out_as_the_rates_say(
            polls in prop::collection::vec((rates(), prop::collection::vec(0.01..0.5f64, 1..60)), 1..12),
            id in 0..1u64 << 53,
        ) {
            let mut pace = Pace::default();
            let (mut sent, mut due) = (Counts::default(), Metrics::default());
            for (rates, ticks) in polls {
                let picture = picture(&[(id, rates), (id ^ 1, rates)]);
                pace.follow(&picture);
                for seconds in ticks {
                    for moved in pace.tick(&picture, seconds, |_| false) {
                        prop_assert_eq!(moved.counts.total().fract(), 0.0);
                        if moved.edge == EdgeId(id) {
                            sent.add(&moved.counts);
                        }
                    }
                    due.normal += rates.normal * seconds;
                    due.warning += rates.warning * seconds;
                    due.danger += rates.danger * seconds;
                    for (sent, due) in
                        [(sent.ok, due.normal), (sent.slow, due.warning), (sent.error, due.danger)]
                    {
                        prop_assert!((sent - due).abs() < 1.0 + due * 1e-12, "{sent} of {due}");
                    }
                }
            }
        }
    }

    #[test]
    fn slow_edges_of_one_rate_take_turns() {
        let rates = Metrics { normal: 0.5, ..Metrics::default() };
        // Ids are hashes.
        let ids = (1..=100u64).map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11, rates));
        let picture = picture(&ids.collect::<Vec<_>>());
        let mut pace = Pace::default();
        pace.follow(&picture);
        let at_once = (0..50).map(|_| pace.tick(&picture, 0.2, |_| false).len()).max().unwrap();
        assert!(at_once < 30, "{at_once} of 100 in one tick, where 10 are usual");
    }

    #[test]
    fn nothing_sets_out_where_a_place_rests_and_nothing_is_made_up_for_later() {
        let picture = picture(&[(5, Metrics { danger: 10.0, ..Metrics::default() })]);
        let mut pace = Pace::default();
        pace.follow(&picture);
        assert!(pace.tick(&picture, 60.0, |place| place == 0).is_empty());
        let moved = pace.tick(&picture, 1.0, |_| false);
        assert_eq!(moved[0].counts, Counts { error: 10.0, ..Counts::default() });
    }
}
