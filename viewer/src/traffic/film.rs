//! The film: what came in the last hour, kept so that any moment of it can be shown again. In: ticks,
//! graphs and notices, in order. Out: the same in order from any place on, and the model as it was.
//!
//! A minute of film is a scene. Each begins with the model as it then was, so a moment is made from
//! the scene before it. Memory is bounded: past the limit the oldest scenes get coarser ticks, and go.

use std::collections::{BTreeMap, VecDeque};

use spanfall_collector::feed::message::{EdgeTick, Graph, InstanceTick, Notice, Tick, VersionTick};
use spanfall_collector::reduce::hop::EdgeId;
use spanfall_collector::reduce::node::NodeId;

use super::model::{SERIES_SECONDS, Traffic};
use super::seconds;

/// How much is kept, in seconds.
pub const FILM_SECONDS: usize = 3_600;

/// Seconds in a scene.
const SCENE: f64 = 60.0;

/// How many bytes a film takes at most, by and large. A shop's hour takes 20 MB; only systems in which
/// a thousand edges always move come near this.
const MOST_BYTES: usize = 256 << 20;

/// Ticks of scenes that are coarser are this many times as long as before, up to so many seconds.
const COARSER: f64 = 5.0;
const COARSEST: f64 = 5.0;

/// So many of the newest scenes stay as they are.
const FINE: usize = 6;

/// Rates settle within this many seconds.
const SETTLING: f64 = 40.0;

/// One thing that came.
#[derive(Clone, Debug)]
pub(super) enum Frame {
    /// A tick.
    Tick(Tick),
    /// A tick that came before, of which only what runs is of interest: a complete graph, as it was
    /// before that tick, has come in between.
    Again(Tick),
    /// A change of the graph, or of what runs.
    Graph(Graph),
    /// What deserves attention.
    Notice(Notice),
}

/// A place between two frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    scene: u64,
    frame: usize,
}

#[derive(Debug)]
struct Scene {
    /// The feed's time at its beginning, in seconds.
    at: f64,
    /// The model as it then was, without figures.
    model: Traffic,
    frames: Vec<Frame>,
    bytes: usize,
    /// Seconds in its ticks, where they are longer than they came.
    step: f64,
}

/// See the module's text.
#[derive(Debug, Default)]
pub(super) struct Film {
    scenes: VecDeque<Scene>,
    /// The number of the first scene that is kept.
    first: u64,
    bytes: usize,
    /// The model after the last frame, without figures.
    standing: Traffic,
    /// Where the last tick ended, by the feed's clock, in seconds.
    end: Option<f64>,
    limit: Option<usize>,
}

