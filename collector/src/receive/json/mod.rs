//! OTLP/JSON to protobuf and back, so that everything behind the door reads one format. In: one
//! `ExportTraceServiceRequest`. Out: the same request in the other format.
//!
//! Both ways follow one table of messages and write as they read: no tree is built, so that
//! memory stays in proportion to the text however hostile it is.

mod protobuf;
mod read;
mod schema;
mod value;
mod write;

pub use read::{JsonError, traces_to_protobuf};
pub use write::traces_to_json;

#[cfg(test)]
mod tests;
