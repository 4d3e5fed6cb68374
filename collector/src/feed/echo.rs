//! Whether a viewer reads what it is sent. In: when frames and pings went out, and what came back.
//! Out: when to ping, whether to send more, and when to give up.
//!
//! A socket takes minutes of small ticks before it says that nobody reads them. What tells is the
//! answer to a ping: it comes once everything sent before it has been read. So a viewer that
//! receives frames is asked every second, and while an answer is overdue it receives nothing more.
//! What is under way to it is thereby a few seconds of ticks, however much the network would hold.

use std::time::Duration;

use tokio::time::Instant;

/// How a viewer is asked whether it reads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// How long after a frame it is asked.
    pub(crate) after_frame: Duration,
    /// How often it is asked while there are no frames.
    pub(crate) idle: Duration,
    /// It receives no more while it has owed an answer for so long.
    pub(crate) patience: Duration,
    /// It is gone if nothing came from it for so long.
    pub(crate) silence: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            after_frame: Duration::from_secs(1),
            // Well under the minute after which proxies and address translators forget a silent
            // connection.
            idle: Duration::from_secs(15),
            // Longer than any round trip, shorter than what `feed.max_lag` allows.
            patience: Duration::from_secs(3),
            silence: Duration::from_secs(45),
        }
    }
}

/// What is known of a viewer's reading.
#[derive(Debug)]
pub(super) struct Echo {
    pace: Pace,
    heard: Instant,
    /// The ping that is not answered yet, and when it went out.
    asked: Option<Instant>,
    /// The number that the last ping carried.
    number: u64,
    /// When to ask next, if no answer is owed.
    ask_at: Instant,
}

impl Echo {
    pub(super) fn new(pace: Pace, now: Instant) -> Self {
        Self { pace, heard: now, asked: None, number: 0, ask_at: now + pace.idle }
    }

    /// Takes note of a frame that goes out.
    pub(super) fn told(&mut self, now: Instant) {
        self.ask_at = self.ask_at.min(now + self.pace.after_frame);
    }

    /// Takes note of what came from the viewer: the content of a pong, or anything else.
    pub(super) fn heard(&mut self, pong: Option<&[u8]>, now: Instant) {
        self.heard = now;
        if self.asked.is_some() && pong == Some(&self.number.to_be_bytes()) {
            self.asked = None;
            self.ask_at = now + self.pace.idle;
        }
    }

    /// The ping to send now, if one is due.
    pub(super) fn ask(&mut self, now: Instant) -> Option<Vec<u8>> {
        if self.asked.is_some() || now < self.ask_at {
            return None;
        }
        self.asked = Some(now);
        self.number += 1;
        Some(self.number.to_be_bytes().to_vec())
    }

    /// Whether to send it more.
    pub(super) fn keeps_up(&self, now: Instant) -> bool {
        self.asked.is_none_or(|asked| now < asked + self.pace.patience)
    }

    /// Whether to give up on it.
    pub(super) fn is_gone(&self, now: Instant) -> bool {
        now >= self.heard + self.pace.silence
    }

    /// When [`Self::ask`], [`Self::keeps_up`] or [`Self::is_gone`] will answer differently.
    pub(super) fn next_change(&self, now: Instant) -> Instant {
        let gone = self.heard + self.pace.silence;
        match self.asked {
            None => gone.min(self.ask_at),
            Some(asked) if now < asked + self.pace.patience => gone.min(asked + self.pace.patience),
            Some(_) => gone,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn echo() -> (Echo, Instant) {
        let now = Instant::now();
        (Echo::new(Pace::default(), now), now)
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_viewer_that_is_sent_frames_is_asked_a_second_later() {
        let (mut echo, start) = echo();
        assert_eq!(echo.next_change(start), start + 15 * SECOND);
        echo.told(start + 4 * SECOND);
        echo.told(start + 4 * SECOND + SECOND / 2);
        assert_eq!(echo.ask(start + 4 * SECOND), None);
        assert_eq!(echo.next_change(start), start + 5 * SECOND);
        assert!(echo.ask(start + 5 * SECOND).is_some());
        assert_eq!(echo.ask(start + 6 * SECOND), None, "one question at a time");
    }

    #[test]
    fn a_viewer_that_owes_an_answer_receives_no_more_until_it_comes() {
        let (mut echo, start) = echo();
        echo.told(start);
        let ping = echo.ask(start + SECOND).unwrap();
        assert!(echo.keeps_up(start + 3 * SECOND));
        assert!(!echo.keeps_up(start + 4 * SECOND));
        echo.heard(Some(b"another"), start + 4 * SECOND);
        echo.heard(None, start + 4 * SECOND);
        assert!(!echo.keeps_up(start + 4 * SECOND), "only the answer to this ping counts");
        echo.heard(Some(&ping), start + 5 * SECOND);
        assert!(echo.keeps_up(start + 5 * SECOND));
    }

    #[test]
    fn a_viewer_from_which_nothing_comes_is_given_up() {
        let (mut echo, start) = echo();
        let mut now = start;
        while !echo.is_gone(now) {
            let _ = echo.ask(now);
            let next = echo.next_change(now);
            assert!(next > now, "time passes");
            now = next;
        }
        assert_eq!(now, start + 45 * SECOND);
    }
}
