//! Values as people write them, and as the program needs them: `30s`, `16MiB`, `0.0.0.0`. In: a
//! TOML value, or the text of an environment variable or option. Out: the value, or what was
//! expected instead.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use toml::de::DeValue;

use super::listen::Port;
use crate::cost::{NoPrice, Price};

/// The word for a limit that is found out.
pub(super) const AUTO: &str = "auto";

/// A value that was given to a setting.
#[derive(Clone, Copy, Debug)]
pub(super) enum Given<'a> {
    /// In a file.
    Toml(&'a DeValue<'a>),
    /// In an environment variable or option.
    Text(&'a str),
}

impl<'a> Given<'a> {
    /// The value as one word or number, whichever way it was written. Lists and tables are none.
    fn word(self) -> Option<&'a str> {
        match self {
            Given::Toml(DeValue::String(text)) => Some(text),
            Given::Toml(DeValue::Integer(number)) if number.radix() == 10 => Some(number.as_str()),
            Given::Toml(DeValue::Float(number)) => Some(number.as_str()),
            Given::Toml(_) => None,
            Given::Text(text) => Some(text.trim()),
        }
    }

    /// A text, in a file in quotes.
    pub(super) fn text(self) -> Result<&'a str, String> {
        match self {
            Given::Toml(DeValue::String(text)) => Ok(text),
            Given::Text(text) => Ok(text),
            Given::Toml(other) => Err(format!("a text in quotes is expected, not {}", kind(other))),
        }
    }

    /// Yes or no.
    pub(super) fn flag(self) -> Result<bool, String> {
        match self {
            Given::Toml(DeValue::Boolean(flag)) => Ok(*flag),
            Given::Text("true" | "1" | "yes" | "on") => Ok(true),
            Given::Text("false" | "0" | "no" | "off" | "") => Ok(false),
            Given::Toml(other) => {
                Err(format!("`true` or `false` is expected, not {}", kind(other)))
            }
            Given::Text(other) => Err(format!("`true` or `false` is expected, not `{other}`")),
        }
    }

    /// A list of texts; outside of a file they are separated by commas.
    pub(super) fn words(self) -> Result<Vec<String>, String> {
        let expected = |other: &DeValue<'_>| {
            format!("a list of texts, such as [\"A\", \"B\"], is expected, not {}", kind(other))
        };
        match self {
            Given::Toml(DeValue::Array(items)) => items
                .iter()
                .map(|item| match item.get_ref() {
                    DeValue::String(text) => Ok(text.clone().into_owned()),
                    other => Err(expected(other)),
                })
                .collect(),
            Given::Toml(other) => Err(expected(other)),
            Given::Text(text) => {
                let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
                Ok(words.map(str::to_owned).collect())
            }
        }
    }

    /// A whole number.
    pub(super) fn count(self) -> Result<u64, String> {
        let word = self.word().unwrap_or_default().replace('_', "");
        word.parse().map_err(|_| format!("a whole number is expected, not {}", self.shown()))
    }

    /// A number of bytes: a whole number, or a number with a unit.
    pub(super) fn size(self) -> Result<u64, String> {
        self.word().and_then(size).ok_or_else(|| {
            format!(
                "a size is expected, such as \"16MiB\" (B, kB, MB, GB, KiB, MiB, GiB), not {}",
                self.shown()
            )
        })
    }

    /// A length of time: a number with a unit.
    pub(super) fn time(self) -> Result<Duration, String> {
        self.word().and_then(time).ok_or_else(|| {
            format!(
                "a length of time is expected, such as \"30s\" (ms, s, m, h, d), not {}",
                self.shown()
            )
        })
    }

    /// A length of time, or `auto`, which is none.
    pub(super) fn time_or_auto(self) -> Result<Option<Duration>, String> {
        match self.word() {
            Some(word) if word.eq_ignore_ascii_case(AUTO) => Ok(None),
            word => word.and_then(time).map(Some).ok_or_else(|| {
                format!(
                    "\"{AUTO}\" or a length of time is expected, such as \"1s\" (ms, s, m, h, d), \
                     not {}",
                    self.shown()
                )
            }),
        }
    }

    /// An amount of money.
    pub(super) fn price(self) -> Result<Price, String> {
        let expected = |error: NoPrice| format!("{error}, not {}", self.shown());
        self.word().unwrap_or_default().parse().map_err(expected)
    }

    /// The address of a network interface.
    pub(super) fn host(self) -> Result<IpAddr, String> {
        self.word().and_then(host).ok_or_else(|| {
            format!(
                "an IP address is expected, such as \"127.0.0.1\" (this computer only) or \
                 \"0.0.0.0\" (whoever can reach it), not {}",
                self.shown()
            )
        })
    }

    /// Where to listen.
    pub(super) fn port(self) -> Result<Port, String> {
        self.word().and_then(port).ok_or_else(|| {
            format!(
                "a port number, an address such as \"0.0.0.0:4317\", or \"off\" is expected, not \
                 {}",
                self.shown()
            )
        })
    }

    /// The value for a message.
    fn shown(self) -> String {
        match (self.word(), self) {
            (Some(word), _) => format!("`{word}`"),
            (None, Given::Toml(other)) => kind(other).to_owned(),
            (None, Given::Text(text)) => format!("`{text}`"),
        }
    }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "a yes or no",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// Units of size, by their names in lower case; the first of a size is how it is written.
