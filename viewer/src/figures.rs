//! How figures read, everywhere in the viewer: short, the same length for the same size, and
//! never more exact than the eye can use. In: numbers. Out: text.

/// Stands between a number and its unit: no line breaks there.
const SPACE: char = '\u{a0}';
/// Stands where a figure is not known.
pub const UNKNOWN: &str = "–";

/// A quantity in at most five characters: `0`, `0.4`, `12.4`, `184`, `1.2k`, `12.4k`, `3.1M`.
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        return UNKNOWN.to_owned();
    }
    let sign = if value < 0.0 { "−" } else { "" };
    let value = value.abs();
    if value == 0.0 {
        return "0".to_owned();
    }
    if value < 0.05 {
        return format!("{sign}<0.1");
    }
    let (scaled, suffix) = match value {
        v if v < 999.5 => (v, ""),
        v if v < 999_500.0 => (v / 1e3, "k"),
        v if v < 999_500_000.0 => (v / 1e6, "M"),
        v if v < 999.5e9 => (v / 1e9, "G"),
        v => return format!("{sign}{:.0e}", v),
    };
    // Where rounding to a decimal gives 100, the decimal goes.
    if scaled < 99.95 {
        format!("{sign}{scaled:.1}{suffix}")
    } else {
        format!("{sign}{scaled:.0}{suffix}")
    }
}

/// How many, of things that are whole unless sampled: `12`, `184`, `1.2k`.
pub fn count(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 999.5 { format!("{value:.0}") } else { number(value) }
}

/// Requests a second, or a minute or an hour where they are rare: `12.4 /s`, `3.0 /min`, `7 /h`.
pub fn rate(per_second: f64) -> String {
    match per_second {
        // Less than one in an hour: the rest of a smoothed rate, not a rate.
        r if r.abs() <= 0.0003 => format!("0{SPACE}/s"),
        r if r.abs() < 0.0095 => format!("{}{SPACE}/h", count((r * 3600.0).round())),
        r if r.abs() < 0.095 => format!("{}{SPACE}/min", number(r * 60.0)),
        r => format!("{}{SPACE}/s", number(r)),
    }
}

/// A share of 1 as a percentage: `0%`, `<0.1%`, `0.3%`, `12%`. Only all is 100%, and only none
/// is 0%.
pub fn share(part: f64, whole: f64) -> String {
    if part <= 0.0 || whole <= 0.0 || !(part / whole).is_finite() {
        return "0%".to_owned();
    }
    let percent = part / whole * 100.0;
    match percent {
        p if p < 0.05 => "<0.1%".to_owned(),
        p if p < 9.95 => format!("{p:.1}%"),
        p if p < 99.5 => format!("{p:.0}%"),
        p if p < 100.0 => ">99%".to_owned(),
        _ => "100%".to_owned(),
    }
}

/// A latency given in microseconds, in three digits: `850 µs`, `4.25 ms`, `142 ms`, `12.4 s`,
/// `2.5 min`. Zero is "not known".
pub fn latency(us: f64) -> String {
    if !us.is_finite() || us <= 0.0 {
        return UNKNOWN.to_owned();
    }
    let (value, unit) = match us {
        us if us < 999.5 => return format!("{us:.0}{SPACE}µs"),
        us if us < 999_500.0 => (us / 1e3, "ms"),
        us if us < 99.95e6 => (us / 1e6, "s"),
        us if us < 99.5 * 60e6 => (us / 60e6, "min"),
        us => (us / 3600e6, "h"),
    };
    let text = match value {
        v if v < 9.995 => format!("{v:.2}"),
        v if v < 99.95 => format!("{v:.1}"),
        v => format!("{v:.0}"),
    };
    format!("{text}{SPACE}{unit}")
}

/// How long something has lasted or will last: `0.3 s`, `12 s`, `3 min`, `2 h`, `5 d`.
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() {
        return UNKNOWN.to_owned();
    }
    match seconds.max(0.0) {
        s if s < 9.95 => format!("{s:.1}{SPACE}s"),
        s if s < 99.5 => format!("{s:.0}{SPACE}s"),
        s if s < 99.5 * 60.0 => format!("{:.0}{SPACE}min", s / 60.0),
        s if s < 47.5 * 3600.0 => format!("{:.0}{SPACE}h", s / 3600.0),
        s => format!("{:.0}{SPACE}d", s / 86_400.0),
    }
}

