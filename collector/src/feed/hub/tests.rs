//! What viewers of one hub receive, and what they do not do to each other. Time stands still
//! unless a test moves it.

use tokio::time::advance;

use super::super::message::{GraphNode, Inspect, InstanceTick, Request, Severity};
use super::*;
use crate::reduce::node::{NodeId, NodeKind};

fn hub_with(settings: Settings) -> Arc<Hub> {
    let clock = Clock::start_at(1_700_000_000_000);
    let reducer = Arc::new(Reducer::new(crate::reduce::Settings::default()));
    Hub::new(reducer, PriceList::default(), SourceLabel::Live, settings, clock)
}

fn hub() -> Arc<Hub> {
    hub_with(Settings::default())
}

fn tick(t: u64) -> Option<Tick> {
    Some(Tick { t, ms: 200, spans: 1, ..Tick::default() })
}

fn node(id: u64) -> GraphNode {
    GraphNode {
        id: NodeId(id),
        kind: NodeKind::Function,
        name: format!("f{id}"),
        account: String::new(),
        region: String::new(),
        entry: false,
    }
}

fn change(id: u64) -> Option<Graph> {
    Some(Graph { nodes: vec![node(id)], ..Graph::default() })
}

fn notice(id: &str, text: &str) -> Notice {
    Notice {
        id: id.to_owned(),
        severity: Severity::Warning,
        text: text.to_owned(),
        since_ms: 1,
        ..Notice::default()
    }
}

/// What a viewer has to read now, each message in few words.
async fn received(viewer: &mut Subscription) -> Vec<String> {
    let mut messages = Vec::new();
    // With time standing still, a timer that fires means that there is nothing else to do.
    while let Ok(Some(frame)) = tokio::time::timeout(Duration::from_millis(1), viewer.next()).await
    {
        messages.push(told(&serde_json::from_str(frame.as_str()).unwrap()));
    }
    messages
}

