//! When what is due. In: a speed, pauses, and the time. Out: the instant at which a position of the
//! recording is due.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::Speed;

/// A replay that falls behind by more than this slows down instead of catching up, which would show
/// more traffic than there was.
const SLIP: Duration = Duration::from_secs(1);

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

/// Where a replay stands: a position of the recording, and the instant at which it was there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Playhead {
    pace: Pace,
    position: Duration,
    at: Instant,
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
    pub(super) fn new(pace: Pace, now: Instant) -> Self {
        Self { pace, position: Duration::ZERO, at: now }
    }

    /// Takes another pace, from where it stands now. `next` is the position that is to come next.
    pub(super) fn set_pace(&mut self, pace: Pace, next: Duration, now: Instant) {
        let position = self.position_at(now).min(next);
        *self = Self { pace, position, at: now };
    }

    /// Is told that the request at this position is sent now, which may be later than it was due.
    pub(super) fn sent(&mut self, position: Duration, now: Instant) {
        let Due::At(due) = self.due(position) else { return };
        if now.saturating_duration_since(due) > SLIP {
            *self = Self { position, at: now, ..*self };
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    fn playing(factor: f64, now: Instant) -> Playhead {
        Playhead::new(Pace { speed: Speed::Times(factor), paused: false }, now)
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
        head.set_pace(double, seconds(5.0), later);
        assert_eq!(head.due(seconds(5.0)), Due::At(later + seconds(1.5)));
    }

    #[test]
    fn a_pause_moves_what_follows() {
        let start = Instant::now();
        let mut head = playing(1.0, start);
        let pace = |paused| Pace { speed: Speed::Times(1.0), paused };
        head.set_pace(pace(true), seconds(3.0), start + seconds(1.0));
        assert_eq!(head.due(seconds(3.0)), Due::Paused);
        head.set_pace(pace(false), seconds(3.0), start + seconds(61.0));
        assert_eq!(head.due(seconds(3.0)), Due::At(start + seconds(63.0)));
    }

    #[test]
    fn late_requests_are_caught_up_with_and_very_late_ones_slow_everything_down() {
        let start = Instant::now();
        let mut head = playing(1.0, start);
        head.sent(seconds(1.0), start + seconds(1.3));
        assert_eq!(head.due(seconds(2.0)), Due::At(start + seconds(2.0)));
        head.sent(seconds(2.0), start + seconds(9.0));
        assert_eq!(head.due(seconds(3.0)), Due::At(start + seconds(10.0)));
    }

    #[test]
    fn without_waiting_everything_is_due_and_slowed_down_it_goes_on_from_the_next_request() {
        let start = Instant::now();
        let mut head = Playhead::new(Pace { speed: Speed::Max, paused: false }, start);
        assert_eq!(head.due(seconds(60.0)), Due::Now);
        let slow = Pace { speed: Speed::Times(1.0), paused: false };
        head.set_pace(slow, seconds(61.0), start);
        assert_eq!(head.due(seconds(61.0)), Due::At(start));
    }
}
