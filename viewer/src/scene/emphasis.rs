//! What the picture singles out. In: [`Focus`] and the graph. Out: how bright each node and edge is
//! now: the focused item and its neighbours stay, the rest steps back, smoothly.

use bevy::platform::collections::{HashMap, HashSet};
use bevy::prelude::*;
use spanfall_collector::reduce::hop::EdgeId;
use spanfall_collector::reduce::node::NodeId;

use crate::focus::{Focus, Item};
use crate::follow::Following;
use crate::picture::Picture;

/// How bright nodes are that are not in focus while something is.
const NODE_BEHIND: f32 = 0.22;
/// The same for edges and their particles.
const EDGE_BEHIND: f32 = 0.09;
/// How bright edges of a followed request are while it is elsewhere.
const EDGE_ON_THE_WAY: f32 = 0.5;
/// Seconds in which a third of the way to the new brightness is left.
const EASE: f32 = 0.09;
/// Brightnesses this close are the same.
const SAME: f32 = 0.004;

/// How bright everything is now. What is new fades in.
#[derive(Resource, Clone, Debug, Default)]
pub struct Emphasis {
    nodes: HashMap<NodeId, f32>,
    edges: HashMap<EdgeId, f32>,
    chosen: HashMap<NodeId, f32>,
    front: Front,
    moving: bool,
}

/// What stays bright.
#[derive(Clone, Debug, Default, PartialEq)]
enum Front {
    /// Everything: nothing is in focus.
    #[default]
    All,
    /// These.
    Only { nodes: HashSet<NodeId>, edges: HashSet<EdgeId> },
    /// The way of the request that is followed, and where on it that is now.
    Way { nodes: HashSet<NodeId>, edges: HashSet<EdgeId>, on: Option<EdgeId>, at: Option<NodeId> },
}

impl Emphasis {
    /// How bright this node is, from 0 (just learned of) to 1.
    pub fn node(&self, node: NodeId) -> f32 {
        self.nodes.get(&node).copied().unwrap_or(0.0)
    }

    /// How bright this edge and its particles are, from 0 to 1.
    pub fn edge(&self, edge: EdgeId) -> f32 {
        self.edges.get(&edge).copied().unwrap_or(0.0)
    }

    /// How far this node is marked as selected or under the pointer, from 0 to 1.
    pub fn chosen(&self, node: NodeId) -> f32 {
        self.chosen.get(&node).copied().unwrap_or(0.0)
    }

    /// Whether this node is in front, or will be as soon as brightness has followed.
    pub fn is_front_node(&self, node: NodeId) -> bool {
        self.front.has_node(&node)
    }

    /// Whether this edge is in front, or will be.
    pub fn is_front_edge(&self, edge: EdgeId) -> bool {
        self.front.has_edge(&edge)
    }

    /// Whether any brightness is still changing.
    pub fn moving(&self) -> bool {
        self.moving
    }

    /// Goes on by `passed` seconds.
    /// `hits` are what a search has found, while one is open: nodes of the model.
    pub fn advance(
        &mut self,
        focus: &Focus,
        hits: Option<&[NodeId]>,
        following: &Following,
        picture: &Picture,
        passed: f32,
    ) {
        // Whoever points at something wants to see that.
        self.front = match (focus.hovered, hits) {
            (None, Some(hits)) => Front::found(hits, picture),
            (None, None) if following.is_shown() => Front::along(following, picture),
            _ => Front::of(focus.item(), picture),
        };
        let front = &self.front;
        let step = 1.0 - (-passed.max(0.0) / EASE).exp();
        let node = |id: &NodeId| if front.has_node(id) { 1.0 } else { NODE_BEHIND };
        let edge = |id: &EdgeId| front.edge_level(id);
        let marked = [focus.selected, focus.hovered, front.at().map(Item::Node)];
        let chosen = |id: &NodeId| f32::from(u8::from(marked.contains(&Some(Item::Node(*id)))));
        let nodes = ease(&mut self.nodes, picture.nodes.keys(), node, step);
        let edges = ease(&mut self.edges, picture.edges.keys(), edge, step);
        let marks = ease(&mut self.chosen, picture.nodes.keys(), chosen, step);
        self.moving = nodes || edges || marks;
        if self.nodes.len() > picture.nodes.len() {
            self.nodes.retain(|id, _| picture.nodes.contains_key(id));
            self.chosen.retain(|id, _| picture.nodes.contains_key(id));
        }
        if self.edges.len() > picture.edges.len() {
            self.edges.retain(|id, _| picture.edges.contains_key(id));
        }
    }
}

