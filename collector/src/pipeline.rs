//! A reducer with a task that ticks and a hub: what live reception, replays and samples have in
//! common. In: whatever is given to [`Pipeline::reducer`]. Out: the feed, at [`Pipeline::hub`].

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::clock::Clock;
use crate::config::Config;
use crate::cost::PriceList;
use crate::export::readings::Readings;
use crate::feed::hub::Hub;
use crate::feed::message::{
    EdgeTick, Graph, GraphEdge, GraphNode, InstanceTick, NodeVersions, Severity, SourceLabel, Tick,
    VersionTick,
};
use crate::figures::grouped;
use crate::notices::Rising;
use crate::reduce::{Drained, KnownNode, Moved, Reducer};
use crate::trouble::{Runbooks, Trouble};
use crate::unknown_triggers::UnknownTriggers;

/// An empty tick goes out at least this often, so that viewers can tell silence from a lost feed.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// A reducer with a tick task and a hub. Dropping it stops it; [`Pipeline::finish`] does so
/// without losing what still waits.
#[derive(Debug)]
pub struct Pipeline {
    reducer: Arc<Reducer>,
    hub: Arc<Hub>,
    prices: PriceList,
    runbooks: Runbooks,
    clock: Clock,
    rest: CancellationToken,
    stop: CancellationToken,
    _stop_when_dropped: DropGuard,
    ticker: JoinHandle<()>,
}

impl Pipeline {
    /// Starts, as a configuration's `[reduce]`, `[feed]` and `[cost]` say. Spawns the tick task on
    /// the current tokio runtime.
    pub fn start(config: &Config, label: SourceLabel) -> Self {
        Self::start_at(config, label, Clock::start())
    }

    fn start_at(config: &Config, label: SourceLabel, clock: Clock) -> Self {
        let reducer = Arc::new(Reducer::new(config.reduce.clone()));
        let prices = PriceList::new(config.prices.clone());
        let feed = config.feed.clone();
        let tick_ms = u64::try_from(feed.tick.as_millis()).unwrap_or(u64::MAX).max(1);
        let hub = Hub::new(Arc::clone(&reducer), prices.clone(), label, feed, clock);
        let runbooks = Runbooks::new(config.runbooks.clone());
        let trouble = Trouble::new(runbooks.clone(), hub.unit());
        let ticker = Ticker::new(Arc::clone(&reducer), Arc::clone(&hub), trouble, clock, tick_ms);
        let (rest, stop) = (CancellationToken::new(), CancellationToken::new());
        let ticker = tokio::spawn(ticker.run(rest.clone(), stop.clone()));
        let _stop_when_dropped = stop.clone().drop_guard();
        Self { reducer, hub, prices, runbooks, clock, _stop_when_dropped, rest, stop, ticker }
    }

    /// Where export requests go.
    pub fn reducer(&self) -> &Arc<Reducer> {
        &self.reducer
    }

    /// Where viewers come from.
    pub fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// By what costs are told, to viewers and in `/metrics`.
    pub fn prices(&self) -> &PriceList {
        &self.prices
    }

    /// Where it is written what to do about nodes in trouble.
    pub(crate) fn runbooks(&self) -> &Runbooks {
        &self.runbooks
    }

    /// Milliseconds since the start, by a clock that does not go back: for [`Reducer::ingest`].
    pub fn now_ms(&self) -> u64 {
        self.clock.elapsed_ms()
    }

    pub(crate) fn clock(&self) -> Clock {
        self.clock
    }

    /// What it counts.
    pub(crate) fn readings(&self) -> Readings {
        Readings {
            reducer: Arc::clone(&self.reducer),
            hub: Arc::clone(&self.hub),
            prices: self.prices.clone(),
            receiver: None,
            recorder: None,
            clock: self.clock,
        }
    }

    /// Resolves what waits, and sends the last tick. The feed stays open, so that viewers can still
    /// ask what happened.
    pub fn rest(&self) {
        self.rest.cancel();
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
    clock: Clock,
    tick_ms: u64,
    /// Where the last interval ended, in milliseconds since 1970.
    last_end_ms: u64,
    /// Where the last interval that was sent ended.
    last_sent_end_ms: u64,
    last_sent: Instant,
    early: Rising,
    unknown_triggers: UnknownTriggers,
    trouble: Trouble,
}

impl Ticker {
    fn new(
        reducer: Arc<Reducer>,
        hub: Arc<Hub>,
        trouble: Trouble,
        clock: Clock,
        tick_ms: u64,
    ) -> Self {
        let begin = grid(clock.unix_ms(), tick_ms);
        Self {
            reducer,
            hub,
            clock,
            tick_ms,
            last_end_ms: begin,
            last_sent_end_ms: begin,
            last_sent: Instant::now(),
            early: Rising::new("early", Severity::Warning, resolved_early),
            unknown_triggers: UnknownTriggers::default(),
            trouble,
        }
    }

