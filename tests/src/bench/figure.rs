//! Figures and the table of them. In: what was measured, beside what it is measured against. Out:
//! lines for people, which `results` can read again.

use std::fmt::Write as _;

/// What a figure should be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    /// No more than this.
    AtMost(f64),
    /// No less than this.
    AtLeast(f64),
}

impl Goal {
    /// Whether it is reached.
    pub fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtMost(most) => value <= most,
            Self::AtLeast(least) => value >= least,
        }
    }
}

/// Something that was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// What it is; no two have the same.
    pub name: String,
    /// How much.
    pub value: f64,
    /// Of what.
    pub unit: &'static str,
    /// What it should be, if anything.
    pub goal: Option<Goal>,
    /// What it is measured against, in the same run, or how it was measured.
    pub beside: String,
}

impl Figure {
    /// A figure without a goal.
    pub fn new(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { name: name.into(), value, unit, goal: None, beside: String::new() }
    }

    /// With the most that it should be.
    #[must_use]
    pub fn at_most(self, most: f64) -> Self {
        Self { goal: Some(Goal::AtMost(most)), ..self }
    }

    /// With the least that it should be.
    #[must_use]
    pub fn at_least(self, least: f64) -> Self {
        Self { goal: Some(Goal::AtLeast(least)), ..self }
    }

    /// With what it is measured against.
    #[must_use]
    pub fn beside(self, beside: impl Into<String>) -> Self {
        Self { beside: beside.into(), ..self }
    }

    /// One line of the table, of fields that two spaces at least set apart.
    pub fn line(&self) -> String {
        let Self { name, value, unit, goal, beside } = self;
        let amount = format!("{} {unit}", number(*value));
        let goal = match goal {
            None => "-".to_owned(),
            Some(goal) => {
                let (word, bound) = match goal {
                    Goal::AtMost(bound) => ("<=", bound),
                    Goal::AtLeast(bound) => (">=", bound),
                };
                let verdict = if goal.is_met(*value) { "met" } else { "MISSED" };
                format!("{word} {}: {verdict}", number(*bound))
            }
        };
        format!("{name:<46}  {amount:>20}  {goal:<20}  {beside}").trim_end().to_owned()
    }
}

/// A number with as many digits as mean something.
pub fn number(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 0.1 => 2,
        _ => 4,
    };
    let text = format!("{value:.digits$}");
    let (whole, rest) = text.split_once('.').map_or((&text[..], ""), |(whole, rest)| (whole, rest));
    let (sign, whole) = whole.strip_prefix('-').map_or(("", whole), |whole| ("-", whole));
    let mut grouped = sign.to_owned();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if !rest.is_empty() {
        let _ = write!(grouped, ".{rest}");
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_long_as_they_mean_something() {
        assert_eq!(number(1_234_567.8), "1,234,568");
        assert_eq!(number(123.4), "123");
        assert_eq!(number(12.34), "12.3");
        assert_eq!(number(1.234), "1.23");
        assert_eq!(number(0.01234), "0.0123");
        assert_eq!(number(-4_321.0), "-4,321");
    }

    #[test]
    fn a_line_says_whether_its_goal_is_met() {
        let figure = Figure::new("bytes to edges", 251.4, "ns").at_most(250.0);
        assert!(figure.line().contains("251 ns  <= 250: MISSED"), "{}", figure.line());
        let figure = Figure { value: 249.0, ..figure };
        assert!(figure.line().contains("<= 250: met"), "{}", figure.line());
        assert!(Goal::AtLeast(1.8).is_met(1.8));
    }
}
