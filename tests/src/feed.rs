//! A viewer without a picture: reads a collector's feed over a real WebSocket and adds it up. In: a
//! collector's address. Out: a [`Wall`] with what a real viewer would show.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use spanfall_collector::feed::message::{
    Detail, Found, GraphEdge, GraphNode, Hello, Message, Notice, Request, Trace,
};
use spanfall_collector::reduce::hop::{Counts, EdgeId};
use spanfall_collector::reduce::node::NodeId;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// Everything that a feed has told, added up.
#[derive(Clone, Debug, Default)]
pub struct Wall {
    /// The first frame.
    pub hello: Option<Hello>,
    /// The types of all frames, in order.
    pub order: Vec<&'static str>,
    /// The nodes.
    pub nodes: BTreeMap<NodeId, GraphNode>,
    /// The edges.
    pub edges: BTreeMap<EdgeId, GraphEdge>,
    /// Hops by edge.
    pub counts: BTreeMap<EdgeId, Counts>,
    /// Nodes that turned out to be others.
    pub merged: BTreeMap<NodeId, NodeId>,
    /// Spans, by the ticks.
    pub spans: u64,
    /// Notices that stand.
    pub notices: BTreeMap<String, Notice>,
    /// The latest time of a tick, in milliseconds since 1970.
    pub last_tick: u64,
    /// What was last told of what is inspected.
    pub detail: Option<Detail>,
    /// What was last told of the request that is followed.
    pub trace: Option<Trace>,
    /// What was last found.
    pub found: Option<Found>,
}

impl Wall {
    /// Takes one message.
    ///
    /// # Panics
    /// If a tick names an edge that no graph has told of: no viewer could draw that.
    #[track_caller]
    pub fn take(&mut self, message: Message) {
        match message {
            Message::Hello(hello) => {
                self.order.push("hello");
                self.hello = Some(hello);
            }
            Message::Graph(graph) => {
                self.order.push("graph");
                self.nodes.extend(graph.nodes.into_iter().map(|node| (node.id, node)));
                self.edges.extend(graph.edges.into_iter().map(|edge| (edge.id, edge)));
                self.merged.extend(graph.merged);
            }
            Message::Tick(tick) => {
                self.order.push("tick");
                assert!(tick.t >= self.last_tick, "time goes back: {} {tick:?}", self.last_tick);
                self.last_tick = tick.t;
                self.spans += tick.spans;
                for moved in tick.edges {
                    assert!(self.edges.contains_key(&moved.edge), "no graph told of {moved:?}");
                    self.counts.entry(moved.edge).or_default().add(&moved.counts);
                }
            }
            Message::Notice(notice) => {
                self.order.push("notice");
                self.notices.insert(notice.id.clone(), notice);
            }
            Message::Detail(detail) => {
                self.order.push("detail");
                self.detail = Some(*detail);
            }
            Message::Trace(trace) => {
                self.order.push("trace");
                self.trace = Some(*trace);
            }
            Message::Found(found) => {
                self.order.push("found");
                self.found = Some(found);
            }
            Message::Lost(lost) => panic!("the test was too slow: {lost:?}"),
            Message::Unknown => self.order.push("unknown"),
        }
    }

    /// A node's name, by its last identity.
    pub fn name(&self, mut id: NodeId) -> String {
        while let Some(&into) = self.merged.get(&id) {
            id = into;
        }
        self.nodes.get(&id).map_or_else(
            || format!("{id:?}, which no graph told of"),
            |node| format!("{} {}", node.kind, node.name),
        )
    }

    /// Hops by `source kind, source name, target kind, target name`, where there are any.
    pub fn by_name(&self) -> BTreeMap<(String, String), Counts> {
        let mut by_name: BTreeMap<_, Counts> = BTreeMap::new();
        for (id, edge) in &self.edges {
            let Some(counts) = self.counts.get(id) else { continue };
            let names = (self.name(edge.source), self.name(edge.target));
            by_name.entry(names).or_default().add(counts);
        }
        by_name.retain(|_, counts| counts.total() != 0.0);
        by_name
    }

    /// `kind source > kind target: ok slow throttled error cold`, sorted.
    pub fn lines(&self) -> Vec<String> {
        let line = |((source, target), counts): (&(String, String), &Counts)| {
            let Counts { ok, slow, throttled, error, cold } = counts;
            format!("{source} > {target}: {ok} {slow} {throttled} {error} {cold}")
        };
        self.by_name().iter().map(line).collect()
    }

    /// All hops.
    pub fn hops(&self) -> f64 {
        self.counts.values().map(Counts::total).sum()
    }
}

/// A connection to a feed.
pub struct Viewer {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// What it has told so far.
    pub wall: Wall,
}

impl Viewer {
    /// Connects to a collector's view port.
    ///
    /// # Panics
    /// If that does not succeed in time.
    pub async fn connect(view: SocketAddr) -> Self {
        let address = format!("ws://{view}/feed");
        let connecting = tokio_tungstenite::connect_async(&address);
        let connected = timeout(Duration::from_secs(20), connecting).await;
        let (socket, _) = connected.expect("an answer in time").expect("a WebSocket");
        Self { socket, wall: Wall::default() }
    }

    /// Asks for something.
    ///
    /// # Panics
    /// If the connection is gone.
    pub async fn ask(&mut self, request: &Request) {
        let text = serde_json::to_string(request).expect("a request is JSON");
        self.socket.send(Frame::text(text)).await.expect("a collector that listens");
    }

    /// Reads until the wall shows what is wanted.
    ///
    /// # Panics
    /// If it does not in time: `what` says what was waited for, and the wall is shown.
    pub async fn until(&mut self, limit: Duration, what: &str, wanted: impl Fn(&Wall) -> bool) {
        let reading = async {
            while !wanted(&self.wall) {
                let Some(message) = read(&mut self.socket).await else {
                    panic!("the feed ended before {what}");
                };
                self.wall.take(message);
            }
        };
        if timeout(limit, reading).await.is_err() {
            let lines = self.wall.lines().join("\n");
            panic!("waited {limit:?} in vain for {what}; the wall shows\n{lines}");
        }
    }

    /// Reads until the collector ends the feed.
    ///
    /// # Panics
    /// If it does not in time.
    pub async fn until_end(&mut self, limit: Duration) {
        let reading = async {
            while let Some(message) = read(&mut self.socket).await {
                self.wall.take(message);
            }
        };
        assert!(timeout(limit, reading).await.is_ok(), "the feed did not end in {limit:?}");
    }
}

/// The next message; none at the end.
async fn read(socket: &mut WebSocketStream<MaybeTlsStream<TcpStream>>) -> Option<Message> {
    loop {
        match socket.next().await? {
            Ok(Frame::Text(text)) => {
                return Some(serde_json::from_str(&text).expect("a message of the feed"));
            }
            Ok(Frame::Close(_)) => {}
            Ok(_) => {}
            Err(_) => return None,
        }
    }
}
