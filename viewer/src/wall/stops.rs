//! Where a tour stops: pure functions from what is known to what is worth a look. In: the graph, its
//! traffic, the notice that hurts most. Out: [`Stop`]s.

use std::collections::BTreeMap;

use bevy::math::{Rect, Vec2};
use bevy::platform::collections::{HashMap, HashSet};
use spanfall_collector::reduce::node::NodeId;

use crate::focus::Item;
use crate::layout::Places;
use crate::picture::{Level, Zones};
use crate::traffic::Traffic;

/// What a tour knows when it looks for its next stop.
#[derive(Clone, Copy)]
pub struct Sight<'a> {
    /// The graph and its traffic.
    pub traffic: &'a Traffic,
    /// Where its nodes are.
    pub places: &'a Places,
    /// What the notice is about that hurts most, if there is one.
    pub trouble: Option<Item>,
    /// Its zones, if the tour may go from level to level. Where there are several, each stop is a level.
    pub zones: Option<&'a Zones>,
}

impl<'a> Sight<'a> {
    /// The zones, where there is a world of several to tour in.
    fn world(&self) -> Option<&'a Zones> {
        self.zones.filter(|zones| zones.several())
    }
}

/// A place where a tour stays for a while.
#[derive(Clone, Debug, PartialEq)]
pub struct Stop {
    /// The level to be seen; none is the one that is shown.
    pub level: Option<Level>,
    /// The world points of it to be seen; none is the whole.
    pub around: Option<Rect>,
    /// How long, in seconds.
    pub stay: f64,
}

