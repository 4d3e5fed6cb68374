//! The model: nodes, edges and their recent past, and the playback clock. Only this module's
//! systems write it; scene and panels read it, and send commands.

mod apply;
mod clock;
mod film;
pub mod history;
pub mod model;
mod rates;
mod recall;
mod reel;
mod running;
#[cfg(test)]
mod tests;
mod unknown;

pub use film::FILM_SECONDS;
pub use history::History;
pub use model::{EdgeState, NodeState, Rates, Series, Traffic};
pub use rates::{RateSum, TIME_CONSTANT};
pub use running::Running;

use std::time::Duration;

use bevy::prelude::*;
use bevy::time::Real;
use spanfall_collector::feed::message::{Message as FeedMessage, Tick};

use crate::activity::Activity;
use crate::app::Flow;
use crate::focus::{Command, Focus};
use crate::source::Arrived;
use reel::Reel;

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
    /// Seconds that were played since the viewer started. Particles are placed by it; it never goes
    /// back, whatever moment is shown.
    pub now: f64,
    /// How fast it runs: 1 is real time, 0 is paused.
    pub speed: f64,
    /// Seconds since the last tick came from the source, of the wall's clock.
    pub age: f64,
    /// Whether the picture is at the present.
    pub live: bool,
    /// The feed's time that is shown, in seconds since 1970; none before the first tick.
    pub at: Option<f64>,
    /// Grows whenever another moment is shown: particles that are under way belong to another time.
    pub epoch: u64,
}

impl Default for Playback {
    fn default() -> Self {
        Self { now: 0.0, speed: 1.0, age: 0.0, live: true, at: None, epoch: 0 }
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
            .init_resource::<History>()
            .init_resource::<SourceState>()
            .insert_resource(Tape(Reel::new(self.forget_after.as_secs_f64())))
            .insert_resource(Forgetting { after: self.forget_after.as_secs_f64(), checked: 0.0 })
            .add_systems(
                Update,
                (obey, receive, play, forget, drop_stale_detail).chain().in_set(Flow::Traffic),
            );
    }
}

/// The last hour, and where in it the picture is.
#[derive(Resource, Debug)]
struct Tape(Reel);

/// When quiet nodes and edges go.
#[derive(Resource, Debug)]
struct Forgetting {
    after: f64,
    /// When that was last looked at, by the playback clock.
    checked: f64,
}

/// What a person does with time.
fn obey(
    mut commands: MessageReader<'_, '_, Command>,
    source: Res<'_, SourceState>,
    mut tape: ResMut<'_, Tape>,
) {
    let Tape(reel) = &mut *tape;
    for command in commands.read() {
        match *command {
            Command::TogglePause => {
                let pauses = matches!(*source, SourceState::Recording(_) | SourceState::Sample(_));
                reel.toggle_pause(pauses);
            }
            Command::Seek(at) => reel.seek(at),
            Command::SeekBegin => reel.seek(0.0),
            Command::Live => reel.live(),
            Command::StepTick(forward) => reel.step(forward),
            Command::Faster => reel.faster(true),
            Command::Slower => reel.faster(false),
            _ => {}
        }
    }
}

/// Takes in what the source brought.
fn receive(
    mut arrived: MessageReader<'_, '_, Arrived>,
    time: Res<'_, Time<Real>>,
    mut traffic: ResMut<'_, Traffic>,
    mut history: ResMut<'_, History>,
    mut tape: ResMut<'_, Tape>,
    mut activity: ResMut<'_, Activity>,
) {
    let Tape(reel) = &mut *tape;
    for arrived in arrived.read() {
        if !matches!(arrived, Arrived::Message { message: FeedMessage::Tick(_), .. }) {
            // Whatever it is, it shows, and takes a moment to.
            activity.extend(&time, 1.0);
        }
        match arrived {
            Arrived::Message { message, at } => {
                follow(message, *at, &mut traffic, reel, &mut history);
            }
            Arrived::Reset => {
                traffic.reset();
                reel.reset();
                history.clear();
            }
        }
        history.bound(reel.range());
    }
}

fn follow(
    message: &FeedMessage,
    at: f64,
    traffic: &mut Traffic,
    reel: &mut Reel,
    history: &mut History,
) {
    match message {
        FeedMessage::Hello(hello) => {
            traffic.unit = hello.unit;
            reel.greet(hello, at);
        }
        FeedMessage::Graph(graph) => reel.take_graph(graph),
        FeedMessage::Tick(tick) => {
            if reel.take(tick, at) {
                history.follow(tick);
            }
        }
        FeedMessage::Notice(notice) => {
            history.mark(notice, reel.heard);
            reel.take_notice(notice);
        }
        FeedMessage::Detail(detail) => traffic.detail = Some((**detail).clone()),
        FeedMessage::Lost(lost) => {
            tracing::warn!(ticks = lost.ticks, "this viewer was too slow and lost ticks");
        }
        // What these say is for `follow` and `search`.
        FeedMessage::Trace(_) | FeedMessage::Found(_) | FeedMessage::Unknown => {}
    }
}

/// Moves the clock on, and plays what its time has come for.
fn play(
    time: Res<'_, Time<Real>>,
    mut playback: ResMut<'_, Playback>,
    mut tape: ResMut<'_, Tape>,
    mut traffic: ResMut<'_, Traffic>,
    mut played: MessageWriter<'_, Played>,
    mut activity: ResMut<'_, Activity>,
) {
    let Tape(reel) = &mut *tape;
    let wall = time.elapsed_secs_f64();
    let mut out = Vec::new();
    reel.advance(wall, time.delta_secs_f64(), &mut traffic, &mut out);
    played.write_batch(out);
    let speed = reel.pace();
    if playback.live != reel.is_live() {
        debug!("shows the {}", if reel.is_live() { "present" } else { "past" });
    }
    *playback = Playback {
        now: reel.clock.now(),
        speed,
        age: (wall - reel.came).max(0.0),
        live: reel.is_live(),
        at: reel.clock.feed_now(),
        epoch: reel.epoch(),
    };
    // Figures fall to nothing before the picture comes to rest.
    if speed > 0.0 && (reel.has_more() || traffic.rates.total() > 0.0 || !reel.is_live()) {
        activity.extend(&time, 0.5);
    }
}

/// Lets go of what was quiet for long, and fades what soon will be.
fn forget(
    playback: Res<'_, Playback>,
    tape: Res<'_, Tape>,
    mut forgetting: ResMut<'_, Forgetting>,
    mut traffic: ResMut<'_, Traffic>,
) {
    // Once a second will do for what takes minutes.
    if playback.now - forgetting.checked < 1.0 {
        return;
    }
    forgetting.checked = playback.now;
    if let Some(feed_now) = tape.0.clock.feed_now() {
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
