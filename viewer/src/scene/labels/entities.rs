//! The text entities of labels. In: what each label says now. Out: Bevy's text, touched only where
//! it says something else.

use bevy::prelude::*;
use bevy::sprite::Anchor;

use super::Labels;
use super::place::{Second, Type};
use crate::scene::fonts::Fonts;

/// The entities of one label.
#[derive(Clone, Copy, Debug)]
pub(super) struct Handles {
    /// The name.
    pub(super) name: Entity,
    /// The rate; its child says what goes wrong.
    pub(super) rate: Entity,
    /// What goes wrong.
    pub(super) trouble: Entity,
    font: Type,
}

impl Handles {
    fn spawn(commands: &mut Commands<'_, '_>, fonts: &Fonts, font: Type) -> Self {
        let text = |font: TextFont| (Text2d::default(), font, Anchor::TOP_LEFT, Visibility::Hidden);
        let name = commands.spawn(text(fonts.semibold(font.name))).id();
        let trouble = commands.spawn((TextSpan::default(), fonts.medium(font.rate))).id();
        let rate = commands.spawn(text(fonts.regular(font.rate))).add_child(trouble).id();
        Self { name, rate, trouble, font }
    }

    /// Ends it.
    pub(super) fn despawn(&self, commands: &mut Commands<'_, '_>) {
        // The trouble is a child of the rate.
        commands.entity(self.name).despawn();
        commands.entity(self.rate).despawn();
    }
}

/// Gives every placed label its text. A label gets entities when it is shown first, and keeps them.
pub(super) fn write_texts(
    mut commands: Commands<'_, '_>,
    fonts: Res<'_, Fonts>,
    mut labels: ResMut<'_, Labels>,
    mut texts: Query<'_, '_, (&mut Text2d, &mut TextFont)>,
    mut spans: Query<'_, '_, (&mut TextSpan, &mut TextFont), Without<Text2d>>,
) {
    let Some(font) = labels.font else { return };
    for label in labels.bypass_change_detection().of.values_mut() {
        let Some(placed) = &label.placed else { continue };
        let handles =
            label.handles.get_or_insert_with(|| Handles::spawn(&mut commands, &fonts, font));
        let resized = handles.font != font;
        handles.font = font;
        if let Ok((mut text, mut text_font)) = texts.get_mut(handles.name) {
            if text.0 != placed.name {
                text.0.clone_from(&placed.name);
            }
            if resized {
                *text_font = fonts.semibold(font.name);
            }
        }
        let behind = placed.second == Second::Behind;
        if let Ok((mut text, mut text_font)) = texts.get_mut(handles.rate) {
            let rate = if behind { "" } else { &label.rate };
            if text.0 != rate {
                rate.clone_into(&mut text.0);
            }
            if resized {
                *text_font = fonts.regular(font.rate);
            }
        }
        if let Ok((mut span, mut text_font)) = spans.get_mut(handles.trouble) {
            let said =
                if behind { label.trouble.share().to_owned() } else { label.trouble_words() };
            if span.0 != said {
                span.0 = said;
            }
            if resized {
                *text_font = fonts.medium(font.rate);
            }
        }
    }
}
