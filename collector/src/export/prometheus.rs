//! `/metrics`: Prometheus's text format, version 0.0.4. In: what the collector counts about itself,
//! and the edges as a service graph. Out: text.

use std::fmt::Write;

use super::readings::{Family, Kind, Readings};
use super::service_graph::{BOUNDS_US, EdgeNumbers, ServiceGraph};
use crate::reduce::Reducer;

/// The content type of the text.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Everything as text.
pub(crate) fn text(readings: &Readings, graph: &ServiceGraph, reducer: &Reducer) -> String {
    let mut page = Page(String::with_capacity(16 << 10));
    for family in readings.read() {
        page.family(&family);
    }
    page.process();
    page.service_graph(&graph.read(reducer));
    page.0
}

/// Writes into a `String` cannot fail, which is why their results are dropped here.
struct Page(String);

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(
        &mut self,
        name: &str,
        labels: &[(&str, String)],
        more: Option<(&str, &str)>,
        v: f64,
    ) {
        self.0.push_str(name);
        let labels = labels.iter().map(|(label, value)| (*label, value.as_str())).chain(more);
        for (index, (label, value)) in labels.clone().enumerate() {
            let open = if index == 0 { '{' } else { ',' };
            let _ = write!(self.0, "{open}{label}=\"{}\"", escaped(value));
        }
        if labels.count() > 0 {
            self.0.push('}');
        }
        let _ = writeln!(self.0, " {v}");
    }

    fn family(&mut self, family: &Family) {
        let name = name(family);
        let kind = match family.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        self.head(&name, kind, family.help);
        for point in &family.points {
            self.sample(&name, &point.labels, None, point.value);
        }
    }

    /// What every Prometheus client tells of its process, as far as the system does.
    fn process(&mut self) {
        if let Some(bytes) = resident_bytes() {
            let name = "process_resident_memory_bytes";
            self.head(name, "gauge", "Resident memory size in bytes.");
            self.sample(name, &[], None, bytes);
        }
        if let Some(seconds) = cpu_seconds() {
            let name = "process_cpu_seconds_total";
            self.head(name, "counter", "Total user and system CPU time spent in seconds.");
            self.sample(name, &[], None, seconds);
        }
    }

    fn service_graph(&mut self, edges: &[EdgeNumbers]) {
        let total = "traces_service_graph_request_total";
        self.head(total, "counter", "Requests between two nodes.");
        edges.iter().for_each(|edge| self.sample(total, &edge.labels, None, edge.requests));
        let failed = "traces_service_graph_request_failed_total";
        self.head(failed, "counter", "Requests between two nodes that failed or were throttled.");
        edges.iter().for_each(|edge| self.sample(failed, &edge.labels, None, edge.failed));
        let seconds = "traces_service_graph_request_server_seconds";
        let help = "How long requests took: as the caller saw it where its span is known, else as \
                    the callee did.";
        self.head(seconds, "histogram", help);
        edges.iter().for_each(|edge| self.histogram(seconds, edge));
    }

    fn histogram(&mut self, name: &str, edge: &EdgeNumbers) {
        let bucket = format!("{name}_bucket");
        for (bound, within) in BOUNDS_US.iter().zip(edge.within) {
            #[expect(clippy::cast_precision_loss, reason = "a dozen small constants")]
            let bound = (*bound as f64 / 1e6).to_string();
            self.sample(&bucket, &edge.labels, Some(("le", &bound)), within);
        }
        self.sample(&bucket, &edge.labels, Some(("le", "+Inf")), edge.measured);
        self.sample(&format!("{name}_sum"), &edge.labels, None, edge.seconds);
        self.sample(&format!("{name}_count"), &edge.labels, None, edge.measured);
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

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
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
    use crate::feed::Hub;
    use crate::feed::message::SourceLabel;
    use crate::reduce::Settings;
    use std::collections::HashSet;
    use std::sync::Arc;

    fn page(edges: &[EdgeNumbers]) -> String {
        let mut page = Page(String::new());
        page.service_graph(edges);
        page.0
    }

    fn edge(client: &str) -> EdgeNumbers {
        EdgeNumbers {
            labels: vec![("client", client.to_owned()), ("server", "b".to_owned())],
            requests: 3.0,
            failed: 1.0,
            within: [2.0; BOUNDS_US.len()],
            measured: 2.5,
            seconds: 0.75,
        }
    }

    #[test]
    fn an_edge_is_what_grafana_s_node_graph_reads() {
        let text = page(&[edge("a")]);
        for line in [
            "traces_service_graph_request_total{client=\"a\",server=\"b\"} 3",
            "traces_service_graph_request_failed_total{client=\"a\",server=\"b\"} 1",
            "traces_service_graph_request_server_seconds_bucket{client=\"a\",server=\"b\",le=\"0.1\"} 2",
            "traces_service_graph_request_server_seconds_bucket{client=\"a\",server=\"b\",le=\"+Inf\"} 2.5",
            "traces_service_graph_request_server_seconds_sum{client=\"a\",server=\"b\"} 0.75",
            "traces_service_graph_request_server_seconds_count{client=\"a\",server=\"b\"} 2.5",
        ] {
            assert!(text.lines().any(|other| other == line), "{line}\n{text}");
        }
    }

    #[test]
    fn names_that_hold_quotes_and_line_breaks_stay_one_line() {
        let text = page(&[edge("a\"\\\nb")]);
        assert!(text.contains("client=\"a\\\"\\\\\\nb\""), "{text}");
    }

    #[tokio::test]
    async fn every_family_has_one_name_a_meaning_and_a_type() {
        let reducer = Arc::new(Reducer::new(Settings::default()));
        let clock = Clock::start();
        let hub = Hub::new(
            Arc::clone(&reducer),
            SourceLabel::Live,
            crate::feed::Settings::default(),
            clock,
        );
        let readings =
            Readings { reducer: Arc::clone(&reducer), hub, receiver: None, recorder: None, clock };
        let text = text(&readings, &ServiceGraph::default(), &reducer);
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
        assert!(names.contains("spanfall_spans_total"));
        if cfg!(target_os = "linux") {
            assert!(names.contains("process_cpu_seconds_total"));
            assert!(names.contains("process_resident_memory_bytes"));
        }
    }
}
