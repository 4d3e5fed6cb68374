//! Labels on the screen. In: their places, and the camera. Out: transforms and colours of their
//! texts, and the plates under them.

use bevy::camera::Camera2d;
use bevy::color::Mix;
use bevy::prelude::*;
use bevy::text::TextLayoutInfo;

use super::place::{Placed, Second, Side, Type};
use super::screen::{self, Screen};
use super::words::Trouble;
use super::{Label, Labels};
use crate::layout::Places;
use crate::picture::Picture;
use crate::scene::draw::{LABELS_Z, PlateRecord, Records};
use crate::scene::emphasis::Emphasis;
use crate::scene::freshness::Freshness;
use crate::scene::theme::{Colors, Theme};

/// Puts the labels beside their nodes, and plates under them.
pub(super) fn move_labels(
    theme: Res<'_, Theme>,
    (picture, places): (Res<'_, Picture>, Res<'_, Places>),
    emphasis: Res<'_, Emphasis>,
    freshness: Res<'_, Freshness>,
    labels: Res<'_, Labels>,
    cameras: Query<'_, '_, (&Camera, &Transform, &Projection), With<Camera2d>>,
    mut texts: Query<
        '_,
        '_,
        (&TextLayoutInfo, &mut Transform, &mut TextColor, &mut Visibility),
        (With<Text2d>, Without<Camera2d>),
    >,
    mut spans: Query<'_, '_, &mut TextColor, Without<Text2d>>,
    mut plates: ResMut<'_, Records<PlateRecord>>,
    mut fresh: Local<'_, Vec<PlateRecord>>,
) {
    let (Some(screen), Some(font)) = (screen::first(&cameras), labels.font) else { return };
    let colors = freshness.dim(&theme.colors);
    fresh.clear();
    for (id, label) in &labels.of {
        let Some(handles) = &label.handles else { continue };
        let spot = label.placed.as_ref().zip(places.now.get(id));
        let presence = picture.nodes.get(id).map_or(0.0, |node| node.presence);
        let bright = emphasis.node(*id) * presence;
        let lines = spot.map(|(placed, node)| Lines::new(placed, screen.of_world(*node), font));
        if let Some(lines) = &lines {
            fresh.push(lines.plate(&screen, bright));
        }
        let tone = label.colors(&colors, bright);
        for (line, entity) in [handles.name, handles.rate].into_iter().enumerate() {
            let Ok((layout, mut transform, mut color, mut visibility)) = texts.get_mut(entity)
            else {
                continue;
            };
            let shown = lines.as_ref().filter(|lines| line == 0 || lines.second != Second::None);
            visibility.set_if_neq(match shown {
                Some(_) => Visibility::Visible,
                None => Visibility::Hidden,
            });
            let Some(lines) = shown else { continue };
            let corner = screen.to_world(screen.snap(lines.corner(line, layout.size.x)));
            let translation = corner.extend(LABELS_Z + line as f32 * 0.1);
            let scale = Vec2::splat(screen.pixel).extend(1.0);
            transform.set_if_neq(Transform { translation, scale, ..Transform::IDENTITY });
            color.set_if_neq(TextColor(tone[line]));
        }
        if let Ok(mut color) = spans.get_mut(handles.trouble) {
            color.set_if_neq(TextColor(tone[2]));
        }
    }
    // Hash order is no order: the same plates must be the same list.
    fresh.sort_by(|a, b| a.center.x.total_cmp(&b.center.x).then(a.center.y.total_cmp(&b.center.y)));
    plates.replace(&mut fresh);
}

impl Label {
    /// Colours of the name, the rate and the trouble.
    fn colors(&self, colors: &Colors, bright: f32) -> [Color; 3] {
        let trouble = match self.trouble {
            Trouble::Throttled(_) => colors.throttled,
            Trouble::Errors(_) | Trouble::None => colors.error,
        };
        // What happens on any day is said quietly.
        let trouble = trouble.mix(&colors.text_secondary, if self.alarming { 0.0 } else { 0.5 });
        [colors.text, colors.text_secondary, trouble].map(|color| color.with_alpha(bright))
    }
}

/// From the top of a line to its base line, in sizes: Inter's ascent.
const BASE: f32 = 0.97;

/// A placed label's lines on the screen.
struct Lines {
    middle: Vec2,
    size: Vec2,
    side: Side,
    second: Second,
    font: Type,
}

impl Lines {
    fn new(placed: &Placed, node: Vec2, font: Type) -> Self {
        let Placed { offset, size, second, side, .. } = *placed;
        Self { middle: node + offset, size, side, second, font }
    }

    /// The top left corner of a line of text of this width.
    fn corner(&self, line: usize, width: f32) -> Vec2 {
        let padding = self.font.padding();
        let top = self.middle.y - self.size.y / 2.0 + padding.y;
        let room = self.size.x / 2.0 - padding.x;
        let (left, right) = (self.middle.x - room, self.middle.x + room - width);
        if self.second == Second::Behind {
            // On the name's base line.
            let base = BASE * (self.font.name - self.font.rate);
            return if line == 0 { Vec2::new(left, top) } else { Vec2::new(right, top + base) };
        }
        let y = top + if line == 0 { 0.0 } else { self.font.name * Type::LINE };
        let x = match self.side {
            Side::Below | Side::Above => self.middle.x - width / 2.0,
            Side::Right => left,
            Side::Left => right,
        };
        Vec2::new(x, y)
    }

    fn plate(&self, screen: &Screen, bright: f32) -> PlateRecord {
        PlateRecord {
            center: screen.to_world(self.middle),
            half_size: self.size / 2.0 * screen.density,
            corner: self.font.name * 0.5 * screen.density,
            solid: 0.9 * bright,
        }
    }
}
