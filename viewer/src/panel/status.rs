//! What the top bar says, as plain data: how much, how well, from where, how fresh. In: the model.
//! Out: texts and moods.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use spanfall_collector::reduce::hop::Class;

use super::unit::Words;
use crate::figures::{duration, number, share};
use crate::traffic::{Playback, SourceState, Traffic};

/// The top bar's texts.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Status {
    /// Hops a second.
    pub(super) rate: String,
    /// What these are, such as `req/s`.
    pub(super) unit: &'static str,
    /// The shares of slow, throttled and failed requests, in [`SHARES`]'s order; and whether
    /// there are any.
    pub(super) shares: [(String, bool); 3],
    /// The share of hops of which one end is not known; empty where that is not worth a word.
    pub(super) unknown: String,
    /// A word for the kind of source, such as `LIVE`.
    pub(super) source: &'static str,
    /// Which one.
    pub(super) name: String,
    /// How fresh the picture is; empty where there is nothing to say.
    pub(super) fresh: String,
    /// What to think of that.
    pub(super) mood: Mood,
    /// Whether the playback clock stands.
    pub(super) paused: bool,
    /// The time of what is shown: the hour and minute; while paused, to the second.
    pub(super) clock: String,
}

/// The classes that [`Status::shares`] is about: worst first, as they are read first.
pub(super) const SHARES: [Class; 3] = [Class::Error, Class::Throttled, Class::Slow];

/// How worried a person should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    /// Nothing is known yet, or nothing is to be expected.
    Neutral,
    /// All is well.
    Good,
    /// Something is late.
    Worried,
    /// Something is wrong.
    Alarmed,
}

/// Seconds without a tick after which the picture is late. A collector without traffic sends an
/// empty tick a second.
const LATE: f64 = 2.5;
/// Seconds after which nobody should trust it any more.
const STALE: f64 = 10.0;

/// What to say now. `behind` is how many seconds the picture lags, without the jitter of ticks.
pub(super) fn status(
    traffic: &Traffic,
    playback: &Playback,
    source: &SourceState,
    behind: f64,
    zone: &TimeZone,
) -> Status {
    let rates = &traffic.rates.per_second;
    let total = rates.total();
    let (word, name) = label(source);
    let (fresh, mood) = freshness(playback, source, behind);
    Status {
        rate: number(total),
        unit: Words::of(traffic.unit).rate,
        shares: SHARES.map(|class| (share(rates.of(class), total), rates.of(class) > 0.0)),
        unknown: unknown(traffic),
        source: word,
        name,
        fresh,
        mood,
        paused: playback.speed == 0.0,
        clock: traffic.time().map(|at| clock(at, playback.speed == 0.0, zone)).unwrap_or_default(),
    }
}

fn unknown(traffic: &Traffic) -> String {
    let said = |part| format!("one end unknown: {}", share(part, 1.0));
    traffic.unknown.share().map(said).unwrap_or_default()
}

/// The time on the wall in this zone; empty where the feed's clock is absurd.
pub(super) fn clock(seconds: f64, to_the_second: bool, zone: &TimeZone) -> String {
    let format = if to_the_second { "%H:%M:%S" } else { "%H:%M" };
    Timestamp::from_millisecond((seconds * 1e3) as i64)
        .map(|at| at.to_zoned(zone.clone()).strftime(format).to_string())
        .unwrap_or_default()
}

fn label(source: &SourceState) -> (&'static str, String) {
    match source {
        SourceState::Starting => ("", "starting".to_owned()),
        SourceState::Sample(text) => ("SAMPLE", text.clone()),
        SourceState::Recording(text) => ("RECORDING", text.clone()),
        SourceState::Live(text) => ("LIVE", text.clone()),
        SourceState::Lost { from, .. } => ("LOST", from.clone()),
    }
}

fn freshness(playback: &Playback, source: &SourceState, behind: f64) -> (String, Mood) {
    let age = playback.age;
    match source {
        SourceState::Starting => ("waiting for data".to_owned(), Mood::Neutral),
        SourceState::Lost { retry_in, .. } => {
            let text = format!("no data for {}, {}", whole(age), next_try(*retry_in));
            (text, Mood::Alarmed)
        }
        // The bar says "paused" already.
        SourceState::Sample(_) | SourceState::Recording(_) if playback.speed == 0.0 => {
            (String::new(), Mood::Neutral)
        }
        // A recording tells every second that it goes on.
        SourceState::Sample(_) | SourceState::Recording(_) if age > LATE => {
            ("ended".to_owned(), Mood::Neutral)
        }
        _ if age > STALE => (format!("no data for {}", whole(age)), Mood::Alarmed),
        _ if age > LATE => (format!("no data for {}", whole(age)), Mood::Worried),
        SourceState::Live(_) => (format!("live, {} behind", duration(behind.max(0.1))), Mood::Good),
        SourceState::Sample(_) | SourceState::Recording(_) => ("playing".to_owned(), Mood::Good),
    }
}

