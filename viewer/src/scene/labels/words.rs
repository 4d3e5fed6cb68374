//! What the lines under a node say.

use spanfall_collector::reduce::hop::Counts;

use crate::figures;

/// A rate; empty where nothing happens.
pub(super) fn rate_words(per_second: f64) -> String {
    // Less than one in an hour: the rest of a smoothed rate, not a rate.
    if per_second > 0.0003 { figures::rate(per_second) } else { String::new() }
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

    /// The share alone; empty where nothing goes wrong.
    pub(super) fn share(&self) -> &str {
        self.as_str().split_once(' ').map_or("", |(share, _)| share)
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
    let whole = rates.total();
    // One in two thousand is no trouble worth a line.
    (whole > 0.0 && count / whole > 0.0005).then(|| figures::share(count, whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_said_where_nothing_happens() {
        for nothing in [0.0, 0.0003, -1.0, f64::NAN] {
            assert_eq!(rate_words(nothing), "", "{nothing}");
        }
        assert_eq!(rate_words(12.44), figures::rate(12.44));
    }

    #[test]
    fn errors_are_named_before_throttling_and_nothing_where_nothing_goes_wrong() {
        let rates = |error, throttled| Counts { ok: 100.0, error, throttled, ..Counts::default() };
        assert_eq!(Trouble::of(&rates(0.0, 0.0)).as_str(), "");
        assert_eq!(Trouble::of(&rates(2.0, 50.0)).as_str(), "1.3% errors");
        assert_eq!(Trouble::of(&rates(0.0, 100.0)).as_str(), "50% throttled");
        assert_eq!(Trouble::of(&rates(0.0, 100.0)).share(), "50%");
        assert_eq!(Trouble::None.share(), "");
        assert_eq!(Trouble::of(&rates(0.01, 0.0)), Trouble::None);
        assert_eq!(Trouble::of(&Counts::default()), Trouble::None);
    }
}
