//! Requests in the words of Grafana Tempo's service graphs, so that Grafana draws them. In: what the
//! sides of the reducer's hops saw. Out: numbers that only grow, since that is what Prometheus takes
//! counters for; what is taken back is netted against what is to come.
//!
//! Where this differs from what Tempo would say of the same spans, ARCHITECTURE.md has a table.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::reduce::hop::{Edge, EdgeId};
use crate::reduce::node::{Node, NodeId, NodeKind, USERS};
use crate::reduce::{Exemplar, Latencies, Reducer, Sides, Spread};

/// Bounds of the latency histogram, in microseconds: Tempo's (0.1 s to 12.8 s), and shorter ones,
/// since tables and queues answer within milliseconds.
pub(super) const BOUNDS_US: [u64; 12] = [
    5_000, 10_000, 25_000, 50_000, 100_000, 200_000, 400_000, 800_000, 1_600_000, 3_200_000,
    6_400_000, 12_800_000,
];

/// So many edges have numbers of their own; the rest share theirs. With the two histograms an
/// edge is 32 lines for Prometheus, so these are 160,000, about what one scrape should hold.
const MOST_EDGES: usize = 5_000;

/// What edges past [`MOST_EDGES`] are called.
const OTHERS: &str = "(others)";

/// One edge's numbers since the start, for one way in which its sides were seen. They never go back.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct EdgeNumbers {
    pub(super) labels: Vec<(&'static str, String)>,
    pub(super) requests: f64,
    pub(super) failed: f64,
    /// By the clients' spans.
    pub(super) client: Histogram,
    /// By the servers' spans.
    pub(super) server: Histogram,
}

/// How long requests took, by the spans of one side.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Histogram {
    /// How many took no longer than each of [`BOUNDS_US`].
    pub(super) within: [f64; BOUNDS_US.len()],
    pub(super) measured: f64,
    pub(super) seconds: f64,
    /// One of the last requests, and what it took, in microseconds.
    pub(super) exemplar: Option<(Exemplar, u64)>,
}

/// Remembers how far each number has come.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServiceGraph(Arc<Mutex<Remembered>>);

#[derive(Debug, Default)]
struct Remembered {
    edges: HashMap<(EdgeId, Sides), EdgeNumbers>,
    others: EdgeNumbers,
    unpaired: u64,
}

impl ServiceGraph {
    /// The numbers of every edge now, sorted by edge.
    pub(super) fn read(&self, reducer: &Reducer) -> Vec<EdgeNumbers> {
        let spreads = reducer.spreads(&BOUNDS_US);
        let ends: HashSet<NodeId> =
            spreads.iter().flat_map(|spread| [spread.edge.source, spread.edge.target]).collect();
        let nodes: HashMap<NodeId, Node> =
            reducer.named(|id| ends.contains(&id)).map(|known| (known.id, known.node)).collect();
        self.0.lock().advance(&spreads, &nodes, MOST_EDGES)
    }

    /// How many spans were ever without their other side.
    pub(super) fn unpaired(&self, now: u64) -> u64 {
        let mut remembered = self.0.lock();
        remembered.unpaired = remembered.unpaired.max(now);
        remembered.unpaired
    }
}

impl Remembered {
    fn advance(
        &mut self,
        spreads: &[Spread],
        nodes: &HashMap<NodeId, Node>,
        most: usize,
    ) -> Vec<EdgeNumbers> {
        let telling = telling(spreads);
        // An edge whose node turned out to be another does not come again.
        let there: HashSet<_> = spreads.iter().map(Spread::key).collect();
        self.edges.retain(|key, _| there.contains(key));
        let mut others = EdgeNumbers::default();
        let mut read = Vec::with_capacity(spreads.len().min(most) + 1);
        for spread in spreads {
            let now = EdgeNumbers::of(spread, nodes, &telling);
            let known = self.edges.contains_key(&spread.key());
            // All of it is told from function to function.
            if now.requests <= 0.0 && !known {
                continue;
            }
            if self.edges.len() < most || known {
                let numbers = self.edges.entry(spread.key()).or_default();
                numbers.advance(&now);
                // Nodes learn their account and region as time goes by.
                numbers.labels = now.labels;
                read.push(numbers.clone());
            } else {
                others.add(&now);
            }
        }
        self.others.advance(&others);
        if self.others.requests > 0.0 {
            let labels = ["client", "server"].map(|label| (label, OTHERS.to_owned()));
            read.push(EdgeNumbers { labels: labels.into(), ..self.others.clone() });
        }
        read
    }
}

