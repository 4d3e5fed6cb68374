//! What the details panel says about a node or an edge, as plain data. In: the model. Out: texts.

use spanfall_collector::feed::message::Detail;
use spanfall_collector::reduce::hop::{Counts, EdgeId};
use spanfall_collector::reduce::node::{NodeId, NodeKind};

use super::facts::{LiveInstances, facts};
use super::lists::{List, examples, list, neighbours, operations, version_list, versions};
use crate::figures::latency;
use crate::focus::Item;
use crate::panel::unit::Words;
use crate::traffic::{NodeState, Rates, Running, Traffic};

/// Everything that the panel says.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::panel) struct Details {
    /// The node; or the edge's source, then its target.
    pub(in crate::panel) heads: Vec<Head>,
    /// Hops a second, by class.
    pub(in crate::panel) rates: Counts,
    /// What the rates count, such as `req/s in`.
    pub(in crate::panel) unit: &'static str,
    /// Median, 95th and 99th percentile.
    pub(in crate::panel) latency: [String; 3],
    /// From when on a hop is slow, and what is usual; empty where that is not known.
    pub(in crate::panel) slow: String,
    /// What else is known, in short lines: instances and cost of a function, what happens in a
    /// queue.
    pub(in crate::panel) facts: Vec<String>,
    /// The lists below.
    pub(in crate::panel) lists: [List; 5],
}

/// A node in the panel's head.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::panel) struct Head {
    /// Its kind.
    pub(in crate::panel) kind: NodeKind,
    /// Its name.
    pub(in crate::panel) name: String,
    /// What else identifies it.
    pub(in crate::panel) about: String,
    /// Where a click goes: nowhere from the node that is shown.
    pub(in crate::panel) goes: Option<Item>,
}

/// What to say about the item; nothing if it is not in the model (any more).
pub(in crate::panel) fn describe(item: Item, traffic: &Traffic) -> Option<Details> {
    match item {
        Item::Node(id) => node(id, traffic),
        Item::Edge(id) => edge(id, traffic),
    }
}

fn node(id: NodeId, traffic: &Traffic) -> Option<Details> {
    let state = traffic.nodes.get(&id)?;
    let words = Words::of(traffic.unit);
    let callers = neighbours(traffic, |edge| (edge.target == id).then_some(edge.source));
    let callees = neighbours(traffic, |edge| (edge.source == id).then_some(edge.target));
    let detail = traffic.detail.as_ref().filter(|detail| detail.node == Some(id));
    let receives = !callers.is_empty();
    let rates = if receives { &state.inbound } else { &state.outbound };
    let heads = vec![head(state, None)];
    let entered = if state.entry { words.entry } else { "" };
    let columns = ["errors", words.rate];
    let [before, after] = words.ends;
    let callers = list(before, columns, callers, entered);
    let callees = list(after, columns, callees, "");
    let versions = versions(detail, &state.running);
    Some(Details {
        heads,
        rates: rates.per_second,
        unit: if receives { words.rate_in } else { words.rate_out },
        latency: latencies(detail, rates),
        slow: String::new(),
        facts: facts(detail, instances(detail, &state.running, traffic)),
        lists: [
            callers,
            callees,
            examples(detail, traffic),
            operations(detail, words),
            version_list(versions, words),
        ],
    })
}

fn edge(id: EdgeId, traffic: &Traffic) -> Option<Details> {
    let edge = traffic.edges.get(&id)?;
    let detail = traffic.detail.as_ref().filter(|detail| detail.edge == Some(id));
    let heads = [edge.source, edge.target]
        .into_iter()
        .filter_map(|id| Some(head(traffic.nodes.get(&id)?, Some(Item::Node(id)))))
        .collect();
    let (words, versions) = (Words::of(traffic.unit), versions(detail, &Running::default()));
    Some(Details {
        heads,
        rates: edge.rates.per_second,
        unit: words.rate,
        latency: latencies(detail, &edge.rates),
        slow: detail.map(slow).unwrap_or_default(),
        facts: facts(detail, None),
        lists: [
            List::default(),
            List::default(),
            examples(detail, traffic),
            operations(detail, words),
            version_list(versions, words),
        ],
    })
}

fn head(state: &NodeState, goes: Option<Item>) -> Head {
    let parts = [state.kind.as_str(), &state.account, &state.region];
    let about: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    Head { kind: state.kind, name: state.name.clone(), about: about.join(" · "), goes }
}

fn latencies(detail: Option<&Detail>, rates: &Rates) -> [String; 3] {
    let figures = match detail {
        Some(detail) => {
            let known = detail.latency;
            [known.p50_us, known.p95_us, known.p99_us].map(|us| us as f64)
        }
        None => [rates.p50_us, 0.0, rates.p99_us],
    };
    figures.map(latency)
}

fn slow(detail: &Detail) -> String {
    let known = |us: Option<u64>| us.map(|us| latency(us as f64));
    match (known(detail.slow_over_us), known(detail.usual_us)) {
        (Some(over), Some(usual)) => format!("slow: over {over}; usually {usual}"),
        (Some(over), None) => format!("slow: over {over}"),
        (None, _) => String::new(),
    }
}

