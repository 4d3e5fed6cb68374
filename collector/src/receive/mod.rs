//! OTLP comes in. In: connections from exporters, by gRPC and by HTTP. Out: the bytes of accepted
//! `ExportTraceServiceRequest`s, as protobuf, to a [`Sink`]; every other request gets an answer
//! that says what is wrong and how to mend it.

mod answer;
mod body;
mod complaints;
mod connections;
mod counters;
mod decompress;
mod grpc;
mod http;
mod ingest;
mod json;
mod limits;
mod refusal;

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::available_parallelism;

use ::http::header::AUTHORIZATION;
use ::http::{HeaderMap, HeaderValue};
use arc_swap::ArcSwap;
use bytes::Bytes;
use tokio::sync::Semaphore;

use crate::reduce::{Ingested, Malformed};

use complaints::Complaints;
use refusal::Refusal;

pub use counters::{ByWay, Compression, Counter, Counters, Protocol, Signal};
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
    complaints: Complaints,
    /// One permit for each thread that may work on large requests.
    workers: Arc<Semaphore>,
}

impl Receiver {
    /// A receiver that hands what it accepts to `sink`.
    pub fn new(limits: Limits, sink: Arc<dyn Sink>) -> Self {
        let workers = available_parallelism().map_or(1, usize::from);
        Self {
            limits: ArcSwap::from_pointee(limits),
            sink,
            counters: Counters::default(),
            complaints: Complaints::default(),
            workers: Arc::new(Semaphore::new(workers)),
        }
    }

    /// Takes other limits, which hold from the next request on.
    pub fn configure(&self, limits: Limits) {
        self.limits.store(Arc::new(limits));
    }

    /// What has come in so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    fn limits(&self) -> Arc<Limits> {
        self.limits.load_full()
    }

    fn authorize(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let given = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
        match &self.limits().authorization {
            Some(expected) if !expected.admits(given) => Err(Refusal::Unauthorized),
            _ => Ok(()),
        }
    }

    /// Counts a request that is accepted and dropped.
    fn drop_signal(&self, signal: Signal) {
        match signal {
            Signal::Traces => {}
            Signal::Metrics => self.counters.metrics_dropped.add(1),
            Signal::Logs => self.counters.logs_dropped.add(1),
        }
    }

    /// Counts a refusal, and logs it unless one was logged just now.
    fn note(&self, refusal: &Refusal, peer: Option<SocketAddr>, port: &'static str) {
        refusal.counter(self).add(1);
        match peer {
            Some(peer) => {
                self.complaints.warn(format_args!("refused {port} from {peer}: {refusal}"));
            }
            None => self.complaints.warn(format_args!("refused {port}: {refusal}")),
        }
    }
}

#[cfg(test)]
mod tests;
