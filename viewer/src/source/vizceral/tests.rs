//! Vizceral's JSON as a whole: what a hand-written world means, what is said as it changes and ages,
//! and real polls of real servers.

use serde_json::{Value, json};
use spanfall_collector::config::Port;
use spanfall_collector::feed::message::{
    GraphNode, Message as FeedMessage, Notice, Severity, Tick,
};
use spanfall_collector::reduce::node::{NodeId, NodeKind};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::format::{FormatError, Metrics, read};
use super::picture::Picture;
use super::poll::{Found, News, Trouble};
use super::show::Show;
use super::*;
use crate::source::inbox::Event;
use crate::source::tests::{Rig, busy_tick, collector, hops};
use crate::traffic::SourceState;

/// The regions' clocks, in milliseconds since 1970.
const NOW: u64 = 1_795_000_000_000;

fn node(name: &str) -> Value {
    json!({"name": name, "renderer": "focusedChild", "metadata": {"streaming": 1}})
}

fn connection(source: &str, target: &str, normal: f64, danger: f64) -> Value {
    json!({"source": source, "target": target, "metadata": {"streaming": 1},
        "metrics": {"normal": normal, "danger": danger}})
}

/// Two regions; one of them has a region within.
fn world() -> Value {
    let mut table = node("invoices");
    table["node_type"] = json!("storage");
    let mut service = node("orders");
    service["displayName"] = json!("Orders");
    service["nodes"] = json!([{"name": "orders-v1", "metrics": {"normal": 4}}]);
    service["notices"] = json!([{"title": "Deploying", "severity": 1, "link": "https://a.example/1"},
        {"title": "Old", "link": "javascript:alert(1)"}]);
    let mut paused = connection("orders", "audit", 9.0, 0.0);
    paused["metadata"]["streaming"] = json!(false);
    let mut failing = connection("orders", "invoices", 1.0, 3.0);
    failing["notices"] = json!([{"title": "It burns", "severity": 2}]);
    json!({
        "renderer": "global", "name": "edge", "serverUpdateTime": NOW,
        "nodes": [
            {"renderer": "region", "name": "INTERNET", "displayName": "INTERNET"},
            {"renderer": "region", "name": "eu", "displayName": "EU", "updated": NOW - 1_000,
             "maxVolume": 100, "props": {"any": [1]},
             "nodes": [node("INTERNET"), service, table, node("audit"), node("mail (us)"),
                {"renderer": "region", "name": "inner", "nodes": [node("deep")],
                 "connections": [connection("deep", "unlisted", 0.5, 0.0)]}],
             "connections": [connection("INTERNET", "orders", 4.0, 0.0), failing, paused,
                connection("orders", "mail (us)", 2.0, 0.0), connection("orders", "inner", 0.25, 0.0)]},
            {"renderer": "region", "name": "us", "updated": (NOW - 1_000) / 1_000,
             "entryNode": "edge-proxy", "nodes": [node("edge-proxy"), node("mail"), node("orders (eu)")],
             "connections": [connection("edge-proxy", "mail", 5.0, 0.0),
                connection("orders (eu)", "mail", 2.0, 0.0)]},
        ],
        "connections": [connection("INTERNET", "eu", 4.0, 0.0), connection("INTERNET", "us", 5.0, 0.0),
            connection("eu", "us", 2.0, 0.0), connection("us", "eu", 0.0, 0.0)],
    })
}

fn picture(world: &Value) -> Result<Picture, FormatError> {
    Picture::of(&read(world.to_string().as_bytes())?)
}

fn named<'a>(picture: &'a Picture, name: &str) -> &'a GraphNode {
    let mut nodes = picture.graph.nodes.iter();
    nodes.find(|node| node.name == name).unwrap_or_else(|| panic!("no {name}"))
}

/// `source>target normal danger` of each edge.
fn lines(picture: &Picture) -> Vec<String> {
    let name = |id: NodeId| {
        picture.graph.nodes.iter().find(|node| node.id == id).map_or("?", |node| &node.name)
    };
    let edges = picture.graph.edges.iter().zip(&picture.flows);
    let line = edges.map(|(edge, flow)| {
        assert_eq!(edge.id, flow.edge);
        let Metrics { normal, danger, .. } = flow.rates;
        format!("{}>{} {normal} {danger}", name(edge.source), name(edge.target))
    });
    line.collect()
}

