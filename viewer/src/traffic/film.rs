//! The film: what came in the last hour, kept so that any moment of it can be shown again. In: ticks,
//! graphs and notices, in order. Out: the same in order from any place on, and the model as it was.
//!
//! A minute of film is a scene, or less where much happens. Each begins with the model as it then was, so
//! a moment is made from the scene before it. Memory is bounded: past the limit the oldest scenes get
//! coarser ticks, and go.

mod kept;

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};

use spanfall_collector::feed::message::{EdgeTick, Graph, InstanceTick, Notice, Tick, VersionTick};
use spanfall_collector::reduce::hop::EdgeId;
use spanfall_collector::reduce::node::NodeId;

use super::model::{SERIES_SECONDS, Traffic};
use super::seconds;
use kept::{Roll, Shot};

/// How much is kept, in seconds.
pub const FILM_SECONDS: usize = 3_600;

/// Seconds in a scene.
const SCENE: f64 = 60.0;

/// Of the limit, what a scene takes at most; the newest one always stays.
const SCENE_SHARE: usize = 32;

/// How many bytes a film takes at most, by and large. A shop's hour takes 10 MB; only systems in which
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
    /// Of a tick that came before, what runs: a complete graph, as it was before that tick, has come in
    /// between.
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
    frames: Roll,
    /// Bytes of the model, and of all.
    held: usize,
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
            (Some(scene), Some(at)) => {
                scene.is_full(self.limit())
                    || (matches!(frame, Frame::Tick(_)) && at - scene.at >= SCENE)
            }
            (Some(scene), None) => scene.is_full(self.limit()),
        };
        if begins {
            let model = self.standing.clone();
            let bytes = model_bytes(&model);
            self.bytes += bytes;
            let at = at.unwrap_or(f64::NEG_INFINITY);
            let held = bytes;
            self.scenes.push_back(Scene {
                at,
                model,
                frames: Roll::default(),
                held,
                bytes,
                step: 0.0,
            });
        }
        self.standing.recall(&frame, at.unwrap_or_default());
        if let Some(scene) = self.scenes.back_mut() {
            let bytes = scene.frames.push(frame);
            scene.bytes += bytes;
            self.bytes += bytes;
        }
        if begins || self.bytes > self.limit() {
            self.shorten(playing);
        }
    }

    fn limit(&self) -> usize {
        self.limit.unwrap_or(MOST_BYTES)
    }

    /// Keeps within the limits.
    fn shorten(&mut self, playing: Place) {
        let oldest = self.end.unwrap_or_default() - FILM_SECONDS as f64;
        while self.scenes.get(1).is_some_and(|scene| scene.at <= oldest) {
            self.drop_first();
        }
        let limit = self.limit();
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
    pub(super) fn get(&self, place: Place) -> Option<(Cow<'_, Frame>, Place)> {
        self.shot(place).map(|(shot, next)| (shot.frame(), next))
    }

    /// Whether there is something at a place.
    pub(super) fn has(&self, place: Place) -> bool {
        self.shot(place).is_some()
    }

    fn shot(&self, place: Place) -> Option<(Shot<'_>, Place)> {
        let Place { scene, frame } = place;
        let index = usize::try_from(scene.checked_sub(self.first)?).ok()?;
        match self.scenes.get(index)?.frames.get(frame) {
            Some(found) => Some((found, Place { scene, frame: frame + 1 })),
            None if index + 1 < self.scenes.len() => {
                self.shot(Place { scene: scene + 1, frame: 0 })
            }
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
        while let Some((shot, next)) = self.shot(place) {
            place = next;
            let Some(start) = shot.start().map(seconds) else { continue };
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
            match &*frame {
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
        while let Some((shot, next)) = self.shot(place) {
            place = next;
            match shot.start().map(seconds) {
                Some(start) if start > until => break,
                Some(start) if start >= from => {
                    if let Frame::Tick(tick) = shot.frame().into_owned() {
                        ticks.push(tick);
                    }
                }
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

/// How many bytes a model without figures takes, by and large.
fn model_bytes(model: &Traffic) -> usize {
    model.nodes.len() * 400 + model.edges.len() * 300
}

impl Scene {
    /// Whether another one begins, however little time has passed.
    fn is_full(&self, limit: usize) -> bool {
        // A model that is large is worth frames of its size: each scene has one.
        self.bytes - self.held > (limit / SCENE_SHARE).max(self.held)
    }

    /// Joins neighbouring ticks.
    fn coarsen(&mut self) {
        self.step = if self.step == 0.0 { 1.0 } else { self.step * COARSER };
        let mut joined: Vec<Frame> = Vec::new();
        for frame in self.frames.frames() {
            match (joined.last_mut(), frame.into_owned()) {
                (Some(Frame::Tick(last)), Frame::Tick(next)) if fits(last, &next, self.step) => {
                    join(last, next);
                }
                (_, frame) => joined.push(frame),
            }
        }
        self.frames = Roll::default();
        let bytes: usize = joined.into_iter().map(|frame| self.frames.push(frame)).sum();
        self.bytes = self.held + bytes;
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
mod tests;
