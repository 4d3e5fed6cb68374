//! Traces that are broken in the ways of serverless systems: no parent, no request id, no account.

use super::*;

const MS: u64 = 1_000_000;

fn at(mut told: Told, start_ms: u64, end_ms: u64) -> Told {
    told.span.start_time_unix_nano = SECOND + start_ms * MS;
    told.span.end_time_unix_nano = SECOND + end_ms * MS;
    told
}

/// A call whose span tells no request id, as Java's, .NET's and Go's do not.
fn call(caller: &str, id: u64, callee: &str, start_ms: u64, end_ms: u64) -> Told {
    let pairs = [("rpc.system", "aws-api"), ("faas.invoked_name", callee)];
    at(
        told(&function(caller, caller), SpanKind::Client, (1, id, 900 + id), &pairs),
        start_ms,
        end_ms,
    )
}

/// An invocation whose parent is a segment that nobody exports.
fn run(name: &str, id: u64, start_ms: u64, end_ms: u64) -> Told {
    at(handler(name, name, (1, id, 500 + id), &format!("r{id}")), start_ms, end_ms)
}

/// `a` and `b` call `stock` at the same time, `a` twice and once without waiting; a workflow runs
/// it as well.
fn crowd() -> Vec<Told> {
    vec![
        call("a", 1, "stock", 0, 100),
        call("a", 2, "stock", 10, 60),
        call("b", 3, "stock", 20, 80),
        call("b", 4, "stock", 200, 210),
        failed(run("stock", 11, 2, 98), "broken"),
        run("stock", 12, 12, 58),
        run("stock", 13, 25, 78),
        run("stock", 14, 260, 300),
        run("stock", 15, 4_000, 4_100),
    ]
}

/// In each round `a` and `b` call `stock`, and `b`'s request fails. The clock of `a` is three seconds
/// slow and that of `b` two seconds fast; only some rounds tell who called.
fn crowd_with_wrong_clocks() -> Vec<Told> {
    const A: u64 = 5_000 - 3_000;
    const B: u64 = 5_000 + 2_000;
    let mut spans = Vec::new();
    for round in 0..8 {
        let (start, id) = (round * 100, 10 * (round + 1));
        let mut of_a = run("stock", id + 2, 5_002 + start, 5_058 + start);
        let mut of_b = failed(run("stock", id + 3, 5_012 + start, 5_048 + start), "out of stock");
        if [0, 3, 7].contains(&round) {
            of_a.span.parent_span_id = id.to_be_bytes().to_vec();
            of_b.span.parent_span_id = (id + 1).to_be_bytes().to_vec();
        }
        let calls = [
            call("a", id, "stock", A + start, A + start + 60),
            call("b", id + 1, "stock", B + start + 10, B + start + 50),
        ];
        spans.extend(calls.into_iter().chain([of_a, of_b]));
    }
    spans
}

/// `a` calls `stock` without waiting, which fails twice; `b` calls it while the first attempt runs,
/// `c` while the second does, and is not answered by the first; another invocation that fails once is
/// nobody's.
fn attempts() -> Vec<Told> {
    let again = |id: u64, request: &str, start_ms: u64| {
        at(handler("stock", "stock", (1, id, 500), request), start_ms, start_ms + 30)
    };
    vec![
        call("a", 2, "stock", 0, 10),
        call("b", 3, "stock", 20, 90),
        call("c", 4, "stock", 60_000, 60_100),
        failed(again(11, "r1", 15), "broken"),
        failed(again(12, "r1", 60_020), "broken"),
        again(13, "r1", 180_100),
        again(14, "r2", 25),
        failed(again(15, "r3", 60_030), "broken"),
        failed(again(16, "r4", 4_000), "broken"),
        again(17, "r4", 64_000),
    ]
}