#[test]
fn each_request_of_a_world_is_on_one_edge() {
    let picture = picture(&world()).unwrap();
    assert_eq!(
        lines(&picture),
        [
            "INTERNET>Orders 4 0",
            "Orders>invoices 1 3",
            // It does not stream.
            "Orders>audit 0 0",
            // Both regions tell of it; so does the world.
            "Orders>mail 2 0",
            "deep>unlisted 0.5 0",
            "edge-proxy>mail 5 0",
            // Nobody within the regions tells of these.
            "INTERNET>us 5 0",
            "Orders>inner 0.25 0",
        ]
        .map(str::to_owned)
    );
}

#[test]
fn nodes_have_their_region_kind_and_name() {
    let picture = picture(&world()).unwrap();
    let regions = ["INTERNET", "Orders", "mail", "deep", "edge-proxy"];
    let regions = regions.map(|name| named(&picture, name).region.as_str());
    assert_eq!(regions, ["", "eu", "us", "eu/inner", "us"]);
    assert_eq!(named(&picture, "invoices").kind, NodeKind::Database);
    assert_eq!(named(&picture, "Orders").kind, NodeKind::Service);
    assert_eq!(named(&picture, "INTERNET").kind, NodeKind::Users);
    let entries = picture.graph.nodes.iter().filter(|node| node.entry);
    let entries: Vec<_> = entries.map(|node| node.name.as_str()).collect();
    assert_eq!(entries, ["INTERNET", "edge-proxy"]);
}

#[test]
fn notices_keep_severity_and_page_and_know_what_they_are_about() {
    let picture = picture(&world()).unwrap();
    let [deploying, old, burns] = &picture.notices[..] else { panic!("{:?}", picture.notices) };
    assert_eq!((deploying.severity, deploying.text.as_str()), (Severity::Warning, "Deploying"));
    assert_eq!(deploying.url.as_deref(), Some("https://a.example/1"));
    assert_eq!(deploying.node, Some(named(&picture, "Orders").id));
    assert_eq!((old.severity, &old.url), (Severity::Info, &None), "that is no page");
    assert_eq!(burns.severity, Severity::Critical);
    assert_eq!(burns.edge, Some(picture.graph.edges[1].id));
}

#[test]
fn a_region_alone_is_a_world() {
    let region = json!({"renderer": "region", "name": "eu", "nodes": [node("a"), node("b")],
        "connections": [connection("a", "b", 1.0, 0.0), connection("a", "b", 0.0, 2.0)]});
    let picture = picture(&region).unwrap();
    assert_eq!(lines(&picture), ["a>b 1 2"]);
    assert_eq!(named(&picture, "a").region, "eu");
}

#[test]
fn more_than_can_be_drawn_is_told() {
    let nodes: Vec<_> = (0..10_001).map(|n| node(&n.to_string())).collect();
    let error = picture(&json!({"name": "edge", "nodes": nodes})).unwrap_err().to_string();
    assert!(error.contains("more than 10000 nodes"), "{error}");

    let mut deep = json!({"name": "x", "nodes": [node("a")], "connections": [
        connection("a", "a", 1.0, 0.0)]});
    for _ in 0..9 {
        deep = json!({"name": "x", "renderer": "region", "nodes": [deep]});
    }
    let error = picture(&deep).unwrap_err().to_string();
    assert!(error.contains("nodes[0].nodes") && error.contains("8 deep"), "{error}");
}

fn source(place: &str) -> Vizceral {
    Vizceral { place: place.parse().unwrap(), every: EVERY }
}

fn news(world: &Value, now_ms: u64) -> News {
    News { now_ms, found: Found::New(Box::new(picture(world).unwrap())) }
}

fn failed(now_ms: u64) -> News {
    News { now_ms, found: Found::Nothing { why: Trouble::NoAnswer, retry_in: 2.0 } }
}

fn states(events: &[Event]) -> Vec<SourceState> {
    let state = |event: &Event| match event {
        Event::State(state) => Some(state.clone()),
        _ => None,
    };
    events.iter().filter_map(state).collect()
}

fn notices(events: &[Event]) -> Vec<Notice> {
    let notice = |event: &Event| match event {
        Event::Message(FeedMessage::Notice(notice)) => Some(notice.clone()),
        _ => None,
    };
    events.iter().filter_map(notice).collect()
}

/// The hops of ticks a fifth of a second apart.
fn play(show: &mut Show, from_ms: u64, seconds: u64) -> f64 {
    let ticks = (1..=seconds * 5).filter_map(|n| show.tick(from_ms + n * 200));
    let hops = ticks.map(|event| match event {
        Event::Message(FeedMessage::Tick(Tick { edges, .. })) => {
            edges.iter().map(|moved| moved.counts.total()).sum::<f64>()
        }
        other => panic!("{other:?}"),
    });
    hops.sum()
}

