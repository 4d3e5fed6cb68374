//! `record`: what the collector receives goes to disk. In: accepted export requests as protobuf.
//! Out: files of OTLP JSON lines, as the OpenTelemetry Collector's file exporter writes them.
//!
//! Reception never waits for the disk. Where the disk cannot keep up, requests are left out of the
//! recording and counted; where it fails, the recording stops and the collector goes on.

mod file;
mod output;
mod recorder;
mod settings;
mod stamp;
#[cfg(test)]
mod tests;

pub use output::RecordError;
pub use recorder::{Recorder, Status};
pub use settings::{Args, Options, QuantityError, Settings};
