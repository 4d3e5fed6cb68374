//! What the collector notices about itself. In: counters that should stand still. Out: notices
//! while one of them rises, and the end of the matter once it has stood still for a while.

use crate::feed::message::{Notice, Severity};

/// How long a counter must stand still before its matter is over, in milliseconds. Long enough
/// that somebody who comes by reads it, short enough that it is still true.
const OVER_AFTER_MS: u64 = 60_000;

/// Watches one counter.
#[derive(Debug)]
pub(crate) struct Rising {
    id: &'static str,
    severity: Severity,
    /// The sentence, from how much the counter rose since the matter began.
    sentence: fn(u64) -> String,
    seen: u64,
    matter: Option<Matter>,
}

#[derive(Clone, Copy, Debug)]
struct Matter {
    since_ms: u64,
    last_ms: u64,
    from: u64,
}

impl Rising {
    pub(crate) fn new(id: &'static str, severity: Severity, sentence: fn(u64) -> String) -> Self {
        Self { id, severity, sentence, seen: 0, matter: None }
    }

    /// The counter's value at a time, in milliseconds since 1970. Returns a notice if there is
    /// something new to say.
    pub(crate) fn observe(&mut self, value: u64, now_ms: u64) -> Option<Notice> {
        let before = std::mem::replace(&mut self.seen, value);
        if value > before {
            let since_ms = self.matter.map_or(now_ms, |matter| matter.since_ms);
            let from = self.matter.map_or(before, |matter| matter.from);
            self.matter = Some(Matter { since_ms, last_ms: now_ms, from });
            return Some(self.notice((self.sentence)(value - from), since_ms));
        }
        let matter = self.matter?;
        if now_ms.saturating_sub(matter.last_ms) < OVER_AFTER_MS {
            return None;
        }
        self.matter = None;
        Some(self.notice(String::new(), matter.since_ms))
    }

    fn notice(&self, text: String, since_ms: u64) -> Notice {
        Notice {
            id: self.id.to_owned(),
            severity: self.severity,
            text,
            since_ms,
            ..Notice::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rising() -> Rising {
        Rising::new("early", Severity::Warning, |count| format!("{count} more"))
    }

    #[test]
    fn a_counter_that_stands_still_is_not_worth_a_word() {
        let mut rising = rising();
        assert_eq!(rising.observe(0, 1_000), None);
        assert_eq!(rising.observe(0, 900_000), None);
    }

    #[test]
    fn a_rise_is_told_with_its_sum_until_it_has_stood_still_for_a_minute() {
        let mut rising = rising();
        assert_eq!(rising.observe(5, 1_000).unwrap().text, "5 more");
        let more = rising.observe(7, 2_000).unwrap();
        assert_eq!((more.text.as_str(), more.since_ms), ("7 more", 1_000));
        assert_eq!(rising.observe(7, 61_999), None);
        let over = rising.observe(7, 62_000).unwrap();
        assert_eq!((over.text.as_str(), over.id.as_str()), ("", "early"));
        assert_eq!(rising.observe(7, 300_000), None);
        assert_eq!(rising.observe(8, 400_000).unwrap().text, "1 more", "a new matter");
    }
}
