//! The table of edges. In: a [`Report`] and the width of the terminal. Out: lines of text.

use std::fmt::Write;

use console::{measure_text_width, pad_str, truncate_str};

use crate::figures::grouped;
use crate::reduce::node::Node;

use super::report::{Report, ReportEdge, Totals};

/// Names are cut no further than this.
const SHORTEST_NAME: usize = 12;

/// Between two columns.
const GAP: &str = "  ";

const HEADS: [&str; 9] = ["hops", "ok", "slow", "throttled", "error", "cold", "p50", "p95", "p99"];

/// Lays out the table; names are cut where it would be wider than `width` columns.
pub(super) fn table(report: &Report, width: Option<usize>) -> String {
    let rows: Vec<Row> = report.edges.iter().map(Row::new).collect();
    let widest = |head: &str, of: &dyn Fn(&Row) -> &str| {
        rows.iter().map(|row| measure_text_width(of(row))).fold(head.len(), usize::max)
    };
    let numbers: Vec<usize> = HEADS
        .iter()
        .enumerate()
        .map(|(index, head)| widest(head, &|row| row.numbers.get(index).map_or("", String::as_str)))
        .collect();
    let mut names = [widest("source", &|row| &row.source), widest("target", &|row| &row.target)];
    if let Some(width) = width {
        let taken: usize = numbers.iter().map(|number| number + GAP.len()).sum();
        shrink(&mut names, width.saturating_sub(taken + GAP.len()));
    }

    let mut text = String::new();
    let heads = Row {
        source: "source".to_owned(),
        target: "target".to_owned(),
        numbers: HEADS.map(String::from),
    };
    for row in std::iter::once(&heads).chain(&rows) {
        row.write(&mut text, names, &numbers);
    }
    if !rows.is_empty() {
        text.push('\n');
    }
    text.push_str(&totals(report));
    text
}

/// Takes from the wider of two columns until both fit.
fn shrink(names: &mut [usize; 2], room: usize) {
    while names.iter().sum::<usize>() > room {
        let wider = usize::from(names[1] > names[0]);
        if names[wider] <= SHORTEST_NAME {
            return;
        }
        names[wider] -= 1;
    }
}

struct Row {
    source: String,
    target: String,
    numbers: [String; HEADS.len()],
}

impl Row {
    fn new(edge: &ReportEdge) -> Self {
        let hops = &edge.hops;
        let latency = &edge.latency_us;
        let numbers = [
            count(hops.total),
            count(hops.ok),
            count(hops.slow),
            count(hops.throttled),
            count(hops.error),
            count(hops.cold),
            time(latency.p50),
            time(latency.p95),
            time(latency.p99),
        ];
        Self { source: name(&edge.source), target: name(&edge.target), numbers }
    }

    fn write(&self, text: &mut String, names: [usize; 2], widths: &[usize]) {
        for (name, width) in [&self.source, &self.target].into_iter().zip(names) {
            let cut = truncate_str(name, width, "…");
            text.push_str(&pad_str(&cut, width, console::Alignment::Left, None));
            text.push_str(GAP);
        }
        for (index, (number, width)) in self.numbers.iter().zip(widths).enumerate() {
            if index > 0 {
                text.push_str(GAP);
            }
            text.push_str(&pad_str(number, *width, console::Alignment::Right, None));
        }
        text.push('\n');
    }
}

/// A node in one column. What spans call themselves is not trusted with the terminal.
fn name(node: &Node) -> String {
    let safe = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    let name = node.name.chars().map(safe);
    name.chain(" (".chars()).chain(node.kind.as_str().chars()).chain(")".chars()).collect()
}

