//! The reducer as a whole: a small world of spans in, edges out, in any order, split and resending.

mod again;
mod beside;
mod broken;
mod choice;
mod classes;
mod drains;
mod follow;
mod origins;
mod sides;
mod steps;
mod triggers;
mod unknown;
mod versions;

use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Link, SpanKind};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use proptest::prelude::*;
use prost::Message;

use super::node::NodeKind;
use super::*;
use hop::Class;

const SECOND: u64 = 1_000_000_000;

fn attributes(pairs: &[(&str, &str)]) -> Vec<KeyValue> {
    let attribute = |&(key, value): &(&str, &str)| {
        let value = match value.parse() {
            Ok(int) if key.contains("count") || key.contains("status") => Value::IntValue(int),
            _ => Value::StringValue(value.to_owned()),
        };
        let value = Some(AnyValue { value: Some(value) });
        KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
    };
    pairs.iter().map(attribute).collect()
}

/// A span together with the resource that exports it.
#[derive(Clone, Debug)]
struct Told {
    resource: Vec<KeyValue>,
    span: Span,
}

/// A function's spans, as Python's Lambda instrumentation tells them.
fn function(name: &str, instance: &str) -> Vec<KeyValue> {
    attributes(&[
        ("faas.name", name),
        ("faas.instance", instance),
        ("cloud.platform", "aws_lambda"),
        ("cloud.region", "eu-west-1"),
    ])
}

fn told(
    resource: &[KeyValue],
    kind: SpanKind,
    ids: (u64, u64, u64),
    pairs: &[(&str, &str)],
) -> Told {
    let (trace, id, parent) = ids;
    let parent = if parent == 0 { Vec::new() } else { parent.to_be_bytes().to_vec() };
    let span = Span {
        trace_id: u128::from(trace).to_be_bytes().to_vec(),
        span_id: id.to_be_bytes().to_vec(),
        parent_span_id: parent,
        kind: kind.into(),
        name: format!("op {id}"),
        start_time_unix_nano: SECOND + id,
        end_time_unix_nano: SECOND + id + 20_000_000,
        attributes: attributes(pairs),
        ..Span::default()
    };
    Told { resource: resource.to_vec(), span }
}

fn failed(mut told: Told, message: &str) -> Told {
    told.span.status = Some(Status { code: 2, message: message.into() });
    told
}

fn linked(mut told: Told, links: usize) -> Told {
    told.span.links = vec![Link::default(); links];
    told
}