/// Moves every level towards its goal. Returns whether any has not arrived.
fn ease<'a, K: Copy + Eq + std::hash::Hash + 'a>(
    levels: &mut HashMap<K, f32>,
    keys: impl Iterator<Item = &'a K>,
    goal: impl Fn(&K) -> f32,
    step: f32,
) -> bool {
    let mut moving = false;
    for key in keys {
        let goal = goal(key);
        let level = levels.entry(*key).or_insert(0.0);
        *level += (goal - *level) * step;
        if (goal - *level).abs() < SAME {
            *level = goal;
        } else {
            moving = true;
        }
    }
    moving
}

impl Front {
    /// What a search has found, and what goes between.
    fn found(hits: &[NodeId], picture: &Picture) -> Self {
        let nodes: HashSet<NodeId> = hits.iter().filter_map(|id| picture.node_of(*id)).collect();
        let between = picture
            .edges
            .iter()
            .filter(|(_, edge)| nodes.contains(&edge.source) && nodes.contains(&edge.target));
        let edges = between.map(|(id, _)| *id).collect();
        Self::Only { nodes, edges }
    }

    /// A node brings its edges and whom they lead to; an edge brings its two ends.
    fn of(item: Option<Item>, picture: &Picture) -> Self {
        let (mut nodes, mut edges) = (HashSet::default(), HashSet::default());
        match item {
            Some(Item::Node(node)) if picture.nodes.contains_key(&node) => {
                nodes.insert(node);
                for (id, edge) in &picture.edges {
                    if edge.source == node || edge.target == node {
                        edges.insert(*id);
                        nodes.extend([edge.source, edge.target]);
                    }
                }
            }
            Some(Item::Edge(id)) => {
                // One that is gone is no reason to dim everything.
                let Some(edge) = picture.edges.get(&id) else { return Self::All };
                edges.insert(id);
                nodes.extend([edge.source, edge.target]);
            }
            _ => return Self::All,
        }
        Self::Only { nodes, edges }
    }

    /// A followed request brings all that is on its way.
    fn along(following: &Following, picture: &Picture) -> Self {
        let nodes = picture.homes().filter(|(id, _)| following.has_node(*id)).map(|(_, home)| home);
        let edges = picture.paths().filter(|(id, _)| following.has_edge(*id)).map(|(_, path)| path);
        let on = following.edge().and_then(|id| picture.edge_of(id));
        let at = following.node().and_then(|id| picture.node_of(id));
        Self::Way { nodes: nodes.collect(), edges: edges.collect(), on, at }
    }

    fn has_node(&self, node: &NodeId) -> bool {
        match self {
            Self::All => true,
            Self::Only { nodes, .. } | Self::Way { nodes, .. } => nodes.contains(node),
        }
    }

    fn has_edge(&self, edge: &EdgeId) -> bool {
        match self {
            Self::All => true,
            Self::Only { edges, .. } | Self::Way { edges, .. } => edges.contains(edge),
        }
    }

    fn edge_level(&self, edge: &EdgeId) -> f32 {
        match self {
            _ if !self.has_edge(edge) => EDGE_BEHIND,
            Self::Way { on, .. } if *on != Some(*edge) => EDGE_ON_THE_WAY,
            _ => 1.0,
        }
    }

