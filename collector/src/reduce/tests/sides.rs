//! What the two sides of requests and messages saw, for service graphs.

use super::*;

/// `source>target SIDES: requests failed joined`, sorted.
fn sides(reducer: &Reducer) -> Vec<String> {
    let names: HashMap<NodeId, String> =
        reducer.named(|_| true).map(|known| (known.id, known.node.name)).collect();
    let line = |spread: Spread| {
        let Spread { edge, sides, requests, failed, joined, .. } = spread;
        let (source, target) = (&names[&edge.source], &names[&edge.target]);
        format!("{source}>{target} {sides:?}: {requests} {failed} {joined}")
    };
    let mut lines: Vec<_> = reducer.spreads(&[]).into_iter().map(line).collect();
    lines.sort();
    lines
}

#[test]
fn each_side_of_a_request_is_told_with_what_it_saw() {
    let reducer = Reducer::new(Settings::default());
    reducer.ingest(&request(&world()), 0).unwrap();
    reducer.resolve_all();
    assert_eq!(
        sides(&reducer),
        [
            "a1.execute-api.eu-west-1.amazonaws.com>orders Server: 1 0 0",
            "orders>mailer Both: 2 1 0",
            "orders>orders-table Client: 1 0 0",
            "orders>pay.example Client: 1 0 0",
            "orders>pricing Both: 1 0 0",
            "orders>pricing Client: 1 1 0",
            "orders>ship Client: 1 0 0",
            "ship>shipping Server: 3 0 0",
            "shipping>labels Client: 1 0 0",
        ]
    );
}

/// Two messages, one known by the span that sent it, which has no id for it, and received twice; one
/// known by its id only; and one that came from somebody who sends no spans.
fn messages() -> Vec<Told> {
    let url = "https://sqs.eu-west-1.amazonaws.com/123456789012/ship";
    let send = |id: u64, message: &str| {
        let pairs = [
            ("messaging.system", "aws_sqs"),
            ("url", ""),
            ("messaging.url", url),
            ("messaging.message.id", message),
        ];
        told(&function("orders", "o1"), SpanKind::Producer, (1, id, 10), &pairs)
    };
    let receive = |id: u64, links: Vec<Link>| {
        let pairs = [
            ("messaging.system", "aws_sqs"),
            ("aws.sqs.queue.url", url),
            ("messaging.destination.name", "ship"),
        ];
        let mut told = told(&function("shipping", "s1"), SpanKind::Consumer, (id, id, 0), &pairs);
        told.span.links = links;
        told
    };
    let link = |span: u64, message: &str| Link {
        trace_id: u128::from(if span == 99 { 7_u64 } else { 1 }).to_be_bytes().to_vec(),
        span_id: span.to_be_bytes().to_vec(),
        attributes: attributes(&[("messaging.message.id", message)]),
        ..Link::default()
    };
    vec![
        send(11, ""),
        send(12, "m-2"),
        failed(receive(20, vec![link(11, "m-1"), link(99, "m-2"), link(99, "m-3")]), "boom"),
        receive(21, vec![link(11, "m-1")]),
    ]
}

proptest! {
    #[test]
    fn messages_are_joined_across_their_queue_in_any_order_and_however_often_they_are_sent(
        order in Just(messages()).prop_shuffle(), again in 0..4_usize,
    ) {
        let reducer = Reducer::new(Settings::default());
        for told in order.iter().chain(order.iter().take(again)) {
            reducer.ingest(&request(std::slice::from_ref(told)), 0).unwrap();
        }
        prop_assert_eq!(
            sides(&reducer),
            ["orders>ship Client: 2 0 2", "orders>shipping Across: 3 2 0", "ship>shipping Server: 4 3 3"]
        );
        prop_assert_eq!(edges(&reducer).len(), 2, "on the wall they go through the queue");
    }
}
