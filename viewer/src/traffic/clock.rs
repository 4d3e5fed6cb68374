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
    /// Length of the longest recent tick.
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

    /// Forgets how the feed's clock related to the wall's: another feed, or a new connection.
    pub(super) fn unhitch(&mut self) {
        self.leads.clear();
        self.tick = 0.0;
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
        self.tick = if self.tick == 0.0 { length } else { self.tick.min(length) };
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

    /// The feed's time that should be drawn when the wall's clock shows `wall`.
    fn target(&self, wall: f64) -> Option<f64> {
        // The tick that was least delayed tells how the clocks relate; the others, how much the
        // network scatters them.
        let best = self.leads.iter().copied().reduce(f64::max)?;
        let worst = self.leads.iter().copied().reduce(f64::min)?;
        let jitter = (best - worst).clamp(self.tick * 0.25, MAX_JITTER);
        Some(wall + best - self.tick - jitter)
    }
}
