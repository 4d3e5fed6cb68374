//! Runs a collector until it is told to stop. In: a configuration and where it came from. Out: a
//! feed, and a quiet end.

use std::time::Instant;

use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::collector::{Collector, Listener, Purpose, StartError};
use crate::config::reload::Reload;
use crate::config::{Config, Mistakes, Source};
use crate::feed::message::{Notice, Severity};
use crate::telemetry::{OPERATION, Telemetry};

/// Why a collector does not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Ports could not be had.
    #[error("{}", ports(.0))]
    Ports(Vec<Listener>),
    /// Something else could not be had.
    #[error(transparent)]
    Start(#[from] StartError),
}

fn ports(failed: &[Listener]) -> String {
    let mut lines: Vec<String> = failed.iter().filter_map(Listener::problem).collect();
    let options: Vec<String> =
        failed.iter().map(|listener| format!("--{} PORT", listener.purpose.setting())).collect();
    lines.push(format!(
        "hint: choose other ports with {}, or stop the program that has them",
        options.join(" ")
    ));
    lines.join("\n")
}

/// Runs a collector until `stop`, following changes of its configuration's file.
///
/// # Errors
/// [`ServeError`] if it cannot start; a port that cannot be had is a reason.
pub async fn serve(
    config: Config,
    source: Source,
    telemetry: &Telemetry,
    stop: CancellationToken,
) -> Result<(), ServeError> {
    let began = Instant::now();
    warn_of_unknown_variables(&source);
    let file = source.file.clone();
    let span = tracing::info_span!(target: OPERATION, "start");
    let collector = Collector::start(config).instrument(span).await?;
    if collector.listeners().iter().any(|listener| listener.problem().is_some()) {
        return Err(ServeError::Ports(collector.shutdown().await));
    }
    telemetry.observe(&collector.readings());
    say_ready(&collector, began);
    if let Some(file) = file {
        tracing::info!("following changes of {}", file.display());
    }
    let mut reload = Reload::watch(source);
    loop {
        tokio::select! {
            changed = reload.next() => apply(&collector, telemetry, changed),
            () = stop.cancelled() => break,
        }
    }
    tracing::info!("stopping");
    let span = tracing::info_span!(target: OPERATION, "stop");
    collector.shutdown().instrument(span).await;
    tracing::info!("stopped");
    Ok(())
}

fn warn_of_unknown_variables(source: &Source) {
    for (name, near) in source.unknown_variables() {
        tracing::warn!("the environment variable {name} is no setting; did you mean {near}?");
    }
}

fn say_ready(collector: &Collector, began: Instant) {
    for listener in collector.listeners() {
        let Listener { purpose, address, .. } = listener;
        match purpose {
            Purpose::Grpc => tracing::info!("{purpose} at http://{address}"),
            Purpose::Http => tracing::info!("{purpose} at http://{address}/v1/traces"),
            Purpose::View => tracing::info!("{purpose} at ws://{address}/feed"),
        }
    }
    if collector.listeners().iter().all(|listener| listener.address.ip().is_loopback()) {
        tracing::info!("only this computer can reach these; --host 0.0.0.0 lets others in");
    }
    if let Some(target) = &collector.config().record.target {
        tracing::info!("recording to {}", target.display());
    }
    tracing::info!("ready after {} ms", began.elapsed().as_millis());
}

/// Takes a change of the configuration, or tells what is wrong with it.
fn apply(collector: &Collector, telemetry: &Telemetry, changed: Result<Config, Mistakes>) {
    let span = tracing::info_span!(target: OPERATION, "reload");
    let _entered = span.enter();
    let text = match changed {
        Ok(config) => {
            telemetry.set_log(&config.log);
            let waiting = collector.reconfigure(config);
            tracing::info!("the configuration has changed");
            if !waiting.is_empty() {
                let waiting = waiting.join(", ");
                tracing::warn!(
                    "these changes take effect when the collector starts again: {waiting}"
                );
            }
            String::new()
        }
        Err(mistakes) => {
            tracing::error!("the configuration has mistakes and changes nothing:\n{mistakes}");
            format!("The configuration has mistakes and changes nothing. {}", mistakes.summary())
        }
    };
    collector.notice(Notice {
        id: "config".to_owned(),
        severity: Severity::Warning,
        text,
        node: None,
        edge: None,
        since_ms: collector.unix_ms(),
    });
}
