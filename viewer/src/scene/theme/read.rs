//! A theme's file. In: TOML. Out: a [`Theme`], or every mistake with its place and how to mend it.

use std::ops::Range;
use std::path::Path;

use bevy::prelude::*;
use spanfall_collector::config::{Mistake, Mistakes, Place, nearest};
use toml::de::{DeTable, DeValue};

use super::{Colors, Sizes, Theme};

/// The sizes that a theme may give, in logical pixels: beyond these a text is no text.
const SMALLEST: f64 = 0.5;
const LARGEST: f64 = 200.0;

impl Theme {
    /// Reads a theme; what it does not name stays as in [`DARK`](super::DARK). `file` is for
    /// the mistakes to name.
    ///
    /// # Errors
    ///
    /// When the text is not TOML, names something that no theme has, has a colour that is not
    /// `#RRGGBB` or `#RRGGBBAA`, or a size that is none: all of it at once.
    pub fn parse(file: Option<&Path>, text: &str) -> Result<Self, Mistakes> {
        let mut theme = Self::default();
        let mut mistakes = Vec::new();
        let (table, errors) = DeTable::parse_recoverable(text);
        if errors.is_empty() {
            read(table.get_ref(), &mut theme, &mut mistakes);
        }
        mistakes.extend(errors.iter().map(|error| {
            let place = error.span().map_or(Place::WholeFile, Place::File);
            Mistake::new(place, format!("not TOML: {}", error.message()))
        }));
        if mistakes.is_empty() { Ok(theme) } else { Err(Mistakes::new(file, text, mistakes)) }
    }
}

fn read(table: &DeTable<'_>, theme: &mut Theme, mistakes: &mut Vec<Mistake>) {
    const KEYS: [&str; 3] = ["name", "colors", "sizes"];
    for (key, value) in table {
        let at = value.span();
        match (key.get_ref().as_ref(), value.get_ref()) {
            ("name", DeValue::String(name)) => theme.name = name.to_string(),
            ("name", _) => mistakes.push(wrong(at, "`name` is a text")),
            ("colors", DeValue::Table(colors)) => {
                section(colors, "colors", &COLORS, mistakes, |slot, value| {
                    *slot(&mut theme.colors) = color(value)?;
                    Ok(())
                });
            }
            ("sizes", DeValue::Table(sizes)) => {
                section(sizes, "sizes", &SIZES, mistakes, |slot, value| {
                    *slot(&mut theme.sizes) = size(value)?;
                    Ok(())
                });
            }
            (name @ ("colors" | "sizes"), _) => {
                let hint = format!("write [{name}] on a line of its own");
                mistakes.push(wrong(at, format!("`{name}` is a table")).hint(hint));
            }
            (name, _) => mistakes.push(unknown(key.span(), "", name, &KEYS)),
        }
    }
}