/// The nodes that sent spans of at least one side of a request.
fn telling(spreads: &[Spread]) -> HashSet<NodeId> {
    let sides = spreads.iter().flat_map(|spread| {
        let Edge { source, target } = spread.edge;
        let server = (spread.sides != Sides::Client).then_some(target);
        let client = (spread.sides != Sides::Server).then_some(source);
        [server, client].into_iter().flatten()
    });
    sides.collect()
}

impl Spread {
    fn key(&self) -> (EdgeId, Sides) {
        (self.id, self.sides)
    }
}

impl EdgeNumbers {
    fn of(spread: &Spread, nodes: &HashMap<NodeId, Node>, telling: &HashSet<NodeId>) -> Self {
        let Spread { id: _, edge, sides, requests, failed, joined, client, server, exemplar } =
            spread;
        let unknown = Node::default();
        let ends = |edge: &Edge| [edge.source, edge.target].map(|id| nodes.get(&id));
        let [source, target] = ends(edge).map(|node| node.unwrap_or(&unknown));
        let tells = telling.contains(&edge.source);
        let connection = Connection::of(*sides, tells, target.kind);
        let took = |us: fn(&Exemplar) -> Option<u64>| {
            exemplar.and_then(|exemplar| Some((exemplar, us(&exemplar)?)))
        };
        let client = Histogram::of(client, took(|exemplar| exemplar.client_us));
        let server = match connection {
            // Databases send no spans: what their client saw is what they took.
            Connection::Database => client.clone(),
            _ => Histogram::of(server, took(|exemplar| exemplar.server_us)),
        };
        let labels = labels(connection, source, target);
        let mut numbers = Self { labels, requests: *requests, failed: *failed, client, server };
        if *joined > 0.0 {
            // Which of them these are is not known here, so that all others are as all are.
            let rest = (requests - joined) / requests;
            numbers.combine(&Self::default(), |number, _| number * rest);
            numbers.requests = requests - joined;
        }
        numbers
    }

    /// Every number of both, by what does with two of them.
    fn combine(&mut self, other: &Self, with: impl Fn(f64, f64) -> f64 + Copy) {
        let Self { labels: _, requests, failed, client, server } = self;
        *requests = with(*requests, other.requests);
        *failed = with(*failed, other.failed);
        client.combine(&other.client, with);
        server.combine(&other.server, with);
    }

    fn advance(&mut self, now: &Self) {
        self.combine(now, f64::max);
    }

    fn add(&mut self, other: &Self) {
        self.combine(other, |mine, other| mine + other);
    }
}

impl Histogram {
    fn of(latencies: &Latencies, exemplar: Option<(Exemplar, u64)>) -> Self {
        let mut within = [0.0; BOUNDS_US.len()];
        within.iter_mut().zip(&latencies.within).for_each(|(to, from)| *to = *from);
        let Latencies { within: _, measured, seconds } = *latencies;
        Self { within, measured, seconds, exemplar }
    }

    fn combine(&mut self, other: &Self, with: impl Fn(f64, f64) -> f64) {
        let Self { within, measured, seconds, exemplar } = self;
        *measured = with(*measured, other.measured);
        *seconds = with(*seconds, other.seconds);
        *exemplar = other.exemplar.or(*exemplar);
        for (mine, other) in within.iter_mut().zip(other.within) {
            *mine = with(*mine, other);
        }
    }
}

