//! What the details panel says about what stands for several nodes or edges: a zone, a group, and what goes
//! between them. In: [`Picture`], the model. Out: [`Details`].

use spanfall_collector::reduce::hop::{Counts, EdgeId};
use spanfall_collector::reduce::node::NodeId;

use super::describe::{Details, Head};
use super::lists::{List, Row, alarming, list, trouble};
use crate::figures::{duration, latency, number};
use crate::focus::Item;
use crate::panel::marks::Mark;
use crate::panel::rows::Goes;
use crate::panel::unit::Words;
use crate::picture::{Picture, PictureEdge, PictureNode, What};
use crate::traffic::{Rates, Traffic};

/// Seconds without a request after which that is said.
const SILENT: f64 = 5.0;

/// What to say about the item; nothing if it is not on screen.
pub(super) fn describe(item: Item, picture: &Picture, traffic: &Traffic) -> Option<Details> {
    match item {
        Item::Node(id) => node(id, picture, traffic),
        Item::Edge(id) => edge(id, picture, traffic),
    }
}

fn node(id: NodeId, picture: &Picture, traffic: &Traffic) -> Option<Details> {
    let node = picture.nodes.get(&id)?;
    let words = Words::of(traffic.unit);
    let columns = ["errors", words.rate];
    let [before, after] = words.ends;
    let callers = neighbours(picture, |edge| (edge.target == id).then_some(edge.source));
    let callees = neighbours(picture, |edge| (edge.source == id).then_some(edge.target));
    let receives = node.inbound.total() > 0.0 || !callers.is_empty();
    let rates = if receives { &node.inbound } else { &node.outbound };
    Some(Details {
        heads: vec![head(node, None)],
        rates: rates.per_second,
        unit: if receives { words.rate_in } else { words.rate_out },
        latency: latencies(rates),
        slow: String::new(),
        facts: last_request(node).into_iter().collect(),
        lists: [
            list("Within", columns, members(id, picture, traffic), ""),
            list(before, columns, callers, ""),
            list(after, columns, callees, ""),
            List::default(),
            List::default(),
        ],
    })
}

fn edge(id: EdgeId, picture: &Picture, traffic: &Traffic) -> Option<Details> {
    let edge = picture.edges.get(&id)?;
    let ends = [edge.source, edge.target].into_iter();
    let heads = ends.filter_map(|id| Some(head(picture.nodes.get(&id)?, Some(Item::Node(id)))));
    let words = Words::of(traffic.unit);
    let strands = picture.strands(id).filter_map(|id| {
        let edge = traffic.edges.get(&id)?;
        let name = |id| traffic.nodes.get(&id).map_or("", |node| node.name.as_str());
        let name = format!("{} › {}", name(edge.source), name(edge.target));
        Some(row(name, None, &edge.rates.per_second, Item::Edge(id)))
    });
    let strands = list("Within", ["errors", words.rate], busiest_first(strands), "");
    Some(Details {
        heads: heads.collect(),
        rates: edge.rates.per_second,
        unit: words.rate,
        latency: latencies(&edge.rates),
        slow: String::new(),
        facts: Vec::new(),
        lists: [strands, List::default(), List::default(), List::default(), List::default()],
    })
}

fn head(node: &PictureNode, goes: Option<Item>) -> Head {
    let nodes = |count: u32| if count == 1 { "1 node".into() } else { format!("{count} nodes") };
    let about = match node.what {
        What::Itself => node.kind.to_string(),
        What::Group(count) => format!("group · {}", nodes(count)),
        What::Zone(count) => format!("region · {}", nodes(count)),
        What::Elsewhere(count) => format!("in no region, or in several · {}", nodes(count)),
    };
    Head { kind: node.kind, name: node.name.clone(), about, goes }
}

/// How long it has been silent, if it has.
fn last_request(node: &PictureNode) -> Option<String> {
    let silent = node.quiet.is_finite() && node.quiet > SILENT;
    silent.then(|| format!("last request {} ago", duration(node.quiet)))
}

