//! `/vizceral.json`: the traffic of the last seconds in the format of Netflix's Vizceral, so that
//! Vizceral itself can show it: the world, in it regions, in them nodes. In: the graph, the latest
//! ticks and the notices. Out: JSON.

mod format;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use indexmap::IndexMap;

use format::{
    INTERNET, Metadata, Metrics, VizConnection, VizNode, VizNotice, connection, internet, node_type,
};

use crate::feed::Hub;
use crate::feed::message::{Graph, GraphEdge, GraphNode, Message, Notice, Severity};
use crate::reduce::hop::{Counts, EdgeId};
use crate::reduce::node::{NodeId, NodeKind};

/// Rates are over this time: long enough to be steady, short enough to be now.
const WINDOW: Duration = Duration::from_secs(10);

/// The region of nodes none of whose neighbours has one.
const NOWHERE: &str = "elsewhere";

/// Everything that the hub knows, as Vizceral reads it.
pub(crate) fn json(hub: &Hub, now_ms: u64) -> Result<String, serde_json::Error> {
    let graph = hub.graph();
    let rates = rates(hub);
    let notices = hub.notices();
    serde_json::to_string(&World::new(&graph, &rates, &notices).into_node(now_ms))
}

/// Requests a second on each edge, over the window.
fn rates(hub: &Hub) -> HashMap<EdgeId, Metrics> {
    let mut sums: HashMap<EdgeId, Counts> = HashMap::new();
    for frame in hub.recent_ticks(WINDOW) {
        // The hub wrote it; it reads.
        let Ok(Message::Tick(tick)) = serde_json::from_str(frame.as_str()) else { continue };
        for moved in tick.edges {
            sums.entry(moved.edge).or_default().add(&moved.counts);
        }
    }
    let a_second = 1.0 / WINDOW.as_secs_f64();
    sums.into_iter()
        .map(|(edge, Counts { ok, slow, throttled, error, cold: _ })| {
            // Hops that were taken back may outweigh those of the window.
            let [normal, warning, danger] =
                [ok, slow + throttled, error].map(|hops| hops.max(0.0) * a_second);
            (edge, Metrics { normal, warning, danger })
        })
        .collect()
}

/// The graph by region.
struct World<'a> {
    nodes: HashMap<NodeId, &'a GraphNode>,
    edges: Vec<(&'a GraphEdge, Metrics)>,
    regions: HashMap<NodeId, &'a str>,
    notices: &'a [Notice],
}

impl<'a> World<'a> {
    fn new(graph: &'a Graph, rates: &HashMap<EdgeId, Metrics>, notices: &'a [Notice]) -> Self {
        let nodes: HashMap<_, _> = graph.nodes.iter().map(|node| (node.id, node)).collect();
        let rate = |edge: &GraphEdge| rates.get(&edge.id).copied().unwrap_or_default();
        let edges: Vec<_> = graph.edges.iter().map(|edge| (edge, rate(edge))).collect();
        let regions = nodes
            .values()
            .filter(|node| !node.region.is_empty())
            .map(|node| (node.id, node.region.as_str()))
            .collect();
        Self { nodes, edges, regions, notices }
    }

    fn into_node(self, now_ms: u64) -> VizNode {
        let mut by_region: BTreeMap<&str, Vec<(&GraphEdge, Metrics)>> = BTreeMap::new();
        for (edge, metrics) in &self.edges {
            for region in self.regions_of(edge) {
                by_region.entry(region).or_default().push((edge, *metrics));
            }
        }
        let regions: Vec<VizNode> =
            by_region.iter().map(|(name, edges)| self.region(name, edges, now_ms)).collect();
        let mut connections: Vec<_> = regions
            .iter()
            .map(|region| {
                let mut entering = Metrics::default();
                let from_outside = region.connections.iter().filter(|c| c.source == INTERNET);
                from_outside.for_each(|connection| entering.add(connection.metrics));
                connection(INTERNET, &region.name, entering, Vec::new())
            })
            .collect();
        connections.extend(self.between_regions());
        let internet = VizNode { renderer: "region", updated: Some(now_ms), ..internet() };
        VizNode {
            renderer: "global",
            name: "edge".to_owned(),
            class: "normal",
            server_update_time: Some(now_ms),
            nodes: std::iter::once(internet).chain(regions).collect(),
            connections,
            ..VizNode::default()
        }
    }

