//! What Vizceral's JSON says, in the feed's words. In: a [`Level`], with regions in it and nodes in
//! those. Out: a graph, requests a second by edge and class, and notices.
//!
//! A level with connections of its own, such as a region, is a place: its nodes have its name as their
//! region. Vizceral draws one level at a time, so some requests stand there twice: a connection
//! from the outside to a region is left out where the region says itself what enters it, and where
//! two regions both tell of the same edge (Spanfall's own `/vizceral.json` does), it counts once.

use std::collections::{HashMap, HashSet};

use indexmap::IndexMap;
use spanfall_collector::feed::message::{Graph, GraphEdge, GraphNode, Notice, Severity};
use spanfall_collector::reduce::hop::{Edge, EdgeId};
use spanfall_collector::reduce::node::{Node, NodeId, NodeKind};
use spanfall_collector::trouble::is_web_page;

use super::atlas::{Atlas, Region};
use super::format::{Connection, FormatError, Level, Metrics, VizNotice};

/// The name of the node that requests come from, as Vizceral knows it.
const INTERNET: &str = "INTERNET";

/// Nodes at most: what a viewer lays out in seconds, not minutes.
const MAX_NODES: usize = 10_000;
/// Connections at most.
const MAX_EDGES: usize = 50_000;
/// Notices at most: as many as the viewer keeps.
const MAX_NOTICES: usize = 100;
/// Characters of a notice at most; the panel shows fewer.
const MAX_WORDS: usize = 300;

/// One state of a system, as Vizceral tells it.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Picture {
    /// Complete.
    pub(super) graph: Graph,
    /// What goes along its edges.
    pub(super) flows: Vec<Flow>,
    /// Where nodes are.
    pub(super) places: Vec<Place>,
    /// Without the time since when they hold.
    pub(super) notices: Vec<Notice>,
}

/// What goes along one edge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Flow {
    pub(super) edge: EdgeId,
    /// Requests a second.
    pub(super) rates: Metrics,
    /// Which of the places tells of it.
    pub(super) place: usize,
}

/// A level that has connections: the world, a region.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Place {
    /// What people call it; empty where it does not say itself when it was brought up to date.
    pub(super) name: String,
    /// When it was brought up to date, in milliseconds since 1970, as far as it or what it is in says.
    pub(super) updated_ms: Option<u64>,
}

impl Picture {
    /// Reads one.
    ///
    /// # Errors
    /// When it holds more than can be drawn.
    pub(super) fn of(world: &Level) -> Result<Self, FormatError> {
        let mut atlas = Atlas::default();
        atlas.explore(world, None, "nodes", 0)?;
        let mut builder = Builder::default();
        let ends = builder.name_nodes(&atlas)?;
        builder.connect(&atlas, &ends)?;
        Ok(builder.finish(&atlas))
    }

    /// When the freshest of its places was brought up to date, if one says.
    pub(super) fn newest_ms(&self) -> Option<u64> {
        self.places.iter().filter_map(|place| place.updated_ms).max()
    }
}

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum End {
    Node(NodeId),
    Place(usize),
}

/// The nodes of each place, by their names there.
type Ends<'a> = Vec<HashMap<&'a str, End>>;

#[derive(Default)]
struct Builder {
    nodes: IndexMap<NodeId, GraphNode>,
    /// Which place a node is in; those outside are in none.
    homes: HashMap<NodeId, usize>,
    edges: IndexMap<EdgeId, (GraphEdge, Metrics, usize)>,
    notices: Vec<Notice>,
}

