//! A file that people change while the program runs. In: its path. Out: its text, again whenever it
//! says something else.

use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, timeout};

/// Editors write a file in several steps; what counts is what is there once they are done.
const SETTLE: Duration = Duration::from_millis(100);

/// A file that never settles is read all the same after this time.
const SETTLE_AT_MOST: Duration = Duration::from_secs(1);

/// Some file systems (network, bind mounts of single files) tell nobody about changes; there the
/// file is found changed by looking.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// What a file says: its text, or why there is none.
pub type Text = Result<String, String>;

/// Reads a text file; what is wrong is said in a few words, without the file's name.
///
/// # Errors
/// When it cannot be read, or is no UTF-8.
pub fn read(file: &Path) -> Text {
    let bytes = std::fs::read(file).map_err(|error| format!("cannot be read: {error}"))?;
    String::from_utf8(bytes)
        .map_err(|error| format!("not UTF-8 text at byte {}", error.utf8_error().valid_up_to()))
}

/// Waits for changes of a file.
#[derive(Debug)]
pub struct Watched {
    file: PathBuf,
    last: Text,
    events: mpsc::Receiver<()>,
    look: tokio::time::Interval,
    /// Ends when it is dropped.
    _watcher: Option<RecommendedWatcher>,
}

impl Watched {
    /// Watches a file from now on. Needs a tokio runtime with time.
    pub fn new(file: PathBuf) -> Self {
        // One place is enough: what counts is that something happened, not how often.
        let (happened, events) = mpsc::channel(1);
        let watcher = start_watcher(&file, happened)
            .inspect_err(|error| {
                tracing::warn!(
                    %error,
                    "the system does not tell when {} changes; it is looked at every {} s",
                    file.display(),
                    LOOK_EVERY.as_secs()
                );
            })
            .ok();
        let mut look = interval_at(Instant::now() + LOOK_EVERY, LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let last = read(&file);
        Self { file, last, events, look, _watcher: watcher }
    }

    /// What the file says, as far as it was read: at first, what it said when watching began.
    pub fn text(&self) -> &Text {
        &self.last
    }

    /// What the file says once nobody is in the midst of writing it.
    pub async fn settled(&mut self) -> &Text {
        self.settle().await;
        self.last = self.look_again().await;
        &self.last
    }

    /// The next time that the file says something else: what it says now. Safe to cancel.
    pub async fn next(&mut self) -> Text {
        loop {
            tokio::select! {
                Some(()) = self.events.recv() => {}
                _ = self.look.tick() => {
                    if self.look_again().await == self.last {
                        continue;
                    }
                }
            }
            self.settle().await;
            let text = self.look_again().await;
            if text != self.last {
                self.last.clone_from(&text);
                return text;
            }
        }
    }

    async fn look_again(&self) -> Text {
        let file = self.file.clone();
        let text = tokio::task::spawn_blocking(move || read(&file)).await;
        text.unwrap_or_else(|error| Err(format!("cannot be read: {error}")))
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
    use super::*;

    #[tokio::test]
    async fn a_relative_file_is_watched_too() {
        assert!(start_watcher(Path::new("spanfall.toml"), mpsc::channel(1).0).is_ok());
    }

    #[tokio::test]
    async fn a_missing_folder_is_no_reason_to_stop() {
        let mut watched = Watched::new(PathBuf::from("/nowhere/at/all/spanfall.toml"));
        assert!(watched._watcher.is_none());
        tokio::time::pause();
        assert!(timeout(Duration::from_secs(60), watched.next()).await.is_err(), "no news");
    }

    #[tokio::test]
    async fn a_file_that_is_being_written_is_read_once_that_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.toml");
        std::fs::write(&file, "").unwrap();
        let mut watched = Watched::new(file.clone());
        assert_eq!(watched.text().as_deref(), Ok(""), "the writer has emptied it, and goes on");
        std::fs::write(&file, "a = 1").unwrap();
        assert_eq!(watched.settled().await.as_deref(), Ok("a = 1"));
        tokio::time::pause();
        assert!(timeout(Duration::from_secs(60), watched.next()).await.is_err(), "said already");
    }

    #[test]
    fn a_file_that_is_no_text_says_where() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.toml");
        std::fs::write(&file, b"a = \xff").unwrap();
        assert_eq!(read(&file), Err("not UTF-8 text at byte 4".to_owned()));
        assert!(read(folder.path()).unwrap_err().starts_with("cannot be read: "));
    }
}
