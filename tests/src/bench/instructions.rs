//! Instructions instead of time: how many a span takes, counted by valgrind's callgrind, so that two
//! counts of one program agree to half a percent, however busy the machine is. In: the sample
//! `webshop`. Out: counts, and the functions that they are spent in.
//!
//! Callgrind watches this very program and counts while it is in functions that are made for that
//! ([`What::counted`]). A count says nothing of memory, nor of branches.

use std::collections::HashMap;
use std::fmt;
use std::hint::black_box;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail, ensure};
use spanfall_collector::reduce::{Reducer, Settings};

use super::figure::number;
use crate::load::piece::Piece;
use crate::load::walk;
use crate::load::workload::Workload;

/// Spans that go in before anything is counted: every name is known then, and some requests wait.
const FILL: u64 = 20_000;

/// Pieces that are counted.
const PIECES: u64 = 2;

/// Functions that are told of.
const TOP: usize = 25;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum What {
    /// From bytes to edges: `Reducer::ingest`, without ticks.
    Edges,
    /// The bare walk over the same bytes.
    Walk,
}

impl What {
    /// The function that is counted, however its symbol is mangled.
    fn counted(self) -> &'static str {
        match self {
            Self::Edges => "*instructions*counted_edges*",
            Self::Walk => "*instructions*counted_walk*",
        }
    }

    fn argument(self) -> &'static str {
        match self {
            Self::Edges => "edges",
            Self::Walk => "walk",
        }
    }
}

#[inline(never)]
fn counted_edges(piece: &Piece, reducer: &Reducer) {
    piece.ingest(reducer);
}

#[inline(never)]
fn counted_walk(piece: &Piece) {
    for request in piece.requests() {
        black_box(walk::fields(request));
    }
}

/// Does the work, for callgrind to watch. Returns how many spans are counted.
///
/// # Errors
/// If the sample cannot be read.
pub fn work(what: What) -> anyhow::Result<u64> {
    let reducer = Reducer::new(Settings::default());
    let mut pieces = Workload::Webshop.pieces(1)?;
    // Also for the walk, so that it walks over the same bytes.
    pieces.fill(&reducer, FILL);
    let (mut piece, mut spans) = (Piece::default(), 0);
    for _ in 0..PIECES {
        pieces.refill(&mut piece);
        match what {
            What::Edges => {
                counted_edges(&piece, &reducer);
                reducer.drain(piece.now_ms());
            }
            What::Walk => counted_walk(&piece),
        }
        spans += piece.spans();
    }
    Ok(spans)
}

/// What callgrind has counted.
#[derive(Clone, Debug, PartialEq)]
struct Count {
    /// Instructions in all.
    all: u64,
    /// By function, without what it calls; most first.
    functions: Vec<(String, u64)>,
}

impl Count {
    /// Reads callgrind's file, written without lines of source. A name is written once and goes by its
    /// number from then on; the line after `calls=` is what was spent in the function that is called.
    fn parse(text: &str) -> Option<Self> {
        let mut names: HashMap<&str, &str> = HashMap::new();
        let mut spent: HashMap<&str, u64> = HashMap::new();
        let (mut function, mut called) = ("", false);
        for line in text.lines() {
            if line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first)) {
                let cost = line.split_whitespace().nth(1)?.parse::<u64>().ok()?;
                if !std::mem::take(&mut called) {
                    *spent.entry(function).or_default() += cost;
                }
            } else if let Some((key @ ("fn" | "cfn" | "calls"), value)) = line.split_once('=') {
                let (number, name) = value.split_once(' ').unwrap_or((value, ""));
                called = key == "calls";
                if !called && !name.is_empty() {
                    names.insert(number, name);
                }
                if key == "fn" {
                    function = number;
                }
            }
        }
        let named = |(number, cost)| ((*names.get(number).unwrap_or(&number)).to_owned(), cost);
        let mut functions: Vec<(String, u64)> = spent.into_iter().map(named).collect();
        functions.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let all = functions.iter().map(|(_, cost)| cost).sum();
        (all > 0).then_some(Self { all, functions })
    }
}