fn request(spans: &[Told]) -> Vec<u8> {
    let resource_spans = spans
        .iter()
        .map(|told| ResourceSpans {
            resource: Some(Resource { attributes: told.resource.clone(), ..Resource::default() }),
            scope_spans: vec![ScopeSpans {
                spans: vec![told.span.clone()],
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        })
        .collect();
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

/// `source>target: ok slow throttled error cold`, sorted.
fn edges(reducer: &Reducer) -> Vec<String> {
    let names: HashMap<NodeId, String> =
        reducer.nodes().into_iter().map(|known| (known.id, known.node.name)).collect();
    let mut lines: Vec<String> = reducer
        .edges()
        .into_iter()
        .map(|(_, edge, account)| {
            let Counts { ok, slow, throttled, error, cold } = account.all.counts;
            let (source, target) = (&names[&edge.source], &names[&edge.target]);
            format!("{source}>{target}: {ok} {slow} {throttled} {error} {cold}")
        })
        .collect();
    lines.sort();
    lines
}

fn reduced(requests: &[Vec<u8>]) -> Vec<String> {
    let reducer = Reducer::new(Settings::default());
    for request in requests {
        reducer.ingest(request, 0).unwrap();
    }
    reducer.resolve_all();
    edges(&reducer)
}

const ARN: &str = "arn:aws:lambda:eu-west-1:123456789012:function:";

fn handler(name: &str, instance: &str, ids: (u64, u64, u64), request: &str) -> Told {
    let arn = format!("{ARN}{name}");
    let pairs = [("cloud.resource_id", arn.as_str()), ("faas.invocation_id", request)];
    told(&function(name, instance), SpanKind::Server, ids, &pairs)
}

fn invoke(name: &str, instance: &str, ids: (u64, u64, u64), callee: &str, request: &str) -> Told {
    let pairs = [
        ("rpc.system", "aws-api"),
        ("rpc.service", "Lambda"),
        ("rpc.method", "Invoke"),
        ("faas.invoked_name", callee),
        ("aws.request_id", request),
    ];
    told(&function(name, instance), SpanKind::Client, ids, &pairs)
}

/// A small system with every kind of meeting in it: an entry through a gateway, an invocation
/// found by request id across traces, one found by its parent, a run-again invocation, a table, a
/// doubled client span, a queue with a batch, a host that stays silent, a throttle.
fn world() -> Vec<Told> {
    let orders = function("orders", "o1");
    let api = [
        ("net.host.name", "a1.execute-api.eu-west-1.amazonaws.com"),
        ("faas.trigger", "http"),
        ("faas.invocation_id", "r-entry"),
        ("cloud.resource_id", "arn:aws:lambda:eu-west-1:123456789012:function:orders"),
    ];
    let url = "https://sqs.eu-west-1.amazonaws.com/123456789012/ship";
    let send = [("messaging.system", "aws.sqs"), ("messaging.url", url)];
    let sdk_send = [("rpc.system", "aws-api"), ("rpc.service", "SQS"), ("aws.queue_url", url)];
    let s3 = [("rpc.system", "aws-api"), ("rpc.service", "S3"), ("aws.s3.bucket", "labels")];
    let http =
        [("url.full", "https://labels.s3.eu-west-1.amazonaws.com/a"), ("http.method", "PUT")];
    let process = [
        ("messaging.system", "aws_sqs"),
        ("messaging.destination.name", "ship"),
        ("messaging.batch.message_count", "3"),
    ];
    let pay = [("http.url", "https://pay.example/v1"), ("http.method", "POST")];
    let table = [("rpc.system", "aws-api"), ("aws.dynamodb.table_names", "orders-table")];
    vec![
        told(&orders, SpanKind::Server, (1, 10, 999), &api),
        invoke("orders", "o1", (1, 11, 10), "pricing", "r1"),
        handler("pricing", "p1", (2, 20, 0), "r1"),
        invoke("orders", "o1", (1, 12, 10), "mailer", "r2"),
        failed(handler("mailer", "m1", (3, 30, 12), "r2"), "boom"),
        handler("mailer", "m1", (3, 31, 12), "r2"),
        failed(
            invoke("orders", "o1", (1, 13, 10), "pricing", "r3"),
            "TooManyRequestsException: Rate Exceeded.",
        ),
        told(&orders, SpanKind::Client, (1, 14, 10), &table),
        told(&orders, SpanKind::Producer, (1, 15, 10), &send),
        told(&orders, SpanKind::Client, (1, 16, 15), &sdk_send),
        told(&orders, SpanKind::Client, (1, 17, 10), &pay),
        handler("shipping", "s1", (4, 40, 888), "r4"),
        linked(told(&function("shipping", "s1"), SpanKind::Consumer, (4, 41, 40), &process), 3),
        told(&function("shipping", "s1"), SpanKind::Client, (4, 42, 40), &s3),
        told(&function("shipping", "s1"), SpanKind::Client, (4, 43, 42), &http),
    ]
}

fn world_edges() -> Vec<&'static str> {
    vec![
        "a1.execute-api.eu-west-1.amazonaws.com>orders: 1 0 0 0 1",
        "orders>mailer: 1 0 0 1 1",
        "orders>orders-table: 1 0 0 0 0",
        "orders>pay.example: 1 0 0 0 0",
        "orders>pricing: 1 0 1 0 1",
        "orders>ship: 1 0 0 0 0",
        "ship>shipping: 3 0 0 0 3",
        "shipping>labels: 1 0 0 0 0",
    ]
}

#[test]
fn every_request_of_a_small_world_is_on_its_edge_once() {
    assert_eq!(reduced(&[request(&world())]), world_edges());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn any_order_any_split_and_any_resending_give_the_same_edges(
        order in Just(world()).prop_shuffle(),
        again in Just(world()).prop_shuffle(),
        resent in 0..15_usize,
        sizes in proptest::collection::vec(1..6_usize, 40),
    ) {
        let all: Vec<Told> = order.into_iter().chain(again.into_iter().take(resent)).collect();
        let mut rest = &all[..];
        let mut requests = Vec::new();
        for size in sizes {
            let (now, later) = rest.split_at(size.min(rest.len()));
            requests.push(request(now));
            rest = later;
        }
        prop_assert_eq!(reduced(&requests), world_edges());
    }

    #[test]
    fn a_live_collector_that_corrects_itself_ends_with_the_same_edges(
        order in Just(world()).prop_shuffle(), gaps in proptest::collection::vec(0..1_900_u64, 15),
    ) {
        let reducer = Reducer::new(Settings::default());
        let mut now = 0;
        let mut moved: HashMap<EdgeId, f64> = HashMap::default();
        for (told, gap) in order.into_iter().zip(gaps) {
            now += gap;
            reducer.ingest(&request(&[told]), now).unwrap();
            for edge in reducer.drain(now).moved {
                *moved.entry(edge.edge).or_default() += edge.counts.total();
            }
        }
        for edge in reducer.drain(now + 60_000).moved {
            *moved.entry(edge.edge).or_default() += edge.counts.total();
        }
        prop_assert_eq!(edges(&reducer), world_edges());
        let shown: f64 = moved.values().sum();
        let hops: f64 = reducer.edges().iter().map(|(.., account)| account.all.counts.total()).sum();
        prop_assert!((shown - hops).abs() < 1e-9, "the ticks add up to the edges");
    }

    #[test]
    fn bytes_that_are_no_request_never_panic(bytes: Vec<u8>) {
        let _ = Reducer::new(Settings::default()).ingest(&bytes, 0);
    }
}

#[test]
fn spans_without_a_kind_are_told_by_what_they_name() {
    for kind in [SpanKind::Internal, SpanKind::Unspecified] {
        let unkind = |mut told: Told| {
            told.span.kind = kind.into();
            told
        };
        let mut spans: Vec<Told> = world().into_iter().map(unkind).collect();
        let inside = [("code.function.name", "compute")];
        spans.push(told(&function("orders", "o1"), kind, (1, 99, 10), &inside));
        // Only `messaging.operation` tells a consumer from a sender.
        let operation = attributes(&[("messaging.operation.type", "process")]);
        spans[12].span.attributes.extend(operation);
        assert_eq!(reduced(&[request(&spans)]), world_edges(), "{kind:?}");
    }
}

#[test]
fn a_call_from_function_to_function_that_says_it_is_a_server_is_a_call() {
    let mut call = invoke("a", "i", (1, 1, 7), "b", "r");
    call.span.kind = SpanKind::Server.into();
    let callee = handler("b", "j", (2, 2, 0), "r");
    assert_eq!(reduced(&[request(&[call, callee])]), ["a>b: 1 0 0 0 1"]);
}

#[test]
fn a_silent_callee_is_shown_after_the_wait_and_corrected_when_it_speaks_late() {
    let reducer = Reducer::new(Settings::default());
    let caller = invoke("a", "i", (1, 1, 0), "b:live", "r");
    reducer.ingest(&request(&[caller]), 0).unwrap();
    assert!(reducer.drain(29_999).moved.is_empty());
    let shown = reducer.drain(30_000);
    assert_eq!(shown.moved[0].counts.ok, 1.0);
    let late = failed(handler("b", "j", (2, 2, 0), "r"), "broken");
    reducer.ingest(&request(&[late]), 200_000).unwrap();
    let corrected = reducer.drain(200_000);
    assert_eq!(corrected.moved.iter().map(|moved| moved.counts.error).sum::<f64>(), 1.0);
    assert_eq!(edges(&reducer), ["a>b: 0 0 0 1 1"]);
}

#[test]
fn an_entry_is_learned_and_then_shown_at_once() {
    let reducer = Reducer::new(Settings::default());
    let entry = |id| handler("job", "i", (id, id, 900 + id), &format!("r{id}"));
    reducer.ingest(&request(&[entry(1)]), 0).unwrap();
    assert!(reducer.drain(200).moved.is_empty());
    assert_eq!(reducer.drain(30_000).moved.len(), 1);
    reducer.ingest(&request(&[entry(2)]), 31_000).unwrap();
    assert_eq!(reducer.drain(31_200).moved.len(), 1);
}

#[test]
fn more_halves_than_allowed_resolve_early_and_are_counted() {
    let reducer = Reducer::new(Settings { max_pending: 64, ..Settings::default() });
    for id in 1..=1000 {
        let caller = invoke("a", "i", (id, id, 0), "b", &format!("r{id}"));
        reducer.ingest(&request(&[caller]), 0).unwrap();
    }
    let stats = reducer.stats();
    assert!(stats.pending <= 64, "{stats:?}");
    assert!(stats.early > 0, "{stats:?}");
    reducer.resolve_all();
    assert_eq!(edges(&reducer), ["a>b: 1000 0 0 0 0"]);
}

#[test]
fn what_nothing_can_come_for_any_more_is_forgotten() {
    let reducer = Reducer::new(Settings::default());
    reducer.ingest(&request(&world()), 0).unwrap();
    reducer.drain(30_000);
    reducer.drain(330_000);
    assert_eq!(reducer.stats().pending, 0);
    reducer.ingest(&request(&world()), 330_001).unwrap();
    assert_eq!(edges(&reducer), world_edges(), "a batch resent minutes later counts once");
}

#[test]
fn a_sampled_span_counts_for_the_requests_it_stands_for() {
    let table = [("rpc.system", "aws-api"), ("aws.dynamodb.table_names", "t")];
    let mut call = told(&function("a", "i"), SpanKind::Client, (1, 1, 0), &table);
    call.span.trace_state = "ot=th:c".into();
    assert_eq!(reduced(&[request(&[call])]), ["a>t: 4 0 0 0 0"]);
}

#[test]
fn a_span_without_ids_is_rejected_with_the_reason() {
    let bad = told(&function("a", "i"), SpanKind::Client, (0, 1, 0), &[]);
    let ingested = Reducer::new(Settings::default()).ingest(&request(&[bad]), 0).unwrap();
    assert_eq!((ingested.spans, ingested.rejected), (1, 1));
    assert!(ingested.reason.unwrap().contains("trace id"));
}

#[test]
fn a_node_told_in_part_is_merged_in_the_feed_once_its_full_name_is_known() {
    let reducer = Reducer::new(Settings::default());
    let early = told(
        &function("a", "i"),
        SpanKind::Client,
        (1, 1, 7),
        &[("rpc.system", "aws-api"), ("aws.dynamodb.table_names", "t")],
    );
    reducer.ingest(&request(&[early]), 0).unwrap();
    let first = reducer.drain(200);
    assert_eq!(first.nodes.len(), 2);
    reducer.ingest(&request(&[handler("a", "i", (1, 7, 0), "r")]), 300).unwrap();
    let second = reducer.drain(40_000);
    let known = second.nodes.iter().find(|known| known.node.name == "a").unwrap();
    assert_eq!(known.node.account, "123456789012");
    assert!(second.merged.iter().any(|(_, into)| *into == known.id));
    assert!(second.edges.iter().any(|(_, edge)| edge.source == known.id));
}

#[test]
fn an_observer_sees_every_hop_with_the_span_that_it_is_kept_with() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&seen);
    let mut reducer = Reducer::new(Settings::default());
    reducer.observe(move |observed| into.lock().push(observed));
    let caller = invoke("a", "i", (1, 1, 0), "b", "r");
    let callee = handler("b", "j", (2, 2, 0), "r");
    reducer.ingest(&request(&[caller]), 0).unwrap();
    reducer.drain(30_000);
    reducer.ingest(&request(&[callee]), 31_000).unwrap();
    let key = |trace: u64, span| reducer.key_of(u128::from(trace).to_be_bytes(), span);
    let seen = seen.lock();
    let told: Vec<_> = seen.iter().map(|seen| (seen.key, seen.weight)).collect();
    let (guess, hop) = ((key(1, 1), 1_000_000), (key(2, 2), 1_000_000));
    assert_eq!(told.iter().filter(|told| **told == guess).count(), 1);
    assert!(told.contains(&(guess.0, -1_000_000)) && told.contains(&hop), "{told:?}");
    let target = reducer.node_at(seen[0].target).unwrap();
    assert_eq!((target.name.as_str(), target.account.as_str()), ("b", "123456789012"));
}

