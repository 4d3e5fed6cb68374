//! Where accepted requests go in a live collector: to the reducer, and to the recorder when there
//! is one.

use std::sync::Arc;

use bytes::Bytes;

use crate::clock::Clock;
use crate::receive::Sink;
use crate::record::Recorder;
use crate::reduce::{Ingested, Malformed, Reducer};

/// The receiver's sink.
pub(super) struct Intake {
    pub(super) reducer: Arc<Reducer>,
    pub(super) recorder: Option<Arc<Recorder>>,
    pub(super) clock: Clock,
}

impl Sink for Intake {
    fn traces(&self, request: Bytes) -> Result<Ingested, Malformed> {
        let ingested = self.reducer.ingest(&request, self.clock.elapsed_ms())?;
        if let Some(recorder) = &self.recorder {
            recorder.write(request);
        }
        Ok(ingested)
    }
}
