//! What a sender may ask of the receiver. Every bound that keeps it from growing with its input is
//! here, with the reason for its default.

use std::fmt;
use std::time::Duration;

/// The receiver's bounds. Every one has a default that works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one request as it comes over the wire, compressed if it is compressed.
    pub max_request_bytes: usize,
    /// Bytes of one request once decompressed.
    pub max_decompressed_bytes: usize,
    /// Bytes of all requests that are being read or reduced. Past it senders are asked to come back
    /// after [`Self::retry_after`]. Never less than what a single request may need.
    pub max_in_flight_bytes: usize,
    /// Connections that are open at once, over all ports of this receiver.
    pub max_connections: usize,
    /// How long a request's body may take to arrive.
    pub body_timeout: Duration,
    /// How long a connection may do nothing before it is closed.
    pub idle_timeout: Duration,
    /// How long a sender that is turned away is asked to wait.
    pub retry_after: Duration,
    /// How long running requests may take to finish once the receiver stops.
    pub shutdown_grace: Duration,
    /// What the `Authorization` header has to be, if requests must prove who sends them.
    pub authorization: Option<Authorization>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // SDKs send at most 512 spans at a time, well under 1 MiB; an OpenTelemetry Collector
            // in between batches more. 16 MiB is four times gRPC's customary limit.
            max_request_bytes: 16 << 20,
            // Spans compress about tenfold; a full-size request that compresses better than
            // fourfold should be sent in parts.
            max_decompressed_bytes: 64 << 20,
            // Three of the largest requests at once, or some thousand usual ones.
            max_in_flight_bytes: 256 << 20,
            // Each warm Lambda instance keeps a connection of its own.
            max_connections: 4096,
            // The largest request over a 5 Mbit/s line.
            body_timeout: Duration::from_secs(30),
            // Exporters send every 5 s (batch) to 60 s (metrics); a frozen Lambda instance may
            // never come back.
            idle_timeout: Duration::from_secs(120),
            // Longer than a tick, shorter than any exporter's patience (10 s).
            retry_after: Duration::from_secs(1),
            // Leaves the rest of the five seconds that a shutdown may take to the last ticks.
            shutdown_grace: Duration::from_secs(3),
            authorization: None,
        }
    }
}

impl Limits {
    /// The bound on bytes in flight that really holds: a lower one than a single request needs,
    /// as it comes, decompressed, and translated from JSON, would turn it away for ever.
    pub(super) fn in_flight_bound(&self) -> u64 {
        // One more byte is decompressed to see that there is one.
        let plain = self.max_decompressed_bytes.saturating_add(1).saturating_mul(2);
        let request = plain.saturating_add(self.max_request_bytes);
        self.max_in_flight_bytes.max(request) as u64
    }
}

/// The whole value that the `Authorization` header must have, such as `Bearer 1234`. It is not shown
/// by `{:?}`, so that it stays out of logs.
#[derive(Clone)]
pub struct Authorization(String);

impl Authorization {
    /// Expects this value.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// Whether a request's header is what is expected. Takes the same time wherever the first
    /// difference is, so that the value cannot be guessed byte by byte.
    pub(super) fn admits(&self, header: Option<&[u8]>) -> bool {
        let (expected, given) = (self.0.as_bytes(), header.unwrap_or_default());
        let differing = expected.iter().zip(given).fold(0, |acc, (a, b)| acc | (a ^ b));
        differing == 0 && expected.len() == given.len()
    }
}

impl PartialEq for Authorization {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Authorization {}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authorization(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_authorization_is_admitted() {
        let expected = Authorization::new("Bearer s3cret");
        assert!(expected.admits(Some(b"Bearer s3cret")));
        for wrong in [&b"Bearer s3creT"[..], b"Bearer s3cre", b"Bearer s3cret ", b""] {
            assert!(!expected.admits(Some(wrong)), "{wrong:?}");
        }
        assert!(!expected.admits(None));
    }

    #[test]
    fn logs_do_not_show_the_authorization() {
        let limits = Limits {
            authorization: Some(Authorization::new("Bearer s3cret")),
            ..Limits::default()
        };
        assert!(!format!("{limits:?}").contains("s3cret"));
    }
}