    /// The regions that an edge is drawn in: those of its ends, as far as they have one.
    fn regions_of(&self, edge: &GraphEdge) -> BTreeSet<&'a str> {
        let ends = [edge.source, edge.target];
        let known: BTreeSet<_> =
            ends.iter().filter_map(|end| self.regions.get(end)).copied().collect();
        if known.is_empty() { BTreeSet::from([NOWHERE]) } else { known }
    }

    fn between_regions(&self) -> Vec<VizConnection> {
        let mut between: BTreeMap<(&str, &str), Metrics> = BTreeMap::new();
        for (edge, metrics) in &self.edges {
            let ends = (self.regions.get(&edge.source), self.regions.get(&edge.target));
            if let (Some(from), Some(to)) = ends
                && from != to
            {
                between.entry((from, to)).or_default().add(*metrics);
            }
        }
        let connections = between.into_iter();
        connections.map(|((from, to), metrics)| connection(from, to, metrics, Vec::new())).collect()
    }

    fn region(&self, name: &str, edges: &[(&GraphEdge, Metrics)], now_ms: u64) -> VizNode {
        let names = self.names(name, edges);
        let named = |id: &NodeId| names.get(id).cloned().unwrap_or_else(|| format!("{id:?}"));
        let nodes = names.iter().filter(|(_, name)| *name != INTERNET).map(|(id, name)| {
            let mut arriving = Metrics::default();
            let there = edges.iter().filter(|(edge, _)| edge.target == *id);
            there.for_each(|(_, metrics)| arriving.add(*metrics));
            VizNode {
                renderer: "focusedChild",
                name: name.clone(),
                display_name: self.nodes.get(id).map(|node| node.name.clone()).unwrap_or_default(),
                node_type: self.nodes.get(id).map_or("", |node| node_type(node.kind)),
                class: arriving.class(),
                metadata: Metadata { streaming: 1 },
                notices: self.notices_about(|notice| notice.node == Some(*id)),
                ..VizNode::default()
            }
        });
        let connections: Vec<_> = edges
            .iter()
            .map(|(edge, metrics)| {
                let notices = self.notices_about(|notice| notice.edge == Some(edge.id));
                connection(&named(&edge.source), &named(&edge.target), *metrics, notices)
            })
            .collect();
        let connections = merged(connections.into_iter().chain(self.entering(&names, edges)));
        let volume: f64 = connections.iter().map(|connection| connection.metrics.total()).sum();
        VizNode {
            renderer: "region",
            name: name.to_owned(),
            display_name: name.to_uppercase(),
            class: "normal",
            updated: Some(now_ms),
            max_volume: Some(volume.max(1.0)),
            metadata: Metadata { streaming: 1 },
            nodes: std::iter::once(internet()).chain(nodes).collect(),
            connections,
            ..VizNode::default()
        }
    }

    /// What enters through APIs: everything that they pass on came from outside.
    fn entering(
        &self,
        names: &BTreeMap<NodeId, String>,
        edges: &[(&GraphEdge, Metrics)],
    ) -> Vec<VizConnection> {
        let mut entering: BTreeMap<&str, Metrics> = BTreeMap::new();
        for (edge, metrics) in edges {
            let is_api = |node: &&GraphNode| node.entry && node.kind == NodeKind::Api;
            if self.nodes.get(&edge.source).is_some_and(is_api)
                && let Some(name) = names.get(&edge.source)
            {
                entering.entry(name).or_default().add(*metrics);
            }
        }
        let entering = entering.into_iter();
        entering.map(|(name, metrics)| connection(INTERNET, name, metrics, Vec::new())).collect()
    }

    /// The name of each node on the edges: Vizceral knows nodes by nothing else, so it must be
    /// unique.
    fn names(&self, region: &str, edges: &[(&GraphEdge, Metrics)]) -> BTreeMap<NodeId, String> {
        let ids: BTreeSet<_> =
            edges.iter().flat_map(|(edge, _)| [edge.source, edge.target]).collect();
        let mut taken: BTreeMap<String, u32> = BTreeMap::new();
        let mut names = BTreeMap::new();
        for id in ids {
            let Some(node) = self.nodes.get(&id) else { continue };
            if node.kind == NodeKind::Users {
                names.insert(id, INTERNET.to_owned());
                continue;
            }
            let mut name = node.name.clone();
            if !node.region.is_empty() && node.region != region {
                name = format!("{name} ({})", node.region);
            }
            let count = taken.entry(name.clone()).or_default();
            *count += 1;
            if *count > 1 || name == INTERNET {
                name = format!("{name} ({}, {count})", node.kind);
            }
            names.insert(id, name);
        }
        names
    }

    fn notices_about(&self, about: impl Fn(&Notice) -> bool) -> Vec<VizNotice> {
        let notices = self.notices.iter().filter(|notice| about(notice));
        notices
            .map(|notice| VizNotice {
                title: notice.text.clone(),
                severity: match notice.severity {
                    Severity::Info => 0,
                    Severity::Warning => 1,
                    Severity::Critical => 2,
                },
            })
            .collect()
    }
}