impl Film {
    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        let first = self.first + self.scenes.len() as u64 + 1;
        *self = Self { first, limit: self.limit, ..Self::default() };
    }

    /// The feed's times at which it begins and ends, in seconds; none without a tick.
    pub(super) fn range(&self) -> Option<(f64, f64)> {
        Some((self.scenes.front()?.at, self.end?))
    }

    /// The place of what is to come next.
    pub(super) fn end(&self) -> Place {
        match self.scenes.back() {
            Some(last) => Place { scene: self.last(), frame: last.frames.len() },
            None => Place { scene: self.first, frame: 0 },
        }
    }

    fn last(&self) -> u64 {
        self.first + (self.scenes.len() as u64).saturating_sub(1)
    }

    /// Adds what came. `playing` is the place of what is shown, which stays as it is.
    pub(super) fn push(&mut self, frame: Frame, playing: Place) {
        let at = match &frame {
            Frame::Tick(tick) => {
                let end = seconds(tick.t.saturating_add(u64::from(tick.ms)));
                // A clock that was set back begins another film.
                if self.end.is_some_and(|known| end < known - 1.0) {
                    let standing = std::mem::take(&mut self.standing);
                    self.clear();
                    self.standing = standing;
                }
                self.end = Some(self.end.map_or(end, |known| known.max(end)));
                Some(seconds(tick.t))
            }
            _ => self.end,
        };
        let begins = match (self.scenes.back(), at) {
            (None, _) => true,
            // What came before the first tick belongs to it.
            (Some(scene), Some(at)) if !scene.at.is_finite() => {
                if let Some(scene) = self.scenes.back_mut() {
                    scene.at = at;
                }
                false
            }
            (Some(scene), Some(at)) => matches!(frame, Frame::Tick(_)) && at - scene.at >= SCENE,
            (Some(_), None) => false,
        };
        if begins {
            let model = self.standing.clone();
            let bytes = model.nodes.len() * 400 + model.edges.len() * 300;
            self.bytes += bytes;
            let at = at.unwrap_or(f64::NEG_INFINITY);
            self.scenes.push_back(Scene { at, model, frames: Vec::new(), bytes, step: 0.0 });
        }
        self.standing.recall(&frame, at.unwrap_or_default());
        if let Some(scene) = self.scenes.back_mut() {
            let bytes = frame.bytes();
            scene.bytes += bytes;
            self.bytes += bytes;
            scene.frames.push(frame);
        }
        if begins {
            self.shorten(playing);
        }
    }

    /// Keeps within the limits.
    fn shorten(&mut self, playing: Place) {
        let oldest = self.end.unwrap_or_default() - FILM_SECONDS as f64;
        while self.scenes.get(1).is_some_and(|scene| scene.at <= oldest) {
            self.drop_first();
        }
        let limit = self.limit.unwrap_or(MOST_BYTES);
        while self.bytes > limit && self.scenes.len() > 1 {
            let old = self.scenes.len().saturating_sub(FINE);
            let playing = playing.scene.checked_sub(self.first);
            let coarse =
                self.scenes.iter().take(old).enumerate().position(|(index, scene)| {
                    scene.step < COARSEST && playing != Some(index as u64)
                });
            match coarse.and_then(|index| self.scenes.get_mut(index)) {
                Some(scene) => {
                    self.bytes -= scene.bytes;
                    scene.coarsen();
                    self.bytes += scene.bytes;
                }
                None => self.drop_first(),
            }
        }
    }

    fn drop_first(&mut self) {
        if let Some(scene) = self.scenes.pop_front() {
            self.first += 1;
            self.bytes -= scene.bytes;
        }
    }

    /// What is at a place, if there is something, and the place after it.
    pub(super) fn get(&self, place: Place) -> Option<(&Frame, Place)> {
        let Place { scene, frame } = place;
        let index = usize::try_from(scene.checked_sub(self.first)?).ok()?;
        match self.scenes.get(index)?.frames.get(frame) {
            Some(found) => Some((found, Place { scene, frame: frame + 1 })),
            None if index + 1 < self.scenes.len() => self.get(Place { scene: scene + 1, frame: 0 }),
            None => None,
        }
    }

    /// Whether what is at a place is kept no more.
    pub(super) fn is_gone(&self, place: Place) -> bool {
        place.scene < self.first
    }

    /// The place of the scene in which the feed's clock showed a time.
    fn scene_at(&self, at: f64) -> Place {
        let after = self.scenes.partition_point(|scene| scene.at <= at);
        Place { scene: self.first + (after as u64).saturating_sub(1), frame: 0 }
    }

    /// The starts of the ticks next to a time: the last one before it, and the first one after it.
    pub(super) fn neighbours(&self, at: f64) -> (Option<f64>, Option<f64>) {
        const SAME: f64 = 1e-4;
        let mut place = self.scene_at(at - SCENE - 1.0);
        let (mut before, mut after) = (None, None);
        while let Some((frame, next)) = self.get(place) {
            place = next;
            let Frame::Tick(tick) = frame else { continue };
            let start = seconds(tick.t);
            if start < at - SAME {
                before = Some(start);
            } else if start > at + SAME {
                after = Some(start);
                break;
            }
        }
        (before, after)
    }

    /// The model as it was at a time, and the place of what came next.
    pub(super) fn model_at(&self, at: f64) -> Option<(Traffic, Place)> {
        let mut place = self.scene_at(at - SERIES_SECONDS as f64);
        let index = usize::try_from(place.scene.checked_sub(self.first)?).ok()?;
        let mut model = self.scenes.get(index)?.model.clone();
        let mut settling = false;
        while let Some((frame, next)) = self.get(place) {
            match frame {
                Frame::Tick(tick) => {
                    let start = seconds(tick.t);
                    if start > at {
                        break;
                    }
                    if start < at - SETTLING {
                        model.recount(tick);
                    } else {
                        if !std::mem::replace(&mut settling, true) {
                            model.begin(start);
                        }
                        model.follow(tick);
                    }
                }
                other => model.recall(other, start_of(other).unwrap_or(at)),
            }
            place = next;
        }
        Some((model, place))
    }

    /// The ticks that began between two times, in order.
    pub(super) fn ticks(&self, from: f64, until: f64) -> Vec<Tick> {
        let mut place = self.scene_at(from - SCENE - 1.0);
        let mut ticks = Vec::new();
        while let Some((frame, next)) = self.get(place) {
            place = next;
            let Frame::Tick(tick) = frame else { continue };
            match seconds(tick.t) {
                start if start > until => break,
                start if start >= from => ticks.push(tick.clone()),
                _ => {}
            }
        }
        ticks
    }
}

