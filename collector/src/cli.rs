//! The command line. In: arguments. Out: what to do, and what they set in the configuration.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::config::settings::SETTINGS;
use crate::config::{Flag, Source};
use crate::{edges, record, replay, triggers};

/// Receives OTLP spans, reduces them to live traffic between functions, and serves that to viewers.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "spanfall-collector",
    version,
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  spanfall-collector                            receive on 4317 (gRPC) and 4318 (HTTP), serve
                                                viewers on 4320, for this computer only
  spanfall-collector --host 0.0.0.0             the same, for whoever can reach this computer
  spanfall-collector --config spanfall.toml     with a configuration (see `check --sample`)
  spanfall-collector record recordings/         and keep everything that comes in
  spanfall-collector replay samples/*.zst       serve a recording instead of live traffic
  spanfall-collector edges samples/*.zst        who calls whom, as a table
  spanfall-collector triggers *.json            what runs which function, from AWS's listings

To send spans here, set OTEL_EXPORTER_OTLP_ENDPOINT=http://HOST:4318 (or :4317 with
OTEL_EXPORTER_OTLP_PROTOCOL=grpc) in what is to be seen. To see them, run `spanfall --connect
ws://HOST:4320/feed`.

--help says more than -h: all environment variables."
)]
pub struct Cli {
    /// What to do; `serve` if nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would take a comment for the help of the whole program")]
    pub serve: ServeArgs,
}

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Receive spans, and serve live traffic to viewers. This is the default.
    Serve(ServeArgs),
    /// The same, and keep everything that comes in.
    Record(RecordArgs),
    /// Serve a recording to viewers as if it happened now.
    Replay(ReplayArgs),
    /// Reduce recordings to edges, and print them.
    Edges(EdgesArgs),
    /// Say everything that is wrong with a configuration file.
    Check(CheckArgs),
    /// Print what runs which function, from the AWS CLI's listings, for the configuration.
    Triggers(triggers::Args),
}

/// Where the configuration comes from.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Configuration")]
pub struct ConfigArgs {
    /// The configuration file. Changes of it take effect when it is saved.
    #[arg(long, value_name = "FILE", env = "SPANFALL_CONFIG")]
    pub config: Option<PathBuf>,

    /// Set anything that the configuration file can: --set reduce.wait=10s. May be repeated.
    #[arg(long, value_name = "KEY=VALUE", value_parser = assignment)]
    pub set: Vec<String>,
}

/// Where viewers connect.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Ports")]
pub struct ViewArgs {
    /// The network interface that ports listen on [default: 127.0.0.1, this computer only].
    #[arg(long, value_name = "IP")]
    pub host: Option<String>,

    /// Where viewers connect: a port, an address, or `off` [default: 4320].
    #[arg(long, value_name = "PORT")]
    pub view: Option<String>,
}

/// Where spans come in and viewers connect.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Ports")]
pub struct PortArgs {
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would take a comment for the help of all options")]
    pub view: ViewArgs,

    /// Where OTLP over gRPC comes in: a port, an address, or `off` [default: 4317].
    #[arg(long, value_name = "PORT")]
    pub grpc: Option<String>,

    /// Where OTLP over HTTP comes in: a port, an address, or `off` [default: 4318].
    #[arg(long, value_name = "PORT")]
    pub http: Option<String>,
}

/// What `serve` can be told.
#[derive(Clone, Debug, Default, Args)]
pub struct ServeArgs {
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would take a comment for the help of all options")]
    pub config: ConfigArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would take a comment for the help of all options")]
    pub ports: PortArgs,

    /// Keep everything that comes in, in this folder, or in a single file if the name ends in
    /// .jsonl or .jsonl.zst.
    #[arg(long, value_name = "DIR", help_heading = "Recording")]
    pub record: Option<PathBuf>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would take a comment for the help of all options")]
    pub recording: record::Options,
}

/// What `record` can be told.
#[derive(Clone, Debug, Args)]
pub struct RecordArgs {
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would take a comment for the help of all options")]
    pub recording: record::Args,

    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would take a comment for the help of all options")]
    pub config: ConfigArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would take a comment for the help of all options")]
    pub ports: PortArgs,
}

/// What `replay` can be told.
#[derive(Clone, Debug, Args)]
pub struct ReplayArgs {
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would take a comment for the help of all options")]
    pub replay: replay::Args,

    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would take a comment for the help of all options")]
    pub config: ConfigArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would take a comment for the help of all options")]
    pub view: ViewArgs,
}

/// What `edges` can be told.
#[derive(Clone, Debug, Args)]
pub struct EdgesArgs {
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would take a comment for the help of all options")]
    pub edges: edges::Args,

    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would take a comment for the help of all options")]
    pub config: ConfigArgs,
}

/// What `check` can be told.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  spanfall-collector check spanfall.toml
  spanfall-collector check --sample > spanfall.toml

The exit status is 0 if the file is right, else 1.")]
pub struct CheckArgs {
    /// The configuration file.
    #[arg(value_name = "FILE", required_unless_present = "sample")]
    pub file: Option<PathBuf>,

    /// Print a configuration file to begin with: every setting, at its default.
    #[arg(long, conflicts_with = "file")]
    pub sample: bool,
}

/// Options that set something: by clap's name, as they are written, and what they set.
const SETTING_OPTIONS: [(&str, &str, &str); 11] = [
    ("host", "--host", "listen.host"),
    ("grpc", "--grpc", "listen.grpc"),
    ("http", "--http", "listen.http"),
    ("view", "--view", "listen.view"),
    ("record", "--record", "record.target"),
    ("target", "DIR", "record.target"),
    ("compress", "--compress", "record.compress"),
    ("rotate_size", "--rotate-size", "record.rotate_size"),
    ("rotate_age", "--rotate-age", "record.rotate_age"),
    ("keep_files", "--keep-files", "record.keep_files"),
    ("keep_size", "--keep-size", "record.keep_size"),
];

/// Reads the command line: what to do, and where the configuration comes from.
///
/// # Errors
/// clap's, which also says that help was asked for.
pub fn parse<I, T>(
    arguments: I,
    variables: BTreeMap<String, String>,
) -> Result<(Command, Source), clap::Error>
where
    I: IntoIterator<Item = T>,
    T: Into<std::ffi::OsString> + Clone,
{
    let matches = command().try_get_matches_from(arguments)?;
    let cli = Cli::from_arg_matches(&matches)?;
    let set = matches.subcommand().map_or(&matches, |(_, matches)| matches);
    let command = cli.command.unwrap_or(Command::Serve(cli.serve));
    let file = match &command {
        Command::Serve(args) => args.config.config.clone(),
        Command::Record(args) => args.config.config.clone(),
        Command::Replay(args) => args.config.config.clone(),
        Command::Edges(args) => args.config.config.clone(),
        Command::Check(args) => args.file.clone(),
        Command::Triggers(_) => None,
    };
    let source = match &command {
        // What is asked is whether the file is right, wherever and however it will be used.
        Command::Check(_) => Source { file, ..Source::default() },
        // Listings mean the same under any configuration.
        Command::Triggers(_) => Source::default(),
        _ => Source { file, variables, flags: flags(set) },
    };
    Ok((command, source))
}

/// The command line as clap knows it, with help for all environment variables.
fn command() -> clap::Command {
    Cli::command().after_long_help(format!(
        "{}\n\nEnvironment variables and their defaults, over the configuration file and under options:\n{}\n\
         {:VARIABLE$}the configuration file, as --config\n\nIf OTEL_EXPORTER_OTLP_ENDPOINT is set, \
         the collector sends its own telemetry there.\n\nExit status: 0 if all went well, 1 if not \
         (a message says what), 2 if the command line is wrong.",
        Cli::command().get_after_help().map(ToString::to_string).unwrap_or_default(),
        variables(),
        "  SPANFALL_CONFIG",
    ))
}

/// The width of the column of environment variables.
const VARIABLE: usize = 44;

fn variables() -> String {
    let lines = SETTINGS.iter().map(|setting| {
        let variable = format!("  {}", setting.variable());
        let default = setting.variable_value(&crate::Config::default());
        let default = default.filter(|default| !default.is_empty());
        format!("{variable:VARIABLE$}{}", default.as_deref().unwrap_or("(nothing)"))
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn assignment(text: &str) -> Result<String, String> {
    match text.split_once('=') {
        Some((key, _)) if !key.trim().is_empty() => Ok(text.to_owned()),
        _ => Err("write KEY=VALUE, as in reduce.wait=10s".to_owned()),
    }
}

/// What the options set. Those that only have their default set nothing.
fn flags(matches: &ArgMatches) -> Vec<Flag> {
    let given = |id: &str| {
        let known = matches.try_contains_id(id).is_ok();
        known && matches.value_source(id) == Some(ValueSource::CommandLine)
    };
    let raw = |id: &str| -> Vec<String> {
        let values = matches.get_raw(id).into_iter().flatten();
        values.map(|value| value.to_string_lossy().into_owned()).collect()
    };
    let mut flags = Vec::new();
    for (id, option, key) in SETTING_OPTIONS {
        if given(id) {
            let value = raw(id).into_iter().next_back().filter(|value| !value.is_empty());
            flags.push(Flag {
                option: option.to_owned(),
                key: key.to_owned(),
                value: value.unwrap_or_else(|| "true".to_owned()),
            });
        }
    }
    if given("set") {
        for text in raw("set") {
            if let Some((key, value)) = text.split_once('=') {
                flags.push(Flag {
                    option: format!("--set {key}"),
                    key: key.trim().to_owned(),
                    value: value.trim().to_owned(),
                });
            }
        }
    }
    flags
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::Port;
    use crate::reduce::Slow;

    fn parsed(line: &str) -> (Command, Source) {
        let words = std::iter::once("spanfall-collector").chain(line.split_whitespace());
        parse(words, BTreeMap::new()).unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    #[test]
    fn the_command_line_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn serve_is_the_default_and_takes_the_same_options() {
        for line in ["--grpc 1 --set reduce.slow=2s", "serve --grpc 1 --set reduce.slow=2s"] {
            let (command, source) = parsed(line);
            assert!(matches!(command, Command::Serve(_)));
            let config = source.load().unwrap();
            assert_eq!(config.listen.grpc, Port::Number(1));
            assert_eq!(config.reduce.slow, Slow::Over(Duration::from_secs(2)));
        }
    }

    #[test]
    fn options_that_are_not_given_set_nothing() {
        assert_eq!(parsed("").1.flags, []);
        assert_eq!(parsed("serve").1.flags, []);
        assert_eq!(parsed("serve --keep-files 3").1.flags.len(), 1);
    }

    #[test]
    fn what_is_recorded_where_comes_from_every_command_that_records() {
        for line in [
            "--record there --compress --rotate-size 1GiB",
            "serve --record there --compress --rotate-size=1GiB",
            "record there --compress --rotate-size 1GiB",
        ] {
            let record = parsed(line).1.load().unwrap().record.settings().unwrap();
            assert_eq!(record.target, PathBuf::from("there"), "{line}");
            assert!(record.options.compress, "{line}");
            assert_eq!(record.options.rotate_size, 1 << 30, "{line}");
        }
    }

    #[test]
    fn options_go_over_variables_and_these_over_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.toml");
        let text = "[reduce]\nslow = '1ms'\nwait = '1s'\ncorrect = '1s'";
        std::fs::write(&file, text).unwrap();
        let variables = [("SPANFALL_REDUCE_WAIT", "2s"), ("SPANFALL_REDUCE_CORRECT", "2s")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let line = ["x", "--config", file.to_str().unwrap(), "--set", "reduce.correct=3s"];
        let (_, source) = parse(line, variables.into()).unwrap();
        let reduce = source.load().unwrap().reduce;
        assert_eq!(reduce.slow, Slow::Over(Duration::from_millis(1)));
        assert_eq!([reduce.wait, reduce.correct].map(|time| time.as_secs()), [2, 3]);
    }

    #[test]
    fn the_long_help_names_every_variable() {
        let help = command().render_long_help().to_string();
        for setting in SETTINGS {
            assert!(help.contains(&setting.variable()), "{}", setting.variable());
        }
        assert!(help.contains("Exit status"));
    }

    #[test]
    fn a_wrong_assignment_is_told_what_one_looks_like() {
        let error = parse(["x", "--set", "reduce.wait"], BTreeMap::new()).unwrap_err();
        assert!(error.to_string().contains("reduce.wait=10s"), "{error}");
    }
}
