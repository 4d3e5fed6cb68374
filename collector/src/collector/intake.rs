//! Where accepted requests go in a live collector: to the reducer.

use std::sync::Arc;

use bytes::Bytes;

use crate::clock::Clock;
use crate::receive::Sink;
use crate::reduce::{Ingested, Malformed, Reducer};

/// The receiver's sink.
pub(super) struct Intake {
    pub(super) reducer: Arc<Reducer>,
    pub(super) clock: Clock,
}

impl Sink for Intake {
    fn traces(&self, request: Bytes) -> Result<Ingested, Malformed> {
        self.reducer.ingest(&request, self.clock.elapsed_ms())
    }
}