fn start_of(frame: &Frame) -> Option<f64> {
    match frame {
        Frame::Tick(tick) | Frame::Again(tick) => Some(seconds(tick.t)),
        Frame::Graph(_) | Frame::Notice(_) => None,
    }
}

impl Frame {
    /// How many bytes it takes, by and large.
    fn bytes(&self) -> usize {
        match self {
            Self::Tick(tick) | Self::Again(tick) => {
                160 + size_of_val(&tick.edges[..])
                    + size_of_val(&tick.instances[..])
                    + size_of_val(&tick.versions[..])
            }
            Self::Graph(graph) => 160 + graph.nodes.len() * 200 + size_of_val(&graph.edges[..]),
            Self::Notice(notice) => 160 + notice.text.len(),
        }
    }
}

impl Scene {
    /// Joins neighbouring ticks.
    fn coarsen(&mut self) {
        self.step = if self.step == 0.0 { 1.0 } else { self.step * COARSER };
        let mut joined: Vec<Frame> = Vec::new();
        for frame in self.frames.drain(..) {
            match (joined.last_mut(), frame) {
                (Some(Frame::Tick(last)), Frame::Tick(next)) if fits(last, &next, self.step) => {
                    join(last, next);
                }
                (_, frame) => joined.push(frame),
            }
        }
        joined.shrink_to_fit();
        self.frames = joined;
        let held = self.model.nodes.len() * 400 + self.model.edges.len() * 300;
        self.bytes = held + self.frames.iter().map(Frame::bytes).sum::<usize>();
    }
}

fn fits(last: &Tick, next: &Tick, step: f64) -> bool {
    seconds(next.t + u64::from(next.ms)) - seconds(last.t) <= step + 1e-6
}

/// Adds what happened in the next interval.
fn join(tick: &mut Tick, next: Tick) {
    let end = next.t.saturating_add(u64::from(next.ms));
    tick.ms = u32::try_from(end.saturating_sub(tick.t)).unwrap_or(u32::MAX);
    tick.spans += next.spans;
    tick.unknown += next.unknown;
    let mut edges: BTreeMap<EdgeId, EdgeTick> = BTreeMap::new();
    for moved in tick.edges.drain(..).chain(next.edges) {
        edges.entry(moved.edge).and_modify(|sum| add(sum, &moved)).or_insert(moved);
    }
    tick.edges = edges.into_values().collect();
    let mut instances: BTreeMap<NodeId, (u64, u64)> = BTreeMap::new();
    for InstanceTick(node, live, cold) in tick.instances.drain(..).chain(next.instances) {
        let sum = instances.entry(node).or_default();
        *sum = (live, sum.1 + cold);
    }
    tick.instances =
        instances.into_iter().map(|(id, (live, cold))| InstanceTick(id, live, cold)).collect();
    let mut versions: BTreeMap<(NodeId, u32), f64> = BTreeMap::new();
    for VersionTick(node, version, hops) in tick.versions.drain(..).chain(next.versions) {
        *versions.entry((node, version)).or_default() += hops;
    }
    tick.versions =
        versions.into_iter().map(|((id, version), hops)| VersionTick(id, version, hops)).collect();
}

/// Latencies are the mean, weighted by hops.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "microseconds; they saturate"
)]
fn add(sum: &mut EdgeTick, more: &EdgeTick) {
    let (old, new) = (sum.counts.total().max(0.0), more.counts.total().max(0.0));
    let mean = |a: u64, b: u64| match (a, b) {
        (0, only) | (only, 0) => only,
        (a, b) if old + new > 0.0 => ((a as f64 * old + b as f64 * new) / (old + new)) as u64,
        (a, _) => a,
    };
    sum.p50_us = mean(sum.p50_us, more.p50_us);
    sum.p99_us = mean(sum.p99_us, more.p99_us);
    sum.counts.add(&more.counts);
    sum.again += more.again;
}

#[cfg(test)]
mod tests {
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
}
