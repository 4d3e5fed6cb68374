//! Films of a small graph: what is kept, and what any moment of them looks like.

use proptest::prelude::*;
use spanfall_collector::feed::message::{GraphEdge, GraphNode};
use spanfall_collector::reduce::hop::Counts;
use spanfall_collector::reduce::node::NodeKind;

use super::*;

const T0: u64 = 1_800_000_000_000;

fn graph() -> Graph {
    let node = |id| GraphNode {
        id: NodeId(id),
        kind: NodeKind::Function,
        name: id.to_string(),
        account: String::new(),
        region: String::new(),
        entry: false,
    };
    let edge = GraphEdge { id: EdgeId(12), source: NodeId(1), target: NodeId(2) };
    let nodes = vec![node(1), node(2)];
    Graph { complete: true, nodes, edges: vec![edge], ..Graph::default() }
}

fn tick(number: u64, hops: f64) -> Tick {
    let counts = Counts { ok: hops, ..Counts::default() };
    let edges = vec![EdgeTick { edge: EdgeId(12), counts, p50_us: 10, p99_us: 20, again: 0.0 }];
    Tick { t: T0 + number * 200, ms: 200, edges, ..Tick::default() }
}

/// A film of ticks, and the model that followed it.
fn shot(hops: &[f64], limit: Option<usize>) -> (Film, Traffic) {
    let mut film = Film { limit, ..Film::default() };
    let mut model = Traffic::default();
    film.push(Frame::Graph(graph()), Place::default());
    model.apply_graph(&graph(), 0.0);
    for (number, hops) in hops.iter().enumerate() {
        let tick = tick(number as u64, *hops);
        film.push(Frame::Tick(tick.clone()), Place { scene: u64::MAX, frame: 0 });
        model.follow(&tick);
    }
    (film, model)
}

fn hops(film: &Film) -> f64 {
    let ticks = film.ticks(0.0, f64::MAX);
    ticks.iter().flat_map(|tick| &tick.edges).map(|moved| moved.counts.total()).sum()
}

proptest! {
    #[test]
    fn the_model_at_a_moment_is_the_one_that_was_there(
        counts in prop::collection::vec(0u8..9, 1..2_500),
        more in 0usize..2_000,
    ) {
        let counts: Vec<f64> = counts.into_iter().map(f64::from).collect();
        let (_, expected) = shot(&counts, None);
        let on = counts.iter().copied().chain(std::iter::repeat_n(5.0, more));
        let (film, _) = shot(&on.collect::<Vec<_>>(), None);
        let at = seconds(T0 + (counts.len() as u64 - 1) * 200);
        let (model, _) = film.model_at(at + 0.1).unwrap();
        let past = |model: &Traffic| -> Vec<f64> {
            model.total.seconds.iter().map(Counts::total).collect()
        };
        let (a, b) = (past(&model), past(&expected));
        let common = a.len().min(b.len());
        prop_assert_eq!(&a[a.len() - common..], &b[b.len() - common..]);
        prop_assert!(common == b.len() || common >= SERIES_SECONDS);
        let rates = (model.rates.total(), expected.rates.total());
        prop_assert!((rates.0 - rates.1).abs() < 0.01 + rates.1 * 1e-3, "{rates:?}");
        prop_assert_eq!(model.edges.len(), 1);
    }

    #[test]
    fn no_hop_is_lost_by_coarser_ticks(counts in prop::collection::vec(0u8..9, 3_000..5_000)) {
        let counts: Vec<f64> = counts.into_iter().map(f64::from).collect();
        let (fine, _) = shot(&counts, None);
        // Old scenes take a twentieth, the newest six are as they came: that fits, by and large.
        let (coarse, _) = shot(&counts, Some(fine.bytes / 2));
        prop_assert!(coarse.bytes < fine.bytes);
        if coarse.first == 0 {
            prop_assert_eq!(hops(&coarse), counts.iter().sum::<f64>());
        }
        let held: usize = coarse.scenes.iter().map(|scene| scene.bytes).sum();
        prop_assert_eq!(held, coarse.bytes);
    }
}

#[test]
fn an_hour_is_kept_and_no_more() {
    let (film, _) = shot(&vec![1.0; 5 * 5_400], None);
    let (begin, end) = film.range().unwrap();
    assert!((3_600.0..3_665.0).contains(&(end - begin)), "{}", end - begin);
    assert!(film.is_gone(Place::default()));
}

#[test]
fn a_film_without_room_keeps_the_newest() {
    let (film, _) = shot(&vec![1.0; 5 * 1_800], Some(150_000));
    let (begin, end) = film.range().unwrap();
    assert!(film.bytes <= 150_000 + 100_000, "{}", film.bytes);
    assert!(end - begin > 60.0 && film.get(film.scene_at(end)).is_some());
}

#[test]
fn what_comes_without_end_takes_no_memory_without_end() {
    let (mut film, _) = shot(&[1.0; 10], Some(300_000));
    let end = film.range().unwrap().1;
    for number in 0..20_000 {
        let notice = Notice { id: "n".into(), text: number.to_string(), ..Notice::default() };
        film.push(Frame::Notice(notice), film.end());
        film.push(Frame::Again(tick(3, 1.0)), film.end());
        assert!(film.bytes <= 300_000 + 300_000 / SCENE_SHARE + 10_000, "{}", film.bytes);
    }
    assert_eq!(film.range().unwrap().1, end);
    film.push(Frame::Tick(tick(11, 7.0)), film.end());
    let (model, next) = film.model_at(seconds(T0 + 11 * 200)).unwrap();
    assert_eq!(model.nodes.len(), 2);
    assert!(film.get(next).is_none(), "the newest is the last one");
}

#[test]
fn ticks_have_neighbours_across_scenes() {
    let (film, _) = shot(&vec![1.0; 1_000], None);
    let at = |number: u64| seconds(T0 + number * 200);
    assert_eq!(film.neighbours(at(300)), (Some(at(299)), Some(at(301))));
    assert_eq!(film.neighbours(at(0)), (None, Some(at(1))));
    assert_eq!(film.neighbours(at(999)), (Some(at(998)), None));
}

#[test]
fn a_clock_that_was_set_back_begins_another_film() {
    let (mut film, _) = shot(&vec![1.0; 100], None);
    film.push(Frame::Tick(Tick { t: T0 - 3_600_000, ..tick(0, 2.0) }), Place::default());
    assert_eq!(hops(&film), 2.0);
    assert_eq!(film.model_at(seconds(T0)).unwrap().0.nodes.len(), 2, "the graph stays");
}