    async fn run(mut self, rest: CancellationToken, stop: CancellationToken) {
        loop {
            let wait = self.until_next();
            tokio::select! {
                () = sleep(wait) => self.tick(),
                () = rest.cancelled() => break,
                () = stop.cancelled() => break,
            }
        }
        self.reducer.resolve_all();
        self.tick();
        stop.cancelled().await;
        self.hub.close();
    }

    /// How long until the interval ends. Intervals end where the clock's milliseconds divide by
    /// the tick, so that collectors tick together. A late wake-up makes one longer tick, never two
    /// in a row; and so does one that is a moment early because the clock is being slowed.
    fn until_next(&self) -> Duration {
        let now = self.clock.unix_ms();
        let next = grid(now, self.tick_ms) + self.tick_ms;
        let next = if next == self.last_end_ms { next + self.tick_ms } else { next };
        Duration::from_millis(next - now)
    }

    fn tick(&mut self) {
        let drained = self.reducer.drain(self.clock.elapsed_ms());
        let now = Instant::now();
        let (begin, end) = self.interval();
        let (graph, mut tick) = messages(drained, begin, end);
        if let Some(graph) = &graph {
            self.trouble.learn(graph);
        }
        let trouble = self.trouble.observe(&tick);
        let idle = tick.edges.is_empty() && tick.spans == 0 && tick.instances.is_empty();
        if idle && now - self.last_sent < HEARTBEAT {
            self.hub.publish(graph, None, now);
            trouble.into_iter().for_each(|notice| self.hub.notice(notice));
            return;
        }
        if idle {
            // The whole silence, so that it takes one tick to tell.
            let silence = self.last_sent_end_ms.min(begin);
            (tick.t, tick.ms) = (silence, length(silence, end));
        }
        self.last_sent = now;
        self.last_sent_end_ms = end;
        self.hub.publish(graph, Some(tick), now);
        let early = self.reducer.stats().early;
        let hint = self.unknown_triggers.observe(&self.reducer, end);
        for notice in self.early.observe(early, end).into_iter().chain(hint).chain(trouble) {
            self.hub.notice(notice);
        }
    }

