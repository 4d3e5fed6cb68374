//! The way from level to level. In: [`Command`]s, and what is selected. Out: [`Navigation`]: the level that
//! is shown, those before and after it, and what a person has unfolded.

use bevy::platform::collections::HashSet;
use bevy::prelude::*;
use spanfall_collector::reduce::node::NodeId;

use super::{Filter, Level, Picture, What, Zones};
use crate::focus::{Command, Focus, Item};
use crate::traffic::Traffic;

/// Levels that are remembered at most, in each direction.
const STEPS: usize = 64;

/// Groups that can be unfolded at the same time.
const UNFOLDED: usize = 256;

/// Which level is shown, and how a person came there.
#[derive(Resource, Clone, Debug, Default)]
pub struct Navigation {
    level: Level,
    back: Vec<Level>,
    forward: Vec<Level>,
    unfolded: HashSet<NodeId>,
    /// Grows whenever something is unfolded or folded again.
    unfoldings: u64,
    /// The path of the level to begin with, until it is found.
    wanted: Option<String>,
    /// The [`Traffic::revision`] in which it was last looked for.
    looked: Option<u64>,
}

impl Navigation {
    /// Begins at the level that this path names, such as `us-east-1/checkout`, as soon as there is one.
    pub fn beginning_at(path: Option<String>) -> Self {
        Self { wanted: path, ..Self::default() }
    }

    /// Already there.
    pub fn at(level: Level) -> Self {
        Self { level, ..Self::default() }
    }

    /// The level that is shown.
    pub fn level(&self) -> Level {
        self.level
    }

    /// Groups that a person has unfolded.
    pub fn unfolded(&self) -> &HashSet<NodeId> {
        &self.unfolded
    }

    /// Grows whenever something is unfolded or folded again.
    pub fn unfoldings(&self) -> u64 {
        self.unfoldings
    }

    /// Whether a path was named to begin at, and nothing is called that yet.
    pub fn waits(&self) -> Option<&str> {
        self.wanted.as_deref()
    }

    fn go(&mut self, to: Level) {
        if to == self.level {
            return;
        }
        self.wanted = None;
        remember(&mut self.back, self.level);
        self.forward.clear();
        self.level = to;
    }

    fn unfold(&mut self, group: NodeId) {
        if self.unfolded.len() < UNFOLDED && self.unfolded.insert(group) {
            self.unfoldings += 1;
        }
    }

    fn fold_all(&mut self) {
        if !self.unfolded.is_empty() {
            self.unfolded.clear();
            self.unfoldings += 1;
        }
    }

    /// To the level before, or with `forward` to the one after, as far as it still exists.
    fn step(&mut self, forward: bool, exists: impl Fn(Level) -> bool) {
        let (from, onto) = if forward {
            (&mut self.forward, &mut self.back)
        } else {
            (&mut self.back, &mut self.forward)
        };
        while let Some(level) = from.pop() {
            if level != self.level && exists(level) {
                remember(onto, self.level);
                self.level = level;
                return;
            }
        }
    }

    /// Goes into a node on screen: a group unfolds, a zone or a node becomes the level.
    fn enter(&mut self, node: NodeId, picture: &Picture) {
        match picture.nodes.get(&node).map(|shown| shown.what) {
            Some(What::Itself) => self.go(Level::Node(node)),
            Some(What::Zone(_)) => self.go(Level::Zone(node)),
            Some(What::Group(_)) => self.unfold(node),
            Some(What::Elsewhere(_)) => self.go(Level::Everything),
            None => {}
        }
    }

    /// Makes sure that a node of the model is on screen.
    fn show(&mut self, node: NodeId, picture: &Picture) {
        if picture.node_of(node) == Some(node) {
            return;
        }
        if let Some(home) = picture.node_of(node)
            && picture.nodes.get(&home).is_some_and(|shown| matches!(shown.what, What::Group(_)))
        {
            // What is selected stands alone: its group need not unfold.
            return;
        }
        match self.level {
            Level::Node(_) => self.go(Level::Node(node)),
            Level::World | Level::Zone(_) => self.go(Level::around(node, &picture.zones)),
            // Only a filter hides something there, and not what is selected.
            Level::Everything => {}
        }
    }
}

fn remember(levels: &mut Vec<Level>, level: Level) {
    if levels.len() == STEPS {
        levels.remove(0);
    }
    levels.push(level);
}

