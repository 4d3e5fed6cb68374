//! From a request's body to the sink: decompress, translate, hand over. What may take long runs
//! off the async threads, on as many others as there are processors.

use std::sync::Arc;

use bytes::Bytes;
use tokio::task::spawn_blocking;

use super::Receiver;
use super::body::InFlight;
use super::counters::{Compression, Protocol};
use super::decompress::decompress;
use super::json::traces_to_protobuf;
use super::refusal::Refusal;
use crate::reduce::Ingested;

/// Bodies up to this many bytes are worked on at once: that takes less than a millisecond, about
/// what moving them to another thread may cost under load.
const SHORT: usize = 64 << 10;

/// The same for compressed bodies, which may expand a thousandfold.
const SHORT_COMPRESSED: usize = 8 << 10;

/// A traces request as it came.
pub(super) struct Traces {
    /// How it is written.
    pub(super) protocol: Protocol,
    /// How it is compressed.
    pub(super) compression: Compression,
    /// Its body.
    pub(super) body: Bytes,
    /// Its share of the bytes in flight.
    pub(super) held: InFlight,
}

impl Receiver {
    /// Takes a traces request: decompresses it, translates it, hands it to the sink.
    pub(super) async fn take(self: &Arc<Self>, traces: Traces) -> Result<Ingested, Refusal> {
        let short = match traces.compression {
            Compression::Identity => SHORT,
            Compression::Gzip | Compression::Zstd => SHORT_COMPRESSED,
        };
        if traces.body.len() <= short {
            return self.take_now(traces);
        }
        let Ok(worker) = Arc::clone(&self.workers).acquire_owned().await else {
            return Err(Refusal::Failed); // nobody closes the semaphore
        };
        let receiver = Arc::clone(self);
        let work = spawn_blocking(move || {
            let _worker = worker;
            receiver.take_now(traces)
        });
        work.await.unwrap_or(Err(Refusal::Failed))
    }

    fn take_now(&self, traces: Traces) -> Result<Ingested, Refusal> {
        let Traces { protocol, compression, body, mut held } = traces;
        let limit = self.limits().max_decompressed_bytes;
        let plain = decompress(compression, body, limit, &mut held)?;
        let protobuf = match protocol {
            Protocol::Grpc | Protocol::HttpProtobuf => plain,
            Protocol::HttpJson => {
                held.hold(plain.len())?; // the protobuf takes about as much, at most
                let translated = traces_to_protobuf(&plain);
                translated.map_err(|error| Refusal::Malformed(error.to_string()))?
            }
        };
        let ingested = self.sink.traces(protobuf);
        let ingested = ingested.map_err(|error| Refusal::Malformed(error.to_string()))?;
        self.counters.spans.add(ingested.spans);
        self.counters.rejected.add(ingested.rejected);
        Ok(ingested)
    }
}