proptest! {
    #[test]
    fn calls_that_are_known_tell_how_far_the_clocks_of_the_others_are_apart(
        order in Just(crowd_with_wrong_clocks()).prop_shuffle(), ticks: bool,
    ) {
        let reducer = Reducer::new(Settings::default());
        for (now, told) in (0..).zip(order) {
            reducer.ingest(&request(&[told]), now * 800).unwrap();
            if ticks {
                reducer.drain(now * 800);
            }
        }
        reducer.resolve_all();
        prop_assert_eq!(edges(&reducer), ["a>stock: 8 0 0 0 1", "b>stock: 0 0 0 8 0"]);
        reducer.drain(1_000_000);
        reducer.drain(2_000_000);
        prop_assert_eq!((reducer.stats().pending, reducer.pairing.bridged()), (0, 0));
    }

    #[test]
    fn time_tells_which_of_several_calls_of_a_trace_was_answered_by_which(
        order in Just(crowd()).prop_shuffle(), ticks: bool,
    ) {
        let reducer = Reducer::new(Settings::default());
        for (now, told) in (0..).zip(order) {
            reducer.ingest(&request(&[told]), now * 4_000).unwrap();
            if ticks {
                reducer.drain(now * 4_000);
            }
        }
        reducer.resolve_all();
        let expected =
            ["a>stock: 1 0 0 1 1", "b>stock: 2 0 0 0 0", "unknown trigger>stock: 1 0 0 0 0"];
        prop_assert_eq!(edges(&reducer), expected);
    }

    #[test]
    fn an_invocation_that_runs_again_comes_from_whoever_called_it_first(
        order in Just(attempts()).prop_shuffle(), ticks: bool, late in 0..2_usize,
    ) {
        let reducer = Reducer::new(Settings::default());
        let mut spans = order;
        // A call that comes after all attempts were shown as from nobody corrects them all.
        if late > 0 && let Some(place) = spans.iter().position(|told| told.span.span_id[7] == 2) {
            let call = spans.remove(place);
            spans.push(call);
        }
        for (now, told) in (0..).zip(spans) {
            reducer.ingest(&request(&[told]), now * 9_000).unwrap();
            if ticks {
                reducer.drain(now * 9_000);
            }
        }
        reducer.resolve_all();
        let expected = [
            "a>stock: 1 0 0 2 1",
            "b>stock: 1 0 0 0 0",
            "c>stock: 0 0 0 1 0",
            "unknown trigger>stock: 1 0 0 1 0",
        ];
        prop_assert_eq!(edges(&reducer), expected);
        reducer.drain(1_000_000);
        reducer.drain(2_000_000);
        prop_assert_eq!((reducer.stats().pending, reducer.pairing.bridged()), (0, 0));
    }

    #[test]
    fn a_parent_that_comes_late_takes_its_callee_from_a_bridge(
        order in Just((0..4_usize).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let mut linked = run("stock", 11, 2, 98);
        linked.span.parent_span_id = 3_u64.to_be_bytes().to_vec();
        let spans = [
            call("a", 1, "stock", 0, 100),
            call("b", 3, "stock", 1, 130),
            linked,
            run("stock", 12, 5, 120),
        ];
        let spans: Vec<Told> = order.into_iter().map(|index| spans[index].clone()).collect();
        let expected = ["a>stock: 1 0 0 0 0", "b>stock: 1 0 0 0 1"];
        let each: Vec<_> = spans.iter().map(|told| request(std::slice::from_ref(told))).collect();
        prop_assert_eq!(reduced(&each), expected);
    }
}

#[test]
fn a_call_that_tells_its_request_id_is_not_bridged_to_another_request() {
    let spans = [invoke("a", "a", (1, 1, 0), "stock", "r1"), run("stock", 12, 0, 10)];
    assert_eq!(
        reduced(&[request(&spans)]),
        ["a>stock: 1 0 0 0 0", "unknown trigger>stock: 1 0 0 0 1"]
    );
}

#[test]
fn what_waits_for_a_bridge_is_forgotten_with_its_span() {
    let reducer = Reducer::new(Settings { max_pending: 64, ..Settings::default() });
    for id in 1..1_000 {
        let unanswered = call("a", id, "stock", id, id + 9);
        let uncalled = run("other", 5_000 + id, id, id + 5);
        reducer.ingest(&request(&[unanswered, uncalled]), id).unwrap();
    }
    let stats = reducer.stats();
    assert!(stats.pending <= 64 && stats.early > 0, "{stats:?}");
    assert!(reducer.pairing.bridged() <= 64, "{}", reducer.pairing.bridged());
    reducer.drain(400_000);
    reducer.drain(800_000);
    assert_eq!((reducer.stats().pending, reducer.pairing.bridged()), (0, 0));
}

fn in_either_order(one: Told, other: Told) -> [Vec<String>; 2] {
    let (one, other) = (request(&[one]), request(&[other]));
    [reduced(&[one.clone(), other.clone()]), reduced(&[other, one])]
}

fn link_to(mut told: Told, trace: u64, id: u64) -> Told {
    told.span.links = vec![Link {
        trace_id: u128::from(trace).to_be_bytes().to_vec(),
        span_id: id.to_be_bytes().to_vec(),
        ..Link::default()
    }];
    told
}

#[test]
fn a_link_joins_caller_and_callee_across_traces_in_either_order() {
    let call = call("a", 1, "b", 0, 9);
    let callee = link_to(handler("b", "b", (2, 2, 0), "r"), 1, 1);
    let expected = ["a>b: 1 0 0 0 1"];
    assert_eq!(in_either_order(call, callee), [expected, expected]);
}

#[test]
fn a_link_to_a_sender_names_the_queue_that_a_consumer_does_not() {
    let url = "https://sqs.eu-west-1.amazonaws.com/123456789012/ship";
    let pairs = [("messaging.system", "aws_sqs"), ("messaging.url", url)];
    let send = told(&function("a", "a"), SpanKind::Producer, (1, 1, 0), &pairs);
    let mut callee = link_to(handler("b", "b", (2, 2, 77), "r"), 1, 1);
    callee.span.attributes.extend(attributes(&[("faas.trigger", "pubsub")]));
    let expected = ["a>ship: 1 0 0 0 0", "ship>b: 1 0 0 0 1"];
    assert_eq!(in_either_order(send, callee), [expected, expected]);
}

#[test]
fn an_inner_span_names_the_bucket_that_the_outer_one_does_not() {
    let python = function("a", "a");
    let pairs = [("rpc.system", "aws-api"), ("rpc.service", "S3"), ("rpc.method", "PutObject")];
    let outer = told(&python, SpanKind::Client, (1, 1, 0), &pairs);
    let pairs =
        [("http.url", "https://labels.s3.eu-west-1.amazonaws.com/a"), ("http.method", "PUT")];
    let inner = told(&python, SpanKind::Client, (1, 2, 1), &pairs);
    let expected = ["a>labels: 1 0 0 0 0"];
    assert_eq!(in_either_order(outer, inner), [expected, expected]);
}

#[test]
fn one_resource_of_functions_in_two_accounts_is_taken_at_their_handlers_word() {
    let old_node = attributes(&[("faas.name", "a"), ("cloud.region", "eu-west-1")]);
    let run = |id: u64, account: &str| {
        let arn = format!("arn:aws:lambda:eu-west-1:{account}:function:a");
        let table = [("rpc.system", "aws-api"), ("aws.dynamodb.table_names", "t")];
        let spans = [
            told(&old_node, SpanKind::Client, (id, id + 1, id), &table),
            told(&old_node, SpanKind::Server, (id, id, 0), &[("faas.id", &arn)]),
        ];
        let resource = Resource { attributes: old_node.clone(), ..Resource::default() };
        let spans = spans.map(|told| told.span).to_vec();
        let scope = ScopeSpans { spans, ..ScopeSpans::default() };
        let resource_spans = ResourceSpans {
            resource: Some(resource),
            scope_spans: vec![scope],
            ..ResourceSpans::default()
        };
        ExportTraceServiceRequest { resource_spans: vec![resource_spans] }.encode_to_vec()
    };
    let reducer = Reducer::new(Settings::default());
    for (id, account) in [(10, "1"), (20, "2"), (30, "1")] {
        reducer.ingest(&run(id, account), 0).unwrap();
    }
    reducer.resolve_all();
    let mut tables: Vec<(String, f64)> = Vec::new();
    let nodes: HashMap<NodeId, Node> =
        reducer.nodes().into_iter().map(|known| (known.id, known.node)).collect();
    for (_, edge, account) in reducer.edges() {
        if nodes[&edge.target].kind == NodeKind::Table {
            assert_eq!(nodes[&edge.source].account, nodes[&edge.target].account);
            tables.push((nodes[&edge.source].account.clone(), account.all.counts.total()));
        }
    }
    tables.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(tables, [("1".to_owned(), 2.0), ("2".to_owned(), 1.0)]);
}

proptest! {
    /// Of two accounts each runs `a`, whose resource is the same bytes in both; its handler's spans
    /// are exported apart from those of its calls.
    #[test]
    fn a_call_is_of_the_account_that_the_handler_of_its_trace_tells(
        order in Just((0..10_usize).collect::<Vec<_>>()).prop_shuffle(), bare: bool,
    ) {
        let old_node = [("service.name", "a"), ("faas.name", "a"), ("cloud.region", "eu-west-1")];
        let old_node = attributes(if bare { &old_node[..1] } else { &old_node });
        let run = |trace: u64, account: &str| {
            let arn = |name: &str| format!("arn:aws:lambda:eu-west-1:{account}:function:{name}");
            let table = [("rpc.system", "aws-api"), ("aws.dynamodb.table_names", "t")];
            let http = [("http.url", "https://x.example/"), ("http.method", "POST")];
            let callee = [("cloud.resource_id", arn("b"))];
            let callee = callee.each_ref().map(|(key, arn)| (*key, arn.as_str()));
            [
                told(&old_node, SpanKind::Server, (trace, 1, 0), &[("faas.id", &arn("a"))]),
                told(&old_node, SpanKind::Client, (trace, 2, 1), &table),
                told(&old_node, SpanKind::Client, (trace, 3, 77), &[("faas.invoked_name", "b")]),
                told(&old_node, SpanKind::Client, (trace, 4, 3), &http),
                told(&function("b", account), SpanKind::Server, (trace, 5, 4), &callee),
            ]
        };
        let spans: Vec<Told> = run(1, "1").into_iter().chain(run(2, "2")).collect();
        let reducer = Reducer::new(Settings::default());
        for index in order {
            reducer.ingest(&request(&spans[index..=index]), 0).unwrap();
        }
        reducer.resolve_all();
        let nodes: HashMap<NodeId, Node> =
            reducer.nodes().into_iter().map(|known| (known.id, known.node)).collect();
        let mut calls: Vec<_> = reducer
            .edges()
            .into_iter()
            .map(|(_, edge, account)| (&nodes[&edge.source], &nodes[&edge.target], account))
            .filter(|(source, ..)| source.name == "a")
            .map(|(source, target, account)| {
                (source.account.clone(), target.name.clone(), account.all.counts.total())
            })
            .collect();
        calls.sort_by(|one, other| (&one.0, &one.1).cmp(&(&other.0, &other.1)));
        let call = |account: &str, target: &str| (account.to_owned(), target.to_owned(), 1.0);
        prop_assert_eq!(calls, [call("1", "b"), call("1", "t"), call("2", "b"), call("2", "t")]);
    }
}

#[test]
fn a_callers_child_in_another_process_is_its_callee_whatever_it_says() {
    let rpc = [("rpc.system", "grpc"), ("rpc.service", "Tax"), ("server.address", "tax.internal")];
    let resource = |name: &str| attributes(&[("service.name", name), ("host.name", name)]);
    let call = told(&resource("shop"), SpanKind::Internal, (1, 1, 9), &rpc);
    let callee = told(&resource("tax"), SpanKind::Internal, (1, 2, 1), &rpc);
    let http = [("url.full", "https://office.example/a"), ("http.request.method", "GET")];
    let next = told(&resource("tax"), SpanKind::Client, (1, 3, 2), &http);
    let expected = ["shop>tax: 1 0 0 0 0", "tax>office.example: 1 0 0 0 0"];
    let spans = [call, callee, next];
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [1, 0, 2]] {
        let requests = order.map(|index: usize| request(&spans[index..=index]));
        assert_eq!(reduced(&requests), expected, "{order:?}");
    }
}
