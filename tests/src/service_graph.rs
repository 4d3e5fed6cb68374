//! The service graph of a `/metrics` page. In: a page. Out: its series, as a person would say them.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;

use crate::http::{self, Answer};

/// `client > server connection_type virtual_node`, without the labels that are empty.
pub type Series = String;

/// What is said of every series.
pub type Graph = BTreeMap<Series, Numbers>;

/// Numbers of one series.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Numbers {
    /// How many requests there were.
    pub requests: f64,
    /// How many of them failed.
    pub failed: f64,
    /// How many latencies there are by the clients' spans.
    pub by_client: f64,
    /// The same by the servers' spans.
    pub by_server: f64,
}

/// The series of these labels.
pub fn series(client: &str, server: &str, connection: &str, virtual_node: &str) -> Series {
    format!("{client} > {server} {connection} {virtual_node}").trim_end().to_owned()
}

/// The page, in the format that `accept` asks for.
///
/// # Errors
/// What the socket says.
pub fn scrape(view: SocketAddr, accept: &str) -> io::Result<Answer> {
    let head = format!(
        "GET /metrics HTTP/1.1\r\nhost: {view}\r\naccept: {accept}\r\nconnection: close\r\n\r\n"
    );
    http::say(view, &[head.as_bytes()])
}

/// What a page says under a name, by series.
///
/// # Panics
/// If a line under that name is not one of a service graph.
#[track_caller]
pub fn numbers(page: &str, name: &str) -> BTreeMap<Series, f64> {
    let start = format!("{name}{{");
    let lines = page.lines().filter_map(|line| line.strip_prefix(&start));
    let number = |line: &str| {
        let (labels, rest) = line.split_once("} ").unwrap_or_else(|| panic!("{line}"));
        let label = |name: &str| {
            let label = labels.split(',').find_map(|label| label.strip_prefix(&format!("{name}=")));
            label.unwrap_or_else(|| panic!("no {name} in {line}")).trim_matches('"').to_owned()
        };
        let [client, server, connection, virtual_node] =
            ["client", "server", "connection_type", "virtual_node"].map(label);
        let value = rest.split(' ').next().and_then(|value| value.parse().ok());
        let value = value.unwrap_or_else(|| panic!("{line}"));
        (series(&client, &server, &connection, &virtual_node), value)
    };
    lines.map(number).collect()
}

/// What a page says under a name that has no labels.
///
/// # Panics
/// If it says nothing.
#[track_caller]
pub fn number(page: &str, name: &str) -> f64 {
    let value = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let value = value.unwrap_or_else(|| panic!("no {name} in\n{page}"));
    value.parse().unwrap_or_else(|_| panic!("{name} {value}"))
}

/// Everything that a page says of the graph.
///
/// # Panics
/// If a line of it is not one of a service graph.
#[track_caller]
pub fn graph(page: &str) -> Graph {
    let mut graph = Graph::new();
    let places: [(&str, fn(&mut Numbers) -> &mut f64); 4] = [
        ("total", |numbers| &mut numbers.requests),
        ("failed_total", |numbers| &mut numbers.failed),
        ("client_seconds_count", |numbers| &mut numbers.by_client),
        ("server_seconds_count", |numbers| &mut numbers.by_server),
    ];
    for (name, place) in places {
        for (series, value) in numbers(page, &format!("traces_service_graph_request_{name}")) {
            *place(graph.entry(series).or_default()) += value;
        }
    }
    graph
}
