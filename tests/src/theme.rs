//! The colours that the viewer paints with, as its themes name them. In: a theme's and a colour's name.
//! Out: what to look for in a picture.

use image::Rgb;

use crate::picture;
use crate::program::repository;

/// A colour of the dark theme.
///
/// # Panics
/// If it has none of this name.
#[track_caller]
pub fn color(name: &str) -> Rgb<u8> {
    of("dark", name)
}

/// A colour of a theme that comes with the viewer.
///
/// # Panics
/// If there is no such theme, or it has no colour of this name.
#[track_caller]
pub fn of(theme: &str, name: &str) -> Rgb<u8> {
    let path = repository(&format!("assets/themes/{theme}.toml"));
    let text = std::fs::read_to_string(path).expect("a theme");
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} = \"#")));
    let hex = line.unwrap_or_else(|| panic!("no colour {name} in the theme {theme}"));
    picture::color(&hex[..6])
}
