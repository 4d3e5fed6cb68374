use proptest::prelude::*;
use spanfall_collector::feed::message::{TraceId, Work};
use spanfall_collector::reduce::hop::{Class, EdgeId};
use spanfall_collector::reduce::node::NodeId;

use super::*;

fn hop(ends: (u64, u64), at_us: u64, took_us: u64, callee: Option<(i64, u64)>) -> TraceHop {
    TraceHop {
        edge: EdgeId(ends.0 * 100 + ends.1),
        source: NodeId(ends.0),
        target: NodeId(ends.1),
        class: Class::Ok,
        cold: false,
        at_us,
        took_us,
        callee: callee.map(|(at_us, took_us)| Work { at_us, took_us }),
        operation: String::new(),
        requests: 1.0,
    }
}

fn trace(mut hops: Vec<TraceHop>) -> Trace {
    hops.sort_by_key(|hop| hop.at_us);
    Trace { trace: TraceId::default(), start_us: 0, hops, more: 0, url: None }
}

fn steps_of(journey: &Journey) -> Vec<Step> {
    journey.legs().iter().map(|leg| leg.step).collect()
}

/// users -> checkout, which asks a table, then a function that asks a host.
fn order() -> Trace {
    trace(vec![
        hop((1, 2), 0, 100_000, Some((0, 100_000))),
        hop((2, 3), 10_000, 4_000, None),
        hop((2, 4), 20_000, 70_000, Some((25_000, 60_000))),
        hop((4, 5), 30_000, 50_000, None),
    ])
}

#[test]
fn a_request_goes_to_each_node_stays_there_and_comes_back() {
    use Step::{Goes, Returns, Stays};
    let journey = Journey::of(&order());
    let expected = [
        Goes(0),
        Stays(0),
        Goes(1),
        Returns(1),
        Stays(0),
        Goes(2),
        Stays(2),
        Goes(3),
        Returns(3),
        Returns(2),
        Returns(0),
    ];
    assert_eq!(steps_of(&journey), expected);
    assert_eq!([0, 1, 2, 3].map(|hop| journey.depth(hop)), [0, 1, 1, 2]);
    assert_eq!(journey.end_us(), 100_000.0);
    let when = |step| journey.legs().iter().find(|leg| leg.step == step).unwrap().was;
    assert_eq!(when(Goes(2)), (20_000.0, 25_000.0));
    assert_eq!(when(Stays(2)), (25_000.0, 30_000.0));
    assert_eq!((when(Goes(3)), when(Returns(3))), ((30_000.0, 55_000.0), (55_000.0, 80_000.0)));
}

#[test]
fn nothing_comes_back_from_a_queue_and_a_message_waits_in_it() {
    use Step::{Goes, Returns, Stays};
    let sent = trace(vec![
        hop((1, 2), 0, 5_000, None),
        hop((2, 3), 5_000, 40_000, Some((905_000, 40_000))),
        hop((3, 4), 910_000, 10_000, None),
    ]);
    let journey = Journey::of(&sent);
    let expected = [Goes(0), Stays(0), Goes(1), Stays(1), Goes(2), Returns(2)];
    assert_eq!(steps_of(&journey), expected);
}

#[test]
fn what_takes_longer_is_shown_for_longer_and_nothing_takes_no_time() {
    let journey = Journey::of(&order());
    let shown = |step| {
        let leg = journey.legs().iter().find(|leg| leg.step == step).unwrap();
        leg.shown.1 - leg.shown.0
    };
    assert!(shown(Step::Goes(3)) > shown(Step::Goes(1)) * 2.0);
    assert_eq!(shown(Step::Goes(0)), LEAST, "it was there at once");
}

#[test]
fn a_trace_without_hops_has_no_way() {
    let journey = Journey::of(&trace(Vec::new()));
    assert_eq!((journey.at(1.0), journey.round()), (None, 0.0));
}

fn any_trace() -> impl Strategy<Value = Trace> {
    let callee = prop::option::of((-5_000_i64..3_000_000, 0_u64..2_000_000));
    let any_hop = ((0_u64..6, 0_u64..6), 0_u64..2_000_000, 0_u64..3_000_000, callee);
    prop::collection::vec(any_hop, 1..60).prop_map(|hops| {
        trace(
            hops.into_iter().map(|(ends, at, took, callee)| hop(ends, at, took, callee)).collect(),
        )
    })
}

proptest! {
    #[test]
    fn however_strange_the_times_every_hop_goes_once_in_order_and_time_never_goes_back(
        trace in any_trace(),
    ) {
        let journey = Journey::of(&trace);
        let goes: Vec<usize> = journey
            .legs()
            .iter()
            .filter_map(|leg| match leg.step { Step::Goes(hop) => Some(hop), _ => None })
            .collect();
        prop_assert_eq!(goes, (0..trace.hops.len()).collect::<Vec<_>>());
        let (mut shown, mut was) = (0.0, 0.0);
        for leg in journey.legs() {
            prop_assert_eq!(leg.shown.0, shown);
            prop_assert!(leg.shown.1 > leg.shown.0 && leg.shown.1 - leg.shown.0 <= MOST + 1e-9);
            prop_assert!(leg.was.0 >= was && leg.was.1 >= leg.was.0, "{leg:?}");
            (shown, was) = (leg.shown.1, leg.was.1);
        }
        prop_assert!(shown <= WHOLE + 1e-6, "{shown}");
        prop_assert!(was <= journey.end_us());
    }

    #[test]
    fn the_clock_of_the_way_is_whole(trace in any_trace(), seconds in -1.0..20.0_f64) {
        let journey = Journey::of(&trace);
        let moment = journey.at(seconds).unwrap();
        prop_assert!((0.0..=1.0).contains(&moment.part));
        let later = journey.at(seconds + 0.01).unwrap();
        prop_assert!(later.at_us >= moment.at_us);
        prop_assert!(moment.at_us <= journey.end_us());
    }
}
