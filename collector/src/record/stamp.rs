//! Names of recordings: when they began, in UTC. In: a time. Out: `spanfall-20260801-134501.jsonl`,
//! and back, so that the oldest ones can be told.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const DAY: u64 = 86_400;

/// A recording's place among others: when it began, and which of that second it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stamp {
    /// `20260801-134501`; sorts as time does.
    second: String,
    /// 1 for the first recording of a second.
    number: u32,
}

impl Stamp {
    pub(super) fn new(time: SystemTime, number: u32) -> Self {
        let seconds = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
        let (year, month, day) = date(seconds / DAY);
        let clock = seconds % DAY;
        let (hour, minute, second) = (clock / 3600, clock / 60 % 60, clock % 60);
        let second = format!("{year:04}{month:02}{day:02}-{hour:02}{minute:02}{second:02}");
        Self { second, number }
    }

    pub(super) fn file_name(&self, compress: bool) -> String {
        let number = if self.number > 1 { format!("-{}", self.number) } else { String::new() };
        let extension = if compress { "jsonl.zst" } else { "jsonl" };
        format!("spanfall-{}{number}.{extension}", self.second)
    }

    /// The stamp in a recording's name; `None` for names of anything else.
    pub(super) fn of_file_name(name: &str) -> Option<Self> {
        let rest = name.strip_prefix("spanfall-")?;
        let rest = rest.strip_suffix(".zst").unwrap_or(rest).strip_suffix(".jsonl")?;
        let (second, number) = (rest.get(..15)?, rest.get(15..)?);
        let number = match number.strip_prefix('-') {
            None if number.is_empty() => 1,
            None => return None,
            Some(number) => number.parse().ok()?,
        };
        let digits = |(index, byte): (usize, u8)| {
            if index == 8 { byte == b'-' } else { byte.is_ascii_digit() }
        };
        second.bytes().enumerate().all(digits).then(|| Self { second: second.to_owned(), number })
    }
}

/// Year, month and day of a day since 1970, in the Gregorian calendar.
fn date(days: u64) -> (u64, u64, u64) {
    // Years here begin in March, so that the leap day is the last; eras of 400 years are all alike.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(seconds: u64) -> String {
        Stamp::new(UNIX_EPOCH + Duration::from_secs(seconds), 1).file_name(false)
    }

    #[test]
    fn names_tell_the_time_in_utc() {
        assert_eq!(name(0), "spanfall-19700101-000000.jsonl");
        assert_eq!(name(951_827_696), "spanfall-20000229-123456.jsonl");
        assert_eq!(name(4_107_542_400), "spanfall-21000301-000000.jsonl");
        assert_eq!(name(1_785_591_901), "spanfall-20260801-134501.jsonl");
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let mut last = date(0);
        for days in 1..200_000 {
            let (year, month, day) = date(days);
            let next_day = (year, month) == (last.0, last.1) && day == last.2 + 1;
            let next_month = (year, month, day) == (last.0, last.1 + 1, 1) && last.2 >= 28;
            let next_year =
                (year, month, day) == (last.0 + 1, 1, 1) && (last.1, last.2) == (12, 31);
            assert!(next_day || next_month || next_year, "{last:?} then {year}-{month}-{day}");
            last = (year, month, day);
        }
    }

    #[test]
    fn a_name_is_read_back_and_others_are_left_alone() {
        let time = UNIX_EPOCH + Duration::from_secs(1_785_591_901);
        for (number, compress) in [(1, false), (1, true), (2, false), (12, true)] {
            let stamp = Stamp::new(time, number);
            assert_eq!(Stamp::of_file_name(&stamp.file_name(compress)), Some(stamp));
        }
        let others = [
            "spanfall-20260801-134501.json",
            "spanfall-20260801-134501.jsonl.gz",
            "spanfall-20260801-1345.jsonl",
            "spanfall-20260801-134501-x.jsonl",
            "spanfall-2026o801-134501.jsonl",
            "my-20260801-134501.jsonl",
            "spanfall-éééééééé-134501.jsonl",
        ];
        for other in others {
            assert_eq!(Stamp::of_file_name(other), None, "{other}");
        }
    }

    #[test]
    fn stamps_sort_as_time_does() {
        let time = UNIX_EPOCH + Duration::from_secs(1_785_591_901);
        let later = time + Duration::from_secs(1);
        let sorted =
            [Stamp::new(time, 1), Stamp::new(time, 2), Stamp::new(time, 10), Stamp::new(later, 1)];
        assert!(sorted.is_sorted());
    }
}
