//! How panels are built and kept up to date. [`Build`] spawns their parts in the theme's look;
//! [`Paint`] changes them, and writes only what is different, so that Bevy lays out only what
//! changed.

use accesskit::Role;
use bevy::ecs::system::SystemParam;
use bevy::picking::hover::Hovered;
use bevy::prelude::*;
use bevy::ui_widgets::Button;

use super::control::{Control, Spoken};
use super::elide::Elided;
use super::marks::{Mark, Sign};
use super::rows::Goes;
use crate::focus::Command;
use crate::scene::theme::Colors;
use crate::scene::{Fonts, Theme};

/// How a text looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// What is read first.
    Body,
    /// The same, a little heavier.
    Strong,
    /// What is read second.
    Second,
    /// Headings of sections.
    Section,
    /// The panel's title.
    Title,
    /// The one number that matters.
    Display,
}

/// Marks a panel of its own: all that is spawned anew with another theme.
#[derive(Component)]
pub(super) struct PanelRoot;

/// A panel on its way out of the window: it is still seen, but what it says is over, and so it takes no
/// keys.
#[derive(Component)]
pub(super) struct Leaving;

/// Spawns panels' parts.
#[derive(SystemParam)]
pub(super) struct Build<'w, 's> {
    /// For what is spawned once in a program, such as a panel's own resource.
    pub(super) commands: Commands<'w, 's>,
    theme: Res<'w, Theme>,
    fonts: Res<'w, Fonts>,
}

impl Build<'_, '_> {
    /// The theme's colours.
    pub(super) fn colors(&self) -> Colors {
        self.theme.colors
    }

    /// A panel of its own.
    pub(super) fn root(&mut self, name: &'static str, bundle: impl Bundle) -> Entity {
        self.commands.spawn((Name::new(name), PanelRoot, bundle)).id()
    }

    /// A part of another part, after those that it has.
    pub(super) fn part(&mut self, parent: Entity, bundle: impl Bundle) -> Entity {
        self.commands.spawn((bundle, ChildOf(parent))).id()
    }

    /// Parts in a line, `gap` logical pixels apart.
    pub(super) fn line(&mut self, parent: Entity, gap: f32) -> Entity {
        let line = Node { align_items: AlignItems::Center, column_gap: px(gap), ..default() };
        self.part(parent, line)
    }

    /// Parts below each other, `gap` logical pixels apart.
    pub(super) fn stack(&mut self, parent: Entity, gap: f32) -> Entity {
        let stack = Node {
            flex_direction: FlexDirection::Column,
            row_gap: px(gap),
            flex_shrink: 0.0,
            ..default()
        };
        self.part(parent, stack)
    }

    /// A text in one line.
    pub(super) fn text(&mut self, parent: Entity, style: Style, text: &str) -> Entity {
        let look = self.look(style);
        // A text that is squeezed would be cut off without a sign of it.
        let node = Node { flex_shrink: 0.0, ..default() };
        self.part(parent, (Text::new(text), look, TextLayout::no_wrap(), node))
    }

    /// The unit after a [`Style::Display`] figure, on its baseline.
    pub(super) fn unit(&mut self, line: Entity, text: &str) -> Entity {
        // Boxes end below the descenders, which are deeper the larger the type is.
        const DESCENT: f32 = 0.235;
        let sizes = &self.theme.sizes;
        let lift = (sizes.text_display - sizes.text) * DESCENT;
        let unit = self.text(line, Style::Second, text);
        let node = Node { margin: UiRect::bottom(px(lift)), flex_shrink: 0.0, ..default() };
        self.commands.entity(unit).insert(node);
        unit
    }

    /// A text that breaks into as many lines as it needs.
    pub(super) fn sentence(&mut self, parent: Entity, style: Style, text: &str) -> Entity {
        let look = self.look(style);
        self.part(parent, (Text::new(text), look))
    }

