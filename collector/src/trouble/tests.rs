//! Whole incidents: ticks in, notices out.

use std::path::Path;

use super::*;
use crate::feed::message::{EdgeTick, GraphEdge, GraphNode};
use crate::otlp_file::{Input, Requests};
use crate::pipeline::messages;
use crate::reduce::Pattern;
use crate::reduce::Reducer;
use crate::reduce::hop::Counts;
use crate::reduce::node::NodeKind;
use crate::replay::{Round, Template};

const T0: u64 = 1_800_000_000_000;
const TICK_MS: u64 = 200;

/// `users -> front -> back -> pay`, and `front -> mail`.
struct Wall {
    trouble: Trouble,
    now_ms: u64,
    said: Vec<Notice>,
}

const EDGES: [(u64, u64, u64); 4] = [(12, 1, 2), (23, 2, 3), (34, 3, 4), (25, 2, 5)];

impl Wall {
    fn new() -> Self {
        let page = Runbook { node: Pattern::new("pay*"), url: "https://wiki.example/pay".into() };
        let mut trouble = Trouble::new(Runbooks::new(vec![page]), Unit::Requests);
        let node = |(id, name): (u64, &str)| GraphNode {
            id: NodeId(id),
            kind: NodeKind::Function,
            name: name.to_owned(),
            account: String::new(),
            region: String::new(),
            entry: false,
        };
        let nodes = [(1, "users"), (2, "front"), (3, "back"), (4, "pay"), (5, "mail")];
        let edge = |(id, source, target)| GraphEdge {
            id: EdgeId(id),
            source: NodeId(source),
            target: NodeId(target),
        };
        trouble.learn(&Graph {
            nodes: nodes.map(node).into(),
            edges: EDGES.map(edge).into(),
            ..Graph::default()
        });
        Self { trouble, now_ms: T0, said: Vec::new() }
    }

    /// So many seconds of ten requests a second on every edge, of which `failed` fail on some.
    fn seconds(&mut self, seconds: u64, failed: f64, on: &[u64]) -> &mut Self {
        for _ in 0..seconds {
            let edge = |(id, _, _): (u64, u64, u64)| {
                let error = if on.contains(&id) { failed } else { 0.0 };
                let counts = Counts { ok: 10.0 - error, error, ..Counts::default() };
                EdgeTick { edge: EdgeId(id), counts, p50_us: 1, p99_us: 1, again: 0.0 }
            };
            let edges = EDGES.map(edge).into();
            let tick = Tick { t: self.now_ms, ms: 1_000, edges, ..Tick::default() };
            self.said.extend(self.trouble.observe(&tick));
            self.now_ms += 1_000;
        }
        self
    }

    fn texts(&self) -> Vec<&str> {
        self.said.iter().map(|notice| notice.text.as_str()).collect()
    }
}

#[test]
fn one_notice_names_the_deepest_node_that_fails_and_its_runbook() {
    let mut wall = Wall::new();
    wall.seconds(60, 0.0, &[]).seconds(60, 5.0, &[12, 23, 34]);
    let first = &wall.said[0];
    assert!(first.text.starts_with("pay fails"), "{:?}", wall.texts());
    assert!(first.text.ends_with("and back and 2 more feel it."), "{}", first.text);
    assert_eq!(first.url.as_deref(), Some("https://wiki.example/pay"));
    assert_eq!((first.node, first.severity), (Some(NodeId(4)), Severity::Critical));
    assert!(first.hurt > 10.0, "{}", first.hurt);
    assert!(wall.said.iter().all(|notice| notice.id == first.id), "{:?}", wall.texts());
}

#[test]
fn what_lasts_a_moment_is_not_told() {
    let mut wall = Wall::new();
    wall.seconds(60, 0.0, &[]).seconds(2, 3.0, &[34]).seconds(120, 0.0, &[]);
    assert_eq!(wall.texts(), [""; 0]);
}

#[test]
fn a_matter_ends_only_when_all_has_been_well_for_minutes() {
    let mut wall = Wall::new();
    wall.seconds(60, 5.0, &[34]).seconds(60, 0.0, &[]);
    assert!(!wall.texts().contains(&""), "{:?}", wall.texts());
    wall.seconds(240, 0.0, &[]);
    let [.., well, end] = &wall.said[..] else { panic!("{:?}", wall.texts()) };
    assert_eq!((well.text.as_str(), end.text.as_str()), ("pay is well again.", ""));
    assert_eq!(well.severity, Severity::Info);
}

#[test]
fn what_comes_and_goes_stays_one_matter_and_is_told_less_and_less() {
    let mut wall = Wall::new();
    for _ in 0..20 {
        wall.seconds(60, 5.0, &[34]).seconds(240, 0.0, &[]);
    }
    let ends = wall.texts().iter().filter(|text| text.is_empty()).count();
    assert!(ends <= 2, "{:?}", wall.texts());
    assert!(wall.texts().iter().any(|text| text.contains("again and again")));
}

