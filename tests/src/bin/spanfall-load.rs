//! The load generator at the command line: see `--help`.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use clap::Parser;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use spanfall_tests::load::batch::Batches;
use spanfall_tests::load::send::client::Protocol;
use spanfall_tests::load::send::{Plan, Until, run};
use spanfall_tests::load::small;
use spanfall_tests::recording::sample;
use spanfall_tests::world::recording::Recording;
use spanfall_tests::world::{Condition, World};

/// Sends spans to a collector, as many and as fast as wanted, and says what became of them.
///
/// Every span has ids of its own, so a recording that is sent again and again is never a duplicate. With
/// --rate, requests are due when they are due, however late the collector is, and latency counts from
/// then. With --feed, a viewer counts on the other side. Exits with 1 if anything was lost.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, after_help = EXAMPLES)]
struct Cli {
    /// Where to send to; by default this computer, on the protocol's usual port.
    #[arg(value_name = "URL")]
    target: Option<Uri>,
    /// How to send.
    #[arg(long, value_enum, default_value_t = Protocol::Grpc)]
    protocol: Protocol,
    /// Compress requests. Those that --prepare does not make before the start cost time on the way.
    #[arg(long)]
    gzip: bool,
    /// A header that goes with every request; may be repeated.
    #[arg(long, value_name = "NAME: VALUE")]
    header: Vec<String>,
    #[command(flatten)]
    what: What,
    /// The largest request, in spans; 0 sends requests as they are in the recording. Smaller ones are
    /// joined, larger ones stay as they are.
    #[arg(long, value_name = "SPANS", default_value_t = 512)]
    batch: u64,
    /// Spans a second; without it, as fast as the collector answers.
    #[arg(long, value_name = "SPANS", value_parser = positive)]
    rate: Option<f64>,
    /// Connections. Each has one request under way at most.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=1000))]
    connections: u16,
    /// How long to send, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0, value_parser = positive)]
    seconds: f64,
    /// Stop after so many spans instead, to the request.
    #[arg(long, value_name = "SPANS")]
    count: Option<u64>,
    /// Make so many requests before the first is sent; `all` with --count.
    #[arg(long, value_name = "REQUESTS", default_value = "0", value_parser = prepared)]
    prepare: u64,
    /// The collector's feed, such as ws://127.0.0.1:4320/feed: checks that it tells of every span, and
    /// measures how long a span takes to be told of. Nobody else may send meanwhile.
    #[arg(long, value_name = "URL")]
    feed: Option<String>,
    /// Threads to send with.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    threads: u16,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
#[group(multiple = false)]
struct What {
    /// A recording to send again and again; by default the sample `webshop`.
    #[arg(value_name = "FILE", long)]
    recording: Option<PathBuf>,
    /// Send spans of a generated system of about so many nodes (see `spanfall-world`).
    #[arg(long, value_name = "NODES")]
    world: Option<usize>,
    /// Send small spans: clients and servers of 20 services with two attributes each.
    #[arg(long)]
    small: bool,
}

const EXAMPLES: &str = "\
Examples:
  spanfall-load                                   what a collector here can take, over gRPC
  spanfall-load --protocol http --gzip --prepare 2000
  spanfall-load --rate 100000 --seconds 60 --feed ws://127.0.0.1:4320/feed
  spanfall-load --world 300 --connections 50 http://wall.example:4317";

fn positive(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(number) if f64::is_finite(number) && number > 0.0 => Ok(number),
        _ => Err("it must be a number above 0".to_owned()),
    }
}

fn prepared(text: &str) -> Result<u64, String> {
    if text == "all" {
        Ok(u64::MAX)
    } else {
        text.parse().map_err(|_| "it must be a number, or all".to_owned())
    }
}

impl Cli {
    fn batches(&self) -> anyhow::Result<Batches> {
        let seed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let seed = u64::try_from(seed & u128::from(u64::MAX)).unwrap_or_default();
        if self.what.small {
            return Ok(Batches::new(small::pairs(40, self.batch.max(2)), self.batch, seed));
        }
        if let Some(nodes) = self.what.world {
            let clean = Condition::named("clean").context("no clean condition")?;
            let recording = Recording::make(World::generated(nodes, 1), &clean, 1, 20_000);
            let requests = recording.exports.iter().map(|export| &export.bytes);
            return Ok(Batches::new(requests, self.batch, seed));
        }
        let recording = self.what.recording.clone().unwrap_or_else(|| sample("webshop"));
        Batches::recording(&recording, self.batch, seed)
    }

    fn plan(&self) -> anyhow::Result<Plan> {
        let mut headers = HeaderMap::new();
        for header in &self.header {
            let (name, value) = header.split_once(':').context("a header is NAME: VALUE")?;
            let value = HeaderValue::from_str(value.trim()).context("a header's value")?;
            headers.insert(name.trim().parse::<HeaderName>().context("a header's name")?, value);
        }
        let batches = Arc::new(self.batches()?);
        let until = match self.count {
            Some(spans) => Until::Spans(spans),
            None => Until::Time(Duration::from_secs_f64(self.seconds)),
        };
        let prepare = match (self.prepare, self.count) {
            (u64::MAX, Some(count)) => batches.batches_for(count),
            (u64::MAX, None) => anyhow::bail!("--prepare all needs --count, to know how many"),
            (some, _) => some,
        };
        let target = match &self.target {
            Some(target) => target.clone(),
            None => self.protocol.default_target().parse()?,
        };
        Ok(Plan {
            target,
            protocol: self.protocol,
            gzip: self.gzip,
            headers,
            batches,
            connections: usize::from(self.connections),
            rate: self.rate,
            until,
            prepare,
            feed: self.feed.clone(),
        })
    }
}

fn main() -> ExitCode {
    match send(&Cli::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Nobody is left to be told that this cannot be written.
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Sends; says whether everything arrived.
fn send(cli: &Cli) -> anyhow::Result<bool> {
    let plan = cli.plan()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(usize::from(cli.threads))
        .enable_all()
        .build()?;
    let report = runtime.block_on(run(&plan))?;
    let mut out = std::io::stdout();
    if cli.json {
        writeln!(out, "{:#}", report.json())?;
    } else {
        write!(out, "{report}")?;
    }
    Ok(report.is_complete())
}
