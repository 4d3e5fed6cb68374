//! What the lines under a node say.

use spanfall_collector::reduce::hop::Counts;

/// A rate as people say it: `12.4 /s`, `1.2k /s`, `3 /min`; empty where nothing happens.
pub(super) fn rate_words(per_second: f64) -> String {
    match per_second {
        // Less than one in an hour: the rest of a smoothed rate, not a rate.
        r if r.is_nan() || r <= 0.0003 => String::new(),
        r if r < 0.0095 => format!("{} /h", (r * 3600.0).round()),
        r if r < 0.095 => format!("{:.1} /min", r * 60.0),
        r if r < 99.95 => format!("{r:.1} /s"),
        r if r < 999.5 => format!("{r:.0} /s"),
        r if r < 99_950.0 => format!("{:.1}k /s", r / 1e3),
        r if r < 999_500.0 => format!("{:.0}k /s", r / 1e3),
        r => format!("{:.1}M /s", r / 1e6),
    }
}

/// The share of what goes wrong, and whether it is errors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Nothing does.
    #[default]
    None,
    /// Requests fail.
    Errors(String),
    /// Requests are refused because of a limit.
    Throttled(String),
}

impl Trouble {
    /// Errors come first; throttling is named only where there are none.
    pub(super) fn of(rates: &Counts) -> Self {
        match (share_words(rates.error, rates), share_words(rates.throttled, rates)) {
            (Some(share), _) => Self::Errors(format!("{share} errors")),
            (None, Some(share)) => Self::Throttled(format!("{share} throttled")),
            (None, None) => Self::None,
        }
    }

    /// The words; empty where nothing goes wrong.
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::None => "",
            Self::Errors(words) | Self::Throttled(words) => words,
        }
    }
}

fn share_words(count: f64, rates: &Counts) -> Option<String> {
    let share = count / rates.total();
    match share {
        s if s.is_nan() || s <= 0.0005 => None,
        s if s < 0.0995 => Some(format!("{:.1}%", s * 100.0)),
        s => Some(format!("{:.0}%", s.min(1.0) * 100.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_read_as_people_say_them() {
        let said: Vec<String> =
            [0.0, 0.002, 0.05, 0.3, 12.44, 99.97, 640.2, 1234.0, 250_000.0, 3.21e6]
                .map(rate_words)
                .into();
        let expected = [
            "", "7 /h", "3.0 /min", "0.3 /s", "12.4 /s", "100 /s", "640 /s", "1.2k /s", "250k /s",
            "3.2M /s",
        ];
        assert_eq!(said, expected);
        assert_eq!(rate_words(f64::NAN), "");
        assert_eq!(rate_words(-1.0), "");
    }

    #[test]
    fn errors_are_named_before_throttling_and_nothing_where_nothing_goes_wrong() {
        let rates = |error, throttled| Counts { ok: 100.0, error, throttled, ..Counts::default() };
        assert_eq!(Trouble::of(&rates(0.0, 0.0)).as_str(), "");
        assert_eq!(Trouble::of(&rates(2.0, 50.0)).as_str(), "1.3% errors");
        assert_eq!(Trouble::of(&rates(0.0, 100.0)).as_str(), "50% throttled");
        assert_eq!(Trouble::of(&rates(0.01, 0.0)), Trouble::None);
        assert_eq!(Trouble::of(&Counts::default()), Trouble::None);
    }
}
