//! Edges in the words of Grafana Tempo's service graphs, so that Grafana's node graph draws them.
//! In: the reducer's edges. Out: numbers that only grow, since that is what Prometheus takes
//! counters for; a hop that is taken back is netted against those to come.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::reduce::hop::{Edge, EdgeId};
use crate::reduce::node::{Node, NodeId, NodeKind};
use crate::reduce::{Reducer, Spread};

/// Bounds of the latency histogram, in microseconds: Tempo's (0.1 s to 12.8 s), and shorter ones,
/// since tables and queues answer within milliseconds.
pub(super) const BOUNDS_US: [u64; 12] = [
    5_000, 10_000, 25_000, 50_000, 100_000, 200_000, 400_000, 800_000, 1_600_000, 3_200_000,
    6_400_000, 12_800_000,
];

/// So many edges have numbers of their own; the rest share theirs. With the histogram an edge is
/// 17 lines for Prometheus, so these are 85,000, about what one scrape should hold.
const MOST_EDGES: usize = 5_000;

/// What edges past [`MOST_EDGES`] are called.
const OTHERS: &str = "(others)";

/// One edge's numbers since the start. They never go back.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct EdgeNumbers {
    pub(super) labels: Vec<(&'static str, String)>,
    pub(super) requests: f64,
    pub(super) failed: f64,
    pub(super) within: [f64; BOUNDS_US.len()],
    pub(super) measured: f64,
    pub(super) seconds: f64,
}

/// Remembers how far each number has come.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServiceGraph(Arc<Mutex<Remembered>>);

#[derive(Debug, Default)]
struct Remembered {
    edges: HashMap<EdgeId, EdgeNumbers>,
    others: EdgeNumbers,
}

impl ServiceGraph {
    /// The numbers of every edge now, sorted by edge.
    pub(super) fn read(&self, reducer: &Reducer) -> Vec<EdgeNumbers> {
        let spreads = reducer.spreads(&BOUNDS_US);
        let nodes: HashMap<NodeId, Node> =
            reducer.nodes().into_iter().map(|known| (known.id, known.node)).collect();
        self.0.lock().advance(&spreads, &nodes, MOST_EDGES)
    }
}

impl Remembered {
    fn advance(
        &mut self,
        spreads: &[Spread],
        nodes: &HashMap<NodeId, Node>,
        most: usize,
    ) -> Vec<EdgeNumbers> {
        // An edge whose node turned out to be another does not come again.
        let there: HashMap<EdgeId, ()> = spreads.iter().map(|spread| (spread.id, ())).collect();
        self.edges.retain(|id, _| there.contains_key(id));
        let mut others = EdgeNumbers::default();
        let mut read = Vec::with_capacity(spreads.len().min(most) + 1);
        for spread in spreads {
            let now = EdgeNumbers::of(spread);
            if self.edges.len() < most || self.edges.contains_key(&spread.id) {
                let numbers = self.edges.entry(spread.id).or_default();
                numbers.advance(&now);
                // Nodes learn their account and region as time goes by.
                numbers.labels = labels(spread.edge, nodes);
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

impl EdgeNumbers {
    fn of(spread: &Spread) -> Self {
        let mut within = [0.0; BOUNDS_US.len()];
        within.iter_mut().zip(&spread.within).for_each(|(to, from)| *to = *from);
        Self {
            labels: Vec::new(),
            requests: spread.counts.total(),
            failed: spread.counts.error + spread.counts.throttled,
            within,
            measured: spread.measured,
            seconds: spread.seconds,
        }
    }

    /// Every number of both, by what does with two of them.
    fn combine(&mut self, other: &Self, with: impl Fn(f64, f64) -> f64) {
        let Self { labels: _, requests, failed, within, measured, seconds } = self;
        *requests = with(*requests, other.requests);
        *failed = with(*failed, other.failed);
        *measured = with(*measured, other.measured);
        *seconds = with(*seconds, other.seconds);
        for (mine, other) in within.iter_mut().zip(other.within) {
            *mine = with(*mine, other);
        }
    }

    fn advance(&mut self, now: &Self) {
        self.combine(now, f64::max);
    }

    fn add(&mut self, other: &Self) {
        self.combine(other, |mine, other| mine + other);
    }
}

fn labels(edge: Edge, nodes: &HashMap<NodeId, Node>) -> Vec<(&'static str, String)> {
    let unknown = Node::default();
    let client = nodes.get(&edge.source).unwrap_or(&unknown);
    let server = nodes.get(&edge.target).unwrap_or(&unknown);
    let mut labels = vec![
        ("client", client.name.clone()),
        ("server", server.name.clone()),
        ("connection_type", connection_type(client.kind, server.kind).to_owned()),
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

/// Tempo's word for what is between the two.
fn connection_type(client: NodeKind, server: NodeKind) -> &'static str {
    use NodeKind::{
        Api, Bucket, Database, Function, Host, Queue, Schedule, Service, Stream, Table, Topic,
        Users,
    };
    match (client, server) {
        (Queue | Topic | Stream, _) | (_, Queue | Topic | Stream) => "messaging_system",
        (_, Table | Database) => "database",
        (Users | Schedule | Api | Host | Bucket, _) | (_, Bucket | Api | Host) => "virtual_node",
        (Function | Service | Table | Database, Function | Service | Schedule | Users) => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reduce::hop::Counts;

    fn spread(id: u64, ok: f64, error: f64) -> Spread {
        Spread {
            id: EdgeId(id),
            edge: Edge { source: NodeId(1), target: NodeId(2) },
            counts: Counts { ok, error, ..Counts::default() },
            within: vec![ok; BOUNDS_US.len()],
            measured: ok,
            seconds: ok,
        }
    }

    fn requests(read: &[EdgeNumbers]) -> Vec<f64> {
        read.iter().map(|numbers| numbers.requests).collect()
    }

    #[test]
    fn numbers_never_go_back_when_a_hop_is_taken_back() {
        let mut remembered = Remembered::default();
        let mut read = |ok| {
            let read = remembered.advance(&[spread(1, ok, 1.0)], &HashMap::new(), 9);
            (read[0].requests, read[0].failed, read[0].within[0], read[0].seconds)
        };
        assert_eq!(read(5.0), (6.0, 1.0, 5.0, 5.0));
        assert_eq!(read(3.0), (6.0, 1.0, 5.0, 5.0));
        assert_eq!(read(7.0), (8.0, 1.0, 7.0, 7.0));
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
    fn what_is_between_two_nodes_is_named_as_tempo_names_it() {
        use NodeKind::{Api, Function, Queue, Table, Users};
        assert_eq!(connection_type(Function, Function), "");
        assert_eq!(connection_type(Function, Queue), "messaging_system");
        assert_eq!(connection_type(Queue, Function), "messaging_system");
        assert_eq!(connection_type(Function, Table), "database");
        assert_eq!(connection_type(Users, Function), "virtual_node");
        assert_eq!(connection_type(Function, Api), "virtual_node");
    }
}
