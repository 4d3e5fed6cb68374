//! The settings' file. In: TOML. Out: [`Settings`], or every mistake with its place; and TOML again.

use std::path::Path;

use spanfall_collector::config::{Mistake, Mistakes, Place, nearest};
use toml::de::{DeTable, DeValue};

use super::choice::{PARTICLE, SPEED, TEXT, on_or_off};
use super::{Glow, Labels, Settings};

/// What the file says first.
const HEAD: &str = "\
# What you chose in Spanfall's options panel. It is written when you change something there; what is
# not named here is as the program has it.
";

/// Every key.
const KEYS: [&str; 10] = [
    "labels",
    "rates",
    "text",
    "theme",
    "particle_size",
    "particle_speed",
    "particles",
    "glow",
    "motion",
    "dragging",
];

impl Settings {
    /// Reads a file; what it does not name is as in `base`.
    pub(super) fn read(file: &Path, text: &str, base: &Self) -> Result<Self, Mistakes> {
        let mut settings = base.clone();
        let mut mistakes = Vec::new();
        let (table, errors) = DeTable::parse_recoverable(text);
        for (key, value) in table.get_ref().iter().filter(|_| errors.is_empty()) {
            let name: &str = key.get_ref().as_ref();
            if !KEYS.contains(&name) {
                let hint = match nearest(name, KEYS) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("known here: `{}`", KEYS.join("`, `")),
                };
                let place = Place::File(key.span());
                mistakes.push(Mistake::new(place, format!("unknown key `{name}`")).hint(hint));
            } else if let Err(expected) = settings.take(name, value.get_ref()) {
                let place = Place::File(value.span());
                mistakes.push(Mistake::new(place, format!("`{name}`: {expected} is expected")));
            }
        }
        mistakes.extend(errors.iter().map(|error| {
            let place = error.span().map_or(Place::WholeFile, Place::File);
            Mistake::new(place, format!("not TOML: {}", error.message()))
        }));
        if mistakes.is_empty() {
            Ok(settings)
        } else {
            Err(Mistakes::new(Some(file), text, mistakes))
        }
    }

    /// Takes one value, or says what it should be.
    fn take(&mut self, name: &str, value: &DeValue<'_>) -> Result<(), String> {
        match name {
            "labels" => {
                self.labels = word(value, [Labels::All, Labels::Important, Labels::None])?;
            }
            "glow" => self.glow = word(value, [Glow::None, Glow::Soft, Glow::Bright])?,
            "motion" => self.calm = word(value, ["full", "reduced"])? == "reduced",
            "rates" => self.rates = word(value, ["on", "off"])? == "on",
            "dragging" => self.dragging = word(value, ["on", "off"])? == "on",
            "text" => self.text = steps(value, TEXT, 10)?,
            "particle_speed" => self.particle_speed = steps(value, SPEED, 4)?,
            "particle_size" => self.particle_size = steps(value, PARTICLE, 4)?,
            "particles" => {
                let number = number(value).filter(|number| (1.0..=1e7).contains(number));
                let number = number.ok_or("a number from 1 to 10000000")?;
                self.particles = number as u32;
            }
            "theme" => {
                let text = match value {
                    DeValue::String(text) => text.parse(),
                    _ => Err(String::new()),
                };
                self.theme = text.map_err(|_: String| "a theme's name, or a .toml file")?;
            }
            _ => {}
        }
        Ok(())
    }

    /// The file's text: what is different from `base`.
    pub(super) fn write(&self, base: &Self) -> String {
        let mut table = toml::Table::new();
        let mut put = |key: &str, differs: bool, value: toml::Value| {
            if differs {
                table.insert(key.to_owned(), value);
            }
        };
        put("labels", self.labels != base.labels, self.labels.to_string().into());
        put("rates", self.rates != base.rates, on_or_off(self.rates).into());
        put("dragging", self.dragging != base.dragging, on_or_off(self.dragging).into());
        let speed = f64::from(self.particle_speed) / 4.0;
        put("particle_speed", self.particle_speed != base.particle_speed, speed.into());
        put("text", self.text != base.text, (f64::from(self.text) / 10.0).into());
        put("theme", self.theme != base.theme, self.theme.to_string().into());
        let size = f64::from(self.particle_size) / 4.0;
        put("particle_size", self.particle_size != base.particle_size, size.into());
        put("particles", self.particles != base.particles, i64::from(self.particles).into());
        put("glow", self.glow != base.glow, self.glow.to_string().into());
        let motion = if self.calm { "reduced" } else { "full" };
        put("motion", self.calm != base.calm, motion.into());
        format!("{HEAD}{table}")
    }
}

/// One of some words.
fn word<T: ToString, const N: usize>(value: &DeValue<'_>, all: [T; N]) -> Result<T, String> {
    let words: Vec<String> = all.iter().map(|one| format!("\"{}\"", one.to_string())).collect();
    let said = match value {
        DeValue::String(text) => Some(text.as_ref()),
        _ => None,
    };
    all.into_iter()
        .find(|one| Some(one.to_string().as_str()) == said)
        .ok_or_else(|| format!("one of {}", words.join(", ")))
}

/// A factor in steps of `1 / parts`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the range")]
fn steps(
    value: &DeValue<'_>,
    range: std::ops::RangeInclusive<u8>,
    parts: u8,
) -> Result<u8, String> {
    let (least, most) = (f64::from(*range.start()), f64::from(*range.end()));
    let parts = f64::from(parts);
    number(value)
        .map(|number| (number * parts).round())
        .filter(|number| (least..=most).contains(number))
        .map(|number| number as u8)
        .ok_or_else(|| format!("a number from {} to {}", least / parts, most / parts))
}

fn number(value: &DeValue<'_>) -> Option<f64> {
    match value {
        DeValue::Float(float) => float.as_str().parse().ok(),
        DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str().parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Choice;
    use super::*;

    fn read(text: &str) -> Result<Settings, String> {
        Settings::read(Path::new("viewer.toml"), text, &Settings::default())
            .map_err(|mistakes| mistakes.to_string())
    }

    #[test]
    fn what_is_written_is_read_again_whatever_was_chosen() {
        let base = Settings::default();
        let mut settings = base.clone();
        assert_eq!(settings.write(&base), HEAD, "what nobody changed is not written");
        for choice in Choice::ALL {
            choice.step(&mut settings, false);
        }
        settings.theme = "high-contrast".parse().unwrap();
        assert_eq!(read(&settings.write(&base)), Ok(settings.clone()));
        settings.theme = "my/own.toml".parse().unwrap();
        assert_eq!(read(&settings.write(&base)), Ok(settings));
    }

    #[test]
    fn mistakes_are_told_all_at_once_with_their_places() {
        let told =
            read("labels = \"some\"\ntext = 9\nglwo = \"none\"\nparticles = -1").unwrap_err();
        for part in [
            "viewer.toml:1:10: `labels`: one of \"all\", \"important\", \"none\" is expected",
            "viewer.toml:2:8: `text`: a number from 0.8 to 1.6 is expected",
            "viewer.toml:3:1: unknown key `glwo`",
            "did you mean `glow`?",
            "viewer.toml:4:13: `particles`",
        ] {
            assert!(told.contains(part), "{part} is not in {told}");
        }
        assert!(read("text = ").unwrap_err().contains("not TOML"));
    }
}
