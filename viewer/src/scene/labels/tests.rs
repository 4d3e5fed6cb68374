//! Labels as they stand in the whole viewer, laid out by its own layout and set by its own type.

use std::io::Write as _;

use bevy::prelude::*;
use bevy::text::TextLayoutInfo;
use serde_json::json;
use spanfall_collector::feed::message::{Message, Notice, Severity};
use spanfall_collector::reduce::node::NodeId;

use super::arrange::BLAMED;
use crate::interaction::Steering;
use crate::interaction::tests::Desk;
use crate::layout::Places;
use crate::picture::{PictureNode, What};

/// A system of so many nodes: each is called by one before it, some by another one, too. `notice` is one that
/// stands from the beginning.
fn feed(nodes: u64, notice: Option<&Notice>) -> tempfile::NamedTempFile {
    let kinds = ["function", "function", "table", "queue", "function", "host"];
    let words = ["orders", "billing", "stock", "parcels-by-customer", "audit", "a"];
    let node = |id: u64| match id {
        1 => json!({"id": 1, "kind": "users", "name": "users", "entry": true}),
        _ => json!({"id": id, "kind": kinds[(id % 6) as usize],
                    "name": format!("{}-{id}", words[(id * 7 % 6) as usize]),
                    "region": "eu-west-1"}),
    };
    let mut pairs: Vec<(u64, u64)> = (2..=nodes).map(|id| (1 + (id - 2) / 3, id)).collect();
    pairs.extend((20..=nodes).step_by(5).map(|id| (1 + (id - 2) / 4, id)));
    let edges: Vec<_> = pairs
        .iter()
        .enumerate()
        .map(|(at, (source, target))| {
            json!({"id": 1_000_000 + at, "source": source, "target": target})
        })
        .collect();
    let begin = 1_800_000_000_000_u64;
    let hello = json!({"type": "hello", "protocol": 1, "version": "0.1.0", "tick_ms": 200,
                       "source": {"kind": "recording", "name": "labels"}, "now_ms": begin});
    let graph = json!({"type": "graph", "complete": true,
                       "nodes": (1..=nodes).map(node).collect::<Vec<_>>(), "edges": edges});
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "{hello}\n{graph}").unwrap();
    if let Some(notice) = notice {
        writeln!(file, "{}", serde_json::to_string(&Message::Notice(notice.clone())).unwrap())
            .unwrap();
    }
    for tick in 0..40 {
        let moved: Vec<_> = (0..pairs.len())
            .map(|at| json!([1_000_000 + at, 1 + at % 4, 0, 0, at % 17 / 16, 0, 20_000, 90_000]))
            .collect();
        let t = begin + tick * 200;
        let tick = json!({"type": "tick", "t": t, "ms": 200, "spans": 5, "edges": moved});
        writeln!(file, "{tick}").unwrap();
    }
    file
}

/// The texts of all labels that are shown, and where they stand on the screen, in its logical pixels.
fn shown(desk: &mut Desk) -> Vec<(String, Rect)> {
    let steering = *desk.app.world().resource::<Steering>();
    let world = desk.app.world_mut();
    let mut texts = world.query::<(&Text2d, &TextLayoutInfo, &Transform, &Visibility)>();
    texts
        .iter(world)
        .filter(|(_, layout, _, seen)| **seen == Visibility::Visible && layout.size.x > 0.0)
        .map(|(text, layout, transform, _)| {
            let corner = transform.translation.truncate();
            let corner = steering.view().to_screen(steering.window(), corner);
            (text.0.clone(), Rect::from_corners(corner, corner + layout.size))
        })
        .collect()
}

/// Boxes of lines may reach so far into each other, in pixels: their heights are rounded up, and there is
/// room in them above and below all letters.
const ROUNDED: f32 = 1.5;

fn no_label_overlaps(nodes: u64, least: usize) {
    for size in [UVec2::new(1280, 720), UVec2::new(1920, 1080), UVec2::new(3840, 2160)] {
        let mut desk = Desk::sized(feed(nodes, None), size);
        desk.wait(2.0);
        let labels = shown(&mut desk);
        assert!(labels.len() >= least, "{nodes} nodes at {size}: only {} texts", labels.len());
        let window = Rect::from_corners(Vec2::ZERO, size.as_vec2());
        for (at, (text, rect)) in labels.iter().enumerate() {
            for (other, beside) in &labels[at + 1..] {
                let common = rect.intersect(*beside).size();
                assert!(
                    common.min_element() <= ROUNDED,
                    "{nodes} nodes at {size}: {text:?} {rect:?} and {other:?} {beside:?}"
                );
            }
            assert!(window.contains(rect.center()), "{text:?} {rect:?} is not in the window");
        }
    }
}

#[test]
fn labels_of_five_nodes_never_overlap_at_any_size() {
    // Each has a name and a rate.
    no_label_overlaps(5, 10);
}

#[test]
fn labels_of_seventy_five_nodes_never_overlap_at_any_size() {
    no_label_overlaps(75, 75);
}

#[test]
fn labels_of_five_hundred_nodes_never_overlap_at_any_size() {
    no_label_overlaps(500, 40);
}

#[test]
fn labels_keep_clear_of_the_ring_around_who_is_to_blame() {
    for blamed in 2..=5 {
        let notice = Notice {
            id: "failing".to_owned(),
            severity: Severity::Critical,
            text: "It fails.".to_owned(),
            node: Some(NodeId(blamed)),
            ..Notice::default()
        };
        let mut desk = Desk::sized(feed(5, Some(&notice)), UVec2::new(1280, 720));
        desk.wait(2.0);
        let steering = *desk.app.world().resource::<Steering>();
        let places = desk.app.world().resource::<Places>();
        let (center, radius) = (places.now[&NodeId(blamed)], places.radius[&NodeId(blamed)]);
        let center = steering.view().to_screen(steering.window(), center);
        let ring = radius / steering.view().scale * BLAMED;
        for (text, rect) in shown(&mut desk) {
            let near = center.clamp(rect.min, rect.max);
            let far = near.distance(center);
            assert!(
                far > ring - ROUNDED,
                "{blamed}: {text:?} {rect:?} is {far} px away, the ring {ring}"
            );
        }
    }
}

#[test]
fn without_rates_a_label_still_says_what_goes_wrong() {
    let mut node = PictureNode { name: "checkout".to_owned(), ..PictureNode::default() };
    (node.inbound.per_second.ok, node.inbound.per_second.error) = (9.0, 1.0);
    let mut label = super::Label::default();
    assert!(label.read(&node, true));
    let rate = label.rate.replace('\u{a0}', " ");
    assert_eq!((rate.as_str(), label.trouble.as_str()), ("10.0 /s", "10% errors"));
    assert!(label.read(&node, false), "it needs less room");
    assert_eq!((label.rate.as_str(), label.trouble.as_str()), ("", "10% errors"));
    let zone = What::Zone(1);
    let silent = PictureNode { what: zone, quiet: 40.0, ..PictureNode::default() };
    label.read(&silent, false);
    assert_eq!(label.rate.replace('\u{a0}', " "), "silent for 40 s");
}
