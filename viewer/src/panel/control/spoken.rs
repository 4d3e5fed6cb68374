//! What assistive technology is told of the panels. In: [`Spoken`], the texts that are shown. Out:
//! [`AccessibilityNode`]s with role, name and value; and what it asks for in a person's name.

use std::borrow::Cow;

use accesskit::{Action, Role};
use bevy::a11y::{AccessibilityNode, AccessibilityRequested, AccessibilitySystems, ActionRequest};
use bevy::ecs::system::SystemParam;
use bevy::input_focus::{FocusCause, InputFocus};
use bevy::prelude::*;
use bevy::ui::UiSystems;
use bevy::ui_widgets::{Activate, ScrollIntoView};

use super::Control;
use super::tree::Tree;
use crate::focus::FocusSystems;
use crate::panel::elide::Elided;

/// Tells assistive technology, and does what it asks for.
pub(super) struct SpokenPlugin;

impl Plugin for SpokenPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<AccessibilityRequested>()
            .add_message::<ActionRequest>()
            .add_systems(Update, hear.in_set(FocusSystems::Ask))
            .add_systems(
                PostUpdate,
                (tell, pass_over_images)
                    // Nobody listens on most computers.
                    .run_if(|wanted: Res<'_, AccessibilityRequested>| wanted.get())
                    // Bevy calls what has a picture an image.
                    .after(UiSystems::PostLayout)
                    .before(AccessibilitySystems::Update),
            );
    }
}

/// What a part is called.
#[derive(Component, Clone, Debug, PartialEq)]
#[require(AccessibilityNode)]
pub(in crate::panel) struct Spoken {
    role: Role,
    /// Its name; none where that is its texts.
    name: Option<Cow<'static, str>>,
    /// The text that is its value.
    value: Option<Entity>,
}

impl Spoken {
    /// A part that is called what its texts say.
    pub(in crate::panel) fn by_its_texts(role: Role) -> Self {
        Self { role, name: None, value: None }
    }

    /// A button of this name.
    pub(in crate::panel) fn button(name: impl Into<Cow<'static, str>>) -> Self {
        Self { role: Role::Button, name: Some(name.into()), value: None }
    }

    /// A part of this name whose value is what this text says.
    pub(in crate::panel) fn with_value(role: Role, name: &'static str, value: Entity) -> Self {
        Self { role, name: Some(name.into()), value: Some(value) }
    }
}

fn tell(
    tree: Tree<'_, '_>,
    mut parts: Query<'_, '_, (Entity, &Spoken, &mut AccessibilityNode)>,
    said: Said<'_, '_>,
) {
    for (entity, spoken, mut node) in &mut parts {
        let control = tree.control(entity);
        let shown = if control.is_some() { tree.is_stop(entity) } else { tree.is_shown(entity) };
        if node.is_hidden() == shown {
            if shown { node.clear_hidden() } else { node.set_hidden() }
        }
        if !shown {
            continue;
        }
        if node.role() != spoken.role {
            node.set_role(spoken.role);
        }
        let name = spoken.name.clone().unwrap_or_else(|| said.within(entity, &tree).into());
        if node.label() != Some(&*name) {
            node.set_label(&*name);
        }
        if let Some(value) = spoken.value.map(|text| said.by(text))
            && node.value() != Some(&*value)
        {
            node.set_value(value);
        }
        for action in actions(control) {
            if !node.supports_action(*action) {
                node.add_action(*action);
            }
        }
    }
}

fn actions(control: Option<Control>) -> &'static [Action] {
    match control {
        Some(Control::Press) => &[Action::Focus, Action::Click],
        Some(Control::Turn { .. }) => &[Action::Focus, Action::Increment, Action::Decrement],
        Some(Control::Slide) => &[Action::Focus],
        Some(Control::Type) | None => &[],
    }
}

/// What panels say.
#[derive(SystemParam)]
struct Said<'w, 's> {
    texts: Query<'w, 's, &'static Text>,
    elided: Query<'w, 's, &'static Elided>,
    children: Query<'w, 's, &'static Children>,
}

impl Said<'_, '_> {
    /// What one text says, all of it.
    fn by(&self, text: Entity) -> String {
        let whole = self.elided.get(text).ok().map(|elided| elided.0.clone());
        whole.or_else(|| self.texts.get(text).ok().map(|text| text.0.clone())).unwrap_or_default()
    }

    /// What all texts say that are shown in a part.
    fn within(&self, part: Entity, tree: &Tree<'_, '_>) -> String {
        let mut words = Vec::new();
        self.collect(part, tree, &mut words);
        words.join(", ")
    }

    fn collect(&self, part: Entity, tree: &Tree<'_, '_>, words: &mut Vec<String>) {
        let word = self.by(part);
        if !word.is_empty() {
            words.push(word);
        }
        for child in self.children.get(part).into_iter().flatten() {
            if tree.is_shown(*child) {
                self.collect(*child, tree, words);
            }
        }
    }
}

/// Signs say what a text beside them says, too, or decorate.
fn pass_over_images(
    mut nodes: Query<'_, '_, &mut AccessibilityNode, (With<ImageNode>, Without<Spoken>)>,
) {
    for mut node in &mut nodes {
        if !node.is_hidden() {
            node.set_hidden();
        }
    }
}

/// Does what assistive technology asks for.
fn hear(
    mut requests: MessageReader<'_, '_, ActionRequest>,
    tree: Tree<'_, '_>,
    mut focus: ResMut<'_, InputFocus>,
    mut commands: Commands<'_, '_>,
) {
    for request in requests.read() {
        let Some(entity) = Entity::try_from_bits(request.target_node.0) else { continue };
        if !tree.is_stop(entity) {
            continue;
        }
        match (request.action, tree.control(entity)) {
            (Action::Click, Some(Control::Press)) => commands.trigger(Activate { entity }),
            (Action::Increment, Some(Control::Turn { on, .. })) => {
                commands.write_message(on);
            }
            (Action::Decrement, Some(Control::Turn { back, .. })) => {
                commands.write_message(back);
            }
            (Action::Focus, Some(_)) => {
                focus.set(entity, FocusCause::Navigated);
                commands.trigger(ScrollIntoView { entity });
            }
            _ => {}
        }
    }
}