/// The text in at most `most` characters: what is left out is in the middle, since names differ
/// at both ends (`prod-checkout…-worker-v2`).
pub fn shortened(text: &str, most: usize) -> String {
    let length = text.chars().count();
    if length <= most {
        return text.to_owned();
    }
    let kept = most.saturating_sub(1);
    let head = kept.div_ceil(2);
    let tail = kept - head;
    let start: String = text.chars().take(head).collect();
    let end: String = text.chars().skip(length - tail).collect();
    format!("{}…{}", start.trim_end(), end.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(text: &str) -> String {
        text.replace(SPACE, " ")
    }

    #[test]
    fn numbers_are_short_and_keep_three_digits_at_most() {
        let cases = [
            (0.0, "0"),
            (0.01, "<0.1"),
            (0.4, "0.4"),
            (12.44, "12.4"),
            (99.94, "99.9"),
            (99.96, "100"),
            (184.3, "184"),
            (999.4, "999"),
            (999.6, "1.0k"),
            (1_234.0, "1.2k"),
            (12_440.0, "12.4k"),
            (184_300.0, "184k"),
            (999_600.0, "1.0M"),
            (3_100_000.0, "3.1M"),
            (-2.5, "−2.5"),
            (f64::NAN, "–"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text, "{value}");
        }
    }

    #[test]
    fn counts_are_whole_where_they_are() {
        assert_eq!(count(12.0), "12");
        assert_eq!(count(3.3), "3.3");
        assert_eq!(count(1_200.0), "1.2k");
    }

    #[test]
    fn rates_read_as_people_say_them() {
        let cases = [
            (0.0, "0 /s"),
            (0.0002, "0 /s"),
            (0.002, "7 /h"),
            (0.05, "3.0 /min"),
            (0.3, "0.3 /s"),
            (12.44, "12.4 /s"),
            (99.97, "100 /s"),
            (640.2, "640 /s"),
            (1_234.0, "1.2k /s"),
            (250_000.0, "250k /s"),
            (3.21e6, "3.2M /s"),
            (f64::NAN, "– /s"),
        ];
        for (per_second, text) in cases {
            assert_eq!(plain(&rate(per_second)), text, "{per_second}");
        }
    }

    #[test]
    fn shares_say_all_and_none_only_when_it_is_so() {
        let cases = [
            (0.0, 100.0, "0%"),
            (1.0, 100_000.0, "<0.1%"),
            (0.3, 100.0, "0.3%"),
            (12.0, 100.0, "12%"),
            (99.9, 100.0, ">99%"),
            (100.0, 100.0, "100%"),
            (1.0, 0.0, "0%"),
        ];
        for (part, whole, text) in cases {
            assert_eq!(plain(&share(part, whole)), text, "{part} of {whole}");
        }
    }

    #[test]
    fn latencies_have_three_digits_and_the_unit_that_fits() {
        let cases = [
            (0.0, "–"),
            (850.0, "850 µs"),
            (999.7, "1.00 ms"),
            (4_250.0, "4.25 ms"),
            (14_250.0, "14.2 ms"),
            (142_000.0, "142 ms"),
            (1_420_000.0, "1.42 s"),
            (12_400_000.0, "12.4 s"),
            (150_000_000.0, "2.50 min"),
        ];
        for (us, text) in cases {
            assert_eq!(plain(&latency(us)), text, "{us}");
        }
    }

    #[test]
    fn durations_grow_coarser_with_length() {
        let cases =
            [(0.3, "0.3 s"), (12.2, "12 s"), (180.0, "3 min"), (7_200.0, "2 h"), (4e5, "5 d")];
        for (seconds, text) in cases {
            assert_eq!(plain(&duration(seconds)), text, "{seconds}");
        }
    }

    #[test]
    fn long_names_are_shortened_in_the_middle() {
        assert_eq!(shortened("checkout", 8), "checkout");
        assert_eq!(shortened("prod-checkout-payment-worker-v2", 15), "prod-ch…rker-v2");
        assert_eq!(shortened("größenänderung", 6), "grö…ng");
        assert_eq!(shortened("ab", 1), "…");
    }

    proptest! {
        #[test]
        fn any_number_is_short_and_close(value in 0.05f64..9e11) {
            let text = number(value);
            prop_assert!(text.chars().count() <= 5, "{text}");
            let (digits, factor) = match text.strip_suffix(['k', 'M', 'G']) {
                Some(digits) if text.ends_with('k') => (digits, 1e3),
                Some(digits) if text.ends_with('M') => (digits, 1e6),
                Some(digits) => (digits, 1e9),
                None => (text.as_str(), 1.0),
            };
            let read = digits.parse::<f64>().unwrap() * factor;
            prop_assert!((read - value).abs() <= 0.05 * factor.max(value / 99.0) * 10.0, "{text}");
        }

        #[test]
        fn a_shortened_text_is_never_longer_than_asked(text in "\\PC{0,40}", most in 1usize..30) {
            prop_assert!(shortened(&text, most).chars().count() <= most);
        }
    }
}