/// Hops a second in [`world`].
const HOPS: f64 = 4.0 + 4.0 + 2.0 + 0.5 + 5.0 + 5.0 + 0.25;

#[test]
fn a_poll_that_fails_keeps_the_last_picture_and_says_so() {
    let mut show = Show::new(&source("http://viz.example:80/t.json"));
    let events = show.follow(news(&world(), NOW), NOW);
    let live = SourceState::Live("viz.example/t.json".to_owned());
    assert_eq!(states(&events), std::slice::from_ref(&live));
    let kinds: Vec<_> = events.iter().take(3).map(std::mem::discriminant).collect();
    assert_eq!(kinds[1], kinds[2], "state, greeting, graph");
    assert!((play(&mut show, NOW, 20) - 20.0 * HOPS).abs() < 12.0);

    let [SourceState::Lost { why, retry_in, .. }] =
        &states(&show.follow(failed(NOW + 20_000), NOW + 20_000))[..]
    else {
        panic!()
    };
    assert_eq!((why.as_str(), *retry_in), ("it does not answer", 2.0));
    assert_eq!(play(&mut show, NOW + 20_000, 5), 0.0, "nobody knows what happens now");

    let again = News { now_ms: NOW + 25_000, found: Found::Same };
    let events = show.follow(again, NOW + 25_000);
    assert_eq!(states(&events), [live]);
    assert!(
        events.iter().any(|e| matches!(e, Event::Message(FeedMessage::Graph(g)) if g.complete))
    );
    assert!((play(&mut show, NOW + 25_000, 20) - 20.0 * HOPS).abs() < 12.0);
}

#[test]
fn a_region_that_is_not_updated_rests_and_a_world_that_is_not_is_lost() {
    let mut show = Show::new(&source("http://viz.example/"));
    let mut fresh = world();
    fresh["nodes"][2]["updated"] = json!(NOW + 600_000);
    show.follow(news(&fresh, NOW), NOW);
    let later = NOW + 300_000;
    let events = show.follow(News { now_ms: later, found: Found::Same }, later);
    let [stale] = &notices(&events)[..] else { panic!("{events:?}") };
    let said = stale.text.replace('\u{a0}', " ");
    assert_eq!(said, "EU is stale: it was last updated 5 min ago, and its particles rest");
    show.tick(later);
    // The eu, the region within it, and the world with its connections between them rest.
    assert!((play(&mut show, later, 20) - 20.0 * 5.0).abs() < 2.0);

    let much_later = NOW + 1_200_000;
    let events = show.follow(News { now_ms: much_later, found: Found::Same }, much_later);
    let [SourceState::Lost { why, .. }] = &states(&events)[..] else { panic!("{events:?}") };
    assert!(
        why.replace('\u{a0}', " ").starts_with("It answers, and its data is 10 min old"),
        "{why}"
    );
    assert_eq!(play(&mut show, much_later, 5), 0.0);
    assert!(notices(&events).iter().any(|notice| notice.id == stale.id && notice.text.is_empty()));
}

#[test]
fn a_file_is_as_it_was_however_old_it_is() {
    let mut show = Show::new(&source("traffic.json"));
    let years = NOW + 100_000_000_000;
    let events = show.follow(news(&world(), years), years);
    assert_eq!(states(&events), [SourceState::Recording("traffic.json".to_owned())]);
    assert!((play(&mut show, years, 20) - 20.0 * HOPS).abs() < 12.0);

    assert_eq!(show.follow(failed(years), years), [], "it may be half written");
    let events = show.follow(failed(years), years);
    assert!(notices(&events)[0].text.contains("the last picture stays"), "{events:?}");
    assert!(states(&events).is_empty());
    let events = show.follow(news(&world(), years), years);
    assert!(matches!(&notices(&events)[..], [over] if over.text.is_empty()), "{events:?}");
}

#[test]
fn notices_begin_once_and_end_when_they_are_not_said_any_more() {
    let mut show = Show::new(&source("http://viz.example/"));
    let first = notices(&show.follow(news(&world(), NOW), NOW));
    assert_eq!(first.len(), 3);
    assert!(first.iter().all(|notice| notice.since_ms == NOW));
    assert!(show.follow(news(&world(), NOW), NOW + 5_000).is_empty());
    let mut calm = world();
    calm["nodes"][1]["nodes"][1]["notices"] = json!([]);
    let over = notices(&show.follow(news(&calm, NOW), NOW + 10_000));
    assert_eq!(over.len(), 2);
    assert!(over.iter().all(|notice| notice.text.is_empty()));
}

