//! The traffic plugin as a whole: messages in, frames of stepped time, the model out.

mod past;

use std::time::Duration;

use bevy::time::{TimePlugin, TimeUpdateStrategy};
use spanfall_collector::feed::message::{
    Detail, EdgeTick, Graph, GraphEdge, GraphNode, Hello, InstanceTick, NodeVersions, Notice,
    Severity, SourceLabel, Unit, VersionTick,
};
use spanfall_collector::reduce::hop::{Counts, EdgeId};
use spanfall_collector::reduce::node::{NodeId, NodeKind};

use super::*;
use crate::focus::Item;

const T0: u64 = 1_800_000_000_000;
const A: NodeId = NodeId(1);
const B: NodeId = NodeId(2);
const C: NodeId = NodeId(3);
const AB: EdgeId = EdgeId(12);
const BC: EdgeId = EdgeId(23);

struct Rig {
    app: App,
    /// Milliseconds of the feed's clock; the wall's runs along.
    now: u64,
    unit: Unit,
    played: Vec<Played>,
}

impl Rig {
    fn new(plugin: TrafficPlugin) -> Self {
        let mut app = App::new();
        app.add_plugins((TimePlugin, plugin))
            .add_message::<Arrived>()
            .add_message::<Command>()
            .init_resource::<Focus>()
            .init_resource::<Activity>()
            .insert_resource(TimeUpdateStrategy::ManualDuration(Duration::from_millis(20)));
        app.update();
        let mut rig = Self { app, now: 0, unit: Unit::Requests, played: Vec::new() };
        rig.hello();
        rig
    }

    fn send(&mut self, message: FeedMessage) {
        let at = self.app.world().resource::<Time<Real>>().elapsed_secs_f64();
        self.app.world_mut().write_message(Arrived::Message { message, at });
    }

    fn hello(&mut self) {
        self.send(FeedMessage::Hello(Hello {
            protocol: 1,
            version: "0".into(),
            tick_ms: 200,
            source: SourceLabel::Live,
            unit: self.unit,
            now_ms: T0 + self.now,
        }));
    }

    fn graph(
        &mut self,
        complete: bool,
        nodes: &[(NodeId, bool)],
        edges: &[(EdgeId, NodeId, NodeId)],
    ) {
        let node = |&(id, entry): &(NodeId, bool)| GraphNode {
            id,
            kind: NodeKind::Function,
            name: format!("{id:?}"),
            account: String::new(),
            region: String::new(),
            entry,
        };
        let edge =
            |&(id, source, target): &(EdgeId, NodeId, NodeId)| GraphEdge { id, source, target };
        self.send(FeedMessage::Graph(Graph {
            complete,
            nodes: nodes.iter().map(node).collect(),
            edges: edges.iter().map(edge).collect(),
            ..Graph::default()
        }));
    }

    /// A -> B -> C.
    fn chain(&mut self) {
        self.graph(true, &[(A, true), (B, false), (C, false)], &[(AB, A, B), (BC, B, C)]);
    }

    /// The tick that ends now.
    fn tick(&mut self, hops: &[(EdgeId, f64)]) {
        let edge = |&(edge, ok): &(EdgeId, f64)| EdgeTick {
            edge,
            counts: Counts { ok, ..Counts::default() },
            p50_us: 5_000,
            p99_us: 20_000,
            again: 0.0,
        };
        let edges = hops.iter().map(edge).collect();
        let t = T0 + self.now - 200;
        self.send(FeedMessage::Tick(Tick { t, ms: 200, edges, ..Tick::default() }));
    }

    /// Lets time pass, frame by frame.
    fn run(&mut self, ms: u64) {
        for _ in 0..ms / 20 {
            self.now += 20;
            self.app.update();
            let messages = self.app.world_mut().resource_mut::<Messages<Played>>();
            self.played.extend(messages.iter_current_update_messages().cloned());
        }
    }

    /// Ticks with these hops, for so long.
    fn traffic(&mut self, ms: u64, hops: &[(EdgeId, f64)]) {
        for _ in 0..ms / 200 {
            self.run(200);
            self.tick(hops);
        }
    }

    fn model(&self) -> &Traffic {
        self.app.world().resource()
    }

    fn playback(&self) -> &Playback {
        self.app.world().resource()
    }
}

