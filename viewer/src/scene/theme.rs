//! The theme: what colours mean and how large things are, everywhere in the viewer. In: TOML.
//! Out: the [`Theme`] resource.

mod read;
mod reload;

pub use reload::{ThemePlugin, Themes};

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use bevy::prelude::*;
use spanfall_collector::config::{Mistake, Mistakes, Place, watched};
use spanfall_collector::reduce::hop::Class;

/// The theme that comes with the program. [`Theme::default`] says the same; a test holds them
/// together.
pub const DARK: &str = include_str!("../../../assets/themes/dark.toml");

/// The themes that come with the program, by name.
pub const SHIPPED: [(&str, &str); 3] = [
    ("dark", DARK),
    ("light", include_str!("../../../assets/themes/light.toml")),
    ("high-contrast", include_str!("../../../assets/themes/high-contrast.toml")),
];

/// The window height at which [`Sizes`] are taken as they are.
pub const DESIGN_HEIGHT: f32 = 1080.0;

/// Colours and sizes of everything on screen.
#[derive(Resource, Clone, Debug, PartialEq)]
pub struct Theme {
    /// Its name.
    pub name: String,
    /// What colours mean.
    pub colors: Colors,
    /// How large things are.
    pub sizes: Sizes,
}

/// What colours mean. The same meaning has the same colour everywhere.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Colors {
    /// What everything stands on.
    pub background: Color,
    /// Panels, tooltips, the top bar.
    pub surface: Color,
    /// What lies on a panel: rows under the pointer, fields, chips.
    pub surface_raised: Color,
    /// Hairlines around panels and between their parts.
    pub outline: Color,
    /// Text that is read first.
    pub text: Color,
    /// Text that is read second: rates, units, headings of columns.
    pub text_secondary: Color,
    /// Text that is only there when looked for.
    pub text_faint: Color,
    /// Requests that went as they should.
    pub ok: Color,
    /// Requests that took too long.
    pub slow: Color,
    /// Requests refused because of a limit.
    pub throttled: Color,
    /// Requests that failed.
    pub error: Color,
    /// Cold starts.
    pub cold: Color,
    /// Edges without trouble.
    pub edge: Color,
    /// The disc of a node.
    pub node: Color,
    /// The symbol in a node.
    pub icon: Color,
    /// What is selected, focused, or can be clicked.
    pub accent: Color,
}

/// How large things are: logical pixels in a window [`DESIGN_HEIGHT`] high.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sizes {
    /// Small print: legends, units.
    pub text_small: f32,
    /// Body text of panels.
    pub text: f32,
    /// Headings.
    pub text_large: f32,
    /// The one number that matters.
    pub text_display: f32,
    /// The space between things that belong together; others are multiples of it.
    pub space: f32,
    /// Padding inside panels.
    pub padding: f32,
    /// Corners of panels.
    pub corner: f32,
    /// Names of nodes.
    pub label: f32,
    /// The rate under a name.
    pub label_rate: f32,
    /// Radius of an ordinary request's dot.
    pub particle: f32,
}

/// Which theme is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ThemeChoice {
    /// One of [`SHIPPED`], by its text.
    Shipped(&'static str),
    /// A file of one's own.
    File(PathBuf),
}

impl Default for ThemeChoice {
    fn default() -> Self {
        Self::Shipped(DARK)
    }
}

/// As it is chosen: the name, or the file's path.
impl fmt::Display for ThemeChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file) => file.display().fmt(f),
            Self::Shipped(text) => {
                let shipped = SHIPPED.iter().find(|(_, other)| other == text);
                f.write_str(shipped.map_or("", |(name, _)| name))
            }
        }
    }
}

impl FromStr for ThemeChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some((_, theme)) = SHIPPED.iter().find(|(name, _)| *name == text) {
            return Ok(Self::Shipped(theme));
        }
        let file = PathBuf::from(text);
        if file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml")) {
            return Ok(Self::File(file));
        }
        let names = SHIPPED.map(|(name, _)| name).join(", ");
        Err(format!("give one of {names}, or a file that ends in .toml"))
    }
}

