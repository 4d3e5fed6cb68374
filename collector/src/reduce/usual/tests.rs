//! What edges of many kinds are told: how often traffic as usual is called slow, and how much of an
//! incident is.

use std::time::Duration;

use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};

use super::*;
use crate::reduce::histogram::bucket;

const ONE: i64 = 1_000_000;

/// An edge, judged tick by tick as a collector does.
#[derive(Default)]
struct Wall {
    usual: Usual,
    now_ms: u64,
    /// Hops, and those of them that were slow.
    seen: (u32, u32),
}

impl Wall {
    /// A tick, `ms` after the one before.
    fn tick(&mut self, ms: u64, latencies_us: &[f64]) -> u32 {
        self.now_ms += ms;
        let mut tick = Histogram::default();
        latencies_us.iter().for_each(|us| tick.add(bucket(*us as u64), ONE));
        self.usual.observe(&tick, latencies_us.len() as i64, self.now_ms);
        let over = self.usual.judge([&tick].into_iter(), Slow::Auto).slow_over_us;
        let slow = over.map_or(0, |over| tick.weight_above(over) / ONE) as u32;
        self.seen = (self.seen.0 + latencies_us.len() as u32, self.seen.1 + slow);
        slow
    }

    /// `hops` hops, one in `ms`; which share of them was slow.
    fn run(&mut self, hops: u32, ms: u64, mut latency_us: impl FnMut() -> f64) -> f64 {
        let slow: u32 = (0..hops).map(|_| self.tick(ms, &[latency_us()])).sum();
        f64::from(slow) / f64::from(hops)
    }
}