impl Builder {
    fn name_nodes<'a>(&mut self, atlas: &Atlas<'a>) -> Result<Ends<'a>, FormatError> {
        let mut ends = Vec::with_capacity(atlas.places.len());
        for (here, place) in atlas.places.iter().enumerate() {
            let mut named: HashMap<&str, End> = HashMap::new();
            for node in place.level.nodes.iter().flatten() {
                let end = match place.inner.get(&*node.name) {
                    Some(&inner) => End::Place(inner),
                    None => End::Node(self.node(atlas, here, &node.name, Some(node))?),
                };
                named.insert(&node.name, end);
            }
            // Vizceral passes over connections to nodes that are not listed; they happened.
            for connection in &place.level.connections {
                for name in [&connection.source, &connection.target] {
                    if !named.contains_key(&**name) {
                        let id = self.node(atlas, here, name, None)?;
                        named.insert(name, End::Node(id));
                    }
                }
            }
            ends.push(named);
        }
        Ok(ends)
    }

    /// Notes a node, and what is said about it.
    fn node<'a>(
        &mut self,
        atlas: &Atlas<'a>,
        here: usize,
        name: &'a str,
        said: Option<&Level>,
    ) -> Result<NodeId, FormatError> {
        let (name, home) = atlas.elsewhere(name, here).unwrap_or((name, here));
        let place = &atlas.places[here];
        let outside = name == INTERNET;
        let region = if outside { String::new() } else { atlas.places[home].path.clone() };
        let kind = if outside { NodeKind::Users } else { kind(said.map_or("", |n| &n.node_type)) };
        // What a place is called is the node that stands for it, where it is empty.
        let region = match said {
            Some(said) if said.renderer == "region" && !outside && region.is_empty() => {
                name.to_owned()
            }
            _ => region,
        };
        let node = Node { kind, name: name.to_owned(), region, ..Node::default() };
        let id = node.id();
        let entry_node = Some(&*place.level.entry_node).filter(|name| !name.is_empty());
        let entry = entry_node.unwrap_or(INTERNET) == name;
        let shown = said.map(|said| &said.display_name).filter(|shown| !shown.is_empty());
        let known = self.nodes.entry(id).or_insert_with(|| GraphNode {
            id,
            kind,
            name: node.name,
            account: String::new(),
            region: node.region,
            entry: outside,
        });
        known.entry |= entry;
        if let Some(shown) = shown {
            known.name.clone_from(shown);
        }
        if !outside {
            self.homes.entry(id).or_insert(home);
        }
        for notice in said.map(|said| &said.notices).into_iter().flatten() {
            self.notice(notice, &place.path, Notice { node: Some(id), ..Notice::default() });
        }
        if self.nodes.len() > MAX_NODES {
            return Err(FormatError::TooMany { what: "nodes", most: MAX_NODES });
        }
        Ok(id)
    }

    fn connect(&mut self, atlas: &Atlas<'_>, ends: &Ends<'_>) -> Result<(), FormatError> {
        let mut between_places = Vec::new();
        for (here, (place, ends)) in atlas.places.iter().zip(ends).enumerate() {
            let mut flows: IndexMap<(NodeId, NodeId), Metrics> = IndexMap::new();
            for connection in &place.level.connections {
                let end = |name: &str| ends.get(name).copied();
                let (Some(source), Some(target)) =
                    (end(&connection.source), end(&connection.target))
                else {
                    continue;
                };
                let (End::Node(source), End::Node(target)) = (source, target) else {
                    between_places.push((here, source, target, connection));
                    continue;
                };
                flows.entry((source, target)).or_default().add(rates(connection));
                let about = Edge { source, target }.id();
                for notice in &connection.notices {
                    let about = Notice { edge: Some(about), ..Notice::default() };
                    self.notice(notice, &place.path, about);
                }
            }
            for ((source, target), rates) in flows {
                self.edge(source, target, rates, here)?;
            }
            for notice in &place.level.notices {
                self.notice(notice, &place.path, Notice::default());
            }
        }
        self.connect_places(atlas, &between_places)
    }

    /// Of what goes to and from places, keeps what no place itself tells of.
    fn connect_places(
        &mut self,
        atlas: &Atlas<'_>,
        between: &[(usize, End, End, &Connection)],
    ) -> Result<(), FormatError> {
        let mut told: HashSet<(End, End)> = HashSet::new();
        if !between.is_empty() {
            for (edge, ..) in self.edges.values() {
                let around = |node: NodeId| {
                    let places = self.homes.get(&node).map(|home| atlas.around(*home));
                    let places = places.into_iter().flatten().map(End::Place);
                    std::iter::once(End::Node(node)).chain(places)
                };
                for source in around(edge.source) {
                    told.extend(around(edge.target).map(|target| (source, target)));
                }
            }
        }
        for (here, source, target, connection) in between {
            let rates = rates(connection);
            let kept = rates.total() > 0.0 && !told.contains(&(*source, *target));
            let mut about = Notice::default();
            if kept {
                let source = self.stand_in(atlas, *source);
                let target = self.stand_in(atlas, *target);
                self.edge(source, target, rates, *here)?;
                about.edge = Some(Edge { source, target }.id());
            }
            for notice in &connection.notices {
                let about = Notice { edge: about.edge, ..Notice::default() };
                self.notice(notice, &atlas.places[*here].path, about);
            }
        }
        Ok(())
    }

    /// The node that stands for a place as a whole.
    fn stand_in(&mut self, atlas: &Atlas<'_>, end: End) -> NodeId {
        let place = match end {
            End::Node(id) => return id,
            End::Place(place) => &atlas.places[place],
        };
        let name = place.level.name.clone();
        let node = Node { name, region: place.path.clone(), ..Node::default() };
        let id = node.id();
        self.nodes.entry(id).or_insert_with(|| GraphNode {
            id,
            kind: node.kind,
            name: shown(place.level).to_owned(),
            account: String::new(),
            region: node.region,
            entry: false,
        });
        id
    }

    fn edge(
        &mut self,
        source: NodeId,
        target: NodeId,
        rates: Metrics,
        place: usize,
    ) -> Result<(), FormatError> {
        let id = Edge { source, target }.id();
        let edge = GraphEdge { id, source, target };
        // Two places that tell of one edge tell of the same requests.
        let (_, known, _) = self.edges.entry(id).or_insert((edge, Metrics::default(), place));
        known.raise(rates);
        if self.edges.len() > MAX_EDGES {
            return Err(FormatError::TooMany { what: "connections", most: MAX_EDGES });
        }
        Ok(())
    }

    fn notice(&mut self, said: &VizNotice, place: &str, about: Notice) {
        let mut text = said.title.trim().to_owned();
        if !said.subtitle.trim().is_empty() {
            text = format!("{text}: {}", said.subtitle.trim());
        }
        if text.is_empty() || self.notices.len() >= MAX_NOTICES {
            return;
        }
        if let Some((end, _)) = text.char_indices().nth(MAX_WORDS) {
            text.truncate(end);
            text.push('…');
        }
        let severity = match said.severity.unwrap_or(0.0) {
            severity if severity >= 2.0 => Severity::Critical,
            severity if severity >= 1.0 => Severity::Warning,
            _ => Severity::Info,
        };
        let url = Some(said.link.clone()).filter(|link| is_web_page(link));
        let subject = about.node.map(|node| node.0).or(about.edge.map(|edge| edge.0));
        // The same words about the same thing are the same matter.
        let id = format!("vizceral {place} {} {text}", subject.unwrap_or_default());
        if self.notices.iter().all(|known| known.id != id) {
            self.notices.push(Notice { id, severity, text, url, ..about });
        }
    }

    fn finish(self, atlas: &Atlas<'_>) -> Picture {
        let edges = self.edges.values().map(|(edge, ..)| *edge).collect();
        let flow = |(id, (_, rates, place)): (&EdgeId, &(GraphEdge, Metrics, usize))| Flow {
            edge: *id,
            rates: *rates,
            place: *place,
        };
        let place = |place: &Region<'_>| Place {
            name: match place.level.updated {
                Some(_) => shown(place.level).to_owned(),
                None => String::new(),
            },
            updated_ms: place.updated_ms,
        };
        Picture {
            flows: self.edges.iter().map(flow).collect(),
            places: atlas.places.iter().map(place).collect(),
            notices: self.notices,
            graph: Graph {
                complete: true,
                nodes: self.nodes.into_values().collect(),
                edges,
                ..Graph::default()
            },
        }
    }
}

