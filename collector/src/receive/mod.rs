//! OTLP comes in. In: connections from exporters, by gRPC and by HTTP. Out: the bytes of accepted
//! `ExportTraceServiceRequest`s, as protobuf, to a [`Sink`]; every other request gets an answer
//! that says what is wrong and how to mend it.

mod counters;
mod grpc;
mod http;
mod json;
mod limits;

use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;

use crate::reduce::{Ingested, Malformed};

pub use counters::{ByWay, Compression, Counter, Counters, Protocol};
pub use grpc::serve_grpc;
pub use http::serve_http;
pub use json::{JsonError, traces_to_json, traces_to_protobuf};
pub use limits::{Authorization, Limits};

/// Where accepted requests go: the reducer, and the recorder when there is one.
pub trait Sink: Send + Sync + 'static {
    /// Takes one `ExportTraceServiceRequest` in protobuf.
    ///
    /// # Errors
    /// [`Malformed`] if the bytes are not one; the sender is told.
    fn traces(&self, request: Bytes) -> Result<Ingested, Malformed>;
}

/// What all ports have in common: the limits, the counters, and where requests go.
pub struct Receiver {
    limits: ArcSwap<Limits>,
    sink: Arc<dyn Sink>,
    counters: Counters,
}

impl Receiver {
    /// A receiver that hands what it accepts to `sink`.
    pub fn new(limits: Limits, sink: Arc<dyn Sink>) -> Self {
        Self { limits: ArcSwap::from_pointee(limits), sink, counters: Counters::default() }
    }

    /// Takes other limits, which hold from the next request on.
    pub fn configure(&self, limits: Limits) {
        self.limits.store(Arc::new(limits));
    }

    /// What has come in so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }
}