    /// The interval that ends now. The next one begins where it ends, unless the wall's clock was
    /// set anew in between.
    fn interval(&mut self) -> (u64, u64) {
        let mut end = grid(self.clock.unix_ms() + self.tick_ms / 2, self.tick_ms);
        if end == self.last_end_ms {
            // The last tick before a stop comes early in its interval.
            end += self.tick_ms;
        }
        let follows = self.last_end_ms < end && end - self.last_end_ms < 60_000;
        let begin = if follows { self.last_end_ms } else { end.saturating_sub(self.tick_ms) };
        if !follows {
            self.last_sent_end_ms = begin;
        }
        self.last_end_ms = end;
        (begin, end)
    }
}

/// The last time that divides by the tick.
fn grid(ms: u64, tick_ms: u64) -> u64 {
    ms - ms % tick_ms
}

fn length(begin_ms: u64, end_ms: u64) -> u32 {
    u32::try_from(end_ms.saturating_sub(begin_ms)).unwrap_or(u32::MAX)
}

fn resolved_early(count: u64) -> String {
    format!(
        "{} spans did not wait their time for the other side of their request, because too many \
         wait at once; some requests may show at the wrong node. Raise reduce.max_pending, or \
         lower reduce.wait.",
        grouped(count)
    )
}

/// What a drain tells viewers of an interval, in milliseconds since 1970: what has changed of the graph,
/// and the tick.
pub fn messages(drained: Drained, begin_ms: u64, end_ms: u64) -> (Option<Graph>, Tick) {
    let Drained {
        spans,
        nodes,
        edges,
        merged,
        moved,
        unknown,
        instances,
        named_versions,
        versions,
    } = drained;
    let changed =
        !nodes.is_empty() || !edges.is_empty() || !merged.is_empty() || !named_versions.is_empty();
    let graph = changed.then(|| Graph {
        complete: false,
        nodes: nodes.into_iter().map(graph_node).collect(),
        edges: edges
            .into_iter()
            .map(|(id, edge)| GraphEdge { id, source: edge.source, target: edge.target })
            .collect(),
        merged,
        instances: Vec::new(),
        versions: named_versions
            .into_iter()
            .map(|named| NodeVersions(named.node, named.versions))
            .collect(),
    });
    let tick = Tick {
        t: begin_ms,
        ms: length(begin_ms, end_ms),
        spans,
        unknown,
        edges: moved.into_iter().map(edge_tick).collect(),
        instances: instances
            .into_iter()
            .map(|count| InstanceTick(count.node, count.live, count.cold))
            .collect(),
        versions: versions
            .into_iter()
            .map(|told| VersionTick(told.node, told.version, told.hops))
            .collect(),
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
    let Moved { edge, counts, p50_us, p99_us, again } = moved;
    EdgeTick { edge, counts, p50_us, p99_us, again }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::hub;
    use crate::feed::message::{Inspect, Message, Notice, Request};
    use crate::reduce::node::NodeId;

    /// Not on the grid of ticks, as in life.
    const STARTED: u64 = 1_700_000_000_137;

    fn started() -> Pipeline {
        Pipeline::start_at(&Config::default(), SourceLabel::Live, Clock::start_at(STARTED))
    }

    async fn ticks(pipeline: &Pipeline, count: usize) -> Vec<Tick> {
        let mut viewer = pipeline.hub().subscribe();
        let mut ticks = Vec::new();
        while ticks.len() < count {
            let frame = viewer.next().await.unwrap();
            if let Message::Tick(tick) = serde_json::from_str(frame.as_str()).unwrap() {
                ticks.push(tick);
            }
        }
        ticks
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_one_empty_tick_a_second_without_a_gap() {
        let pipeline = started();
        let ticks = ticks(&pipeline, 3).await;
        assert_eq!(ticks[0].t, 1_700_000_000_000);
        for pair in ticks.windows(2) {
            assert_eq!(pair[0].t + u64::from(pair[0].ms), pair[1].t);
            assert!(pair[1].ms <= 1_000 && pair[1].edges.is_empty());
        }
        assert_eq!(pipeline.now_ms() / 1_000, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wake_up_a_moment_early_does_not_tick_twice() {
        let clock = Clock::start_at(STARTED);
        let reducer = Arc::new(Reducer::default());
        let (prices, settings) = (PriceList::default(), hub::Settings::default());
        let hub = Hub::new(Arc::clone(&reducer), prices, SourceLabel::Live, settings, clock);
        let mut ticker = Ticker::new(reducer, hub, Trouble::default(), clock, 200);
        assert_eq!(ticker.until_next(), Duration::from_millis(63));
        tokio::time::advance(Duration::from_millis(62)).await;
        assert_eq!(ticker.interval(), (1_700_000_000_000, 1_700_000_000_200));
        assert_eq!(ticker.until_next(), Duration::from_millis(201));
        tokio::time::advance(Duration::from_millis(201)).await;
        assert_eq!(ticker.interval(), (1_700_000_000_200, 1_700_000_000_400));
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_set_anew_makes_one_tick_of_usual_length() {
        let mut clock = Clock::start_at(STARTED);
        let reducer = Arc::new(Reducer::default());
        let (prices, settings) = (PriceList::default(), hub::Settings::default());
        let hub = Hub::new(Arc::clone(&reducer), prices, SourceLabel::Live, settings, clock);
        let mut ticker = Ticker::new(reducer, hub, Trouble::default(), clock, 200);
        for new_ms in [STARTED - 3_600_000, STARTED + 3_600_000] {
            clock = Clock::start_at(new_ms);
            ticker.clock = clock;
            let (begin, end) = ticker.interval();
            assert_eq!(end - begin, 200);
            assert!(end.abs_diff(new_ms) <= 200);
            assert!(ticker.until_next() <= Duration::from_millis(400));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn finishing_ends_the_feed_after_a_last_tick() {
        let pipeline = started();
        let mut viewer = pipeline.hub().subscribe();
        pipeline.finish().await;
        let mut last = None;
        while let Some(frame) = viewer.next().await {
            last = Some(serde_json::from_str::<Message>(frame.as_str()).unwrap());
        }
        assert!(matches!(last, Some(Message::Graph(_) | Message::Tick(_))), "{last:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_pipeline_that_rests_sends_no_ticks_and_still_says_what_happened() {
        let pipeline = started();
        let mut viewer = pipeline.hub().subscribe();
        pipeline.rest();
        // The clock stands still until everybody waits, and then goes on at once.
        let mut ticks = 0;
        while let Ok(Some(frame)) = tokio::time::timeout(5 * HEARTBEAT, viewer.next()).await {
            let message: Message = serde_json::from_str(frame.as_str()).unwrap();
            ticks += u64::from(matches!(message, Message::Tick(_)));
        }
        assert!(ticks <= 1, "{ticks}");
        viewer.request(Request::Inspect(Inspect { nodes: vec![NodeId(7)], ..Inspect::default() }));
        let frame = viewer.next().await.unwrap();
        let answer: Message = serde_json::from_str(frame.as_str()).unwrap();
        assert!(matches!(answer, Message::Detail(_)), "{answer:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn dropping_a_pipeline_stops_its_task() {
        let pipeline = started();
        let mut viewer = pipeline.hub().subscribe();
        drop(pipeline);
        while viewer.next().await.is_some() {}
    }

    #[test]
    fn what_was_resolved_early_is_told_with_its_count_and_what_to_do() {
        let mut early = Rising::new("early", Severity::Warning, resolved_early);
        let Notice { text, .. } = early.observe(1_234, 1).unwrap();
        assert!(text.starts_with("1,234 spans") && text.contains("reduce.max_pending"), "{text}");
    }
}
