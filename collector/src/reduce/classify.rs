//! Classify: how one side of a request saw it go. In: a span and its [`Facts`]. Out: a [`Class`],
//! slowness excepted, which is a matter of the whole hop.

use super::facts::Facts;
use super::hop::Class;
use crate::span::{Malformed, Span, StatusCode};

/// Names that a service gives to its refusals because of a limit.
const THROTTLES: [&str; 6] = [
    "Throttl",
    "TooManyRequests",
    "ProvisionedThroughputExceeded",
    "RequestLimitExceeded",
    "SlowDown",
    "LimitExceededException",
];

/// gRPC's `RESOURCE_EXHAUSTED`.
const GRPC_RESOURCE_EXHAUSTED: i64 = 8;

/// gRPC's codes that are the server's fault (semantic conventions for gRPC spans): UNKNOWN,
/// DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS.
const GRPC_FAULTS: [i64; 6] = [2, 4, 12, 13, 14, 15];

/// How the request went, as far as this span knows.
pub(super) fn of_span(
    span: &Span<'_>,
    facts: &Facts<'_>,
    expected: &[String],
) -> Result<Class, Malformed> {
    if facts.http_status == Some(429) || facts.grpc_status == Some(GRPC_RESOURCE_EXHAUSTED) {
        return Ok(Class::Throttled);
    }
    let failed = span.status == StatusCode::Error;
    let server_fault = facts.http_status.is_some_and(|status| status >= 500)
        || facts.grpc_status.is_some_and(|status| GRPC_FAULTS.contains(&status));
    // A span that says it went well, or says nothing, needs no words to look for in it: but an
    // exception that left it ended it.
    if !failed && !server_fault {
        let escaped = span.status == StatusCode::Unset && exception_escaped(span)?;
        return Ok(if escaped { Class::Error } else { Class::Ok });
    }
    let mut words = Words { throttled: false, expected: false };
    words.look_at(span.status_message, expected);
    words.look_at(facts.error_type.unwrap_or_default().as_bytes(), expected);
    if !words.throttled && !words.expected {
        span.for_each_event(|event| {
            if event.name == b"exception" {
                event.attributes().for_each(|attribute| {
                    if let b"exception.type" | b"exception.message" = attribute.key
                        && let Some(text) = attribute.value.text()
                    {
                        words.look_at(text.as_bytes(), expected);
                    }
                })?;
            }
            Ok(())
        })?;
    }
    Ok(match words {
        Words { throttled: true, .. } => Class::Throttled,
        Words { expected: true, .. } => Class::Ok,
        _ => Class::Error,
    })
}

/// `exception.escaped`: the exception left the span, though nobody set the status.
fn exception_escaped(span: &Span<'_>) -> Result<bool, Malformed> {
    let mut escaped = false;
    span.for_each_event(|event| {
        if event.name == b"exception" {
            event.attributes().for_each(|attribute| {
                escaped |=
                    attribute.key == b"exception.escaped" && attribute.value.bool() == Some(true);
            })?;
        }
        Ok(())
    })?;
    Ok(escaped)
}

struct Words {
    throttled: bool,
    expected: bool,
}

impl Words {
    fn look_at(&mut self, text: &[u8], expected: &[String]) {
        if text.is_empty() {
            return;
        }
        let text = String::from_utf8_lossy(text);
        self.throttled |= THROTTLES.iter().any(|word| text.contains(word));
        self.expected |= expected.iter().any(|word| text.contains(word.as_str()));
    }
}

/// How many requests a sampled span stands for: `tracestate`'s `ot=th:` is the share of requests
/// that sampling rejects, as up to 14 hexadecimal digits of a 56-bit fraction
/// (<https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/>).
pub(super) fn weight(trace_state: &[u8]) -> f64 {
    /// More than this is a mistake, not a sampling rate.
    const MOST: f64 = 1e6;
    let threshold = std::str::from_utf8(trace_state)
        .ok()
        .and_then(|text| text.split(',').find_map(|entry| entry.trim().strip_prefix("ot=")))
        .and_then(|ot| ot.split(';').find_map(|field| field.strip_prefix("th:")))
        .filter(|digits| (1..=14).contains(&digits.len()))
        .and_then(|digits| Some((u64::from_str_radix(digits, 16).ok()?, digits.len())));
    let Some((digits, length)) = threshold else { return 1.0 };
    #[expect(clippy::cast_precision_loss, reason = "56 bits; the last 3 do not matter to a rate")]
    let rejected = digits as f64 / 16_f64.powi(i32::try_from(length).unwrap_or(14));
    (1.0 / (1.0 - rejected)).clamp(1.0, MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_tells_how_many_requests_a_span_stands_for() {
        assert!((weight(b"ot=th:8") - 2.0).abs() < 1e-9);
        assert!((weight(b"vendor=x,ot=rv:123;th:e666666666666") - 10.0).abs() < 1e-6);
        assert!((weight(b"ot=th:0") - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_threshold_that_makes_no_sense_counts_once() {
        for state in ["", "ot=th:", "ot=th:xyz", "ot=th:fffffffffffffff", "th:8"] {
            assert!((weight(state.as_bytes()) - 1.0).abs() < 1e-9, "{state}");
        }
    }
}
