//! Random export requests that use every field of OTLP traces.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, EntityRef, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

fn id(length: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![1 => Just(Vec::new()), 9 => vec(any::<u8>(), length)]
}

fn double() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>().prop_filter("NaN is no equal of itself", |x| !x.is_nan()),
        proptest::num::f64::NORMAL,
        (-1e6..1e6).prop_map(|x: f64| x.round()),
    ]
}

// Keys and lists within values are never empty here, because the serde types of
// `opentelemetry-proto` insist on finding them in JSON; a test of its own covers the empty ones.
fn any_value() -> impl Strategy<Value = AnyValue> {
    let leaf = prop_oneof![
        any::<String>().prop_map(Value::StringValue),
        any::<bool>().prop_map(Value::BoolValue),
        any::<i64>().prop_map(Value::IntValue),
        double().prop_map(Value::DoubleValue),
        vec(any::<u8>(), 0..20).prop_map(Value::BytesValue),
    ];
    let leaf = option::weighted(0.9, leaf).prop_map(|value| AnyValue { value });
    leaf.prop_recursive(4, 24, 5, |inner| {
        let pair = (".{1,6}", option::of(inner.clone())).prop_map(|(key, value)| KeyValue {
            key,
            value,
            ..KeyValue::default()
        });
        prop_oneof![
            vec(inner, 1..5).prop_map(|values| Value::ArrayValue(ArrayValue { values })),
            vec(pair, 1..5).prop_map(|values| Value::KvlistValue(KeyValueList { values })),
        ]
        .prop_map(|value| AnyValue { value: Some(value) })
    })
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    let pair = ("[a-z.]{1,12}", option::of(any_value())).prop_map(|(key, value)| KeyValue {
        key,
        value,
        ..KeyValue::default()
    });
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
    (id(16), id(8), any::<String>(), attributes(), any::<u32>(), any::<u32>()).prop_map(
        |(trace_id, span_id, trace_state, attributes, dropped_attributes_count, flags)| Link {
            trace_id,
            span_id,
            trace_state,
            attributes,
            dropped_attributes_count,
            flags,
        },
    )
}

fn span() -> impl Strategy<Value = Span> {
    let identity = (id(16), id(8), any::<String>(), id(8), any::<u32>(), any::<String>());
    let times = (0..6_i32, any::<u64>(), any::<u64>());
    let status = option::of(
        (any::<String>(), 0..3_i32).prop_map(|(message, code)| Status { message, code }),
    );
    let lists = (attributes(), vec(event(), 0..3), vec(link(), 0..3), status, any::<[u32; 3]>());
    (identity, times, lists).prop_map(|(identity, times, lists)| Span {
        trace_id: identity.0,
        span_id: identity.1,
        trace_state: identity.2,
        parent_span_id: identity.3,
        flags: identity.4,
        name: identity.5,
        kind: times.0,
        start_time_unix_nano: times.1,
        end_time_unix_nano: times.2,
        attributes: lists.0,
        dropped_attributes_count: lists.4[0],
        events: lists.1,
        dropped_events_count: lists.4[1],
        links: lists.2,
        dropped_links_count: lists.4[2],
        status: lists.3,
    })
}

fn scope_spans() -> impl Strategy<Value = ScopeSpans> {
    let scope = (any::<String>(), any::<String>(), attributes(), any::<u32>()).prop_map(
        |(name, version, attributes, dropped_attributes_count)| InstrumentationScope {
            name,
            version,
            attributes,
            dropped_attributes_count,
        },
    );
    (option::of(scope), vec(span(), 0..4), any::<String>())
        .prop_map(|(scope, spans, schema_url)| ScopeSpans { scope, spans, schema_url })
}

fn resource() -> impl Strategy<Value = Resource> {
    let entity =
        (".{1,6}", ".{1,6}", vec(any::<String>(), 1..3)).prop_map(|(schema_url, r#type, keys)| {
            EntityRef { schema_url, r#type, id_keys: keys.clone(), description_keys: keys }
        });
    (attributes(), any::<u32>(), vec(entity, 0..2)).prop_map(
        |(attributes, dropped_attributes_count, entity_refs)| Resource {
            attributes,
            dropped_attributes_count,
            entity_refs,
        },
    )
}

pub(super) fn request() -> impl Strategy<Value = ExportTraceServiceRequest> {
    let resource_spans = (option::of(resource()), vec(scope_spans(), 0..3), any::<String>())
        .prop_map(|(resource, scope_spans, schema_url)| ResourceSpans {
            resource,
            scope_spans,
            schema_url,
        });
    vec(resource_spans, 0..3)
        .prop_map(|resource_spans| ExportTraceServiceRequest { resource_spans })
}
