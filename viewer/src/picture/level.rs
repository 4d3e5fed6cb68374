//! Levels: which part of the system the picture shows. In: a level, or a path such as
//! `us-east-1/checkout`. Out: the nodes that belong to it, and the way there.

use spanfall_collector::reduce::node::NodeId;

use super::zone::Zones;
use crate::traffic::Traffic;

/// Which part of the system the picture shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Level {
    /// Zones (regions, accounts), and what goes between them.
    World,
    /// All nodes of all zones.
    #[default]
    Everything,
    /// One zone's nodes, and whom they have to do with outside.
    Zone(NodeId),
    /// One node, its callers and its callees.
    Node(NodeId),
}

impl Level {
    /// The level around this one.
    pub fn outward(self, zones: &Zones) -> Option<Self> {
        match self {
            Self::World => None,
            Self::Everything | Self::Zone(_) => zones.several().then_some(Self::World),
            Self::Node(node) => Some(Self::around(node, zones)),
        }
    }

    /// The level in which a node stands among others.
    pub fn around(node: NodeId, zones: &Zones) -> Self {
        match zones.of(node) {
            Some(zone) if zones.several() => Self::Zone(zone),
            _ => Self::Everything,
        }
    }

    /// Whether there is (still) something to show there.
    pub fn exists(self, traffic: &Traffic, zones: &Zones) -> bool {
        match self {
            Self::World | Self::Everything => true,
            Self::Zone(zone) => zones.all.contains_key(&zone),
            Self::Node(node) => traffic.nodes.contains_key(&node),
        }
    }

    /// What people call it.
    pub fn name(self, traffic: &Traffic, zones: &Zones) -> String {
        match self {
            Self::World => "World".to_owned(),
            Self::Everything => "Everything".to_owned(),
            Self::Zone(zone) => {
                zones.all.get(&zone).map(|zone| zone.name.clone()).unwrap_or_default()
            }
            Self::Node(node) => {
                traffic.nodes.get(&node).map(|node| node.name.clone()).unwrap_or_default()
            }
        }
    }

    /// The way here from outside, this level last.
    pub fn way(self, zones: &Zones) -> Vec<Self> {
        let mut way = vec![self];
        let mut at = self;
        while let Some(next) = at.outward(zones) {
            way.push(next);
            at = next;
        }
        way.reverse();
        way
    }

    /// Reads `world`, `everything`, a zone's name, a node's name, or `zone/node`, as `--view` takes them.
    ///
    /// # Errors
    /// When nothing is called that; the text names what there is.
    pub fn find(path: &str, traffic: &Traffic, zones: &Zones) -> Result<Self, String> {
        let path = path.trim().trim_matches('/');
        match path.to_lowercase().as_str() {
            "world" => return Ok(Self::World),
            "" | "everything" => return Ok(Self::Everything),
            _ => {}
        }
        if let Some(zone) = zones.named(path) {
            return Ok(Self::Zone(zone));
        }
        let node = |name: &str, within: Option<NodeId>| {
            let mut nodes = traffic.nodes.iter();
            nodes
                .find(|(id, node)| {
                    node.name == name && (within.is_none() || zones.of(**id) == within)
                })
                .map(|(&id, _)| Self::Node(id))
        };
        if let Some(found) = node(path, None) {
            return Ok(found);
        }
        // A node's name may have slashes of its own, so every one may be the one after the zone.
        for (at, _) in path.match_indices('/') {
            if let (Some(zone), Some(name)) = (zones.named(&path[..at]), path.get(at + 1..))
                && let Some(found) = node(name, Some(zone))
            {
                return Ok(found);
            }
        }
        Err(nothing_called(path, traffic, zones))
    }
}

/// How many names an error lists.
const NAMES: usize = 8;

fn nothing_called(path: &str, traffic: &Traffic, zones: &Zones) -> String {
    let zones = zones.all.values().map(|zone| zone.name.as_str());
    let nodes = traffic.nodes.values().map(|node| node.name.as_str());
    let known: Vec<&str> = zones.chain(nodes).take(NAMES).collect();
    if known.is_empty() {
        return format!("nothing is called {path:?}: no spans have come yet");
    }
    format!("nothing is called {path:?}; there are world, everything, {}, ...", known.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::sample::graph;

    fn system() -> (Traffic, Zones) {
        let mut traffic = graph(3, &[(1, 2), (1, 3)]);
        for (id, region) in [(1, "eu-west-1"), (2, "us-east-1"), (3, "us-east-1")] {
            traffic.nodes[&NodeId(id)].region = region.to_owned();
        }
        traffic.nodes[&NodeId(3)].name = "GET /cart".to_owned();
        let zones = Zones::find(&traffic);
        (traffic, zones)
    }

    #[test]
    fn a_path_names_a_level() {
        let (traffic, zones) = system();
        let find = |path| Level::find(path, &traffic, &zones);
        let east = zones.named("us-east-1").unwrap();
        assert_eq!(find("World"), Ok(Level::World));
        assert_eq!(find(""), Ok(Level::Everything));
        assert_eq!(find("us-east-1/"), Ok(Level::Zone(east)));
        assert_eq!(find("us-east-1/function-2"), Ok(Level::Node(NodeId(2))));
        assert_eq!(find("us-east-1/GET /cart"), Ok(Level::Node(NodeId(3))));
        assert_eq!(find("function-1"), Ok(Level::Node(NodeId(1))));
        let wrong = find("eu-west-1/function-2").unwrap_err();
        assert!(wrong.contains("us-east-1") && wrong.contains("function-1"), "{wrong}");
    }

    #[test]
    fn the_way_out_ends_at_the_world_and_where_there_is_one_zone_at_everything() {
        let (mut traffic, zones) = system();
        let east = zones.named("us-east-1").unwrap();
        let way = Level::Node(NodeId(2)).way(&zones);
        assert_eq!(way, [Level::World, Level::Zone(east), Level::Node(NodeId(2))]);
        for node in traffic.nodes.values_mut() {
            node.region.clear();
        }
        let zones = Zones::find(&traffic);
        let way = Level::Node(NodeId(2)).way(&zones);
        assert_eq!(way, [Level::Everything, Level::Node(NodeId(2))]);
    }
}
