//! With `spans = "all"`: steps and what leads from one to the other.

use super::*;

fn following(attributes: &[&str]) -> Settings {
    let attributes = attributes.iter().map(ToString::to_string).collect();
    let nodes = Arc::new(NodeRules { attributes, ..NodeRules::default() });
    Settings { spans: Spans::All, nodes, ..Settings::default() }
}

fn builder() -> Vec<KeyValue> {
    attributes(&[("service.name", "ci")])
}

/// A step of a build: its span names its node.
fn step(task: &str, ids: (u64, u64, u64)) -> Told {
    told(&builder(), SpanKind::Internal, ids, &[("task", task)])
}

/// The same, led to by other steps: their traces and ids.
fn after(mut told: Told, steps: &[(u64, u64)]) -> Told {
    let link = |&(trace, id): &(u64, u64)| Link {
        trace_id: u128::from(trace).to_be_bytes().to_vec(),
        span_id: id.to_be_bytes().to_vec(),
        ..Link::default()
    };
    told.span.links = steps.iter().map(link).collect();
    told
}

/// A build with everything in it that may lead from one step to another: parents, links, links
/// into another trace, parts of a step in the step's own node, a call to a service that is a step
/// of its own, a doubled client span, a host, parents and links that nobody exports.
fn build() -> Vec<Told> {
    let serve = [("http.request.method", "PUT")];
    let call = [("task", "upload"), ("server.address", "store.example"), ("peer.service", "store")];
    let inner = [("task", "upload"), ("url.full", "https://store.example/a")];
    let outside = [("task", "fetch"), ("url.full", "https://crates.example/a")];
    let store = attributes(&[("service.name", "store")]);
    vec![
        told(&builder(), SpanKind::Internal, (101, 1, 0), &[]),
        step("fetch", (101, 2, 1)),
        step("compile", (101, 3, 1)),
        step("compile", (101, 4, 3)),
        step("link", (101, 5, 4)),
        failed(after(step("test", (101, 6, 1)), &[(101, 5), (101, 2), (101, 5)]), "no"),
        after(step("report", (102, 7, 0)), &[(101, 6)]),
        step("upload", (102, 8, 7)),
        told(&builder(), SpanKind::Client, (102, 9, 8), &call),
        told(&builder(), SpanKind::Client, (102, 10, 9), &inner),
        told(&store, SpanKind::Server, (102, 11, 10), &serve),
        told(&store, SpanKind::Internal, (102, 12, 11), &[("task", "index")]),
        told(&builder(), SpanKind::Client, (101, 13, 2), &outside),
        step("lost", (103, 14, 99)),
        after(step("lost too", (103, 15, 0)), &[(104, 98)]),
        // A step that a service runs without saying so, and one that a step runs as a service.
        told(&store, SpanKind::Server, (102, 16, 8), &serve),
        told(&store, SpanKind::Unspecified, (102, 17, 16), &[("task", "clean")]),
        // A caller in another step than its parent.
        told(&builder(), SpanKind::Client, (102, 18, 7), &outside),
    ]
}

fn build_edges() -> Vec<&'static str> {
    vec![
        "ci>compile: 1 0 0 0 0",
        "ci>fetch: 1 0 0 0 0",
        "compile>link: 1 0 0 0 0",
        "fetch>crates.example: 2 0 0 0 0",
        "fetch>test: 0 0 0 1 0",
        "link>test: 0 0 0 1 0",
        "report>fetch: 1 0 0 0 0",
        "report>upload: 1 0 0 0 0",
        "store>clean: 1 0 0 0 0",
        "store>index: 1 0 0 0 0",
        "test>report: 1 0 0 0 0",
        "upload>store: 2 0 0 0 0",
    ]
}

fn of_build(requests: &[Vec<u8>]) -> (Vec<String>, Stats) {
    let reducer = Reducer::new(following(&["task"]));
    for request in requests {
        reducer.ingest(request, 0).unwrap();
    }
    reducer.resolve_all();
    (edges(&reducer), reducer.stats())
}

#[test]
fn the_steps_of_a_build_are_a_graph() {
    let (edges, stats) = of_build(&[request(&build())]);
    assert_eq!(edges, build_edges());
    // The two whose leaders nobody exports, and the call to the host outside, which is followed
    // by the same wait as ever.
    assert_eq!((stats.duplicates, stats.unpaired), (0, 4), "{stats:?}");
}

#[test]
fn the_line_between_two_steps_has_the_operation_that_led_there() {
    let reducer = Reducer::new(following(&["task"]));
    reducer.ingest(&request(&build()), 0).unwrap();
    let names: HashMap<NodeId, String> =
        reducer.nodes().into_iter().map(|known| (known.id, known.node.name)).collect();
    let (.., account) = reducer
        .edges()
        .into_iter()
        .find(|(_, edge, _)| names[&edge.source] == "link" && names[&edge.target] == "test")
        .unwrap();
    let operations: Vec<_> = account.operations.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(operations, ["op 6"]);
    // 20 ms: the step's own time.
    assert!((19_000..21_000).contains(&account.all.p50_us), "{account:?}");
}

#[test]
fn a_span_may_be_named_by_its_own_name() {
    let reducer = Reducer::new(following(&["task", "span.name"]));
    let inner = told(&builder(), SpanKind::Internal, (1, 2, 1), &[]);
    reducer.ingest(&request(&[step("all", (1, 1, 0)), inner]), 0).unwrap();
    assert_eq!(edges(&reducer), ["all>op 2: 1 0 0 0 0"]);
}

