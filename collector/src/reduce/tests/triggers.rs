//! What runs a function, where the configuration says it.

use super::*;

#[test]
fn a_configured_trigger_names_the_source_where_no_span_does() {
    let source = Node::named(NodeKind::Topic, "order-events");
    let rule = TriggerRule { function: "mailer".into(), source };
    let reducer = Reducer::new(Settings { triggers: vec![rule], ..Settings::default() });
    reducer.ingest(&request(&[handler("mailer", "m", (1, 1, 9), "r")]), 0).unwrap();
    assert_eq!(reducer.drain(200).moved.len(), 1, "it is shown without a wait");
    let caller = invoke("orders", "o", (1, 2, 0), "mailer", "r");
    assert_eq!(edges(&reducer), ["order-events>mailer: 1 0 0 0 1"]);
    reducer.ingest(&request(&[caller]), 300).unwrap();
    assert_eq!(edges(&reducer), ["orders>mailer: 1 0 0 0 1"], "a caller knows better");
}

#[test]
fn rules_that_differ_leave_the_trigger_unknown_unless_the_span_says_its_kind() {
    let rule = |kind, source: &str| TriggerRule {
        function: "job".into(),
        source: Node::named(kind, source),
    };
    let triggers = vec![rule(NodeKind::Topic, "news"), rule(NodeKind::Schedule, "nightly")];
    let reducer = Reducer::new(Settings { triggers, ..Settings::default() });
    let run = |id: u64, trigger: &[(&str, &str)]| {
        told(&function("job", "j"), SpanKind::Server, (id, id, 900), trigger)
    };
    let spans = [
        run(1, &[]),
        run(2, &[("faas.trigger", "pubsub")]),
        run(3, &[("faas.trigger", "timer")]),
        run(4, &[("url.full", "https://api.shop.example/run")]),
    ];
    reducer.ingest(&request(&spans), 0).unwrap();
    reducer.resolve_all();
    let sources: Vec<_> =
        edges(&reducer).iter().map(|line| line.split('>').next().unwrap().to_owned()).collect();
    assert_eq!(sources, ["news", "nightly", "unknown trigger", "users"]);
}