#[test]
fn a_caller_that_was_thought_the_cause_gives_way_to_its_callee() {
    let mut wall = Wall::new();
    // What the callee does comes to be known only later.
    wall.seconds(60, 5.0, &[12, 23]).seconds(60, 5.0, &[12, 23, 34]);
    assert!(wall.said[0].text.starts_with("back fails"), "{:?}", wall.texts());
    let [Notice { id, since_ms, .. }, ..] = &wall.said[..] else { panic!("nothing was said") };
    let ended = |notice: &Notice| notice.id == *id && notice.text.is_empty();
    assert!(wall.said.iter().any(ended), "{:?}", wall.texts());
    let open: Vec<_> =
        wall.trouble.open.iter().map(|(id, (open, _))| (id.0, open.since_ms)).collect();
    assert_eq!(open, [(4, *since_ms)]);
}

#[test]
fn what_is_watched_is_bounded_by_the_graph() {
    let mut wall = Wall::new();
    wall.seconds(60, 5.0, &[12, 23, 34, 25]).seconds(600, 0.0, &[]);
    wall.now_ms += 100_000;
    wall.trouble.observe(&Tick { t: wall.now_ms, ms: 1_000, ..Tick::default() });
    assert!(wall.trouble.edges.values().all(|watched| watched.minute.is_none()));
    assert!(wall.trouble.pending.is_empty() && wall.trouble.open.is_empty());
}

#[test]
fn more_trouble_than_is_told_of_one_by_one_is_counted() {
    let mut trouble = Trouble::default();
    let node = |id| GraphNode {
        id: NodeId(id),
        kind: NodeKind::Function,
        name: format!("f{id}"),
        account: String::new(),
        region: String::new(),
        entry: false,
    };
    let edge = |id| GraphEdge { id: EdgeId(id), source: NodeId(0), target: NodeId(id) };
    let (nodes, edges) = ((0..=100).map(node).collect(), (1..=100).map(edge).collect());
    trouble.learn(&Graph { nodes, edges, ..Graph::default() });
    let mut said = Vec::new();
    for second in 0..400 {
        let error = if second < 60 { 5.0 } else { 0.0 };
        let counts = Counts { ok: 5.0, error, ..Counts::default() };
        let moved = |id| EdgeTick { edge: EdgeId(id), counts, p50_us: 1, p99_us: 1, again: 0.0 };
        let edges = (1..=100).map(moved).collect();
        let tick = Tick { t: T0 + second * 1_000, ms: 1_000, edges, ..Tick::default() };
        said.extend(trouble.observe(&tick));
    }
    let more = said.iter().filter(|notice| notice.id == "trouble-more");
    let more: Vec<_> = more.map(|notice| notice.text.as_str()).collect();
    assert!(more[0].contains("About 30 more"), "{more:?}");
    assert_eq!(more.last(), Some(&""), "and it ends");
    assert!(more.len() <= 4, "{more:?}");
    assert!(trouble.open.len() <= MOST);
}

/// The ticks of the incident, played so many times one after the other, as they come of the reducer.
fn incident(rounds: u64) -> Vec<(Option<Graph>, Tick)> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../samples/incident.jsonl.zst");
    let requests = Requests::open(&Input::File(file), false).unwrap();
    let templates: Vec<Template> =
        requests.map(|request| Template::new(&request.unwrap().bytes).unwrap()).collect();
    let ends = || templates.iter().filter_map(Template::end);
    let (first, last) = (ends().min().unwrap(), ends().max().unwrap());
    let round_ns = last - first + 1_000_000_000;
    let reducer = Reducer::default();
    let mut ticks = Vec::new();
    let mut now_ms = 0;
    for number in 0..rounds {
        let shift = i64::try_from(number * round_ns).unwrap();
        let round = Round::new(7, number);
        for template in &templates {
            let due_ms = (template.end().unwrap() - first + number * round_ns) / 1_000_000;
            while now_ms + TICK_MS <= due_ms {
                now_ms += TICK_MS;
                let begin = T0 + now_ms - TICK_MS;
                ticks.push(messages(reducer.drain(now_ms), begin, begin + TICK_MS));
            }
            reducer.ingest(&template.write(&round, shift), now_ms).unwrap();
        }
    }
    ticks
}

/// Plays an hour of the incident as often as it takes for a day, and says what was told.
fn day() -> Vec<Notice> {
    let mut trouble = Trouble::default();
    let mut said = Vec::new();
    let hour = incident(12);
    let length_ms = hour.len() as u64 * TICK_MS;
    for repetition in 0..24 {
        for (graph, tick) in &hour {
            if let Some(graph) = graph {
                trouble.learn(graph);
            }
            let t = tick.t + repetition * length_ms;
            said.extend(trouble.observe(&Tick { t, ..tick.clone() }));
        }
    }
    said
}

#[test]
fn a_day_of_incidents_every_five_minutes_is_few_notices() {
    let said = day();
    let mut shown: BTreeMap<&str, &Notice> = BTreeMap::new();
    let (mut begun, mut most) = (Vec::new(), 0);
    for notice in &said {
        if notice.text.is_empty() {
            shown.remove(notice.id.as_str());
        } else if shown.insert(&notice.id, notice).is_none() {
            begun.push(notice.text.as_str());
        }
        most = most.max(shown.len());
    }
    println!("{} begun, {most} at once, {} told: {begun:#?}", begun.len(), said.len());
    assert!((1..=12).contains(&begun.len()), "{} in a day: {begun:#?}", begun.len());
    assert!(most <= 3, "{most} at once");
    assert!(begun.iter().any(|text| text.starts_with("api.payments")), "{begun:#?}");
}
