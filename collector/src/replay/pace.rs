//! When what is due. In: a speed, pauses, and the time. Out: the instant at which a position of the
//! recording is due, and what the wall's clock shows then.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::Speed;

/// A replay that falls behind by more than this slows down instead of catching up, so that what it
/// plays is never old.
const SLIP: Duration = Duration::from_secs(1);

/// How far the wall's clock may stray before it is looked at again: it is set by people and time
/// servers, and goes on while a computer sleeps.
const STRAY_NS: u64 = 2_000_000_000;

/// How a recording plays.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pace {
    /// How fast.
    pub speed: Speed,
    /// Whether it stands still.
    pub paused: bool,
}

/// Changes the pace of a replay while it plays. Clones control the same replay.
#[derive(Clone, Debug)]
pub struct Control {
    pace: Arc<watch::Sender<Pace>>,
}

impl Control {
    pub(super) fn new(pace: Pace) -> Self {
        Self { pace: Arc::new(watch::Sender::new(pace)) }
    }

    /// How it plays now.
    pub fn pace(&self) -> Pace {
        *self.pace.borrow()
    }

    /// Plays at another speed from now on.
    pub fn set_speed(&self, speed: Speed) {
        self.pace.send_modify(|pace| pace.speed = speed);
    }

    /// Stands still, or goes on where it stood.
    pub fn set_paused(&self, paused: bool) {
        self.pace.send_modify(|pace| pace.paused = paused);
    }

    pub(super) fn watch(&self) -> watch::Receiver<Pace> {
        self.pace.subscribe()
    }
}

/// Where a replay stands: a position of the recording, the instant at which it was there, and the
/// wall's time then.
#[derive(Clone, Copy, Debug)]
pub(super) struct Playhead {
    pace: Pace,
    position: Duration,
    at: Instant,
    wall_ns: u64,
}

/// When a position is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Now,
    At(Instant),
    /// Not before the pace changes.
    Paused,
}

impl Playhead {
    pub(super) fn new(pace: Pace, now: Instant, wall_ns: u64) -> Self {
        Self { pace, position: Duration::ZERO, at: now, wall_ns }
    }

    /// Takes another pace, from where it stands now. `next` is the position that is to come next.
    pub(super) fn set_pace(&mut self, pace: Pace, next: Duration, now: Instant, wall_ns: u64) {
        let position = self.position_at(now).min(next);
        *self = Self { pace, position, at: now, wall_ns };
    }

    /// Stands at this position now.
    pub(super) fn jump(&mut self, position: Duration, now: Instant, wall_ns: u64) {
        *self = Self { position, at: now, wall_ns, ..*self };
    }

    pub(super) fn due(&self, position: Duration) -> Due {
        match self.pace {
            Pace { paused: true, .. } => Due::Paused,
            Pace { speed: Speed::Max, .. } => Due::Now,
            Pace { speed: Speed::Times(factor), .. } => {
                let wait = position.saturating_sub(self.position).as_secs_f64() / factor;
                // Further off than a clock can show is for ever.
                let wait = Duration::try_from_secs_f64(wait).ok();
                wait.and_then(|wait| self.at.checked_add(wait)).map_or(Due::Paused, Due::At)
            }
        }
    }

    /// What the wall's clock shows, in nanoseconds since 1970, when this position is due. That is
    /// now, about: all requests of a recording are moved by the same time, whenever exactly they
    /// are sent, so that what happened at once still does.
    pub(super) fn stamp(&mut self, position: Duration, now: Instant, wall_ns: u64) -> u64 {
        let Due::At(due) = self.due(position) else {
            // Without waiting there is no telling when it is due: it is moved like the others.
            return self.wall_of(position, 1.0);
        };
        let late = now.saturating_duration_since(due);
        if late > SLIP {
            self.jump(position, now, wall_ns);
            return wall_ns;
        }
        let factor = if let Speed::Times(factor) = self.pace.speed { factor } else { 1.0 };
        let stamp = self.wall_of(position, factor);
        let stray = stamp.saturating_add(nanos(late)).abs_diff(wall_ns);
        if stray <= STRAY_NS {
            return stamp;
        }
        self.jump(position, now, wall_ns);
        wall_ns
    }