/// Goes where people want to go.
pub(super) fn obey(
    mut commands: MessageReader<'_, '_, Command>,
    traffic: Res<'_, Traffic>,
    picture: Res<'_, Picture>,
    focus: Res<'_, Focus>,
    mut navigation: ResMut<'_, Navigation>,
    mut filter: ResMut<'_, Filter>,
    mut checked: Local<'_, Option<(u64, Level)>>,
) {
    let mut next = navigation.clone();
    let mut wanted = filter.clone();
    for command in commands.read() {
        match *command {
            Command::Enter(node) => {
                let selected = match focus.selected {
                    Some(Item::Node(id)) => Some(id),
                    _ => None,
                };
                if let Some(node) = node.or(selected) {
                    next.enter(node, &picture);
                }
            }
            Command::Outward => {
                if let Some(level) = next.level.outward(&picture.zones) {
                    next.go(level);
                }
            }
            Command::Go(level) => next.go(level),
            Command::Backward => next.step(false, |level| level.exists(&traffic, &picture.zones)),
            Command::Forward => next.step(true, |level| level.exists(&traffic, &picture.zones)),
            Command::Fold => next.fold_all(),
            Command::Filter(change) => wanted.change(change, &traffic, &picture.zones),
            _ => {}
        }
    }
    next.begin(&traffic);
    let now = Some((traffic.revision, next.level));
    let news = std::mem::replace(&mut *checked, now) != now;
    if let (true, Level::Node(_) | Level::Zone(_)) = (news, next.level) {
        let zones = Zones::find(&traffic);
        // What is gone cannot be shown; nor can what was not there yet at another moment.
        if !traffic.nodes.is_empty() && !next.level.exists(&traffic, &zones) {
            next.level = Level::Everything;
        }
    }
    if next.level != navigation.level
        || next.unfoldings != navigation.unfoldings
        || next.looked != navigation.looked
        || next.wanted != navigation.wanted
        || next.back.len() != navigation.back.len()
        || next.forward.len() != navigation.forward.len()
    {
        if next.level != navigation.level {
            debug!("shows the level {}", next.level.name(&traffic, &picture.zones));
        }
        *navigation = next;
    }
    if *filter != wanted {
        match wanted.words(&picture.zones).as_str() {
            "" => debug!("shows all"),
            words => debug!("shows only {words}"),
        }
        *filter = wanted;
    }
}

impl Navigation {
    /// Begins at the level that was named, once there is one.
    fn begin(&mut self, traffic: &Traffic) {
        let Some(path) = &self.wanted else { return };
        if traffic.nodes.is_empty() || self.looked == Some(traffic.revision) {
            return;
        }
        match Level::find(path, traffic, &Zones::find(traffic)) {
            Ok(level) => {
                self.level = level;
                self.wanted = None;
            }
            Err(why) => {
                if self.looked.is_none() {
                    warn!("--view: {why}. It is shown as soon as it comes");
                }
                self.looked = Some(traffic.revision);
            }
        }
    }
}

/// Shows what is selected, wherever it is: a notice, a list or a search may name what is on another level.
/// Who fills the picture is selected: its details are the rest of that level.
pub(super) fn reveal(
    mut focus: ResMut<'_, Focus>,
    traffic: Res<'_, Traffic>,
    picture: Res<'_, Picture>,
    mut navigation: ResMut<'_, Navigation>,
    mut last: Local<'_, Option<Item>>,
    mut level: Local<'_, Level>,
) {
    if std::mem::replace(&mut *level, navigation.level) != navigation.level
        && let Level::Node(node) = navigation.level
    {
        let selected = Some(Item::Node(node));
        focus.set_if_neq(Focus { selected, ..*focus });
    }
    let selected = focus.selected;
    if std::mem::replace(&mut *last, selected) == selected {
        return;
    }
    let hidden = match selected {
        Some(Item::Node(id)) if traffic.nodes.contains_key(&id) => Some(id),
        Some(Item::Edge(id)) if picture.edge_of(id) != Some(id) => {
            traffic.edges.get(&id).map(|edge| edge.target)
        }
        _ => None,
    };
    if let Some(node) = hidden
        && picture.node_of(node) != Some(node)
    {
        navigation.show(node, &picture);
    }
}

#[cfg(test)]
mod tests;