impl ThemeChoice {
    /// Reads the theme.
    ///
    /// # Errors
    ///
    /// When its file cannot be read, or is no theme; see [`Theme::parse`].
    pub fn load(&self) -> Result<Theme, Mistakes> {
        match self {
            Self::Shipped(text) => Theme::parse(None, text),
            Self::File(file) => match watched::read(file) {
                Ok(text) => Theme::parse(Some(file), &text),
                Err(why) => {
                    let mistake = Mistake::new(Place::WholeFile, why);
                    Err(Mistakes::new(Some(file), "", vec![mistake]))
                }
            },
        }
    }
}

impl Theme {
    /// By how much [`Sizes`] grow in a window of this height (logical pixels), so that a wall is
    /// as legible at 4K as at 1080p. Small windows do not go below 0.8: text must stay text.
    pub fn scale(window_height: f32) -> f32 {
        (window_height / DESIGN_HEIGHT).clamp(0.8, 4.0)
    }
}

impl Colors {
    /// The colour of requests of this class.
    pub fn of(&self, class: Class) -> Color {
        match class {
            Class::Ok => self.ok,
            Class::Slow => self.slow,
            Class::Throttled => self.throttled,
            Class::Error => self.error,
        }
    }
}

impl Default for Theme {
    fn default() -> Self {
        Self { name: "dark".into(), colors: Colors::default(), sizes: Sizes::default() }
    }
}

impl Default for Colors {
    fn default() -> Self {
        Self {
            background: Color::srgb_u8(0x0A, 0x0F, 0x16),
            surface: Color::srgb_u8(0x10, 0x18, 0x23),
            surface_raised: Color::srgb_u8(0x18, 0x24, 0x34),
            outline: Color::srgb_u8(0x24, 0x34, 0x47),
            text: Color::srgb_u8(0xEA, 0xF0, 0xF7),
            text_secondary: Color::srgb_u8(0x9B, 0xAE, 0xC2),
            text_faint: Color::srgb_u8(0x5F, 0x73, 0x89),
            ok: Color::srgb_u8(0xA9, 0xCD, 0xF0),
            slow: Color::srgb_u8(0xF4, 0xB2, 0x4A),
            throttled: Color::srgb_u8(0xF4, 0xB2, 0x4A),
            error: Color::srgb_u8(0xFF, 0x5A, 0x5F),
            cold: Color::srgb_u8(0x0F, 0xA9, 0xB2),
            edge: Color::srgb_u8(0x4A, 0x66, 0x83),
            node: Color::srgb_u8(0x12, 0x1D, 0x2A),
            icon: Color::srgb_u8(0xD5, 0xE3, 0xF2),
            accent: Color::srgb_u8(0x6F, 0xB6, 0xFF),
        }
    }
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            text_small: 13.0,
            text: 15.0,
            text_large: 19.0,
            text_display: 30.0,
            space: 8.0,
            padding: 16.0,
            corner: 10.0,
            label: 17.0,
            label_rate: 14.0,
            particle: 3.4,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_and_the_defaults_say_the_same() {
        // Named in full, so that a key missing from the file fails here too.
        let table: toml::Table = DARK.parse().unwrap();
        assert_eq!(table["colors"].as_table().unwrap().len(), 16);
        assert_eq!(table["sizes"].as_table().unwrap().len(), 10);
        assert_eq!(Theme::parse(None, DARK).unwrap(), Theme::default());
    }

    #[test]
    fn a_theme_is_chosen_by_name_or_by_file() {
        for (name, text) in SHIPPED {
            let choice: ThemeChoice = name.parse().unwrap();
            assert_eq!(choice, ThemeChoice::Shipped(text));
            assert_eq!(choice.load().unwrap().name, name);
        }
        let own: ThemeChoice = "wall/none.toml".parse().unwrap();
        assert!(own.load().unwrap_err().to_string().contains("none.toml"));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("odd.toml");
        std::fs::write(&file, "[colors]\nokay = \"#000000\"").unwrap();
        let said = ThemeChoice::File(file).load().unwrap_err().to_string();
        assert!(said.contains("odd.toml:2:1: unknown key `okay` in [colors]"), "{said}");
        assert!("drak".parse::<ThemeChoice>().unwrap_err().contains("high-contrast"));
    }

    #[test]
    fn sizes_double_from_1080_to_4k_and_stay_legible_in_small_windows() {
        assert_eq!(Theme::scale(1080.0), 1.0);
        assert_eq!(Theme::scale(2160.0), 2.0);
        assert!(Theme::scale(100.0) >= 0.8);
    }
}
