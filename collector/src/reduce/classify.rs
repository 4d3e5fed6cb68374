//! Classify: how one side of a request saw it go. In: a span and its [`Facts`]. Out: a [`Class`],
//! slowness excepted, which is a matter of all hops of an edge.
//!
//! The first line of this table that is true of a span decides:
//!
//! | where | what | class |
//! | --- | --- | --- |
//! | `http.response.status_code`, `http.status_code` | 429 | throttled |
//! | `rpc.grpc.status_code`, `rpc.response.status_code`, `rpc.connect_rpc.error_code` | RESOURCE_EXHAUSTED, as number or name | throttled |
//! | span status OK | and nothing of the next three lines | ok |
//! | `http...status_code` | 500 and above | failed |
//! | `rpc...` as above | UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS | failed |
//! | span status ERROR, `otel.status_code` = ERROR, `error` = true | | failed |
//! | `error.type`, `aws.error.code`, `db.response.status_code`, ... | the name of a throttle, or 429 | throttled |
//! | the same | the name of a timeout, or 500 to 599 | error |
//! | `exception` event with `exception.escaped` = true | its type or message names a throttle | throttled |
//! | the same | anything else | error |
//! | anything else | whatever it says | ok |
//!
//! What failed is looked at closer, in the span's status message, in the attributes that name an
//! error, and in `exception` events: if one names a throttle it is throttled, if one contains an
//! expected error it is ok, otherwise it is an error. Names of throttles are those of
//! callers' spans only: a function that fails because it was throttled elsewhere refused nothing
//! itself, and is an error to its caller. So a value that is not known here never makes
//! an error of a span that says nothing of one; and a timeout is an error, whoever tells of it: a
//! callee that was cut off sends no span, and then its caller's is all there is.

use super::facts::Facts;
use super::hop::Class;
use super::role::Role;
use crate::span::{Event, Malformed, Span, StatusCode};

/// Names that services give to their refusals because of a limit, without `Exception` and the
/// like at their end: those that AWS's SDKs wait and try again for, and what others call theirs.
/// Whatever contains `throttl` is one as well.
const THROTTLES: [&str; 12] = [
    "toomanyrequests",
    "provisionedthroughputexceeded",
    "requestlimitexceeded",
    "bandwidthlimitexceeded",
    "limitexceeded",
    "slowdown",
    "priorrequestnotcomplete",
    "resourceexhausted",
    "ratelimit",
    "ratelimited",
    "ratelimitexceeded",
    "serverbusy",
];

/// The same where a sentence says it.
const THROTTLE_PHRASES: [&str; 5] = [
    "too many requests",
    "rate exceeded",
    "rate limit exceeded",
    "reduce your request rate",
    "slow down",
];

/// gRPC's codes in their order, from 0 on.
const GRPC_CODES: [&str; 17] = [
    "ok",
    "cancelled",
    "unknown",
    "invalidargument",
    "deadlineexceeded",
    "notfound",
    "alreadyexists",
    "permissiondenied",
    "resourceexhausted",
    "failedprecondition",
    "aborted",
    "outofrange",
    "unimplemented",
    "internal",
    "unavailable",
    "dataloss",
    "unauthenticated",
];

/// gRPC's `RESOURCE_EXHAUSTED`.
const GRPC_RESOURCE_EXHAUSTED: usize = 8;

/// gRPC's codes that are the server's fault (semantic conventions for gRPC spans): UNKNOWN,
/// DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS.
const GRPC_FAULTS: [usize; 6] = [2, 4, 12, 13, 14, 15];

/// How the request went, as far as this span knows.
pub(super) fn of_span(
    span: &Span<'_>,
    facts: &Facts<'_>,
    role: Role,
    expected: &[String],
) -> Result<Class, Malformed> {
    let calls = role == Role::Caller;
    let grpc = grpc_code(facts);
    if facts.http_status == Some(429) || grpc == Some(GRPC_RESOURCE_EXHAUSTED) {
        return Ok(Class::Throttled);
    }
    let failed = span.status == StatusCode::Error
        || facts.says_error
        || facts.http_status.is_some_and(|status| status >= 500)
        || grpc.is_some_and(|code| GRPC_FAULTS.contains(&code));
    if failed {
        return failure(span, facts, calls, expected);
    }
    if span.status == StatusCode::Ok {
        return Ok(Class::Ok);
    }
    let named = facts.error_names().map(|name| class_of_name(name, calls));
    // An error's name may be given twice, and once say more.
    let named = named.max().unwrap_or_default();
    // An exception that left a span ended it, though nobody set the status.
    let escaped = match named {
        Class::Ok => escaped_exception(span, calls, expected)?,
        known => known,
    };
    Ok(escaped)
}

/// What to call a request that failed.
fn failure(
    span: &Span<'_>,
    facts: &Facts<'_>,
    calls: bool,
    expected: &[String],
) -> Result<Class, Malformed> {
    let mut words = Words { calls, throttled: false, expected: false };
    words.look_at(span.status_message, expected);
    facts.error_names().for_each(|name| words.look_at(name.as_bytes(), expected));
    if !words.throttled && !words.expected {
        for_each_exception(span, |event| words.look_at_exception(event, expected))?;
    }
    Ok(words.class())
}

