//! Which nodes and requests a person wants to see.

use super::*;

fn by_rules(rules: NodeRules) -> Reducer {
    Reducer::new(Settings { nodes: Arc::new(rules), ..Settings::default() })
}

fn rename(name: &str, kind: Option<NodeKind>, to: &str, to_kind: Option<NodeKind>) -> Rename {
    Rename { name: Pattern::new(name), kind, to: to.into(), to_kind }
}

fn service(name: &str, namespace: &str) -> Vec<KeyValue> {
    attributes(&[("service.name", name), ("service.namespace", namespace)])
}

/// Two services call a third, which answers, and a host, which does not.
fn mesh() -> Vec<Told> {
    let [web, app] = ["web", "app"].map(|name| service(name, "front"));
    let store = service("store", "back");
    let host = [("url.full", "https://eu1.pay.example/v1"), ("http.request.method", "POST")];
    let other_host = [("url.full", "https://us2.pay.example/v1"), ("http.request.method", "POST")];
    let call = [("server.address", "store.internal")];
    let serve = [("http.request.method", "GET")];
    vec![
        told(&web, SpanKind::Client, (1, 1, 0), &call),
        told(&store, SpanKind::Server, (1, 2, 1), &serve),
        told(&app, SpanKind::Client, (2, 3, 0), &call),
        told(&store, SpanKind::Server, (2, 4, 3), &serve),
        told(&app, SpanKind::Client, (2, 5, 0), &host),
        told(&web, SpanKind::Client, (1, 6, 0), &other_host),
    ]
}

#[test]
fn the_first_attribute_that_a_resource_has_names_its_node() {
    let attributes = ["k8s.deployment.name", "service.namespace"].map(String::from).to_vec();
    let reducer = by_rules(NodeRules { attributes, kind: NodeKind::Host, ..NodeRules::default() });
    let mut spans = mesh();
    for told in &mut spans {
        if told.span.span_id[7] == 5 {
            told.resource.extend(super::attributes(&[("k8s.deployment.name", "app-5")]));
        }
    }
    reducer.ingest(&request(&spans), 0).unwrap();
    reducer.resolve_all();
    assert_eq!(
        edges(&reducer),
        [
            "app-5>eu1.pay.example: 1 0 0 0 0",
            "front>back: 2 0 0 0 0",
            "front>us2.pay.example: 1 0 0 0 0"
        ]
    );
    assert!(reducer.nodes().iter().all(|known| known.node.kind == NodeKind::Host));
}

#[test]
fn nodes_renamed_to_one_name_are_one_node() {
    let renames = vec![
        rename("store", Some(NodeKind::Host), "never", None),
        rename("*.pay.example", Some(NodeKind::Host), "pay", Some(NodeKind::Service)),
        rename("web", None, "ui", None),
        rename("app", None, "ui", None),
        rename("s*e", Some(NodeKind::Service), "the-*", None),
    ];
    let reducer = by_rules(NodeRules { renames, ..NodeRules::default() });
    reducer.ingest(&request(&mesh()), 0).unwrap();
    reducer.resolve_all();
    assert_eq!(edges(&reducer), ["ui>pay: 2 0 0 0 0", "ui>the-tor: 2 0 0 0 0"]);
    assert_eq!(reducer.nodes().len(), 3);
}

#[test]
fn a_change_of_names_counts_from_then_on_and_loses_nothing_that_was_learned() {
    let reducer = Reducer::new(Settings::default());
    let call = |id| invoke("a", "i", (1, id, 0), "b", &format!("r{id}"));
    let entry = |id| handler("a", "i", (id, id, 0), &format!("e{id}"));
    reducer.ingest(&request(&[call(1), entry(3)]), 0).unwrap();
    let renames = vec![rename("a", None, "x", None)];
    let rules = Arc::new(NodeRules { renames, ..NodeRules::default() });
    reducer.configure(Settings { nodes: rules, ..Settings::default() });
    reducer.ingest(&request(&[call(2), entry(4)]), 0).unwrap();
    reducer.resolve_all();
    // The second entry is no cold start: the instance is known.
    let expected = [
        "a>b: 1 0 0 0 0",
        "unknown trigger>a: 1 0 0 0 1",
        "unknown trigger>x: 1 0 0 0 0",
        "x>b: 1 0 0 0 0",
    ];
    assert_eq!(edges(&reducer), expected);
    // That call's own span names no account; what the handler said before still counts.
    assert!(
        reducer
            .nodes()
            .iter()
            .all(|known| known.node.name != "x" || known.node.account == "123456789012"),
        "{:?}",
        reducer.nodes()
    );
}

