//! Worlds with known truth, at the command line: makes recordings, and scores the reducer.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use spanfall_tests::world::recording::Recording;
use spanfall_tests::world::score::{Score, score};
use spanfall_tests::world::{Condition, World, table};

/// Serverless systems in simulated time, whose every hop is known.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write what a system's instrumentation sends, and what really happened.
    Run {
        /// The recording to write; the truth is written beside it, as `.truth.json`.
        #[arg(default_value = "world.jsonl.zst")]
        target: PathBuf,
        #[command(flatten)]
        what: What,
    },
    /// Run the reducer on systems under all conditions and compare with the truth. Exits with 1 if
    /// a goal is missed.
    Score {
        /// Print JSON.
        #[arg(long)]
        json: bool,
        /// How many seeds, each a run of its own, beginning with --seed.
        #[arg(long, default_value_t = 3)]
        seeds: u64,
        /// Print up to this many examples of what went wrong under each condition, and the hop
        /// that took longest to be right.
        #[arg(long, default_value_t = 0)]
        examples: usize,
        #[command(flatten)]
        what: What,
    },
}

#[derive(Debug, Args)]
struct What {
    /// What is wrong with the traces; may be repeated. `score` takes all conditions by default.
    #[arg(long, value_name = "NAME")]
    condition: Vec<String>,
    /// Where chance begins.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// About how many spans to make.
    #[arg(long, default_value_t = 10_000)]
    spans: usize,
    /// Generate a world of about this many nodes, instead of the built-in one.
    #[arg(long)]
    nodes: Option<usize>,
}

impl What {
    fn conditions(&self) -> anyhow::Result<Vec<Condition>> {
        let known = || {
            let names: Vec<_> = Condition::all().iter().map(|it| it.name).collect();
            format!("no such condition; there are {}", names.join(", "))
        };
        self.condition
            .iter()
            .map(|name| Condition::named(name).with_context(|| format!("{name}: {}", known())))
            .collect()
    }

    fn world(&self, seed: u64) -> World {
        self.nodes.map_or_else(World::standard, |nodes| World::generated(nodes, seed))
    }
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Run { target, what } => run(&target, &what),
        Command::Score { json, seeds, examples, what } => judge(&what, seeds, json, examples),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            // Nobody is left to be told that this cannot be written.
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(target: &std::path::Path, what: &What) -> anyhow::Result<ExitCode> {
    let clean = || Condition::named("clean").context("no clean condition");
    let condition = match &what.conditions()?[..] {
        [] => clean()?,
        [one] => one.clone(),
        _ => anyhow::bail!("a recording has one condition"),
    };
    let recording = Recording::make(what.world(what.seed), &condition, what.seed, what.spans);
    let beside = recording.write(target).with_context(|| format!("{}", target.display()))?;
    writeln!(
        std::io::stdout(),
        "{}: {} requests\n{}: {} hops",
        target.display(),
        recording.exports.len(),
        beside.display(),
        recording.truth.hops.len()
    )?;
    Ok(ExitCode::SUCCESS)
}

fn judge(what: &What, seeds: u64, json: bool, examples: usize) -> anyhow::Result<ExitCode> {
    let mut conditions = what.conditions()?;
    if conditions.is_empty() {
        conditions = Condition::all();
    }
    let mut scores = Vec::new();
    let mut out = std::io::stdout();
    for condition in conditions {
        let mut sum = Score::default();
        for seed in what.seed..what.seed.saturating_add(seeds) {
            let recording = Recording::make(what.world(seed), &condition, seed, what.spans);
            sum.add(score(&recording, &condition));
        }
        for example in sum.examples.iter().take(examples) {
            writeln!(std::io::stderr(), "{}: {example}", condition.name)?;
        }
        if examples > 0 {
            let (lag_ms, hop) = &sum.slowest;
            writeln!(std::io::stderr(), "{}: {lag_ms} ms late: {hop}", condition.name)?;
        }
        scores.push((condition, sum));
    }
    if json {
        writeln!(out, "{:#}", table::json(&scores))?;
    } else {
        out.write_all(table::table(&scores).as_bytes())?;
    }
    let missed = scores.iter().any(|(condition, score)| !score.misses(condition.goal).is_empty());
    Ok(if missed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
