//! Every line of the table in `classify.rs`, in the words of those who write spans; and that what
//! nobody knows is never taken for a failure.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::span::{Event, SpanKind};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use proptest::prelude::*;
use prost::Message;

use super::*;
use crate::reduce::{Spans, role};
use crate::span;

const UNSET: i32 = 0;
const OK: i32 = 1;
const ERROR: i32 = 2;

fn attribute(key: &str, value: Value) -> KeyValue {
    let value = Some(AnyValue { value: Some(value) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

/// As SDKs write it: `true` and status codes of HTTP and gRPC as such, everything else as text.
fn read(key: &str, value: &str) -> KeyValue {
    let has_numbers = key.starts_with("http.") || key == "rpc.grpc.status_code";
    let value = match (value.parse(), value.parse()) {
        (Ok(flag), _) => Value::BoolValue(flag),
        (_, Ok(number)) if has_numbers => Value::IntValue(number),
        _ => Value::StringValue(value.to_owned()),
    };
    attribute(key, value)
}

fn class_of(span: Span) -> Class {
    let scope_spans = vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
    let bytes = ExportTraceServiceRequest { resource_spans }.encode_to_vec();
    let expected = ["ConditionalCheckFailedException".to_owned()];
    let mut class = None;
    span::for_each_resource(&bytes, |spans| {
        spans.for_each_span(|span| {
            let facts = Facts::read(span.attributes())?;
            let role = role::of(&span, &facts, Spans::default()).unwrap();
            class = Some(of_span(&span, &facts, role, &expected)?);
            Ok(())
        })
    })
    .unwrap();
    class.unwrap()
}

/// A caller's span with a status, a message to it, and attributes as `key=value` separated by blanks.
fn said(code: i32, message: &str, attributes: &str) -> Span {
    let kind = SpanKind::Client.into();
    let pairs = attributes.split_whitespace().filter_map(|pair| pair.split_once('='));
    Span {
        kind,
        status: Some(Status { code, message: message.to_owned() }),
        attributes: pairs.map(|(key, value)| read(key, value)).collect(),
        ..Span::default()
    }
}

fn with_exception(mut span: Span, attributes: &[(&str, &str)]) -> Span {
    let attributes = attributes.iter().map(|(key, value)| read(key, value)).collect();
    span.events.push(Event { name: "exception".into(), attributes, ..Event::default() });
    span
}

#[test]
fn every_dialect_is_understood() {
    use Class::{Error, Ok, Throttled};
    let table = [
        // HTTP, new and old names. A server that refuses with 4xx did its work; a client that
        // takes that for a failure says so in its status.
        (UNSET, "", "http.response.status_code=200", Ok),
        (UNSET, "", "http.status_code=404", Ok),
        (ERROR, "", "http.status_code=404", Error),
        (UNSET, "", "http.response.status_code=429", Throttled),
        (ERROR, "", "http.status_code=429", Throttled),
        (OK, "", "http.status_code=429", Throttled),
        (UNSET, "", "http.status_code=502", Error),
        (OK, "", "http.response.status_code=500", Error),
        (UNSET, "", "http.response.status_code=503 error.type=503", Error),
        (ERROR, "", "http.status_code=503 error.type=SlowDown", Throttled),
        // gRPC, by number, by name, and by Connect's names.
        (UNSET, "", "rpc.grpc.status_code=0", Ok),
        (UNSET, "", "rpc.grpc.status_code=5", Ok),
        (UNSET, "", "rpc.grpc.status_code=8", Throttled),
        (ERROR, "", "rpc.grpc.status_code=8", Throttled),
        (UNSET, "", "rpc.grpc.status_code=4", Error),
        (UNSET, "", "rpc.system.name=grpc rpc.response.status_code=OK", Ok),
        (UNSET, "", "rpc.response.status_code=RESOURCE_EXHAUSTED", Throttled),
        (UNSET, "", "rpc.response.status_code=DEADLINE_EXCEEDED", Error),
        (UNSET, "", "rpc.system=grpc rpc.response.status_code=14", Error),
        (UNSET, "", "rpc.response.status_code=NOT_FOUND", Ok),
        (UNSET, "", "rpc.connect_rpc.error_code=resource_exhausted", Throttled),
        (UNSET, "", "rpc.connect_rpc.error_code=unavailable", Error),
        // Another system's number 14 is not UNAVAILABLE.
        (UNSET, "", "rpc.system=jsonrpc rpc.response.status_code=14", Ok),
        // AWS, by what botocore and the SDKs for JavaScript, Java and Go say.
        (ERROR, "An error occurred (ThrottlingException) when calling Query", "", Throttled),
        (ERROR, "TooManyRequestsException: Rate Exceeded.", "http.status_code=400", Throttled),
        (ERROR, "Rate exceeded", "", Throttled),
        (ERROR, "Please reduce your request rate.", "http.status_code=503", Throttled),
        (ERROR, "", "error.type=com.amazonaws.dynamodb#ProvisionedThroughputExceeded", Throttled),
        (ERROR, "", "error.type=ProvisionedThroughputExceededException", Throttled),
        (UNSET, "", "error.type=RequestLimitExceeded", Throttled),
        (UNSET, "", "aws.error.code=EC2ThrottledException", Throttled),
        (UNSET, "", "aws.error.code=SlowDown", Throttled),
        (ERROR, "", "aws.error.code=LimitExceededException", Throttled),
        (ERROR, "", "error.type=MemoryLimitExceeded", Error),
        (ERROR, "", "error.type=ResourceNotFoundException", Error),
        (ERROR, "An error occurred (ConditionalCheckFailedException)", "", Ok),
        (ERROR, "", "error.type=ConditionalCheckFailedException http.status_code=400", Ok),
        // Others.
        (ERROR, "", "error.type=openai.RateLimitError", Throttled),
        (ERROR, "429 Too Many Requests", "", Throttled),
        (ERROR, "", "db.response.status_code=429", Throttled),
        (UNSET, "", "error.type=429", Throttled),
        (UNSET, "", "error.type=500", Error),
        (UNSET, "", "error.type=404", Ok),
        // Timeouts.
        (UNSET, "", "error.type=timeout", Error),
        (UNSET, "", "error.type=java.net.SocketTimeoutException", Error),
        (ERROR, "2026-01-01T00:00:00Z 1f Task timed out after 3.00 seconds", "", Error),
        (ERROR, "context deadline exceeded", "", Error),
        (UNSET, "", "http.error_name=ETIMEDOUT", Error),
        // What went through other formats on its way.
        (UNSET, "", "error=true", Error),
        (UNSET, "", "error=false", Ok),
        (UNSET, "", "otel.status_code=ERROR", Error),
        (UNSET, "", "otel.status_code=OK", Ok),
        (UNSET, "", "error=true error.type=ThrottlingException", Throttled),
        // Someone who says that it went well has seen the error and dealt with it.
        (OK, "", "error.type=TimeoutError", Ok),
        (UNSET, "", "", Ok),
        (ERROR, "", "", Error),
    ];
    for (status, message, attributes, class) in table {
        let actual = class_of(said(status, message, attributes));
        assert_eq!(actual, class, "{status} {message:?} {attributes}");
    }
}

#[test]
fn a_callee_that_was_throttled_elsewhere_refused_nothing_itself() {
    let callee = |told: (i32, &str, &str)| {
        class_of(Span { kind: SpanKind::Server.into(), ..said(told.0, told.1, told.2) })
    };
    assert_eq!(callee((UNSET, "", "http.status_code=429")), Class::Throttled);
    assert_eq!(callee((UNSET, "", "rpc.grpc.status_code=8")), Class::Throttled);
    assert_eq!(callee((ERROR, "HTTPError: 429 Too Many Requests", "")), Class::Error);
    assert_eq!(callee((ERROR, "", "error.type=ThrottlingException")), Class::Error);
    let exception = [("exception.type", "ThrottlingException"), ("exception.escaped", "true")];
    let consumer = Span { kind: SpanKind::Consumer.into(), ..said(UNSET, "", "") };
    assert_eq!(class_of(with_exception(consumer, &exception)), Class::Error);
}

#[test]
fn exceptions_tell_what_the_status_does_not() {
    let throttle = [("exception.type", "botocore.errorfactory.ThrottlingException")];
    let escaped = [("exception.type", "ValueError"), ("exception.escaped", "true")];
    let escaped_throttle = [throttle[0], escaped[1]];
    let handled = [("exception.type", "ValueError"), ("exception.message", "timeout")];
    let expected = [("exception.message", "the ConditionalCheckFailedException again")];
    for (status, exception, class) in [
        (ERROR, &throttle[..], Class::Throttled),
        (UNSET, &throttle[..], Class::Ok),
        (UNSET, &escaped[..], Class::Error),
        (OK, &escaped[..], Class::Ok),
        (UNSET, &escaped_throttle[..], Class::Throttled),
        (UNSET, &handled[..], Class::Ok),
        (ERROR, &handled[..], Class::Error),
        (ERROR, &expected[..], Class::Ok),
    ] {
        let span = with_exception(said(status, "", ""), exception);
        assert_eq!(class_of(span), class, "{status} {exception:?}");
    }
    let mut span = said(ERROR, "", "");
    span.events.push(Event { name: "retry".into(), ..Event::default() });
    assert_eq!(class_of(with_exception(span, &throttle)), Class::Throttled);
}

/// Every attribute that says how it went.
const KEYS: [&str; 17] = [
    "http.response.status_code",
    "http.status_code",
    "http.error_name",
    "rpc.grpc.status_code",
    "rpc.response.status_code",
    "rpc.connect_rpc.error_code",
    "rpc.system",
    "db.response.status_code",
    "error.type",
    "error",
    "error.code",
    "error.name",
    "aws.error.code",
    "aws.error_code",
    "exception.type",
    "otel.status_code",
    "x.status",
];

fn any_scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<String>().prop_map(Value::StringValue),
        any::<i64>().prop_map(Value::IntValue),
        any::<bool>().prop_map(Value::BoolValue),
        any::<f64>().prop_map(Value::DoubleValue),
        any::<Vec<u8>>().prop_map(Value::BytesValue),
    ]
}

proptest! {
    #[test]
    fn no_value_at_all_breaks_anything(
        attributes in prop::collection::vec((prop::sample::select(&KEYS[..]), any_scalar()), 0..8),
        exception in prop::collection::vec((any::<String>(), any_scalar()), 0..4),
        message: String, code in -1..5_i32,
    ) {
        let all = |pairs: Vec<(String, Value)>| -> Vec<KeyValue> {
            pairs.into_iter().map(|(key, value)| attribute(&key, value)).collect()
        };
        let attributes = attributes.into_iter().map(|(key, value)| (key.to_owned(), value));
        let mut span = Span {
            kind: SpanKind::Client.into(),
            status: Some(Status { code, message }),
            attributes: all(attributes.collect()),
            ..Span::default()
        };
        let attributes = all(exception);
        span.events.push(Event { name: "exception".into(), attributes, ..Event::default() });
        class_of(span);
    }

    #[test]
    fn a_value_that_nobody_knows_makes_no_failure(
        pairs in prop::collection::vec(
            (prop::sample::select(&KEYS[..]), "(zq[a-z.#:/]{0,20}|[123][0-9]{2})"), 0..8,
        ),
        code in 0..2_i32,
    ) {
        let attributes: Vec<String> =
            pairs.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let span = said(code, "zq", &attributes.join(" "));
        prop_assert_eq!(class_of(span), Class::Ok, "{:?}", pairs);
    }
}

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
