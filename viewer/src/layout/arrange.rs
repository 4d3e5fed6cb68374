//! When the layout is made, and what it is made from. In: [`Traffic`] and people's drags. Out:
//! targets in [`Places`]. Large layouts are made off the main thread.

use std::collections::BTreeMap;

use bevy::prelude::*;
use bevy::tasks::{AsyncComputeTaskPool, Task, block_on, futures::check_ready};
use bevy::time::{Real, TimeUpdateStrategy};
use spanfall_collector::reduce::node::NodeId;

use super::layered::{self, Placement, Point, Request};
use super::{DraggedPlaces, Places, Stage, ring};
use crate::activity::Activity;
use crate::picture::{Level, Picture};
use crate::traffic::Traffic;

/// A picture settles for so many seconds after its first node: until then all nodes may move, so
/// that what comes in one by one at the start is laid out as one.
const SETTLES_FOR: f64 = 15.0;

/// A picture of at most so many nodes has not settled either: a good layout matters more.
const FEW: usize = 6;

/// While it settles, nodes move at most every so many seconds.
const PACE: f64 = 0.8;

/// Up to so many nodes a layout takes less time than a frame, and is made at once.
const AT_ONCE: usize = 40;

/// What the layout knows from one frame to the next.
#[derive(Resource, Debug, Default)]
pub(super) struct Arrangement {
    placement: Placement,
    /// What `placement` was made for.
    request: Request,
    pins: BTreeMap<NodeId, Point>,
    /// Everything may move once: asked for by a person.
    anew: bool,
    /// The [`Picture::revision`] last looked at.
    seen: Option<u64>,
    /// When the first node came, in seconds of `Time<Real>`.
    began: Option<f64>,
    /// When a layout was last made.
    made: f64,
    making: Option<(Request, Task<Placement>)>,
    /// [`Picture::ground`] of what is laid out now; none before the first.
    ground: Option<u64>,
    /// Whether it is laid out as a ring.
    ring: bool,
    /// The layouts of other grounds, the one left last at the end.
    shelf: Vec<Kept>,
}

/// The layout of a ground that is not shown now: whoever comes back finds everything where it was.
#[derive(Debug)]
struct Kept {
    ground: Option<u64>,
    placement: Placement,
    pins: BTreeMap<NodeId, Point>,
    began: Option<f64>,
}

/// Layouts that are kept at most.
const SHELF: usize = 32;

impl Arrangement {
    /// Goes to another level or filter, and lays it out as it was when it was left; what was not shown
    /// in this run, as people dragged it before.
    fn turn_to(&mut self, picture: &Picture, dragged: &DraggedPlaces) {
        let ground = Some(picture.ground);
        self.ring = picture.level == Level::World;
        let left = std::mem::replace(&mut self.ground, ground);
        if left == ground {
            return;
        }
        if left.is_none() {
            self.pins = dragged.of(picture.ground);
            return;
        }
        self.shelf.push(Kept {
            ground: left,
            placement: std::mem::take(&mut self.placement),
            pins: std::mem::take(&mut self.pins),
            began: self.began.take(),
        });
        if self.shelf.len() > SHELF {
            self.shelf.remove(0);
        }
        if let Some(at) = self.shelf.iter().position(|kept| kept.ground == ground) {
            let Kept { placement, pins, began, .. } = self.shelf.remove(at);
            (self.placement, self.pins, self.began) = (placement, pins, began);
        } else {
            self.pins = dragged.of(picture.ground);
        }
        self.request = Request::default();
        (self.making, self.seen, self.made) = (None, None, f64::NEG_INFINITY);
    }

    /// A person put a node somewhere: there it stays.
    pub(super) fn pin(&mut self, id: NodeId, at: Point) {
        self.pins.insert(id, at);
        self.placement.places.insert(id, at);
        self.placement.bends.retain(|(source, target), _| *source != id && *target != id);
    }

    /// [`Picture::ground`] of what is laid out; none before the first.
    pub(super) fn ground(&self) -> Option<u64> {
        self.ground
    }

    /// A person asked for a new layout.
    pub(super) fn reset(&mut self) {
        self.pins.clear();
        self.anew = true;
    }

    /// Where an edge should pass on a long way.
    pub(super) fn bends(&self, source: NodeId, target: NodeId) -> Vec<Vec2> {
        let bends = self.placement.bends.get(&(source, target));
        bends.map(|bends| bends.iter().copied().map(Vec2::from).collect()).unwrap_or_default()
    }

    /// Whether a request names none of the placed nodes: another system has come.
    fn is_another(&self, request: &Request) -> bool {
        !request.nodes.keys().any(|id| self.placement.places.contains_key(id))
    }

    /// Whether all nodes may move.
    fn is_young(&self, now: f64) -> bool {
        self.placement.places.len() <= FEW
            || self.began.is_none_or(|began| now - began < SETTLES_FOR)
    }

    /// Gives a node that was known by another name before the place that it had there.
    fn follow_merges(
        &mut self,
        traffic: &Traffic,
        picture: &Picture,
        dragged: &mut DraggedPlaces,
        now: f64,
    ) {
        for (from, into) in &traffic.merged {
            if picture.nodes.contains_key(into)
                && !self.placement.places.contains_key(into)
                && let Some(at) = self.placement.places.remove(from)
            {
                self.placement.places.insert(*into, at);
                if let Some(pin) = self.pins.remove(from) {
                    self.pins.insert(*into, pin);
                    dragged.rename(picture.ground, *from, *into, now);
                }
            }
        }
    }

