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
    let failed = failed.iter().filter(|listener| listener.problem().is_some());
    let options: Vec<String> =
        failed.map(|listener| format!("--{} PORT", listener.purpose.setting())).collect();
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
            tracing::error!(
                "the configuration has mistakes and changes nothing:\n{}",
                mistakes.to_string().trim_end()
            );
            format!("The configuration has mistakes and changes nothing. {}", mistakes.summary())
        }
    };
    collector.notice(Notice {
        id: "config".to_owned(),
        severity: Severity::Warning,
        text,
        since_ms: collector.unix_ms(),
        ..Notice::default()
    });
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::{Listen, Port};
    use crate::feed::message::Message;
    use crate::reduce::Slow;

    /// A bound for hung tests, not a measure.
    const HUNG: Duration = Duration::from_secs(60);

    fn quiet() -> Telemetry {
        Telemetry::start(&Config::default(), &std::collections::BTreeMap::new())
    }

    #[tokio::test]
    async fn a_port_that_is_taken_ends_it_with_who_has_it_and_what_to_do() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let listen = Listen { http: Port::At(taken.local_addr().unwrap()), ..Listen::anywhere() };
        let config = Config { listen, ..Config::default() };
        let telemetry = quiet();
        let served = serve(config, Source::default(), &telemetry, CancellationToken::new());
        let told = served.await.unwrap_err().to_string();
        assert!(told.contains("OTLP over HTTP") && told.contains("is taken by"), "{told}");
        assert!(told.ends_with("with --http PORT, or stop the program that has them"), "{told}");
    }

    #[tokio::test]
    async fn a_mistake_in_the_changed_file_is_a_notice_until_it_is_mended() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("spanfall.toml");
        std::fs::write(&file, "").unwrap();
        let source = Source { file: Some(file.clone()), ..Source::default() };
        let config = Config { listen: Listen::anywhere(), ..Config::default() };
        let collector = Collector::start(config).await.unwrap();
        let mut viewer = collector.pipeline().hub().subscribe();
        let mut reload = Reload::watch(source);
        for (text, told) in [
            ("[reduce]\nslwo = \"2s\"\n", "spanfall.toml:2:1: unknown key `slwo`"),
            ("[reduce]\nslow = \"2s\"\n", ""),
        ] {
            std::fs::write(&file, text).unwrap();
            let changed = tokio::time::timeout(HUNG, reload.next()).await.unwrap();
            apply(&collector, &quiet(), changed);
            let notice = loop {
                let frame = tokio::time::timeout(HUNG, viewer.next()).await.unwrap().unwrap();
                if let Message::Notice(notice) = serde_json::from_str(frame.as_str()).unwrap() {
                    break notice;
                }
            };
            assert_eq!(notice.id, "config");
            assert!(notice.text.contains(told), "{}", notice.text);
            assert_eq!(notice.text.is_empty(), told.is_empty());
        }
        assert_eq!(collector.config().reduce.slow, Slow::Over(Duration::from_secs(2)));
        collector.shutdown().await;
    }

    #[tokio::test]
    async fn told_to_stop_it_ends_well() {
        let config = Config { listen: Listen::anywhere(), ..Config::default() };
        let stop = CancellationToken::new();
        stop.cancel();
        let telemetry = quiet();
        let served = serve(config, Source::default(), &telemetry, stop);
        tokio::time::timeout(HUNG, served).await.unwrap().unwrap();
    }
}
