//! The configuration's file, again whenever it changes. In: a [`Source`]. Out: each new
//! [`Config`], or what is wrong with it.

use super::watched::Watched;
use super::{Config, Mistakes, Source};

/// Waits for changes of a configuration file.
#[derive(Debug)]
pub struct Reload {
    source: Source,
    file: Option<Watched>,
}

impl Reload {
    /// Watches the source's file from now on. Without a file, nothing ever changes.
    pub fn watch(source: Source) -> Self {
        let file = source.file.clone().map(Watched::new);
        Self { source, file }
    }

    /// The next time that the file says something else: the new configuration, or what is wrong
    /// with it. Safe to cancel.
    pub async fn next(&mut self) -> Result<Config, Mistakes> {
        match &mut self.file {
            Some(file) => self.source.load_text(Some(file.next().await)),
            None => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use tokio::time::timeout;

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
        assert!(told.contains("cannot be read"), "{told}");
    }
}
