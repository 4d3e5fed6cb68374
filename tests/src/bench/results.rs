//! Results that are kept, one text file a commit and day, so that a change can be compared with what
//! was before it. In: figures. Out: a file, and what has changed since the one before.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use super::figure::{Figure, number};

/// A change below this is noise on most computers.
const NOISE: f64 = 0.10;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// What receives and reduces.
    Collector,
    /// What draws.
    Viewer,
}

/// What is said of a run before its figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heading {
    /// The commit, shortened; with `+` where files differ from it.
    pub commit: String,
    /// When, as `2026-11-25 13:59`, in UTC.
    pub time: String,
    /// Whether it was a quick one.
    pub quick: bool,
    /// Whose figures follow.
    pub subject: Subject,
}

impl Heading {
    /// Of now.
    ///
    /// # Errors
    /// If git or the clock does not tell.
    pub fn now(repository: &Path, quick: bool, subject: Subject) -> anyhow::Result<Self> {
        let run = |program: &str, arguments: &[&str]| {
            let done = Command::new(program).args(arguments).current_dir(repository).output();
            let done = done.with_context(|| format!("{program} is missing"))?;
            anyhow::ensure!(done.status.success(), "{program} {arguments:?} failed");
            Ok(String::from_utf8_lossy(&done.stdout).trim().to_owned())
        };
        let commit = run("git", &["rev-parse", "--short", "HEAD"])?;
        let changed = run("git", &["status", "--porcelain", "--untracked-files=no"])?;
        let commit = if changed.is_empty() { commit } else { commit + "+" };
        let time = run("date", &["-u", "+%Y-%m-%d %H:%M"])?;
        Ok(Self { commit, time, quick, subject })
    }

    fn line(&self) -> String {
        let how = if self.quick { "quick" } else { "full" };
        let subject = match self.subject {
            Subject::Collector => "",
            Subject::Viewer => ", viewer",
        };
        format!("# {} at {} UTC, {how}{subject}", self.commit, self.time)
    }

    fn parse(line: &str) -> Option<Self> {
        let (commit, rest) = line.strip_prefix("# ")?.split_once(" at ")?;
        let (time, how) = rest.split_once(" UTC, ")?;
        let (how, subject) = match how.strip_suffix(", viewer") {
            Some(how) => (how, Subject::Viewer),
            None => (how, Subject::Collector),
        };
        let quick = how == "quick";
        Some(Self { commit: commit.to_owned(), time: time.to_owned(), quick, subject })
    }

    fn file(&self) -> String {
        let day = self.time.split(' ').next().unwrap_or_default();
        let commit = self.commit.trim_end_matches('+');
        let changed = if self.commit.ends_with('+') { "-changed" } else { "" };
        let subject = match self.subject {
            Subject::Collector => "",
            Subject::Viewer => "-viewer",
        };
        format!("{day}-{commit}{changed}{subject}.txt")
    }
}

/// Results of some run, by the names of its figures.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// Which run.
    pub heading: Heading,
    figures: Vec<(String, f64)>,
}

impl Kept {
    /// Reads what [`text`] wrote.
    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let heading = Heading::parse(lines.next()?)?;
        let figure = |line: &str| {
            let mut fields = line.split("  ").map(str::trim).filter(|field| !field.is_empty());
            let (name, amount) = (fields.next()?, fields.next()?);
            let value = amount.split(' ').next()?.replace(',', "").parse().ok()?;
            Some((name.to_owned(), value))
        };
        Some(Self { heading, figures: lines.filter_map(figure).collect() })
    }

    /// The latest that are kept, of the same kind of run.
    pub fn latest(folder: &Path, quick: bool, subject: Subject) -> Option<Self> {
        let files = fs::read_dir(folder).ok()?.flatten();
        let texts = files.filter_map(|file| fs::read_to_string(file.path()).ok());
        let kept = texts.filter_map(|text| Self::parse(&text));
        kept.filter(|kept| (kept.heading.quick, kept.heading.subject) == (quick, subject))
            .max_by(|a, b| a.heading.time.cmp(&b.heading.time))
    }

    /// What has changed since: the figures that are more than noise away.
    pub fn changes(&self, figures: &[Figure]) -> String {
        let mut text = String::new();
        for figure in figures {
            let before = self.figures.iter().find(|(name, _)| *name == figure.name);
            let Some((name, before)) = before else { continue };
            let change = (figure.value - before) / before.abs().max(f64::MIN_POSITIVE);
            if change.abs() > NOISE {
                let _ = writeln!(
                    text,
                    "{name:<46}  {:>12} -> {:<12}  {:+.0}%",
                    number(*before),
                    format!("{} {}", number(figure.value), figure.unit),
                    100.0 * change
                );
            }
        }
        if text.is_empty() { "nothing by more than 10%\n".to_owned() } else { text }
    }
}

/// The table as it is printed and kept.
pub fn text(heading: &Heading, figures: &[Figure]) -> String {
    let mut text = heading.line() + "\n";
    for figure in figures {
        text += &figure.line();
        text.push('\n');
    }
    text
}

/// Keeps a table; returns the file.
///
/// # Errors
/// If it cannot be written.
pub fn keep(folder: &Path, heading: &Heading, text: &str) -> anyhow::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let file = folder.join(heading.file());
    fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heading(commit: &str, time: &str) -> Heading {
        Heading {
            commit: commit.to_owned(),
            time: time.to_owned(),
            quick: true,
            subject: Subject::Collector,
        }
    }

    #[test]
    fn what_is_kept_is_read_again_and_the_latest_of_its_kind_counts() {
        let folder = tempfile::tempdir().unwrap();
        let figures = [
            Figure::new("one: two, three", 1_234.6, "ns/span").at_most(250.0).beside("the walk  1"),
            Figure::new("share", 0.0123, "%"),
        ];
        let old = heading("abc", "2026-11-24 23:59");
        let new = heading("def+", "2026-11-25 00:01");
        for heading in [&new, &old] {
            keep(folder.path(), heading, &text(heading, &figures)).unwrap();
        }
        let full = Heading { quick: false, ..heading("fed", "2026-11-26 00:00") };
        keep(folder.path(), &full, &text(&full, &figures)).unwrap();
        let viewer = Heading { subject: Subject::Viewer, ..heading("def+", "2026-11-26 00:00") };
        keep(folder.path(), &viewer, &text(&viewer, &figures)).unwrap();
        assert!(folder.path().join("2026-11-25-def-changed.txt").exists());
        assert!(folder.path().join("2026-11-26-def-changed-viewer.txt").exists());
        let kept = Kept::latest(folder.path(), true, Subject::Viewer).unwrap();
        assert_eq!(kept.heading, viewer);
        let kept = Kept::latest(folder.path(), true, Subject::Collector).unwrap();
        assert_eq!(kept.heading, new);
        let values: Vec<_> = kept.figures.iter().map(|(_, value)| *value).collect();
        assert_eq!(values, [1_235.0, 0.0123]);
    }

    #[test]
    fn only_what_is_more_than_noise_is_a_change() {
        let figures = [Figure::new("a", 100.0, "ns"), Figure::new("b", 100.0, "ns")];
        let heading = heading("abc", "2026-11-24 23:59");
        let kept = Kept::parse(&text(&heading, &figures)).unwrap();
        assert_eq!(kept.changes(&figures), "nothing by more than 10%\n");
        let faster = [Figure::new("a", 80.0, "ns"), Figure::new("b", 105.0, "ns")];
        let changes = kept.changes(&faster);
        assert!(changes.contains("-20%") && !changes.contains('b'), "{changes}");
    }
}
