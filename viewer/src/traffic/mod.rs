//! The model: nodes, edges and their recent past, and the playback clock. Only this module's
//! systems write it; scene and panels read it, and send commands.

mod apply;
mod clock;
pub mod model;
mod rates;
mod running;
#[cfg(test)]
mod tests;
mod unknown;

pub use model::{EdgeState, NodeState, Rates, Series, Traffic};
pub use rates::TIME_CONSTANT;
pub use running::Running;

use std::collections::VecDeque;
use std::time::Duration;

use bevy::prelude::*;
use bevy::time::Real;
use spanfall_collector::feed::message::{Graph, Hello, Message as FeedMessage, Tick};

use crate::activity::Activity;
use crate::app::Flow;
use crate::focus::{Command, Focus};
use crate::source::Arrived;
use clock::Clock;

/// A tick whose time has come on the playback clock: its hops set out, evenly spread, between
/// `start` and `start + length`. Particles spawn from these.
#[derive(Message, Clone, Debug)]
pub struct Played {
    /// The tick.
    pub tick: Tick,
    /// When its first hop sets out, in seconds of [`Playback::now`].
    pub start: f64,
    /// Over how many seconds its hops set out.
    pub length: f64,
}

/// The playback clock. It runs a little behind the feed, so that hops can be spread evenly.
#[derive(Resource, Clone, Debug)]
pub struct Playback {
    /// Seconds since the viewer started to play. Particles are placed by it; it never jumps back
    /// while a source plays.
    pub now: f64,
    /// How fast it runs: 1 is real time, 0 is paused.
    pub speed: f64,
    /// Seconds since the last tick came from the source, of the wall's clock.
    pub age: f64,
}

impl Default for Playback {
    fn default() -> Self {
        Self { now: 0.0, speed: 1.0, age: 0.0 }
    }
}

/// Where the picture's traffic comes from right now.
#[derive(Resource, Clone, Debug, Default, PartialEq)]
pub enum SourceState {
    /// Nothing has come yet.
    #[default]
    Starting,
    /// A bundled sample plays until live spans arrive; the text names it.
    Sample(String),
    /// A recording plays; the text names it.
    Recording(String),
    /// Live traffic; the text says from where (`this computer`, or the collector's URL).
    Live(String),
    /// The feed is lost: from where, why, and when (seconds of the wall's clock) it is tried again.
    Lost {
        /// The collector's URL.
        from: String,
        /// What went wrong, for a person.
        why: String,
        /// Seconds until the next try.
        retry_in: f64,
    },
}

/// How many ticks wait for their time at most: 400 s of the usual ones, as while paused. Past it
/// the oldest count in rates and series, and are not played.
const MAX_WAITING: usize = 2_000;

/// A tick that comes later than this, in seconds, counts and is not played: it belongs to the
/// past, such as the ticks that a new viewer receives first.
const LATE: f64 = 0.5;

/// After this many seconds without a tick, rates fade as if nothing happened.
const SILENCE: f64 = 2.0;

/// Follows the feed: keeps [`Traffic`], runs [`Playback`], says what is [`Played`].
#[derive(Clone, Debug)]
pub struct TrafficPlugin {
    /// Nodes and edges without traffic for so long fade and go. A hop brings them back.
    pub forget_after: Duration,
}

impl Default for TrafficPlugin {
    fn default() -> Self {
        // Long enough for what runs every ten minutes to keep its place on the wall.
        Self { forget_after: Duration::from_mins(15) }
    }
}

impl Plugin for TrafficPlugin {
    fn build(&self, app: &mut App) {
        app.add_message::<Played>()
            .init_resource::<Traffic>()
            .init_resource::<Playback>()
            .insert_resource(Reel::default())
            .insert_resource(Forgetting { after: self.forget_after.as_secs_f64(), checked: 0.0 })
            .add_systems(
                Update,
                (obey, receive, play, forget, drop_stale_detail).chain().in_set(Flow::Traffic),
            );
    }
}

