//! What became of what was sent. In: answers and latencies. Out: a text for people, JSON for programs.

use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

/// What became of the spans that were sent.
#[derive(Clone, Debug, Default)]
pub struct Sent {
    /// Spans in all requests.
    pub spans: u64,
    /// Requests, each counted once.
    pub requests: u64,
    /// Bytes of their bodies, as they go over the wire.
    pub bytes: u64,
    /// Spans that the collector took.
    pub accepted: u64,
    /// Spans in accepted requests that the collector cannot use.
    pub rejected: u64,
    /// Spans in requests that it refused.
    pub refused: u64,
    /// Spans in requests that were not taken in time.
    pub given_up: u64,
    /// How often it asked for a request again.
    pub retried: u64,
    /// How often a connection was lost. Requests that were under way are sent again, so the collector
    /// may have received them twice.
    pub reconnected: u64,
    /// From when an accepted request was due, or sent where nothing is due, to its answer.
    pub latency: Latency,
    /// The first thing that went wrong.
    pub complaint: Option<String>,
}

impl Sent {
    /// Adds another's.
    pub fn add(&mut self, other: Self) {
        let Self {
            spans,
            requests,
            bytes,
            accepted,
            rejected,
            refused,
            given_up,
            retried,
            reconnected,
            latency,
            complaint,
        } = other;
        self.spans += spans;
        self.requests += requests;
        self.bytes += bytes;
        self.accepted += accepted;
        self.rejected += rejected;
        self.refused += refused;
        self.given_up += given_up;
        self.retried += retried;
        self.reconnected += reconnected;
        self.latency.join(&latency);
        self.complaint = self.complaint.take().or(complaint);
    }

    pub(super) fn complain(&mut self, complaint: String) {
        self.complaint.get_or_insert(complaint);
    }
}

/// Latencies, to a thousandth.
#[derive(Clone, Debug)]
pub struct Latency(Histogram<u64>);

impl Default for Latency {
    fn default() -> Self {
        Self(Histogram::new(3).expect("three digits are allowed"))
    }
}

impl Latency {
    /// Adds one.
    pub fn add(&mut self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        // It grows as it must; only what no clock could tell is out of its range.
        let _ = self.0.record(micros);
    }

    fn join(&mut self, other: &Self) {
        let _ = self.0.add(&other.0);
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The latency that this share of all, such as 0.99, does not exceed.
    pub fn quantile(&self, share: f64) -> Duration {
        Duration::from_micros(self.0.value_at_quantile(share))
    }

    fn json(&self) -> Value {
        let micros = |share| u64::try_from(self.quantile(share).as_micros()).unwrap_or(u64::MAX);
        json!({
            "count": self.count(),
            "p50_us": micros(0.5),
            "p99_us": micros(0.99),
            "p999_us": micros(0.999),
            "max_us": self.0.max(),
        })
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = |share| self.quantile(share).as_secs_f64() * 1e3;
        let (p50, p99, p999) = (millis(0.5), millis(0.99), millis(0.999));
        write!(f, "p50 {p50:.2} ms, p99 {p99:.2} ms, p99.9 {p999:.2} ms")
    }
}

/// What a viewer saw meanwhile.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Spans by the feed's ticks.
    pub spans: u64,
    /// Spans that it should have told of: those of all accepted requests, markers included.
    pub expected: u64,
    /// From a marker's departure to the frame that shows it.
    pub latency: Latency,
    /// Markers that no frame showed in time.
    pub missing: u64,
    /// Ticks that the collector dropped for this viewer.
    pub lost_ticks: u64,
}

impl Seen {
    /// Whether the feed told of exactly what was accepted.
    pub fn is_complete(&self) -> bool {
        self.spans == self.expected && self.missing == 0
    }
}

/// A run.
#[derive(Clone, Debug)]
pub struct Report {
    /// What was sent.
    pub sent: Sent,
    /// From the first request to the last answer.
    pub took: Duration,
    /// The processor time that this program spent meanwhile.
    pub processor: Duration,
    /// What the feed told of it, if anybody listened.
    pub feed: Option<Seen>,
}

impl Report {
    /// Accepted spans a second.
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    pub fn rate(&self) -> f64 {
        self.sent.accepted as f64 / self.took.as_secs_f64().max(1e-9)
    }

