//! What the receiver counts about itself, for `/metrics`: what came in, by which way, and what was
//! turned away and why.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// One number that any thread may read and add to.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Its value now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    pub(super) fn subtract(&self, n: u64) {
        self.0.fetch_sub(n, Ordering::Relaxed);
    }

    /// Adds `n` unless that makes it more than `limit`; says whether it did.
    pub(super) fn add_within(&self, n: u64, limit: u64) -> bool {
        let within = |now: u64| now.checked_add(n).filter(|sum| *sum <= limit);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, within).is_ok()
    }
}

/// How a request is written, in the words of `OTEL_EXPORTER_OTLP_PROTOCOL`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// OTLP/gRPC.
    Grpc,
    /// OTLP/HTTP with a protobuf body.
    HttpProtobuf,
    /// OTLP/HTTP with a JSON body.
    HttpJson,
}

impl Protocol {
    /// Every protocol.
    pub const ALL: [Self; 3] = [Self::Grpc, Self::HttpProtobuf, Self::HttpJson];

    /// The word for it in metrics and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::HttpProtobuf => "http/protobuf",
            Self::HttpJson => "http/json",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a request carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signal {
    /// Spans, which is what the collector is for.
    Traces,
    /// Metrics, which it accepts and drops, so that one exporter setting works for a whole Lambda.
    Metrics,
    /// Logs, likewise.
    Logs,
}

/// How a request is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Not at all.
    Identity,
    /// By gzip.
    Gzip,
    /// By Zstandard.
    Zstd,
}

impl Compression {
    /// Every compression.
    pub const ALL: [Self; 3] = [Self::Identity, Self::Gzip, Self::Zstd];

    /// The word for it in headers, metrics and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// The compression that a header names.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Some(Self::Identity),
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A count for each way in: protocol by compression.
#[derive(Debug, Default)]
pub struct ByWay([[Counter; Compression::ALL.len()]; Protocol::ALL.len()]);

impl ByWay {
    /// The count of one way in.
    pub fn get(&self, protocol: Protocol, compression: Compression) -> u64 {
        self.of(protocol, compression).get()
    }

    /// The counts of all ways in together.
    pub fn total(&self) -> u64 {
        self.0.iter().flatten().map(Counter::get).sum()
    }

    pub(super) fn of(&self, protocol: Protocol, compression: Compression) -> &Counter {
        &self.0[protocol as usize][compression as usize]
    }
}

/// What the receiver counts. Everything only grows, except the two that say "now".
#[derive(Debug, Default)]
pub struct Counters {
    /// Export requests of any signal, whatever became of them, whose way in is known.
    pub requests: ByWay,
    /// Bytes of their bodies, as they came over the wire, where these were read to the end.
    pub bytes: ByWay,
    /// Spans in accepted requests, rejected ones included.
    pub spans: Counter,
    /// Spans that no one can use; their senders were told.
    pub rejected: Counter,
    /// Requests for metrics, which are accepted and dropped.
    pub metrics_dropped: Counter,
    /// Requests for logs, which are accepted and dropped.
    pub logs_dropped: Counter,
    /// Requests that are not OTLP, or are damaged.
    pub malformed: Counter,
    /// Requests over one of the size limits.
    pub too_large: Counter,
    /// Requests turned away for now because too much is in flight.
    pub pushed_back: Counter,
    /// Requests in an encoding or of a type that the receiver does not read.
    pub unsupported: Counter,
    /// Requests without the right `Authorization`.
    pub unauthorized: Counter,
    /// Requests whose body took too long.
    pub timed_out: Counter,
    /// Requests that the collector itself failed on. Always 0, unless there is a bug.
    pub failed: Counter,
    /// Connections closed at once because too many were open.
    pub connections_refused: Counter,
    /// Connections that are open now.
    pub connections: Counter,
    /// Bytes of requests that are being read or reduced now.
    pub in_flight_bytes: Counter,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bounded_counter_never_passes_its_limit() {
        let counter = Counter::default();
        assert!(counter.add_within(6, 10));
        assert!(!counter.add_within(5, 10));
        assert!(counter.add_within(4, 10));
        assert!(!counter.add_within(u64::MAX, u64::MAX));
        assert_eq!(counter.get(), 10);
    }

    #[test]
    fn each_way_in_has_its_own_count() {
        let counts = ByWay::default();
        counts.of(Protocol::HttpJson, Compression::Zstd).add(2);
        counts.of(Protocol::Grpc, Compression::Identity).add(1);
        assert_eq!(counts.get(Protocol::HttpJson, Compression::Zstd), 2);
        assert_eq!(counts.get(Protocol::Grpc, Compression::Gzip), 0);
        assert_eq!(counts.total(), 3);
    }
}
