//! Both translations against independent ones: prost for protobuf, `opentelemetry-proto`'s serde
//! types for JSON.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;

use super::generate::request;
use crate::receive::{traces_to_json, traces_to_protobuf};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn json_and_back_gives_the_same_bytes(request in request()) {
        let protobuf = request.encode_to_vec();
        let json = traces_to_json(&protobuf).unwrap();
        prop_assert!(!json.contains(&b'\n'));
        prop_assert_eq!(traces_to_protobuf(&json).unwrap(), protobuf);
    }

    #[test]
    fn json_of_another_writer_gives_the_same_request(request in request()) {
        let json = serde_json::to_vec(&request).unwrap();
        let back = ExportTraceServiceRequest::decode(traces_to_protobuf(&json).unwrap()).unwrap();
        prop_assert_eq!(without_infinities(back), without_infinities(request));
    }

    #[test]
    fn another_reader_understands_our_json(request in request()) {
        let request = without_infinities(request);
        let json = traces_to_json(&request.encode_to_vec()).unwrap();
        let back: ExportTraceServiceRequest = serde_json::from_slice(&json).unwrap();
        prop_assert_eq!(back, request);
    }

    #[test]
    fn damaged_json_is_read_or_refused_without_a_panic(
        request in request(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut json = traces_to_json(&request.encode_to_vec()).unwrap();
        for (at, byte) in damage {
            let at = at.index(json.len());
            json[at] = byte;
        }
        for text in [&json[..], &json[..cut.index(json.len())]] {
            match traces_to_protobuf(text) {
                Ok(protobuf) => prop_assert!(ExportTraceServiceRequest::decode(protobuf).is_ok()),
                Err(error) => prop_assert!(error.line >= 1 && error.column >= 1),
            }
        }
    }

    #[test]
    fn damaged_protobuf_is_written_or_refused_without_a_panic(
        request in request(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut protobuf = request.encode_to_vec();
        prop_assume!(!protobuf.is_empty());
        for (at, byte) in damage {
            let at = at.index(protobuf.len());
            protobuf[at] = byte;
        }
        match traces_to_json(&protobuf) {
            Ok(json) => prop_assert!(traces_to_protobuf(&json).is_ok()),
            Err(malformed) => prop_assert!(malformed.at <= protobuf.len()),
        }
    }

    #[test]
    fn any_bytes_are_refused_or_read_without_a_panic(bytes in vec(any::<u8>(), 0..200)) {
        let _ = traces_to_protobuf(&bytes);
        if let Ok(json) = traces_to_json(&bytes) {
            prop_assert!(traces_to_protobuf(&json).is_ok());
        }
    }
}

/// The serde types of `opentelemetry-proto` write infinities within values as `null`.
fn without_infinities(mut request: ExportTraceServiceRequest) -> ExportTraceServiceRequest {
    fn finite(value: &mut AnyValue) {
        match &mut value.value {
            Some(Value::DoubleValue(x)) if !x.is_finite() => value.value = None,
            Some(Value::ArrayValue(array)) => array.values.iter_mut().for_each(finite),
            Some(Value::KvlistValue(list)) => all_finite(&mut list.values),
            _ => {}
        }
    }
    fn all_finite(attributes: &mut [KeyValue]) {
        attributes.iter_mut().filter_map(|pair| pair.value.as_mut()).for_each(finite);
    }
    for resource_spans in &mut request.resource_spans {
        if let Some(resource) = &mut resource_spans.resource {
            all_finite(&mut resource.attributes);
        }
        for scope_spans in &mut resource_spans.scope_spans {
            if let Some(scope) = &mut scope_spans.scope {
                all_finite(&mut scope.attributes);
            }
            for span in &mut scope_spans.spans {
                all_finite(&mut span.attributes);
                span.events.iter_mut().for_each(|event| all_finite(&mut event.attributes));
                span.links.iter_mut().for_each(|link| all_finite(&mut link.attributes));
            }
        }
    }
    request
}
