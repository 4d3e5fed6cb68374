//! The playback clock: when, on screen, a tick's hops set out. It runs a little behind the feed, so
//! that a tick is there before its time comes, and absorbs the network's jitter.
//!
//! In: when ticks arrive, by the wall's clock. Out: the time to draw, which never goes back, and a
//! mapping from the feed's times to it. Plain numbers in seconds; no Bevy.

use std::collections::VecDeque;

/// How many arrivals the jitter is judged by: 25 s of the usual ticks.
const WINDOW: usize = 128;

/// Past this many seconds the clock does not catch up gently, it leaves out what lies between.
const JUMP: f64 = 1.0;

/// How much faster or slower than real time the clock runs at most while it catches up or waits:
/// too little to be seen.
const SLEW: f64 = 0.05;

/// The longest delay that jitter may cause, in seconds. A feed that is worse stutters.
const MAX_JITTER: f64 = 2.0;

/// The playback clock.
#[derive(Clone, Debug, Default)]
pub(super) struct Clock {
    now: f64,
    /// The feed's time when `now` was 0; none before the first tick.
    origin: Option<f64>,
    /// By how much each recent tick's end was ahead of the wall's clock when it arrived.
    leads: VecDeque<f64>,
    /// Length of the shortest tick; 0 while unknown.
    tick: f64,
}

impl Clock {
    /// Seconds since the clock was made; what particles are placed by.
    pub(super) fn now(&self) -> f64 {
        self.now
    }

    /// When the feed's time `at` is drawn. None before anything has arrived.
    pub(super) fn time_of(&self, at: f64) -> Option<f64> {
        self.origin.map(|origin| at - origin)
    }

    /// The feed's time that is drawn now. None before anything has arrived.
    pub(super) fn feed_now(&self) -> Option<f64> {
        self.origin.map(|origin| origin + self.now)
    }

    /// Forgets how the feed's clock related to the wall's: another feed, or a new connection,
    /// whose ticks are `tick` seconds long.
    pub(super) fn unhitch(&mut self, tick: f64) {
        self.leads.clear();
        self.tick = tick;
    }

    /// The feed's clock showed `at` at `wall`.
    pub(super) fn hear(&mut self, at: f64, wall: f64) {
        self.leads.push_back(at - wall);
        if self.leads.len() > WINDOW {
            self.leads.pop_front();
        }
    }

    /// A tick that began at `start` and lasted `length` arrived at `wall`.
    pub(super) fn tick(&mut self, start: f64, length: f64, wall: f64) {
        // A quiet collector's ticks are longer; what is drawn then is nothing, so they need not
        // delay what comes after.
        if self.tick == 0.0 || length < self.tick {
            self.tick = length;
        }
        self.hear(start + length, wall);
    }

    /// Moves on by `delta` seconds of the wall's clock, which now shows `wall`; at `speed` 0 it
    /// stands still.
    pub(super) fn advance(&mut self, wall: f64, delta: f64, speed: f64) {
        let Some(target) = self.target(wall) else {
            self.now += delta * speed;
            return;
        };
        let origin = *self.origin.get_or_insert(target - self.now);
        if speed <= 0.0 {
            return;
        }
        let ahead = target - (origin + self.now + delta);
        if ahead.abs() > JUMP {
            self.now += delta * speed;
            self.origin = Some(target - self.now);
        } else {
            // Half of the gap within a second, if the slew allows.
            self.now += delta * speed * (1.0 + (ahead * 0.5).clamp(-SLEW, SLEW));
        }
    }

    /// Moves on by so many seconds, whatever the feed's clock does.
    pub(super) fn go_on(&mut self, seconds: f64) {
        self.now += seconds;
    }

    /// Shows the feed's time `at` from now on. `now` goes on as before.
    pub(super) fn show(&mut self, at: f64) {
        self.origin = Some(at - self.now);
    }

    /// Follows the feed's clock again, from its present.
    pub(super) fn rejoin(&mut self) {
        self.origin = None;
    }

