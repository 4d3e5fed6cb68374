//! How requests went: which are slow, cold, expected to fail, or throttled.

use super::*;

#[test]
fn a_batch_is_no_cold_start_once_an_earlier_one_of_its_instance_is_known() {
    let batch = |trace: u64, id: u64| {
        let process = [
            ("messaging.system", "aws_sqs"),
            ("messaging.destination.name", "ship"),
            ("messaging.batch.message_count", "5"),
        ];
        let consumer = function("shipping", "s1");
        vec![
            handler("shipping", "s1", (trace, id, 888), &format!("r{id}")),
            told(&consumer, SpanKind::Consumer, (trace, id + 1, id), &process),
        ]
    };
    let (first, second) = (batch(1, 10), batch(2, 20));
    let expected = ["ship>shipping: 10 0 0 0 5"];
    assert_eq!(reduced(&[request(&first), request(&second)]), expected);
    assert_eq!(reduced(&[request(&second), request(&first)]), expected);
}

#[test]
fn one_start_of_an_instance_is_cold_whether_its_span_says_so_or_not() {
    let mut says_so = handler("a", "i", (1, 1, 0), "r1");
    let cold = KeyValue {
        key: "faas.coldstart".into(),
        value: Some(AnyValue { value: Some(Value::BoolValue(true)) }),
        ..KeyValue::default()
    };
    says_so.span.attributes.push(cold);
    let later = handler("a", "i", (2, 2, 0), "r2");
    let expected = ["unknown trigger>a: 2 0 0 0 1"];
    assert_eq!(reduced(&[request(&[says_so.clone(), later.clone()])]), expected);
    assert_eq!(reduced(&[request(&[later, says_so])]), expected);
}

/// A call of a table that took so long.
fn call_of(id: u64, ms: u64) -> Told {
    let table = [("rpc.system", "aws-api"), ("aws.dynamodb.table_names", "t")];
    let mut call = told(&function("a", "i"), SpanKind::Client, (id, id, 0), &table);
    call.span.end_time_unix_nano = call.span.start_time_unix_nano + ms * 1_000_000;
    call
}

#[test]
fn a_hop_that_takes_much_longer_than_usual_is_slow_once_there_were_enough() {
    let reducer = Reducer::new(Settings::default());
    let mut now = 0;
    let mut tick = |id, ms| {
        now += 200;
        reducer.ingest(&request(&[call_of(id, ms)]), now).unwrap();
        reducer.drain(now).moved[0].counts.slow
    };
    assert_eq!(tick(1, 9_000), 0.0, "nobody knows yet what is usual");
    assert_eq!((2..100).map(|id| tick(id, 100 + id % 7)).sum::<f64>(), 0.0);
    assert_eq!(tick(100, 9_000), 1.0);
    let (id, _, account) = reducer.edges().remove(0);
    let over = account.slow_over_us.unwrap();
    assert!((200_000..300_000).contains(&over), "{over}");
    assert!(account.usual_us.unwrap().abs_diff(103_000) < 3_000, "{account:?}");
    assert_eq!(reducer.edge_account(id), Some(account));
    let node = reducer.nodes().into_iter().find(|known| known.node.name == "t").unwrap();
    assert_eq!(reducer.node_account(node.id).unwrap().slow_over_us, None);
}

#[test]
fn another_setting_of_what_is_slow_holds_from_the_next_tick_on() {
    let over = |ms| Slow::Over(Duration::from_millis(ms));
    let reducer = Reducer::new(Settings { slow: over(50), ..Settings::default() });
    let slow = |id| {
        reducer.ingest(&request(&[call_of(id, 100)]), 0).unwrap();
        reducer.drain(0).moved[0].counts.slow
    };
    assert_eq!(slow(1), 1.0);
    reducer.configure(Settings { slow: over(200), ..Settings::default() });
    assert_eq!(slow(2), 0.0);
    assert_eq!(edges(&reducer), ["a>t: 1 1 0 0 0"], "what was told stays told");
}

#[test]
fn what_was_slow_in_a_recording_does_not_depend_on_what_was_read_first() {
    let calls: Vec<Told> = (1..=200).map(|id| call_of(id, 80 + id % 50)).collect();
    let late: Vec<Told> = (300..320).map(|id| call_of(id, 3_000)).collect();
    let read = |parts: [&[Told]; 2]| {
        let reducer = Reducer::new(Settings::default());
        for (part, now) in parts.into_iter().zip([100_000, 900_000]) {
            reducer.ingest(&request(part), now).unwrap();
            reducer.expire(now);
        }
        reducer.resolve_all();
        edges(&reducer)
    };
    assert_eq!(read([&calls, &late]), ["a>t: 200 20 0 0 0"]);
    assert_eq!(read([&late, &calls]), ["a>t: 200 20 0 0 0"]);
}

#[test]
fn an_expected_error_is_ok_and_a_limit_is_throttled() {
    let table = [("rpc.system", "aws-api"), ("aws.dynamodb.table_names", "t")];
    let call = |id| told(&function("a", "i"), SpanKind::Client, (1, id, 0), &table);
    let spans = [
        failed(call(1), "An error occurred (ConditionalCheckFailedException)"),
        failed(call(2), "ProvisionedThroughputExceededException"),
        failed(call(3), "ResourceNotFoundException"),
    ];
    assert_eq!(reduced(&[request(&spans)]), ["a>t: 1 0 1 1 0"]);
}
