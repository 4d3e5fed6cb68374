//! The layout plugin as a whole: a graph in, frames of stepped time, places and curves out.

use std::time::Duration;

use bevy::time::{TimePlugin, TimeUpdateStrategy};

use super::*;
use crate::picture::PicturePlugin;
use crate::traffic::{EdgeState, Traffic};

struct Rig {
    app: App,
}

impl Rig {
    fn new() -> Self {
        let mut app = App::new();
        app.configure_sets(Update, (Flow::Picture, Flow::Layout).chain());
        app.add_plugins((TimePlugin, PicturePlugin, LayoutPlugin))
            .add_message::<Command>()
            .init_resource::<Activity>()
            .insert_resource(TimeUpdateStrategy::ManualDuration(Duration::from_millis(20)));
        app.update();
        Self { app }
    }

    fn run(&mut self, ms: u64) {
        for _ in 0..ms / 20 {
            self.app.update();
        }
    }

    fn edge(&mut self, source: u64, target: u64) {
        let mut traffic = self.app.world_mut().resource_mut::<Traffic>();
        for id in [source, target] {
            traffic.nodes.entry(NodeId(id)).or_default().entry = id == 0;
        }
        let edge = EdgeState::new(NodeId(source), NodeId(target), 0.0);
        traffic.edges.insert(EdgeId(source * 1000 + target), edge);
        traffic.revision += 1;
    }

    /// A tree of 13 nodes that has settled.
    fn settled() -> Self {
        let mut rig = Self::new();
        for id in 1..13 {
            rig.edge((id - 1) / 3, id);
        }
        rig.run(20_000);
        rig
    }

    fn places(&self) -> &Places {
        self.app.world().resource()
    }

    fn curves(&self) -> &Curves {
        self.app.world().resource()
    }

    fn command(&mut self, command: Command) {
        self.app.world_mut().write_message(command);
        self.run(20);
    }
}

#[test]
fn nodes_have_places_and_edges_curves_between_them() {
    let rig = Rig::settled();
    assert_eq!(rig.places().now.len(), 13);
    assert_eq!(rig.places().now, rig.places().target);
    assert!(rig.places().radius.values().all(|radius| *radius == SMALLEST));
    let curve = rig.curves().of[&EdgeId(1)];
    let (from, to) = (rig.places().now[&NodeId(0)], rig.places().now[&NodeId(1)]);
    assert!((curve.points[0].distance(from) - SMALLEST).abs() < 0.1);
    assert!((curve.points[3].distance(to) - SMALLEST).abs() < 0.1);
}

#[test]
fn a_picture_at_rest_makes_no_work() {
    let mut rig = Rig::settled();
    let (places, curves) = (rig.places().revision, rig.curves().revision);
    let until = rig.app.world().resource::<Activity>().until;
    rig.run(1_000);
    assert_eq!((rig.places().revision, rig.curves().revision), (places, curves));
    assert_eq!(rig.app.world().resource::<Activity>().until, until);
}

#[test]
fn a_new_node_slides_in_and_no_other_moves() {
    let mut rig = Rig::settled();
    let before = rig.places().now.clone();
    rig.edge(4, 50);
    rig.run(40);
    let start = rig.places().now[&NodeId(50)];
    rig.run(3_000);
    let end = rig.places().now[&NodeId(50)];
    assert!(start.distance(end) > 20.0, "it slid from {start} to {end}");
    assert!(end.x > before[&NodeId(4)].x);
    for (id, at) in &before {
        assert_eq!(rig.places().now[id], *at);
    }
}

#[test]
fn what_comes_in_one_by_one_at_the_start_is_laid_out_as_one() {
    let mut slow = Rig::new();
    for id in 1..13 {
        slow.edge((id - 1) / 3, id);
        slow.run(500);
    }
    slow.run(20_000);
    assert_eq!(slow.places().target, Rig::settled().places().target);
}

#[test]
fn a_dragged_node_stays_where_it_was_put_until_a_new_layout_is_asked_for() {
    let mut rig = Rig::settled();
    let laid_out = rig.places().target.clone();
    let put = Vec2::new(-321.0, 77.0);
    rig.command(Command::Place(NodeId(5), put));
    assert_eq!(rig.places().now[&NodeId(5)], put);
    rig.edge(5, 60);
    rig.run(3_000);
    assert_eq!(rig.places().now[&NodeId(5)], put);

    rig.app.world_mut().resource_mut::<Traffic>().edges.shift_remove(&EdgeId(5060));
    let mut traffic = rig.app.world_mut().resource_mut::<Traffic>();
    traffic.nodes.shift_remove(&NodeId(60));
    traffic.revision += 1;
    rig.command(Command::ResetLayout);
    rig.run(3_000);
    assert_eq!(rig.places().now, laid_out);
}

