//! The hub: the one place that ticks, graph changes and notices go to, and every viewer reads
//! from. In: messages, each encoded once. Out: to each [`Subscription`] its own sequence of frames.
//!
//! There is one ring of frames for all (the history), and a viewer is a place in it. So
//! a viewer costs the same few bytes however far behind it is, nothing that one viewer does
//! changes what another receives, and publishing never waits. A viewer that falls too far behind
//! loses the ticks in between, is told how many, and continues from the complete graph and now.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

use super::detail::Details;
use super::frame::Frame;
use super::graph::KnownGraph;
use super::history::{History, Said, Standings};
use super::message::{Graph, Hello, Lost, Message, Notice, PROTOCOL, SourceLabel, Tick, Unit};
use super::origin;
use super::subscription::Subscription;
use super::trace_url::TraceUrl;
use crate::clock::Clock;
use crate::cost::PriceList;
use crate::reduce::Reducer;

/// What the hub can be told: the `[feed]` table of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The length of a tick.
    pub tick: Duration,
    /// How much of the past a new viewer receives.
    pub history: Duration,
    /// The past is shorter where it would need more bytes than this.
    pub history_bytes: usize,
    /// How far a viewer may fall behind before it loses ticks.
    pub max_lag: Duration,
    /// How many viewers may watch at once over the network.
    pub max_viewers: usize,
    /// Web pages that may read the feed, by origin, such as `https://wall.example`; `*` is all of
    /// them. Pages of this computer always may, and programs other than browsers have no origin.
    pub allowed_origins: Vec<String>,
    /// Where the trace store shows a followed trace (`trace.url`).
    pub trace_url: Option<TraceUrl>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            // Short enough to look live, long enough that an idle wall costs next to nothing.
            tick: Duration::from_millis(200),
            history: Duration::from_secs(300),
            // Five minutes of ticks in which 1,000 edges always move are about 60 MB; most systems
            // are a tenth of that.
            history_bytes: 32 << 20,
            // A wall that is later than this shows the past, not the present.
            max_lag: Duration::from_secs(10),
            max_viewers: 64,
            // Otherwise every page that somebody opens could watch what runs on their computer.
            allowed_origins: Vec::new(),
            trace_url: None,
        }
    }
}

/// What the hub counts about itself, since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HubStats {
    /// Viewers that watch now.
    pub viewers: u64,
    /// Viewers that were turned away because there were too many.
    pub turned_away: u64,
    /// Ticks that were published.
    pub ticks: u64,
    /// Ticks that viewers lost because they could not keep up, summed over viewers.
    pub lost_ticks: u64,
    /// Nodes in the graph.
    pub nodes: u64,
    /// Edges in the graph.
    pub edges: u64,
}

/// There are as many viewers as are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{max} viewers watch already, which is the limit; raise feed.max_viewers")]
pub struct Full {
    /// How many are allowed.
    pub max: usize,
}

/// Serves the feed to every viewer. See the module's text.
#[derive(Debug)]
pub struct Hub {
    pub(super) details: Details,
    source: SourceLabel,
    clock: Clock,
    settings: Mutex<Settings>,
    state: Mutex<State>,
    head: watch::Sender<u64>,
    viewers: AtomicUsize,
    turned_away: AtomicU64,
    lost_ticks: AtomicU64,
}

#[derive(Debug)]
struct State {
    history: History,
    /// How things stood before the oldest frame of the history.
    past: Standing,
    /// How things stand now.
    present: Standing,
    closed: bool,
}

/// What a viewer must know before the next frame means anything to it.
#[derive(Debug, Default)]
struct Standing {
    graph: KnownGraph,
    notices: BTreeMap<String, Notice>,
    /// The complete graph and the notices as frames, until they change.
    frames: Option<Vec<Frame>>,
}

/// Where a viewer is in the ring.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// The next frame it reads.
    next: u64,
    /// How many ticks it has received or was told to have lost.
    ticks: u64,
    /// Whether it has reached the present; only then can it fall behind.
    present: bool,
}

/// What there is for a viewer.
#[derive(Debug)]
pub(super) enum Step {
    /// A frame.
    Frame(Frame),
    /// It could not keep up: what it receives instead.
    Anew(VecDeque<Frame>),
    /// Nothing yet.
    Wait,
    /// Nothing, ever again.
    End,
}

