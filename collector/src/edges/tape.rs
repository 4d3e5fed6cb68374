//! The time in a recording. In: when requests ended. Out: a clock for the reducer that goes as fast
//! as the recording is read, so that memory is let go of as it would be live.

use parking_lot::Mutex;

/// A time further ahead than this, in milliseconds, is taken for a broken clock at first.
const FAR: u64 = 3_600_000;

/// So many requests in a row that are far ahead are not broken: the recording goes on later.
const CONVINCING: u32 = 16;

/// How often the reducer is asked to let go, in milliseconds of the recording.
const EXPIRE_EVERY: u64 = 5_000;

/// The time in a recording, shared by the threads that read it.
#[derive(Debug, Default)]
pub(super) struct Tape {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    first_ms: u64,
    now_ms: u64,
    expired_ms: u64,
    far_ahead: u32,
}

/// What time it is in the recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// Milliseconds since 1970; never goes back.
    pub(super) now_ms: u64,
    /// Whether it is time that the reducer lets go of what waited. One thread is told so.
    pub(super) expire: bool,
}

impl Tape {
    /// Takes note of a request, by the end of its last span in nanoseconds since 1970.
    pub(super) fn advance(&self, end: Option<u64>) -> Moment {
        let mut state = self.state.lock();
        if let Some(end_ms) = end.map(|nanos| nanos / 1_000_000) {
            if state.now_ms == 0 {
                *state =
                    State { first_ms: end_ms, now_ms: end_ms, expired_ms: end_ms, far_ahead: 0 };
            } else if end_ms > state.now_ms + FAR && state.far_ahead < CONVINCING {
                state.far_ahead += 1;
            } else {
                state.far_ahead = 0;
                state.now_ms = state.now_ms.max(end_ms);
            }
        }
        let expire = state.now_ms >= state.expired_ms + EXPIRE_EVERY;
        if expire {
            state.expired_ms = state.now_ms;
        }
        Moment { now_ms: state.now_ms, expire }
    }

    /// How long the recording is so far, in milliseconds.
    pub(super) fn length_ms(&self) -> u64 {
        let state = self.state.lock();
        state.now_ms - state.first_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(tape: &Tape, second: u64) -> u64 {
        tape.advance(Some(second * 1_000_000_000)).now_ms / 1_000
    }

    #[test]
    fn time_never_goes_back() {
        let tape = Tape::default();
        assert_eq!(
            [5, 9, 7, 0, 10].map(|second| at(&tape, 1_000 + second)),
            [1005, 1009, 1009, 1009, 1010]
        );
        assert_eq!(tape.advance(None).now_ms, 1_010_000);
        assert_eq!(tape.length_ms(), 5_000);
    }

    #[test]
    fn one_broken_clock_does_not_carry_the_others_away_but_a_day_later_is_a_day_later() {
        let tape = Tape::default();
        assert_eq!(at(&tape, 1_000), 1_000);
        assert_eq!(at(&tape, 4_000_000_000), 1_000);
        assert_eq!(at(&tape, 1_001), 1_001);
        let later: Vec<_> = (0..20).map(|second| at(&tape, 100_000 + second)).collect();
        assert_eq!((later[0], later[19]), (1_001, 100_019));
    }

    #[test]
    fn the_reducer_lets_go_every_few_seconds_of_the_recording() {
        let tape = Tape::default();
        let seconds = (0..100).map(|tenth| 1_000_000_000_000 + tenth * 100_000_000);
        let times = seconds.filter(|nanos| tape.advance(Some(*nanos)).expire).count();
        assert_eq!(times, 1);
    }
}
