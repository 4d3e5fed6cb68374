use super::*;

/// A request's hops, each with when it set out and what it took, in the order in which they did.
fn followed(reducer: &Reducer, trace: u64) -> Vec<String> {
    let names: HashMap<NodeId, String> =
        reducer.nodes().into_iter().map(|known| (known.id, known.node.name)).collect();
    let Followed { hops, more } = reducer.follow(u128::from(trace).to_be_bytes());
    assert_eq!(more, 0);
    hops.iter()
        .map(|hop| {
            let (source, target) = (&names[&hop.ends.source], &names[&hop.ends.target]);
            let FollowedHop { class, at_us, took_us, callee_us, requests, .. } = hop;
            format!("{source}>{target} {class} {at_us} {took_us} {callee_us:?} {requests}")
        })
        .collect()
}

/// Later spans of [`world`] begin a nanosecond later; here it is a millisecond, so that order shows.
fn apart(mut told: Told) -> Told {
    let id = told.span.start_time_unix_nano - SECOND;
    told.span.start_time_unix_nano = SECOND + id * 1_000_000;
    told.span.end_time_unix_nano = told.span.start_time_unix_nano + (100 - id) * 1_000_000;
    told
}

fn spread_world() -> Vec<Told> {
    world().into_iter().map(apart).collect()
}

/// Every hop of the whole request, over three traces that only request ids join.
fn hops_of_the_order() -> Vec<&'static str> {
    vec![
        "a1.execute-api.eu-west-1.amazonaws.com>orders ok 1010000 90000 Some((1010000, 90000)) 1",
        "orders>pricing ok 1011000 89000 Some((1020000, 80000)) 1",
        "orders>mailer error 1012000 88000 Some((1030000, 70000)) 1",
        "orders>mailer ok 1012000 88000 Some((1031000, 69000)) 1",
        "orders>pricing throttled 1013000 87000 None 1",
        "orders>orders-table ok 1014000 86000 None 1",
        "orders>ship ok 1015000 85000 None 1",
        "orders>pay.example ok 1017000 83000 None 1",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn a_request_has_the_same_hops_in_any_order_of_arrival(
        order in Just(spread_world()).prop_shuffle(),
        again in Just(spread_world()).prop_shuffle(),
        resent in 0..15_usize,
        gaps in proptest::collection::vec(0..1_900_u64, 30),
    ) {
        let reducer = Reducer::new(Settings::default());
        let mut now_ms = 0;
        for (told, gap) in order.into_iter().chain(again.into_iter().take(resent)).zip(gaps) {
            now_ms += gap;
            reducer.ingest(&request(&[told]), now_ms).unwrap();
            reducer.drain(now_ms);
        }
        reducer.resolve_all();
        let mut expected = hops_of_the_order();
        expected.sort_unstable();
        for trace in [1, 2, 3] {
            let mut hops = followed(&reducer, trace);
            hops.sort_unstable();
            prop_assert_eq!(&hops, &expected);
        }
        // Nothing else than what the edges count.
        let mut sums: HashMap<EdgeId, f64> = HashMap::default();
        for trace in [1_u64, 4] {
            for hop in reducer.follow(u128::from(trace).to_be_bytes()).hops {
                *sums.entry(hop.edge).or_default() += hop.requests;
            }
        }
        let counted: HashMap<EdgeId, f64> =
            reducer.edges().iter().map(|(id, _, account)| (*id, account.all.counts.total())).collect();
        prop_assert_eq!(sums, counted);
    }
}

#[test]
fn hops_come_in_the_order_in_which_they_set_out() {
    let reducer = Reducer::new(Settings::default());
    reducer.ingest(&request(&spread_world()), 0).unwrap();
    reducer.resolve_all();
    let hops = followed(&reducer, 1);
    let times: Vec<_> = hops.iter().map(|hop| hop.split(' ').nth(2).unwrap()).collect();
    assert!(times.is_sorted(), "{hops:?}");
    assert_eq!(hops[0], hops_of_the_order()[0]);
}

#[test]
fn a_hop_that_is_corrected_is_corrected_in_the_example_too() {
    let reducer = Reducer::new(Settings::default());
    let caller = apart(invoke("a", "i", (1, 1, 0), "b:live", "r"));
    reducer.ingest(&request(&[caller]), 0).unwrap();
    assert_eq!(followed(&reducer, 1), [""; 0], "nothing is shown yet");
    reducer.drain(30_000);
    assert_eq!(followed(&reducer, 1), ["a>b ok 1001000 99000 None 1"]);
    let late = failed(apart(handler("b", "j", (2, 2, 0), "r")), "broken");
    reducer.ingest(&request(&[late]), 200_000).unwrap();
    let hops = ["a>b error 1001000 99000 Some((1002000, 98000)) 1"];
    assert_eq!(followed(&reducer, 1), hops);
    assert_eq!(followed(&reducer, 2), hops, "the invocation has a trace of its own");
    let edge = reducer.edges()[0].0;
    let Examples { failed, slowest } = reducer.edge_examples(edge);
    assert_eq!(failed, slowest);
    let Example { trace, class, took_us, at_us, operation } = &failed[0];
    assert_eq!((*trace, *class), (2_u128.to_be_bytes(), Class::Error));
    assert_eq!((*took_us, *at_us, operation.as_str()), (99_000, 1_001_000, "op 1"));
    let target = reducer.edge(edge).unwrap();
    assert_eq!(reducer.node_examples(target.target).failed, failed);
    assert_eq!(reducer.node_examples(target.source).failed, failed, "nothing arrives there");
}

#[test]
fn a_message_is_followed_from_its_sender_through_the_queue_to_its_consumer() {
    let url = "https://sqs.eu-west-1.amazonaws.com/123456789012/ship";
    let send =
        [("messaging.system", "aws.sqs"), ("messaging.url", url), ("messaging.message.id", "m")];
    let process = [
        ("messaging.system", "aws_sqs"),
        ("messaging.destination.name", "ship"),
        ("messaging.message.id", "m"),
    ];
    let sent = apart(told(&function("a", "i"), SpanKind::Producer, (1, 1, 0), &send));
    let got = apart(told(&function("b", "j"), SpanKind::Consumer, (9, 50, 0), &process));
    for spans in [[&sent, &got], [&got, &sent]] {
        let reducer = Reducer::new(Settings::default());
        for told in spans {
            reducer.ingest(&request(std::slice::from_ref(told)), 0).unwrap();
        }
        reducer.resolve_all();
        let hops =
            ["a>ship ok 1001000 99000 None 1", "ship>b ok 1050000 50000 Some((1050000, 50000)) 1"];
        assert_eq!(followed(&reducer, 1), hops);
        assert_eq!(followed(&reducer, 9), hops);
    }
}

#[test]
fn what_an_ignore_rule_leaves_out_is_in_no_example() {
    let mut settings = Settings::default();
    let ignore = Ignore { node: Some(Pattern::new("b")), ..Ignore::default() };
    Arc::make_mut(&mut settings.nodes).ignores.push(ignore);
    let reducer = Reducer::new(settings);
    let spans = [
        invoke("a", "i", (1, 1, 0), "b", "r"),
        failed(handler("b", "j", (2, 2, 0), "r"), "broken"),
    ];
    reducer.ingest(&request(&spans), 0).unwrap();
    reducer.resolve_all();
    assert_eq!(followed(&reducer, 1), [""; 0]);
}

#[test]
fn of_an_unknown_trace_nothing_is_told() {
    assert_eq!(Reducer::new(Settings::default()).follow([7; 16]), Followed::default());
}
