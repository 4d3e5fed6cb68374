//! What spans tell beyond their hops: instances, work, and what happened to messages.

use super::*;
use crate::cost::Prices;

fn sized(name: &str, instance: &str, memory: i64) -> Vec<KeyValue> {
    let mut resource = function(name, instance);
    let value = Some(AnyValue { value: Some(Value::IntValue(memory)) });
    resource.push(KeyValue { key: "faas.max_memory".into(), value, ..KeyValue::default() });
    resource
}

fn linked_to(mut told: Told, links: &[(u64, u64, &str)]) -> Told {
    let link = |&(trace, span, id): &(u64, u64, &str)| Link {
        trace_id: u128::from(trace).to_be_bytes().to_vec(),
        span_id: span.to_be_bytes().to_vec(),
        attributes: attributes(&[("messaging.message.id", id)]),
        ..Link::default()
    };
    told.span.links = links.iter().map(link).collect();
    told
}

fn at(mut told: Told, start_ms: u64, ms: u64) -> Told {
    told.span.start_time_unix_nano = SECOND + start_ms * 1_000_000;
    told.span.end_time_unix_nano = told.span.start_time_unix_nano + ms * 1_000_000;
    told
}

const URL: &str = "https://sqs.eu-west-1.amazonaws.com/123456789012/";

/// `orders` sends two messages, one of them by two libraries; `shipping` runs on two instances of
/// two sizes, receives both at once, one of them again, and that one then as a dead letter.
fn messages() -> Vec<Told> {
    let url = format!("{URL}ship");
    let send = |id| {
        [
            ("messaging.system", "aws.sqs"),
            ("messaging.url", url.as_str()),
            ("messaging.message.id", id),
        ]
    };
    let orders = function("orders", "o1");
    let process = |queue| [("messaging.system", "aws_sqs"), ("messaging.destination.name", queue)];
    let batch =
        |resource: &[KeyValue], ids: (u64, u64), queue, start, links: &[(u64, u64, &str)]| {
            let (trace, id) = ids;
            let arn = format!("{ARN}shipping");
            let request = format!("r{id}");
            let pairs = [("cloud.resource_id", arn.as_str()), ("faas.invocation_id", &request)];
            let consumer = told(resource, SpanKind::Consumer, (trace, id + 1, id), &process(queue));
            [
                at(told(resource, SpanKind::Server, (trace, id, 888), &pairs), start, 100),
                linked_to(at(consumer, start, 90), links),
            ]
        };
    let (small, large) = (sized("shipping", "s1", 256), sized("shipping", "s2", 512 << 20));
    let mut all = vec![
        at(told(&orders, SpanKind::Producer, (1, 10, 0), &send("m1")), 0, 20),
        at(told(&orders, SpanKind::Client, (1, 11, 10), &send("m1")), 1, 17),
        at(told(&orders, SpanKind::Producer, (1, 12, 0), &send("m2")), 30, 20),
    ];
    // The consumer's link leads to the outer span of the first, and to nothing for the second.
    all.extend(batch(&small, (2, 20), "ship", 250, &[(1, 10, "m1"), (77, 77, "m2")]));
    all.extend(batch(&small, (3, 30), "ship", 30_050, &[(77, 77, "m2")]));
    all.extend(batch(&large, (4, 40), "ship-dlq", 60_050, &[(77, 77, "m2")]));
    all
}

/// Everything that is said, by names.
fn said(reducer: &Reducer) -> Vec<String> {
    let names: HashMap<NodeId, String> =
        reducer.nodes().into_iter().map(|known| (known.id, known.node.name)).collect();
    let dead = reducer.dead_letter_queues();
    let mut lines: Vec<String> = reducer
        .edges()
        .iter()
        .filter_map(|(id, edge, _)| {
            let facts = reducer.edge_queue(*id)?;
            let ends = (&names[&edge.source], &names[&edge.target]);
            Some(format!("{ends:?} {} {facts:?}", dead.contains(&edge.source)))
        })
        .collect();
    for (id, workload) in reducer.workloads() {
        lines.push(format!("{} {workload:?}", names.get(&id).map_or("?", String::as_str)));
    }
    lines.sort();
    lines
}

fn reduced(order: &[Told]) -> Reducer {
    let reducer = Reducer::new(Settings::default());
    for told in order {
        reducer.ingest(&request(std::slice::from_ref(told)), 1_000).unwrap();
    }
    reducer.resolve_all();
    reducer
}

proptest! {
    #[test]
    fn any_order_and_any_resending_say_the_same_beside_the_edges(
        order in Just(messages()).prop_shuffle(), again in Just(messages()).prop_shuffle(),
        resent in 0..9_usize,
    ) {
        let all: Vec<Told> = order.into_iter().chain(again.into_iter().take(resent)).collect();
        prop_assert_eq!(said(&reduced(&all)), said(&reduced(&messages())));
    }
}

#[test]
fn the_time_in_a_queue_is_known_by_link_or_by_id_and_redeliveries_and_dead_letters_by_id() {
    let reducer = reduced(&messages());
    let ids: HashMap<String, NodeId> =
        reducer.nodes().into_iter().map(|known| (known.node.name, known.id)).collect();
    let facts = reducer.node_queue(ids["ship"]).unwrap();
    assert_eq!((facts.messages, facts.batches, facts.largest), (3.0, 2.0, 2));
    assert_eq!((facts.time.counts.total(), facts.redelivered), (3.0, 1.0));
    // 200 ms after the second was sent, 232 ms after the first, and half a minute.
    assert!(facts.time.p50_us.abs_diff(232_000) < 5_000, "{facts:?}");
    let dead = reducer.node_queue(ids["ship-dlq"]).unwrap();
    assert_eq!((dead.dead_letters, dead.redelivered), (1.0, 0.0));
    assert_eq!(reducer.dead_letter_queues(), [ids["ship-dlq"]]);
    assert_eq!(reducer.node_queue(ids["shipping"]), None);
}

#[test]
fn a_function_s_work_is_its_invocations_own_time_on_the_memory_that_it_has() {
    let reducer = reduced(&messages());
    let ids: HashMap<String, NodeId> =
        reducer.nodes().into_iter().map(|known| (known.node.name, known.id)).collect();
    let workload = reducer.workload(ids["shipping"]).unwrap();
    let work: Vec<_> = workload.work.iter().map(|work| (work.size.memory_mb, work.all)).collect();
    assert_eq!(work, [(256, Work::new(2, 200)), (512, Work::new(1, 100))]);
    assert_eq!(workload.seen, 2);
    assert!(Prices::default().estimate("shipping", &workload).is_some());
    let orders = reducer.workload(ids["ship"]);
    assert_eq!(orders, None, "a queue does no work");
}
