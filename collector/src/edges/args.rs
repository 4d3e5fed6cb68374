//! What `edges` can be told on the command line.

use std::num::NonZeroU32;
use std::path::PathBuf;

/// Reduce recordings to edges, as fast as possible, and print them.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  spanfall-collector edges recording.jsonl.zst
  spanfall-collector edges --json a.jsonl b.pb.gz | jq '.edges[] | select(.hops.error > 0)'
  zcat traces.jsonl.gz | spanfall-collector edges -

Files hold OTLP export requests: as JSON (one request, or one a line, as the OpenTelemetry
Collector's file exporter writes them) or as length-delimited protobuf, each plain, .zst or .gz.")]
pub struct Args {
    /// Recordings to read; `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// Print JSON instead of a table; the schema is `spanfall.edges/1`.
    #[arg(long)]
    pub json: bool,

    /// Read the input N times, each time with other ids, as if it had happened N times; for
    /// measuring.
    #[arg(long, value_name = "N", default_value = "1")]
    pub repeat: NonZeroU32,

    /// Pass over what cannot be read instead of giving up; it is counted and reported.
    #[arg(long)]
    pub keep_going: bool,
}