impl Hub {
    /// A hub without viewers or past. Details for [`super::message::Request::Inspect`] come from
    /// the reducer, and what they cost from the prices.
    pub(crate) fn new(
        reducer: Arc<Reducer>,
        prices: PriceList,
        source: SourceLabel,
        settings: Settings,
        clock: Clock,
    ) -> Arc<Self> {
        let state = State {
            history: History::new(settings.history, settings.history_bytes),
            past: Standing::default(),
            present: Standing::default(),
            closed: false,
        };
        Arc::new(Self {
            details: Details::new(reducer, prices, settings.trace_url.clone()),
            source,
            clock,
            settings: Mutex::new(settings),
            state: Mutex::new(state),
            head: watch::Sender::new(0),
            viewers: AtomicUsize::new(0),
            turned_away: AtomicU64::new(0),
            lost_ticks: AtomicU64::new(0),
        })
    }

    /// Takes other settings from now on. The length of a tick stays as it was.
    pub fn configure(&self, settings: &Settings) {
        {
            let mut own = self.settings.lock();
            *own = Settings { tick: own.tick, ..settings.clone() };
        }
        self.details.configure(settings.trace_url.clone());
        self.state.lock().history.bound(settings.history, settings.history_bytes);
    }

    /// A new viewer. It receives a hello, how things stood when the recent past began (the complete
    /// graph and the notices), the recent past as it happened, and then what happens.
    pub fn subscribe(self: &Arc<Self>) -> Subscription {
        self.viewers.fetch_add(1, Ordering::Relaxed);
        self.begin()
    }

    fn begin(self: &Arc<Self>) -> Subscription {
        let head = self.head.subscribe();
        let mut opening = VecDeque::new();
        opening.extend(encode(&Message::Hello(self.hello())));
        let mut state = self.state.lock();
        let place = Place {
            next: state.history.first(),
            ticks: state.history.ticks_before(state.history.first()),
            present: false,
        };
        opening.extend(state.past.frames());
        drop(state);
        Subscription::new(Arc::clone(self), place, opening, head)
    }

    /// A new viewer from the network.
    ///
    /// # Errors
    /// [`Full`] if there are as many viewers as are allowed.
    pub fn admit(self: &Arc<Self>) -> Result<Subscription, Full> {
        let max = self.settings.lock().max_viewers;
        let one_more = |viewers| (viewers < max).then_some(viewers + 1);
        let place = self.viewers.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        if place.is_err() {
            self.turned_away.fetch_add(1, Ordering::Relaxed);
            return Err(Full { max });
        }
        Ok(self.begin())
    }

    /// Whether a web page of that origin may read; `None` for programs that are no browsers.
    pub fn admits_origin(&self, origin: Option<&str>) -> bool {
        origin::may_read(&self.settings.lock().allowed_origins, origin)
    }

    /// Sends a change of the graph, if there is one, and then a tick, if there is one.
    pub fn publish(&self, change: Option<Graph>, tick: Option<Tick>, at: Instant) {
        let change = change.and_then(|change| Some((encode_graph(&change)?, change)));
        let tick = tick.and_then(|tick| {
            let standings = Standings::of(&tick);
            Some((encode(&Message::Tick(tick))?, standings))
        });
        let mut state = self.state.lock();
        if let Some((frame, change)) = change {
            state.push(Said::Change(change), frame, at);
        }
        if let Some((frame, standings)) = tick {
            state.push(Said::Tick(standings), frame, at);
        }
        self.wake(&state);
    }

    /// Sends a notice, unless it stands already just so. An empty text ends the matter.
    pub fn notice(&self, notice: Notice) {
        let Some(frame) = encode(&Message::Notice(notice.clone())) else { return };
        let mut state = self.state.lock();
        let is_news = match state.present.notices.get(&notice.id) {
            Some(standing) => *standing != notice,
            None => !notice.text.is_empty(),
        };
        if is_news {
            state.push(Said::Notice(notice), frame, Instant::now());
            self.wake(&state);
        }
    }

    /// The complete graph as it is now.
    pub fn graph(&self) -> Graph {
        self.state.lock().present.graph.complete()
    }

    /// The ticks of the last so many seconds, oldest first, as far as the history holds them.
    pub fn recent_ticks(&self, last: Duration) -> Vec<Frame> {
        self.state.lock().history.ticks_within(last, Instant::now())
    }

    /// The notices that stand now.
    pub fn notices(&self) -> Vec<Notice> {
        self.state.lock().present.notices.values().cloned().collect()
    }

