//! What of a receiver's processor time is neither reading nor reducing: the kernel, HTTP/2, HTTP, buffers,
//! threads. In: a protocol. Out: a figure.
//!
//! The receiver, its reducer and the ticks are in this process, as the collector has them, and the load
//! generator in another. What each thread takes within the sink is measured there and then, and so is
//! all that the process takes, so nothing is the difference of two runs.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use cpu_time::{ProcessTime, ThreadTime};
use serde_json::Value;
use spanfall_collector::receive::{Limits, Receiver, Sink, serve_grpc, serve_http};
use spanfall_collector::reduce::{Ingested, Malformed, Reducer, Settings};
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Effort;
use super::cost::FULL;
use super::figure::Figure;
use crate::load::piece::TICK_MS;
use crate::program::{PATIENCE, Program, command, path};

/// A sink that takes its own time.
struct Timed {
    reducer: Reducer,
    begin: Instant,
    /// Processor time in it, in nanoseconds.
    inside: AtomicU64,
    /// The same of ticks.
    ticks: AtomicU64,
}

impl Timed {
    fn time<T>(&self, spent: &AtomicU64, work: impl FnOnce(&Reducer, u64) -> T) -> T {
        let now_ms = u64::try_from(self.begin.elapsed().as_millis()).unwrap_or(u64::MAX);
        let begin = ThreadTime::now();
        let done = work(&self.reducer, now_ms);
        let nanos = u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX);
        spent.fetch_add(nanos, Ordering::Relaxed);
        done
    }

    fn spent(&self) -> (u64, u64) {
        (self.inside.load(Ordering::Relaxed), self.ticks.load(Ordering::Relaxed))
    }

    async fn tick(self: Arc<Self>) {
        loop {
            tokio::time::sleep(Duration::from_millis(TICK_MS)).await;
            drop(self.time(&self.ticks, Reducer::drain));
        }
    }
}

impl Sink for Timed {
    fn traces(&self, request: Bytes) -> Result<Ingested, Malformed> {
        self.time(&self.inside, |reducer, now_ms| reducer.ingest(&request, now_ms))
    }
}

/// The share of a receiver's time that is spent outside of reading and reducing.
///
/// # Errors
/// If nothing can be received, or not everything arrives.
pub fn outside(protocol: &str, effort: Effort) -> anyhow::Result<Figure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let sink = Arc::new(Timed {
        reducer: Reducer::new(Settings::default()),
        begin: Instant::now(),
        inside: AtomicU64::new(0),
        ticks: AtomicU64::new(0),
    });
    let receiver = Arc::new(Receiver::new(Limits::default(), Arc::clone(&sink) as Arc<dyn Sink>));
    let stop = CancellationToken::new();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let address = listener.local_addr()?;
    runtime.spawn(Arc::clone(&sink).tick());
    if protocol == "grpc" {
        runtime.spawn(serve_grpc(listener, receiver, stop.clone()));
    } else {
        runtime.spawn(serve_http(listener, receiver, stop.clone()));
    }
    // Until the reducer is as full as it gets, or nearly.
    send(protocol, address, if effort.quick { FULL / 2 } else { FULL })?;
    let (begin, before, spans) = (ProcessTime::now(), sink.spent(), sink.reducer.stats().spans);
    let accepted = send(protocol, address, effort.wire_spans())?;
    let (all, after) = (begin.elapsed(), sink.spent());
    let spans = sink.reducer.stats().spans - spans;
    stop.cancel();
    runtime.shutdown_background();
    ensure!(spans == accepted, "{accepted} spans were accepted, {spans} were reduced");
    #[expect(clippy::cast_precision_loss, reason = "nanoseconds of a minute")]
    let [all, inside, ticks] = [all.as_nanos() as u64, after.0 - before.0, after.1 - before.1]
        .map(|nanos| nanos as f64 / spans as f64);
    let share = 100.0 * (all - inside - ticks) / all;
    Ok(Figure::new(format!("end to end, {protocol}: outside reading and reducing"), share, "%")
        .at_most(20.0)
        .beside(format!(
            "{:.0} of {all:.0} ns/span; reading and reducing {inside:.0}, ticks {ticks:.0}",
            all - inside - ticks
        )))
}

/// Sends so many spans; returns how many were accepted.
fn send(protocol: &str, to: SocketAddr, spans: u64) -> anyhow::Result<u64> {
    let mut command = command(path("spanfall-load"));
    command.args(["--json", "--protocol", protocol, "--count", &spans.to_string()]);
    command.arg(format!("http://{to}"));
    let ended = Program::start("spanfall-load", command).wait(10 * PATIENCE);
    let report: Value = serde_json::from_str(&ended.stdout)
        .with_context(|| format!("the load generator says {}{}", ended.stdout, ended.stderr))?;
    report["sent"]["accepted"].as_u64().context("no count of accepted spans")
}
