//! Small spans, such as the peers are measured with: a client's and a server's with two attributes
//! each. In: who calls whom. Out: requests.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;

use crate::world::attributes::Attributes;

/// When the first span begins, in nanoseconds since 1970.
const BEGIN_NS: u64 = 1_700_000_000_000_000_000;

/// How long a client waits for its answer, in nanoseconds; the server takes half of it.
const CALL_NS: u64 = 5_000_000;

/// How many services [`pairs`] and [`callers`] have.
const SERVICES: u64 = 20;

/// Requests of that many spans each, half of them clients' and half of them servers' that were
/// called by them. Twenty services call each other; one that sends has its spans together.
pub fn pairs(requests: u64, spans_each: u64) -> Vec<Vec<u8>> {
    let calls = spans_each / 2;
    let request = |number: u64| {
        let calls = (0..calls).map(|call| number * calls + call);
        let calls =
            calls.map(|id| (id, id % SERVICES, other(id % SERVICES, id / SERVICES, SERVICES)));
        encode(&calls.collect::<Vec<_>>(), true)
    };
    (0..requests).map(request).collect()
}

/// Requests of that many clients' spans each, whose servers never tell.
pub fn callers(requests: u64, spans_each: u64) -> Vec<Vec<u8>> {
    let request = |number: u64| {
        let calls = (0..spans_each).map(|call| number * spans_each + call);
        let calls = calls.map(|id| (id, id % SERVICES, other(id % SERVICES, id, SERVICES)));
        encode(&calls.collect::<Vec<_>>(), false)
    };
    (0..requests).map(request).collect()
}

/// Another service than this one; a different one for each number below the count of others.
fn other(service: u64, number: u64, services: u64) -> u64 {
    (service + 1 + number % (services - 1)) % services
}

/// Requests in which each of so many services calls so many others, once each. There are services
/// times calls edges, as long as calls are few.
pub fn graph(services: u64, calls: u64) -> Vec<Vec<u8>> {
    let request = |source: u64| {
        let calls = (0..calls)
            .map(|call| (source * calls + call, source, other(source, call * 37, services)));
        encode(&calls.collect::<Vec<_>>(), true)
    };
    (0..services).map(request).collect()
}

/// Calls, by their number, source and target. The spans of one service are together.
fn encode(calls: &[(u64, u64, u64)], answered: bool) -> Vec<u8> {
    let mut by_service = std::collections::BTreeMap::<u64, Vec<Span>>::new();
    for &(id, source, target) in calls {
        by_service.entry(source).or_default().push(client(id, target));
        if answered {
            by_service.entry(target).or_default().push(server(id));
        }
    }
    let resource_spans = by_service.into_iter().map(|(service, spans)| ResourceSpans {
        resource: Some(Resource {
            attributes: Attributes::of(&[("service.name", &name(service))]).0,
            ..Resource::default()
        }),
        scope_spans: vec![ScopeSpans { spans, ..ScopeSpans::default() }],
        ..ResourceSpans::default()
    });
    ExportTraceServiceRequest { resource_spans: resource_spans.collect() }.encode_to_vec()
}

fn name(service: u64) -> String {
    format!("service-{service}")
}

/// An id without a pattern in its bits, as SDKs make them; never 0.
fn id(of: u64) -> [u8; 8] {
    (of + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()
}

fn span(call: u64, own: u64, kind: SpanKind, attributes: &[(&str, &str)]) -> Span {
    let start_time_unix_nano = BEGIN_NS + call * 1_000;
    Span {
        trace_id: [id(call), id(call / 4)].concat(),
        span_id: id(own).to_vec(),
        name: "GET /things".to_owned(),
        kind: kind.into(),
        start_time_unix_nano,
        end_time_unix_nano: start_time_unix_nano + CALL_NS,
        attributes: Attributes::of(attributes).0,
        ..Span::default()
    }
}

fn client(call: u64, target: u64) -> Span {
    let attributes = [("http.request.method", "GET"), ("server.address", &name(target))];
    span(call, 2 * call, SpanKind::Client, &attributes)
}

fn server(call: u64) -> Span {
    let attributes = [("http.request.method", "GET"), ("http.route", "/things")];
    let span = span(call, 2 * call + 1, SpanKind::Server, &attributes);
    let end_time_unix_nano = span.start_time_unix_nano + CALL_NS / 2;
    Span { parent_span_id: id(2 * call).to_vec(), end_time_unix_nano, ..span }
}

#[cfg(test)]
mod tests {
    use spanfall_collector::reduce::{Reducer, Settings};

    use super::*;

    fn reduced(requests: &[Vec<u8>]) -> Reducer {
        let reducer = Reducer::new(Settings::default());
        for request in requests {
            assert_eq!(reducer.ingest(request, 0).unwrap().rejected, 0);
        }
        reducer
    }

    #[test]
    fn each_pair_is_one_request_between_two_services() {
        let reducer = reduced(&pairs(10, 512));
        let stats = reducer.stats();
        assert_eq!((stats.spans, stats.hops, stats.duplicates), (5120, 2560, 0));
        assert_eq!(reducer.nodes().len() as u64, SERVICES);
    }

    #[test]
    fn callers_wait() {
        let stats = reduced(&callers(10, 512)).stats();
        assert_eq!((stats.spans, stats.pending, stats.hops), (5120, 5120, 0));
    }

    #[test]
    fn a_graph_has_as_many_nodes_and_edges_as_wanted() {
        let reducer = reduced(&graph(1_000, 5));
        assert_eq!((reducer.nodes().len(), reducer.edges().len()), (1_000, 5_000));
    }
}
