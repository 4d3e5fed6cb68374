//! Recorded traces, played here. In: files, or the sample that comes with the program. Out: the
//! feed of a pipeline of their own, as if what they hold happened now.

use std::path::{Path, PathBuf};

use spanfall_collector::Pipeline;
use spanfall_collector::config::{self, Config};
use spanfall_collector::feed::message::{Notice, Severity, SourceLabel};
use spanfall_collector::otlp_file::Input;
use spanfall_collector::replay::{Control, Replayer, Speed};

use super::embedded::{forward, notice};
use super::thread::Feed;

/// Recordings to be played.
#[derive(Clone, Debug)]
pub struct Recording {
    /// The files, merged by time.
    pub files: Vec<PathBuf>,
    /// How fast.
    pub speed: Speed,
    /// Whether to begin again at the end.
    pub repeat: bool,
    /// How spans are reduced.
    pub config: config::Source,
}

impl Recording {
    /// What people see as its name.
    pub(super) fn name(&self) -> String {
        match &self.files[..] {
            [file] if file == Path::new("-") => "standard input".to_owned(),
            [file] => file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned(),
            files => format!("{} recordings", files.len()),
        }
    }

    /// What to say at the end.
    fn ended(&self, fault: Option<String>) -> Notice {
        match fault {
            Some(fault) => {
                tracing::error!("{fault}");
                notice("recording", Severity::Critical, fault)
            }
            None => {
                let text = format!("{} has ended. With --loop it begins again", self.name());
                notice("recording", Severity::Info, text)
            }
        }
    }
}

/// Plays recordings to their end, and then waits until the app ends.
pub(super) async fn run(mut feed: Feed, recording: Recording) {
    let config = recording.config.load().unwrap_or_else(|mistakes| {
        // The command line has checked it; it has changed since.
        tracing::warn!("{mistakes}");
        Config::default()
    });
    let inputs = recording.files.iter().cloned().map(Input::from).collect();
    let replayer = Replayer::new(inputs).speed(recording.speed).looping(recording.repeat);
    let label = SourceLabel::Recording(recording.name());
    let stop = feed.stop.clone();
    tokio::select! {
        () = async {
            let end = |fault| recording.ended(fault);
            play(&mut feed, replayer, &config, label, Some(&end)).await;
        } => {}
        () = stop.cancelled() => {}
    }
}

/// Plays to the end. Returns what went wrong, if something did; or, where there is something to say at
/// the end, says it and goes on to answer whoever asks what happened.
pub(super) async fn play(
    feed: &mut Feed,
    replayer: Replayer,
    config: &Config,
    label: SourceLabel,
    end: Option<&(dyn Fn(Option<String>) -> Notice + Sync)>,
) -> Option<String> {
    let pipeline = Pipeline::start(config, label);
    let subscription = pipeline.hub().subscribe();
    let control = replayer.control();
    let paused = feed.paused.clone();
    let stop = feed.stop.clone();
    let played = async {
        let played = tokio::select! {
            played = replayer.play_into(&pipeline, stop) => played,
            () = follow_pauses(paused, control) => return None,
        };
        let fault = played.err().map(|error| error.to_string());
        // What waits for its other side will not get it any more.
        let Some(end) = end else {
            pipeline.finish().await;
            return fault;
        };
        pipeline.rest();
        pipeline.hub().notice(end(fault));
        std::future::pending().await
    };
    // The feed ends when the pipeline has finished.
    let (fault, ()) = tokio::join!(played, forward(feed, subscription));
    fault
}

/// A recording stands still while the picture does, so that nothing of it is missed.
async fn follow_pauses(mut paused: tokio::sync::watch::Receiver<bool>, control: Control) {
    loop {
        control.set_paused(*paused.borrow_and_update());
        if paused.changed().await.is_err() {
            // The app is gone, and ends this too.
            std::future::pending::<()>().await;
        }
    }
}
