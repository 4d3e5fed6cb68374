//! The picture: which part of the model is on screen, and as what. A level shows the world, a zone or one
//! node; a filter leaves out, folding joins what is too much to read. In: [`Traffic`], and what a person
//! asks for. Out: [`Picture`], which layout, scene and particles draw instead of the model.

pub mod filter;
pub mod fold;
pub mod id;
pub mod level;
pub mod navigation;
mod plan;
pub mod zone;

pub use filter::Filter;
pub use level::Level;
pub use navigation::Navigation;
pub use plan::What;
pub use zone::Zones;

use bevy::prelude::*;
use indexmap::IndexMap;
use spanfall_collector::reduce::hop::EdgeId;
use spanfall_collector::reduce::node::{NodeId, NodeKind};

use crate::app::Flow;
use crate::focus::{Command, Focus, Item};
use crate::traffic::{RateSum, Rates, Traffic};
use plan::{Ask, Face, Plan, plan};

/// Keeps [`Picture`] in step with the model, and obeys who goes from level to level.
#[derive(Clone, Copy, Debug, Default)]
pub struct PicturePlugin;

impl Plugin for PicturePlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Picture>()
            .init_resource::<Navigation>()
            .init_resource::<Filter>()
            .init_resource::<Focus>()
            .init_resource::<Traffic>()
            .add_message::<Command>()
            .add_systems(
                Update,
                (navigation::obey, navigation::reveal, project).chain().in_set(Flow::Picture),
            );
    }
}

/// What is on screen: nodes and edges of the model, and what stands for several of them.
#[derive(Resource, Clone, Debug, Default)]
pub struct Picture {
    /// Nodes by id, in the order in which the model learned of them.
    pub nodes: IndexMap<NodeId, PictureNode>,
    /// Edges by id.
    pub edges: IndexMap<EdgeId, PictureEdge>,
    /// The level that is shown.
    pub level: Level,
    /// All zones of the model.
    pub zones: Zones,
    /// Grows whenever a node or an edge comes to or goes from the screen, or changes its name.
    pub revision: u64,
    /// Grows whenever the same traffic is shown in another way: another level, filter or fold. What is
    /// under way must set out again.
    pub cut: u64,
    /// The same for the same level and filter: layouts are kept by it.
    pub ground: u64,
    /// How many edges of the model the filter leaves out, with those of other levels.
    pub left_out: usize,
    plan: Plan,
    drawn: Option<Drawn>,
    never_folds: bool,
}

/// A node on screen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PictureNode {
    /// What it stands for.
    pub what: What,
    /// Its kind; that of most of its members.
    pub kind: NodeKind,
    /// Its name.
    pub name: String,
    /// Whether requests enter the system here.
    pub entry: bool,
    /// Rates of the hops that arrive, those among its members too.
    pub inbound: Rates,
    /// Rates of the hops that leave.
    pub outbound: Rates,
    /// How present it is, from 0 to 1: see [`NodeState`](crate::traffic::NodeState).
    pub presence: f32,
    /// Seconds of the feed since it was last heard of.
    pub quiet: f64,
}

/// An edge on screen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PictureEdge {
    /// Where requests come from.
    pub source: NodeId,
    /// Where they go.
    pub target: NodeId,
    /// Rates of its hops.
    pub rates: Rates,
    /// How present it is, from 0 to 1.
    pub presence: f32,
}

/// What the picture was made from.
#[derive(Clone, Debug, PartialEq)]
struct Drawn {
    view: View,
    /// [`Traffic::revision`].
    revision: u64,
    selected: Option<Item>,
    /// The feed's time whose rates it shows, and that whose rates the plan was made from.
    time: Option<f64>,
    planned: Option<f64>,
}

/// How the model is looked at.
#[derive(Clone, Debug, PartialEq)]
struct View {
    level: Level,
    filter: Filter,
    unfoldings: u64,
}

