//! The sample that comes with the program: a few minutes of a web shop on serverless functions,
//! recorded from really instrumented ones (see `samples/`). In: nothing. Out: a replay without end.

use std::time::Duration;

use bytes::Bytes;
use spanfall_collector::Config;
use spanfall_collector::otlp_file::Input;
use spanfall_collector::replay::Replayer;

/// Its name, as panels show it.
pub(super) const NAME: &str = "webshop";

/// The recording.
const RECORDING: &[u8] = include_bytes!("../../../samples/webshop.jsonl.zst");

/// What runs those of its functions whose spans do not say.
const CONFIG: &str = include_str!("../../../samples/spanfall.toml");

/// Plays the sample, over and over.
pub(super) fn replayer() -> Replayer {
    let input =
        Input::Memory { name: "webshop.jsonl.zst".into(), bytes: Bytes::from_static(RECORDING) };
    Replayer::new(vec![input]).looping(true)
}

/// How long a span of the sample waits for its other side. Its functions export at the end of each
/// invocation, so what comes at all comes soon, and nobody should wait half a minute to see the
/// payment provider.
const WAIT: Duration = Duration::from_secs(4);

/// How the sample's spans are reduced.
pub(super) fn config() -> Config {
    let mut config: Config = CONFIG.parse().unwrap_or_else(|mistakes| {
        tracing::error!("the sample's configuration is wrong: {mistakes}");
        Config::default()
    });
    config.reduce.wait = WAIT;
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_samples_configuration_names_what_runs_its_functions() {
        let config: Config = CONFIG.parse().unwrap();
        assert!(config.reduce.triggers.len() >= 4);
    }
}