/// `exception.escaped`: the exception left the span.
fn escaped_exception(
    span: &Span<'_>,
    calls: bool,
    expected: &[String],
) -> Result<Class, Malformed> {
    let mut class = Class::Ok;
    for_each_exception(span, |event| {
        let mut escaped = false;
        event.attributes().for_each(|attribute| {
            escaped |=
                attribute.key == b"exception.escaped" && attribute.value()?.bool() == Some(true);
            Ok(())
        })?;
        if escaped {
            let mut words = Words { calls, throttled: false, expected: false };
            words.look_at_exception(event, expected)?;
            class = class.max(words.class());
        }
        Ok(())
    })?;
    Ok(class)
}

fn for_each_exception(
    span: &Span<'_>,
    mut visit: impl FnMut(&Event<'_>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    span.for_each_event(|event| if event.name == b"exception" { visit(&event) } else { Ok(()) })
}

/// The gRPC code, as a number or by name; numbers only where the call is a gRPC one, since other
/// systems have numbers of their own.
fn grpc_code(facts: &Facts<'_>) -> Option<usize> {
    if let Some(code) = facts.grpc_status {
        return usize::try_from(code).ok();
    }
    let said = facts.rpc_status?;
    let is_grpc = facts.rpc_system.is_some_and(|system| system.eq_ignore_ascii_case("grpc"));
    match said.parse() {
        Ok(code) => is_grpc.then_some(code),
        Err(_) => GRPC_CODES.iter().position(|code| *code == plain(said)),
    }
}

/// What an error's name says where nothing else says that there was one.
fn class_of_name(name: &str, calls: bool) -> Class {
    if is_throttle(name) {
        return if calls { Class::Throttled } else { Class::Error };
    }
    let word = plain(last_part(name));
    let server_fault = word.parse().is_ok_and(|status: u16| (500..600).contains(&status));
    let timeout = ["timeout", "timedout", "deadlineexceeded"].iter().any(|end| word.contains(end));
    if server_fault || timeout { Class::Error } else { Class::Ok }
}

/// Whether a name such as `com.amazonaws.dynamodb#ThrottlingException` is that of a throttle.
fn is_throttle(name: &str) -> bool {
    name == "429" || is_throttle_word(last_part(name))
}

/// Whether a sentence says that there was a throttle.
fn says_throttled(text: &str) -> bool {
    let lower = text.to_lowercase();
    text == "429"
        || text.split(|c: char| !c.is_alphanumeric() && c != '_').any(is_throttle_word)
        || THROTTLE_PHRASES.iter().any(|phrase| lower.contains(phrase))
}

fn is_throttle_word(word: &str) -> bool {
    let word = plain(word);
    let name = ["exception", "error", "fault"]
        .iter()
        .find_map(|end| word.strip_suffix(end))
        .unwrap_or(&word);
    word.contains("throttl") || THROTTLES.contains(&name)
}

/// A type's name without its package: what follows the last of `.`, `#`, `:`, `/` or `$`.
fn last_part(name: &str) -> &str {
    name.rsplit(['.', '#', ':', '/', '$']).find(|part| !part.is_empty()).unwrap_or(name)
}

/// `RESOURCE_EXHAUSTED`, `ResourceExhausted` and `resource-exhausted` are the same.
fn plain(word: &str) -> String {
    word.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// What was found in a failed span's words.
struct Words {
    /// Whether a throttle's name in it is its own.
    calls: bool,
    throttled: bool,
    expected: bool,
}

impl Words {
    fn look_at(&mut self, text: &[u8], expected: &[String]) {
        if text.is_empty() {
            return;
        }
        let text = String::from_utf8_lossy(text);
        self.throttled |= self.calls && says_throttled(&text);
        self.expected |= expected.iter().any(|word| text.contains(word.as_str()));
    }

    fn look_at_exception(
        &mut self,
        event: &Event<'_>,
        expected: &[String],
    ) -> Result<(), Malformed> {
        event.attributes().for_each(|attribute| {
            if let b"exception.type" | b"exception.message" = attribute.key
                && let Some(text) = attribute.value()?.text()
            {
                self.look_at(text.as_bytes(), expected);
            }
            Ok(())
        })
    }

    fn class(&self) -> Class {
        match self {
            Self { throttled: true, .. } => Class::Throttled,
            Self { expected: true, .. } => Class::Ok,
            _ => Class::Error,
        }
    }
}

/// How many requests a sampled span stands for: `tracestate`'s `ot=th:` is the share of requests
/// that sampling rejects, as up to 14 hexadecimal digits of a 56-bit fraction
/// (<https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/>).
pub(super) fn weight(trace_state: &[u8]) -> f64 {
    /// More than this is a mistake, not a sampling rate.
    const MOST: f64 = 1e6;
    if trace_state.is_empty() {
        return 1.0;
    }
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
mod tests;