/// Seconds of the feed after which a plan that a filter makes depend on rates is made again.
const LOOK_AGAIN: f64 = 1.0;

/// The same where only folding does: whoever begins to fail comes out of a group that is red already, and
/// with every one of them nodes move.
const REGROUP: f64 = 5.0;

impl Picture {
    /// A picture that shows every node, however many there are: nobody could read it, but it can be
    /// measured.
    pub fn never_folding() -> Self {
        Self { never_folds: true, ..Self::default() }
    }

    /// The edge on screen on which hops of this edge of the model fly; none where they are not seen.
    pub fn edge_of(&self, id: EdgeId) -> Option<EdgeId> {
        self.plan.path.get(&id).copied()
    }

    /// The node on screen that is, or stands for, this node of the model.
    pub fn node_of(&self, id: NodeId) -> Option<NodeId> {
        self.plan.home.get(&id).copied()
    }

    /// The nodes of the model that a node on screen stands for, in no order.
    pub fn members(&self, id: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        self.plan.home.iter().filter(move |(_, home)| **home == id).map(|(member, _)| *member)
    }

    /// The edges of the model that an edge on screen stands for, in no order.
    pub fn strands(&self, id: EdgeId) -> impl Iterator<Item = EdgeId> + '_ {
        self.plan.path.iter().filter(move |(_, shown)| **shown == id).map(|(strand, _)| *strand)
    }

    /// All nodes of the model that are shown, with the nodes on screen that show them.
    pub fn homes(&self) -> impl Iterator<Item = (NodeId, NodeId)> + '_ {
        self.plan.home.iter().map(|(id, home)| (*id, *home))
    }

    /// The same for edges.
    pub fn paths(&self) -> impl Iterator<Item = (EdgeId, EdgeId)> + '_ {
        self.plan.path.iter().map(|(id, path)| (*id, *path))
    }

    /// Whether a node or an edge of this id is on screen.
    pub fn has(&self, item: Item) -> bool {
        match item {
            Item::Node(id) => self.nodes.contains_key(&id),
            Item::Edge(id) => self.edges.contains_key(&id),
        }
    }

    /// Follows the model. Returns whether anything changed.
    pub fn follow(
        &mut self,
        traffic: &Traffic,
        navigation: &Navigation,
        filter: &Filter,
        selected: Option<Item>,
    ) -> bool {
        let view = View {
            level: navigation.level(),
            filter: filter.clone(),
            unfoldings: navigation.unfoldings(),
        };
        let time = traffic.time();
        let stale = match &self.drawn {
            None => true,
            Some(drawn) => {
                let chosen = filter.is_on() || self.folds(traffic);
                let again = if filter.is_on() { LOOK_AGAIN } else { REGROUP };
                let due = drawn
                    .planned
                    .zip(time)
                    .is_none_or(|(planned, time)| (time - planned).abs() >= again);
                drawn.revision != traffic.revision
                    || drawn.view != view
                    || chosen && (drawn.selected != selected || due && drawn.time != time)
            }
        };
        let planned = self.drawn.as_ref().and_then(|drawn| drawn.planned);
        if !stale && self.drawn.as_ref().is_some_and(|drawn| drawn.time == time) {
            return false;
        }
        if stale {
            let same = self.drawn.as_ref().is_some_and(|drawn| drawn.view == view);
            self.replan(traffic, navigation, filter, selected, !same);
        }
        let planned = if stale { time } else { planned };
        let revision = traffic.revision;
        self.drawn = Some(Drawn { view, revision, selected, time, planned });
        self.fill(traffic);
        true
    }

    /// Whether folding may have something to do.
    fn folds(&self, traffic: &Traffic) -> bool {
        !self.never_folds && traffic.nodes.len() > fold::MOST_SHOWN
    }

    fn replan(
        &mut self,
        traffic: &Traffic,
        navigation: &Navigation,
        filter: &Filter,
        selected: Option<Item>,
        another_view: bool,
    ) {
        self.zones = Zones::find(traffic);
        self.level = navigation.level();
        self.ground = id::of_words(&[&format!("{:?} {filter:?}", self.level)]).0;
        let next = plan(&Ask {
            traffic,
            zones: &self.zones,
            level: self.level,
            filter,
            unfolded: navigation.unfolded(),
            selected,
            before: &self.plan,
            most: if self.never_folds { usize::MAX } else { fold::MOST_SHOWN },
            well: fold::WELL_SHOWN,
        });
        // What flies on an edge whose hops go elsewhere now sets out again.
        let moved =
            self.plan.path.iter().any(|(id, shown)| {
                next.path.get(id) != Some(shown) && traffic.edges.contains_key(id)
            });
        self.cut += u64::from(another_view || moved);
        self.revision += u64::from(next.nodes != self.plan.nodes || next.edges != self.plan.edges);
        self.left_out =
            if filter.is_on() { traffic.edges.len().saturating_sub(next.path.len()) } else { 0 };
        self.plan = next;
    }

    /// Takes over what the model's nodes and edges do now.
    fn fill(&mut self, traffic: &Traffic) {
        self.nodes.clear();
        for (id, Face { what, kind, name }) in &self.plan.nodes {
            let (what, kind, name) = (*what, *kind, name.clone());
            let quiet = f64::INFINITY;
            let node = PictureNode { what, kind, name, quiet, ..PictureNode::default() };
            self.nodes.insert(*id, node);
        }
        let mut sums = vec![[RateSum::default(); 2]; self.nodes.len()];
        for (id, node) in &traffic.nodes {
            let home = self.plan.home.get(id).and_then(|home| self.nodes.get_full_mut(home));
            let Some((index, _, shown)) = home else { continue };
            shown.entry |= node.entry;
            shown.presence = shown.presence.max(node.presence);
            let quiet = traffic.time().map_or(0.0, |now| (now - node.heard).max(0.0));
            shown.quiet = shown.quiet.min(quiet);
            if shown.what == What::Itself {
                (shown.inbound, shown.outbound) = (node.inbound, node.outbound);
            } else if let Some([inbound, outbound]) = sums.get_mut(index) {
                inbound.add(&node.inbound);
                outbound.add(&node.outbound);
            }
        }
        for (node, [inbound, outbound]) in self.nodes.values_mut().zip(sums) {
            if node.what != What::Itself {
                inbound.put(&mut node.inbound);
                outbound.put(&mut node.outbound);
            }
        }
        self.fill_edges(traffic);
    }

    fn fill_edges(&mut self, traffic: &Traffic) {
        self.edges.clear();
        for (id, (source, target)) in &self.plan.edges {
            let (source, target, rates) = (*source, *target, Rates::default());
            self.edges.insert(*id, PictureEdge { source, target, rates, presence: 0.0 });
        }
        let mut sums = vec![RateSum::default(); self.edges.len()];
        for (id, edge) in &traffic.edges {
            let path = self.plan.path.get(id);
            let Some((index, shown, to)) = path.and_then(|path| self.edges.get_full_mut(path))
            else {
                continue;
            };
            to.presence = to.presence.max(edge.presence);
            if shown == id {
                to.rates = edge.rates;
            } else if let Some(sum) = sums.get_mut(index) {
                sum.add(&edge.rates);
            }
        }
        for ((id, edge), sum) in self.edges.iter_mut().zip(sums) {
            if id::is_edge_made_here(*id) {
                sum.put(&mut edge.rates);
            }
        }
    }
}

/// Lets the picture follow, and tells those who draw it only if something changed.
fn project(
    traffic: Res<'_, Traffic>,
    navigation: Res<'_, Navigation>,
    filter: Res<'_, Filter>,
    focus: Res<'_, Focus>,
    mut picture: ResMut<'_, Picture>,
) {
    let still = picture.bypass_change_detection();
    if still.follow(&traffic, &navigation, &filter, focus.selected) {
        picture.set_changed();
    }
}
