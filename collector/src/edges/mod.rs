//! `edges`: recordings in, a table of edges out. In: the files of a recording. Out: every edge with
//! its hops by class and its latencies, as a table or as JSON, the same byte for byte on every run.
//! The JSON's schema is documented in [`report`].

mod args;
mod reading;
pub mod report;
mod table;
mod tape;
#[cfg(test)]
mod tests;

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use tokio_util::sync::CancellationToken;

pub use args::Args;
pub use report::Report;

use crate::config::Config;
use crate::figures::grouped;
use crate::otlp_file::{Input, ReadError};
use crate::reduce::{Reducer, Settings};

use reading::{Job, Read, Repeated};
use tape::Tape;

/// How long a span waits for its other side, in time of the recording: longer than live, since
/// nobody waits for the result to be shown, and then the order of the input does not matter.
const WAIT: Duration = Duration::from_secs(600);

/// How many spans may wait: some hundred megabytes at most, since nothing else runs beside it.
const MAX_PENDING: usize = 4_000_000;

/// Why the edges could not be told.
#[derive(Debug, thiserror::Error)]
pub enum EdgesError {
    /// A recording cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A pipe was to be read more than once.
    #[error("{0} can be read once only; save it to a file to use --repeat")]
    Once(String),
    /// The result cannot be written.
    #[error("cannot write the result: {0}")]
    Write(io::Error),
    /// It was told to stop.
    #[error("stopped before the recordings were read to their end")]
    Stopped,
    /// A thread broke down.
    #[error("reading broke down; please report this with the recording")]
    Broken,
}

/// Reads the recordings and prints their edges on standard output, reduced as the configuration
/// says; waiting and memory are as fits a recording.
///
/// # Errors
/// [`EdgesError`] where a file cannot be read, or the result not be written, or `stop` is cancelled
/// first. That nobody reads the result to its end is no error.
pub async fn run(args: Args, config: Config, stop: CancellationToken) -> Result<(), EdgesError> {
    // Reading and reducing is all this process has to do; it need not be asynchronous.
    let work = tokio::task::spawn_blocking(move || run_blocking(&args, config));
    tokio::select! {
        done = work => done.unwrap_or(Err(EdgesError::Broken)),
        // The thread may wait for a pipe; it ends with the process.
        () = stop.cancelled() => Err(EdgesError::Stopped),
    }
}

fn run_blocking(args: &Args, config: Config) -> Result<(), EdgesError> {
    let begin = Instant::now();
    let inputs: Vec<Input> = args.files.iter().cloned().map(Input::from).collect();
    let progress = progress_bar(&inputs, args.repeat.get());
    let (keep_going, rounds) = (args.keep_going, args.repeat.get());
    let (reducer, read) = reduce(&inputs, keep_going, rounds, config.reduce, &progress)?;
    let report = Report::new(&reducer, read.rejected, &config.prices);
    progress.finish_and_clear();
    warn(&report, &read);
    let text = if args.json { json(&report)? } else { table::table(&report, terminal_width()) };
    match io::stdout().lock().write_all(text.as_bytes()) {
        // The reader has seen enough, as `head` does.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        outcome => outcome.map_err(EdgesError::Write)?,
    }
    tell_speed(&report, &read, begin.elapsed());
    Ok(())
}

/// Reduces recordings to a report; the heart of `edges` without its manners.
///
/// # Errors
/// [`EdgesError`] where a file cannot be read.
pub fn reduce_files(inputs: &[Input], config: &Config) -> Result<Report, EdgesError> {
    let (reducer, read) = reduce(inputs, false, 1, config.reduce.clone(), &ProgressBar::hidden())?;
    Ok(Report::new(&reducer, read.rejected, &config.prices))
}

fn reduce(
    inputs: &[Input],
    keep_going: bool,
    rounds: u32,
    settings: Settings,
    progress: &ProgressBar,
) -> Result<(Reducer, Read), EdgesError> {
    let reducer = Reducer::new(Settings {
        wait: settings.wait.max(WAIT),
        max_pending: settings.max_pending.max(MAX_PENDING),
        ..settings
    });
    let job =
        Job { inputs, keep_going, rounds, reducer: &reducer, progress, tape: Tape::default() };
    let read = job.run()?;
    reducer.resolve_all();
    Ok((reducer, read))
}

/// A bar on standard error; nothing where that is not a terminal.
fn progress_bar(inputs: &[Input], rounds: u32) -> ProgressBar {
    let sizes: Option<Vec<u64>> = inputs.iter().map(Input::size).collect();
    let (bar, template) = match sizes {
        Some(sizes) => {
            let total = sizes.iter().sum::<u64>().saturating_mul(u64::from(rounds));
            (ProgressBar::new(total), "{bar:40} {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left")
        }
        // How much comes out of a pipe is not known.
        None => (ProgressBar::no_length(), "{spinner} {bytes}  {bytes_per_sec}"),
    };
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn json(report: &Report) -> Result<String, EdgesError> {
    let mut text =
        serde_json::to_string_pretty(report).map_err(|error| EdgesError::Write(error.into()))?;
    text.push('\n');
    Ok(text)
}

fn terminal_width() -> Option<usize> {
    let terminal = console::Term::stdout();
    terminal.is_term().then(|| terminal.size_checked()).flatten().map(|(_, width)| width.into())
}

/// Says in the log what the result does not: what was passed over, and why.
fn warn(report: &Report, read: &Read) {
    read.losses.warn();
    if let Some(reason) = read.reason {
        tracing::warn!("no one can use some spans ({}); the first: {reason}", read.rejected);
    }
    if report.totals.early > 0 {
        tracing::warn!(
            "{} spans were resolved early to save memory: the result may depend on the order of \
             the input; raise reduce.max_pending",
            report.totals.early
        );
    }
}

/// Says how fast it went, to people and to those who measure.
fn tell_speed(report: &Report, read: &Read, elapsed: Duration) {
    let speed = |spans: u64, time: Duration| {
        let rate = spans as f64 / time.as_secs_f64().max(1e-9);
        format!(
            "{} spans in {:.2} s: {} spans/s",
            grouped(spans),
            time.as_secs_f64(),
            grouped(rate as u64)
        )
    };
    let mut lines =
        format!("{} ({} requests)\n", speed(report.totals.spans, elapsed), grouped(read.requests));
    if let Some(Repeated { time, spans, from_memory }) = read.repeated {
        let how = if from_memory { "from memory" } else { "reading the files anew" };
        lines += &format!("rounds after the first, {how}: {}\n", speed(spans, time));
    }
    if io::stderr().is_terminal() || read.repeated.is_some() {
        // Nobody is left to be told that this cannot be written.
        let _ = io::stderr().lock().write_all(lines.as_bytes());
    }
}
