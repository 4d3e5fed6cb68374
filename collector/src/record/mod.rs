//! `record`: what the collector receives goes to disk. In: accepted export requests as protobuf.
//! Out: files of OTLP JSON lines, as the OpenTelemetry Collector's file exporter writes them.

mod settings;

pub use settings::{Args, Options, QuantityError, Settings};
