//! The layout as a whole: what every graph can rely on.

use proptest::prelude::*;

use super::coordinates::bounds;
use super::*;

/// Nodes closer than this in both directions would touch, at their largest.
const APART: Point = [90.0, 90.0];

fn request(edges: impl IntoIterator<Item = (u64, u64)>, alone: u64) -> Request {
    let edges: BTreeSet<_> = edges.into_iter().map(|(a, b)| (NodeId(a), NodeId(b))).collect();
    let mut nodes: BTreeMap<NodeId, bool> =
        edges.iter().flat_map(|&(a, b)| [(a, a == NodeId(0)), (b, b == NodeId(0))]).collect();
    nodes.extend((0..alone).map(|id| (NodeId(1_000 + id), false)));
    Request { nodes, edges, aspect: 16.0 / 9.0 }
}

fn graphs() -> impl Strategy<Value = Request> {
    let edges = prop::collection::vec((0..40u64, 0..40u64), 0..90);
    (edges, 0..6u64).prop_map(|(edges, alone)| request(edges, alone))
}

/// Graphs in which calls only lead from smaller to larger numbers, at most ten in a row.
fn acyclic() -> impl Strategy<Value = Request> {
    let edges = prop::collection::vec((0..90u64, 0..10u64), 1..120);
    let forward = |(a, b): (u64, u64)| (a / 10 < 9).then_some((a, (a / 10 + 1) * 10 + b));
    edges.prop_map(move |edges| request(edges.into_iter().filter_map(forward), 0))
}

fn overlapping(placement: &Placement) -> Option<(NodeId, NodeId)> {
    let places: Vec<_> = placement.places.iter().collect();
    places.iter().enumerate().find_map(|(index, (a, at))| {
        let near = |other: &Point| {
            (at[0] - other[0]).abs() < APART[0] && (at[1] - other[1]).abs() < APART[1]
        };
        places[..index].iter().find(|(_, other)| near(other)).map(|(b, _)| (**a, **b))
    })
}

