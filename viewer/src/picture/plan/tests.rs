//! Which node and edge on screen each of the model becomes, on each level.

use proptest::prelude::*;
use spanfall_collector::reduce::hop::Counts;

use super::*;
use crate::scene::sample::graph;

/// Users call 2 in the west; 2 calls 3 in the west, 4 in the east, and 5, which both call.
fn traffic() -> Traffic {
    let mut traffic = graph(5, &[(1, 2), (2, 3), (2, 4), (2, 5), (4, 5)]);
    traffic.nodes[&NodeId(1)].kind = NodeKind::Users;
    traffic.nodes[&NodeId(5)].kind = NodeKind::Host;
    for (id, region) in [(2, "west"), (3, "west"), (4, "east")] {
        traffic.nodes[&NodeId(id)].region = region.to_owned();
    }
    traffic
}

fn shown(traffic: &Traffic, level: Level) -> Plan {
    planned(traffic, level, &Filter::default(), 120)
}

fn planned(traffic: &Traffic, level: Level, filter: &Filter, most: usize) -> Plan {
    planned_after(&Plan::default(), traffic, level, filter, most)
}

fn planned_after(
    before: &Plan,
    traffic: &Traffic,
    level: Level,
    filter: &Filter,
    most: usize,
) -> Plan {
    let zones = Zones::find(traffic);
    let unfolded = HashSet::default();
    let selected = None;
    plan(&Ask {
        traffic,
        zones: &zones,
        level,
        filter,
        unfolded: &unfolded,
        selected,
        before,
        most,
        well: most,
    })
}

fn names(plan: &Plan) -> Vec<&str> {
    plan.nodes.values().map(|face| face.name.as_str()).collect()
}

