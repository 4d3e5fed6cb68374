//! The collector as a program: reads the command line and the configuration, and hands them to
//! what they ask for. Errors end here, as one message.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;
use spanfall_collector::cli::{self, CheckArgs, Command, ReplayArgs};
use spanfall_collector::config::{self, Config, Source};
use spanfall_collector::edges::{self, EdgesError};
use spanfall_collector::telemetry::Telemetry;
use spanfall_collector::{replay, serve, stop, triggers};

fn main() -> ExitCode {
    let variables = variables();
    let (command, source) = match cli::parse(std::env::args_os(), variables) {
        Ok(parsed) => parsed,
        Err(error) => error.exit(),
    };
    let done = match command {
        Command::Check(args) => check(&args, &source),
        Command::Triggers(args) => {
            triggers::run(&args).map(|()| ExitCode::SUCCESS).map_err(Into::into)
        }
        command => run(command, source),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            match error.downcast_ref() {
                Some(EdgesError::Stopped) => ExitCode::from(stop::INTERRUPTED),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

/// The environment variables; those that are not text cannot be settings.
fn variables() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

fn run(command: Command, source: Source) -> anyhow::Result<ExitCode> {
    let config = match source.load() {
        Ok(config) => config,
        Err(mistakes) => {
            eprint!("{mistakes}");
            return Ok(ExitCode::FAILURE);
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the system gives no threads")?;
    let done = runtime.block_on(carry_out(command, config, source));
    // What still runs has had its time.
    runtime.shutdown_background();
    done.map(|()| ExitCode::SUCCESS)
}

async fn carry_out(command: Command, config: Config, source: Source) -> anyhow::Result<()> {
    // First of all, so that whoever asks to stop is heard from the first log line on.
    let stop = stop::on_signal().context("the system does not tell when to stop")?;
    let telemetry = Telemetry::start(&config, &source.variables);
    let done = match command {
        Command::Serve(_) | Command::Record(_) => {
            serve::serve(config, source, &telemetry, stop).await.map_err(Into::into)
        }
        Command::Replay(ReplayArgs { replay, .. }) => {
            let view = config.listen.address(config.listen.view);
            let view = view.context("a replay needs a port for viewers; --view is off")?;
            replay::run(replay, config, view, stop).await.map_err(Into::into)
        }
        Command::Edges(args) => edges::run(args.edges, config, stop).await.map_err(Into::into),
        Command::Check(_) | Command::Triggers(_) => Ok(()),
    };
    telemetry.finish().await;
    done
}

fn check(args: &CheckArgs, source: &Source) -> anyhow::Result<ExitCode> {
    let mut out = io::stdout().lock();
    if args.sample {
        out.write_all(config::sample().as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    match source.load() {
        Ok(config) => {
            write!(out, "{}", config::summary(source, &config))?;
            Ok(ExitCode::SUCCESS)
        }
        Err(mistakes) => {
            write!(out, "{mistakes}")?;
            Ok(ExitCode::FAILURE)
        }
    }
}