/// When the feed is tried again.
pub(super) fn next_try(seconds: f64) -> String {
    if seconds < 0.5 {
        "trying again".to_owned()
    } else {
        format!("trying again in {}", whole(seconds))
    }
}

/// A duration without decimals: those of a countdown only flicker.
fn whole(seconds: f64) -> String {
    if seconds < 9.95 { format!("{:.0}\u{a0}s", seconds.max(1.0)) } else { duration(seconds) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::Rates;
    use spanfall_collector::feed::message::Unit;
    use spanfall_collector::reduce::hop::Counts;

    fn live() -> SourceState {
        SourceState::Live("this computer".to_owned())
    }

    fn said(source: &SourceState, age: f64) -> (String, Mood) {
        let playback = Playback { age, speed: 1.0, ..Playback::default() };
        let status = status(&Traffic::default(), &playback, source, 0.3, &TimeZone::UTC);
        (status.fresh.replace('\u{a0}', " "), status.mood)
    }

    #[test]
    fn a_live_picture_says_how_far_behind_it_is() {
        assert_eq!(said(&live(), 0.2), ("live, 0.3 s behind".to_owned(), Mood::Good));
    }

    #[test]
    fn silence_worries_and_then_alarms() {
        assert_eq!(said(&live(), 4.0), ("no data for 4 s".to_owned(), Mood::Worried));
        assert_eq!(said(&live(), 12.3), ("no data for 12 s".to_owned(), Mood::Alarmed));
    }

    #[test]
    fn a_lost_feed_says_when_it_is_tried_again() {
        let lost = SourceState::Lost {
            from: "wall.example:4320".to_owned(),
            why: "connection refused".to_owned(),
            retry_in: 2.7,
        };
        let text = "no data for 12 s, trying again in 3 s".to_owned();
        assert_eq!(said(&lost, 12.0), (text, Mood::Alarmed));
    }

    #[test]
    fn a_recording_that_stands_still_or_is_over_does_not_say_that_it_plays() {
        let shop = SourceState::Recording("shop".to_owned());
        assert_eq!(said(&shop, 0.2), ("playing".to_owned(), Mood::Good));
        assert_eq!(said(&shop, 20.0), ("ended".to_owned(), Mood::Neutral));
        let paused = Playback { speed: 0.0, ..Playback::default() };
        let status = status(&Traffic::default(), &paused, &shop, 0.3, &TimeZone::UTC);
        assert!(status.paused);
        assert_eq!(status.fresh, "");
    }

    #[test]
    fn steps_of_a_process_are_not_called_requests() {
        let mut traffic = Traffic::default();
        traffic.unit = Unit::Steps;
        let status = status(&traffic, &Playback::default(), &live(), 0.3, &TimeZone::UTC);
        assert_eq!(status.unit, "steps/s");
    }

    #[test]
    fn the_clock_is_that_of_the_picture() {
        assert_eq!(clock(1_800_000_001.5, false, &TimeZone::UTC), "08:00");
        assert_eq!(clock(1_800_000_001.5, true, &TimeZone::UTC), "08:00:01");
        let tokyo = TimeZone::fixed(jiff::tz::offset(9));
        assert_eq!(clock(1_800_000_001.5, false, &tokyo), "17:00");
        assert_eq!(clock(1e300, false, &tokyo), "");
    }

    #[test]
    fn shares_are_of_all_requests_and_say_what_is_there() {
        let mut traffic = Traffic::default();
        traffic.rates = Rates {
            per_second: Counts { ok: 99.0, error: 1.0, ..Counts::default() },
            ..Rates::default()
        };
        let status = status(&traffic, &Playback::default(), &live(), 0.3, &TimeZone::UTC);
        assert_eq!((status.rate.as_str(), status.unit), ("100", "req/s"));
        let shares: Vec<(&str, bool)> =
            status.shares.iter().map(|(text, some)| (text.as_str(), *some)).collect();
        assert_eq!(shares, [("1.0%", true), ("0%", false), ("0%", false)]);
    }
}