/// A settled tree, by whoever keeps dragged places in this file.
fn kept_in(file: &std::path::Path) -> Rig {
    let mut rig = Rig::new();
    rig.app.insert_resource(DraggedPlaces::open(Some(file.to_owned()), "here"));
    // What is on the first frame has no nodes, and another ground was not shown yet.
    *rig.app.world_mut().resource_mut::<Arrangement>() = Arrangement::default();
    for id in 1..13 {
        rig.edge((id - 1) / 3, id);
    }
    rig.run(20_000);
    rig
}

#[test]
fn a_dragged_node_is_there_in_the_next_run_until_its_places_are_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("places.json");
    let put = Vec2::new(-321.0, 77.0);
    let mut first = kept_in(&file);
    let laid_out = first.places().target.clone();
    first.command(Command::Place(NodeId(5), put));
    assert!(!file.exists(), "somebody may still drag");
    first.run(1_500);
    assert!(file.exists());

    let mut second = kept_in(&file);
    assert_eq!(second.places().now[&NodeId(5)], put);
    second.command(Command::Go(Level::Node(NodeId(5))));
    second.run(3_000);
    assert_ne!(second.places().now[&NodeId(5)], put, "another level has places of its own");
    second.command(Command::Go(Level::Everything));
    second.run(3_000);
    assert_eq!(second.places().now[&NodeId(5)], put);
    second.command(Command::ResetLayout);
    drop(second);

    assert_eq!(kept_in(&file).places().now, laid_out);
}

#[test]
fn a_damaged_file_of_places_is_told_on_screen() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("places.json");
    std::fs::write(&file, "{").unwrap();
    let mut rig = Rig::new();
    rig.app.insert_resource(DraggedPlaces::open(Some(file), "here"));
    rig.run(20);
    let remarks: Vec<Remark> =
        rig.app.world_mut().resource_mut::<Messages<Remark>>().drain().collect();
    assert_eq!(remarks.len(), 1);
    assert!(remarks[0].text.contains("places.json is damaged"), "{}", remarks[0].text);
}

#[test]
fn a_node_that_turns_out_to_be_another_stays_in_its_place() {
    let mut rig = Rig::settled();
    let at = rig.places().now[&NodeId(7)];
    let mut traffic = rig.app.world_mut().resource_mut::<Traffic>();
    traffic.nodes.shift_remove(&NodeId(7));
    traffic.edges.retain(|_, edge| edge.target != NodeId(7));
    traffic.merged.insert(NodeId(7), NodeId(70));
    rig.edge(2, 70);
    rig.run(40);
    assert_eq!(rig.places().now[&NodeId(70)], at);
    assert!(!rig.places().now.contains_key(&NodeId(7)));
}

#[test]
fn another_system_is_laid_out_from_scratch() {
    let mut rig = Rig::settled();
    let revision = rig.app.world().resource::<Traffic>().revision;
    let mut another = Traffic::default();
    another.revision = revision + 1;
    *rig.app.world_mut().resource_mut::<Traffic>() = another;
    for id in 101..113 {
        rig.edge(100 + (id - 101) / 3, id);
        rig.run(300);
    }
    rig.run(3_000);
    assert_eq!(rig.places().now.len(), 13);
    // All of it was arranged as one, though each node came by itself: the whole is centred.
    let sum: Vec2 = rig.places().now.values().copied().sum();
    assert!(sum.y.abs() < 13.0 * layered::ROW, "{sum}");
}

#[test]
fn busy_nodes_are_larger_and_no_larger_than_the_limit() {
    let mut rig = Rig::settled();
    for (id, rate) in [(1, 10.0), (2, 1e9), (3, f64::NAN)] {
        let mut traffic = rig.app.world_mut().resource_mut::<Traffic>();
        traffic.nodes[&NodeId(id)].inbound.per_second.ok = rate;
        traffic.revision += 1;
    }
    rig.run(4_000);
    let radius = |id| rig.places().radius[&NodeId(id)];
    assert!(radius(1) > SMALLEST + 5.0 && radius(1) < 30.0);
    assert!((radius(2) - LARGEST).abs() < 0.01);
    assert_eq!(radius(3), SMALLEST);
}
