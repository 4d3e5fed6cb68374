//! Sources as a whole, with real collectors, real sockets and the real sample.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bevy::time::TimePlugin;
use futures::SinkExt as _;
use spanfall_collector::collector::{Binding, Purpose};
use spanfall_collector::config::{self, Config, Listen, Port};
use spanfall_collector::feed::Hub;
use spanfall_collector::feed::message::{
    EdgeTick, Graph, GraphEdge, GraphNode, Inspect, PROTOCOL, Request, Tick,
};
use spanfall_collector::reduce::hop::{Counts, EdgeId};
use spanfall_collector::reduce::node::{NodeId, NodeKind};
use spanfall_collector::replay::Speed;
use spanfall_collector::{Collector, Pipeline};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::{Instant as TokioInstant, timeout};
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_util::sync::CancellationToken;

use super::inbox::{Event, Inbox};
use super::thread::Feed;
use super::*;
use crate::activity::Activity;
use crate::focus::Command;
use crate::focus::Focus;
use crate::traffic::{Traffic, TrafficPlugin};

/// A source that says nothing for so long has failed its test.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

pub(super) struct Rig {
    pub(super) feed: Feed,
    requests: watch::Sender<Request>,
    seen: Vec<Event>,
    _paused: watch::Sender<bool>,
}

impl Rig {
    pub(super) fn new() -> Self {
        let (requests, asked) = watch::channel(Request::Inspect(Inspect::default()));
        let (paused, pauses) = watch::channel(false);
        let feed = Feed {
            inbox: Arc::new(Inbox::new(|| {})),
            requests: asked,
            paused: pauses,
            stop: CancellationToken::new(),
        };
        Self { feed, requests, seen: Vec::new(), _paused: paused }
    }

