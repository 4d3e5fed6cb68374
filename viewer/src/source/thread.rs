//! The background thread on which a source runs, with a tokio runtime of its own. In: a
//! [`Source`]. Out: events in the [`Inbox`], which [`receive`] hands to the app each frame.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use bevy::prelude::*;
use bevy::time::Real;
use bevy::winit::EventLoopProxyWrapper;
use spanfall_collector::feed::message::{Inspect, Request};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::inbox::{Event, Inbox};
use super::intake::Intake;
use super::{Arrived, Source, connect, embedded, recording, vizceral};
use crate::activity;
use crate::focus::{Focus, Item};
use crate::follow::Following;
use crate::picture::id::{is_edge_made_here, is_made_here};
use crate::search::Search;
use crate::traffic::{Playback, SourceState};

/// What a source works with.
#[derive(Clone)]
pub(super) struct Feed {
    /// Where messages go.
    pub(super) inbox: Arc<Inbox>,
    /// What the viewer asks for; the newest counts.
    pub(super) requests: watch::Receiver<Request>,
    /// Whether the picture stands still.
    pub(super) paused: watch::Receiver<bool>,
    /// The app ends.
    pub(super) stop: CancellationToken,
}

/// The app's end of a running source. Dropping it ends the source, which may take a few seconds:
/// an embedded collector says goodbye to those who talk to it.
#[derive(Resource)]
pub(super) struct Link {
    inbox: Arc<Inbox>,
    requests: watch::Sender<Request>,
    paused: watch::Sender<bool>,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
    /// When a lost feed is tried again.
    retry_at: Option<Instant>,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            error!("the source's thread did not end well");
        }
    }
}

/// What to start when the app runs.
#[derive(Resource, Debug)]
pub(super) struct Planned(pub(super) Source);

/// Starts the source.
pub(super) fn start(
    planned: Res<'_, Planned>,
    event_loop: Option<Res<'_, EventLoopProxyWrapper>>,
    mut commands: Commands<'_, '_>,
) {
    let inbox = Arc::new(Inbox::new(activity::waker(event_loop.as_deref())));
    let nothing = Request::Inspect(Inspect::default());
    let (requests, asked) = watch::channel(nothing);
    let (paused, pauses) = watch::channel(false);
    let stop = CancellationToken::new();
    let feed =
        Feed { inbox: Arc::clone(&inbox), requests: asked, paused: pauses, stop: stop.clone() };
    let source = planned.0.clone();
    let thread = std::thread::Builder::new()
        .name("source".into())
        .spawn(move || run(feed, source))
        .inspect_err(|error| error!("cannot start a thread for the source: {error}"))
        .ok();
    commands.insert_resource(Link { inbox, requests, paused, stop, thread, retry_at: None });
}

fn run(feed: Feed, source: Source) {
    // Two threads: an embedded collector receives while the feed is read.
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    match runtime {
        Ok(runtime) => runtime.block_on(async {
            let (stop, inbox) = (feed.stop.clone(), Arc::clone(&feed.inbox));
            let read = async {
                match source {
                    Source::Connect(endpoint) => {
                        tokio::select! {
                            () = connect::run(feed, endpoint) => {}
                            () = stop.cancelled() => {}
                        }
                    }
                    Source::Embedded(embedded) => embedded::run(feed, embedded).await,
                    Source::Replay(recording) => recording::run(feed, recording).await,
                    Source::Vizceral(source) => {
                        tokio::select! {
                            () = vizceral::run(feed, source) => {}
                            () = stop.cancelled() => {}
                        }
                    }
                    // It is read by the app itself: see `feed_file`.
                    Source::FeedFile(_) => {}
                }
            };
            tokio::select! {
                () = read => {}
                () = inbox.watch() => {}
            }
        }),
        Err(error) => error!("cannot start the source: {error}"),
    }
}

/// Hands to the app what has come.
pub(super) fn receive(
    mut link: ResMut<'_, Link>,
    time: Res<'_, Time<Real>>,
    mut state: ResMut<'_, SourceState>,
    mut intake: ResMut<'_, Intake>,
    mut arrived: MessageWriter<'_, Arrived>,
) {
    let now = Instant::now();
    for (came, event) in link.inbox.drain() {
        match event {
            Event::Message(message) => {
                arrived.write(Arrived::Message { message, at: seconds_of(&time, came) });
            }
            Event::State(next) => {
                link.retry_at = match &next {
                    SourceState::Lost { retry_in, .. } => {
                        came.checked_add(std::time::Duration::from_secs_f64(retry_in.max(0.0)))
                    }
                    _ => None,
                };
                state.set_if_neq(next);
            }
            Event::Intake(next) => {
                intake.set_if_neq(next);
            }
            Event::Reset => {
                arrived.write(Arrived::Reset);
            }
        }
    }
    if let (Some(at), SourceState::Lost { retry_in, .. }) = (link.retry_at, &mut *state) {
        *retry_in = at.saturating_duration_since(now).as_secs_f64();
    }
}

/// A moment by `Time<Real>`. It may be a little later than the frame's time.
fn seconds_of(time: &Time<Real>, moment: Instant) -> f64 {
    let frame = time.last_update().unwrap_or(moment);
    let ahead = moment.saturating_duration_since(frame).as_secs_f64();
    let behind = frame.saturating_duration_since(moment).as_secs_f64();
    time.elapsed_secs_f64() + ahead - behind
}

/// Asks for details of what is selected, for the request that is followed, and for what is searched for.
pub(super) fn inspect(
    focus: Res<'_, Focus>,
    following: Res<'_, Following>,
    search: Res<'_, Search>,
    link: Res<'_, Link>,
) {
    if !focus.is_changed() && !following.is_changed() && !search.is_changed() {
        return;
    }
    let (nodes, edges) = match focus.selected {
        // What stands for several is known to the viewer only.
        Some(Item::Node(id)) if !is_made_here(id) => (vec![id], Vec::new()),
        Some(Item::Edge(id)) if !is_edge_made_here(id) => (Vec::new(), vec![id]),
        Some(_) | None => (Vec::new(), Vec::new()),
    };
    let trace = following.trace();
    let find = search.asked().to_owned();
    let request = Request::Inspect(Inspect { nodes, edges, trace, find });
    link.requests.send_if_modified(|asked| {
        let news = *asked != request;
        *asked = request;
        news
    });
}

/// Tells the source whether the picture stands still.
pub(super) fn pause(playback: Res<'_, Playback>, link: Res<'_, Link>) {
    let paused = playback.speed <= 0.0;
    link.paused.send_if_modified(|told| std::mem::replace(told, paused) != paused);
}
