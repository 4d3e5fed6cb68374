//! What `replay` can be told on the command line.

use std::path::PathBuf;

use super::Speed;

/// Play recordings at their own pace, and serve them as a feed.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  spanfall-collector replay recording.jsonl.zst
  spanfall-collector replay --speed 4 --loop monday-*.jsonl
  spanfall-collector replay --speed max big.pb

Times are moved to now, so that viewers see the recording as if it happened now. Several files are
merged by time. Files are as for `edges`.")]
pub struct Args {
    /// Recordings to play; `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// How much faster than it happened: a number such as 4 or 0.5, or `max` for no waiting.
    #[arg(long, value_name = "N|max", default_value_t)]
    pub speed: Speed,

    /// Begin again at the end, as new requests, without a pause.
    #[arg(long = "loop")]
    pub repeat: bool,

    /// Pass over what cannot be read instead of giving up; it is counted and reported.
    #[arg(long)]
    pub keep_going: bool,
}
