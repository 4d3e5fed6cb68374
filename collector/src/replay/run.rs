//! `replay` on the command line. In: arguments. Out: a feed on the view port, for as long as the
//! recordings play.

use std::convert::Infallible;
use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::collector::{Purpose, bind};
use crate::config::Config;
use crate::feed::message::SourceLabel;
use crate::figures::grouped;
use crate::otlp_file::Input;
use crate::pipeline::Pipeline;
use crate::view::View;

use super::{Args, Played, ReplayError, Replayer};

/// How long viewers may take to read their last frames.
const GOODBYE: Duration = Duration::from_secs(1);

/// Plays the recordings into a pipeline of their own, set up as the configuration says, and serves its
/// feed on `view` until everything is played or `stop` is cancelled.
///
/// # Errors
/// [`ReplayError`] where a file cannot be read, or the port not be had.
pub async fn run(
    args: Args,
    config: Config,
    view: SocketAddr,
    stop: CancellationToken,
) -> Result<(), ReplayError> {
    let inputs: Vec<Input> = args.files.iter().cloned().map(Input::from).collect();
    // Nothing is promised that a missing file would break.
    inputs.iter().try_for_each(Input::check)?;
    let (listener, socket) = bind(Purpose::View, view).await;
    let Some(socket) = socket else {
        return Err(ReplayError::Port(listener.problem().unwrap_or_default()));
    };
    let label = label(&args.files);
    let pipeline = Pipeline::start(&config, SourceLabel::Recording(label.clone()));
    let (viewers, stop_viewing) = (TaskTracker::new(), CancellationToken::new());
    let viewing = View::new(&pipeline, viewers.clone()).serve(socket, stop_viewing.clone());
    viewers.spawn(viewing);
    say(&format!("Playing {label}. To watch: spanfall --connect ws://{}/feed", listener.address));

    let bar = progress_bar(&inputs);
    let begin = Instant::now();
    let replayer =
        Replayer::new(inputs).speed(args.speed).looping(args.repeat).keep_going(args.keep_going);
    let read = replayer.bytes_read();
    let played = tokio::select! {
        played = replayer.play_into(&pipeline, stop) => played,
        never = show_progress(&bar, &read) => match never {},
    };
    bar.finish_and_clear();
    pipeline.finish().await;
    stop_viewing.cancel();
    viewers.close();
    if timeout(GOODBYE, viewers.wait()).await.is_err() {
        tracing::info!("some viewers did not read their last frames in time");
    }
    let played = played?;
    played.losses.warn();
    say(&summary(&played, begin.elapsed()));
    Ok(())
}

/// What viewers call it.
fn label(files: &[std::path::PathBuf]) -> String {
    match files {
        [file] if file == Path::new("-") => "standard input".to_owned(),
        [file] => file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned(),
        files => format!("{} recordings", files.len()),
    }
}

/// Says something to the person at the terminal. Standard output stays free, and that nobody listens
/// is no reason to stop.
fn say(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

fn progress_bar(inputs: &[Input]) -> ProgressBar {
    let sizes: Option<Vec<u64>> = inputs.iter().map(Input::size).collect();
    let bar = match sizes {
        Some(sizes) if io::stderr().is_terminal() => ProgressBar::new(sizes.iter().sum()),
        _ => ProgressBar::hidden(),
    };
    match ProgressStyle::with_template("{bar:40} {percent}%  {elapsed}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Shows how far the round is.
async fn show_progress(bar: &ProgressBar, read: &Arc<AtomicU64>) -> Infallible {
    loop {
        let total = bar.length().unwrap_or(0).max(1);
        bar.set_position(read.load(Ordering::Relaxed).saturating_sub(1) % total);
        sleep(Duration::from_millis(250)).await;
    }
}

fn summary(played: &Played, elapsed: Duration) -> String {
    let Played { requests, spans, rejected, rounds, stopped, .. } = played;
    let how = if *stopped { "Stopped after" } else { "Played" };
    let rejected = match rejected {
        0 => String::new(),
        rejected => format!(" ({} rejected)", grouped(*rejected)),
    };
    let rounds = match rounds {
        0 | 1 => String::new(),
        rounds => format!(", {rounds} rounds"),
    };
    format!(
        "{how} {} requests with {} spans{rejected} in {:.1} s{rounds}.",
        grouped(*requests),
        grouped(*spans),
        elapsed.as_secs_f64()
    )
}
