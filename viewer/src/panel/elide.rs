//! Text that never overflows: what does not fit is left out in the middle. In: [`Elided`] and the
//! room that its parent has. Out: the shortened text.
//!
//! Widths come from the text's own layout, so any font and any script fits. A text that has never
//! been measured takes a frame or two to find its length, cut off at the edge meanwhile; after
//! that its length is remembered.

use bevy::platform::collections::HashMap;
use bevy::prelude::*;
use bevy::ui::UiSystems;

use crate::figures::shortened;

/// Fits [`Elided`] texts.
pub(super) struct ElidePlugin;

impl Plugin for ElidePlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Known>()
            .add_systems(PostUpdate, propose.before(UiSystems::Prepare))
            .add_systems(PostUpdate, check.after(UiSystems::PostLayout));
    }
}

/// A text on one line that is shortened to its parent's width. Set this in place of [`Text`].
#[derive(Component, Clone, Debug, Default, PartialEq, Eq)]
#[require(Text, Fitted)]
pub(super) struct Elided(pub(super) String);

/// How much of the text is shown, of which text, in what room.
#[derive(Component, Clone, Debug, Default)]
struct Fitted {
    /// Characters; none when not yet measured.
    most: Option<usize>,
    /// Logical pixels of the parent that this fits.
    room: f32,
    /// Whether it has been laid out and fits.
    done: bool,
}

/// How many characters of a text fit into so many whole pixels of a font size.
#[derive(Resource, Default)]
struct Known(HashMap<(String, u32, u32), usize>);

/// Names on a wall come and go; past this many, what is known is learned anew.
const MOST_KNOWN: usize = 4096;

impl Known {
    fn key(text: &str, room: f32, font: &TextFont) -> (String, u32, u32) {
        let size = match font.font_size {
            FontSize::Px(size) => size,
            _ => 0.0,
        };
        (text.to_owned(), room as u32, (size * 8.0) as u32)
    }
}

/// Shows a changed text in the length that is known to fit, or in full to be measured.
fn propose(
    known: Res<'_, Known>,
    mut texts: Query<'_, '_, (&Elided, &mut Fitted, &mut Text, &TextFont), Changed<Elided>>,
) {
    for (elided, mut fitted, mut text, font) in &mut texts {
        let most = known.0.get(&Known::key(&elided.0, fitted.room, font)).copied();
        show(&mut text, &elided.0, most);
        fitted.most = most;
        fitted.done = false;
    }
}

fn show(text: &mut Mut<'_, Text>, full: &str, most: Option<usize>) {
    let shown = most.map_or_else(|| full.to_owned(), |most| shortened(full, most));
    if text.0 != shown {
        text.0 = shown;
    }
}

/// Compares each text's layout with its parent's, and shortens what is too long.
fn check(
    mut known: ResMut<'_, Known>,
    mut texts: Query<'_, '_, (&Elided, &mut Fitted, &mut Text, &TextFont, &ComputedNode, &ChildOf)>,
    rooms: Query<'_, '_, &ComputedNode, Without<Elided>>,
) {
    for (elided, mut fitted, mut text, font, node, parent) in &mut texts {
        let Ok(room) = rooms.get(parent.parent()) else { continue };
        let room = room.content_box().width() * room.inverse_scale_factor();
        if room <= 0.0 || (fitted.done && room == fitted.room) {
            continue;
        }
        if room != fitted.room {
            // Another width: what is shown may be too short now.
            fitted.room = room;
            fitted.most = None;
            fitted.done = false;
            show(&mut text, &elided.0, None);
            continue;
        }
        let wanted = node.size().x * node.inverse_scale_factor();
        if wanted <= 0.0 && !text.0.is_empty() {
            continue; // not laid out yet
        }
        let length = elided.0.chars().count();
        let most = fitted.most.unwrap_or(length);
        if wanted <= room + 0.5 || most <= 1 {
            fitted.done = true;
            if known.0.len() >= MOST_KNOWN {
                known.0.clear();
            }
            known.0.insert(Known::key(&elided.0, room, font), most);
        } else {
            let fair = (most as f32 * room / wanted) as usize;
            let next = fair.clamp(1, most - 1);
            fitted.most = Some(next);
            show(&mut text, &elided.0, Some(next));
        }
    }
}