    /// Begins a layout. What it yields is taken by [`arrange`].
    fn begin(&mut self, request: Request, now: f64) {
        let anew = std::mem::take(&mut self.anew) || self.is_young(now);
        let (known, pins, wanted) = (self.placement.clone(), self.pins.clone(), request.clone());
        let ring = self.ring;
        let make = move || {
            if ring {
                ring::arrange(&pins, &wanted)
            } else if anew {
                layered::arrange_around(&pins, &wanted)
            } else {
                layered::extend(&known, &wanted)
            }
        };
        let task = if request.nodes.len() <= AT_ONCE {
            let placement = make();
            AsyncComputeTaskPool::get_or_init(Default::default).spawn(async move { placement })
        } else {
            AsyncComputeTaskPool::get_or_init(Default::default).spawn(async move { make() })
        };
        self.making = Some((request, task));
    }
}

/// Makes a layout when there is something new to place, and hands the finished one to [`Places`].
pub(super) fn arrange(
    (traffic, picture): (Res<'_, Traffic>, Res<'_, Picture>),
    stage: Res<'_, Stage>,
    time: Res<'_, Time<Real>>,
    stepped: Option<Res<'_, TimeUpdateStrategy>>,
    (mut arrangement, mut dragged): (ResMut<'_, Arrangement>, ResMut<'_, DraggedPlaces>),
    mut places: ResMut<'_, Places>,
    mut activity: ResMut<'_, Activity>,
) {
    let arrangement = &mut *arrangement;
    let now = time.elapsed_secs_f64();
    arrangement.turn_to(&picture, &dragged);
    if arrangement.making.is_none() {
        let dragged = dragged.bypass_change_detection();
        look(arrangement, dragged, (&traffic, &picture), *stage, &mut activity, &time);
    }
    let Some((request, mut task)) = arrangement.making.take() else { return };
    // Where time is stepped (tests, snapshots), a frame is the same however busy the computer is.
    let stepped =
        stepped.is_some_and(|strategy| !matches!(*strategy, TimeUpdateStrategy::Automatic));
    let ready = if stepped || request.nodes.len() <= AT_ONCE {
        Some(block_on(task))
    } else {
        let ready = check_ready(&mut task);
        if ready.is_none() {
            activity.extend(&time, 0.1);
            arrangement.making = Some((request.clone(), task));
        }
        ready
    };
    if let Some(mut placement) = ready {
        // A person may have dragged a node while this was made.
        for (id, at) in &arrangement.pins {
            if request.nodes.contains_key(id) {
                placement.places.insert(*id, *at);
            }
        }
        arrangement.made = now;
        arrangement.request = request;
        arrangement.placement = placement;
        hand_over(&arrangement.placement, (&traffic, &picture), &mut places);
        activity.extend(&time, 0.1);
    }
}

/// Begins a layout if the graph has changed, or if a person asked for one.
fn look(
    arrangement: &mut Arrangement,
    dragged: &mut DraggedPlaces,
    (traffic, picture): (&Traffic, &Picture),
    stage: Stage,
    activity: &mut Activity,
    time: &Time<Real>,
) {
    let now = time.elapsed_secs_f64();
    if arrangement.seen == Some(picture.revision) && !arrangement.anew {
        return;
    }
    let request = request(picture, stage);
    if request.nodes == arrangement.request.nodes
        && request.edges == arrangement.request.edges
        && !arrangement.anew
    {
        arrangement.seen = Some(picture.revision);
        return;
    }
    if arrangement.is_another(&request) {
        arrangement.began = (!request.nodes.is_empty()).then_some(now);
    } else if arrangement.is_young(now) && now < arrangement.made + PACE && !arrangement.anew {
        // Not yet: see again when the pace allows.
        activity.extend(time, 0.1);
        return;
    }
    arrangement.seen = Some(picture.revision);
    arrangement.follow_merges(traffic, picture, dragged, now);
    arrangement.begin(request, now);
}

fn request(picture: &Picture, stage: Stage) -> Request {
    Request {
        nodes: picture.nodes.iter().map(|(id, node)| (*id, node.entry)).collect(),
        edges: picture.edges.values().map(|edge| (edge.source, edge.target)).collect(),
        aspect: stage.aspect,
    }
}

/// Gives nodes their targets; a new node sets out from between its caller and its place.
fn hand_over(placement: &Placement, (traffic, picture): (&Traffic, &Picture), places: &mut Places) {
    let first = !places.now.keys().any(|id| placement.places.contains_key(id));
    for (id, at) in &placement.places {
        let target = Vec2::from(*at);
        places.target.insert(*id, target);
        if places.now.contains_key(id) {
            continue;
        }
        let former = traffic
            .merged
            .iter()
            .find_map(|(from, into)| (into == id).then(|| places.now.get(from)).flatten());
        let caller = || {
            let edge = picture.edges.values().find(|edge| edge.target == *id)?;
            places.now.get(&edge.source).map(|caller| caller.lerp(target, 0.6))
        };
        let start = match former {
            Some(at) => *at,
            None if first => target,
            None => caller().unwrap_or(target - Vec2::X * 60.0),
        };
        places.now.insert(*id, start);
        places.speed.insert(*id, Vec2::ZERO);
    }
    // Only now: a node that is another's new name sets out from where the other one was.
    places.now.retain(|id, _| placement.places.contains_key(id));
    places.target.retain(|id, _| placement.places.contains_key(id));
    places.radius.retain(|id, _| placement.places.contains_key(id));
    places.speed.retain(|id, _| placement.places.contains_key(id));
    places.revision += 1;
    places.moves += 1;
}
