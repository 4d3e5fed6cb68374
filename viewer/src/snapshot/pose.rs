//! What a picture or a clip shows that does not come by itself: a selected node, a followed request, a
//! search, an open panel. In: a [`Pose`], as the command line has it. Out: a person's [`Command`]s, each when
//! its time has come.

use std::time::Duration;

use bevy::prelude::*;
use clap::ValueEnum;
use spanfall_collector::feed::message::TraceId;
use spanfall_collector::reduce::node::NodeId;

use super::png::SnapshotError;
use crate::focus::{Command, Item, Shown};
use crate::picture::Picture;
use crate::search::{Ask, Typed};
use crate::traffic::Traffic;

/// What a picture shows on purpose.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pose {
    /// The name of the node or group to be selected, or the names of an edge's ends with `>` between them,
    /// so that its details are in the picture.
    pub select: Option<String>,
    /// The request to go along with.
    pub follow: Option<Followed>,
    /// What is searched for.
    pub search: Option<String>,
    /// The panels that are open.
    pub open: Vec<Panel>,
    /// How often Tab is pressed, so that a control has the keys.
    pub tabs: u8,
}

/// Which request a picture goes along with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Followed {
    /// The worst known of what is selected, or of all.
    Worst,
    /// That of this trace.
    Trace(TraceId),
}

/// A panel that a key opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Panel {
    /// The options.
    Options,
    /// The filters.
    Filters,
    /// The list of keys.
    Keys,
    /// How to point functions here.
    Setup,
}

/// How long before a picture, or a clip's beginning, it is posed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lead {
    /// Selected and opened so long before, so that all has come and settled.
    select: Duration,
    /// Followed so long before.
    follow: Duration,
}

impl Lead {
    /// Of a picture: a followed request is about half way then.
    pub(super) fn of_picture(pose: &Pose) -> Self {
        let select = if pose.follow.is_some() { 8_500 } else { 2_500 };
        Self { select: Duration::from_millis(select), follow: Duration::from_millis(7_000) }
    }

    /// Of a clip: it shows the request from its beginning.
    pub(super) fn of_clip() -> Self {
        Self { select: Duration::from_millis(2_500), follow: Duration::from_millis(500) }
    }
}

/// How long before the picture Tab is pressed: what was opened is there.
const TABS: Duration = Duration::from_millis(1_000);

/// A pose being struck.
pub(super) struct Striking<'p> {
    pose: &'p Pose,
    lead: Lead,
    /// When the picture is taken, or the clip begins.
    at: Duration,
    selected: bool,
    opened: bool,
    followed: bool,
    tabbed: bool,
}

/// What has just been done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Struck {
    /// Something was selected, of which there may be details.
    pub(super) selected: Option<Item>,
    /// A request is to be followed.
    pub(super) followed: bool,
}

impl<'p> Striking<'p> {
    pub(super) fn new(pose: &'p Pose, lead: Lead, at: Duration) -> Self {
        Self {
            pose,
            lead,
            at,
            selected: pose.select.is_none(),
            opened: false,
            followed: pose.follow.is_none(),
            tabbed: pose.tabs == 0,
        }
    }

    /// Does what is due when the app has run for so long.
    pub(super) fn go_on(&mut self, app: &mut App, ran: Duration) -> Struck {
        let mut struck = Struck::default();
        let world = app.world_mut();
        if !self.opened && ran + self.lead.select >= self.at {
            self.opened = true;
            self.open(world);
        }
        if !self.selected && ran + self.lead.select >= self.at {
            // It may not be there yet.
            struck.selected = self.pose.select.as_deref().and_then(|name| named(world, name));
            if let Some(item) = struck.selected {
                world.write_message(Command::Select(Some(item)));
                self.selected = true;
            }
        }
        if self.selected
            && !self.followed
            && ran + self.lead.follow >= self.at
            && let Some(follow) = self.pose.follow
        {
            self.followed = true;
            struck.followed = true;
            world.write_message(match follow {
                Followed::Worst => Command::FollowExample,
                Followed::Trace(trace) => Command::Follow(trace),
            });
        }
        if !self.tabbed && ran + TABS >= self.at {
            self.tabbed = true;
            for _ in 0..self.pose.tabs {
                world.write_message(Command::NextControl(true));
            }
        }
        struck
    }

    fn open(&self, world: &mut World) {
        for panel in &self.pose.open {
            let shown = world.get_resource::<Shown>().copied().unwrap_or_default();
            let command = match panel {
                Panel::Options => Command::ToggleOptions,
                Panel::Filters => Command::ToggleFilters,
                Panel::Keys => Command::ToggleKeys,
                // It may be there by itself.
                Panel::Setup if shown.setup => continue,
                Panel::Setup => Command::ToggleSetup,
            };
            world.write_message(command);
        }
        if let Some(words) = &self.pose.search {
            world.write_message(Command::Search(Ask::Open));
            world.write_message(Typed::Text(words.clone()));
        }
    }

