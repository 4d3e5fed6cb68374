//! The lists of the details panel: callers and callees, examples, operations, versions. In: the model. Out:
//! rows of texts, and where a click goes.

use std::collections::BTreeMap;

use spanfall_collector::feed::message::{Detail, Operation};
use spanfall_collector::reduce::hop::Counts;
use spanfall_collector::reduce::node::NodeId;

use crate::figures::{count, duration, latency, number, share};
use crate::focus::{Command, Item};
use crate::panel::marks::Mark;
use crate::panel::rows::Goes;
use crate::panel::unit::Words;
use crate::traffic::{EdgeState, Running, Traffic};

/// One of the panel's lists; without a heading it is not shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::panel) struct List {
    /// Its heading.
    pub(in crate::panel) heading: &'static str,
    /// What its two columns of figures are.
    pub(in crate::panel) columns: [&'static str; 2],
    /// Its rows, the busiest first.
    pub(in crate::panel) rows: Vec<Row>,
    /// A sentence in place of rows, or after the last one.
    pub(in crate::panel) note: String,
}

/// One row of a list.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::panel) struct Row {
    /// The sign before it.
    pub(in crate::panel) mark: Option<Mark>,
    /// Whom or what it is about.
    pub(in crate::panel) name: String,
    /// A second figure, before the last.
    pub(in crate::panel) middle: String,
    /// Its figure.
    pub(in crate::panel) figure: String,
    /// Whether so much of it goes wrong that it should be seen from afar.
    pub(in crate::panel) alarming: bool,
    /// Where a click goes.
    pub(in crate::panel) goes: Goes,
}

/// Rows that a list shows at most.
pub(in crate::panel) const MOST_ROWS: usize = 8;

/// A share of failed requests below this is not named: it is the rest of a smoothed rate.
const NOTEWORTHY: f64 = 0.0005;
/// From this share on it is alarming.
const ALARMING: f64 = 0.01;

/// What stands where a detail has not come yet.
pub(super) const COLLECTING: &str = "collecting…";

/// The nodes at the other ends of a node's edges, the busiest first.
pub(super) fn neighbours(
    traffic: &Traffic,
    other_end: impl Fn(&EdgeState) -> Option<NodeId>,
) -> Vec<Row> {
    let mut found: Vec<(f64, Row)> = traffic
        .edges
        .values()
        .filter_map(|edge| {
            let id = other_end(edge)?;
            let state = traffic.nodes.get(&id)?;
            let counts = &edge.rates.per_second;
            let row = Row {
                mark: Some(Mark::Kind(state.kind)),
                name: state.name.clone(),
                middle: trouble(counts),
                figure: number(counts.total()),
                alarming: alarming(counts),
                goes: Goes::To(Item::Node(id)),
            };
            Some((counts.total(), row))
        })
        .collect();
    found.sort_by(|(a, a_row), (b, b_row)| b.total_cmp(a).then(a_row.name.cmp(&b_row.name)));
    found.into_iter().map(|(_, row)| row).collect()
}

/// A list of these rows, the first of them at most; `none` says that there are none.
pub(super) fn list(
    heading: &'static str,
    columns: [&'static str; 2],
    mut rows: Vec<Row>,
    none: &str,
) -> List {
    let more = rows.len().saturating_sub(MOST_ROWS);
    rows.truncate(MOST_ROWS);
    let note = match (rows.is_empty(), more) {
        (true, _) => none.to_owned(),
        (false, 0) => String::new(),
        (false, more) => format!("and {more} more"),
    };
    if rows.is_empty() && note.is_empty() {
        return List::default();
    }
    let columns = if rows.is_empty() { [""; 2] } else { columns };
    List { heading, columns, rows, note }
}

/// The share of failed requests, where there are any worth a word.
pub(super) fn trouble(counts: &Counts) -> String {
    let total = counts.total();
    if counts.error > total * NOTEWORTHY { share(counts.error, total) } else { String::new() }
}

/// Whether so much fails that it should be seen from afar.
pub(super) fn alarming(counts: &Counts) -> bool {
    counts.error > counts.total() * ALARMING
}

/// Hops by version: the detail has all of them, and ticks tell of those that get requests now.
pub(super) fn versions(detail: Option<&Detail>, running: &Running) -> Vec<(String, f64)> {
    let known = detail.into_iter().flat_map(|detail| &detail.versions);
    let mut versions: BTreeMap<String, f64> =
        known.map(|(name, hops)| (name.clone(), *hops as f64)).collect();
    versions.extend(running.versions.iter().cloned());
    versions.into_iter().collect()
}

/// Versions, those with the most hops first.
pub(super) fn version_list(mut versions: Vec<(String, f64)>, words: Words) -> List {
    // Those of one number stay in the order of their names.
    versions.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    let all: f64 = versions.iter().map(|(_, hops)| hops).sum();
    let row = |(name, hops): (String, f64)| Row {
        mark: None,
        name,
        middle: share(hops, all),
        figure: count(hops),
        alarming: false,
        goes: Goes::Nowhere,
    };
    let rows = versions.into_iter().map(row).collect();
    list("Versions", ["share", words.many], rows, "")
}

/// Single requests that are worth a look; a click goes along with one.
pub(super) fn examples(detail: Option<&Detail>, traffic: &Traffic) -> List {
    let now_ms = traffic.time().unwrap_or_default() * 1e3;
    let known = detail.map(|detail| &detail.examples);
    let mut rows: Vec<Row> = Vec::new();
    let mut seen = Vec::new();
    for example in known.into_iter().flat_map(|known| known.failed.iter().chain(&known.slowest)) {
        // One that failed and took long is one request.
        if seen.contains(&example.trace) {
            continue;
        }
        seen.push(example.trace);
        // The spans of a recording that is played faster are ahead of the feed's clock.
        let ago = (now_ms - example.at_ms as f64) / 1e3;
        rows.push(Row {
            mark: Some(Mark::Class(example.class)),
            name: example.operation.clone(),
            middle: if ago < 0.0 { String::new() } else { duration(ago) },
            figure: latency(example.took_us as f64),
            alarming: false,
            goes: Goes::Asks(Command::Follow(example.trace)),
        });
    }
    list("Failed and slowest", ["ago", "took"], rows, "")
}

/// What is asked for, as the detail lists it.
pub(super) fn operations(detail: Option<&Detail>, words: Words) -> List {
    let Some(detail) = detail else {
        return List { heading: "Operations", note: COLLECTING.to_owned(), ..List::default() };
    };
    let rows = detail.operations.iter().map(operation).collect();
    list("Operations", ["p95", words.many], rows, "none named")
}

fn operation(operation: &Operation) -> Row {
    Row {
        mark: None,
        name: operation.name.clone(),
        middle: latency(operation.latency.p95_us as f64),
        figure: count(operation.counts.total()),
        alarming: alarming(&operation.counts),
        goes: Goes::Nowhere,
    }
}