    /// Ends the feed: viewers receive what was published so far, and then nothing more.
    pub fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        self.wake(&state);
    }

    /// What the hub counts about itself.
    pub fn stats(&self) -> HubStats {
        let state = self.state.lock();
        let (nodes, edges) = state.present.graph.size();
        HubStats {
            viewers: self.viewers.load(Ordering::Relaxed) as u64,
            turned_away: self.turned_away.load(Ordering::Relaxed),
            ticks: state.history.ticks(),
            lost_ticks: self.lost_ticks.load(Ordering::Relaxed),
            nodes: nodes as u64,
            edges: edges as u64,
        }
    }

    /// What there is for the viewer at that place, which moves on.
    pub(super) fn step(&self, place: &mut Place) -> Step {
        let max_lag = {
            let settings = self.settings.lock();
            settings.max_lag.as_millis() / settings.tick.as_millis().max(1)
        };
        let mut state = self.state.lock();
        let behind = state.history.ticks().saturating_sub(place.ticks);
        let too_late = place.present && u128::from(behind) > max_lag.max(1);
        if place.next < state.history.first() || too_late {
            return self.anew(&mut state, place);
        }
        if let Some(entry) = state.history.get(place.next) {
            place.next += 1;
            place.ticks = entry.ticks_with();
            return Step::Frame(entry.frame.clone());
        }
        place.present = true;
        if state.closed { Step::End } else { Step::Wait }
    }

    /// What a viewer that could not keep up receives instead of what it missed.
    fn anew(&self, state: &mut State, place: &mut Place) -> Step {
        let ticks = state.history.ticks().saturating_sub(place.ticks);
        self.lost_ticks.fetch_add(ticks, Ordering::Relaxed);
        let (next, ticks_now) = (state.history.end(), state.history.ticks());
        *place = Place { next, ticks: ticks_now, present: true };
        let mut frames = VecDeque::new();
        frames.extend(encode(&Message::Lost(Lost { ticks })));
        frames.extend(state.present.frames());
        Step::Anew(frames)
    }

    pub(super) fn leave(&self) {
        self.viewers.fetch_sub(1, Ordering::Relaxed);
    }

    /// What hops are.
    pub(crate) fn unit(&self) -> Unit {
        self.details.unit()
    }

    fn hello(&self) -> Hello {
        let tick = self.settings.lock().tick;
        Hello {
            protocol: PROTOCOL,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            tick_ms: u32::try_from(tick.as_millis()).unwrap_or(u32::MAX),
            source: self.source.clone(),
            unit: self.details.unit(),
            now_ms: self.clock.unix_ms(),
        }
    }

    fn wake(&self, state: &State) {
        self.head.send_replace(state.history.end());
    }
}

impl State {
    fn push(&mut self, said: Said, frame: Frame, at: Instant) {
        self.present.apply(&said);
        for gone in self.history.push(said, frame, at) {
            self.past.apply(&gone.said);
        }
    }
}

impl Standing {
    fn apply(&mut self, said: &Said) {
        match said {
            Said::Tick(standings) if standings.is_empty() => return,
            Said::Tick(standings) => self.graph.follow(standings),
            Said::Change(change) => self.graph.apply(change),
            Said::Notice(notice) if notice.text.is_empty() => {
                self.notices.remove(&notice.id);
            }
            Said::Notice(notice) => {
                self.notices.insert(notice.id.clone(), notice.clone());
            }
        }
        self.frames = None;
    }

    fn frames(&mut self) -> Vec<Frame> {
        let Self { graph, notices, frames } = self;
        let encoded = frames.get_or_insert_with(|| {
            let graph = encode(&Message::Graph(graph.complete()));
            let notices = notices.values().cloned().map(Message::Notice);
            graph.into_iter().chain(notices.filter_map(|notice| encode(&notice))).collect()
        });
        encoded.clone()
    }
}

fn encode_graph(change: &Graph) -> Option<Frame> {
    encode(&Message::Graph(change.clone()))
}

/// Encodes a message made here. None of them can fail; if one ever does, the feed goes on without
/// it and the log says so.
pub(super) fn encode(message: &Message) -> Option<Frame> {
    Frame::encode(message)
        .inspect_err(|error| tracing::error!(%error, "a message for viewers has no JSON form"))
        .ok()
}

#[cfg(test)]
mod tests;
