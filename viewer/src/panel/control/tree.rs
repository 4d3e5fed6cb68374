//! Where controls are. In: the panels' entities. Out: the order in which the keys go through them.

use bevy::ecs::system::SystemParam;
use bevy::prelude::*;

use super::Control;
use crate::panel::paint::{Leaving, PanelRoot};
use crate::panel::rows::Goes;

/// Panels as the window is read: from the top left to the bottom right. Others come after them.
const ORDER: [&str; 9] = [
    "search",
    "levels",
    "options",
    "filters",
    "first run",
    "details",
    "notices",
    "waterfall",
    "timeline",
];

/// What covers all others while it is shown.
const COVER: &str = "keys";

/// The panels' parts.
#[derive(SystemParam)]
pub(super) struct Tree<'w, 's> {
    roots: Query<'w, 's, (Entity, &'static Name), With<PanelRoot>>,
    looks: Query<'w, 's, (&'static Node, Option<&'static Visibility>), Without<Leaving>>,
    children: Query<'w, 's, &'static Children>,
    parents: Query<'w, 's, &'static ChildOf>,
    controls: Query<'w, 's, (&'static Control, Option<&'static Goes>)>,
}

impl Tree<'_, '_> {
    /// What a part makes of the keys, if it is a control.
    pub(super) fn control(&self, entity: Entity) -> Option<Control> {
        self.controls.get(entity).ok().map(|(control, _)| *control)
    }

    /// The panel of this name.
    pub(super) fn root(&self, name: &str) -> Option<Entity> {
        self.roots.iter().find(|(_, root)| root.as_str() == name).map(|(root, _)| root)
    }

    /// A part, the part that it is in, and so on.
    pub(super) fn way_up(&self, part: Entity) -> impl Iterator<Item = Entity> {
        std::iter::successors(Some(part), move |part| {
            self.parents.get(*part).ok().map(ChildOf::parent)
        })
    }

    /// Whether a part itself is shown, and to stay; what it is in may still be hidden.
    fn is_on(&self, part: Entity) -> bool {
        self.looks.get(part).is_ok_and(|(node, visibility)| {
            node.display != Display::None && visibility != Some(&Visibility::Hidden)
        })
    }

    /// Whether a part is on the screen.
    pub(super) fn is_shown(&self, part: Entity) -> bool {
        self.way_up(part).all(|part| self.is_on(part))
    }

    /// Whether it does anything with the keys now.
    fn takes_keys(&self, part: Entity) -> bool {
        self.controls.get(part).is_ok_and(|(_, goes)| goes != Some(&Goes::Nowhere))
    }

    /// Whether the keys can be there now.
    pub(super) fn is_stop(&self, part: Entity) -> bool {
        self.takes_keys(part) && self.is_shown(part)
    }

    /// Where the keys can go, in order.
    pub(super) fn stops(&self) -> Vec<Entity> {
        let mut roots: Vec<(usize, &str, Entity)> = self
            .roots
            .iter()
            .map(|(root, name)| {
                let at = ORDER.iter().position(|other| *other == name.as_str());
                (at.unwrap_or(ORDER.len()), name.as_str(), root)
            })
            .collect();
        let cover = roots.iter().find(|(_, name, root)| *name == COVER && self.is_on(*root));
        if let Some((.., cover)) = cover {
            return self.stops_in(*cover);
        }
        roots.sort_unstable();
        roots.into_iter().flat_map(|(.., root)| self.stops_in(root)).collect()
    }

    /// Those of the panel that this one is in.
    pub(super) fn stops_beside(&self, control: Entity) -> Vec<Entity> {
        self.way_up(control).last().map(|root| self.stops_in(root)).unwrap_or_default()
    }

    fn stops_in(&self, part: Entity) -> Vec<Entity> {
        let mut stops = Vec::new();
        if self.is_on(part) {
            self.walk(part, &mut stops);
        }
        stops
    }

    fn walk(&self, part: Entity, stops: &mut Vec<Entity>) {
        if self.takes_keys(part) {
            stops.push(part);
        }
        for child in self.children.get(part).into_iter().flatten() {
            if self.is_on(*child) {
                self.walk(*child, stops);
            }
        }
    }

    /// The first part of a panel that opens which can be changed.
    pub(super) fn first_to_change(&self, root: Entity) -> Option<Entity> {
        let mut stops = Vec::new();
        self.walk(root, &mut stops);
        stops
            .into_iter()
            .find(|stop| matches!(self.control(*stop), Some(Control::Turn { .. } | Control::Type)))
    }
}

/// Where a part is, whichever entity it is: its panel, and the way through its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::panel) struct Place {
    panel: Name,
    way: Vec<usize>,
}

impl Place {
    /// Where this one is; none if it is in no panel.
    pub(super) fn of(world: &World, part: Entity) -> Option<Self> {
        let (mut at, mut way) = (part, Vec::new());
        while let Some(parent) = world.get::<ChildOf>(at).map(ChildOf::parent) {
            way.push(world.get::<Children>(parent)?.into_iter().position(|child| *child == at)?);
            at = parent;
        }
        way.reverse();
        let panel = world.get::<PanelRoot>(at).and(world.get::<Name>(at))?.clone();
        Some(Self { panel, way })
    }

    /// What is there now.
    pub(super) fn find(&self, world: &mut World) -> Option<Entity> {
        let mut roots = world.query_filtered::<(Entity, &Name), With<PanelRoot>>();
        let root = roots.iter(world).find(|(_, name)| **name == self.panel)?.0;
        self.way.iter().try_fold(root, |at, step| world.get::<Children>(at)?.get(*step).copied())
    }
}