const SIZES: [(&str, u64); 10] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("g", 1 << 30),
    ("m", 1 << 20),
    ("k", 1 << 10),
    ("B", 1),
];

/// Units of time in milliseconds, likewise.
const TIMES: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Splits `1.5 MiB` into number and unit.
fn number_and_unit(text: &str) -> Option<(f64, &str)> {
    let end = text.find(|c: char| !matches!(c, '0'..='9' | '.' | '_')).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    Some((number.replace('_', "").parse().ok()?, unit.trim()))
}

/// `number` units, if that is a whole number of the smallest unit that a computer can hold.
fn whole(number: f64, unit: u64) -> Option<u64> {
    let product = number * unit as f64;
    // Past 2^53 doubles no longer hold every whole number.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be whole, positive and small enough"
    )]
    ((0.0..9e15).contains(&product) && product.fract() == 0.0).then_some(product as u64)
}

fn size(text: &str) -> Option<u64> {
    let (number, unit) = number_and_unit(text)?;
    if unit.is_empty() {
        return whole(number, 1);
    }
    let (_, bytes) = SIZES.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    whole(number, *bytes)
}

fn time(text: &str) -> Option<Duration> {
    let (number, unit) = number_and_unit(text)?;
    let (_, ms) = TIMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    whole(number, *ms).map(Duration::from_millis)
}

fn host(text: &str) -> Option<IpAddr> {
    match text {
        "localhost" => Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        other => other.trim_start_matches('[').trim_end_matches(']').parse().ok(),
    }
}

fn port(text: &str) -> Option<Port> {
    if text.eq_ignore_ascii_case("off") {
        return Some(Port::Off);
    }
    if let Ok(number) = text.trim_start_matches(':').parse() {
        return Some(Port::Number(number));
    }
    let (name, number) = text.rsplit_once(':')?;
    Some(Port::At(SocketAddr::new(host(name)?, number.parse().ok()?)))
}

/// A size as it is written in a file, in the largest unit that divides it.
pub(super) fn size_text(bytes: u64) -> String {
    let unit = SIZES[..6].iter().find(|(_, unit)| bytes > 0 && bytes.is_multiple_of(*unit));
    match unit {
        Some((name, unit)) => format!("{}{name}", bytes / unit),
        None => format!("{bytes}B"),
    }
}

/// A length of time as it is written in a file, in the largest unit that divides it.
pub(super) fn time_text(time: Duration) -> String {
    let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let unit = TIMES.iter().find(|(_, unit)| ms > 0 && ms.is_multiple_of(*unit));
    unit.map_or_else(|| "0s".to_owned(), |(name, unit)| format!("{}{name}", ms / unit))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_and_times_are_read_as_people_write_them() {
        let sizes = ["16MiB", "16 mib", "16777216", "16_777_216", "16m", "16384KiB"];
        for text in sizes {
            assert_eq!(Given::Text(text).size(), Ok(16 << 20), "{text}");
        }
        assert_eq!(Given::Text("1.5 GB").size(), Ok(1_500_000_000));
        for text in ["1500ms", "1.5s", "1.5 s", "1500 MS"] {
            assert_eq!(Given::Text(text).time(), Ok(Duration::from_millis(1500)), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_or_time_is_told_what_one_looks_like() {
        for text in ["", "MiB", "-1", "1e30", "1 parsec", "0.3B", "99999999999GiB", "nan", "inf"] {
            let told = Given::Text(text).size().unwrap_err();
            assert!(told.contains("16MiB") && told.contains(&format!("`{text}`")), "{told}");
        }
        for text in ["", "s", "30", "-1s", "1 fortnight", "0.5ms", "999999999999999999d"] {
            assert!(Given::Text(text).time().unwrap_err().contains("30s"), "{text}");
        }
    }

    #[test]
    fn ports_are_numbers_addresses_or_off() {
        assert_eq!(Given::Text("4317").port(), Ok(Port::Number(4317)));
        assert_eq!(Given::Text(":4317").port(), Ok(Port::Number(4317)));
        assert_eq!(Given::Text("OFF").port(), Ok(Port::Off));
        let at = |text: &str| Ok(Port::At(text.parse().unwrap()));
        assert_eq!(Given::Text("localhost:1").port(), at("127.0.0.1:1"));
        assert_eq!(Given::Text("[::1]:4317").port(), at("[::1]:4317"));
        for text in ["", "70000", "example.org:1", "1.2.3.4:", "1.2.3.4"] {
            assert!(Given::Text(text).port().unwrap_err().contains("0.0.0.0:4317"), "{text}");
        }
    }

    #[test]
    fn lists_outside_of_a_file_are_separated_by_commas() {
        assert_eq!(Given::Text("A, B,").words().unwrap(), ["A", "B"]);
        assert_eq!(Given::Text("").words().unwrap(), [""; 0]);
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(bytes in 0u64..1 << 50, ms in 0u64..1 << 50) {
            prop_assert_eq!(Given::Text(&size_text(bytes)).size(), Ok(bytes));
            let time = Duration::from_millis(ms);
            prop_assert_eq!(Given::Text(&time_text(time)).time(), Ok(time));
        }
    }
}