/// Ticks that wait for their time, and the clock that says when it has come.
#[derive(Resource, Debug, Default)]
struct Reel {
    clock: Clock,
    waiting: VecDeque<Waiting>,
    /// The newest tick that came, in milliseconds since 1970: what comes again is passed over.
    newest: Option<u64>,
    /// The latest the feed's clock is known to have shown, in seconds since 1970.
    heard: f64,
    /// When the last tick came, in seconds of `Time<Real>`.
    came: f64,
}

/// What waits for its time.
#[derive(Debug)]
enum Waiting {
    /// A tick.
    Tick(Tick),
    /// A tick that came before, of which only what runs is of interest: a complete graph, as it was
    /// before that tick, has come in between.
    Again(Tick),
    /// What a graph says of what runs, as it was between the ticks around it.
    Standing(Graph),
}

/// When quiet nodes and edges go.
#[derive(Resource, Debug)]
struct Forgetting {
    after: f64,
    /// When that was last looked at, by the playback clock.
    checked: f64,
}

fn obey(mut commands: MessageReader<'_, '_, Command>, mut playback: ResMut<'_, Playback>) {
    for command in commands.read() {
        if *command == Command::TogglePause {
            playback.speed = if playback.speed > 0.0 { 0.0 } else { 1.0 };
        }
    }
}

/// Takes in what the source brought: graphs at once, ticks to wait for their time.
fn receive(
    mut arrived: MessageReader<'_, '_, Arrived>,
    time: Res<'_, Time<Real>>,
    mut traffic: ResMut<'_, Traffic>,
    mut reel: ResMut<'_, Reel>,
    mut activity: ResMut<'_, Activity>,
) {
    for arrived in arrived.read() {
        if !matches!(arrived, Arrived::Message { message: FeedMessage::Tick(_), .. }) {
            // Whatever it is, it shows, and takes a moment to.
            activity.extend(&time, 1.0);
        }
        match arrived {
            Arrived::Message { message, at } => follow(message, *at, &mut traffic, &mut reel),
            Arrived::Reset => {
                traffic.reset();
                reel.reset();
            }
        }
    }
}

fn follow(message: &FeedMessage, at: f64, traffic: &mut Traffic, reel: &mut Reel) {
    match message {
        FeedMessage::Hello(hello) => {
            traffic.unit = hello.unit;
            reel.greet(hello, at);
        }
        FeedMessage::Graph(graph) => {
            traffic.apply_graph(graph, reel.heard);
            reel.keep_standing(graph);
        }
        FeedMessage::Tick(tick) => reel.take(tick, at),
        FeedMessage::Notice(notice) => traffic.apply_notice(notice),
        FeedMessage::Detail(detail) => traffic.detail = Some((**detail).clone()),
        FeedMessage::Lost(lost) => {
            tracing::warn!(ticks = lost.ticks, "this viewer was too slow and lost ticks");
        }
        FeedMessage::Unknown => {}
    }
}

impl Reel {
    fn reset(&mut self) {
        self.waiting.clear();
        self.newest = None;
        self.clock.unhitch(0.0);
    }

    /// A connection begins: its clock may be another one.
    fn greet(&mut self, hello: &Hello, at: f64) {
        let shown = seconds(hello.now_ms);
        self.clock.unhitch(f64::from(hello.tick_ms) / 1e3);
        self.clock.hear(shown, at);
        // Its clock was set back: what comes is no repetition.
        if self.newest.is_some_and(|newest| hello.now_ms < newest) {
            self.newest = None;
        }
        self.heard = shown;
    }

    fn take(&mut self, tick: &Tick, at: f64) {
        self.came = at;
        // After a reconnect the recent past comes again.
        if self.newest.is_some_and(|newest| tick.t <= newest) {
            if !tick.instances.is_empty() || !tick.versions.is_empty() {
                self.waiting.push_back(Waiting::Again(tick.clone()));
            }
            return;
        }
        self.newest = Some(tick.t);
        let (start, length) = (seconds(tick.t), f64::from(tick.ms) / 1e3);
        // Ticks of the past say nothing about how long a tick takes to arrive.
        if start + length >= self.heard {
            self.clock.tick(start, length, at);
            self.heard = start + length;
        }
        self.waiting.push_back(Waiting::Tick(tick.clone()));
    }

