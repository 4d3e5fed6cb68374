//! What Grafana Tempo's service graph answers to spans: its rules, as its documentation tells them and
//! its tests hold it to them, with its defaults and the label `virtual_node`. In: export requests. Out:
//! the same series that `/metrics` has.
//!
//! All spans are there in time, and Tempo has room for all of them.

use std::collections::{BTreeMap, HashMap};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;

use crate::service_graph::{Graph, series};

/// What names the other side where nothing else does.
const PEER: [&str; 4] = ["service.peer.name", "peer.service", "db.name", "db.system"];

/// What makes a request one to a database, and names it if nothing of where it is does.
const DATABASE: [&str; 4] = ["db.namespace", "db.name", "db.system.name", "db.system"];

/// A request of which one or both sides are known.
#[derive(Debug, Default)]
struct Edge {
    client: String,
    server: String,
    connection: &'static str,
    failed: bool,
    /// What the span that is known calls the other side.
    peer: Option<String>,
}

/// Attributes of a span, in which those of its resource go first.
struct Said<'a> {
    resource: &'a [KeyValue],
    span: &'a [KeyValue],
}

impl Said<'_> {
    fn of(attributes: &[KeyValue], key: &str) -> Option<String> {
        let attribute = attributes.iter().find(|attribute| attribute.key == key)?;
        Some(match attribute.value.as_ref()?.value.as_ref()? {
            Value::StringValue(text) => text.clone(),
            Value::IntValue(number) => number.to_string(),
            other => format!("{other:?}"),
        })
    }

    fn say(&self, key: &str) -> Option<String> {
        Self::of(self.resource, key).or_else(|| Self::of(self.span, key))
    }

    fn first(&self, keys: &[&str]) -> Option<String> {
        keys.iter().find_map(|key| self.say(key))
    }

    fn peer(&self) -> Option<String> {
        PEER.iter().find_map(|key| Self::of(self.span, key))
    }

    /// The database that is asked, if it is one.
    fn database(&self) -> Option<String> {
        let name = self.first(&DATABASE)?;
        let address =
            self.say("network.peer.address").map(|address| match self.say("network.peer.port") {
                Some(port) => format!("{address}:{port}"),
                None => address,
            });
        let place = self.first(&["service.peer.name", "peer.service", "server.address"]);
        Some(place.or(address).unwrap_or(name))
    }
}

impl Edge {
    /// One more side. Whether it is sent or received decides what is known now.
    fn see(&mut self, span: &Span, service: &str, said: &Said<'_>) {
        self.connection = match span.kind() {
            SpanKind::Producer | SpanKind::Consumer => "messaging_system",
            _ => "",
        };
        self.failed |= span.status.as_ref().is_some_and(|s| s.code() == StatusCode::Error);
        if sends(span) {
            service.clone_into(&mut self.client);
            self.peer = said.peer();
            if let Some(database) = said.database() {
                self.server = database;
                self.connection = "database";
            }
        } else {
            service.clone_into(&mut self.server);
            if span.parent_span_id.is_empty() {
                self.peer = said.peer();
            }
        }
    }

    fn is_complete(&self) -> bool {
        !self.client.is_empty() && !self.server.is_empty()
    }

    /// What becomes of it when nothing more comes; `root`: nothing could.
    fn give_up(mut self, root: bool) -> Option<(Self, &'static str)> {
        self.connection = "virtual_node";
        if self.client.is_empty() {
            self.client = self.peer.take().unwrap_or_else(|| "user".to_owned());
            return root.then_some((self, "client"));
        }
        self.server = self.peer.take()?;
        Some((self, "server"))
    }
}

fn sends(span: &Span) -> bool {
    matches!(span.kind(), SpanKind::Client | SpanKind::Producer)
}

/// Tempo's answer. It observes a latency for both sides of every request: 0 for a side that sent no
/// span.
pub fn service_graph(requests: &[ExportTraceServiceRequest]) -> Graph {
    let mut graph = Graph::new();
    let mut count = |edge: &Edge, virtual_node: &str| {
        let series = series(&edge.client, &edge.server, edge.connection, virtual_node);
        let numbers = graph.entry(series).or_default();
        numbers.failed += f64::from(u8::from(edge.failed));
        for seen in [&mut numbers.requests, &mut numbers.by_client, &mut numbers.by_server] {
            *seen += 1.0;
        }
    };
    let mut waiting: HashMap<(&[u8], &[u8]), Edge> = HashMap::new();
    for of_resource in requests.iter().flat_map(|request| &request.resource_spans) {
        let resource: &[KeyValue] = of_resource.resource.as_ref().map_or(&[], |r| &r.attributes);
        let Some(service) = Said::of(resource, "service.name") else { continue };
        for span in of_resource.scope_spans.iter().flat_map(|scope| &scope.spans) {
            let key = match span.kind() {
                SpanKind::Client | SpanKind::Producer => &span.span_id,
                SpanKind::Server | SpanKind::Consumer => &span.parent_span_id,
                SpanKind::Internal | SpanKind::Unspecified => continue,
            };
            let key = (span.trace_id.as_slice(), key.as_slice());
            let edge = waiting.entry(key).or_default();
            edge.see(span, &service, &Said { resource, span: &span.attributes });
            if edge.is_complete() {
                count(edge, "");
                waiting.remove(&key);
            }
        }
    }
    let waiting: BTreeMap<_, _> = waiting.into_iter().collect();
    for ((_, span), edge) in waiting {
        if let Some((edge, virtual_node)) = edge.give_up(span.is_empty()) {
            count(&edge, virtual_node);
        }
    }
    graph
}