#[test]
fn hops_are_played_once_and_evenly_a_little_behind_the_feed() {
    let mut rig = Rig::new(TrafficPlugin::default());
    rig.chain();
    rig.traffic(4_000, &[(AB, 3.0)]);
    rig.run(1_000);
    assert_eq!(rig.played.len(), 20);
    let starts: Vec<f64> = rig.played.iter().map(|played| played.start).collect();
    for pair in starts.windows(2).skip(2) {
        assert!((pair[1] - pair[0] - 0.2).abs() < 0.021, "{starts:?}");
    }
    let lengths: f64 = rig.played.iter().map(|played| played.length).sum();
    assert!((lengths - 4.0).abs() < 0.2, "{lengths}");
}

#[test]
fn rates_of_nodes_are_those_of_their_edges() {
    let mut rig = Rig::new(TrafficPlugin::default());
    rig.chain();
    rig.traffic(30_000, &[(AB, 2.0), (BC, 4.0)]);
    rig.run(400);
    let model = rig.model();
    let near = |rates: &Rates, rate: f64| (rates.total() - rate).abs() < 0.1;
    assert!(near(&model.nodes[&A].outbound, 10.0) && near(&model.nodes[&A].inbound, 0.0));
    assert!(near(&model.nodes[&B].inbound, 10.0) && near(&model.nodes[&B].outbound, 20.0));
    assert!(near(&model.rates, 30.0), "{:?}", model.rates);
    assert!((model.nodes[&C].inbound.p50_us - 5_000.0).abs() < 1.0);
    // B receives, so its past is of what arrives; A never does, so its past is of what leaves.
    let second = |node: &NodeState| node.series.seconds[20].total();
    assert_eq!((second(&model.nodes[&B]), second(&model.nodes[&A])), (10.0, 10.0));
    assert_eq!(model.total.seconds[20].total(), 30.0);
}

#[test]
fn rates_fall_to_nothing_when_ticks_stop_and_frames_then_stop_too() {
    let mut rig = Rig::new(TrafficPlugin::default());
    rig.chain();
    rig.traffic(4_000, &[(AB, 100.0)]);
    rig.run(60_000);
    assert_eq!(rig.model().rates.per_second, Counts::default());
    let now = rig.app.world().resource::<Time<Real>>().elapsed_secs_f64();
    assert!(rig.app.world().resource::<Activity>().until < now);
    assert!((rig.playback().age - 60.0).abs() < 0.1, "{}", rig.playback().age);
}

#[test]
fn the_recent_past_counts_and_is_not_played() {
    let mut rig = Rig::new(TrafficPlugin::default());
    rig.now = 60_000;
    rig.hello();
    rig.chain();
    for tick in 0..300 {
        rig.now = 200 * (tick + 1);
        rig.tick(&[(AB, 1.0)]);
    }
    rig.now = 60_000;
    rig.run(1_000);
    assert!(rig.played.len() <= 4, "{} ticks of the past were played", rig.played.len());
    assert!((rig.model().rates.total() - 5.0).abs() < 1.5, "{:?}", rig.model().rates);
    assert_eq!(rig.model().edges[&AB].series.seconds[30].total(), 5.0);
}

#[test]
fn a_reconnect_counts_nothing_twice() {
    let mut rig = Rig::new(TrafficPlugin::default());
    rig.chain();
    rig.traffic(3_000, &[(AB, 1.0)]);
    let again = rig.now;
    rig.hello();
    rig.chain();
    for t in (200..=again).step_by(200) {
        rig.now = t;
        rig.tick(&[(AB, 1.0)]);
    }
    rig.now = again;
    rig.traffic(1_000, &[(AB, 1.0)]);
    rig.run(1_000);
    let hops: f64 = rig.model().total.seconds.iter().map(Counts::total).sum();
    assert_eq!(hops, 20.0);
    assert!(rig.played.len() <= 20);
}

#[test]
fn a_complete_graph_drops_what_it_does_not_name() {
    let mut rig = Rig::new(TrafficPlugin::default());
    rig.chain();
    rig.run(20);
    let before = rig.model().revision;
    rig.graph(true, &[(A, true), (B, false)], &[(AB, A, B)]);
    rig.run(20);
    assert_eq!(rig.model().nodes.keys().copied().collect::<Vec<_>>(), [A, B]);
    assert_eq!(rig.model().edges.len(), 1);
    assert!(rig.model().revision > before);
}