/// What is between a client and a server, in Tempo's terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Connection {
    /// A call whose two sides are known.
    Direct,
    /// Messages, from whoever sent them to whoever received them.
    Messaging,
    /// A request to a database, whose client's span is all there is.
    Database,
    /// A request whose client sent no span.
    VirtualClient,
    /// A request whose server sent no span.
    VirtualServer,
}

impl Connection {
    /// `tells`: whether the client sent spans, be it for other requests.
    fn of(sides: Sides, tells: bool, server: NodeKind) -> Self {
        match (sides, server) {
            (Sides::Both, _) => Self::Direct,
            (Sides::Across, _) => Self::Messaging,
            (Sides::Client, NodeKind::Table | NodeKind::Database) => Self::Database,
            (Sides::Client, _) => Self::VirtualServer,
            (Sides::Server, _) if tells => Self::Direct,
            (Sides::Server, _) => Self::VirtualClient,
        }
    }

    /// The labels `connection_type` and `virtual_node`.
    const fn labels(self) -> (&'static str, &'static str) {
        match self {
            Self::Direct => ("", ""),
            Self::Messaging => ("messaging_system", ""),
            Self::Database => ("database", ""),
            Self::VirtualClient => ("virtual_node", "client"),
            Self::VirtualServer => ("virtual_node", "server"),
        }
    }
}

/// Tempo's word for whoever calls from outside.
const USER: &str = "user";

