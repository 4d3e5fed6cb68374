//! Rows that can be clicked: they go to the node or edge that they name, and point at it while
//! the mouse is on them. In: the mouse. Out: [`Command`]s.

use bevy::picking::hover::Hovered;
use bevy::prelude::*;
use bevy::ui_widgets::Activate;

use crate::focus::{Command, FocusSystems, Item};
use crate::interaction::PointerSystems;
use crate::scene::Theme;

/// Lets rows be clicked.
pub(super) struct RowsPlugin;

impl Plugin for RowsPlugin {
    fn build(&self, app: &mut App) {
        app.add_message::<Command>()
            .add_observer(follow)
            .add_systems(Update, point.in_set(FocusSystems::Ask).after(PointerSystems));
    }
}

/// What a click on a row asks for.
#[derive(Component, Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Goes {
    /// Nothing: it is not a button now.
    #[default]
    Nowhere,
    /// To a node or an edge.
    To(Item),
    /// Here: it has the keys then.
    Here,
    /// Something else.
    Asks(Command),
}

fn follow(
    activated: On<'_, '_, Activate>,
    rows: Query<'_, '_, &Goes>,
    mut commands: MessageWriter<'_, Command>,
) {
    match rows.get(activated.entity) {
        Ok(Goes::To(item)) => {
            commands.write(Command::Select(Some(*item)));
        }
        Ok(Goes::Asks(command)) => {
            commands.write(*command);
        }
        Ok(Goes::Nowhere | Goes::Here) | Err(_) => {}
    }
}

/// Lights up the row under the mouse, and what it names in the picture.
fn point(
    theme: Res<'_, Theme>,
    mut rows: Query<
        '_,
        '_,
        (&Hovered, &Goes, &mut BackgroundColor),
        Or<(Changed<Hovered>, Changed<Goes>)>,
    >,
    mut commands: MessageWriter<'_, Command>,
) {
    // A row that the mouse has left must not undo what the next one points at.
    let mut left = false;
    let mut entered = None;
    for (hovered, goes, mut background) in &mut rows {
        let lit = hovered.get() && *goes != Goes::Nowhere;
        let color = if lit { theme.colors.surface_raised } else { Color::NONE };
        if background.0 == color {
            continue;
        }
        background.0 = color;
        match goes {
            Goes::To(item) if lit => entered = Some(*item),
            _ => left = true,
        }
    }
    if entered.is_some() || left {
        commands.write(Command::Hover(entered));
    }
}