fn ignoring(ignores: Vec<Ignore>) -> NodeRules {
    NodeRules { ignores, ..NodeRules::default() }
}

fn pattern(text: &str) -> Option<Pattern> {
    Some(Pattern::new(text))
}

#[test]
fn a_health_check_makes_no_hop_and_is_counted() {
    let lambda = function("web", "w1");
    let check = [
        ("http.request.method", "GET"),
        ("url.path", "/healthz"),
        ("user_agent.original", "ELB-HealthChecker/2.0"),
    ];
    let old = [
        ("http.method", "GET"),
        ("http.target", "/healthz?deep=1"),
        ("http.user_agent", "ELB-HealthChecker/2.0"),
    ];
    let user = [("http.method", "GET"), ("http.target", "/healthzoo")];
    let spans = [
        told(&lambda, SpanKind::Server, (1, 1, 0), &check),
        told(&lambda, SpanKind::Server, (2, 2, 0), &old),
        told(&lambda, SpanKind::Server, (3, 3, 0), &user),
    ];
    for rule in [
        Ignore { path: pattern("/healthz"), ..Ignore::default() },
        Ignore { user_agent: pattern("ELB-*"), ..Ignore::default() },
        Ignore { node: pattern("web"), path: pattern("/healthz"), ..Ignore::default() },
    ] {
        let reducer = by_rules(ignoring(vec![rule.clone()]));
        reducer.ingest(&request(&spans), 0).unwrap();
        reducer.resolve_all();
        assert_eq!(edges(&reducer), ["users>web: 1 0 0 0 0"], "{rule:?}");
        let stats = reducer.stats();
        assert_eq!((stats.hops, stats.ignored, stats.unpaired), (1, 2, 0), "{rule:?}");
    }
}

/// Rules of every kind that the small world knows: a span's name, one side, the other side, a queue.
fn rules() -> impl Strategy<Value = Vec<Ignore>> {
    let operation = "op (1[0-7]|2\\*|\\*3)"
        .prop_map(|text| Ignore { operation: pattern(&text), ..Ignore::default() });
    let node = prop::sample::select(vec!["mailer", "ship", "*pay*", "shipping", "orders-table"])
        .prop_map(|text| Ignore { node: pattern(text), ..Ignore::default() });
    prop::collection::vec(prop_oneof![operation, node], 1..3)
}

proptest! {
    #[test]
    fn what_is_left_out_is_the_same_in_any_order(
        rules in rules(),
        order in Just(world()).prop_shuffle(),
        resent in 0..15_usize,
    ) {
        let once = by_rules(ignoring(rules.clone()));
        once.ingest(&request(&world()), 0).unwrap();
        once.resolve_all();
        let shuffled = by_rules(ignoring(rules));
        for told in order.iter().chain(&order[..resent]) {
            shuffled.ingest(&request(std::slice::from_ref(told)), 0).unwrap();
        }
        shuffled.resolve_all();
        prop_assert_eq!(edges(&shuffled), edges(&once));
        let (stats, expected) = (shuffled.stats(), once.stats());
        prop_assert_eq!((stats.hops, stats.ignored, stats.unpaired),
                        (expected.hops, expected.ignored, expected.unpaired));
        // Whatever is left out is not lost: the world has twelve hops.
        prop_assert_eq!(stats.hops + stats.ignored, 12);
    }
}