#[tokio::test]
async fn what_a_collector_says_to_vizceral_is_read_back() {
    let (collector, address) = collector(Port::Number(0)).await;
    for _ in 0..40 {
        hops(collector.pipeline().hub(), 4);
    }
    let mut rig = Rig::new();
    let place = format!("http://{address}/vizceral.json");
    tokio::spawn(run(rig.feed.clone(), source(&place)));
    assert_eq!(rig.state().await, SourceState::Live(format!("{address}/vizceral.json")));
    let graph = |message: &FeedMessage| match message {
        FeedMessage::Graph(graph) => Some(graph.clone()),
        _ => None,
    };
    let graph = rig.message(graph).await;
    let mut names: Vec<_> = graph.nodes.iter().map(|node| node.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["INTERNET", "a", "b"]);
    let moved = rig.message(busy_tick).await;
    assert_eq!(moved.edges[0].edge, graph.edges[0].id);
    collector.shutdown().await;
}

/// Answers once with this, and returns what the wall is told.
async fn lost(answer: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut rig = Rig::new();
    let place = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(run(rig.feed.clone(), source(&place)));
    let (mut socket, _) = listener.accept().await.unwrap();
    let _ = socket.read(&mut [0; 4096]).await.unwrap();
    // It may have heard enough before the end.
    let _ = socket.write_all(&answer).await;
    drop(socket);
    rig.lost().await
}

fn ok(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

#[tokio::test]
async fn what_answers_something_else_is_told() {
    let missing = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec();
    assert_eq!(lost(missing).await, "it answers 404 Not Found");
    let page = lost(ok("<html>Vizceral</html>")).await;
    assert!(page.starts_with("it is no JSON: expected value at line 1"), "{page}");
    let other = lost(ok(r#"{"name": "edge", "nodes": [{"name": 5}]}"#)).await;
    assert!(other.starts_with("nodes[0].name (line 1"), "{other}");
    let huge = b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n{".to_vec();
    assert!(lost(huge).await.contains("more than 64 MiB"));
    let moved = b"HTTP/1.1 302 Found\r\nlocation: https://viz.example/\r\n\r\n".to_vec();
    let moved = lost(moved).await;
    assert!(moved.contains("http"), "{moved}");
    let mute = lost(Vec::new()).await;
    assert!(!mute.is_empty());
}

#[tokio::test]
async fn a_body_without_a_length_is_cut_off_where_no_traffic_is_so_large() {
    let mut answer = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    answer.resize(answer.len() + (65 << 20), b' ');
    assert!(lost(answer).await.contains("more than 64 MiB"));
}

#[test]
fn a_file_with_a_mistake_is_told_before_a_window_opens() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("traffic.json");
    let source = Vizceral { place: Place::File(path.clone()), every: EVERY };
    let error = format!("{:#}", source.check().unwrap_err());
    assert!(error.contains("traffic.json") && error.contains("no such file"), "{error}");
    std::fs::write(&path, r#"{"name": "edge", "nodes": [{}]}"#).unwrap();
    let error = format!("{:#}", source.check().unwrap_err());
    assert!(error.contains("traffic.json: nodes[0] (line 1, column"), "{error}");
    std::fs::write(&path, world().to_string()).unwrap();
    source.check().unwrap();
}

#[tokio::test]
async fn a_file_is_read_again_when_it_changes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("traffic.json");
    std::fs::write(&path, world().to_string()).unwrap();
    let mut rig = Rig::new();
    let every = Duration::from_millis(20);
    tokio::spawn(run(rig.feed.clone(), Vizceral { place: Place::File(path.clone()), every }));
    assert_eq!(rig.state().await, SourceState::Recording("traffic.json".to_owned()));
    rig.message(busy_tick).await;
    let mut other = world();
    other["nodes"][1]["nodes"][2]["name"] = json!("receipts");
    other["nodes"][1]["connections"][1]["target"] = json!("receipts");
    std::fs::write(&path, other.to_string()).unwrap();
    let renamed = |message: &FeedMessage| match message {
        FeedMessage::Graph(graph) => graph.nodes.iter().find(|n| n.name == "receipts").cloned(),
        _ => None,
    };
    rig.message(renamed).await;
}
