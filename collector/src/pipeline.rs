//! A reducer with a task that ticks and a hub: what live reception, replays and samples have in
//! common. In: whatever is given to [`Pipeline::reducer`]. Out: the feed, at [`Pipeline::hub`].

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::feed::hub::{self, Hub};
use crate::feed::message::{EdgeTick, Graph, GraphEdge, GraphNode, SourceLabel, Tick};
use crate::reduce::{self, Drained, KnownNode, Moved, Reducer};

/// An empty tick goes out at least this often, so that viewers can tell silence from a lost feed.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// A reducer with a tick task and a hub. Dropping it stops it; [`Pipeline::finish`] does so
/// without losing what still waits.
#[derive(Debug)]
pub struct Pipeline {
    reducer: Arc<Reducer>,
    hub: Arc<Hub>,
    started: Instant,
    stop: CancellationToken,
    _stop_when_dropped: DropGuard,
    ticker: JoinHandle<()>,
}

impl Pipeline {
    /// Starts with a feed of default settings. Spawns the tick task on the current tokio runtime.
    pub fn start(settings: reduce::Settings, tick: Duration, label: SourceLabel) -> Self {
        Self::start_with(settings, hub::Settings { tick, ..hub::Settings::default() }, label)
    }

    /// Starts. Spawns the tick task on the current tokio runtime.
    pub fn start_with(settings: reduce::Settings, feed: hub::Settings, label: SourceLabel) -> Self {
        let reducer = Arc::new(Reducer::new(settings));
        let started = Instant::now();
        let stop = CancellationToken::new();
        let tick_ms = u64::try_from(feed.tick.as_millis()).unwrap_or(u64::MAX).max(1);
        let hub = Hub::new(Arc::clone(&reducer), label, feed);
        let ticker = Ticker {
            reducer: Arc::clone(&reducer),
            hub: Arc::clone(&hub),
            started,
            tick_ms,
            last_end_ms: 0,
            last_sent: started,
            silent_since_ms: 0,
        };
        let ticker = tokio::spawn(ticker.run(stop.clone()));
        Self { reducer, hub, started, _stop_when_dropped: stop.clone().drop_guard(), stop, ticker }
    }

    /// Where export requests go.
    pub fn reducer(&self) -> &Arc<Reducer> {
        &self.reducer
    }

    /// Where viewers come from.
    pub fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// Milliseconds since the start, by a clock that does not go back: for [`Reducer::ingest`].
    pub fn now_ms(&self) -> u64 {
        elapsed_ms(self.started)
    }

    /// Resolves what waits, sends the last ticks, and ends the feed.
    pub async fn finish(self) {
        self.stop.cancel();
        if let Err(error) = self.ticker.await {
            tracing::error!(%error, "the tick task did not end well");
        }
    }
}

/// The task that turns what the reducer learned into ticks.
struct Ticker {
    reducer: Arc<Reducer>,
    hub: Arc<Hub>,
    started: Instant,
    tick_ms: u64,
    /// Where the last interval ended, in milliseconds since 1970.
    last_end_ms: u64,
    last_sent: Instant,
    /// The end of the last interval that was sent.
    silent_since_ms: u64,
}

impl Ticker {
    async fn run(mut self, stop: CancellationToken) {
        self.last_end_ms = self.grid(unix_ms());
        self.silent_since_ms = self.last_end_ms;
        loop {
            // Intervals end where the clock's milliseconds divide by the tick, so that collectors
            // tick together. A late wake-up makes one longer tick, never two in a row.
            let wait = self.tick_ms - unix_ms() % self.tick_ms;
            tokio::select! {
                () = sleep(Duration::from_millis(wait)) => self.tick(),
                () = stop.cancelled() => break,
            }
        }
        self.reducer.resolve_all();
        self.tick();
        self.hub.close();
    }

    fn grid(&self, ms: u64) -> u64 {
        ms - ms % self.tick_ms
    }

    fn tick(&mut self) {
        let drained = self.reducer.drain(elapsed_ms(self.started));
        let now = Instant::now();
        let end = self.grid(unix_ms()).max(self.last_end_ms + 1);
        let begin = std::mem::replace(&mut self.last_end_ms, end);
        let (graph, mut tick) = messages(drained, begin, end);
        let idle = tick.edges.is_empty() && tick.spans == 0;
        if idle && now - self.last_sent < HEARTBEAT {
            if graph.is_some() {
                self.hub.publish(graph, None, now);
            }
            return;
        }
        if idle {
            tick.t = self.silent_since_ms;
            tick.ms = u32::try_from(end - self.silent_since_ms).unwrap_or(u32::MAX);
        }
        self.last_sent = now;
        self.silent_since_ms = end;
        self.hub.publish(graph, Some(tick), now);
    }
}

fn messages(drained: Drained, begin_ms: u64, end_ms: u64) -> (Option<Graph>, Tick) {
    let Drained { spans, nodes, edges, merged, moved } = drained;
    let changed = !nodes.is_empty() || !edges.is_empty() || !merged.is_empty();
    let graph = changed.then(|| Graph {
        complete: false,
        nodes: nodes.into_iter().map(graph_node).collect(),
        edges: edges
            .into_iter()
            .map(|(id, edge)| GraphEdge { id, source: edge.source, target: edge.target })
            .collect(),
        merged,
    });
    let tick = Tick {
        t: begin_ms,
        ms: u32::try_from(end_ms - begin_ms).unwrap_or(u32::MAX),
        spans,
        edges: moved.into_iter().map(edge_tick).collect(),
    };
    (graph, tick)
}

fn graph_node(known: KnownNode) -> GraphNode {
    let KnownNode { id, node, entry } = known;
    GraphNode {
        id,
        kind: node.kind,
        name: node.name,
        account: node.account,
        region: node.region,
        entry,
    }
}

fn edge_tick(moved: Moved) -> EdgeTick {
    let Moved { edge, counts, p50_us, p99_us } = moved;
    EdgeTick { edge, counts, p50_us, p99_us }
}

fn elapsed_ms(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// The wall's clock, in milliseconds since 1970.
pub(crate) fn unix_ms() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)
}