#[test]
fn an_attribute_counts_by_its_place_in_the_list_wherever_it_stands() {
    let of_resource = attributes(&[("service.name", "ci"), ("stage", "s")]);
    let child = || told(&of_resource, SpanKind::Internal, (1, 2, 1), &[("task", "t")]);
    for (list, name) in [(["task", "stage"], "t"), (["stage", "task"], "s")] {
        let reducer = Reducer::new(following(&list));
        let root = told(&builder(), SpanKind::Internal, (1, 1, 0), &[]);
        reducer.ingest(&request(&[root, child()]), 0).unwrap();
        assert_eq!(edges(&reducer), [format!("ci>{name}: 1 0 0 0 0")]);
    }
}

#[test]
fn a_step_shows_when_what_led_to_it_ends_however_late_that_is() {
    let reducer = Reducer::new(following(&["task"]));
    reducer.ingest(&request(&[step("compile", (1, 2, 1))]), 0).unwrap();
    assert!(reducer.drain(40_000).moved.is_empty(), "nobody knows yet what led there");
    assert_eq!(reducer.stats().unpaired, 1);
    reducer.ingest(&request(&[step("all", (1, 1, 0))]), 300_000).unwrap();
    assert_eq!(reducer.drain(300_200).moved.len(), 1);
    assert_eq!(edges(&reducer), ["all>compile: 1 0 0 0 0"]);
    assert_eq!(reducer.stats().unpaired, 0);
    // And the other way round: a step that ends long after the one that it is part of.
    reducer.drain(331_000);
    reducer.ingest(&request(&[step("late", (1, 3, 1))]), 560_000).unwrap();
    assert_eq!(edges(&reducer), ["all>compile: 1 0 0 0 0", "all>late: 1 0 0 0 0"]);
    reducer.drain(2_000_000);
    reducer.drain(2_400_000);
    assert_eq!(reducer.stats().pending, 0, "in the end everything is forgotten");
}

#[test]
fn steps_without_end_take_no_memory_without_end() {
    let reducer = Reducer::new(Settings { max_pending: 640, ..following(&["task"]) });
    for id in 1..=10_000 {
        let part = after(step("part", (id, id, 7)), &[(id, id + 1), (id + 1, id)]);
        reducer.ingest(&request(&[part]), 0).unwrap();
    }
    let stats = reducer.stats();
    assert!(stats.pending <= 640, "{stats:?}");
    assert!(stats.early > 0, "{stats:?}");
}

#[test]
fn an_ignored_step_makes_no_hop() {
    let ignore = Ignore { operation: Some(Pattern::new("op 5")), ..Ignore::default() };
    let settings = following(&["task"]);
    let nodes = NodeRules { ignores: vec![ignore], ..(*settings.nodes).clone() };
    let reducer = Reducer::new(Settings { nodes: Arc::new(nodes), ..settings });
    reducer.ingest(&request(&build()), 0).unwrap();
    reducer.resolve_all();
    let expected: Vec<_> =
        build_edges().into_iter().filter(|edge| !edge.starts_with("compile>")).collect();
    assert_eq!(edges(&reducer), expected);
    assert_eq!(reducer.stats().ignored, 1);
}

#[test]
fn callers_and_callees_are_paired_as_ever() {
    let reducer = Reducer::new(following(&[]));
    reducer.ingest(&request(&world()), 0).unwrap();
    reducer.resolve_all();
    assert_eq!(edges(&reducer), world_edges());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn steps_in_any_order_and_however_often_give_the_same_edges(
        order in Just([build(), world()].concat()).prop_shuffle(),
        again in Just([build(), world()].concat()).prop_shuffle(),
        resent in 0..30_usize,
        sizes in proptest::collection::vec(1..9_usize, 70),
    ) {
        let all: Vec<Told> = order.into_iter().chain(again.into_iter().take(resent)).collect();
        let mut rest = &all[..];
        let mut requests = Vec::new();
        for size in sizes {
            let (now, later) = rest.split_at(size.min(rest.len()));
            requests.push(request(now));
            rest = later;
        }
        let (once, again) = (of_build(&[request(&[build(), world()].concat())]), of_build(&requests));
        prop_assert_eq!(once.0, again.0);
        prop_assert_eq!((once.1.hops, once.1.unpaired), (again.1.hops, again.1.unpaired));
    }

    #[test]
    fn steps_that_come_one_by_one_end_with_the_same_edges(
        order in Just(build()).prop_shuffle(), gaps in proptest::collection::vec(0..1_600_u64, 18),
    ) {
        let reducer = Reducer::new(following(&["task"]));
        let mut now = 0;
        let mut moved = 0.0;
        for (told, gap) in order.into_iter().zip(gaps) {
            now += gap;
            reducer.ingest(&request(&[told]), now).unwrap();
            moved += reducer.drain(now).moved.iter().map(|edge| edge.counts.total()).sum::<f64>();
        }
        let last = reducer.drain(now + 60_000).moved;
        moved += last.iter().map(|edge| edge.counts.total()).sum::<f64>();
        prop_assert_eq!(edges(&reducer), build_edges());
        prop_assert!((moved - 14.0).abs() < 1e-9, "the ticks add up to the edges: {moved}");
    }
}
