//! `/metrics`: what the collector counts about itself, and the edges as a service graph, for
//! Prometheus. In: numbers. Out: text, in the format that the client likes best.

use super::page::{Format, Page};
use super::readings::{Family, Kind, Readings};
use super::service_graph::{EdgeNumbers, Histogram, ServiceGraph};
use crate::reduce::{Reducer, Stats};

/// Everything as text.
pub(crate) fn text(
    format: Format,
    readings: &Readings,
    graph: &ServiceGraph,
    reducer: &Reducer,
) -> String {
    let mut page = Page::new(format);
    for family in readings.read() {
        write_family(&mut page, &family);
    }
    write_process(&mut page);
    write_service_graph(&mut page, &graph.read(reducer));
    write_lost(&mut page, graph, &reducer.stats());
    page.end()
}

fn write_family(page: &mut Page, family: &Family) {
    let name = name(family);
    page.head(&name, family.kind, family.help);
    for point in &family.points {
        page.sample(&name, &point.labels, point.value);
    }
}

/// What every Prometheus client tells of its process, as far as the system does.
fn write_process(page: &mut Page) {
    if let Some(bytes) = resident_bytes() {
        let name = "process_resident_memory_bytes";
        page.head(name, Kind::Gauge, "Resident memory size in bytes.");
        page.sample(name, &[], bytes);
    }
    if let Some(seconds) = cpu_seconds() {
        let name = "process_cpu_seconds_total";
        page.head(name, Kind::Counter, "Total user and system CPU time spent in seconds.");
        page.sample(name, &[], seconds);
    }
}

fn write_service_graph(page: &mut Page, edges: &[EdgeNumbers]) {
    let total = "traces_service_graph_request_total";
    page.head(total, Kind::Counter, "Requests between two nodes.");
    edges.iter().for_each(|edge| page.sample(total, &edge.labels, edge.requests));
    let failed = "traces_service_graph_request_failed_total";
    page.head(
        failed,
        Kind::Counter,
        "Requests between two nodes of which a span says that it failed.",
    );
    edges.iter().for_each(|edge| page.sample(failed, &edge.labels, edge.failed));
    let sides: [(_, _, fn(&EdgeNumbers) -> &Histogram); 2] = [
        (
            "traces_service_graph_request_server_seconds",
            "How long requests took by their servers' spans; for databases by their clients'.",
            |edge| &edge.server,
        ),
        (
            "traces_service_graph_request_client_seconds",
            "How long requests took by their clients' spans.",
            |edge| &edge.client,
        ),
    ];
    for (name, help, side) in sides {
        page.histogram_head(name, help);
        // A side that never sent a span has no latencies, which is not the same as short ones.
        let measured = edges.iter().filter(|edge| side(edge).measured > 0.0);
        measured.for_each(|edge| page.histogram(name, &edge.labels, side(edge)));
    }
}

/// What the graph does not show, or shows otherwise than it would be.
fn write_lost(page: &mut Page, graph: &ServiceGraph, stats: &Stats) {
    let numbers = [
        (
            "traces_service_graph_unpaired_spans_total",
            "Spans whose other side did not come though one was to be expected; those that are \
             paired later are netted against those to come.",
            graph.unpaired(stats.unpaired),
        ),
        (
            "traces_service_graph_dropped_spans_total",
            "Spans that did not wait their time for their other side, because too many waited.",
            stats.early,
        ),
    ];
    for (name, help, count) in numbers {
        page.head(name, Kind::Counter, help);
        #[expect(clippy::cast_precision_loss, reason = "exact up to nine quadrillion spans")]
        page.sample(name, &[], count as f64);
    }
}

/// A family's name by Prometheus's rules: with its unit, and `_total` if it is a counter.
fn name(family: &Family) -> String {
    let mut name = family.name.replace('.', "_");
    match family.unit {
        "By" => name.push_str("_bytes"),
        "s" => name.push_str("_seconds"),
        _ => {}
    }
    if family.kind == Kind::Counter {
        name.push_str("_total");
    }
    name
}

fn resident_bytes() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024.0)
}

fn cpu_seconds() -> Option<f64> {
    /// Clock ticks in a second, which Linux tells programs is 100 on every machine.
    const TICKS: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program, in parentheses, may hold spaces.
    let fields: Vec<_> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::cost::PriceList;
    use crate::feed::Hub;
    use crate::feed::message::SourceLabel;
    use crate::reduce::Settings;
    use std::collections::HashSet;
    use std::sync::Arc;

    #[tokio::test]
    async fn every_family_has_one_name_a_meaning_and_a_type() {
        let reducer = Arc::new(Reducer::new(Settings::default()));
        let clock = Clock::start();
        let (prices, feed) = (PriceList::default(), crate::feed::Settings::default());
        let hub = Hub::new(Arc::clone(&reducer), prices.clone(), SourceLabel::Live, feed, clock);
        let readings = Readings {
            reducer: Arc::clone(&reducer),
            hub,
            prices,
            receiver: None,
            recorder: None,
            clock,
        };
        let text = text(Format::Plain, &readings, &ServiceGraph::default(), &reducer);
        let mut names = HashSet::new();
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, meaning) = help.split_once(' ').unwrap();
                assert!(names.insert(name), "{name} twice");
                assert!(meaning.ends_with('.'), "{line}");
            } else if let Some(kind) = line.strip_prefix("# TYPE ") {
                assert!(names.contains(kind.split(' ').next().unwrap()), "{line}");
            } else {
                let name = line.split(['{', ' ']).next().unwrap();
                assert!(names.contains(name), "{line}");
                line.rsplit(' ').next().unwrap().parse::<f64>().unwrap();
            }
        }
        for name in [
            "spanfall_spans_total",
            "traces_service_graph_request_total",
            "traces_service_graph_request_failed_total",
            "traces_service_graph_request_server_seconds",
            "traces_service_graph_request_client_seconds",
            "traces_service_graph_unpaired_spans_total",
            "traces_service_graph_dropped_spans_total",
        ] {
            assert!(names.contains(name), "{name}");
        }
        if cfg!(target_os = "linux") {
            assert!(names.contains("process_cpu_seconds_total"));
            assert!(names.contains("process_resident_memory_bytes"));
        }
    }
}
