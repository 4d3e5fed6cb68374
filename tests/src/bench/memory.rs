//! Memory, in a process of its own each, so that nothing else is in it. In: which part. Out: how much
//! is resident, as figures.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use spanfall_collector::config::Config;
use spanfall_collector::feed::hub;
use spanfall_collector::feed::message::{Graph, SourceLabel, Tick};
use spanfall_collector::pipeline::{Pipeline, messages};
use spanfall_collector::reduce::{Reducer, Settings};

use super::Effort;
use super::figure::Figure;
use crate::load::batch::Batches;
use crate::load::piece::{Piece, RATE, TICK_MS};
use crate::load::small;
use crate::load::workload::Workload;

/// Spans that wait at once.
const WAITING: u64 = 4_000_000;

/// Seconds of which the second half begins with everything full: the history takes five minutes of them,
/// and messages, and instances that are forgotten, some more.
const WARM_S: f64 = 1_200.0;

const DAY_MS: u64 = 24 * 3_600_000;

/// Of the ticks of that day, one in so many comes with a change of the graph.
const CHANGE_EVERY: u64 = 60_000 / TICK_MS;

/// What is measured in a process of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// Memory with four million spans that wait.
    Pending,
    /// Memory over an hour of spans, and over a day of ticks.
    Hour,
}

/// What is resident in this process, in bytes (Linux).
///
/// # Errors
/// If the system does not tell.
fn resident() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status").context("no /proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kibibytes: u64 = line.trim_end_matches("kB").trim().parse()?;
    Ok(kibibytes << 10)
}

/// Measures one part, in this process.
///
/// # Errors
/// If the system does not tell what is resident, or the sample cannot be read.
pub fn measure(part: Part, effort: Effort) -> anyhow::Result<Value> {
    match part {
        Part::Pending => pending(),
        Part::Hour => hour(effort),
    }
}

fn pending() -> anyhow::Result<Value> {
    // Room for a little more, since shards need not be filled evenly.
    let max_pending = usize::try_from(WAITING + WAITING / 8)?;
    let reducer = Reducer::new(Settings { max_pending, ..Settings::default() });
    let batches = Batches::new(small::callers(4, 512), 512, 5);
    let mut buffer = Vec::new();
    let (mut sent, mut number) = (0, 0);
    let before = resident()?;
    while sent < WAITING {
        buffer.clear();
        sent += batches.write(number, 0, &mut buffer);
        reducer.ingest(&buffer, 0)?;
        number += 1;
    }
    let (stats, after) = (reducer.stats(), resident()?);
    ensure!(stats.pending == sent, "{} of {sent} spans wait", stats.pending);
    Ok(json!({ "before": before, "after": after, "pending": stats.pending }))
}

/// An hour of spans at [`RATE`], as long as there is time for it, and then a day of ticks.
fn hour(effort: Effort) -> anyhow::Result<Value> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let _entered = runtime.enter();
    // Ticks are taken here, in the time of the spans, so the pipeline's own must never come.
    let feed = hub::Settings { tick: Duration::from_secs(DAY_MS), ..hub::Settings::default() };
    let config = Config { feed, ..Config::default() };
    let pipeline = Pipeline::start(&config, SourceLabel::Live);
    let mut pieces = Workload::WebshopLarge.pieces(6)?;
    let (begin, mut piece) = (Instant::now(), Piece::default());
    let start = tokio::time::Instant::now();
    let mut resident_at = Vec::new();
    let mut second = 0;
    while second < 3_600 && begin.elapsed() < effort.hour() {
        for _ in 0..1_000 / TICK_MS {
            pieces.refill(&mut piece);
            let drained = piece.reduce(pipeline.reducer());
            let at = start + Duration::from_millis(piece.now_ms());
            let (graph, tick) = messages(drained, piece.now_ms() - TICK_MS, piece.now_ms());
            pipeline.hub().publish(graph, Some(tick), at);
        }
        second += 1;
        resident_at.push(resident()?);
    }
    let after_spans = resident()?;
    // Ticks as they are now, until there is a day of them; once a minute all nodes are told anew. A history
    // that is as long as that is full of them.
    let history = Duration::from_millis(DAY_MS);
    pipeline.hub().configure(&hub::Settings { history, ..hub::Settings::default() });
    let mut now_ms = piece.now_ms();
    let drained = pieces.next_piece().reduce(pipeline.reducer());
    let (_, last) = messages(drained, now_ms, now_ms + TICK_MS);
    let change = Graph { complete: false, ..pipeline.hub().graph() };
    let mut ticks = 0_u64;
    while now_ms < DAY_MS {
        now_ms += TICK_MS;
        ticks += 1;
        let graph = ticks.is_multiple_of(CHANGE_EVERY).then(|| change.clone());
        let at = start + Duration::from_millis(now_ms);
        pipeline.hub().publish(graph, Some(Tick { t: now_ms, ..last.clone() }), at);
    }
    Ok(json!({
        "seconds": second,
        "spans": second * RATE,
        "half_way": resident_at.get(resident_at.len() / 2),
        "after_spans": after_spans,
        "ticks": ticks,
        "after_ticks": resident()?,
    }))
}

/// Measures all parts, in processes of their own.
///
/// # Errors
/// If one of them fails.
pub fn figures(effort: Effort) -> anyhow::Result<Vec<Figure>> {
    let pending = run(Part::Pending, effort)?;
    let hour = run(Part::Hour, effort)?;
    let megabytes = |value: &Value| value.as_f64().unwrap_or(f64::NAN) / 1e6;
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    let entry =
        (number(&pending["after"]) - number(&pending["before"])) / number(&pending["pending"]);
    let grown = megabytes(&hour["after_spans"]) - megabytes(&hour["half_way"]);
    let (seconds, full) = (number(&hour["seconds"]), megabytes(&hour["half_way"]));
    // Of what is still filling up, nothing can be said.
    let growth = Figure::new("memory: growth, second half of an hour", grown, "MB");
    let growth = if seconds < WARM_S { growth } else { growth.at_most(2.0) };
    Ok(vec![
        Figure::new("memory: 4 M spans wait", megabytes(&pending["after"]), "MB")
            .at_most(300.0)
            .beside(format!("{entry:.0} bytes each")),
        growth.beside(format!(
            "{:.1} minutes of 50,000 spans/s, {full:.0} MB after half of them",
            seconds / 60.0
        )),
        Figure::new("memory: with a day of ticks", megabytes(&hour["after_ticks"]), "MB")
            .at_most(full.max(megabytes(&hour["after_spans"])) + 40.0)
            .beside(format!("{} ticks; 32 MB of history are kept", hour["ticks"])),
    ])
}

fn run(part: Part, effort: Effort) -> anyhow::Result<Value> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--part", if part == Part::Pending { "pending" } else { "hour" }]);
    if effort.quick {
        command.arg("--quick");
    }
    let ended = command.output()?;
    let said = String::from_utf8_lossy(&ended.stderr);
    ensure!(ended.status.success(), "measuring {part:?} failed: {said}");
    Ok(serde_json::from_slice(&ended.stdout)?)
}
