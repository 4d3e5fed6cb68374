//! `spanfall-load`: sends spans to a collector, and sees to it that they arrive. In: a [`Plan`]. Out:
//! a [`Report`]. Data goes through the files in this order: `schedule` (which batch is due when),
//! `body` (its bytes), `client` (one connection), `worker` (sending, and sending again), `report`;
//! beside them `watch`, a viewer that counts on the other side.

pub mod body;
pub mod client;
pub mod report;
mod schedule;
mod watch;
mod worker;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use cpu_time::ProcessTime;
use http::{HeaderMap, Uri};

use super::batch::Batches;
use body::Bodies;
use client::{Client, Protocol};
use report::{Report, Sent};
use schedule::Schedule;
use watch::Watch;

/// The longest that the feed may take to tell of what was accepted, once all is sent.
const SETTLES_WITHIN: Duration = Duration::from_secs(10);

/// What is to be sent, where, and how fast.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The collector's OTLP port.
    pub target: Uri,
    /// What it speaks.
    pub protocol: Protocol,
    /// Whether requests are compressed.
    pub gzip: bool,
    /// What goes with every request, such as `authorization`.
    pub headers: HeaderMap,
    /// What is sent.
    pub batches: Arc<Batches>,
    /// Connections; each has one request under way at most.
    pub connections: usize,
    /// Spans a second, whatever the collector makes of it; as fast as it goes without.
    pub rate: Option<f64>,
    /// When to stop.
    pub until: Until,
    /// Batches that are made before the first is sent.
    pub prepare: u64,
    /// The collector's feed, such as `ws://127.0.0.1:4320/feed`, to count there.
    pub feed: Option<String>,
}

/// When there is enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// After a while.
    Time(Duration),
    /// After so many spans, to the batch.
    Spans(u64),
}

/// Sends it all.
///
/// # Errors
/// If the collector cannot be reached at the start.
pub async fn run(plan: &Plan) -> anyhow::Result<Report> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let now = i128::try_from(now).unwrap_or(i128::MAX);
    let shift_ns = i64::try_from(now - i128::from(plan.batches.begin_ns())).unwrap_or(0);
    let batches = Arc::clone(&plan.batches);
    let mut bodies = Bodies::new(batches, plan.protocol, plan.gzip, shift_ns);
    bodies.prepare(plan.prepare);
    let mut clients = Vec::new();
    for _ in 0..plan.connections {
        clients.push(connect(plan).await?);
    }
    let watch = match &plan.feed {
        Some(feed) => Some(Watch::start(feed, connect_plain(plan).await?, plan.protocol).await?),
        None => None,
    };
    let schedule = Arc::new(Schedule::new(Arc::clone(&plan.batches), plan.rate, plan.until));
    let (begin, processor) = (Instant::now(), ProcessTime::now());
    let workers = clients.into_iter().map(|client| {
        let (bodies, schedule) = (bodies.clone(), Arc::clone(&schedule));
        tokio::spawn(worker::work(client, plan.clone(), bodies, schedule))
    });
    let mut sent = Sent::default();
    for worker in workers.collect::<Vec<_>>() {
        sent.add(worker.await.context("a connection's task broke down")?);
    }
    let (took, processor) = (begin.elapsed(), processor.elapsed());
    let feed = match watch {
        Some(watch) => Some(watch.finish(sent.accepted + sent.rejected, SETTLES_WITHIN).await?),
        None => None,
    };
    Ok(Report { sent, took, processor, feed })
}

async fn connect(plan: &Plan) -> anyhow::Result<Client> {
    Client::connect(&plan.target, plan.protocol, plan.gzip, plan.headers.clone()).await
}

async fn connect_plain(plan: &Plan) -> anyhow::Result<Client> {
    Client::connect(&plan.target, plan.protocol, false, plan.headers.clone()).await
}