/// Reads one table. `known` says where each of its values goes, and `write` puts it there, or says
/// what it should be.
fn section<T>(
    table: &DeTable<'_>,
    name: &str,
    known: &[(&'static str, T)],
    mistakes: &mut Vec<Mistake>,
    mut write: impl FnMut(&T, &DeValue<'_>) -> Result<(), String>,
) {
    for (key, value) in table {
        let word: &str = key.get_ref().as_ref();
        match known.iter().find(|(known, _)| *known == word) {
            Some((_, slot)) => {
                if let Err(expected) = write(slot, value.get_ref()) {
                    mistakes.push(wrong(value.span(), format!("`{name}.{word}`: {expected}")));
                }
            }
            None => {
                let words: Vec<&str> = known.iter().map(|(known, _)| *known).collect();
                mistakes.push(unknown(key.span(), name, word, &words));
            }
        }
    }
}

fn wrong(at: Range<usize>, message: impl Into<String>) -> Mistake {
    Mistake::new(Place::File(at), message)
}

fn unknown(at: Range<usize>, table: &str, name: &str, known: &[&str]) -> Mistake {
    let place = if table.is_empty() { String::new() } else { format!(" in [{table}]") };
    let hint = match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known here: `{}`", known.join("`, `")),
    };
    wrong(at, format!("unknown key `{name}`{place}")).hint(hint)
}

/// Reads `#RRGGBB` and `#RRGGBBAA`.
fn color(value: &DeValue<'_>) -> Result<Color, String> {
    let digits = match value {
        DeValue::String(text) => text.strip_prefix('#'),
        _ => None,
    };
    digits
        .filter(|digits| matches!(digits.len(), 6 | 8))
        .and_then(|digits| Srgba::hex(digits).ok())
        .map(Color::Srgba)
        .ok_or_else(|| "a colour as \"#RRGGBB\" or \"#RRGGBBAA\" is expected".to_owned())
}

#[expect(clippy::cast_possible_truncation, reason = "pixels need no doubles")]
fn size(value: &DeValue<'_>) -> Result<f32, String> {
    let number: Option<f64> = match value {
        DeValue::Float(float) => float.as_str().parse().ok(),
        DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str().parse().ok(),
        _ => None,
    };
    number
        .filter(|number| (SMALLEST..=LARGEST).contains(number))
        .map(|number| number as f32)
        .ok_or_else(|| format!("a number of pixels from {SMALLEST} to {LARGEST} is expected"))
}

/// Where a value goes.
type Slot<T, V> = fn(&mut T) -> &mut V;

/// Every colour that a theme may name.
const COLORS: [(&str, Slot<Colors, Color>); 16] = [
    ("background", |colors| &mut colors.background),
    ("surface", |colors| &mut colors.surface),
    ("surface_raised", |colors| &mut colors.surface_raised),
    ("outline", |colors| &mut colors.outline),
    ("text", |colors| &mut colors.text),
    ("text_secondary", |colors| &mut colors.text_secondary),
    ("text_faint", |colors| &mut colors.text_faint),
    ("ok", |colors| &mut colors.ok),
    ("slow", |colors| &mut colors.slow),
    ("throttled", |colors| &mut colors.throttled),
    ("error", |colors| &mut colors.error),
    ("cold", |colors| &mut colors.cold),
    ("edge", |colors| &mut colors.edge),
    ("node", |colors| &mut colors.node),
    ("icon", |colors| &mut colors.icon),
    ("accent", |colors| &mut colors.accent),
];

/// Every size that a theme may name.
const SIZES: [(&str, Slot<Sizes, f32>); 10] = [
    ("text_small", |sizes| &mut sizes.text_small),
    ("text", |sizes| &mut sizes.text),
    ("text_large", |sizes| &mut sizes.text_large),
    ("text_display", |sizes| &mut sizes.text_display),
    ("space", |sizes| &mut sizes.space),
    ("padding", |sizes| &mut sizes.padding),
    ("corner", |sizes| &mut sizes.corner),
    ("label", |sizes| &mut sizes.label),
    ("label_rate", |sizes| &mut sizes.label_rate),
    ("particle", |sizes| &mut sizes.particle),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::theme::DARK;

    fn told(text: &str) -> Vec<String> {
        let mistakes = Theme::parse(Some(Path::new("own.toml")), text).unwrap_err();
        mistakes.to_string().lines().map(str::to_owned).filter(|line| !line.is_empty()).collect()
    }

    #[test]
    fn a_theme_names_only_what_it_changes() {
        let theme =
            Theme::parse(None, "[colors]\nok = \"#01020304\"\n[sizes]\nlabel = 20").unwrap();
        assert_eq!(theme.colors.ok, Color::srgba_u8(1, 2, 3, 4));
        assert_eq!(theme.colors.error, Colors::default().error);
        assert_eq!((theme.sizes.label, theme.sizes.text), (20.0, Sizes::default().text));
    }

    #[test]
    fn everything_that_the_dark_theme_names_can_be_changed() {
        let table: toml::Table = DARK.parse().unwrap();
        let names = |name: &str| -> Vec<String> {
            table[name].as_table().unwrap().keys().cloned().collect()
        };
        for name in names("colors") {
            let text = format!("[colors]\n{name} = \"#010203\"");
            assert_ne!(Theme::parse(None, &text).unwrap(), Theme::default(), "{name}");
        }
        for name in names("sizes") {
            let text = format!("[sizes]\n{name} = 99.5");
            assert_ne!(Theme::parse(None, &text).unwrap(), Theme::default(), "{name}");
        }
    }

    #[test]
    fn a_wrong_colour_or_size_is_told_with_its_place() {
        for wrong in ["\"red\"", "\"#12345\"", "\"#GG0000\"", "\"#1234567890\"", "\"\"", "7"] {
            let told = told(&format!("name = \"x\"\n[colors]\nok = {wrong}"));
            assert!(told[0].starts_with("own.toml:3:6: `colors.ok`: a colour"), "{told:?}");
        }
        for wrong in ["0", "-3", "1e9", "nan", "\"9\"", "0x10"] {
            let told = told(&format!("[sizes]\nlabel = {wrong}"));
            assert!(told[0].starts_with("own.toml:2:9: `sizes.label`: a number"), "{told:?}");
        }
    }

    #[test]
    fn an_unknown_key_suggests_the_nearest_known_one_and_all_mistakes_are_told() {
        let told = told("nmae = \"x\"\n[colors]\nbackgruond = \"#000000\"\nzzz = \"#000000\"");
        assert_eq!(told[0], "own.toml:1:1: unknown key `nmae`");
        assert!(told.contains(&"  hint: did you mean `name`?".to_owned()), "{told:?}");
        assert!(told.contains(&"  hint: did you mean `background`?".to_owned()), "{told:?}");
        assert!(told.iter().any(|line| line.contains("known here: `background`")), "{told:?}");
    }

    #[test]
    fn what_is_no_toml_is_told_with_its_place() {
        assert!(told("[colors]\nok = #000000")[0].starts_with("own.toml:2:"));
        assert!(told("colors = 3")[0].contains("is a table"));
    }
}
