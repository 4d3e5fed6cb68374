//! Patterns: texts in which `*` stands for any text. In: a pattern from the configuration, and a
//! name. Out: whether it fits, and what the first `*` stood for.

/// A text in which each `*` stands for any text, also for none, and everything else for itself.
/// Upper and lower case differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// A pattern, as it is written in the configuration.
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Whether the whole of a text is what the pattern says.
    pub fn fits(&self, text: &str) -> bool {
        self.first_gap(text).is_some()
    }

    /// If the whole of a text is what the pattern says: what its first `*` stands for, the shortest
    /// of several possibilities; nothing where it has none.
    pub(super) fn first_gap<'t>(&self, text: &'t str) -> Option<&'t str> {
        let Some((start, rest)) = self.0.split_once('*') else {
            return (self.0 == text).then_some("");
        };
        let (middle, end) = match rest.rsplit_once('*') {
            Some((middle, end)) => (Some(middle), end),
            None => (None, rest),
        };
        let inner = text.strip_prefix(start)?.strip_suffix(end)?;
        let Some(middle) = middle else { return Some(inner) };
        let mut gap = None;
        let mut left = inner;
        for piece in middle.split('*') {
            let at = left.find(piece)?;
            gap = gap.or(left.get(..at));
            left = left.get(at + piece.len()..)?;
        }
        gap
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn gap<'t>(pattern: &str, text: &'t str) -> Option<&'t str> {
        Pattern::new(pattern).first_gap(text)
    }

    #[test]
    fn a_star_stands_for_any_text_and_everything_else_for_itself() {
        for (pattern, text, fits) in [
            ("orders", "orders", true),
            ("orders", "orders-eu", false),
            ("orders", "Orders", false),
            ("orders*", "orders", true),
            ("*-prod", "shop-prod", true),
            ("*-prod", "shop-prod-2", false),
            ("shop-*-prod", "shop-prod", false),
            ("a*b*c", "a1b2c", true),
            ("a*b*c", "acb", false),
            ("ab*ba", "aba", false),
            ("**", "", true),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(Pattern::new(pattern).fits(text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn the_first_star_stands_for_as_little_as_it_can() {
        assert_eq!(gap("prod-*-v*", "prod-shop-v1-v2"), Some("shop"));
        assert_eq!(gap("prod-*", "prod-shop"), Some("shop"));
        assert_eq!(gap("prod", "prod"), Some(""));
    }

    proptest! {
        #[test]
        fn what_is_put_together_by_a_pattern_fits_it(
            pieces in prop::collection::vec("[ab]{0,3}", 1..5),
            gaps in prop::collection::vec("[abc]{0,3}", 4),
        ) {
            let pattern = Pattern::new(&pieces.join("*"));
            let mut text = pieces[0].clone();
            for (gap, piece) in gaps.iter().zip(&pieces[1..]) {
                text.push_str(gap);
                text.push_str(piece);
            }
            prop_assert!(pattern.fits(&text), "{pattern:?} {text}");
        }

        #[test]
        fn no_text_makes_it_panic(pattern in "[*aä]{0,8}", text in "[aä]{0,8}") {
            let _ = Pattern::new(&pattern).fits(&text);
        }
    }
}
