//! The ring: for the world, whose zones have no first and no last. Where requests only come from stands in
//! the middle, all others around it on an ellipse as wide as the stage wants it, neighbours those that have
//! most to do with each other. Pure, like `layered`.

use std::collections::{BTreeMap, BTreeSet};

use spanfall_collector::reduce::node::NodeId;

use super::layered::{COLUMN, Placement, Point, ROW, Request};

/// Lays everything out; what is in `pins` stays where it is.
pub fn arrange(pins: &BTreeMap<NodeId, Point>, request: &Request) -> Placement {
    let called: BTreeSet<NodeId> = request.edges.iter().map(|(_, target)| *target).collect();
    let calls: BTreeSet<NodeId> = request.edges.iter().map(|(source, _)| *source).collect();
    let inner: Vec<NodeId> = request
        .nodes
        .keys()
        .copied()
        .filter(|id| calls.contains(id) && !called.contains(id))
        .collect();
    let outer: BTreeSet<NodeId> =
        request.nodes.keys().copied().filter(|id| !inner.contains(id)).collect();
    let mut places = BTreeMap::new();
    // Below each other, a little apart.
    let top = (inner.len() as f32 - 1.0) / 2.0;
    for (at, id) in inner.iter().enumerate() {
        places.insert(*id, [0.0, (top - at as f32) * ROW]);
    }
    let around = order(&outer, &request.edges);
    let [wide, high] = radii(around.len(), inner.len(), request.aspect);
    for (at, id) in around.iter().enumerate() {
        // The first stands at the left, as a text begins.
        let turn = std::f32::consts::TAU * (0.5 - at as f32 / around.len() as f32);
        let alone = around.len() == 1 && inner.is_empty();
        let place = if alone { [0.0, 0.0] } else { [wide * turn.cos(), high * turn.sin()] };
        places.insert(*id, place);
    }
    for (id, at) in pins {
        if let Some(place) = places.get_mut(id) {
            *place = *at;
        }
    }
    Placement { places, bends: BTreeMap::new() }
}

/// Half of the ellipse's width and height: labels of neighbours and of the middle find room.
fn radii(outer: usize, inner: usize, aspect: f32) -> [f32; 2] {
    let aspect = aspect.clamp(1.0, 2.4);
    let around = outer as f32 * COLUMN * 1.15;
    // An ellipse is about as long as a circle of the mean of its radii.
    let high =
        (around / std::f32::consts::PI / (1.0 + aspect)).max(ROW * (inner as f32 / 2.0 + 1.4));
    [high * aspect, high]
}

/// Around the ring: next to each comes who has most to do with it among those that are left.
fn order(nodes: &BTreeSet<NodeId>, edges: &BTreeSet<(NodeId, NodeId)>) -> Vec<NodeId> {
    let ties = |a: NodeId, b: NodeId| {
        usize::from(edges.contains(&(a, b))) + usize::from(edges.contains(&(b, a)))
    };
    let mut left = nodes.clone();
    let mut order = Vec::with_capacity(nodes.len());
    while let Some(&first) = left.first() {
        // `max_by_key` takes the last of equals; reversed, that is the one with the smallest id.
        let next = match order.last() {
            Some(&last) => left.iter().rev().copied().max_by_key(|id| ties(last, *id)),
            None => Some(first),
        };
        let next = next.unwrap_or(first);
        left.remove(&next);
        order.push(next);
    }
    order
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn request(nodes: u64, edges: &[(u64, u64)]) -> Request {
        Request {
            nodes: (1..=nodes).map(|id| (NodeId(id), false)).collect(),
            edges: edges.iter().map(|(a, b)| (NodeId(*a), NodeId(*b))).collect(),
            aspect: 16.0 / 9.0,
        }
    }

    #[test]
    fn where_requests_come_from_stands_in_the_middle() {
        let placement = arrange(&BTreeMap::new(), &request(4, &[(1, 2), (1, 3), (2, 4), (4, 2)]));
        assert_eq!(placement.places[&NodeId(1)], [0.0, 0.0]);
        for id in 2..=4 {
            let [x, y] = placement.places[&NodeId(id)];
            assert!(x.hypot(y) > ROW, "{id} at {x}, {y}");
        }
    }

    #[test]
    fn a_dragged_node_stays() {
        let pins = BTreeMap::from([(NodeId(2), [7.0, 9.0])]);
        let placement = arrange(&pins, &request(3, &[(1, 2), (2, 3)]));
        assert_eq!(placement.places[&NodeId(2)], [7.0, 9.0]);
        assert!(!arrange(&pins, &request(1, &[])).places.contains_key(&NodeId(2)));
    }

    proptest! {
        #[test]
        fn everybody_has_a_place_of_their_own(
            nodes in 1_u64..40,
            edges in prop::collection::vec((1_u64..40, 1_u64..40), 0..120),
        ) {
            let request = request(nodes, &edges);
            let placement = arrange(&BTreeMap::new(), &request);
            prop_assert_eq!(placement.places.len(), nodes as usize);
            let places: Vec<Point> = placement.places.values().copied().collect();
            for (at, [x, y]) in places.iter().enumerate() {
                for [other_x, other_y] in &places[..at] {
                    prop_assert!((x - other_x).hypot(y - other_y) > 80.0);
                }
            }
        }
    }
}