#[test]
fn what_is_long_quiet_fades_goes_and_comes_back_with_the_next_hop() {
    let mut rig = Rig::new(TrafficPlugin { forget_after: Duration::from_secs(60) });
    rig.chain();
    rig.traffic(2_000, &[(AB, 1.0), (BC, 1.0)]);
    rig.traffic(50_000, &[(AB, 1.0)]);
    let faint = rig.model().edges[&BC].presence;
    assert!(faint > 0.0 && faint < 0.5, "{faint}");
    assert_eq!(rig.model().edges[&AB].presence, 1.0);
    rig.traffic(15_000, &[(AB, 1.0)]);
    assert!(!rig.model().nodes.contains_key(&C) && !rig.model().edges.contains_key(&BC));
    rig.traffic(400, &[(BC, 1.0)]);
    rig.run(600);
    assert!(rig.model().nodes.contains_key(&C) && rig.model().edges.contains_key(&BC));
    // Without any traffic only the entry stays.
    rig.traffic(90_000, &[]);
    assert_eq!(rig.model().nodes.keys().copied().collect::<Vec<_>>(), [A]);
}

#[test]
fn a_merged_node_goes_and_leaves_its_past() {
    let mut rig = Rig::new(TrafficPlugin::default());
    rig.chain();
    rig.traffic(2_000, &[(BC, 1.0)]);
    rig.run(600);
    let d = NodeId(4);
    let node = GraphNode {
        id: d,
        kind: NodeKind::Function,
        name: "d".into(),
        account: "1".into(),
        region: String::new(),
        entry: false,
    };
    let edge = GraphEdge { id: EdgeId(24), source: B, target: d };
    rig.send(FeedMessage::Graph(Graph {
        complete: false,
        nodes: vec![node],
        edges: vec![edge],
        merged: vec![(C, d)],
        ..Graph::default()
    }));
    rig.run(20);
    let model = rig.model();
    assert!(!model.nodes.contains_key(&C) && !model.edges.contains_key(&BC));
    assert_eq!(model.nodes[&d].series.seconds.iter().map(Counts::total).sum::<f64>(), 10.0);
    assert_eq!(model.merged[&C], d);
}

fn tell(rig: &mut Rig, instances: Vec<InstanceTick>, versions: Vec<VersionTick>) {
    let t = T0 + rig.now - 200;
    rig.send(FeedMessage::Tick(Tick { t, ms: 200, instances, versions, ..Tick::default() }));
}

fn named(rig: &mut Rig, versions: &[(&str, f64)]) {
    let versions = versions.iter().map(|(name, hops)| ((*name).to_owned(), *hops)).collect();
    let versions = vec![NodeVersions(B, versions)];
    rig.send(FeedMessage::Graph(Graph { versions, ..Graph::default() }));
}

#[test]
fn instances_and_versions_are_those_of_the_moment_that_is_shown() {
    let mut rig = Rig::new(TrafficPlugin::default());
    rig.chain();
    rig.run(200);
    named(&mut rig, &[("41", 7.0), ("42", 0.0)]);
    tell(&mut rig, vec![InstanceTick(B, 3, 2)], vec![VersionTick(B, 1, 2.0)]);
    rig.run(200);
    tell(&mut rig, vec![InstanceTick(B, 4, 1)], vec![VersionTick(B, 0, -1.0)]);
    rig.run(1_000);
    let now = rig.model().time().unwrap();
    let running = rig.model().nodes[&B].running.clone();
    assert_eq!((running.live, running.cold_lately(now)), (Some(4), 3));
    assert_eq!(running.versions, [("41".to_owned(), 6.0), ("42".to_owned(), 2.0)]);
    assert_eq!(rig.model().nodes[&C].running, Running::default());
    // A paused picture does not tell what comes after it.
    rig.app.world_mut().write_message(Command::TogglePause);
    rig.run(20);
    tell(&mut rig, vec![InstanceTick(B, 9, 5)], Vec::new());
    named(&mut rig, &[("42", 2.0), ("43", 0.0)]);
    rig.run(1_000);
    assert_eq!(rig.model().nodes[&B].running, running);
    rig.app.world_mut().write_message(Command::TogglePause);
    rig.run(1_000);
    let running = &rig.model().nodes[&B].running;
    assert_eq!((running.live, running.versions[1].0.as_str()), (Some(9), "43"));
    // What a complete graph does not name, there is no more.
    rig.chain();
    rig.run(1_000);
    assert_eq!(rig.model().nodes[&B].running, Running::default());
}

