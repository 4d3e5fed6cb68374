//! The collector and the load generator as a person runs them. In: programs. Out: figures: spans a
//! second over loopback, what part of that is reading and reducing, how long a span takes to the feed,
//! and what a collector costs that has nothing to do.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use futures::StreamExt as _;
use serde_json::Value;

use super::Effort;
use super::cost::FULL;
use super::figure::{Figure, number};
use super::outside::outside;
use crate::collector::Collector;
use crate::http;
use crate::program::{PATIENCE, Program, command, path};

/// What one run over the wire took.
#[derive(Clone, Copy, Debug)]
struct Run {
    /// Spans a second, by the clock.
    rate: f64,
    /// The collector's processor time, in nanoseconds a span.
    collector: f64,
    /// The part of it that the kernel has.
    kernel: f64,
    /// The generator's processor time while it sends, in nanoseconds a span.
    generator: f64,
    /// Whether everything arrived, by the feed's count too.
    complete: bool,
}

/// User's and kernel's time that a process has had, in seconds (Linux).
fn processor(process: u32) -> anyhow::Result<(f64, f64)> {
    /// What Linux tells times in; it is 100 on every platform that Rust runs on.
    const TICKS: f64 = 100.0;
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name, in brackets, may hold anything.
    let fields: Vec<&str> =
        stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let field = |index: usize| -> anyhow::Result<f64> {
        Ok(fields.get(index).context("a short line")?.parse::<f64>()? / TICKS)
    };
    Ok((field(11)?, field(12)?))
}

fn collector() -> Collector {
    // As it is by default.
    Collector::start(&[], &[("REDUCE_SLOW", "auto")])
}

/// Runs the load generator against a collector; returns what it reports.
fn load(collector: &Collector, protocol: &str, arguments: &[&str]) -> anyhow::Result<Value> {
    let target = if protocol == "grpc" { collector.grpc } else { collector.http };
    let mut command = command(path("spanfall-load"));
    command.args(["--json", "--protocol", protocol, &format!("http://{target}")]);
    command.args(["--feed", &format!("ws://{}/feed", collector.view)]).args(arguments);
    let ended = Program::start("spanfall-load", command).wait(10 * PATIENCE);
    serde_json::from_str(&ended.stdout)
        .with_context(|| format!("the load generator says {}{}", ended.stdout, ended.stderr))
}

fn over_the_wire(
    collector: &Collector,
    protocol: &str,
    gzip: bool,
    effort: Effort,
) -> anyhow::Result<Run> {
    let before = processor(collector.program.id())?;
    let count = effort.wire_spans().to_string();
    let mut arguments = vec!["--count", &count[..]];
    if gzip {
        arguments.push("--gzip");
    }
    // Compressed ones take little memory, and all that a full run sends plain would take too much.
    if gzip || effort.quick {
        arguments.extend(["--prepare", "all"]);
    }
    let report = load(collector, protocol, &arguments)?;
    let after = processor(collector.program.id())?;
    let spans = report["sent"]["accepted"].as_f64().context("no count of accepted spans")?;
    let (user, kernel) = (after.0 - before.0, after.1 - before.1);
    Ok(Run {
        rate: report["spans_per_second"].as_f64().context("no rate")?,
        collector: (user + kernel) * 1e9 / spans,
        kernel: kernel * 1e9 / spans,
        generator: report["processor_seconds"].as_f64().context("no time")? * 1e9 / spans,
        complete: report["complete"] == true,
    })
}

/// End to end.
///
/// # Errors
/// If a program fails.
pub fn end_to_end(effort: Effort) -> anyhow::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for protocol in ["grpc", "http"] {
        let collector = collector();
        // Until the reducer is as full as it gets, or nearly.
        let warm = if effort.quick { FULL / 2 } else { FULL };
        load(&collector, protocol, &["--count", &warm.to_string()])?;
        let plain = over_the_wire(&collector, protocol, false, effort)?;
        let gzip = over_the_wire(&collector, protocol, true, effort)?;
        let Run { rate, collector, kernel, generator, complete } = plain;
        let lost = if complete && gzip.complete { "nothing lost" } else { "SPANS LOST" };
        let name = |what: &str| format!("end to end, {protocol}: {what}");
        let both = number(2e9 / (collector + generator));
        figures.push(
            Figure::new(name("spans a second"), rate, "spans/s")
                .at_least(700_000.0)
                .beside(format!("{lost}; two cores of processor time are good for {both}")),
        );
        figures.push(Figure::new(name("collector"), collector, "ns/span").beside(format!(
            "{kernel:.0} of it in the kernel; the generator takes {generator:.0}"
        )));
        figures.push(outside(protocol, effort)?);
        figures.push(
            Figure::new(name("gzip beside identity"), gzip.collector / collector, "times")
                .at_most(2.2)
                .beside(format!(
                    "{:.0} ns/span; by the clock {} times",
                    gzip.collector,
                    number(rate / gzip.rate)
                )),
        );
    }
    Ok(figures)
}

