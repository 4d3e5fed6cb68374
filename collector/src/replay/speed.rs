//! How fast a recording plays. In: what a person wrote. Out: a [`Speed`].

use std::fmt;
use std::str::FromStr;

/// How much faster than it happened a recording plays.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speed {
    /// So many times as fast; above 0 and finite, which [`Speed::times`] makes sure of.
    Times(f64),
    /// Without waiting.
    Max,
}

/// The slowest and the fastest speed that is not `max`. Beyond them a recording of minutes takes
/// days, or less than a tick.
const RANGE: std::ops::RangeInclusive<f64> = 0.001..=1_000_000.0;

/// What was written is not a speed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a speed: write `max`, or a number from 0.001 to 1000000, such as 4 or 0.5")]
pub struct SpeedError(String);

impl Speed {
    /// So many times as fast as it happened.
    ///
    /// # Errors
    /// [`SpeedError`] unless the number is from 0.001 to 1,000,000.
    pub fn times(factor: f64) -> Result<Self, SpeedError> {
        if RANGE.contains(&factor) {
            Ok(Self::Times(factor))
        } else {
            Err(SpeedError(factor.to_string()))
        }
    }
}

impl Default for Speed {
    fn default() -> Self {
        Self::Times(1.0)
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Times(factor) => write!(f, "{factor}"),
            Self::Max => f.write_str("max"),
        }
    }
}

impl FromStr for Speed {
    type Err = SpeedError;

    fn from_str(text: &str) -> Result<Self, SpeedError> {
        if text.eq_ignore_ascii_case("max") {
            return Ok(Self::Max);
        }
        let number = text.strip_suffix(['x', 'X']).unwrap_or(text);
        let factor: f64 = number.parse().map_err(|_| SpeedError(text.to_owned()))?;
        Self::times(factor).map_err(|_| SpeedError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_speed_is_a_number_or_max() {
        assert_eq!("4".parse(), Ok(Speed::Times(4.0)));
        assert_eq!("0.5x".parse(), Ok(Speed::Times(0.5)));
        assert_eq!("MAX".parse(), Ok(Speed::Max));
        assert_eq!(Speed::default().to_string(), "1");
    }

    #[test]
    fn what_is_not_a_speed_is_told_what_one_is() {
        for wrong in ["", "fast", "0", "-1", "nan", "inf", "1e300"] {
            let error = wrong.parse::<Speed>().unwrap_err().to_string();
            assert!(error.contains(wrong) && error.contains("max"), "{error}");
        }
    }
}