proptest! {
    #[test]
    fn every_node_has_a_place_of_its_own(request in graphs()) {
        let placement = arrange(&request);
        prop_assert!(placement.places.keys().eq(request.nodes.keys()));
        prop_assert_eq!(overlapping(&placement), None);
        let finite = |at: &Point| at.iter().all(|part| part.is_finite());
        prop_assert!(placement.places.values().all(finite));
        prop_assert!(placement.bends.values().flatten().all(finite));
    }

    #[test]
    fn callers_stand_left_of_what_they_call(request in acyclic()) {
        let placement = arrange(&request);
        for (source, target) in &request.edges {
            prop_assert!(
                placement.places[source][0] < placement.places[target][0],
                "{source:?} is not left of {target:?}"
            );
        }
    }

    #[test]
    fn entries_stand_left_of_what_they_call_however_deep_the_graph(request in graphs()) {
        let mut request = request;
        request.edges.retain(|(_, target)| *target != NodeId(0));
        let placement = arrange(&request);
        for (source, target) in request.edges.iter().filter(|(source, _)| *source == NodeId(0)) {
            prop_assert!(placement.places[source][0] < placement.places[target][0]);
        }
    }

    #[test]
    fn the_same_graph_is_laid_out_the_same(request in graphs()) {
        prop_assert_eq!(arrange(&request), arrange(&request));
    }

    #[test]
    fn a_new_node_moves_no_other_and_finds_a_place(
        request in graphs(),
        callers in prop::collection::vec(0..40u64, 0..4),
        callees in prop::collection::vec(0..40u64, 0..4),
    ) {
        let before = arrange(&request);
        let mut larger = request.clone();
        let new = NodeId(500);
        larger.nodes.insert(new, false);
        for id in callers.into_iter().map(NodeId).filter(|id| request.nodes.contains_key(id)) {
            larger.edges.insert((id, new));
        }
        for id in callees.into_iter().map(NodeId).filter(|id| request.nodes.contains_key(id)) {
            larger.edges.insert((new, id));
        }
        let after = extend(&before, &larger);
        for (id, at) in &before.places {
            prop_assert_eq!(at, &after.places[id]);
        }
        prop_assert!(after.places.contains_key(&new));
        prop_assert_eq!(overlapping(&after), None);
    }

    #[test]
    fn nodes_that_come_one_by_one_never_overlap(request in acyclic()) {
        let mut growing = Request { aspect: request.aspect, ..Request::default() };
        let mut placement = Placement::default();
        for &(source, target) in &request.edges {
            growing.nodes.insert(source, source == NodeId(0));
            growing.nodes.insert(target, false);
            growing.edges.insert((source, target));
            placement = extend(&placement, &growing);
        }
        prop_assert!(placement.places.keys().eq(request.nodes.keys()));
        prop_assert_eq!(overlapping(&placement), None);
    }

    #[test]
    fn what_is_gone_leaves_the_rest_in_place(request in graphs(), gone in 0..40u64) {
        let before = arrange(&request);
        let mut smaller = request.clone();
        smaller.nodes.remove(&NodeId(gone));
        smaller.edges.retain(|(a, b)| a.0 != gone && b.0 != gone);
        let after = extend(&before, &smaller);
        prop_assert!(after.places.keys().eq(smaller.nodes.keys()));
        for (id, at) in &after.places {
            prop_assert_eq!(at, &before.places[id]);
        }
    }

    #[test]
    fn where_people_put_nodes_they_stay(request in graphs(), x in -900.0..900.0f32, y in -500.0..500.0f32) {
        let Some(first) = request.nodes.keys().next().copied() else { return Ok(()) };
        let pins = BTreeMap::from([(first, [x, y])]);
        let placement = arrange_around(&pins, &request);
        prop_assert_eq!(placement.places[&first], [x, y]);
        prop_assert!(placement.places.keys().eq(request.nodes.keys()));
        prop_assert_eq!(overlapping(&placement), None);
    }
}

#[test]
fn a_chain_runs_level_from_left_to_right() {
    let placement = arrange(&request([(0, 1), (1, 2), (2, 3)], 0));
    let places: Vec<Point> = placement.places.values().copied().collect();
    assert!(
        places.windows(2).all(|pair| pair[1][0] - pair[0][0] >= COLUMN && pair[1][1] == pair[0][1])
    );
}

#[test]
fn a_single_entry_stands_in_the_middle_of_what_it_calls() {
    let placement = arrange(&request((1..=5).map(|id| (0, id)), 0));
    let height = |id| placement.places[&NodeId(id)][1];
    let mean = (1..=5).map(height).sum::<f32>() / 5.0;
    assert!((height(0) - mean).abs() < 1.0);
}

#[test]
fn a_tall_layer_is_split_so_that_the_whole_fits_the_stage() {
    let edges = (1..=6).map(|id| (0, id)).chain((0..90).map(|id| (1 + id % 6, 100 + id)));
    let placement = arrange(&request(edges, 0));
    let (low, high) = bounds(&placement.places.values().copied().collect::<Vec<_>>());
    let aspect = (high[0] - low[0]) / (high[1] - low[1]);
    assert!((1.0..3.0).contains(&aspect), "{aspect}");
}

#[test]
fn circles_and_self_calls_are_no_trouble() {
    let placement = arrange(&request([(0, 1), (1, 2), (2, 0), (1, 1), (3, 3)], 0));
    assert_eq!(placement.places.len(), 4);
    assert_eq!(overlapping(&placement), None);
    let x = |id| placement.places[&NodeId(id)][0];
    assert!(x(0) < x(1) && x(1) < x(2), "the entry leads");
}

#[test]
fn nothing_is_laid_out_as_nothing() {
    assert_eq!(arrange(&Request::default()), Placement::default());
}