#[test]
fn after_a_reconnect_the_past_tells_again_what_runs_and_no_cold_start_counts_twice() {
    let mut rig = Rig::new(TrafficPlugin::default());
    for connection in 0..2 {
        rig.hello();
        rig.chain();
        // Names come among the ticks, and say what was counted before the ones that follow.
        for (at, live) in [(200, 1), (400, 2)] {
            rig.now = at;
            tell(&mut rig, vec![InstanceTick(B, live, 1)], Vec::new());
        }
        named(&mut rig, &[("41", 5.0), ("42", 0.0)]);
        rig.now = 600;
        tell(&mut rig, Vec::new(), vec![VersionTick(B, 0, 1.0), VersionTick(B, 1, 1.0)]);
        rig.run(1_000);
        let now = rig.model().time().unwrap();
        let running = &rig.model().nodes[&B].running;
        assert_eq!((running.live, running.cold_lately(now)), (Some(2), 2), "{connection}");
        assert_eq!(running.versions, [("41".to_owned(), 6.0), ("42".to_owned(), 1.0)]);
    }
}

#[test]
fn what_hops_are_is_what_the_hello_says() {
    let mut rig = Rig::new(TrafficPlugin::default());
    rig.run(20);
    assert_eq!(rig.model().unit, Unit::Requests);
    rig.unit = Unit::Steps;
    rig.hello();
    rig.run(20);
    assert_eq!(rig.model().unit, Unit::Steps);
}

#[test]
fn a_recording_stands_still_with_the_picture_and_then_goes_on_at_its_present() {
    let mut rig = Rig::new(TrafficPlugin::default());
    rig.app.insert_resource(SourceState::Recording("shop".into()));
    rig.chain();
    rig.traffic(2_000, &[(AB, 1.0)]);
    rig.app.world_mut().write_message(Command::TogglePause);
    rig.run(20);
    let (now, rates, played) = (rig.playback().now, rig.model().rates, rig.played.len());
    rig.traffic(20_000, &[(AB, 9.0)]);
    assert_eq!((rig.playback().now, rig.model().rates, rig.played.len()), (now, rates, played));
    rig.app.world_mut().write_message(Command::TogglePause);
    rig.run(200);
    assert!((rig.playback().now - now - 0.2).abs() < 0.03);
    assert!(rig.model().rates.total() > 40.0, "{:?}", rig.model().rates);
    assert!(rig.played.len() < played + 6, "the past is not played in a rush");
}

#[test]
fn notices_replace_each_other_and_end() {
    let mut rig = Rig::new(TrafficPlugin::default());
    for (id, text) in [("a", "one"), ("b", "two"), ("a", "three"), ("b", "")] {
        rig.send(FeedMessage::Notice(Notice {
            id: id.into(),
            severity: Severity::Info,
            text: text.into(),
            ..Notice::default()
        }));
    }
    rig.run(20);
    let texts: Vec<&str> = rig.model().notices.iter().map(|n| n.text.as_str()).collect();
    assert_eq!(texts, ["three"]);
}

#[test]
fn a_detail_of_something_else_is_not_shown() {
    let mut rig = Rig::new(TrafficPlugin::default());
    rig.chain();
    rig.app.world_mut().resource_mut::<Focus>().selected = Some(Item::Node(A));
    rig.send(FeedMessage::Detail(Box::new(Detail { node: Some(A), ..Detail::default() })));
    rig.run(20);
    assert!(rig.model().detail.is_some());
    rig.app.world_mut().resource_mut::<Focus>().selected = Some(Item::Node(B));
    rig.run(20);
    assert_eq!(rig.model().detail, None);
}

#[test]
fn a_reset_forgets_everything_that_came_before_it() {
    let mut rig = Rig::new(TrafficPlugin::default());
    rig.chain();
    rig.traffic(1_000, &[(AB, 1.0)]);
    rig.app.world_mut().write_message(Arrived::Reset);
    rig.graph(true, &[(C, true)], &[]);
    rig.run(400);
    assert_eq!(rig.model().nodes.keys().copied().collect::<Vec<_>>(), [C]);
    assert_eq!(rig.model().rates.total(), 0.0);
    assert!(rig.model().total.seconds.is_empty());
}