    /// Whether everything was taken, and the feed told of it.
    pub fn is_complete(&self) -> bool {
        self.sent.accepted == self.sent.spans && self.feed.as_ref().is_none_or(Seen::is_complete)
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let Self { sent, took, processor, feed } = self;
        json!({
            "schema": "spanfall.load/1",
            "seconds": took.as_secs_f64(),
            "processor_seconds": processor.as_secs_f64(),
            "spans_per_second": self.rate(),
            "complete": self.is_complete(),
            "sent": {
                "spans": sent.spans,
                "requests": sent.requests,
                "bytes": sent.bytes,
                "accepted": sent.accepted,
                "rejected": sent.rejected,
                "refused": sent.refused,
                "given_up": sent.given_up,
                "retried": sent.retried,
                "reconnected": sent.reconnected,
                "complaint": sent.complaint,
            },
            "latency": sent.latency.json(),
            "feed": feed.as_ref().map(|seen| json!({
                "spans": seen.spans,
                "expected": seen.expected,
                "missing_markers": seen.missing,
                "lost_ticks": seen.lost_ticks,
                "latency": seen.latency.json(),
            })),
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sent, took, processor: _, feed } = self;
        let seconds = took.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a rate")]
        let megabytes = sent.bytes as f64 / 1e6 / seconds.max(1e-9);
        writeln!(
            f,
            "sent      {} spans in {} requests, {seconds:.2} s",
            sent.spans, sent.requests
        )?;
        let rate = self.rate();
        writeln!(f, "accepted  {} spans: {rate:.0} spans/s, {megabytes:.1} MB/s", sent.accepted)?;
        for (what, count, of) in [
            ("rejected", sent.rejected, "spans that the collector cannot use"),
            ("refused", sent.refused, "spans in requests that it refused"),
            ("given up", sent.given_up, "spans in requests that it did not take in time"),
            ("retried", sent.retried, "requests that it asked for again"),
            ("lost", sent.reconnected, "connections"),
        ] {
            if count > 0 {
                writeln!(f, "{what:9} {count} {of}")?;
            }
        }
        if let Some(complaint) = &sent.complaint {
            writeln!(f, "the first thing that went wrong: {complaint}")?;
        }
        writeln!(f, "latency   {}", sent.latency)?;
        if let Some(seen) = feed {
            let all = if seen.is_complete() { "all of them" } else { "NOT WHAT WAS SENT" };
            writeln!(f, "feed      {} of {} spans, {all}", seen.spans, seen.expected)?;
            writeln!(f, "to frame  {} ({} markers)", seen.latency, seen.latency.count())?;
            for (count, of) in
                [(seen.missing, "markers never shown"), (seen.lost_ticks, "ticks lost")]
            {
                if count > 0 {
                    writeln!(f, "          {count} {of}")?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_complete_if_all_is_taken_and_the_feed_told_of_it() {
        let sent = Sent { spans: 10, accepted: 10, ..Sent::default() };
        let seen = Seen {
            spans: 11,
            expected: 11,
            latency: Latency::default(),
            missing: 0,
            lost_ticks: 0,
        };
        let second = Duration::from_secs(1);
        let report = Report { sent, took: second, processor: second, feed: Some(seen.clone()) };
        assert!(report.is_complete() && report.to_string().contains("11 of 11 spans, all"));
        let feed = Some(Seen { spans: 12, ..seen });
        let report = Report { feed, ..report };
        assert!(!report.is_complete() && report.to_string().contains("NOT WHAT WAS SENT"));
        let sent = Sent { accepted: 9, ..report.sent.clone() };
        assert!(!Report { sent, feed: None, ..report }.is_complete());
    }

    #[test]
    fn what_two_connections_sent_adds_up() {
        let mut sent = Sent { spans: 1, retried: 2, ..Sent::default() };
        sent.latency.add(Duration::from_millis(1));
        let mut other = Sent { spans: 3, complaint: Some("no".to_owned()), ..Sent::default() };
        other.latency.add(Duration::from_millis(100));
        sent.add(other);
        assert_eq!((sent.spans, sent.retried, sent.complaint.as_deref()), (4, 2, Some("no")));
        assert_eq!(sent.latency.count(), 2);
        assert_eq!(sent.latency.quantile(0.5), Duration::from_millis(1));
        assert!(sent.latency.quantile(0.99) >= Duration::from_millis(100));
    }
}
