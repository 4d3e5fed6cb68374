//! `/metrics` beside Grafana Tempo: the same spans to both, in the shapes that the tests of Tempo's
//! service graph and of the OpenTelemetry Collector's have. Where the answers differ, the table in
//! ARCHITECTURE.md ("Beside Tempo and the OpenTelemetry Collector") has a row that says why, and the
//! test that shows both answers names it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Link, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message as _;
use spanfall_collector::reduce::{Reducer, Settings};
use spanfall_tests::collector::Collector;
use spanfall_tests::program::until;
use spanfall_tests::recording::{requests, sample};
use spanfall_tests::service_graph::{Graph, Numbers, graph, number, scrape};
use spanfall_tests::tempo;

use SpanKind::{Client, Consumer, Internal, Producer, Server};

/// Time enough for spans that are sent together; nobody waits for others.
const AT_ONCE: [(&str, &str); 2] = [("REDUCE_WAIT", "200ms"), ("REDUCE_CORRECT", "0s")];

const PATIENCE: Duration = Duration::from_secs(30);

const UNPAIRED: &str = "traces_service_graph_unpaired_spans_total";
const DROPPED: &str = "traces_service_graph_dropped_spans_total";

/// A span of trace 1 that took 10 ms and went well.
fn span(service: &str, kind: SpanKind, id: u8, parent: u8) -> ResourceSpans {
    const BEGAN_NS: u64 = 1_795_503_600_000_000_000;
    const MS: u64 = 1_000_000;
    let start = BEGAN_NS + u64::from(id) * MS;
    let parent_span_id = if parent == 0 { Vec::new() } else { span_id(parent) };
    let span = Span {
        trace_id: trace_id(1),
        span_id: span_id(id),
        parent_span_id,
        name: format!("{service} {id}"),
        kind: kind.into(),
        start_time_unix_nano: start,
        end_time_unix_nano: start + 10 * MS,
        ..Span::default()
    };
    let attributes = vec![text("service.name", service)];
    ResourceSpans {
        resource: Some(Resource { attributes, ..Resource::default() }),
        scope_spans: vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }],
        ..ResourceSpans::default()
    }
}

fn trace_id(trace: u8) -> Vec<u8> {
    [[0x5a; 15].as_slice(), &[trace]].concat()
}

fn span_id(id: u8) -> Vec<u8> {
    vec![0x5a, 0, 0, 0, 0, 0, 0, id]
}

fn text(key: &str, value: &str) -> KeyValue {
    let value = AnyValue { value: Some(Value::StringValue(value.to_owned())) };
    KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
}

/// What else a span may be.
trait Told: Sized {
    fn is(self, change: impl FnOnce(&mut Span)) -> Self;

    fn with(self, attributes: &[(&str, &str)]) -> Self {
        let attributes: Vec<_> = attributes.iter().map(|(key, value)| text(key, value)).collect();
        self.is(|span| span.attributes.extend(attributes))
    }

    fn with_number(self, key: &str, number: i64) -> Self {
        let value = AnyValue { value: Some(Value::IntValue(number)) };
        let number = KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() };
        self.is(|span| span.attributes.push(number))
    }

    fn failed(self) -> Self {
        let status = Status { code: StatusCode::Error.into(), ..Status::default() };
        self.is(|span| span.status = Some(status))
    }

    fn in_trace(self, trace: u8) -> Self {
        self.is(|span| span.trace_id = trace_id(trace))
    }

    fn linked_to(self, trace: u8, id: u8) -> Self {
        let link = Link { trace_id: trace_id(trace), span_id: span_id(id), ..Link::default() };
        self.is(|span| span.links.push(link))
    }
}

impl Told for ResourceSpans {
    fn is(mut self, change: impl FnOnce(&mut Span)) -> Self {
        change(&mut self.scope_spans[0].spans[0]);
        self
    }
}

/// The same spans as both answer to them.
struct Answers {
    tempo: Graph,
    spanfall: Graph,
    page: String,
}

/// A collector, and how many spans it was sent.
struct Asked {
    collector: Collector,
    sent: u32,
}

impl Asked {
    fn start(settings: &[(&str, &str)]) -> Self {
        Self { collector: Collector::start(&["serve"], settings), sent: 0 }
    }