    fn wall_of(&self, position: Duration, factor: f64) -> u64 {
        let scaled = |duration: Duration| (duration.as_nanos() as f64 / factor) as u64;
        if position >= self.position {
            self.wall_ns.saturating_add(scaled(position - self.position))
        } else {
            self.wall_ns.saturating_sub(scaled(self.position - position))
        }
    }

    fn position_at(&self, now: Instant) -> Duration {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        match self.pace {
            Pace { paused: true, .. } => self.position,
            // What comes next is where it stands.
            Pace { speed: Speed::Max, .. } => Duration::MAX,
            Pace { speed: Speed::Times(factor), .. } => {
                let passed = Duration::try_from_secs_f64(passed * factor);
                self.position.saturating_add(passed.unwrap_or(Duration::MAX))
            }
        }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WALL: u64 = 1_785_000_000_000_000_000;

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    fn wall(seconds: f64) -> u64 {
        WALL + (seconds * 1e9) as u64
    }

    fn playing(factor: f64, now: Instant) -> Playhead {
        Playhead::new(Pace { speed: Speed::Times(factor), paused: false }, now, WALL)
    }

    #[test]
    fn a_position_is_due_at_its_time_over_the_speed() {
        let now = Instant::now();
        assert_eq!(playing(1.0, now).due(seconds(3.0)), Due::At(now + seconds(3.0)));
        assert_eq!(playing(4.0, now).due(seconds(3.0)), Due::At(now + seconds(0.75)));
        assert_eq!(playing(0.5, now).due(seconds(3.0)), Due::At(now + seconds(6.0)));
    }

    #[test]
    fn another_speed_goes_on_from_where_it_stands() {
        let start = Instant::now();
        let mut head = playing(1.0, start);
        let later = start + seconds(2.0);
        let double = Pace { speed: Speed::Times(2.0), paused: false };
        head.set_pace(double, seconds(5.0), later, wall(2.0));
        assert_eq!(head.due(seconds(5.0)), Due::At(later + seconds(1.5)));
        assert_eq!(head.stamp(seconds(5.0), later + seconds(1.5), wall(3.5)), wall(3.5));
    }

    #[test]
    fn a_pause_moves_what_follows_and_its_times() {
        let start = Instant::now();
        let mut head = playing(1.0, start);
        let pace = |paused| Pace { speed: Speed::Times(1.0), paused };
        head.set_pace(pace(true), seconds(3.0), start + seconds(1.0), wall(1.0));
        assert_eq!(head.due(seconds(3.0)), Due::Paused);
        head.set_pace(pace(false), seconds(3.0), start + seconds(61.0), wall(61.0));
        assert_eq!(head.due(seconds(3.0)), Due::At(start + seconds(63.0)));
        assert_eq!(head.stamp(seconds(3.0), start + seconds(63.0), wall(63.0)), wall(63.0));
    }

    #[test]
    fn late_requests_keep_their_distance_and_very_late_ones_slow_everything_down() {
        let start = Instant::now();
        let mut head = playing(1.0, start);
        let late = seconds(0.3);
        assert_eq!(head.stamp(seconds(1.0), start + seconds(1.0) + late, wall(1.3)), wall(1.0));
        assert_eq!(head.stamp(seconds(2.0), start + seconds(9.0), wall(9.0)), wall(9.0));
        assert_eq!(head.due(seconds(3.0)), Due::At(start + seconds(10.0)));
    }

    #[test]
    fn a_wall_clock_that_was_set_is_followed() {
        let start = Instant::now();
        let mut head = playing(1.0, start);
        let hour = 3600.0;
        assert_eq!(head.stamp(seconds(1.0), start + seconds(1.0), wall(hour)), wall(hour));
        assert_eq!(
            head.stamp(seconds(2.0), start + seconds(2.0), wall(hour + 1.0)),
            wall(hour + 1.0)
        );
    }

    #[test]
    fn without_waiting_times_keep_their_distance() {
        let start = Instant::now();
        let mut head = Playhead::new(Pace { speed: Speed::Max, paused: false }, start, WALL);
        assert_eq!(head.due(seconds(60.0)), Due::Now);
        assert_eq!(head.stamp(seconds(60.0), start, WALL), wall(60.0));
        // Slowed down, it goes on from the next request at once.
        let slow = Pace { speed: Speed::Times(1.0), paused: false };
        head.set_pace(slow, seconds(61.0), start, WALL);
        assert_eq!(head.due(seconds(61.0)), Due::At(start));
    }
}
