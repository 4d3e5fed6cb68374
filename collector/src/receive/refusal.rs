//! Why a request is not taken: one list for both doors, which differ only in how they say it.
//! The texts tell the sender what is wrong and how to mend it.

use std::time::Duration;

use super::Receiver;
use super::counters::Counter;

/// Why a request is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// It is not OTLP, or it is damaged. Sending it again will not help.
    #[error("{0}")]
    Malformed(String),
    /// It is over a size limit. Sending it again will not help.
    #[error("the request is larger than {limit} bytes{}; send fewer spans at a time, or raise {setting} in the collector's configuration", if *decompressed { " when decompressed" } else { "" })]
    TooLarge {
        /// The limit.
        limit: usize,
        /// Whether it holds for the decompressed request.
        decompressed: bool,
        /// What the limit is called in the configuration.
        setting: &'static str,
    },
    /// Too much is in flight. The sender is to come back.
    #[error("the collector is busy; try again in {} s", retry_seconds(*.retry_after))]
    Busy {
        /// When.
        retry_after: Duration,
    },
    /// It did not come in time.
    #[error("the request's body did not arrive within {} s", .0.as_secs_f32())]
    TooSlow(Duration),
    /// It does not prove who sends it.
    #[error("the Authorization header is missing or wrong")]
    Unauthorized,
    /// It is compressed in a way that the receiver does not read.
    #[error("cannot read the encoding {0:?}; use gzip, zstd or identity")]
    Encoding(String),
    /// It is written in a way that the receiver does not read.
    #[error("cannot read the content type {0:?}; use application/x-protobuf or application/json")]
    ContentType(String),
    /// The collector failed.
    #[error("the collector failed to read the request, which is a bug in it")]
    Failed,
}

impl Refusal {
    /// A request over the limit on the wire.
    pub(super) fn too_large(limit: usize) -> Self {
        Self::TooLarge { limit, decompressed: false, setting: "receive.max_request_bytes" }
    }

    /// A request over the limit once decompressed.
    pub(super) fn too_large_decompressed(limit: usize) -> Self {
        Self::TooLarge { limit, decompressed: true, setting: "receive.max_decompressed_bytes" }
    }

    /// A request compressed in a way of that name.
    pub(super) fn encoding(name: &str) -> Self {
        Self::Encoding(cut(name))
    }

    /// A request of a content type of that name.
    pub(super) fn content_type(name: &str) -> Self {
        Self::ContentType(cut(name))
    }

    /// The counter that counts it.
    pub(super) fn counter<'r>(&self, receiver: &'r Receiver) -> &'r Counter {
        let counters = receiver.counters();
        match self {
            Self::Malformed(_) => &counters.malformed,
            Self::TooLarge { .. } => &counters.too_large,
            Self::Busy { .. } => &counters.pushed_back,
            Self::TooSlow(_) => &counters.timed_out,
            Self::Unauthorized => &counters.unauthorized,
            Self::Encoding(_) | Self::ContentType(_) => &counters.unsupported,
            Self::Failed => &counters.failed,
        }
    }
}

/// What senders say, kept short enough for a log line.
pub(super) fn cut(name: &str) -> String {
    name.chars().take(80).collect()
}

/// Whole seconds to wait, as `Retry-After` has it: never less than asked for, and never none.
pub(super) fn retry_seconds(after: Duration) -> u64 {
    (after.as_secs() + u64::from(after.subsec_nanos() > 0)).max(1)
}