    /// A text that is shortened to the room that its line has left.
    pub(super) fn elided(&mut self, line: Entity, style: Style) -> Entity {
        let room = Node { overflow: Overflow::clip_x(), ..rest() };
        let room = self.part(line, room);
        let text = self.text(room, style, "");
        self.commands.entity(text).insert(Elided::default());
        text
    }

    /// A text at the right of a column this wide, so that figures stand below each other.
    pub(super) fn figure(&mut self, line: Entity, style: Style, width: f32) -> Entity {
        let column = Node {
            width: px(width),
            flex_shrink: 0.0,
            justify_content: JustifyContent::FlexEnd,
            ..default()
        };
        let column = self.part(line, column);
        self.text(column, style, "")
    }

    /// A sign of this many logical pixels, in its own colour.
    pub(super) fn sign(&mut self, parent: Entity, mark: Mark, size: u8) -> Entity {
        let color = mark.color(&self.theme.colors);
        let node = Node { width: px(size), height: px(size), flex_shrink: 0.0, ..default() };
        self.part(parent, (Sign { mark, size }, ImageNode { color, ..default() }, node))
    }

    /// A row that can be clicked, and pressed by keys. It is called what its texts say.
    pub(super) fn button(&mut self, parent: Entity, node: Node, goes: Goes) -> Entity {
        let spoken = Spoken::by_its_texts(Role::Button);
        self.control(parent, node, (goes, Control::Press, spoken))
    }

    /// A button that shows no more than a sign.
    pub(super) fn sign_button(
        &mut self,
        parent: Entity,
        node: Node,
        name: &'static str,
        goes: Goes,
    ) -> Entity {
        self.control(parent, node, (goes, Control::Press, Spoken::button(name)))
    }

    /// A row whose value is turned by arrow keys; a click gives it the keys.
    pub(super) fn turned(
        &mut self,
        parent: Entity,
        node: Node,
        (back, on): (Command, Command),
    ) -> Entity {
        self.control(parent, node, (Goes::Here, Control::Turn { back, on }))
    }

    /// The arrow beside a turned row's value, for the mouse.
    pub(super) fn arrow(
        &mut self,
        row: Entity,
        node: Node,
        name: String,
        command: Command,
    ) -> Entity {
        self.control(row, node, (Goes::Asks(command), Spoken::button(name)))
    }

    fn control(&mut self, parent: Entity, node: Node, what: impl Bundle) -> Entity {
        let look = (Hovered::default(), BackgroundColor(Color::NONE));
        self.part(parent, (node, Button, look, what))
    }

    /// Says what a part is called.
    pub(super) fn speak(&mut self, part: Entity, spoken: Spoken) {
        self.commands.entity(part).insert(spoken);
    }

    /// The ground and the border of a card that lies over the picture.
    pub(super) fn card(&self) -> impl Bundle + use<> {
        let colors = &self.theme.colors;
        (BackgroundColor(colors.surface.with_alpha(0.94)), BorderColor::all(colors.outline))
    }

    fn look(&self, style: Style) -> impl Bundle + use<> {
        let sizes = &self.theme.sizes;
        let colors = &self.theme.colors;
        let (font, color) = match style {
            Style::Body => (self.fonts.regular(sizes.text), colors.text),
            Style::Strong => (self.fonts.medium(sizes.text), colors.text),
            Style::Second => (self.fonts.regular(sizes.text), colors.text_secondary),
            Style::Section => (self.fonts.medium(sizes.text), colors.text_secondary),
            Style::Title => (self.fonts.semibold(sizes.text_large), colors.text),
            Style::Display => (self.fonts.semibold(sizes.text_display), colors.text),
        };
        (font, TextColor(color))
    }
}

/// A part that takes the rest of its line, however long its content is.
pub(super) fn rest() -> Node {
    Node { flex_grow: 1.0, flex_basis: px(0), min_width: px(0), ..default() }
}

