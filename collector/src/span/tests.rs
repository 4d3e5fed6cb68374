mod reference;
mod said;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as ProtoValue;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource as ProtoResource;
use opentelemetry_proto::tonic::trace::v1::{
    ResourceSpans as ProtoResourceSpans, ScopeSpans, Span as ProtoSpan, Status, span,
};
use proptest::prelude::*;
use prost::Message;

use super::*;

fn any_value() -> impl Strategy<Value = ProtoValue> {
    prop_oneof![
        ".*".prop_map(ProtoValue::StringValue),
        any::<bool>().prop_map(ProtoValue::BoolValue),
        any::<i64>().prop_map(ProtoValue::IntValue),
        any::<f64>().prop_map(ProtoValue::DoubleValue),
        proptest::collection::vec(".*", 0..3).prop_map(|texts| {
            let values = texts
                .into_iter()
                .map(|text| AnyValue { value: Some(ProtoValue::StringValue(text)) })
                .collect();
            ProtoValue::ArrayValue(ArrayValue { values })
        }),
    ]
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    proptest::collection::vec(
        ("[a-z.]{1,20}", any_value()).prop_map(|(key, value)| KeyValue {
            key,
            value: Some(AnyValue { value: Some(value) }),
            ..KeyValue::default()
        }),
        0..6,
    )
}

prop_compose! {
    fn proto_span()(
        ids in any::<([u8; 16], [u8; 8], [u8; 8])>(), kind in 0..6_i32, flags: u32,
        name in ".*", times in any::<(u64, u64)>(), code in 0..3_i32, message in ".*",
        trace_state in "[a-z=:]{0,12}", attributes in attributes(),
        links in proptest::collection::vec(any::<[u8; 8]>(), 0..3),
    ) -> ProtoSpan {
        ProtoSpan {
            trace_id: ids.0.to_vec(),
            span_id: ids.1.to_vec(),
            parent_span_id: ids.2.to_vec(),
            trace_state, name, kind, flags, attributes,
            start_time_unix_nano: times.0,
            end_time_unix_nano: times.1,
            status: Some(Status { message, code }),
            links: links.into_iter().map(|id| span::Link {
                trace_id: vec![7; 16], span_id: id.to_vec(), ..span::Link::default()
            }).collect(),
            ..ProtoSpan::default()
        }
    }
}

fn request(spans: Vec<ProtoSpan>, resource: Vec<KeyValue>) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest {
        resource_spans: vec![ProtoResourceSpans {
            resource: Some(ProtoResource { attributes: resource, ..ProtoResource::default() }),
            scope_spans: vec![ScopeSpans { spans, ..ScopeSpans::default() }],
            ..ProtoResourceSpans::default()
        }],
    }
}

/// What the view says of an attribute, in the terms of the decoder that it is compared with.
fn expected(attribute: &KeyValue) -> Scalar<'_> {
    match attribute.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(ProtoValue::StringValue(text)) => Scalar::Text(text),
        Some(ProtoValue::BoolValue(value)) => Scalar::Bool(*value),
        Some(ProtoValue::IntValue(value)) => Scalar::Int(*value),
        Some(ProtoValue::DoubleValue(value)) => Scalar::Double(*value),
        Some(ProtoValue::ArrayValue(array)) => {
            match array.values.first().and_then(|value| value.value.as_ref()) {
                Some(ProtoValue::StringValue(text)) => Scalar::Text(text),
                _ => Scalar::None,
            }
        }
        _ => Scalar::None,
    }
}

fn read_all(bytes: &[u8]) -> Result<usize, Malformed> {
    let mut count = 0;
    for_each_resource(bytes, |spans| {
        spans.resource()?.attributes().for_each(|attribute| attribute.value().map(drop))?;
        spans.for_each_span(|span| {
            count += 1;
            span.attributes().for_each(|attribute| attribute.value().map(drop))?;
            span.for_each_event(|event| {
                event.attributes().for_each(|attribute| attribute.value().map(drop))
            })?;
            span.for_each_link(|link| {
                link.attributes().for_each(|attribute| attribute.value().map(drop))
            })
        })
    })?;
    Ok(count)
}

fn assert_same(view: &Span<'_>, proto: &ProtoSpan) {
    assert_eq!(&view.trace_id[..], &proto.trace_id[..]);
    assert_eq!(&view.span_id.to_be_bytes()[..], &proto.span_id[..]);
    assert_eq!(&view.parent_id.to_be_bytes()[..], &proto.parent_span_id[..]);
    assert_eq!(view.name, proto.name.as_bytes());
    assert_eq!(view.trace_state, proto.trace_state.as_bytes());
    assert_eq!(view.kind as i32, proto.kind);
    assert_eq!(view.flags, proto.flags);
    assert_eq!(view.start_ns, proto.start_time_unix_nano);
    assert_eq!(view.end_ns, proto.end_time_unix_nano);
    let status = proto.status.as_ref().unwrap();
    assert_eq!(view.status as i32, status.code);
    assert_eq!(view.status_message, status.message.as_bytes());
    let mut attributes = proto.attributes.iter();
    view.attributes()
        .for_each(|attribute| {
            let proto = attributes.next().unwrap();
            assert_eq!(attribute.key, proto.key.as_bytes());
            let expected = expected(proto);
            // NaN is not equal to itself; its bits came through the same way.
            if !matches!(expected, Scalar::Double(value) if value.is_nan()) {
                assert_eq!(attribute.value()?, expected);
            }
            Ok(())
        })
        .unwrap();
    assert!(attributes.next().is_none());
    let mut links = proto.links.iter();
    view.for_each_link(|link| {
        assert_eq!(&link.span_id.to_be_bytes()[..], &links.next().unwrap().span_id[..]);
        Ok(())
    })
    .unwrap();
    assert!(links.next().is_none());
}

proptest! {
    #[test]
    fn the_views_say_what_the_reference_decoder_says(
        spans in proptest::collection::vec(proto_span(), 0..4), resource in attributes()
    ) {
        let bytes = request(spans.clone(), resource.clone()).encode_to_vec();
        let mut seen = Vec::new();
        for_each_resource(&bytes, |resource_spans| {
            let mut index = 0;
            resource_spans.resource()?.attributes().for_each(|attribute| {
                assert_eq!(attribute.key, resource[index].key.as_bytes());
                index += 1;
                Ok(())
            })?;
            assert_eq!(index, resource.len());
            resource_spans.for_each_span(|span| { seen.push(span); Ok(()) })
        }).unwrap();
        prop_assert_eq!(seen.len(), spans.len());
        for (view, proto) in seen.iter().zip(&spans) {
            assert_same(view, proto);
        }
    }

    #[test]
    fn a_request_cut_short_or_bent_is_read_or_refused_without_a_panic(
        spans in proptest::collection::vec(proto_span(), 1..4),
        cut: prop::sample::Index, at: prop::sample::Index, bend: u8,
    ) {
        let mut bytes = request(spans, Vec::new()).encode_to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= bend;
        let _ = read_all(&bytes);
        let _ = read_all(&bytes[..cut.index(bytes.len())]);
    }
}

#[test]
fn an_id_of_the_wrong_length_is_as_good_as_none() {
    let span = ProtoSpan { trace_id: vec![1; 5], span_id: vec![2; 9], ..ProtoSpan::default() };
    let bytes = request(vec![span], Vec::new()).encode_to_vec();
    for_each_resource(&bytes, |spans| {
        spans.for_each_span(|span| {
            assert_eq!((span.trace_id, span.span_id), ([0; 16], 0));
            Ok(())
        })
    })
    .unwrap();
}
