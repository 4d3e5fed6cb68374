//! Requests to test with: any that OTLP allows, and small ones.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value::Value,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{
    ResourceSpans, ScopeSpans, Span, Status, span::Event, span::Link,
};
use proptest::collection::vec;
use proptest::prelude::*;

fn value() -> impl Strategy<Value = AnyValue> {
    let leaf = prop_oneof![
        any::<String>().prop_map(Value::StringValue),
        any::<bool>().prop_map(Value::BoolValue),
        any::<i64>().prop_map(Value::IntValue),
        (proptest::num::f64::NORMAL | proptest::num::f64::ZERO).prop_map(Value::DoubleValue),
        vec(any::<u8>(), 0..20).prop_map(Value::BytesValue),
    ];
    let any_value = |value| AnyValue { value: Some(value) };
    leaf.prop_map(any_value).prop_recursive(2, 6, 3, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3)
                .prop_map(move |values| any_value(Value::ArrayValue(ArrayValue { values }))),
            vec((any::<String>(), inner), 0..3).prop_map(move |pairs| {
                let values = pairs.into_iter().map(|(key, value)| key_value(key, value)).collect();
                any_value(Value::KvlistValue(KeyValueList { values }))
            }),
        ]
    })
}

fn key_value(key: String, value: AnyValue) -> KeyValue {
    KeyValue { key, value: Some(value), ..KeyValue::default() }
}

/// A text attribute.
pub(crate) fn text(key: &str, value: &str) -> KeyValue {
    key_value(key.to_owned(), AnyValue { value: Some(Value::StringValue(value.to_owned())) })
}

/// Attributes, those that hold ids among them.
fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    let key = prop_oneof![
        any::<String>(),
        Just("aws.request_id".to_owned()),
        Just("faas.invocation_id".to_owned()),
        Just("messaging.message.id".to_owned()),
    ];
    let pair = (key, value()).prop_map(|(key, value)| key_value(key, value));
    vec(pair, 0..4)
}

fn event() -> impl Strategy<Value = Event> {
    (any::<u64>(), any::<String>(), attributes(), any::<u32>()).prop_map(
        |(time_unix_nano, name, attributes, dropped_attributes_count)| Event {
            time_unix_nano,
            name,
            attributes,
            dropped_attributes_count,
        },
    )
}

fn link() -> impl Strategy<Value = Link> {
    (any::<[u8; 16]>(), any::<[u8; 8]>(), attributes(), any::<u32>()).prop_map(
        |(trace, span, attributes, flags)| Link {
            trace_id: trace.to_vec(),
            span_id: span.to_vec(),
            attributes,
            flags,
            ..Link::default()
        },
    )
}

/// A span with something in every field.
pub(crate) fn span() -> impl Strategy<Value = Span> {
    let ids = (any::<[u8; 16]>(), any::<[u8; 8]>(), proptest::option::of(any::<[u8; 8]>()));
    let texts = (any::<String>(), any::<String>(), any::<String>());
    let numbers = (0..6_i32, any::<u64>(), any::<u64>(), 0..3_i32, any::<u32>());
    let lists = (attributes(), vec(event(), 0..3), vec(link(), 0..3));
    (ids, texts, numbers, lists).prop_map(|(ids, texts, numbers, lists)| {
        let (kind, start_time_unix_nano, end_time_unix_nano, code, flags) = numbers;
        let (name, message, trace_state) = texts;
        let (attributes, events, links) = lists;
        Span {
            trace_id: ids.0.to_vec(),
            span_id: ids.1.to_vec(),
            parent_span_id: ids.2.map(|id| id.to_vec()).unwrap_or_default(),
            trace_state,
            name,
            kind,
            start_time_unix_nano,
            end_time_unix_nano,
            attributes,
            events,
            links,
            flags,
            status: Some(Status { message, code }),
            ..Span::default()
        }
    })
}

/// An export request with at least one resource.
pub(crate) fn request() -> impl Strategy<Value = ExportTraceServiceRequest> {
    let scope = (any::<String>(), any::<String>(), vec(span(), 0..3)).prop_map(
        |(name, schema_url, spans)| ScopeSpans {
            scope: Some(InstrumentationScope { name, ..InstrumentationScope::default() }),
            spans,
            schema_url,
        },
    );
    let resource = (attributes(), vec(scope, 0..3)).prop_map(|(attributes, scope_spans)| {
        let resource = Some(Resource { attributes, ..Resource::default() });
        ResourceSpans { resource, scope_spans, schema_url: String::new() }
    });
    vec(resource, 1..3).prop_map(|resource_spans| ExportTraceServiceRequest { resource_spans })
}

/// A small request whose one span ends at `end`, in nanoseconds.
pub(crate) fn small(id: u8, end: u64) -> ExportTraceServiceRequest {
    let span = Span {
        trace_id: vec![id; 16],
        span_id: vec![id; 8],
        name: format!("span {id}"),
        kind: 2,
        start_time_unix_nano: end.saturating_sub(1_000_000),
        end_time_unix_nano: end,
        ..Span::default()
    };
    let scope = ScopeSpans { spans: vec![span], ..ScopeSpans::default() };
    let resource = Resource { attributes: vec![text("service.name", "a")], ..Resource::default() };
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(resource),
            scope_spans: vec![scope],
            ..ResourceSpans::default()
        }],
    }
}