    /// Whether what was to be selected was there.
    ///
    /// # Errors
    /// If nothing is called so.
    pub(super) fn finish(&self, app: &App) -> Result<(), SnapshotError> {
        if self.selected {
            return Ok(());
        }
        let names: Vec<&str> = app
            .world()
            .get_resource::<Traffic>()
            .map(|traffic| traffic.nodes.values().map(|node| node.name.as_str()).take(8).collect())
            .unwrap_or_default();
        let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        let name = self.pose.select.clone().unwrap_or_default();
        Err(SnapshotError::NoSuchNode { name, known })
    }
}

/// What is called so on the screen or in the model.
fn named(world: &World, name: &str) -> Option<Item> {
    let found = world.get_resource::<Traffic>().and_then(|traffic| in_traffic(traffic, name));
    found.or_else(|| {
        let mut nodes = world.get_resource::<Picture>()?.nodes.iter();
        nodes.find(|(_, node)| node.name == name).map(|(id, _)| Item::Node(*id))
    })
}

/// The node of this name, or else the edge between two nodes whose names these are.
fn in_traffic(traffic: &Traffic, name: &str) -> Option<Item> {
    if let Some((&id, _)) = traffic.nodes.iter().find(|(_, node)| node.name == name) {
        return Some(Item::Node(id));
    }
    let (source, target) = name.split_once('>')?;
    let is = |id: &NodeId, name: &str| {
        traffic.nodes.get(id).is_some_and(|node| node.name == name.trim())
    };
    let mut edges = traffic.edges.iter();
    let found = edges.find(|(_, edge)| is(&edge.source, source) && is(&edge.target, target));
    found.map(|(&id, _)| Item::Edge(id))
}

#[cfg(test)]
mod tests {
    use spanfall_collector::feed::message::{Graph, GraphEdge, GraphNode};
    use spanfall_collector::reduce::hop::EdgeId;
    use spanfall_collector::reduce::node::NodeKind;

    use super::*;
    use crate::interaction::tests::Desk;
    use crate::search::Search;

    #[test]
    fn a_node_or_an_edge_is_selected_by_name() {
        let mut traffic = Traffic::default();
        let node = |id: u64, name: &str| GraphNode {
            id: NodeId(id),
            kind: NodeKind::Function,
            name: name.to_owned(),
            account: String::new(),
            region: String::new(),
            entry: false,
        };
        let edge = GraphEdge { id: EdgeId(9), source: NodeId(1), target: NodeId(2) };
        let nodes = vec![node(1, "a"), node(2, "b"), node(3, "a>c")];
        traffic.apply_graph(&Graph { nodes, edges: vec![edge], ..Graph::default() }, 0.0);
        assert_eq!(in_traffic(&traffic, "b"), Some(Item::Node(NodeId(2))));
        assert_eq!(in_traffic(&traffic, "a > b"), Some(Item::Edge(EdgeId(9))));
        assert_eq!(in_traffic(&traffic, "a>c"), Some(Item::Node(NodeId(3))), "a name comes first");
        assert_eq!((in_traffic(&traffic, "b>a"), in_traffic(&traffic, "c")), (None, None));
    }

    #[test]
    fn a_pose_is_struck_step_by_step_before_the_picture() {
        let pose = Pose {
            select: Some("orders".to_owned()),
            search: Some("check".to_owned()),
            open: vec![Panel::Options, Panel::Filters],
            ..Pose::default()
        };
        let mut desk = Desk::new();
        let at = Duration::from_secs(10);
        let mut striking = Striking::new(&pose, Lead::of_picture(&pose), at);
        assert_eq!(striking.go_on(&mut desk.app, Duration::from_secs(7)), Struck::default());
        let struck = striking.go_on(&mut desk.app, Duration::from_secs(8));
        assert_eq!(struck.selected, Some(Item::Node(NodeId(3))));
        desk.wait(0.2);
        let world = desk.app.world();
        assert_eq!(world.resource::<Search>().hits, [NodeId(2)]);
        let shown = world.resource::<Shown>();
        assert!(shown.options && shown.filters && !shown.keys);
        assert_eq!(striking.go_on(&mut desk.app, at), Struck::default(), "it is done once");
        assert!(striking.finish(&desk.app).is_ok());
    }

    #[test]
    fn what_nothing_is_called_is_told_with_what_there_is() {
        let pose = Pose { select: Some("ordres".to_owned()), ..Pose::default() };
        let mut desk = Desk::new();
        let mut striking = Striking::new(&pose, Lead::of_clip(), Duration::ZERO);
        striking.go_on(&mut desk.app, Duration::ZERO);
        let error = striking.finish(&desk.app).unwrap_err().to_string();
        assert!(error.contains("\"ordres\"") && error.contains("orders"), "{error}");
    }
}