/// Log-normal latencies around a median.
fn around(random: &mut StdRng, median_us: f64, spread: f64) -> f64 {
    let (a, b): (f64, f64) = (random.random_range(1e-12..1.0), random.random());
    let normal = (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos();
    median_us * (spread * normal).exp()
}

/// The share of slow hops on edges whose traffic never changes: of the first 200 hops after
/// [`LEAST`], and of 2,000 later ones.
fn false_alarms(mut latency_us: impl FnMut(&mut StdRng) -> f64) -> (f64, f64) {
    const EDGES: u64 = 200;
    let (mut young, mut old) = (0.0, 0.0);
    for seed in 0..EDGES {
        let (mut random, mut wall) = (StdRng::seed_from_u64(seed), Wall::default());
        wall.run(LEAST as u32 - 1, 500, || latency_us(&mut random));
        assert_eq!(wall.seen.1, 0, "nothing is said of so few hops");
        young += wall.run(200, 500, || latency_us(&mut random));
        wall.run(1_000, 500, || latency_us(&mut random));
        old += wall.run(2_000, 500, || latency_us(&mut random));
    }
    (young / EDGES as f64, old / EDGES as f64)
}

#[test]
fn traffic_as_usual_is_rarely_slow_however_wide_it_spreads() {
    for spread in [0.02, 0.1, 0.2, 0.3, 0.5, 0.7] {
        let (young, old) = false_alarms(|random| around(random, 120_000.0, spread));
        assert!(young < 1.0 / 400.0, "{spread}: {young}");
        assert!(old < 1.0 / 700.0, "{spread}: {old}");
    }
}

#[test]
fn an_edge_that_spreads_wider_is_slow_where_it_takes_tenfold_and_nowhere_else() {
    for spread in [0.9, 1.2] {
        let mut random = StdRng::seed_from_u64(1);
        let mut wall = Wall::default();
        wall.run(100, 500, || around(&mut random, 120_000.0, spread));
        for _ in 0..2_000 {
            let us = around(&mut random, 120_000.0, spread);
            let told = wall.tick(500, &[us]);
            let usual = wall.usual.bounds.usual_us.unwrap() as f64;
            // The bounds, and the latency's bucket, are rounded.
            assert!(us < usual * 10.3 || told == 1, "{spread}: {us} at usually {usual}");
            assert!(us > usual * 7.0 || told == 0, "{spread}: {us} at usually {usual}");
        }
    }
}

#[test]
fn the_limit_of_an_edge_with_few_hops_does_not_jump() {
    for spread in [0.1, 0.3, 0.5, 0.7] {
        for seed in 0..50 {
            let (mut random, mut wall) = (StdRng::seed_from_u64(seed), Wall::default());
            let limits: Vec<f64> = (0..150)
                .filter_map(|_| {
                    wall.tick(500, &[around(&mut random, 120_000.0, spread)]);
                    wall.usual.bounds.slow_over_us.map(|us| us as f64)
                })
                .collect();
            let jump =
                limits.windows(2).map(|w| (w[1] / w[0]).max(w[0] / w[1])).fold(1.0, f64::max);
            assert!(jump < 2.0, "{spread}, {seed}: {jump}");
            let (least, most) = limits
                .iter()
                .fold((f64::MAX, 0.0_f64), |(least, most), us| (least.min(*us), most.max(*us)));
            assert!(most < least * 3.0, "{spread}, {seed}: {least} to {most}");
        }
    }
}

#[test]
fn an_edge_with_two_humps_is_known_after_two_periods() {
    for share in [0.1, 0.3, 0.5] {
        let mut random = StdRng::seed_from_u64(1);
        let mut hit_or_miss = || {
            let miss = random.random_bool(share);
            around(&mut random, if miss { 300_000.0 } else { 20_000.0 }, 0.3)
        };
        let mut wall = Wall::default();
        wall.run(1_300, 500, &mut hit_or_miss);
        let slow = wall.run(2_000, 500, &mut hit_or_miss);
        assert!(slow < 0.06, "{share}: {slow}");
    }
}

#[test]
fn cold_starts_are_slow_and_other_hops_of_their_edge_are_not() {
    let mut random = StdRng::seed_from_u64(1);
    let mut wall = Wall::default();
    let (mut cold, mut slow, mut wrong) = (0, 0, 0);
    for _ in 0..3_000 {
        let is_cold = random.random_bool(0.02);
        let us = around(&mut random, if is_cold { 1_500_000.0 } else { 120_000.0 }, 0.4);
        let told = wall.tick(500, &[us]);
        if is_cold {
            (cold, slow) = (cold + 1, slow + told);
        } else {
            wrong += told;
        }
    }
    assert!(slow * 10 > cold * 8, "{slow} of {cold}");
    assert!(wrong < 10, "{wrong}");
}

#[test]
fn an_incident_is_slow_from_its_first_hop_until_it_ends_and_so_is_a_relapse() {
    // As long a time as usual before it as the incident takes, and a longer one.
    for (before, least, relapse) in [(600, 0.75, 0.5), (3_000, 0.85, 0.7)] {
        let mut random = StdRng::seed_from_u64(7);
        let mut wall = Wall::default();
        let mut run =
            |hops, median_us| wall.run(hops, 500, || around(&mut random, median_us, 0.45));
        run(before, 120_000.0);
        let first = run(50, 960_000.0);
        assert!(first > 0.85, "after {before}: {first}");
        let during = run(550, 960_000.0);
        assert!(during > least, "after {before}: {during}");
        let after = run(600, 120_000.0);
        assert!(after < 1.0 / 300.0, "after {before}: {after}");
        let again = run(100, 960_000.0);
        assert!(again > relapse, "a relapse after {before}: {again}");
    }
}

#[test]
fn what_stays_slower_is_usual_after_two_periods() {
    let mut random = StdRng::seed_from_u64(7);
    let mut wall = Wall::default();
    wall.run(3_000, 500, || around(&mut random, 120_000.0, 0.3));
    assert!(wall.run(100, 500, || around(&mut random, 600_000.0, 0.3)) > 0.9);
    wall.run(2_000, 500, || around(&mut random, 600_000.0, 0.3));
    let slow = wall.run(2_000, 500, || around(&mut random, 600_000.0, 0.3));
    assert!(slow < 1.0 / 300.0, "{slow}");
    let usual = wall.usual.bounds.usual_us.unwrap();
    assert!((560_000..640_000).contains(&usual), "{usual}");
}

#[test]
fn an_edge_with_a_request_a_minute_is_known_as_well() {
    let mut random = StdRng::seed_from_u64(3);
    let mut wall = Wall::default();
    let slow = wall.run(600, 60_000, || around(&mut random, 120_000.0, 0.3));
    assert!(slow < 0.005, "{slow}");
    assert_eq!(wall.tick(60_000, &[2_000_000.0]), 1);
}

#[test]
fn what_nobody_would_notice_is_not_slow() {
    let mut wall = Wall::default();
    wall.run(200, 500, || 2_000.0);
    assert_eq!(wall.tick(500, &[40_000.0]), 0, "40 ms where 2 ms are usual");
    assert_eq!(wall.tick(500, &[60_000.0]), 1);
    let mut wall = Wall::default();
    wall.run(200, 500, || 800_000.0);
    assert_eq!(wall.tick(500, &[1_500_000.0]), 0, "less than twice");
    assert_eq!(wall.tick(500, &[1_700_000.0]), 1);
}

#[test]
fn hops_taken_back_leave_what_is_usual_as_it_was() {
    let mut wall = Wall::default();
    wall.run(100, 500, || 100_000.0);
    let judge = |wall: &mut Wall| {
        wall.usual.fitted = 0;
        wall.usual.judge(std::iter::empty(), Slow::Auto)
    };
    let before = judge(&mut wall);
    let mut tick = Histogram::default();
    tick.add(bucket(9_000_000), 60 * ONE);
    wall.usual.observe(&tick, 60, 60_000);
    tick.add(bucket(9_000_000), -120 * ONE);
    wall.usual.observe(&tick, -60, 60_200);
    assert_eq!(judge(&mut wall), before);
    tick.add(bucket(9_000_000), 60 * ONE);
    tick.add(bucket(100_000), -100 * ONE);
    wall.usual.observe(&tick, -100, 60_400);
    assert_eq!(judge(&mut wall), Bounds::default());
}

#[test]
fn a_fixed_limit_holds_from_the_first_hop_and_what_is_usual_is_found_out_beside_it() {
    let limit = Slow::Over(Duration::from_millis(900));
    let mut wall = Wall::default();
    assert_eq!(wall.usual.bounds(limit).slow_over_us, Some(900_000));
    wall.run(100, 500, || 100_000.0);
    let Bounds { usual_us, slow_over_us } = wall.usual.bounds(limit);
    assert_eq!(slow_over_us, Some(900_000));
    assert!(usual_us.unwrap().abs_diff(100_000) < 2_000);
}

#[test]
fn limits_have_three_digits() {
    assert_eq!([812_345.6, 1_234_567.0, 99.6, 1.2].map(rounded), [812_000, 1_230_000, 100, 1]);
}

proptest! {
    #[test]
    fn the_order_of_hops_does_not_matter_to_what_is_said_of_all(
        latencies in prop::collection::vec(1_u64..100_000_000, 0..300), seed: u64,
    ) {
        let mut shuffled = latencies.clone();
        shuffled.shuffle(&mut StdRng::seed_from_u64(seed));
        let bounds = |latencies: &[u64]| {
            let (mut usual, mut all) = (Usual::default(), Histogram::default());
            for &us in latencies {
                let mut tick = Histogram::default();
                tick.add(bucket(us), ONE);
                usual.observe(&tick, 1, 5);
                all.merge(&tick);
            }
            usual.judge([&all].into_iter(), Slow::Auto)
        };
        let told = bounds(&latencies);
        prop_assert_eq!(told, bounds(&shuffled));
        prop_assert_eq!(told.usual_us.is_some(), latencies.len() >= LEAST as usize);
        if let (Some(usual), Some(over)) = (told.usual_us, told.slow_over_us) {
            prop_assert!(over >= UNNOTICED_US && over as f64 >= usual as f64 * TWICE * 0.99);
            let tenfold = usual as f64 * TENFOLD * 1.01;
            prop_assert!(over == UNNOTICED_US || over as f64 <= tenfold, "{} at {}", over, usual);
        }
    }
}