/// Something that a tour may go to. There may be nothing of the sort now.
pub type Finder = fn(&Sight<'_>) -> Option<Stop>;

/// What a tour goes to, around and around. More can be added: a level, a pinned node.
pub const ROUND: [Finder; 4] = [whole, trouble, whole, busiest];

/// Where people look at most of the time.
const STAY_WHOLE: f64 = 40.0;
/// Long enough to read a few names and figures.
const STAY_CLOSE: f64 = 25.0;

/// A stop that shows more than this part of the graph's width and height shows nothing that the whole
/// does not.
const CLOSER: f32 = 0.75;

/// The world, where there are several zones; else all there is.
fn whole(sight: &Sight<'_>) -> Option<Stop> {
    let level = sight.zones.map(|_| match sight.world() {
        Some(_) => Level::World,
        None => Level::Everything,
    });
    Some(Stop { level, around: None, stay: STAY_WHOLE })
}

/// What the worst notice is about, with who calls it and whom it calls.
fn trouble(sight: &Sight<'_>) -> Option<Stop> {
    if let Some(zones) = sight.world() {
        let node = match sight.trouble? {
            Item::Node(node) => node,
            // Where it arrives.
            Item::Edge(edge) => sight.traffic.edges.get(&edge)?.target,
        };
        let level = Level::Node(node);
        return level.exists(sight.traffic, zones).then_some(close_level(level));
    }
    let nodes = match sight.trouble? {
        Item::Node(node) => neighbours(sight.traffic, node),
        Item::Edge(edge) => {
            let edge = sight.traffic.edges.get(&edge)?;
            HashSet::from_iter([edge.source, edge.target])
        }
    };
    close(sight, &nodes)
}

/// The busiest region, where there are several; else the busiest node, with its neighbours.
fn busiest(sight: &Sight<'_>) -> Option<Stop> {
    if let Some(zones) = sight.world() {
        let mut rates: BTreeMap<NodeId, f64> = BTreeMap::new();
        for (id, node) in &sight.traffic.nodes {
            if let Some(zone) = zones.of(*id) {
                *rates.entry(zone).or_default() += node.inbound.total().max(0.0);
            }
        }
        let (zone, rate) = rates.into_iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
        return (rate > 0.0).then_some(close_level(Level::Zone(zone)));
    }
    let mut regions: HashMap<(&str, &str), (f64, HashSet<NodeId>)> = HashMap::default();
    for (id, node) in &sight.traffic.nodes {
        if !node.region.is_empty() {
            let region = regions.entry((&node.account, &node.region)).or_default();
            region.0 += node.inbound.total();
            region.1.insert(*id);
        }
    }
    if regions.len() > 1 {
        let rate = |region: &(f64, HashSet<NodeId>)| region.0;
        let (_, nodes) = regions.values().max_by(|a, b| rate(a).total_cmp(&rate(b)))?;
        return close(sight, nodes);
    }
    let rate =
        |id: &NodeId| sight.traffic.nodes.get(id).map_or(0.0, |node| node.inbound.total().max(0.0));
    let (node, _) = sight.traffic.nodes.iter().max_by(|a, b| {
        // Of equally busy ones always the same.
        rate(a.0).total_cmp(&rate(b.0)).then(b.0.cmp(a.0))
    })?;
    // Where nothing happens, nothing is busy.
    if rate(node) <= 0.0 {
        return None;
    }
    // Who calls everybody has neighbours everywhere; then what happens most between two will do.
    close(sight, &neighbours(sight.traffic, *node)).or_else(|| {
        let edge = sight
            .traffic
            .edges
            .values()
            .max_by(|a, b| a.rates.total().total_cmp(&b.rates.total()))?;
        close(sight, &HashSet::from_iter([edge.source, edge.target]))
    })
}

/// A node, who calls it, and whom it calls.
fn neighbours(traffic: &Traffic, node: NodeId) -> HashSet<NodeId> {
    let mut nodes = HashSet::from_iter([node]);
    for edge in traffic.edges.values() {
        if edge.source == node {
            nodes.insert(edge.target);
        } else if edge.target == node {
            nodes.insert(edge.source);
        }
    }
    nodes
}

/// A look at all of a level.
fn close_level(level: Level) -> Stop {
    Stop { level: Some(level), around: None, stay: STAY_CLOSE }
}

/// A look at these nodes, if they are not the whole picture anyway.
fn close(sight: &Sight<'_>, nodes: &HashSet<NodeId>) -> Option<Stop> {
    let around = bounds(nodes.iter().filter_map(|id| sight.places.target.get(id)))?;
    let all = bounds(sight.places.target.values())?;
    let closer = around.width() < all.width() * CLOSER || around.height() < all.height() * CLOSER;
    let level = sight.zones.map(|_| Level::Everything);
    closer.then_some(Stop { level, around: Some(around), stay: STAY_CLOSE })
}

fn bounds<'a>(points: impl Iterator<Item = &'a Vec2>) -> Option<Rect> {
    points.copied().fold(None, |bounds: Option<Rect>, at| {
        Some(bounds.map_or(Rect::from_corners(at, at), |bounds| bounds.union_point(at)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::sample::graph;
    use spanfall_collector::reduce::hop::EdgeId;

    /// A row of five nodes, 1 calls 2 and so on, a hundred apart.
    fn row() -> (Traffic, Places) {
        let traffic = graph(5, &[(1, 2), (2, 3), (3, 4), (4, 5)]);
        let mut places = Places::default();
        for id in 1..=5_u8 {
            let at = Vec2::new(f32::from(id) * 100.0, 0.0);
            places.target.insert(NodeId(u64::from(id)), at);
        }
        (traffic, places)
    }

    fn seen(stop: Option<Stop>) -> Option<(f32, f32)> {
        stop.and_then(|stop| stop.around).map(|around| (around.min.x, around.max.x))
    }

    #[test]
    fn trouble_is_shown_with_its_neighbours() {
        let (traffic, places) = row();
        let at = |trouble| Sight { traffic: &traffic, places: &places, trouble, zones: None };
        assert_eq!(seen(trouble(&at(Some(Item::Node(NodeId(5)))))), Some((400.0, 500.0)));
        assert_eq!(seen(trouble(&at(Some(Item::Node(NodeId(2)))))), Some((100.0, 300.0)));
        assert_eq!(seen(trouble(&at(Some(Item::Edge(EdgeId(3)))))), Some((300.0, 400.0)));
        assert_eq!(trouble(&at(None)), None);
        assert_eq!(trouble(&at(Some(Item::Node(NodeId(99))))), None, "it is gone");
    }

    #[test]
    fn the_busiest_node_is_shown_and_where_nothing_happens_none_is() {
        let (mut traffic, places) = row();
        let find = |traffic: &Traffic| {
            seen(busiest(&Sight { traffic, places: &places, trouble: None, zones: None }))
        };
        assert_eq!(find(&traffic), None);
        traffic.nodes.get_mut(&NodeId(4)).unwrap().inbound.per_second.ok = 3.0;
        traffic.nodes.get_mut(&NodeId(2)).unwrap().inbound.per_second.ok = 2.0;
        assert_eq!(find(&traffic), Some((300.0, 500.0)));
    }

    #[test]
    fn where_the_busiest_has_neighbours_everywhere_its_busiest_edge_is_shown() {
        let mut traffic = graph(5, &[(3, 1), (3, 2), (3, 4), (3, 5)]);
        let (_, places) = row();
        traffic.nodes.get_mut(&NodeId(3)).unwrap().inbound.per_second.ok = 9.0;
        traffic.edges.get_mut(&EdgeId(3)).unwrap().rates.per_second.ok = 4.0;
        let mut high = places.clone();
        high.target.insert(NodeId(1), Vec2::new(100.0, 300.0));
        let sight = Sight { traffic: &traffic, places: &high, trouble: None, zones: None };
        assert_eq!(seen(busiest(&sight)), Some((300.0, 400.0)));
    }

    #[test]
    fn of_several_regions_the_busiest_is_shown() {
        let (mut traffic, places) = row();
        for (id, region) in [(1, "west"), (2, "west"), (3, "east"), (4, "east"), (5, "east")] {
            let node = traffic.nodes.get_mut(&NodeId(id)).unwrap();
            node.region = region.into();
            node.inbound.per_second.ok = if region == "east" { 1.0 } else { 1.2 };
        }
        let sight = Sight { traffic: &traffic, places: &places, trouble: None, zones: None };
        assert_eq!(seen(busiest(&sight)), Some((300.0, 500.0)));
    }

    #[test]
    fn where_there_are_several_regions_each_stop_is_a_level() {
        let (mut traffic, places) = row();
        for (id, region) in [(1, "west"), (2, "west"), (3, "east"), (4, "east"), (5, "east")] {
            let node = traffic.nodes.get_mut(&NodeId(id)).unwrap();
            node.region = region.into();
            node.inbound.per_second.ok = if region == "east" { 1.0 } else { 1.2 };
        }
        let zones = Zones::find(&traffic);
        let at =
            |trouble| Sight { traffic: &traffic, places: &places, trouble, zones: Some(&zones) };
        let level = |stop: Option<Stop>| stop.and_then(|stop| stop.level);
        let none = at(None);
        assert_eq!(level(whole(&none)), Some(Level::World));
        assert_eq!(level(busiest(&none)), zones.named("east").map(Level::Zone));
        assert_eq!(trouble(&none), None);
        let node = Some(Level::Node(NodeId(4)));
        assert_eq!(level(trouble(&at(Some(Item::Node(NodeId(4)))))), node);
        assert_eq!(level(trouble(&at(Some(Item::Edge(EdgeId(3)))))), node, "where it arrives");
        assert_eq!(trouble(&at(Some(Item::Node(NodeId(99))))), None, "it is gone");
    }

    #[test]
    fn one_region_is_toured_as_a_whole() {
        let (traffic, places) = row();
        let zones = Zones::find(&traffic);
        let trouble = Some(Item::Node(NodeId(5)));
        let sight = Sight { traffic: &traffic, places: &places, trouble, zones: Some(&zones) };
        assert_eq!(whole(&sight).unwrap().level, Some(Level::Everything));
        let stop = super::trouble(&sight).unwrap();
        assert_eq!((stop.level, stop.around.is_some()), (Some(Level::Everything), true));
    }

    #[test]
    fn what_is_nearly_the_whole_picture_is_no_stop() {
        let (traffic, mut places) = row();
        places.target.retain(|id, _| id.0 <= 3);
        let trouble = Some(Item::Node(NodeId(2)));
        let sight = Sight { traffic: &traffic, places: &places, trouble, zones: None };
        assert_eq!(super::trouble(&sight), None);
    }
}