/// Live instances, and cold starts in the last minute: as ticks tell them, or else the detail.
fn instances(
    detail: Option<&Detail>,
    running: &Running,
    traffic: &Traffic,
) -> Option<LiveInstances> {
    let at = traffic.time().unwrap_or_default();
    let told = running.live.map(|live| LiveInstances { live, cold: running.cold_lately(at) });
    let known = detail.and_then(|detail| detail.instances.as_ref());
    told.or_else(|| known.map(|known| LiveInstances { live: known.live, cold: known.new }))
}

#[cfg(test)]
mod tests {
    use super::super::lists::{COLLECTING, MOST_ROWS};
    use super::*;
    use crate::panel::rows::Goes;
    use spanfall_collector::feed::message::{
        Graph, GraphEdge, GraphNode, Instances, Latency, Operation, Unit,
    };

    fn graph_node(id: u64, name: &str, kind: NodeKind) -> GraphNode {
        let (name, account, region) = (name.to_owned(), String::new(), String::new());
        GraphNode { id: NodeId(id), kind, name, account, region, entry: kind == NodeKind::Users }
    }

    fn rates(ok: f64, error: f64) -> Rates {
        Rates { per_second: Counts { ok, error, ..Counts::default() }, ..Rates::default() }
    }

    fn connect(traffic: &mut Traffic, nodes: Vec<GraphNode>, edges: &[(u64, u64, u64)]) {
        let edges = edges
            .iter()
            .map(|&(id, source, target)| GraphEdge {
                id: EdgeId(id),
                source: NodeId(source),
                target: NodeId(target),
            })
            .collect();
        traffic.apply_graph(&Graph { nodes, edges, ..Graph::default() }, 0.0);
    }

    /// users -> checkout -> orders, payments
    fn traffic() -> Traffic {
        let mut traffic = Traffic::default();
        let checkout = GraphNode {
            account: "123456789012".to_owned(),
            region: "eu-west-1".to_owned(),
            ..graph_node(2, "checkout", NodeKind::Function)
        };
        let nodes = vec![
            graph_node(1, "users", NodeKind::Users),
            checkout,
            graph_node(3, "orders", NodeKind::Table),
            graph_node(4, "payments", NodeKind::Host),
        ];
        connect(&mut traffic, nodes, &[(12, 1, 2), (23, 2, 3), (24, 2, 4)]);
        for (id, ok, error) in [(12, 20.0, 0.0), (23, 5.0, 0.0), (24, 18.0, 2.0)] {
            traffic.edges[&EdgeId(id)].rates = rates(ok, error);
        }
        traffic.nodes[&NodeId(2)].inbound = rates(20.0, 0.0);
        traffic.nodes[&NodeId(1)].outbound = rates(20.0, 0.0);
        traffic
    }

    fn names(list: &List) -> Vec<&str> {
        list.rows.iter().map(|row| row.name.as_str()).collect()
    }

    #[test]
    fn a_node_is_told_with_its_neighbours_the_busiest_first() {
        let details = describe(Item::Node(NodeId(2)), &traffic()).unwrap();
        assert_eq!(details.heads[0].about, "function · 123456789012 · eu-west-1");
        assert_eq!(details.unit, "req/s in");
        assert_eq!(details.rates.total(), 20.0);
        let [callers, callees, ..] = &details.lists;
        assert_eq!(names(callers), ["users"]);
        assert_eq!(names(callees), ["payments", "orders"]);
        assert!(callees.rows[0].alarming && !callees.rows[1].alarming);
        assert_eq!(callees.rows[0].middle, "10%");
        assert_eq!(callees.rows[1].goes, Goes::To(Item::Node(NodeId(3))));
    }

    #[test]
    fn an_entry_is_told_by_what_leaves_it() {
        let details = describe(Item::Node(NodeId(1)), &traffic()).unwrap();
        assert_eq!(details.unit, "req/s out");
        assert_eq!(details.rates.total(), 20.0);
        assert_eq!(details.lists[0].note, "requests enter the system here");
    }

    #[test]
    fn a_list_with_nothing_in_it_is_not_shown() {
        let details = describe(Item::Node(NodeId(3)), &traffic()).unwrap();
        assert_eq!(details.lists[1], List::default());
    }

    #[test]
    fn an_edge_is_told_with_both_its_ends() {
        let details = describe(Item::Edge(EdgeId(24)), &traffic()).unwrap();
        let ends: Vec<&str> = details.heads.iter().map(|head| head.name.as_str()).collect();
        assert_eq!(ends, ["checkout", "payments"]);
        assert_eq!(details.heads[1].goes, Some(Item::Node(NodeId(4))));
    }

