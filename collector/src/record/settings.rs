//! Where recordings go, how large they grow and how long they are kept. In: the command line or the
//! configuration. Out: [`Settings`].

use std::path::PathBuf;
use std::time::Duration;

/// Receive, as `serve` does, and keep everything that comes in a folder.
///
/// `serve` takes [`Options`] alone and names the target with `--record`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The folder to write to, or a single file if the name ends in .jsonl or .jsonl.zst.
    #[arg(value_name = "DIR")]
    pub target: PathBuf,

    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would take a comment for the help of all options")]
    pub options: Options,
}

/// How to record.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(next_help_heading = "Recording")]
pub struct Options {
    /// Compress recordings with zstd (about a tenth of the size).
    #[arg(long)]
    pub compress: bool,

    /// Begin a new file once this one holds so many bytes, not compressed.
    #[arg(long, value_name = "SIZE", default_value = "256MiB", value_parser = bytes)]
    pub rotate_size: u64,

    /// Begin a new file once this one is so old.
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = duration)]
    pub rotate_age: Duration,

    /// Keep at most so many files; the oldest recordings in the folder go first. 0: all of them.
    #[arg(long, value_name = "N", default_value_t = 24)]
    pub keep_files: usize,

    /// Keep at most so many bytes on disk; the oldest recordings go first. 0: no limit.
    #[arg(long, value_name = "SIZE", default_value = "0", value_parser = bytes)]
    pub keep_size: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            compress: false,
            rotate_size: 256 << 20,
            rotate_age: Duration::from_secs(3600),
            keep_files: 24,
            keep_size: 0,
        }
    }
}

/// Where and how to record.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The folder, or a single file if the name ends in `.jsonl` or `.jsonl.zst`; a single file is
    /// never rotated.
    pub target: PathBuf,
    /// How to record.
    pub options: Options,
}

impl From<Args> for Settings {
    fn from(args: Args) -> Self {
        Self { target: args.target, options: args.options }
    }
}

/// What was written is not a number with a unit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// Not a size.
    #[error("`{0}` is not a size: write a number and B, KiB, MiB, GiB, kB, MB or GB, as in 256MiB")]
    Size(String),
    /// Not a length of time.
    #[error("`{0}` is not a length of time: write a number and s, m, h or d, as in 90s or 1h")]
    Time(String),
}

fn split(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let unit = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(unit);
    Some((number.parse().ok()?, unit.trim()))
}

fn bytes(text: &str) -> Result<u64, QuantityError> {
    let wrong = || QuantityError::Size(text.to_owned());
    let (number, unit) = split(text).ok_or_else(wrong)?;
    let factor = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "kib" | "k" => 1024.0,
        "mib" | "m" => 1024.0 * 1024.0,
        "gib" | "g" => 1024.0 * 1024.0 * 1024.0,
        "kb" => 1e3,
        "mb" => 1e6,
        "gb" => 1e9,
        _ => return Err(wrong()),
    };
    let bytes = number * factor;
    // Past 2^53 a double no longer holds every byte; no disk does either.
    if bytes <= 9e15 { Ok(bytes as u64) } else { Err(wrong()) }
}

fn duration(text: &str) -> Result<Duration, QuantityError> {
    let wrong = || QuantityError::Time(text.to_owned());
    let (number, unit) = split(text).ok_or_else(wrong)?;
    let factor = match unit.to_ascii_lowercase().as_str() {
        "s" | "sec" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return Err(wrong()),
    };
    let time = Duration::try_from_secs_f64(number * factor).map_err(|_| wrong())?;
    // A file that is always too old would be a file a request.
    if time >= Duration::from_secs(1) { Ok(time) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn parsed(line: &[&str]) -> Result<Args, clap::Error> {
        Line::try_parse_from([&["record", "out"], line].concat()).map(|line| line.args)
    }

    #[test]
    fn the_defaults_of_the_command_line_are_those_of_the_code() {
        assert_eq!(parsed(&[]).unwrap().options, Options::default());
    }

    #[test]
    fn sizes_and_times_are_read_with_their_units() {
        let line = ["--rotate-size", "1.5GiB", "--rotate-age", "90s", "--keep-size=10 GB"];
        let options = parsed(&line).unwrap().options;
        assert_eq!(options.rotate_size, 3 << 29);
        assert_eq!(options.rotate_age, Duration::from_secs(90));
        assert_eq!(options.keep_size, 10_000_000_000);
    }

    #[test]
    fn what_is_not_a_size_or_time_is_told_what_one_is() {
        for wrong in ["", "MiB", "1 parsec", "-1", "1e30GB", "99999999999GiB"] {
            let error = bytes(wrong).unwrap_err().to_string();
            assert!(error.contains("256MiB"), "{error}");
        }
        for wrong in ["", "h", "0s", "1 fortnight", "0.5s", "999999999999999999999d"] {
            let error = duration(wrong).unwrap_err().to_string();
            assert!(error.contains("1h"), "{error}");
        }
    }
}
