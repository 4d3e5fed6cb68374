//! What a tick says of requests that earlier ones showed.

use super::*;

/// Hops, and how many of them are corrections, by edge.
fn told(reducer: &Reducer, now_ms: u64) -> Vec<(f64, f64)> {
    let drained = reducer.drain(now_ms);
    drained.moved.iter().map(|moved| (moved.counts.total(), moved.again)).collect()
}

fn ingest(reducer: &Reducer, spans: &[Told], now_ms: u64) {
    reducer.ingest(&request(spans), now_ms).unwrap();
}

#[test]
fn a_request_that_moves_to_another_edge_is_news_once() {
    let reducer = Reducer::new(Settings::default());
    ingest(&reducer, &[handler("pricing", "i1", (1, 10, 0), "request-1")], 0);
    assert_eq!(told(&reducer, 31_000), [(1.0, 0.0)], "from an unknown trigger");
    ingest(&reducer, &[invoke("front", "i2", (2, 20, 0), "pricing", "request-1")], 32_000);
    let mut moved = told(&reducer, 32_200);
    moved.sort_by(|a, b| a.0.total_cmp(&b.0));
    assert_eq!(moved, [(-1.0, -1.0), (1.0, 1.0)], "nothing of it is new");
}

#[test]
fn a_request_that_is_corrected_before_anyone_saw_it_is_news() {
    let reducer = Reducer::new(Settings::default());
    ingest(&reducer, &[handler("pricing", "i1", (1, 10, 0), "request-1")], 0);
    ingest(&reducer, &[invoke("front", "i2", (2, 20, 0), "pricing", "request-1")], 100);
    assert_eq!(told(&reducer, 200), [(1.0, 0.0)]);
}

#[test]
fn a_caller_that_was_shown_by_its_target_makes_its_callee_no_news() {
    let reducer = Reducer::new(Settings::default());
    ingest(&reducer, &[invoke("front", "i2", (2, 20, 0), "pricing", "request-1")], 0);
    assert_eq!(told(&reducer, 31_000), [(1.0, 0.0)]);
    ingest(&reducer, &[handler("pricing", "i1", (1, 10, 0), "request-1")], 32_000);
    let (hops, again) = told(&reducer, 32_200)
        .into_iter()
        .fold((0.0, 0.0), |sum, (hops, again)| (sum.0 + hops, sum.1 + again));
    assert_eq!((hops, again), (0.0, 0.0), "as many are taken back as are counted anew");
}

proptest! {
    #[test]
    fn whatever_the_order_every_request_is_news(
        order in Just(world()).prop_shuffle(),
        pauses in prop::collection::vec(0_u64..40_000, 200),
    ) {
        let reducer = Reducer::new(Settings::default());
        let (mut now, mut new) = (0, 0.0);
        let mut drain = |now| {
            let sum: f64 = told(&reducer, now).iter().map(|(hops, again)| hops - again).sum();
            new += sum;
        };
        for (span, pause) in order.iter().zip(&pauses) {
            ingest(&reducer, std::slice::from_ref(span), now);
            now += pause;
            drain(now);
        }
        now += 1_000_000;
        drain(now);
        let all: f64 = reducer.edges().iter().map(|(.., account)| account.all.counts.total()).sum();
        // Two sides of a request that are shown before they meet are news twice.
        prop_assert!(new >= all - 1e-6, "{new} of {all} were told as new");
        // No span shows anything twice; one of them stands for three messages.
        let most = (world().len() + 2) as f64;
        prop_assert!(new <= most, "{new} of {all} were told as new");
    }
}