#[test]
fn two_receivers_at_once_count_like_one() {
    let requests: Vec<Vec<u8>> = (0..200_u64)
        .map(|round| {
            let shift = |mut told: Told| {
                told.span.trace_id[8..16].copy_from_slice(&(round + 100).to_be_bytes());
                for attribute in &mut told.span.attributes {
                    if attribute.key.contains("request_id") || attribute.key.contains("invocation")
                    {
                        let Some(AnyValue { value: Some(Value::StringValue(id)) }) =
                            &mut attribute.value
                        else {
                            continue;
                        };
                        id.push_str(&round.to_string());
                    }
                }
                told
            };
            request(&world().into_iter().map(shift).collect::<Vec<_>>())
        })
        .collect();
    let reducer = Reducer::new(Settings::default());
    std::thread::scope(|scope| {
        for half in requests.chunks(100) {
            let reducer = &reducer;
            scope.spawn(move || {
                for request in half {
                    reducer.ingest(request, 0).unwrap();
                }
            });
        }
    });
    reducer.resolve_all();
    let hops: f64 = reducer.edges().iter().map(|(.., account)| account.all.counts.total()).sum();
    assert_eq!(hops, 12.0 * 200.0);
    assert_eq!(reducer.stats().hops, 2400);
    let errors: f64 =
        reducer.edges().iter().map(|(.., account)| account.all.counts.of(Class::Error)).sum();
    assert_eq!(errors, 200.0);
}