    #[test]
    fn what_has_not_come_yet_is_said_to_be_collected() {
        let mut traffic = traffic();
        let waiting = describe(Item::Node(NodeId(2)), &traffic).unwrap();
        assert_eq!(waiting.lists[3].note, COLLECTING);
        assert_eq!(waiting.latency[1], "–");
        // Somebody else's details are not shown.
        let mut detail = Detail { node: Some(NodeId(3)), ..Detail::default() };
        traffic.detail = Some(detail.clone());
        assert_eq!(describe(Item::Node(NodeId(2)), &traffic).unwrap(), waiting);

        detail.node = Some(NodeId(2));
        detail.latency = Latency { p50_us: 12_000, p95_us: 80_000, p99_us: 1_500_000 };
        detail.operations =
            vec![Operation { name: "GET /cart".to_owned(), ..Operation::default() }];
        detail.versions = [("7".to_owned(), 3), ("8".to_owned(), 9)].into();
        traffic.detail = Some(detail);
        let known = describe(Item::Node(NodeId(2)), &traffic).unwrap();
        let figures: Vec<String> =
            known.latency.iter().map(|text| text.replace('\u{a0}', " ")).collect();
        assert_eq!(figures, ["12.0 ms", "80.0 ms", "1.50 s"]);
        assert_eq!(names(&known.lists[3]), ["GET /cart"]);
        assert_eq!(names(&known.lists[4]), ["8", "7"]);
    }

    #[test]
    fn what_ticks_tell_of_what_runs_comes_before_the_detail() {
        let mut traffic = traffic();
        let told = |traffic: &Traffic| {
            let details = describe(Item::Node(NodeId(2)), traffic).unwrap();
            let versions = details.lists[4].rows.iter();
            let versions = versions.map(|row| (row.name.clone(), row.figure.clone())).collect();
            (details.facts.first().cloned().unwrap_or_default().replace('\u{a0}', " "), versions)
        };
        let row = |name: &str, figure: &str| (name.to_owned(), figure.to_owned());
        let instances = Some(Instances { live: 3, new: 1, seen: 5, busy: 0.5 });
        let versions = [("7".to_owned(), 3), ("8".to_owned(), 9)].into();
        let node = Some(NodeId(2));
        traffic.detail = Some(Detail { node, instances, versions, ..Detail::default() });
        let (fact, versions): (String, Vec<_>) = told(&traffic);
        assert_eq!(fact, "3 instances live, 1 cold start last minute");
        assert_eq!(versions, [row("8", "9"), row("7", "3")]);

        let running = &mut traffic.nodes[&NodeId(2)].running;
        running.live = Some(4);
        running.versions = vec![("8".to_owned(), 10.0), ("9".to_owned(), 1.0)];
        let expected =
            ("4 instances live".to_owned(), vec![row("8", "10"), row("7", "3"), row("9", "1")]);
        assert_eq!(told(&traffic), expected);
        traffic.detail = None;
        assert_eq!(told(&traffic).1, [row("8", "10"), row("9", "1")], "nobody waits for a detail");
    }

    #[test]
    fn steps_of_a_process_are_not_called_requests() {
        let mut traffic = traffic();
        traffic.unit = Unit::Steps;
        let details = describe(Item::Node(NodeId(2)), &traffic).unwrap();
        assert_eq!((details.unit, details.lists[0].heading), ("steps/s in", "After"));
        let entry = describe(Item::Node(NodeId(1)), &traffic).unwrap();
        assert_eq!(entry.unit, "steps/s out");
        let edge = describe(Item::Edge(EdgeId(24)), &traffic).unwrap();
        assert_eq!(edge.unit, "steps/s");
        let texts = format!("{details:?}{entry:?}{edge:?}");
        assert!(!texts.contains("req"), "{texts}");
    }

    #[test]
    fn an_edge_says_from_when_on_a_request_is_slow_where_that_is_known() {
        let mut traffic = traffic();
        let mut said = |usual_us, slow_over_us| {
            let edge = Some(EdgeId(24));
            traffic.detail = Some(Detail { edge, usual_us, slow_over_us, ..Detail::default() });
            describe(Item::Edge(EdgeId(24)), &traffic).unwrap().slow.replace('\u{a0}', " ")
        };
        assert_eq!(said(Some(120_320), Some(812_000)), "slow: over 812 ms; usually 120 ms");
        assert_eq!(said(None, Some(1_000_000)), "slow: over 1.00 s");
        assert_eq!(said(None, None), "");
    }

    #[test]
    fn long_lists_end_with_how_many_more_there_are() {
        let mut traffic = traffic();
        let nodes = (100..120).map(|id| graph_node(id, "n", NodeKind::Host)).collect();
        let edges: Vec<(u64, u64, u64)> = (100..120).map(|id| (id, 2, id)).collect();
        connect(&mut traffic, nodes, &edges);
        let details = describe(Item::Node(NodeId(2)), &traffic).unwrap();
        assert_eq!(details.lists[1].rows.len(), MOST_ROWS);
        assert_eq!(details.lists[1].note, "and 14 more");
    }

    #[test]
    fn what_is_gone_is_not_told() {
        assert_eq!(describe(Item::Node(NodeId(99)), &traffic()), None);
    }
}