fn labels(connection: Connection, client: &Node, server: &Node) -> Vec<(&'static str, String)> {
    let (connection_type, virtual_node) = connection.labels();
    let name = |node: &Node| match (node.kind, node.name.as_str()) {
        (NodeKind::Users, USERS) => USER.to_owned(),
        (_, name) => name.to_owned(),
    };
    let mut labels = vec![
        ("client", name(client)),
        ("server", name(server)),
        ("connection_type", connection_type.to_owned()),
        ("virtual_node", virtual_node.to_owned()),
        ("client_kind", client.kind.as_str().to_owned()),
        ("server_kind", server.kind.as_str().to_owned()),
    ];
    // Two nodes may differ in these alone. To Prometheus an empty label is none.
    let places = [
        ("client_account", &client.account),
        ("client_region", &client.region),
        ("server_account", &server.account),
        ("server_region", &server.region),
    ];
    let known = places.into_iter().filter(|(_, place)| !place.is_empty());
    labels.extend(known.map(|(label, place)| (label, place.clone())));
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(id: u64, requests: f64, failed: f64) -> Spread {
        let latencies = Latencies {
            within: vec![requests; BOUNDS_US.len()],
            measured: requests,
            seconds: requests,
        };
        Spread {
            id: EdgeId(id),
            edge: Edge { source: NodeId(1), target: NodeId(2) },
            sides: Sides::Client,
            requests,
            failed,
            joined: 0.0,
            client: latencies.clone(),
            server: Latencies::default(),
            exemplar: None,
        }
    }

    fn requests(read: &[EdgeNumbers]) -> Vec<f64> {
        read.iter().map(|numbers| numbers.requests).collect()
    }

    #[test]
    fn numbers_never_go_back_when_a_hop_is_taken_back() {
        let mut remembered = Remembered::default();
        let mut read = |requests| {
            let read = remembered.advance(&[spread(1, requests, 1.0)], &HashMap::new(), 9);
            (read[0].requests, read[0].failed, read[0].client.within[0], read[0].client.seconds)
        };
        assert_eq!(read(5.0), (5.0, 1.0, 5.0, 5.0));
        assert_eq!(read(3.0), (5.0, 1.0, 5.0, 5.0));
        assert_eq!(read(7.0), (7.0, 1.0, 7.0, 7.0));
        let graph = ServiceGraph::default();
        assert_eq!([3, 1, 4].map(|now| graph.unpaired(now)), [3, 3, 4]);
    }

    #[test]
    fn edges_past_the_limit_share_their_numbers_and_known_ones_keep_theirs() {
        let mut remembered = Remembered::default();
        let nodes = HashMap::new();
        let first = [spread(5, 1.0, 0.0), spread(7, 1.0, 0.0)];
        assert_eq!(requests(&remembered.advance(&first, &nodes, 2)), [1.0, 1.0]);
        let then =
            [spread(1, 4.0, 0.0), spread(2, 4.0, 0.0), spread(5, 2.0, 0.0), spread(7, 1.0, 0.0)];
        let read = remembered.advance(&then, &nodes, 2);
        assert_eq!(requests(&read), [2.0, 1.0, 8.0]);
        assert!(read[2].labels.contains(&("client", OTHERS.to_owned())));
    }

    #[test]
    fn requests_of_one_edge_are_kept_apart_by_which_sides_sent_spans() {
        let both = Spread { sides: Sides::Both, ..spread(1, 2.0, 0.0) };
        let read = Remembered::default().advance(&[both, spread(1, 5.0, 0.0)], &HashMap::new(), 9);
        assert_eq!(requests(&read), [2.0, 5.0]);
        assert!(read[0].labels.contains(&("virtual_node", String::new())));
        assert!(read[1].labels.contains(&("virtual_node", "server".to_owned())));
    }

    #[test]
    fn messages_that_are_known_from_end_to_end_are_not_told_again_at_their_queue() {
        let mut remembered = Remembered::default();
        let mut read = |requests, joined| {
            let spread = Spread { joined, ..spread(1, requests, requests / 2.0) };
            remembered.advance(&[spread], &HashMap::new(), 9)
        };
        assert_eq!(read(8.0, 8.0), []);
        let numbers = read(10.0, 8.0).remove(0);
        assert_eq!((numbers.requests, numbers.failed), (2.0, 1.0));
        assert_eq!((numbers.client.measured, numbers.client.seconds), (2.0, 2.0));
        assert_eq!(requests(&read(12.0, 12.0)), [2.0], "numbers never go back");
    }

    #[test]
    fn what_is_between_two_nodes_is_named_as_tempo_names_it() {
        use NodeKind::{Api, Database, Function, Queue, Table};
        let labels = |sides, tells, server| Connection::of(sides, tells, server).labels();
        assert_eq!(labels(Sides::Both, true, Function), ("", ""));
        assert_eq!(labels(Sides::Across, true, Function), ("messaging_system", ""));
        for server in [Table, Database] {
            assert_eq!(labels(Sides::Client, true, server), ("database", ""));
        }
        for server in [Queue, Function, Api] {
            assert_eq!(labels(Sides::Client, true, server), ("virtual_node", "server"));
        }
        // It called without a span of its own for that, but sends others.
        assert_eq!(labels(Sides::Server, true, Function), ("", ""));
        assert_eq!(labels(Sides::Server, false, Function), ("virtual_node", "client"));
    }

    #[test]
    fn who_sent_a_span_of_either_side_of_any_request_tells_and_others_do_not() {
        let seen = |sides, source, target| Spread {
            sides,
            edge: Edge { source: NodeId(source), target: NodeId(target) },
            ..spread(source, 1.0, 0.0)
        };
        let spreads = [
            seen(Sides::Server, 1, 2),
            seen(Sides::Client, 2, 3),
            seen(Sides::Both, 4, 5),
            seen(Sides::Across, 6, 7),
        ];
        assert_eq!(telling(&spreads), [2, 4, 5, 6, 7].map(NodeId).into());
    }

    #[test]
    fn a_database_took_what_its_client_saw_and_people_outside_are_called_user() {
        let nodes = [
            (NodeId(1), Node::named(NodeKind::Users, USERS)),
            (NodeId(2), Node::named(NodeKind::Table, "t")),
        ];
        let numbers = EdgeNumbers::of(&spread(1, 4.0, 0.0), &nodes.into(), &HashSet::new());
        assert_eq!(numbers.server, numbers.client);
        assert_eq!(numbers.labels[0], ("client", "user".to_owned()));
    }
}
