//! The figures of this build, in one table: what `tests/bench` runs.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use spanfall_tests::bench::figure::Figure;
use spanfall_tests::bench::instructions::{self, What};
use spanfall_tests::bench::memory::{self, Part};
use spanfall_tests::bench::results::{Heading, Kept, Subject, keep, text};
use spanfall_tests::bench::viewer::Viewer;
use spanfall_tests::bench::{Effort, cost, live, scale};
use spanfall_tests::load::workload::Workload;
use spanfall_tests::program::{find, repository};

/// Measures the collector, or the viewer: speed, memory and delay, each beside its goal and its peer or
/// limit.
///
/// The table is kept as a text file under tests/bench-results/, and compared with the one before.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    /// Be done in two minutes; with `--viewer`, in about five.
    #[arg(long)]
    quick: bool,
    /// Measure the viewer instead, drawn in software on a screen that nobody sees.
    #[arg(long)]
    viewer: bool,
    /// Only what has this in its name: cost, scale, live or memory; of the viewer frames, particle pass,
    /// main world, layout, idle, start or memory.
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// Do not keep the results.
    #[arg(long)]
    no_keep: bool,
    /// Count instructions a span instead, from bytes to edges and for a bare walk, and say which
    /// functions they are spent in. Needs valgrind; takes about a minute.
    #[arg(long, conflicts_with_all = ["quick", "viewer", "only", "no_keep"])]
    instructions: bool,
    /// Do what is counted, in this process.
    #[arg(long, hide = true)]
    count: Option<What>,
    /// Measure one thing in this process and print it as JSON.
    #[arg(long, hide = true)]
    part: Option<Part>,
}

fn main() -> ExitCode {
    match measure(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to be told that this cannot be written.
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure(cli: &Cli) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    let effort = Effort { quick: cli.quick };
    if let Some(part) = cli.part {
        return Ok(writeln!(out, "{}", memory::measure(part, effort)?)?);
    }
    if let Some(what) = cli.count {
        return Ok(writeln!(out, "{}", instructions::work(what)?)?);
    }
    if cli.instructions {
        return Ok(write!(out, "{}", instructions::count()?)?);
    }
    let folder = repository("tests/bench-results");
    let subject = if cli.viewer { Subject::Viewer } else { Subject::Collector };
    let heading = Heading::now(&repository(""), cli.quick, subject)?;
    let before = Kept::latest(&folder, cli.quick, subject);
    let wanted = |name: &str| cli.only.as_ref().is_none_or(|only| name.contains(only.as_str()));
    let mut figures = Vec::new();
    let mut tell = |some: Vec<Figure>| -> anyhow::Result<()> {
        for figure in some {
            writeln!(out, "{}", figure.line())?;
            figures.push(figure);
        }
        Ok(())
    };
    if cli.viewer {
        Viewer::new(effort)?.measure(&wanted, &mut tell)?;
    } else {
        collector(effort, &wanted, &mut tell)?;
    }
    if let Some(before) = &before {
        let Heading { commit, time, .. } = &before.heading;
        writeln!(out, "\nBeside {commit} at {time}:\n{}", before.changes(&figures).trim_end())?;
    }
    if cli.only.is_none() && !cli.no_keep {
        let file = keep(&folder, &heading, &text(&heading, &figures))?;
        writeln!(out, "\nKept as {}", file.display())?;
    }
    Ok(())
}

/// The collector's figures.
fn collector(
    effort: Effort,
    wanted: &dyn Fn(&str) -> bool,
    tell: &mut dyn FnMut(Vec<Figure>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    if wanted("live") {
        // Said before minutes are spent on the rest.
        for program in ["spanfall-collector", "spanfall-load"] {
            find(program).context("`tests/bench` builds what it measures; start that")?;
        }
    }
    for workload in Workload::ALL {
        if wanted("cost") {
            tell(cost::figures(workload, &cost::cost(workload, effort)?))?;
        }
    }
    if wanted("scale") {
        tell(vec![scale::two_threads(effort)?])?;
        tell(scale::large_tick(effort))?;
    }
    if wanted("live") {
        tell(live::end_to_end(effort)?)?;
        tell(live::to_frame(effort)?)?;
        tell(vec![live::idle(effort)?, live::start()?])?;
    }
    if wanted("memory") {
        tell(memory::figures(effort)?)?;
    }
    Ok(())
}