/// The nodes that it stands for.
fn members(id: NodeId, picture: &Picture, traffic: &Traffic) -> Vec<Row> {
    busiest_first(picture.members(id).filter_map(|id| {
        let node = traffic.nodes.get(&id)?;
        let inbound = &node.inbound.per_second;
        let counts = if inbound.total() > 0.0 { inbound } else { &node.outbound.per_second };
        Some(row(node.name.clone(), Some(Mark::Kind(node.kind)), counts, Item::Node(id)))
    }))
}

/// The nodes on screen at the other ends of its edges.
fn neighbours(picture: &Picture, other_end: impl Fn(&PictureEdge) -> Option<NodeId>) -> Vec<Row> {
    busiest_first(picture.edges.values().filter_map(|edge| {
        let id = other_end(edge)?;
        let node = picture.nodes.get(&id)?;
        let mark = Some(Mark::Kind(node.kind));
        Some(row(node.name.clone(), mark, &edge.rates.per_second, Item::Node(id)))
    }))
}

fn row(name: String, mark: Option<Mark>, counts: &Counts, goes: Item) -> (f64, Row) {
    let total = counts.total();
    let row = Row {
        mark,
        name,
        middle: trouble(counts),
        figure: number(total),
        alarming: alarming(counts),
        goes: Goes::To(goes),
    };
    (total, row)
}

fn busiest_first(rows: impl Iterator<Item = (f64, Row)>) -> Vec<Row> {
    let mut rows: Vec<(f64, Row)> = rows.collect();
    // What goes wrong is what one looks for.
    rows.sort_by(|(a, a_row), (b, b_row)| {
        b_row.alarming.cmp(&a_row.alarming).then(b.total_cmp(a)).then(a_row.name.cmp(&b_row.name))
    });
    rows.into_iter().map(|(_, row)| row).collect()
}

fn latencies(rates: &Rates) -> [String; 3] {
    [rates.p50_us, 0.0, rates.p99_us].map(latency)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::{Filter, Level, Navigation};
    use crate::scene::sample::graph;

    /// Two regions: 1 and 2 in the west, 3 in the east; 1 calls the others.
    fn world() -> (Traffic, Picture) {
        let mut traffic = graph(3, &[(1, 2), (1, 3)]);
        for (id, region) in [(1, "west"), (2, "west"), (3, "east")] {
            traffic.nodes[&NodeId(id)].region = region.to_owned();
        }
        traffic.nodes[&NodeId(2)].inbound.per_second = Counts { ok: 7.0, ..Counts::default() };
        let rates = Counts { ok: 1.0, error: 3.0, ..Counts::default() };
        traffic.edges[&EdgeId(2)].rates.per_second = rates;
        traffic.nodes[&NodeId(3)].inbound.per_second = rates;
        let mut picture = Picture::default();
        let navigation = Navigation::at(Level::World);
        picture.follow(&traffic, &navigation, &Filter::default(), None);
        (traffic, picture)
    }

    #[test]
    fn a_region_tells_who_is_in_it_and_who_it_talks_to() {
        let (traffic, picture) = world();
        let west = picture.zones.named("west").unwrap();
        let details = describe(Item::Node(west), &picture, &traffic).unwrap();
        assert_eq!(details.heads[0].about, "region · 2 nodes");
        assert_eq!(details.rates.total(), 7.0);
        let names = |list: &List| list.rows.iter().map(|row| row.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&details.lists[0]), ["function-2", "function-1"]);
        assert_eq!(names(&details.lists[2]), ["east"]);
        assert!(details.lists[2].rows[0].alarming);
    }

    #[test]
    fn what_goes_between_regions_tells_the_edges_behind_it() {
        let (traffic, picture) = world();
        let (&id, _) = picture.edges.first().unwrap();
        let details = describe(Item::Edge(id), &picture, &traffic).unwrap();
        assert_eq!(details.heads.len(), 2);
        assert_eq!(details.lists[0].rows[0].name, "function-1 › function-3");
        assert_eq!(details.lists[0].rows[0].goes, Goes::To(Item::Edge(EdgeId(2))));
        assert_eq!(details.rates.error, 3.0);
    }
}