    /// The feed's time that should be drawn when the wall's clock shows `wall`.
    pub(super) fn target(&self, wall: f64) -> Option<f64> {
        // The tick that was least delayed tells how the clocks relate; the others, how much the
        // network scatters them.
        let best = self.leads.iter().copied().reduce(f64::max)?;
        let worst = self.leads.iter().copied().reduce(f64::min)?;
        let jitter = (best - worst).clamp(self.tick * 0.25, MAX_JITTER);
        Some(wall + best - self.tick - jitter)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TICK: f64 = 0.2;
    const FRAME: f64 = 1.0 / 60.0;
    /// The feed's clock is far from the wall's.
    const SKEW: f64 = 1.8e9;

    /// Ticks by the time at which they arrive, as a network does it: late by chance, in order.
    fn arrivals(delays: &[f64]) -> Vec<(f64, f64)> {
        let mut last = 0.0_f64;
        let arrive = |(number, delay): (usize, &f64)| {
            let start = number as f64 * TICK;
            last = last.max(start + TICK + delay);
            (last, SKEW + start)
        };
        delays.iter().enumerate().map(arrive).collect()
    }

    /// Plays arrivals frame by frame: the clock at each frame, and for each tick how long before
    /// its time it came.
    fn play(arrivals: &[(f64, f64)]) -> (Vec<f64>, Vec<f64>) {
        let mut clock = Clock::default();
        let mut waiting: VecDeque<_> = arrivals.iter().copied().collect();
        let (mut shown, mut margins) = (Vec::new(), Vec::new());
        let end = arrivals.last().map_or(0.0, |(at, _)| at + 1.0);
        let mut wall = 0.0;
        while wall < end {
            while let Some((at, start)) = waiting.pop_front_if(|(at, _)| *at <= wall) {
                clock.tick(start, TICK, at);
                if let Some(time) = clock.time_of(start) {
                    margins.push(time - clock.now());
                }
            }
            clock.advance(wall, FRAME, 1.0);
            shown.push(clock.now());
            wall += FRAME;
        }
        (shown, margins)
    }

    proptest! {
        #[test]
        fn the_clock_never_goes_back_and_never_runs_visibly_fast_or_slow(
            delays in prop::collection::vec(0.0..3.0f64, 1..150),
        ) {
            let (shown, _) = play(&arrivals(&delays));
            for pair in shown.windows(2) {
                let step = (pair[1] - pair[0]) / FRAME;
                prop_assert!((1.0 - SLEW - 1e-6..=1.0 + SLEW + 1e-6).contains(&step), "{step}");
            }
        }

        #[test]
        fn once_the_jitter_is_known_every_tick_is_there_before_its_time(
            delays in prop::collection::vec(0.01..0.15f64, 300..400),
        ) {
            let (_, margins) = play(&arrivals(&delays));
            for margin in &margins[WINDOW..] {
                prop_assert!(*margin > -0.02, "a tick came {:.3} s late", -margin);
                prop_assert!(*margin < 2.0 * TICK, "a tick waits {margin:.3} s");
            }
        }
    }

    #[test]
    fn hops_of_neighbouring_ticks_follow_each_other_without_gap_or_overlap() {
        let mut clock = Clock::default();
        clock.tick(SKEW, TICK, 10.0);
        clock.advance(10.0, FRAME, 1.0);
        let (first, second) = (clock.time_of(SKEW).unwrap(), clock.time_of(SKEW + TICK).unwrap());
        assert!((second - first - TICK).abs() < 1e-6);
    }

    #[test]
    fn a_steady_feed_is_drawn_between_one_and_two_ticks_behind() {
        let mut clock = Clock::default();
        let mut wall = 0.0;
        for number in 0..600 {
            let start = SKEW + f64::from(number) * TICK;
            wall = f64::from(number) * TICK + TICK;
            clock.tick(start, TICK, wall);
            clock.advance(wall, TICK, 1.0);
        }
        let behind = SKEW + wall - clock.feed_now().unwrap();
        assert!((TICK..2.0 * TICK).contains(&behind), "{behind}");
    }

    #[test]
    fn after_a_pause_the_clock_goes_on_from_where_it_stood_and_the_feed_is_at_the_present() {
        let mut clock = Clock::default();
        clock.tick(SKEW, TICK, TICK);
        clock.advance(TICK, FRAME, 1.0);
        let stood = clock.now();
        for second in 1..60 {
            clock.tick(SKEW + f64::from(second), TICK, f64::from(second) + TICK);
            clock.advance(f64::from(second), 1.0, 0.0);
        }
        assert_eq!(clock.now(), stood);
        clock.advance(60.0, FRAME, 1.0);
        assert!((clock.now() - stood - FRAME).abs() < 1e-9);
        let behind = SKEW + 60.0 - clock.feed_now().unwrap();
        assert!((0.0..1.0).contains(&behind), "{behind}");
    }

    #[test]
    fn a_feed_whose_clock_was_set_back_goes_on_at_once() {
        let mut clock = Clock::default();
        clock.tick(SKEW + 3600.0, TICK, 1.0);
        clock.advance(1.0, FRAME, 1.0);
        let before = clock.now();
        clock.unhitch(TICK);
        clock.tick(SKEW, TICK, 2.0);
        clock.advance(2.0, FRAME, 1.0);
        assert!(clock.now() > before);
        assert!((clock.time_of(SKEW).unwrap() - clock.now()).abs() < 2.0 * TICK);
    }
}