/// What people call a node.
fn shown(level: &Level) -> &str {
    if level.display_name.is_empty() { &level.name } else { &level.display_name }
}

fn rates(connection: &Connection) -> Metrics {
    if connection.metadata.streams() { connection.metrics } else { Metrics::default() }
}

/// What a node is, by Vizceral's shapes and by words that people use for their own.
fn kind(node_type: &str) -> NodeKind {
    let word = node_type.trim().to_lowercase();
    if let Some(kind) = NodeKind::ALL.into_iter().find(|kind| kind.as_str() == word) {
        return kind;
    }
    match &*word {
        "lambda" => NodeKind::Function,
        "pipe" | "sqs" | "messaging" => NodeKind::Queue,
        "sns" | "events" => NodeKind::Topic,
        "kafka" | "kinesis" => NodeKind::Stream,
        "dynamodb" | "dynamo" => NodeKind::Table,
        "storage" | "db" | "sql" | "rds" | "cache" | "redis" => NodeKind::Database,
        "s3" | "blob" | "object" => NodeKind::Bucket,
        "gateway" | "elb" | "loadbalancer" => NodeKind::Api,
        "external" | "globe" => NodeKind::Host,
        "cron" | "clock" | "timer" => NodeKind::Schedule,
        "user" | "client" | "internet" => NodeKind::Users,
        _ => NodeKind::Service,
    }
}