/// Instructions of the sample `webshop`.
#[derive(Clone, Debug, PartialEq)]
pub struct Instructions {
    spans: u64,
    edges: Count,
    walk: Count,
}

/// Counts.
///
/// # Errors
/// If there is no valgrind, or it fails.
pub fn count() -> anyhow::Result<Instructions> {
    let folder = tempfile::tempdir()?;
    let (spans, edges) = watched(What::Edges, folder.path())?;
    let (walked, walk) = watched(What::Walk, folder.path())?;
    ensure!(spans == walked, "{spans} spans were reduced, but {walked} were walked");
    Ok(Instructions { spans, edges, walk })
}

fn watched(what: What, folder: &Path) -> anyhow::Result<(u64, Count)> {
    let file = folder.join(what.argument());
    let mut command = Command::new("valgrind");
    command
        .args(["--tool=callgrind", "--dump-line=no", "--collect-atstart=no"])
        .arg(format!("--toggle-collect={}", what.counted()))
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(std::env::current_exe()?)
        .args(["--count", what.argument()])
        .stdin(Stdio::null());
    let ended = match command.output() {
        Err(error) if error.kind() == ErrorKind::NotFound => bail!(
            "instructions are counted by valgrind, which is missing; install it (Debian and Ubuntu: \
             apt install valgrind)"
        ),
        ended => ended.context("valgrind does not start")?,
    };
    let said = String::from_utf8_lossy(&ended.stderr);
    ensure!(ended.status.success(), "valgrind failed:\n{said}");
    let spans = String::from_utf8_lossy(&ended.stdout).trim().parse();
    let text = std::fs::read_to_string(&file).context("callgrind wrote no file")?;
    let count = Count::parse(&text).context("callgrind counted nothing")?;
    Ok((spans.context("the number of spans was not told")?, count))
}

impl fmt::Display for Instructions {
    #[expect(clippy::cast_precision_loss, reason = "a count")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { spans, edges, walk } = self;
        let each = |count: u64| number(count as f64 / (*spans).max(1) as f64);
        writeln!(f, "webshop, {} spans, instructions a span:", number(*spans as f64))?;
        let times = number(edges.all as f64 / walk.all.max(1) as f64);
        writeln!(f, "{:>8}  bytes to edges, {times} times the bare walk", each(edges.all))?;
        writeln!(f, "{:>8}  the bare walk", each(walk.all))?;
        writeln!(f, "\nof bytes to edges, each function without what it calls:")?;
        for (name, cost) in edges.functions.iter().take(TOP) {
            let share = 100.0 * *cost as f64 / edges.all.max(1) as f64;
            writeln!(f, "{:>8}  {share:4.1}%  {name}", each(*cost))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_function_calls_is_not_its_own() {
        let text = "version: 1\ncmd: spanfall-bench --count edges\nevents: Ir\n\nfl=(1) a.rs\n\
                    fn=(1) one\n0 5\ncfi=(1)\ncfn=(2) two\ncalls=3 0\n0 90\n0 2\n\nfn=(2)\n0 80\n\
                    fe=(1)\n0 10\n\ntotals: 97\n";
        let count = Count::parse(text).unwrap();
        assert_eq!(count.all, 97);
        assert_eq!(count.functions, [("two".to_owned(), 90), ("one".to_owned(), 7)]);
        assert_eq!(Count::parse("events: Ir\ntotals: 0\n"), None);
    }

    #[test]
    fn the_same_spans_are_reduced_and_walked() {
        let spans = work(What::Edges).unwrap();
        assert_eq!(work(What::Walk).unwrap(), spans);
        assert!(spans >= PIECES * 9_000, "{spans}");
    }
}