/// Connections of which no two have the same ends: of two, Vizceral forgets the first. Users and unknown
/// triggers are both its `INTERNET`.
fn merged(connections: impl Iterator<Item = VizConnection>) -> Vec<VizConnection> {
    let mut merged: IndexMap<(String, String), (Metrics, Vec<VizNotice>)> = IndexMap::new();
    for VizConnection { source, target, metrics, notices, .. } in connections {
        let (all, about) = merged.entry((source, target)).or_default();
        all.add(metrics);
        about.extend(notices);
    }
    let merged = merged.into_iter();
    merged
        .map(|((source, target), (metrics, notices))| {
            connection(&source, &target, metrics, notices)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn node(id: u64, kind: NodeKind, name: &str, region: &str) -> GraphNode {
        GraphNode {
            id: NodeId(id),
            kind,
            name: name.to_owned(),
            account: String::new(),
            region: region.to_owned(),
            entry: false,
        }
    }

    fn edge(id: u64, source: u64, target: u64) -> GraphEdge {
        GraphEdge { id: EdgeId(id), source: NodeId(source), target: NodeId(target) }
    }

    fn world() -> Value {
        use NodeKind::{Function, Host, Queue, Users};
        let graph = Graph {
            nodes: vec![
                node(1, Users, "users", ""),
                node(2, Function, "orders", "eu-west-1"),
                node(3, Queue, "orders", "eu-west-1"),
                node(4, Function, "mail", "us-east-1"),
                node(5, Host, "pay.example", ""),
            ],
            edges: vec![edge(12, 1, 2), edge(23, 2, 3), edge(24, 2, 4), edge(25, 2, 5)],
            ..Graph::default()
        };
        let rate = |normal, danger| Metrics { normal, warning: 0.0, danger };
        let rates = [(12, rate(5.0, 0.0)), (23, rate(1.0, 1.0)), (24, rate(2.0, 0.0))];
        let rates = rates.map(|(id, metrics)| (EdgeId(id), metrics)).into();
        let notices = [Notice {
            id: "x".to_owned(),
            severity: Severity::Critical,
            text: "It burns.".to_owned(),
            edge: Some(EdgeId(23)),
            since_ms: 1,
            ..Notice::default()
        }];
        serde_json::to_value(World::new(&graph, &rates, &notices).into_node(7)).unwrap()
    }

    fn names(nodes: &Value) -> Vec<&str> {
        nodes.as_array().unwrap().iter().map(|node| node["name"].as_str().unwrap()).collect()
    }

    #[test]
    fn the_world_holds_regions_and_what_goes_between_them() {
        let world = world();
        assert_eq!(world["renderer"], "global");
        assert_eq!(names(&world["nodes"]), [INTERNET, "eu-west-1", "us-east-1"]);
        let lines: Vec<_> = world["connections"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| format!("{} {} {}", c["source"], c["target"], c["metrics"]["normal"]))
            .collect();
        assert_eq!(
            lines,
            [
                r#""INTERNET" "eu-west-1" 5.0"#,
                r#""INTERNET" "us-east-1" 0.0"#,
                r#""eu-west-1" "us-east-1" 2.0"#,
            ]
        );
    }

    #[test]
    fn a_region_holds_its_nodes_by_unique_names_and_their_neighbours() {
        let world = world();
        let region = &world["nodes"][1];
        assert_eq!(
            names(&region["nodes"]),
            [INTERNET, "orders", "orders (queue, 2)", "mail (us-east-1)", "pay.example"]
        );
        let failing = &region["connections"][1];
        assert_eq!(failing["target"], "orders (queue, 2)");
        assert_eq!(failing["class"], "danger");
        assert_eq!(failing["notices"][0]["title"], "It burns.");
        assert_eq!(region["nodes"][2]["node_type"], "pipe");
        assert_eq!(names(&world["nodes"][2]["nodes"]), [INTERNET, "orders (eu-west-1)", "mail"]);
    }

    #[test]
    fn what_an_api_passes_on_came_from_outside() {
        let api = GraphNode { entry: true, ..node(1, NodeKind::Api, "gateway", "r") };
        let graph = Graph {
            nodes: vec![api, node(2, NodeKind::Function, "f", "r")],
            edges: vec![edge(12, 1, 2)],
            ..Graph::default()
        };
        let rates = [(EdgeId(12), Metrics { normal: 3.0, ..Metrics::default() })].into();
        let world = World::new(&graph, &rates, &[]).into_node(7);
        let entering = &world.nodes[1].connections[1];
        assert_eq!((entering.source.as_str(), entering.target.as_str()), (INTERNET, "gateway"));
        assert_eq!(entering.metrics.normal, 3.0);
        assert_eq!(world.connections[0].metrics.normal, 3.0);
    }

    #[test]
    fn users_and_unknown_triggers_are_one_connection_from_the_internet() {
        use NodeKind::{Function, Users};
        let graph = Graph {
            nodes: vec![
                node(1, Users, "users", ""),
                node(2, Users, "unknown trigger", ""),
                node(3, Function, "f", "r"),
            ],
            edges: vec![edge(13, 1, 3), edge(23, 2, 3)],
            ..Graph::default()
        };
        let rate = |normal, danger| Metrics { normal, warning: 0.0, danger };
        let rates = [(EdgeId(13), rate(3.0, 0.0)), (EdgeId(23), rate(1.0, 2.0))].into();
        let world = World::new(&graph, &rates, &[]).into_node(7);
        let entering = &world.nodes[1].connections;
        assert_eq!(entering.len(), 1);
        assert_eq!((entering[0].metrics, entering[0].class), (rate(4.0, 2.0), "danger"));
        assert_eq!(world.connections[0].metrics, rate(4.0, 2.0));
        valid(&serde_json::to_value(world).unwrap(), 0);
    }

    /// Checks a level by what Vizceral's description of its format asks for, and what it complains of.
    fn valid(level: &Value, depth: usize) {
        let is_class = |value: &Value| {
            let class = value["class"].as_str();
            assert!(matches!(class, Some("normal" | "warning" | "danger")), "{value}");
        };
        let notices = |value: &Value| {
            for notice in value["notices"].as_array().unwrap() {
                assert!(!notice["title"].as_str().unwrap().is_empty(), "{notice}");
                assert!(notice["severity"].as_u64().unwrap() <= 2, "{notice}");
            }
        };
        assert!(!level["name"].as_str().unwrap().is_empty(), "{level}");
        is_class(level);
        notices(level);
        assert_eq!(level["renderer"], ["global", "region", "focusedChild"][depth], "{level}");
        if depth == 1 {
            assert!(level["updated"].is_u64(), "a region without it is never drawn: {level}");
        }
        let nodes = level["nodes"].as_array().unwrap();
        if depth == 1 && !nodes.is_empty() {
            let volume = level["maxVolume"].as_f64().unwrap();
            assert!(volume.is_finite() && volume > 0.0, "{level}");
            assert_eq!(level["nodes"][0]["name"], INTERNET, "where a region is entered");
        }
        let there = names(&level["nodes"]);
        let unique: BTreeSet<_> = there.iter().collect();
        assert_eq!(unique.len(), there.len(), "a name twice: {there:?}");
        let mut ends = BTreeSet::new();
        for connection in level["connections"].as_array().unwrap() {
            let end = |end: &str| connection[end].as_str().unwrap().to_owned();
            let [source, target] = [end("source"), end("target")];
            assert!(there.contains(&source.as_str()), "{connection}");
            assert!(there.contains(&target.as_str()), "{connection}");
            assert!(ends.insert([source, target]), "twice, of which one is lost: {connection}");
            is_class(connection);
            notices(connection);
            let metrics = connection["metrics"].as_object().unwrap();
            let kinds: BTreeSet<_> = metrics.keys().map(String::as_str).collect();
            assert_eq!(kinds, ["danger", "normal", "warning"].into());
            assert!(metrics.values().all(|rate| rate.as_f64().unwrap() >= 0.0), "{connection}");
        }
        nodes.iter().for_each(|node| valid(node, depth + 1));
    }

    #[test]
    fn the_world_is_what_vizceral_s_format_asks_for() {
        valid(&world(), 0);
    }
}