fn told(message: &Message) -> String {
    match message {
        Message::Hello(_) => "hello".to_owned(),
        Message::Graph(graph) => {
            let what = if graph.complete { "complete" } else { "change" };
            let nodes: Vec<_> = graph.nodes.iter().map(|node| node.name.as_str()).collect();
            format!("{what} {}", nodes.join(" "))
        }
        Message::Tick(tick) => format!("tick {}", tick.t),
        Message::Notice(notice) => format!("notice {}: {}", notice.id, notice.text),
        Message::Lost(lost) => format!("lost {}", lost.ticks),
        Message::Detail(detail) => format!("detail {:?} {:?}", detail.node, detail.edge),
        Message::Trace(trace) => format!("trace {}", trace.trace),
        Message::Found(found) => format!("found {}: {}", found.find, found.nodes.len()),
        Message::Unknown => "unknown".to_owned(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_viewer_receives_the_recent_past() {
    let hub = hub();
    hub.publish(change(1), tick(1), Instant::now());
    hub.publish(change(2), tick(2), Instant::now());
    let mut late = hub.subscribe();
    hub.publish(change(3), tick(3), Instant::now());
    assert_eq!(
        received(&mut late).await,
        ["hello", "complete ", "change f1", "tick 1", "change f2", "tick 2", "change f3", "tick 3"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_late_viewer_knows_the_instances_that_were_told_before_its_past_and_then_what_changed() {
    let live = |message: Message| match message {
        Message::Graph(graph) => graph.instances,
        Message::Tick(tick) => tick.instances,
        _ => Vec::new(),
    };
    let hub = hub();
    let with = |t, live| {
        let instances = vec![InstanceTick(NodeId(1), live, 1)];
        tick(t).map(|tick| Tick { instances, ..tick })
    };
    hub.publish(change(1), with(1, 4), Instant::now());
    advance(Duration::from_secs(400)).await;
    hub.publish(None, with(2, 5), Instant::now());
    let mut late = hub.subscribe();
    let mut told = Vec::new();
    while let Ok(Some(frame)) = tokio::time::timeout(Duration::from_millis(1), late.next()).await {
        told.extend(live(serde_json::from_str(frame.as_str()).unwrap()));
    }
    assert_eq!(told, [InstanceTick(NodeId(1), 4, 0), InstanceTick(NodeId(1), 5, 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_tick_of_the_past_finds_its_edges_even_if_they_are_gone_by_now() {
    let hub = hub();
    let merge =
        Graph { nodes: vec![node(3)], merged: vec![(NodeId(2), NodeId(3))], ..Graph::default() };
    hub.publish(change(1), None, Instant::now());
    hub.publish(change(2), tick(1), Instant::now());
    advance(Duration::from_secs(200)).await;
    hub.publish(Some(merge), tick(2), Instant::now());
    let past = received(&mut hub.subscribe()).await;
    assert_eq!(past[1..], ["complete ", "change f1", "change f2", "tick 1", "change f3", "tick 2"]);
    advance(Duration::from_secs(200)).await;
    hub.publish(None, tick(3), Instant::now());
    let past = received(&mut hub.subscribe()).await;
    assert_eq!(past[1..], ["complete f1 f2", "change f3", "tick 2", "tick 3"]);
    advance(Duration::from_secs(200)).await;
    hub.publish(None, tick(4), Instant::now());
    let past = received(&mut hub.subscribe()).await;
    assert_eq!(past[1..], ["complete f1 f3", "tick 3", "tick 4"]);
}

#[tokio::test(start_paused = true)]
async fn the_past_is_as_long_as_configured() {
    let hub = hub();
    for second in 0..400 {
        hub.publish(None, tick(second), Instant::now());
        advance(Duration::from_secs(1)).await;
    }
    let past = received(&mut hub.subscribe()).await;
    assert_eq!(past[2], "tick 99", "300 s before the last");
    assert_eq!(past.last().unwrap(), "tick 399");
}

#[tokio::test(start_paused = true)]
async fn a_slow_viewer_loses_ticks_and_is_told_how_many() {
    let hub = hub();
    let mut viewer = hub.subscribe();
    received(&mut viewer).await;
    // 10 s of 200 ms ticks are 50: so far behind a viewer may be.
    for t in 0..50 {
        hub.publish(None, tick(t), Instant::now());
    }
    assert_eq!(received(&mut viewer).await.len(), 50);
    for t in 0..51 {
        hub.publish(change(t), tick(t), Instant::now());
    }
    let told = received(&mut viewer).await;
    assert_eq!(told[0], "lost 51");
    assert!(told[1].starts_with("complete f0 f1 ") && told[1].ends_with(" f50"), "{}", told[1]);
    assert_eq!(told.len(), 2, "it continues with what happens next");
    hub.publish(None, tick(99), Instant::now());
    assert_eq!(received(&mut viewer).await, ["tick 99"]);
    assert_eq!(hub.stats().lost_ticks, 51);
}

#[tokio::test(start_paused = true)]
async fn a_loss_is_counted_right_even_when_the_ring_no_longer_holds_it() {
    let hub = hub_with(Settings { history_bytes: 200, ..Settings::default() });
    hub.publish(None, tick(0), Instant::now());
    let mut viewer = hub.subscribe();
    for t in 1..1_000 {
        hub.publish(None, tick(t), Instant::now());
    }
    // It never reached the present, so it is the ring's end that it fell off.
    assert_eq!(received(&mut viewer).await, ["hello", "complete ", "lost 1000", "complete "]);
}

#[tokio::test(start_paused = true)]
async fn a_viewer_that_reads_a_long_past_is_not_taken_for_a_slow_one() {
    let hub = hub();
    for t in 0..1_000 {
        hub.publish(None, tick(t), Instant::now());
    }
    assert_eq!(received(&mut hub.subscribe()).await.len(), 1_002);
    assert_eq!(hub.stats().lost_ticks, 0);
}

#[tokio::test(start_paused = true)]
async fn two_viewers_do_not_affect_each_other() {
    let hub = hub();
    let mut steady = hub.subscribe();
    let mut slow = hub.subscribe();
    received(&mut steady).await;
    received(&mut slow).await;
    for t in 0..200 {
        hub.publish(change(t), tick(t), Instant::now());
        assert_eq!(received(&mut steady).await, [format!("change f{t}"), format!("tick {t}")]);
    }
    assert_eq!(received(&mut slow).await[0], "lost 200");
    drop(slow);
    hub.publish(None, tick(200), Instant::now());
    assert_eq!(received(&mut steady).await, ["tick 200"]);
}

#[tokio::test(start_paused = true)]
async fn a_notice_stands_until_it_is_over() {
    let hub = hub();
    hub.notice(notice("config", "line 3"));
    let mut early = hub.subscribe();
    assert_eq!(received(&mut early).await, ["hello", "complete ", "notice config: line 3"]);
    advance(Duration::from_secs(301)).await;
    hub.publish(None, tick(1), Instant::now());
    assert_eq!(received(&mut early).await, ["tick 1"]);
    assert_eq!(
        received(&mut hub.subscribe()).await,
        ["hello", "complete ", "notice config: line 3", "tick 1"],
        "it stands though the past in which it came is gone"
    );
    hub.notice(notice("config", "line 3"));
    assert_eq!(received(&mut early).await, [""; 0], "the same again is not news");
    hub.notice(notice("config", "line 4"));
    assert_eq!(received(&mut early).await, ["notice config: line 4"]);
    hub.notice(notice("config", ""));
    assert_eq!(received(&mut early).await, ["notice config: "]);
    hub.notice(notice("config", ""));
    assert_eq!(received(&mut early).await, [""; 0], "it is over already");
    assert_eq!(received(&mut hub.subscribe()).await.last().unwrap(), "notice config: ");
    assert_eq!(hub.notices(), []);
}

#[tokio::test(start_paused = true)]
async fn details_come_now_and_every_second_to_the_viewer_that_asked() {
    let hub = hub();
    let (mut asking, mut other) = (hub.subscribe(), hub.subscribe());
    received(&mut asking).await;
    received(&mut other).await;
    asking.request(Request::Inspect(Inspect { nodes: vec![NodeId(7)], ..Inspect::default() }));
    assert_eq!(received(&mut asking).await, ["detail Some(n7) None"]);
    advance(Duration::from_millis(900)).await;
    assert_eq!(received(&mut asking).await, [""; 0]);
    advance(Duration::from_millis(100)).await;
    assert_eq!(received(&mut asking).await, ["detail Some(n7) None"]);
    asking.request(Request::Inspect(Inspect::default()));
    advance(Duration::from_secs(5)).await;
    assert_eq!(received(&mut asking).await, [""; 0]);
    assert_eq!(received(&mut other).await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_is_found_is_told_once_until_it_changes_and_long_words_are_cut() {
    let hub = hub();
    let mut viewer = hub.subscribe();
    received(&mut viewer).await;
    let find =
        |find: &str| Request::Inspect(Inspect { find: find.to_owned(), ..Inspect::default() });
    viewer.request(find("charge"));
    assert_eq!(received(&mut viewer).await, ["found charge: 0"]);
    advance(Duration::from_secs(3)).await;
    assert_eq!(received(&mut viewer).await, [""; 0]);
    viewer.request(find(&"ä".repeat(1_000)));
    advance(Duration::from_millis(100)).await;
    assert_eq!(received(&mut viewer).await, [format!("found {}: 0", "ä".repeat(80))]);
}

#[tokio::test(start_paused = true)]
async fn a_viewer_that_asks_all_the_time_is_answered_ten_times_a_second() {
    let hub = hub();
    let mut viewer = hub.subscribe();
    received(&mut viewer).await;
    let mut details = 0;
    for id in 0..1_000 {
        viewer.request(Request::Inspect(Inspect { nodes: vec![NodeId(id)], ..Inspect::default() }));
        details += received(&mut viewer).await.len();
    }
    // Reading what there is takes a millisecond of the time that stands still.
    assert!((9..=11).contains(&details), "{details}");
}

#[tokio::test(start_paused = true)]
async fn a_viewer_inspects_no_more_than_a_screen_holds() {
    let hub = hub();
    let mut viewer = hub.subscribe();
    received(&mut viewer).await;
    viewer.request(Request::Inspect(Inspect {
        nodes: (0..10_000).map(NodeId).collect(),
        ..Inspect::default()
    }));
    assert_eq!(received(&mut viewer).await.len(), 16);
}

#[tokio::test(start_paused = true)]
async fn a_closed_feed_still_tells_what_was_published() {
    let hub = hub();
    let mut viewer = hub.subscribe();
    hub.publish(None, tick(1), Instant::now());
    hub.close();
    assert_eq!(received(&mut viewer).await, ["hello", "complete ", "tick 1"]);
    assert!(viewer.next().await.is_none());
    assert_eq!(received(&mut hub.subscribe()).await, ["hello", "complete ", "tick 1"]);
}

#[tokio::test(start_paused = true)]
async fn the_network_gets_no_more_viewers_than_are_allowed() {
    let hub = hub_with(Settings { max_viewers: 2, ..Settings::default() });
    let first = hub.admit().unwrap();
    let _second = hub.admit().unwrap();
    assert_eq!(hub.admit().unwrap_err(), Full { max: 2 });
    assert_eq!((hub.stats().viewers, hub.stats().turned_away), (2, 1));
    drop(first);
    assert!(hub.admit().is_ok());
}

#[tokio::test(start_paused = true)]
async fn another_setting_of_who_may_read_holds_at_once() {
    let hub = hub_with(Settings {
        allowed_origins: vec!["https://wall.example".to_owned()],
        ..Settings::default()
    });
    assert!(hub.admits_origin(Some("https://wall.example")));
    assert!(!hub.admits_origin(Some("https://evil.example")));
    hub.configure(&Settings { allowed_origins: vec!["*".to_owned()], ..Settings::default() });
    assert!(hub.admits_origin(Some("https://evil.example")));
}