    /// The node that the followed request is at.
    fn at(&self) -> Option<NodeId> {
        match self {
            Self::Way { at, .. } => *at,
            Self::All | Self::Only { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::sample::{graph, picture};

    const A: NodeId = NodeId(1);
    const B: NodeId = NodeId(2);
    const C: NodeId = NodeId(3);
    const D: NodeId = NodeId(4);

    fn settled(focus: Focus) -> Emphasis {
        let mut emphasis = Emphasis::default();
        let picture = picture(&graph(4, &[(1, 2), (2, 3), (3, 4)]));
        emphasis.advance(&Focus::default(), None, &Following::default(), &picture, 10.0);
        emphasis.advance(&focus, None, &Following::default(), &picture, 10.0);
        emphasis
    }

    #[test]
    fn without_focus_everything_is_bright() {
        let emphasis = settled(Focus::default());
        assert!([A, B, C, D].iter().all(|node| emphasis.node(*node) == 1.0));
        assert!(!emphasis.moving());
    }

    #[test]
    fn a_node_in_focus_keeps_its_neighbours_and_their_edges_bright() {
        let emphasis = settled(Focus { hovered: Some(Item::Node(A)), selected: None });
        assert_eq!([A, B].map(|node| emphasis.node(node)), [1.0, 1.0]);
        assert_eq!([C, D].map(|node| emphasis.node(node)), [NODE_BEHIND; 2]);
        assert_eq!([1, 2, 3].map(|edge| emphasis.edge(EdgeId(edge)) == 1.0), [true, false, false]);
        assert_eq!((emphasis.chosen(A), emphasis.chosen(B)), (1.0, 0.0));
    }

    #[test]
    fn an_edge_in_focus_keeps_its_ends_bright() {
        let emphasis = settled(Focus { hovered: None, selected: Some(Item::Edge(EdgeId(2))) });
        assert_eq!([A, B, C, D].map(|n| emphasis.node(n) == 1.0), [false, true, true, false]);
        assert_eq!([1, 2, 3].map(|edge| emphasis.edge(EdgeId(edge)) == 1.0), [false, true, false]);
    }

    #[test]
    fn a_search_keeps_its_hits_and_what_goes_between_bright() {
        let mut emphasis = Emphasis::default();
        let picture = picture(&graph(4, &[(1, 2), (2, 3), (3, 4)]));
        emphasis.advance(
            &Focus::default(),
            Some(&[A, B, D]),
            &Following::default(),
            &picture,
            10.0,
        );
        emphasis.advance(
            &Focus::default(),
            Some(&[A, B, D]),
            &Following::default(),
            &picture,
            10.0,
        );
        assert_eq!([A, B, C, D].map(|n| emphasis.node(n) == 1.0), [true, true, false, true]);
        assert_eq!([1, 2, 3].map(|edge| emphasis.edge(EdgeId(edge)) == 1.0), [true, false, false]);
    }

    #[test]
    fn focus_on_what_is_gone_dims_nothing() {
        for item in [Item::Node(NodeId(99)), Item::Edge(EdgeId(99))] {
            let emphasis = settled(Focus { hovered: Some(item), selected: None });
            assert!([A, B, C, D].iter().all(|node| emphasis.node(*node) == 1.0));
        }
    }

    #[test]
    fn brightness_changes_smoothly_and_arrives() {
        let picture = picture(&graph(2, &[(1, 2)]));
        let mut emphasis = Emphasis::default();
        let mut last = 0.0;
        for _ in 0..60 {
            emphasis.advance(&Focus::default(), None, &Following::default(), &picture, 1.0 / 60.0);
            assert!(emphasis.node(A) >= last && emphasis.node(A) - last < 0.25);
            last = emphasis.node(A);
        }
        assert_eq!(last, 1.0);
        assert!(!emphasis.moving());
    }
}