/// A count: nothing stands out where there is nothing.
fn count(count: f64) -> String {
    if count == 0.0 {
        return "-".to_owned();
    }
    let rounded = (count * 10.0).round() / 10.0;
    let whole = grouped(rounded.trunc().abs() as u64);
    let sign = if rounded < 0.0 { "-" } else { "" };
    let fraction = (rounded.fract().abs() * 10.0).round() as u64;
    if fraction == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// A latency with three digits.
fn time(us: u64) -> String {
    let (value, unit) = match us {
        0 => return "-".to_owned(),
        1..1_000 => return format!("{us} µs"),
        // What would round up to 1000 ms is told in seconds.
        1_000..999_500 => (us as f64 / 1e3, "ms"),
        _ => (us as f64 / 1e6, "s"),
    };
    let digits = if value < 9.995 {
        2
    } else if value < 99.95 {
        1
    } else {
        0
    };
    format!("{value:.digits$} {unit}")
}

/// The last lines: what there was in all.
fn totals(report: &Report) -> String {
    let Totals {
        spans,
        hops,
        ignored,
        unpaired,
        duplicates,
        rejected,
        early,
        unknown,
        dropped,
        unknown_triggers: _,
    } = report.totals;
    let edges = report.edges.len() as u64;
    let nodes = report.nodes.len() as u64;
    let many = |number, one: &str, more: &str| {
        format!("{} {}", grouped(number), if number == 1 { one } else { more })
    };
    let mut text = format!(
        "{} made {} on {} between {}",
        many(spans, "span", "spans"),
        many(hops, "hop", "hops"),
        many(edges, "edge", "edges"),
        many(nodes, "node", "nodes"),
    );
    let asides = [
        (ignored, "left out by [[node.ignore]]"),
        (unpaired, "unpaired"),
        (duplicates, "duplicate"),
        (rejected, "rejected"),
        (early, "resolved early to save memory"),
        (unknown, "hops with an end that is not known"),
        (dropped, "hops on no edge, because there are too many"),
    ];
    for (number, what) in asides.into_iter().filter(|(number, _)| *number > 0) {
        // Writing to a string cannot fail.
        let _ = write!(text, "; {} {what}", grouped(number));
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edges::report::{Hops, LatencyUs, ReportNode, SCHEMA};
    use crate::reduce::node::NodeKind;

    fn node(kind: NodeKind, name: &str) -> Node {
        Node { kind, name: name.to_owned(), ..Node::default() }
    }

    fn report() -> Report {
        let users = node(NodeKind::Users, "users");
        let shop = node(NodeKind::Function, "shop-checkout-with-a-long-name");
        let table = node(NodeKind::Table, "orders");
        let edge = |source: &Node, target: &Node, ok: f64, error: f64, p50| ReportEdge {
            source: source.clone(),
            target: target.clone(),
            hops: Hops { total: ok + error, ok, slow: 0.0, throttled: 0.0, error, cold: 2.5 },
            latency_us: LatencyUs { p50, p95: p50 * 3, p99: p50 * 7 },
            usual_us: None,
            slow_over_us: None,
            queue: None,
            dead_letter: false,
        };
        Report {
            schema: SCHEMA,
            totals: Totals { spans: 123_456, hops: 61_728, unpaired: 3, ..Totals::default() },
            nodes: [&users, &shop, &table]
                .map(|node| ReportNode {
                    node: node.clone(),
                    entry: false,
                    invocations: None,
                    instances: None,
                    cost: None,
                })
                .to_vec(),
            edges: vec![
                edge(&shop, &table, 1_234_567.0, 0.0, 950),
                edge(&users, &shop, 12.0, 3.0, 0),
            ],
        }
    }

    #[test]
    fn the_table_is_aligned_and_ends_with_the_totals() {
        let expected = "\
source                                     target                                          hops         ok  slow  throttled  error  cold     p50      p95      p99
shop-checkout-with-a-long-name (function)  orders (table)                             1,234,567  1,234,567     -          -      -   2.5  950 µs  2.85 ms  6.65 ms
users (users)                              shop-checkout-with-a-long-name (function)         15         12     -          -      3   2.5       -        -        -

123,456 spans made 61,728 hops on 2 edges between 3 nodes; 3 unpaired
";
        assert_eq!(table(&report(), None), expected);
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in [110, 120, 140, 200] {
            let text = table(&report(), Some(width));
            for line in text.lines() {
                assert!(measure_text_width(line) <= width, "{width}: {line}");
            }
            assert!(width > 150 || text.contains('…'));
        }
    }

    #[test]
    fn names_cannot_write_to_the_terminal() {
        let mut report = report();
        report.edges[0].target.name = "a\x1b[2Jb\n".to_owned();
        let text = table(&report, None);
        assert!(!text.contains('\x1b') && text.contains("a\u{fffd}[2Jb\u{fffd} (table)"), "{text}");
    }

    #[test]
    fn latencies_have_three_digits_and_a_unit() {
        let times = [0, 1, 999, 1_000, 9_994, 9_996, 99_940, 999_499, 999_500, 61_000_000];
        let told = [
            "-", "1 µs", "999 µs", "1.00 ms", "9.99 ms", "10.0 ms", "99.9 ms", "999 ms", "1.00 s",
            "61.0 s",
        ];
        assert_eq!(times.map(time), told);
    }
}