    fn send(&mut self, request: &ExportTraceServiceRequest) {
        let scopes = request.resource_spans.iter().flat_map(|spans| &spans.scope_spans);
        let sent: usize = scopes.map(|scope| scope.spans.len()).sum();
        self.sent += u32::try_from(sent).unwrap();
        let answer = self.collector.post(&request.encode_to_vec());
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    /// The page once it is as it should be.
    #[track_caller]
    fn page(&self, what: &str, is: impl Fn(&str) -> bool) -> String {
        until(PATIENCE, what, || {
            let page = scrape(self.collector.view, "text/plain").unwrap().text();
            is(&page).then_some(page)
        })
    }

    /// The page when no span waits any more.
    #[track_caller]
    fn settled(&self) -> String {
        self.page("the end of all waiting", |page| {
            let all = number(page, "spanfall_spans_total") >= f64::from(self.sent);
            all && number(page, "spanfall_spans_pending") == 0.0
        })
    }
}

#[track_caller]
fn ask_all(requests: &[ExportTraceServiceRequest]) -> Answers {
    let mut collector = Asked::start(&AT_ONCE);
    requests.iter().for_each(|request| collector.send(request));
    let page = collector.settled();
    Answers { tempo: tempo::service_graph(requests), spanfall: graph(&page), page }
}

#[track_caller]
fn ask(spans: Vec<ResourceSpans>) -> Answers {
    ask_all(&[ExportTraceServiceRequest { resource_spans: spans }])
}

/// Requests and failed ones, without the latencies.
fn counts(graph: &Graph) -> Vec<(&str, f64, f64)> {
    graph
        .iter()
        .map(|(series, numbers)| (series.as_str(), numbers.requests, numbers.failed))
        .collect()
}

#[test]
fn calls_are_paired_by_their_parents_and_failed_if_either_side_says_so() {
    let mut spans = Vec::new();
    for (trace, fails) in (0..).zip([[false, false], [true, false], [false, true], [true, true]]) {
        let sides = [span("shop", Client, 1, 0), span("stock", Server, 2, 1)];
        for (side, fails) in sides.into_iter().zip(fails) {
            let side = side.in_trace(trace);
            spans.push(if fails { side.failed() } else { side });
        }
    }
    // A service may call itself.
    spans.push(span("clock", Client, 3, 0));
    spans.push(span("clock", Server, 4, 3));
    let answers = ask(spans);
    let numbers =
        |requests, failed| Numbers { requests, failed, by_client: requests, by_server: requests };
    let expected = [("clock > clock", numbers(1.0, 0.0)), ("shop > stock", numbers(4.0, 3.0))];
    assert_eq!(answers.tempo, expected.map(|(series, n)| (series.to_owned(), n)).into());
    assert_eq!(answers.spanfall, answers.tempo);
    assert_eq!(number(&answers.page, UNPAIRED), 0.0);
    assert_eq!(number(&answers.page, DROPPED), 0.0);
}

#[test]
fn databases_have_the_same_names_in_the_same_order() {
    let system = ("db.system", "postgresql");
    let name = ("db.name", "orders");
    let namespace = ("db.namespace", "orders|public");
    let address = ("network.peer.address", "10.0.0.7");
    let server = ("server.address", "db.shop.example");
    let service = ("peer.service", "orders-db");
    let cases: [(&[(&str, &str)], &str); 12] = [
        (&[system], "postgresql"),
        (
            &[("db.system.name", "microsoft.sql_server"), ("db.system", "mssql")],
            "microsoft.sql_server",
        ),
        (
            &[("db.system", "mssql"), ("db.system.name", "microsoft.sql_server")],
            "microsoft.sql_server",
        ),
        (&[name], "orders"),
        (&[name, system], "orders"),
        (&[name, namespace], "orders|public"),
        (&[namespace, name], "orders|public"),
        (&[namespace, address], "10.0.0.7"),
        (&[address, ("network.peer.port", "5432"), name], "10.0.0.7:5432"),
        (&[address, server, name, ("network.peer.port", "5432")], "db.shop.example"),
        (&[server, service, address, system], "orders-db"),
        (&[service, ("service.peer.name", "orders-db-2"), server, system], "orders-db-2"),
    ];
    let spans = (1..).zip(&cases).map(|(id, (attributes, _))| {
        let call = span(&format!("shop-{id:02}"), Client, id, 0).with(attributes);
        if id % 2 == 0 { call.failed() } else { call }
    });
    let answers = ask(spans.collect());
    let expected: Vec<_> = (1..)
        .zip(&cases)
        .map(|(id, (_, name))| (format!("shop-{id:02} > {name} database"), f64::from((id + 1) % 2)))
        .collect();
    let of_tempo: Vec<_> =
        answers.tempo.iter().map(|(series, n)| (series.clone(), n.failed)).collect();
    assert_eq!(of_tempo, expected);
    // Its client's latency is also the database's own.
    assert_eq!(answers.spanfall, answers.tempo);
}

/// Row "a database's place in old names".
#[test]
fn what_is_now_called_the_servers_address_was_one_under_its_old_name() {
    let old = [("db.system", "postgresql"), ("db.name", "orders"), ("net.peer.name", "db.example")];
    let new = [("db.system.name", "postgresql"), ("server.address", "db.example")];
    let calls = vec![span("old", Client, 1, 0).with(&old), span("new", Client, 2, 0).with(&new)];
    let answers = ask(calls);
    assert_eq!(
        counts(&answers.tempo),
        [("new > db.example database", 1.0, 0.0), ("old > orders database", 1.0, 0.0)]
    );
    assert_eq!(
        counts(&answers.spanfall),
        [("new > db.example database", 1.0, 0.0), ("old > db.example database", 1.0, 0.0)]
    );
}

/// Row "DynamoDB".
#[test]
fn a_table_is_not_the_host_of_all_tables() {
    let put = [
        ("rpc.system", "aws-api"),
        ("rpc.service", "DynamoDB"),
        ("db.system", "dynamodb"),
        ("server.address", "dynamodb.eu-west-1.amazonaws.com"),
        ("aws.dynamodb.table_names", "orders"),
    ];
    let answers = ask(vec![span("shop", Client, 1, 0).with(&put)]);
    let host = "shop > dynamodb.eu-west-1.amazonaws.com database";
    assert_eq!(counts(&answers.tempo), [(host, 1.0, 0.0)]);
    assert_eq!(counts(&answers.spanfall), [("shop > orders database", 1.0, 0.0)]);
}

/// With row "seconds of a side that sent no span".
#[test]
fn whoever_sent_no_span_is_a_virtual_node() {
    let answers = ask(vec![
        span("shop", Server, 1, 0),
        span("shop", Client, 2, 1).with(&[("peer.service", "bank")]),
        span("mill", Consumer, 3, 0).in_trace(2).with(&[("peer.service", "farm")]).failed(),
    ]);
    let expected = [
        ("farm > mill virtual_node client", 1.0, 1.0),
        ("shop > bank virtual_node server", 1.0, 0.0),
        ("user > shop virtual_node client", 1.0, 0.0),
    ];
    assert_eq!(counts(&answers.tempo), expected);
    assert_eq!(counts(&answers.spanfall), expected);
    let sides = |graph: &Graph, series: &str| (graph[series].by_client, graph[series].by_server);
    for (series, sent) in [
        ("user > shop virtual_node client", (0.0, 1.0)),
        ("shop > bank virtual_node server", (1.0, 0.0)),
    ] {
        assert_eq!(sides(&answers.tempo, series), (1.0, 1.0), "one of them is 0 seconds");
        assert_eq!(sides(&answers.spanfall, series), sent);
    }
}

#[test]
fn messages_go_from_who_sent_them_to_who_received_them() {
    let named = [("messaging.system", "kafka"), ("messaging.destination.name", "orders")];
    // RabbitMQ's exchange without a name, as older instrumentation tells it.
    let unnamed = [
        ("messaging.system", "rabbitmq"),
        ("messaging.url", "amqp://rabbit"),
        ("messaging.destination", ""),
        ("messaging.destination_kind", "topic"),
        ("messaging.rabbitmq.routing_key", "mails"),
    ];
    let answers = ask(vec![
        span("shop", Producer, 1, 0).with(&named),
        span("stock", Consumer, 2, 1).with(&named).failed(),
        span("shop", Producer, 3, 0).with(&unnamed),
        span("mail", Consumer, 4, 3).with(&unnamed),
        span("shop", Producer, 5, 0),
        span("audit", Consumer, 6, 5),
    ]);
    let expected = [
        ("shop > audit messaging_system", 1.0, 0.0),
        ("shop > mail messaging_system", 1.0, 0.0),
        ("shop > stock messaging_system", 1.0, 1.0),
    ];
    assert_eq!(counts(&answers.tempo), expected);
    assert_eq!(answers.spanfall, answers.tempo);
}

/// Row "messages".
#[test]
fn messages_are_joined_by_links_and_ids_and_otherwise_go_through_their_queue() {
    let queue = [("messaging.system", "aws_sqs"), ("messaging.destination.name", "orders")];
    let id = ("messaging.message.id", "m-1");
    let answers = ask(vec![
        // A link, in another trace.
        span("shop", Producer, 1, 0).with(&queue),
        span("stock", Consumer, 2, 0).in_trace(2).with(&queue).linked_to(1, 1),
        // An id and nothing else.
        span("shop", Producer, 3, 0).with(&queue).with(&[id]),
        span("mail", Consumer, 4, 0).in_trace(3).with(&queue).with(&[id]),
        // Nothing at all.
        span("shop", Producer, 5, 0).with(&queue),
        span("audit", Consumer, 6, 0).in_trace(4).with(&queue),
    ]);
    assert_eq!(
        counts(&answers.tempo),
        [
            ("user > audit virtual_node client", 1.0, 0.0),
            ("user > mail virtual_node client", 1.0, 0.0),
            ("user > stock virtual_node client", 1.0, 0.0),
        ]
    );
    assert_eq!(
        counts(&answers.spanfall),
        [
            ("orders > audit virtual_node client", 1.0, 0.0),
            ("shop > mail messaging_system", 1.0, 0.0),
            ("shop > orders virtual_node server", 1.0, 0.0),
            ("shop > stock messaging_system", 1.0, 0.0),
        ]
    );
}

/// Row "a batch".
#[test]
fn a_batch_is_as_many_requests_as_it_has_messages() {
    let queue = [("messaging.system", "kafka"), ("messaging.destination.name", "orders")];
    let count = "messaging.batch.message_count";
    let answers = ask(vec![
        span("shop", Producer, 1, 0).with(&queue).with_number(count, 3),
        span("stock", Consumer, 2, 1).with(&queue).with_number(count, 3),
    ]);
    assert_eq!(counts(&answers.tempo), [("shop > stock messaging_system", 1.0, 0.0)]);
    assert_eq!(counts(&answers.spanfall), [("shop > stock messaging_system", 3.0, 0.0)]);
}

/// Row "how two spans are paired".
#[test]
fn an_invocation_is_joined_to_its_call_by_its_request_id() {
    let invoke = [
        ("rpc.system", "aws-api"),
        ("rpc.service", "Lambda"),
        ("faas.invoked_name", "pricing"),
        ("aws.request_id", "r-1"),
    ];
    let ran = [("faas.invocation_id", "r-1"), ("faas.trigger", "other")];
    let answers = ask(vec![
        span("shop", Client, 1, 0).with(&invoke),
        // Its parent is a segment of X-Ray that nobody exports.
        span("pricing", Server, 2, 99).in_trace(2).with(&ran),
    ]);
    assert_eq!(counts(&answers.tempo), []);
    assert_eq!(counts(&answers.spanfall), [("shop > pricing", 1.0, 0.0)]);
}

/// Row "a callee whose parent never comes"; with what Tempo counts as expired.
#[test]
fn a_request_whose_caller_is_missing_is_shown_and_counted_as_unpaired() {
    let answers = ask(vec![
        span("shop", Server, 1, 0),
        span("shop", Client, 2, 1),
        span("stock", Server, 3, 2),
        span("stock", Client, 4, 3).with(&[("db.system", "mysql")]),
        span("stock", Server, 5, 99),
        span("mail", Server, 6, 98).with(&[("http.request.method", "POST")]),
    ]);
    let both = [
        ("shop > stock", 1.0, 0.0),
        ("stock > mysql database", 1.0, 0.0),
        ("user > shop virtual_node client", 1.0, 0.0),
    ];
    assert_eq!(counts(&answers.tempo), both);
    let more = [
        ("unknown trigger > stock virtual_node client", 1.0, 0.0),
        ("user > mail virtual_node client", 1.0, 0.0),
        ("user > shop virtual_node client", 1.0, 0.0),
    ];
    assert_eq!(counts(&answers.spanfall), [&both[..2], &more].concat());
    assert_eq!(number(&answers.page, UNPAIRED), 2.0, "as many as expire in Tempo");
}

/// Row "a span whose other side comes late".
#[test]
fn a_late_caller_takes_its_request_back_from_nobody_knows_whom() {
    let settings = [("REDUCE_WAIT", "200ms"), ("REDUCE_CORRECT", "1h")];
    let mut collector = Asked::start(&settings);
    let mut send = |span: ResourceSpans| {
        collector.send(&ExportTraceServiceRequest { resource_spans: vec![span] });
    };
    send(span("stock", Server, 2, 1));
    let early = "unknown trigger > stock virtual_node client";
    let is = |page: &str, series: &str| counts(&graph(page)) == [(series, 1.0, 0.0)];
    // By now Tempo has dropped it.
    let page = collector.page("a request without a caller", |page| is(page, early));
    assert_eq!(number(&page, UNPAIRED), 1.0);
    collector.send(&ExportTraceServiceRequest { resource_spans: vec![span("shop", Client, 1, 0)] });
    collector.page("the same request with its caller", |page| is(page, "shop > stock"));
}

/// Row "a client without callee".
#[test]
fn a_call_that_nobody_answers_with_a_span_is_a_call() {
    let http = ("http.request.method", "GET");
    let answers = ask(vec![
        span("shop", Client, 1, 0).with(&[http, ("url.full", "https://bank.example/pay")]),
        span("shop", Client, 2, 0)
            .with(&[("rpc.system", "grpc"), ("server.address", "tax.example")]),
        span("shop", Client, 3, 0).with(&[("rpc.system", "aws-api"), ("aws.s3.bucket", "bills")]),
        span("shop", Client, 4, 0),
    ]);
    assert_eq!(counts(&answers.tempo), []);
    let called = |server: &str| format!("shop > {server} virtual_node server");
    let expected = ["bank.example", "bills", "tax.example", "unknown"].map(called);
    assert_eq!(
        counts(&answers.spanfall),
        expected.each_ref().map(|series| (series.as_str(), 1.0, 0.0))
    );
}

/// Row "client in client".
#[test]
fn one_call_that_two_libraries_tell_of_is_one_call() {
    let peer = ("peer.service", "bank");
    let answers = ask(vec![
        span("shop", Client, 1, 0).with(&[("rpc.system", "grpc"), peer]),
        span("shop", Client, 2, 1).with(&[("http.request.method", "POST"), peer]),
        span("bank", Server, 3, 2),
    ]);
    assert_eq!(
        counts(&answers.tempo),
        [("shop > bank", 1.0, 0.0), ("shop > bank virtual_node server", 1.0, 0.0)]
    );
    assert_eq!(counts(&answers.spanfall), [("shop > bank", 1.0, 0.0)]);
}

/// Row "sampled spans".
#[test]
fn a_sampled_span_stands_for_those_that_were_not() {
    // The threshold 0x8 of 0x10 lets every second one through.
    let sampled = |span: &mut Span| "ot=th:8".clone_into(&mut span.trace_state);
    let answers =
        ask(vec![span("shop", Client, 1, 0).is(sampled), span("stock", Server, 2, 1).is(sampled)]);
    assert_eq!(counts(&answers.tempo), [("shop > stock", 1.0, 0.0)]);
    assert_eq!(counts(&answers.spanfall), [("shop > stock", 2.0, 0.0)]);
}

/// Row "spans dropped".
#[test]
fn spans_for_which_there_is_no_room_are_shown_and_counted() {
    /// The least that can be set.
    const ROOM: u64 = 1_000;
    let mut collector = Asked::start(&[("REDUCE_WAIT", "1h"), ("REDUCE_MAX_PENDING", "1000")]);
    let calls = (1..=ROOM + 5).map(|id| {
        let bank = format!("bank-{id}");
        let call = span("shop", Client, 1, 0).with(&[("peer.service", &bank)]);
        call.is(|span| span.span_id = id.to_be_bytes().to_vec())
    });
    collector.send(&ExportTraceServiceRequest { resource_spans: calls.collect() });
    let page = collector.page("five calls", |page| graph(page).len() == 5);
    assert_eq!(number(&page, DROPPED), 5.0);
}

/// Row "what failed".
#[test]
fn without_a_status_nothing_failed_in_metrics_and_on_the_wall_it_did() {
    let failing = |span: ResourceSpans| {
        span.with(&[("http.request.method", "GET")]).with_number("http.response.status_code", 503)
    };
    let spans = vec![failing(span("shop", Client, 1, 0)), failing(span("stock", Server, 2, 1))];
    let request = ExportTraceServiceRequest { resource_spans: spans };
    let answers = ask_all(std::slice::from_ref(&request));
    assert_eq!(counts(&answers.tempo), [("shop > stock", 1.0, 0.0)]);
    assert_eq!(answers.spanfall, answers.tempo);
    let wall = Reducer::new(Settings::default());
    wall.ingest(&request.encode_to_vec(), 0).unwrap();
    wall.resolve_all();
    let errors: Vec<_> =
        wall.edges().iter().map(|(.., account)| account.all.counts.error).collect();
    assert_eq!(errors, [1.0]);
}

/// Row "resources without a service's name".
#[test]
fn a_resource_without_a_name_has_requests_too() {
    let nameless = |mut spans: ResourceSpans, attributes: &[(&str, &str)]| {
        let attributes = attributes.iter().map(|(key, value)| text(key, value)).collect();
        spans.resource = Some(Resource { attributes, ..Resource::default() });
        spans
    };
    let answers = ask(vec![
        nameless(span("", Client, 1, 0), &[]),
        nameless(span("", Server, 2, 1), &[("faas.name", "pricing")]),
    ]);
    assert_eq!(counts(&answers.tempo), []);
    assert_eq!(counts(&answers.spanfall), [("unknown_service > pricing", 1.0, 0.0)]);
}

/// Row "a span whose kind is missing".
#[test]
fn a_call_without_a_kind_is_told_by_its_attributes() {
    let http = [("http.request.method", "GET"), ("url.full", "https://bank.example/pay")];
    let answers = ask(vec![span("shop", Internal, 1, 0).with(&http)]);
    assert_eq!(counts(&answers.tempo), []);
    assert_eq!(counts(&answers.spanfall), [("shop > bank.example virtual_node server", 1.0, 0.0)]);
}

/// Row "spans that come twice".
#[test]
fn a_batch_that_is_sent_again_is_counted_once() {
    let spans = vec![
        span("shop", Client, 1, 0),
        span("stock", Server, 2, 1),
        span("stock", Client, 3, 2).with(&[("db.name", "shelves")]),
    ];
    let request = ExportTraceServiceRequest { resource_spans: spans };
    let answers = ask_all(&[request.clone(), request]);
    let counted = |times| [("shop > stock", times, 0.0), ("stock > shelves database", times, 0.0)];
    assert_eq!(counts(&answers.tempo), counted(2.0));
    assert_eq!(counts(&answers.spanfall), counted(1.0));
}

/// Row "several entries in one trace".
#[test]
fn every_entry_of_a_trace_is_one() {
    let answers = ask(vec![span("shop", Server, 1, 0), span("stock", Server, 2, 0)]);
    assert_eq!(counts(&answers.tempo), [("user > stock virtual_node client", 1.0, 0.0)]);
    assert_eq!(
        counts(&answers.spanfall),
        [
            ("user > shop virtual_node client", 1.0, 0.0),
            ("user > stock virtual_node client", 1.0, 0.0),
        ]
    );
}

/// What a graph has of every series whose labels are such, all together.
fn sum(graph: &Graph, is: impl Fn(&str) -> bool) -> (f64, f64) {
    let such = graph.iter().filter(|(series, _)| is(series));
    such.fold((0.0, 0.0), |(requests, failed), (_, numbers)| {
        (requests + numbers.requests, failed + numbers.failed)
    })
}

#[test]
fn the_web_shop_has_every_request_that_tempo_finds_in_it_and_more() {
    const DYNAMODB: &str = " > dynamodb.eu-west-1.amazonaws.com database";
    let Answers { tempo, spanfall, .. } = ask_all(&requests(sample("webshop")));
    // These 13 series, and these numbers, are what Tempo's own code says of the sample.
    assert_eq!((tempo.len(), sum(&tempo, |_| true)), (13, (4_121.0, 12.0)));
    for (series, numbers) in &tempo {
        let here = if let Some(client) = series.strip_suffix(DYNAMODB) {
            // Row "DynamoDB".
            sum(&spanfall, |other| {
                other.starts_with(&format!("{client} > ")) && other.ends_with(" database")
            })
        } else if let Some(server) = series.strip_prefix("user > ") {
            // Row "a callee whose parent never comes": from the gateway, which these spans name.
            sum(&spanfall, |other| other.ends_with(&format!(" > {server}")))
        } else {
            sum(&spanfall, |other| other == series)
        };
        assert_eq!(here, (numbers.requests, numbers.failed), "{series}");
    }
    // Most of the shop is behind parents that nobody exports.
    for found in [
        "shop-web-orders > shop-payment",
        "shop-shipping > shop-payment",
        "shop-web-orders > shop-shipping messaging_system",
        "shop-payment > api.payments.example virtual_node server",
    ] {
        assert!(spanfall[found].requests > 200.0 && !tempo.contains_key(found), "{found}");
    }
}