    /// Nodes and edges are shown at once; what is said of what runs counts between the ticks.
    fn keep_standing(&mut self, graph: &Graph) {
        let Graph { complete, instances, versions, nodes: _, edges: _, merged: _ } = graph;
        if *complete || !instances.is_empty() || !versions.is_empty() {
            self.waiting.push_back(Waiting::Standing(Graph {
                complete: *complete,
                instances: instances.clone(),
                versions: versions.clone(),
                ..Graph::default()
            }));
        }
    }

    /// What is next, if its time has come when the playback clock shows `now`; a tick with the time at
    /// which it is played.
    fn next(&mut self, now: f64) -> Option<(Waiting, f64)> {
        let start = match self.waiting.front()? {
            Waiting::Tick(tick) => self.clock.time_of(seconds(tick.t))?,
            Waiting::Again(_) | Waiting::Standing(_) => now,
        };
        if start > now && self.waiting.len() <= MAX_WAITING {
            return None;
        }
        Some((self.waiting.pop_front()?, start))
    }
}

/// Moves the clock on, and plays what its time has come for.
fn play(
    time: Res<'_, Time<Real>>,
    mut playback: ResMut<'_, Playback>,
    mut reel: ResMut<'_, Reel>,
    mut traffic: ResMut<'_, Traffic>,
    mut played: MessageWriter<'_, Played>,
    mut activity: ResMut<'_, Activity>,
) {
    let wall = time.elapsed_secs_f64();
    reel.clock.advance(wall, time.delta_secs_f64(), playback.speed);
    let now = reel.clock.now();
    playback.now = now;
    playback.age = (wall - reel.came).max(0.0);
    while let Some((next, start)) = reel.next(now) {
        let tick = match next {
            Waiting::Tick(tick) => tick,
            Waiting::Again(tick) => {
                traffic.follow_running(&tick);
                continue;
            }
            Waiting::Standing(graph) => {
                traffic.learn_running(&graph);
                continue;
            }
        };
        traffic.follow(&tick);
        let end = start + f64::from(tick.ms) / 1e3;
        if end < now - LATE || start > now || tick.edges.is_empty() {
            continue;
        }
        // What is a little late sets out in what is left of its interval, so that nothing appears
        // in the middle of an edge.
        let start = start.max(now - time.delta_secs_f64());
        played.write(Played { tick, start, length: (end - start).max(0.02) });
    }
    if playback.speed > 0.0 && !reel.waiting.is_empty() {
        activity.extend(&time, 0.5);
    }
    if playback.speed > 0.0
        && let (Some(feed_now), Some(until)) = (reel.clock.feed_now(), traffic.until)
        && feed_now > until + SILENCE
    {
        traffic.follow_silence(feed_now);
    }
    // Figures fall to nothing before the picture comes to rest.
    if playback.speed > 0.0 && traffic.rates.total() > 0.0 {
        activity.extend(&time, 0.5);
    }
}

/// Lets go of what was quiet for long, and fades what soon will be.
fn forget(
    playback: Res<'_, Playback>,
    reel: Res<'_, Reel>,
    mut forgetting: ResMut<'_, Forgetting>,
    mut traffic: ResMut<'_, Traffic>,
) {
    // Once a second will do for what takes minutes.
    if playback.now - forgetting.checked < 1.0 {
        return;
    }
    forgetting.checked = playback.now;
    if let Some(feed_now) = reel.clock.feed_now() {
        traffic.forget(feed_now, forgetting.after);
    }
}

/// Details are about what was selected when they were asked for.
fn drop_stale_detail(focus: Res<'_, Focus>, mut traffic: ResMut<'_, Traffic>) {
    if focus.is_changed()
        && traffic
            .detail
            .as_ref()
            .is_some_and(|detail| !focus.is_selected(detail.node, detail.edge))
    {
        traffic.detail = None;
    }
}

/// Milliseconds as seconds. Doubles hold milliseconds since 1970 exactly for 285,000 years.
#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit in 53 bits")]
pub(crate) fn seconds(ms: u64) -> f64 {
    ms as f64 / 1e3
}