/// From a span's departure to the frame that shows it, under load.
///
/// # Errors
/// If a program fails.
pub fn to_frame(effort: Effort) -> anyhow::Result<Vec<Figure>> {
    let collector = collector();
    let seconds = effort.watch().as_secs().to_string();
    let arguments = ["--rate", "100000", "--seconds", &seconds];
    let report = load(&collector, "grpc", &arguments)?;
    let millis = |value: &Value| value.as_f64().unwrap_or(f64::NAN) / 1e3;
    let (feed, answer) = (&report["feed"]["latency"], &report["latency"]);
    let lost = if report["complete"] == true { "nothing lost" } else { "SPANS LOST" };
    Ok(vec![
        Figure::new("arrival to feed frame at 100,000 spans/s, p99", millis(&feed["p99_us"]), "ms")
            .at_most(220.0)
            .beside(format!(
                "p50 {}; {} markers, {lost}",
                number(millis(&feed["p50_us"])),
                feed["count"]
            )),
        Figure::new("answer at 100,000 spans/s, p99", millis(&answer["p99_us"]), "ms").beside(
            format!(
                "p50 {}, p99.9 {}; from when it was due",
                number(millis(&answer["p50_us"])),
                number(millis(&answer["p999_us"]))
            ),
        ),
    ])
}

/// What a collector takes that has one viewer and nothing to tell.
///
/// # Errors
/// If it cannot be watched.
pub fn idle(effort: Effort) -> anyhow::Result<Figure> {
    let collector = collector();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let share = runtime.block_on(async {
        let feed = format!("ws://{}/feed", collector.view);
        let (mut viewer, _) = tokio_tungstenite::connect_async(feed).await?;
        let mut watch = async |time| {
            let end = tokio::time::sleep(time);
            tokio::pin!(end);
            loop {
                tokio::select! {
                    () = &mut end => break,
                    Some(_) = viewer.next() => {}
                }
            }
        };
        watch(Duration::from_secs(1)).await;
        let (before, begin) = (threads(collector.program.id())?, Instant::now());
        watch(effort.watch()).await;
        let spent = threads(collector.program.id())? - before;
        anyhow::Ok(100.0 * spent / begin.elapsed().as_secs_f64())
    })?;
    Ok(Figure::new("idle, one viewer", share, "% of a core").at_most(0.5))
}

/// Processor time of all threads of a process, in seconds: finer than [`processor`].
fn threads(process: u32) -> anyhow::Result<f64> {
    let mut nanos = 0.0;
    for thread in std::fs::read_dir(format!("/proc/{process}/task"))? {
        let text = std::fs::read_to_string(thread?.path().join("schedstat"))?;
        nanos += text.split_whitespace().next().unwrap_or("0").parse::<f64>()?;
    }
    Ok(nanos / 1e9)
}

/// How long a collector takes from its start until it answers.
///
/// # Errors
/// If it does not.
pub fn start() -> anyhow::Result<Figure> {
    const TRIES: usize = 7;
    let mut times = Vec::new();
    for try_number in 0..TRIES {
        // High ports that nothing else of this program uses at this moment.
        let ports = [(); 3].map(|()| std::net::TcpListener::bind("127.0.0.1:0"));
        let mut addresses = Vec::new();
        for port in ports {
            addresses.push(port?.local_addr()?);
        }
        let ports = addresses.try_into().ok().context("three ports")?;
        let command = Collector::command(&[], ports);
        let begin = Instant::now();
        let _program = Program::start(&format!("start {try_number}"), command);
        while !http::get(ports[2], "/healthz").is_ok_and(|answer| answer.status == 200) {
            ensure!(begin.elapsed() < PATIENCE, "the collector does not answer");
            std::thread::sleep(Duration::from_micros(300));
        }
        times.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    let (best, median) = (times[0], times[TRIES / 2]);
    Ok(Figure::new("start to ready", best, "ms")
        .at_most(50.0)
        .beside(format!("the best of {TRIES}, the median is {}", number(median))))
}