    /// The next event that is one of these; what comes before it is passed over.
    async fn next<T>(&mut self, wanted: impl Fn(&Event) -> Option<T>) -> T {
        let found = timeout(PATIENCE, async {
            loop {
                self.seen.extend(self.feed.inbox.drain().into_iter().map(|(_, event)| event));
                if let Some(at) = self.seen.iter().position(|event| wanted(event).is_some()) {
                    let event = self.seen.drain(..=at).next_back().unwrap();
                    return wanted(&event).unwrap();
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        found.await.unwrap_or_else(|_| panic!("it never came"))
    }

    pub(super) async fn state(&mut self) -> SourceState {
        let state = |event: &Event| match event {
            Event::State(state) => Some(state.clone()),
            _ => None,
        };
        self.next(state).await
    }

    pub(super) async fn message<T>(&mut self, wanted: impl Fn(&FeedMessage) -> Option<T>) -> T {
        let message = |event: &Event| match event {
            Event::Message(message) => wanted(message),
            _ => None,
        };
        self.next(message).await
    }

    pub(super) async fn lost(&mut self) -> String {
        match self.state().await {
            SourceState::Lost { why, .. } => why,
            other => panic!("not lost but {other:?}"),
        }
    }

    fn connect(&self, to: SocketAddr) {
        tokio::spawn(connect::run(self.feed.clone(), to.to_string().parse().unwrap()));
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.feed.stop.cancel();
    }
}

pub(super) async fn collector(view: Port) -> (Collector, SocketAddr) {
    let listen = Listen { view, grpc: Port::Off, http: Port::Off, ..Listen::anywhere() };
    let collector = Collector::start(Config { listen, ..Config::default() }).await.unwrap();
    let listener =
        collector.listeners().iter().find(|listener| listener.purpose == Purpose::View).unwrap();
    assert!(matches!(listener.binding, Binding::Listening));
    let address = listener.address;
    (collector, address)
}

pub(super) fn hops(hub: &Hub, spans: u64) {
    let node = |id, name: &str| GraphNode {
        id: NodeId(id),
        kind: NodeKind::Function,
        name: name.into(),
        account: String::new(),
        region: String::new(),
        entry: false,
    };
    let edge = GraphEdge { id: EdgeId(3), source: NodeId(1), target: NodeId(2) };
    let graph =
        Graph { nodes: vec![node(1, "a"), node(2, "b")], edges: vec![edge], ..Graph::default() };
    let counts = Counts { ok: 2.0, ..Counts::default() };
    let moved = EdgeTick { edge: edge.id, counts, p50_us: 1, p99_us: 2, again: 0.0 };
    let tick = Tick { t: 1, ms: 200, spans, edges: vec![moved], ..Tick::default() };
    hub.publish(Some(graph), Some(tick), TokioInstant::now());
}

pub(super) fn busy_tick(message: &FeedMessage) -> Option<Tick> {
    match message {
        FeedMessage::Tick(tick) if !tick.edges.is_empty() => Some(tick.clone()),
        _ => None,
    }
}

#[tokio::test]
async fn a_collectors_feed_is_read_lost_and_found_again() {
    let (first, address) = collector(Port::Number(0)).await;
    let mut rig = Rig::new();
    rig.connect(address);
    assert_eq!(rig.state().await, SourceState::Live(address.to_string()));
    hops(first.pipeline().hub(), 4);
    assert_eq!(rig.message(busy_tick).await.spans, 4);

    first.shutdown().await;
    assert_eq!(rig.lost().await, "it has stopped");
    let (second, _) = collector(Port::At(address)).await;
    loop {
        match rig.state().await {
            SourceState::Live(_) => break,
            SourceState::Lost { why, .. } => assert_eq!(why, "nothing listens there"),
            other => panic!("{other:?}"),
        }
    }
    let complete = |message: &FeedMessage| match message {
        FeedMessage::Graph(graph) => Some(graph.complete),
        _ => None,
    };
    assert!(rig.message(complete).await, "the graph comes anew");
    second.shutdown().await;
}

#[tokio::test]
async fn a_collector_that_falls_silent_is_lost_and_tried_again() {
    // As when a cable is pulled: nobody closes the connection.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut rig = Rig::new();
    rig.connect(listener.local_addr().unwrap());
    let (socket, _) = listener.accept().await.unwrap();
    let mut socket = tokio_tungstenite::accept_async(socket).await.unwrap();
    let hello = format!(
        r#"{{"type":"hello","protocol":{PROTOCOL},"version":"0","tick_ms":200,"source":{{"kind":"live"}},"now_ms":1}}"#
    );
    socket.send(Frame::text(hello)).await.unwrap();
    assert!(matches!(rig.state().await, SourceState::Live(_)));
    tokio::time::pause();
    assert_eq!(rig.lost().await, "nothing has come for 10 s");
    tokio::time::resume();
    let again = timeout(PATIENCE, listener.accept()).await;
    assert!(again.unwrap().is_ok());
}

#[tokio::test]
async fn a_connection_that_breaks_is_told_as_what_it_is() {
    // As when a collector is killed: the connection ends in the middle of everything.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut rig = Rig::new();
    rig.connect(listener.local_addr().unwrap());
    let (socket, _) = listener.accept().await.unwrap();
    let socket = tokio_tungstenite::accept_async(socket).await.unwrap();
    drop(socket);
    assert_eq!(rig.lost().await, "the connection broke");
}

#[tokio::test]
async fn what_is_selected_is_inspected_and_stays_so_across_connections() {
    let (first, address) = collector(Port::Number(0)).await;
    let mut rig = Rig::new();
    rig.connect(address);
    rig.state().await;
    let asked = Request::Inspect(Inspect { nodes: vec![NodeId(2)], ..Inspect::default() });
    rig.requests.send(asked).unwrap();
    let detail = |message: &FeedMessage| match message {
        FeedMessage::Detail(detail) => detail.node,
        _ => None,
    };
    assert_eq!(rig.message(detail).await, NodeId(2));
    first.shutdown().await;
    let (second, _) = collector(Port::At(address)).await;
    // The new collector's detail says the same as before, and so is left out; that it is sent at
    // all shows in another node's.
    while !matches!(rig.state().await, SourceState::Live(_)) {}
    let asked = Request::Inspect(Inspect { nodes: vec![NodeId(7)], ..Inspect::default() });
    rig.requests.send(asked).unwrap();
    assert_eq!(rig.message(detail).await, NodeId(7));
    second.shutdown().await;
}

#[tokio::test]
async fn what_answers_and_is_no_collector_is_told() {
    for (answer, told) in [
        (
            "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
            "what answers there is no collector",
        ),
        (
            "HTTP/1.1 503 Busy\r\ncontent-length: 20\r\n\r\nno more than 4 walls",
            "it refuses: no more than 4 walls",
        ),
        ("220 mail.example ESMTP\r\n", ""),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut rig = Rig::new();
        rig.connect(listener.local_addr().unwrap());
        let (mut socket, _) = listener.accept().await.unwrap();
        let _ = socket.read(&mut [0; 1024]).await.unwrap();
        socket.write_all(answer.as_bytes()).await.unwrap();
        drop(socket);
        let why = rig.lost().await;
        assert!(why.starts_with(told) && !why.is_empty(), "{why:?} for {answer:?}");
    }
}

#[tokio::test]
async fn the_sample_plays_until_spans_arrive() {
    let label = spanfall_collector::feed::message::SourceLabel::Live;
    let mut config = Config::default();
    config.feed.tick = Duration::from_millis(50);
    let live = Pipeline::start(&config, label);
    let mut rig = Rig::new();
    let mut feed = rig.feed.clone();
    let hub = Arc::clone(live.hub());
    tokio::spawn(async move { embedded::show(&mut feed, &hub).await });

    assert_eq!(rig.state().await, SourceState::Sample(sample::NAME.into()));
    let sampled = rig.message(busy_tick).await;
    assert_ne!(sampled.edges[0].edge, EdgeId(3));

    hops(live.hub(), 4);
    let reset = |event: &Event| matches!(event, Event::Reset).then_some(());
    rig.next(reset).await;
    assert_eq!(rig.state().await, SourceState::Live("this computer".into()));
    assert_eq!(rig.message(busy_tick).await.edges[0].edge, EdgeId(3));
}

#[tokio::test]
async fn a_port_that_is_taken_is_told_and_the_rest_goes_on() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let flag = |name: &str, value: String| config::Flag {
        option: format!("--{name}"),
        key: format!("listen.{name}"),
        value,
    };
    let flags =
        vec![flag("grpc", port.to_string()), flag("http", "0".into()), flag("view", "off".into())];
    let config = config::Source { flags, ..config::Source::default() };
    let mut rig = Rig::new();
    let running = tokio::spawn(embedded::run(rig.feed.clone(), Embedded { config }));
    let notice = |message: &FeedMessage| match message {
        FeedMessage::Notice(notice) => Some(notice.clone()),
        _ => None,
    };
    let told = rig.message(notice).await;
    assert_eq!(told.id, "port-grpc");
    assert!(told.text.contains(&port.to_string()) && told.text.contains("taken"), "{}", told.text);
    rig.feed.stop.cancel();
    timeout(PATIENCE, running).await.unwrap().unwrap();
}

/// The viewer's first half, with a source on its thread.
fn app(source: Source) -> App {
    let mut app = App::new();
    app.add_plugins((TimePlugin, SourcePlugin::new(source), TrafficPlugin::default()))
        .add_message::<Command>()
        .init_resource::<Focus>()
        .init_resource::<Activity>();
    app.configure_sets(Update, (Flow::Source, Flow::Traffic).chain());
    app
}

fn run_until(app: &mut App, done: impl Fn(&World) -> bool) {
    let begin = Instant::now();
    while !done(app.world()) {
        app.update();
        assert!(begin.elapsed() < PATIENCE, "it never came");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_recording_is_played_on_a_thread_of_its_own() {
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/../samples/webshop.jsonl.zst");
    let recording = Recording {
        files: vec![sample.into()],
        speed: Speed::Max,
        repeat: false,
        config: config::Source::default(),
    };
    let mut app = app(Source::Replay(recording));
    let ended = |world: &World| {
        let notices = &world.resource::<Traffic>().notices;
        notices.iter().any(|notice| notice.text.contains("webshop.jsonl.zst has ended"))
    };
    run_until(&mut app, ended);
    assert!(app.world().resource::<Traffic>().nodes.len() > 10);
    assert_eq!(
        *app.world().resource::<SourceState>(),
        SourceState::Recording("webshop.jsonl.zst".into())
    );
}

#[test]
fn a_recording_that_cannot_be_read_is_told_on_the_wall() {
    let recording = Recording {
        files: vec!["no-such-file.jsonl".into()],
        speed: Speed::default(),
        repeat: false,
        config: config::Source::default(),
    };
    let mut app = app(Source::Replay(recording));
    let told = |world: &World| {
        let notices = &world.resource::<Traffic>().notices;
        notices.iter().any(|notice| notice.text.contains("no-such-file.jsonl"))
    };
    run_until(&mut app, told);
}

#[test]
fn a_feed_file_plays_by_the_apps_clock_and_passes_over_what_it_cannot_read() {
    use bevy::time::TimeUpdateStrategy;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("feed.jsonl");
    let hello = r#"{"type":"hello","protocol":1,"version":"0","tick_ms":200,"source":{"kind":"recording","name":"r"},"now_ms":1000000}"#;
    let graph = r#"{"type":"graph","complete":true,"nodes":[{"id":1,"kind":"users","name":"a"},{"id":2,"kind":"function","name":"b"}],"edges":[{"id":3,"source":1,"target":2}]}"#;
    let tick = |t: u32| {
        format!(r#"{{"type":"tick","t":{t},"ms":200,"spans":1,"edges":[[3,5,0,0,0,0,10,20]]}}"#)
    };
    let lines = [
        hello.to_owned(),
        graph.to_owned(),
        "not json".to_owned(),
        tick(1_000_000),
        tick(1_005_000),
    ];
    std::fs::write(&path, lines.join("\n")).unwrap();

    let mut app = app(Source::FeedFile(path));
    app.insert_resource(TimeUpdateStrategy::ManualDuration(Duration::from_millis(20)));
    let hops = |app: &mut App, frames: u32| {
        for _ in 0..frames {
            app.update();
        }
        let total = &app.world().resource::<Traffic>().total;
        total.seconds.iter().map(Counts::total).sum::<f64>()
    };
    assert_eq!(hops(&mut app, 60), 5.0);
    assert_eq!(hops(&mut app, 150), 5.0, "the second tick is five seconds later");
    assert_eq!(hops(&mut app, 120), 10.0);
    assert_eq!(*app.world().resource::<SourceState>(), SourceState::Recording("r".into()));
}