#[test]
fn everything_is_the_model_itself() {
    let plan = shown(&traffic(), Level::Everything);
    assert_eq!(plan.nodes.keys().map(|id| id.0).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert_eq!(plan.edges.keys().map(|id| id.0).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert!(plan.path.iter().all(|(id, shown)| id == shown));
}

#[test]
fn the_world_is_its_regions_its_users_and_what_is_elsewhere() {
    let plan = shown(&traffic(), Level::World);
    assert_eq!(names(&plan), ["function-1", "west", "east", "function-5"]);
    // 2 > 3 stays within the west; 1 > west, west > east, west > elsewhere, east > elsewhere.
    assert_eq!((plan.edges.len(), plan.path.len()), (4, 4));
    assert!(!plan.path.contains_key(&EdgeId(2)));
    let whats: Vec<What> = plan.nodes.values().map(|face| face.what).collect();
    assert_eq!(whats, [What::Itself, What::Zone(2), What::Zone(1), What::Itself]);

    // Several that are in no region are one.
    let mut traffic = traffic();
    for node in traffic.nodes.values_mut() {
        node.region.clear();
    }
    let plan = shown(&traffic, Level::World);
    assert_eq!(names(&plan), ["function-1", "elsewhere"]);
    assert_eq!(plan.nodes.last().unwrap().1.what, What::Elsewhere(4));
}

#[test]
fn a_region_is_its_nodes_and_whom_they_have_to_do_with() {
    let traffic = traffic();
    let zone = |name| Level::Zone(Zones::find(&traffic).named(name).unwrap());
    assert_eq!(
        names(&shown(&traffic, zone("west"))),
        ["function-1", "function-2", "function-3", "east", "function-5"]
    );
    let east = shown(&traffic, zone("east"));
    assert_eq!(names(&east), ["west", "function-4", "function-5"]);
    // What the west has to do with others is no matter of the east.
    assert_eq!(east.edges.len(), 2);
}

#[test]
fn a_node_is_shown_with_its_callers_and_callees() {
    let plan = shown(&traffic(), Level::Node(NodeId(4)));
    assert_eq!(names(&plan), ["function-2", "function-4", "function-5"]);
    assert_eq!(plan.edges.keys().map(|id| id.0).collect::<Vec<_>>(), [3, 5]);
}

#[test]
fn who_fails_stands_alone_and_is_no_part_of_a_group() {
    let mut traffic = graph(12, &(2..=12).map(|id| (1, id)).collect::<Vec<_>>());
    for id in 2..=12 {
        traffic.nodes[&NodeId(id)].kind = NodeKind::Table;
    }
    let calm = planned(&traffic, Level::Everything, &Filter::default(), 6);
    assert_eq!(names(&calm), ["function-1", "11 tables"]);
    assert_eq!((calm.edges.len(), calm.path.len()), (1, 11), "all hops fly on one edge");
    let fails = Counts { ok: 9.0, error: 1.0, ..Counts::default() };
    traffic.edges[&EdgeId(4)].rates.per_second = fails;
    let trouble = planned(&traffic, Level::Everything, &Filter::default(), 6);
    assert_eq!(names(&trouble), ["function-1", "10 tables", "function-5"]);
}

#[test]
fn who_failed_stands_alone_for_a_while_and_not_in_another_time() {
    let mut traffic = graph(12, &(2..=12).map(|id| (1, id)).collect::<Vec<_>>());
    for id in 2..=12 {
        traffic.nodes[&NodeId(id)].kind = NodeKind::Table;
    }
    let mut plan = Plan::default();
    let mut at = |time, error| {
        traffic.set_time(time);
        traffic.edges[&EdgeId(4)].rates.per_second = Counts { ok: 9.0, error, ..Counts::default() };
        let filter = Filter::default();
        plan = planned_after(&plan, &traffic, Level::Everything, &filter, 6);
        plan.nodes.len()
    };
    let (folded, alone) = (2, 3);
    assert_eq!(at(1000.0, 1.0), alone);
    assert_eq!(at(1010.0, 0.0), alone);
    assert_eq!(at(1020.0, 1.0), alone);
    assert_eq!(at(1049.0, 0.0), alone, "since the last time");
    assert_eq!(at(1051.0, 0.0), folded);
    assert_eq!(at(1060.0, 1.0), alone);
    assert_eq!(at(1055.0, 0.0), folded, "a moment before it failed");
}

fn any_level() -> impl Strategy<Value = u64> {
    0_u64..16
}

proptest! {
    #[test]
    fn each_hop_is_on_one_edge_between_the_homes_of_its_ends_or_on_none(
        edges in prop::collection::vec((1_u64..30, 1_u64..30), 1..80),
        regions in prop::collection::vec(0_usize..4, 30),
        level in any_level(),
        most in 3_usize..40,
        errors in prop::collection::vec(any::<bool>(), 80),
        trouble: bool,
    ) {
        let mut traffic = graph(30, &edges);
        for (node, region) in traffic.nodes.values_mut().zip(&regions) {
            node.region = ["", "north", "south", "east"][*region].to_owned();
        }
        for (edge, fails) in traffic.edges.values_mut().zip(&errors) {
            edge.rates.per_second =
                Counts { ok: 1.0, error: f64::from(u8::from(*fails)), ..Counts::default() };
        }
        let zones = Zones::find(&traffic);
        let level = match level {
            0 => Level::World,
            1..4 => Level::Everything,
            4..8 => zones.all.keys().next().map_or(Level::World, |zone| Level::Zone(*zone)),
            node => Level::Node(NodeId(node)),
        };
        let filter = Filter { trouble, ..Filter::default() };
        let plan = planned(&traffic, level, &filter, most);
        for (id, edge) in &traffic.edges {
            let homes = (plan.home.get(&edge.source), plan.home.get(&edge.target));
            match plan.path.get(id) {
                Some(shown) => {
                    let ends = plan.edges[shown];
                    prop_assert_eq!(homes, (Some(&ends.0), Some(&ends.1)));
                }
                None if !filter.is_on() && level == Level::Everything => {
                    // It stays within one group.
                    prop_assert!(homes.0 == homes.1 && homes.0.is_some());
                }
                None => {}
            }
        }
        let there = |(source, target): &(NodeId, NodeId)| {
            plan.nodes.contains_key(source) && plan.nodes.contains_key(target)
        };
        prop_assert!(plan.edges.values().all(there));
        prop_assert!(plan.home.values().all(|home| plan.nodes.contains_key(home)));
        let strands: HashSet<EdgeId> = plan.path.values().copied().collect();
        prop_assert_eq!(strands.len(), plan.edges.len(), "no edge is empty");
    }
}