/// Changes panels' parts.
#[derive(SystemParam)]
pub(super) struct Paint<'w, 's> {
    texts: Query<'w, 's, &'static mut Text, Without<Elided>>,
    elided: Query<'w, 's, &'static mut Elided>,
    text_colors: Query<'w, 's, &'static mut TextColor>,
    nodes: Query<'w, 's, &'static mut Node>,
    signs: Query<'w, 's, (&'static mut Sign, &'static mut ImageNode)>,
    backgrounds: Query<'w, 's, &'static mut BackgroundColor>,
    goes: Query<'w, 's, &'static mut Goes>,
}

impl Paint<'_, '_> {
    /// Says something else.
    pub(super) fn text(&mut self, entity: Entity, text: &str) {
        if let Ok(mut now) = self.texts.get_mut(entity)
            && now.0 != text
        {
            text.clone_into(&mut now.0);
        }
        if let Ok(mut now) = self.elided.get_mut(entity)
            && now.0 != text
        {
            text.clone_into(&mut now.0);
        }
    }

    /// Colours a text.
    pub(super) fn text_color(&mut self, entity: Entity, color: Color) {
        if let Ok(mut now) = self.text_colors.get_mut(entity) {
            now.set_if_neq(TextColor(color));
        }
    }

    /// Shows a part, or gives its room to the others.
    pub(super) fn show(&mut self, entity: Entity, shown: bool) {
        let display = if shown { Display::Flex } else { Display::None };
        if let Ok(mut node) = self.nodes.get_mut(entity)
            && node.display != display
        {
            node.display = display;
        }
    }

    /// Gives a part its share of a row's length.
    pub(super) fn grow(&mut self, entity: Entity, share: f32) {
        if let Ok(mut node) = self.nodes.get_mut(entity)
            && node.flex_grow != share
        {
            node.flex_grow = share;
        }
    }

    /// Keeps a part this far from the window's right edge.
    pub(super) fn right(&mut self, entity: Entity, right: f32) {
        if let Ok(mut node) = self.nodes.get_mut(entity)
            && node.right != px(right)
        {
            node.right = px(right);
        }
    }

    /// Puts a part so many hundredths of the room that it is in from its left edge.
    pub(super) fn left_share(&mut self, entity: Entity, hundredths: f32) {
        if let Ok(mut node) = self.nodes.get_mut(entity)
            && node.left != percent(hundredths)
        {
            node.left = percent(hundredths);
        }
    }

    /// Keeps a part this far from the window's bottom edge.
    pub(super) fn bottom(&mut self, entity: Entity, bottom: f32) {
        if let Ok(mut node) = self.nodes.get_mut(entity)
            && node.bottom != px(bottom)
        {
            node.bottom = px(bottom);
        }
    }

    /// Makes a part so many logical pixels wide.
    pub(super) fn width(&mut self, entity: Entity, width: f32) {
        if let Ok(mut node) = self.nodes.get_mut(entity)
            && node.width != px(width)
        {
            node.width = px(width);
        }
    }

    /// Stretches a part from one share of the room that it is in to another, from 0 to 1.
    pub(super) fn span(&mut self, entity: Entity, (from, until): (f32, f32)) {
        let (left, width) = (percent(from * 100.0), percent((until - from).max(0.0) * 100.0));
        if let Ok(mut node) = self.nodes.get_mut(entity)
            && (node.left, node.width) != (left, width)
        {
            (node.left, node.width) = (left, width);
        }
    }

    /// Shows another mark, or the same in another colour.
    pub(super) fn sign(&mut self, entity: Entity, mark: Mark, color: Color) {
        if let Ok((mut sign, mut image)) = self.signs.get_mut(entity) {
            let size = sign.size;
            sign.set_if_neq(Sign { mark, size });
            if image.color != color {
                image.color = color;
            }
        }
    }

    /// Colours a part's ground.
    pub(super) fn background(&mut self, entity: Entity, color: Color) {
        if let Ok(mut now) = self.backgrounds.get_mut(entity) {
            now.set_if_neq(BackgroundColor(color));
        }
    }

    /// Lets a button go elsewhere.
    pub(super) fn goes(&mut self, entity: Entity, goes: Goes) {
        if let Ok(mut now) = self.goes.get_mut(entity) {
            now.set_if_neq(goes);
        }
    }
}
