//! The configuration's file, again whenever it changes. In: a [`Source`]. Out: each new
//! [`Config`], or what is wrong with it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, timeout};

use super::{Config, Mistakes, Source};

/// Editors write a file in several steps; what counts is what is there once they are done.
const SETTLE: Duration = Duration::from_millis(100);

/// A file that never settles is read all the same after this time.
const SETTLE_AT_MOST: Duration = Duration::from_secs(1);

/// Some file systems (network, bind mounts of single files) tell nobody about changes; there the
/// file is found changed by looking.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// What the file said: its text, or why there is none.
type Text = Option<Result<String, String>>;

/// Waits for changes of a configuration file.
#[derive(Debug)]
pub struct Reload {
    source: Source,
    last: Text,
    events: mpsc::Receiver<()>,
    look: tokio::time::Interval,
    _watcher: Option<RecommendedWatcher>,
}

impl Reload {
    /// Watches the source's file from now on. Without a file, nothing ever changes.
    pub fn watch(source: Source) -> Self {
        // One place is enough: what counts is that something happened, not how often.
        let (happened, events) = mpsc::channel(1);
        let watcher = source.file.as_deref().and_then(|file| {
            start_watcher(file, happened)
                .inspect_err(|error| {
                    tracing::warn!(
                        %error,
                        "the system does not tell when {} changes; it is looked at every {} s",
                        file.display(),
                        LOOK_EVERY.as_secs()
                    );
                })
                .ok()
        });
        let mut look = interval_at(Instant::now() + LOOK_EVERY, LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let last = source.read_file();
        Self { source, last, events, look, _watcher: watcher }
    }

    /// The next time that the file says something else: the new configuration, or what is wrong
    /// with it. Safe to cancel.
    pub async fn next(&mut self) -> Result<Config, Mistakes> {
        if self.source.file.is_none() {
            return std::future::pending().await;
        }
        loop {
            tokio::select! {
                Some(()) = self.events.recv() => self.settle().await,
                _ = self.look.tick() => {}
            }
            let text = self.read().await;
            if text != self.last {
                self.last.clone_from(&text);
                return self.source.load_text(text);
            }
        }
    }

    async fn settle(&mut self) {
        let quiet = async {
            loop {
                sleep(SETTLE).await;
                if self.events.try_recv().is_err() {
                    break;
                }
            }
        };
        // When it does not settle, it is read anyway.
        let _ = timeout(SETTLE_AT_MOST, quiet).await;
    }

    async fn read(&self) -> Text {
        let source = self.source.clone();
        let read = tokio::task::spawn_blocking(move || source.read_file()).await;
        read.unwrap_or_else(|error| Some(Err(format!("cannot read the configuration: {error}"))))
    }
}

/// Watches the file's folder, since editors put a new file in the old one's place, and Kubernetes
/// changes a link beside it.
fn start_watcher(file: &Path, happened: mpsc::Sender<()>) -> notify::Result<RecommendedWatcher> {
    let folder = match file.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    let mut watcher = notify::recommended_watcher(move |_event| {
        // Full means that the reader will look anyway.
        let _ = happened.try_send(());
    })?;
    watcher.watch(&folder, RecursiveMode::NonRecursive)?;
    Ok(watcher)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::reduce::Slow;

    /// A bound for hung tests, not a measure: changes are told within milliseconds.
    async fn within_a_minute<T>(future: impl Future<Output = T>) -> T {
        timeout(Duration::from_secs(60), future).await.unwrap()
    }

    fn slow_ms(config: &Result<Config, Mistakes>) -> u128 {
        match config.as_ref().unwrap().reduce.slow {
            Slow::Over(limit) => limit.as_millis(),
            Slow::Auto => 0,
        }
    }

    #[tokio::test]
    async fn a_change_is_told_whether_the_file_is_written_or_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("spanfall.toml");
        fs::write(&file, "[reduce]\nslow = \"1s\"").unwrap();
        let source = Source { file: Some(file.clone()), ..Source::default() };
        let mut reload = Reload::watch(source);
        fs::write(&file, "[reduce]\nslow = \"2s\"").unwrap();
        assert_eq!(slow_ms(&within_a_minute(reload.next()).await), 2_000);
        let beside = folder.path().join("spanfall.toml.new");
        fs::write(&beside, "[reduce]\nslow = \"3s\"").unwrap();
        fs::rename(&beside, &file).unwrap();
        assert_eq!(slow_ms(&within_a_minute(reload.next()).await), 3_000);
    }

    #[tokio::test]
    async fn a_mistake_is_told_with_its_place_and_so_is_its_mending() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("spanfall.toml");
        fs::write(&file, "").unwrap();
        let mut reload = Reload::watch(Source { file: Some(file.clone()), ..Source::default() });
        fs::write(&file, "[reduce]\n  slwo = \"2s\"").unwrap();
        let mistakes = within_a_minute(reload.next()).await.unwrap_err();
        let told = mistakes.summary();
        assert!(
            told.ends_with(
                "spanfall.toml:2:3: unknown key `slwo` in [reduce]; did you mean `slow`?"
            ),
            "{told}"
        );
        fs::write(&file, "[reduce]\n  slow = \"2s\"").unwrap();
        assert_eq!(slow_ms(&within_a_minute(reload.next()).await), 2_000);
        fs::remove_file(&file).unwrap();
        let told = within_a_minute(reload.next()).await.unwrap_err().summary();
        assert!(told.contains("cannot read the configuration"), "{told}");
    }

    #[tokio::test]
    async fn a_relative_file_is_watched_too() {
        assert!(start_watcher(Path::new("spanfall.toml"), mpsc::channel(1).0).is_ok());
    }

    #[tokio::test]
    async fn a_missing_folder_is_no_reason_to_stop() {
        let file = Some(PathBuf::from("/nowhere/at/all/spanfall.toml"));
        let mut reload = Reload::watch(Source { file, ..Source::default() });
        assert!(reload._watcher.is_none());
        tokio::time::pause();
        assert!(timeout(Duration::from_secs(60), reload.next()).await.is_err(), "no news");
    }
}
