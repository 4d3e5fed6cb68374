//! Both translations against independent ones: prost for protobuf, `opentelemetry-proto`'s serde
//! types for JSON.

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
use prost::Message;
use serde_json::json;

use super::{JsonError, traces_to_json, traces_to_protobuf};

fn read(json: &serde_json::Value) -> Result<ExportTraceServiceRequest, JsonError> {
    let protobuf = traces_to_protobuf(json.to_string().as_bytes())?;
    Ok(ExportTraceServiceRequest::decode(protobuf).unwrap())
}

/// Reads a request with one span.
fn read_span(span: serde_json::Value) -> Result<Span, JsonError> {
    let mut request = read(&json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}))?;
    Ok(request.resource_spans.remove(0).scope_spans.remove(0).spans.remove(0))
}

/// Reads a request with one span with one attribute of that value.
fn read_value(value: serde_json::Value) -> Result<Option<Value>, JsonError> {
    let mut span = read_span(json!({"attributes": [{"key": "k", "value": value}]}))?;
    Ok(span.attributes.remove(0).value.and_then(|value| value.value))
}

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

fn request() -> impl Strategy<Value = ExportTraceServiceRequest> {
    let resource_spans = (option::of(resource()), vec(scope_spans(), 0..3), any::<String>())
        .prop_map(|(resource, scope_spans, schema_url)| ResourceSpans {
            resource,
            scope_spans,
            schema_url,
        });
    vec(resource_spans, 0..3)
        .prop_map(|resource_spans| ExportTraceServiceRequest { resource_spans })
}

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

#[test]
fn integers_are_read_from_numbers_and_from_strings() {
    for five in [json!(5), json!("5"), json!(5.0), json!("5e0")] {
        assert_eq!(read_value(json!({"intValue": five})), Ok(Some(Value::IntValue(5))));
        let span = read_span(json!({"startTimeUnixNano": five, "flags": five, "kind": five}));
        let span = span.unwrap();
        assert_eq!((span.start_time_unix_nano, span.flags, span.kind), (5, 5, 5));
    }
    let largest = json!({"intValue": u64::MAX.to_string()});
    assert!(read_value(largest).unwrap_err().what.contains("an integer of 64 bits"));
    assert_eq!(
        read_span(json!({"endTimeUnixNano": u64::MAX})).unwrap().end_time_unix_nano,
        u64::MAX
    );
    assert!(read_span(json!({"endTimeUnixNano": -1})).is_err());
    assert!(read_span(json!({"flags": 1_u64 << 32})).is_err());
    assert!(read_value(json!({"intValue": 1.5})).is_err());
    assert!(read_value(json!({"intValue": ""})).is_err());
}

#[test]
fn enumerations_are_read_from_numbers_and_from_names() {
    for server in [json!(2), json!("2"), json!("SPAN_KIND_SERVER"), json!("server")] {
        assert_eq!(read_span(json!({"kind": server})).unwrap().kind, 2);
    }
    for error in [json!(2), json!("STATUS_CODE_ERROR"), json!("Error")] {
        let span = read_span(json!({"status": {"code": error}})).unwrap();
        assert_eq!(span.status.unwrap().code, 2);
    }
    // A kind that a later version of OTLP may define.
    assert_eq!(read_span(json!({"kind": 77})).unwrap().kind, 77);
    let error = read_span(json!({"kind": "SIDECAR"})).unwrap_err();
    assert!(error.what.contains("SPAN_KIND_CONSUMER"), "{error}");
}

#[test]
fn doubles_are_read_from_numbers_and_from_the_names_of_special_values() {
    for (json, double) in [
        (json!(0.1), 0.1),
        (json!(3), 3.0),
        (json!("0.1"), 0.1),
        (json!("Infinity"), f64::INFINITY),
        (json!("-Infinity"), f64::NEG_INFINITY),
    ] {
        assert_eq!(read_value(json!({"doubleValue": json})), Ok(Some(Value::DoubleValue(double))));
    }
    let nan = read_value(json!({"doubleValue": "NaN"})).unwrap();
    assert!(matches!(nan, Some(Value::DoubleValue(x)) if x.is_nan()));
}

#[test]
fn ids_are_read_in_either_case() {
    let span = read_span(json!({
        "traceId": "5B8EFFF798038103d269b633813fc60c", "spanId": "EEE19B7EC3C1B174",
        "parentSpanId": "",
    }))
    .unwrap();
    assert_eq!(span.trace_id[..4], [0x5b, 0x8e, 0xff, 0xf7]);
    assert_eq!(span.span_id[7], 0x74);
    assert_eq!(span.parent_span_id, Vec::<u8>::new());
}

#[test]
fn a_wrong_id_is_refused_with_its_place() {
    for (field, id) in [
        ("traceId", "5b8efff798038103d269b633813fc6"),
        ("traceId", "5b8efff798038103d269b633813fc60x"),
        ("spanId", "5b8efff798038103d269b633813fc60c"),
        ("parentSpanId", "eee19b7ec3c1b17é"),
    ] {
        let text = format!(
            r#"{{"resourceSpans":[{{}},{{"scopeSpans":[{{"spans":[
            {{"name":"x"}},{{"{field}":"{id}"}}]}}]}}]}}"#
        );
        let error = traces_to_protobuf(text.as_bytes()).unwrap_err();
        let path = format!("resourceSpans[1].scopeSpans[0].spans[1].{field}: ");
        assert!(error.what.starts_with(&path), "{error}");
        assert!(error.what.contains("hexadecimal digits"), "{error}");
        let end = text.lines().nth(1).unwrap().find(id).unwrap() + id.len() + 1;
        assert_eq!((error.line, error.column), (2, end));
    }
}

#[test]
fn an_id_in_base64_gets_a_hint() {
    let error = read_span(json!({"traceId": "W47/95gDgQPSabYzgT/GDA=="})).unwrap_err();
    assert!(error.what.contains("base64"), "{error}");
}

#[test]
fn what_is_null_missing_or_unknown_is_absent() {
    let span = read_span(json!({
        "traceId": null, "name": null, "kind": null, "startTimeUnixNano": null,
        "attributes": null, "links": null, "status": null, "deprecatedCode": {"a": [1, {}]},
        "events": [{"attributes": [{"key": "k", "value": null}, {"key": "l", "value": {}}]}],
    }))
    .unwrap();
    let empty = |key: &str, value| KeyValue { key: key.into(), value, ..KeyValue::default() };
    let attributes = vec![empty("k", None), empty("l", Some(AnyValue { value: None }))];
    let event = Event { attributes, ..Event::default() };
    assert_eq!(span, Span { events: vec![event], ..Span::default() });
    for nothing in [json!({}), json!({"resourceSpans": null}), json!({"resourceSpans": []})] {
        assert_eq!(read(&nothing).unwrap(), ExportTraceServiceRequest::default());
    }
}

#[test]
fn names_of_the_protobuf_definition_are_read_too() {
    let request = json!({"resource_spans": [{"scope_spans": [{"schema_url": "u", "spans": [
        {"trace_id": "5b8efff798038103d269b633813fc60c", "start_time_unix_nano": "7"}]}]}]});
    let scope_spans = &read(&request).unwrap().resource_spans[0].scope_spans[0];
    assert_eq!(scope_spans.schema_url, "u");
    assert_eq!(scope_spans.spans[0].start_time_unix_nano, 7);
}

#[test]
fn text_that_javascript_cut_in_half_is_mended() {
    let text = br#"{"resourceSpans":[{"schemaUrl":"a\ud83db"}]}"#;
    let request = ExportTraceServiceRequest::decode(traces_to_protobuf(text).unwrap()).unwrap();
    assert!(request.resource_spans[0].schema_url.starts_with('a'));
    assert!(request.resource_spans[0].schema_url.contains('\u{fffd}'));
}

#[test]
fn bytes_are_read_from_either_base64() {
    for text in ["+/8=", "-_8=", "+/8", "-_8"] {
        let value = read_value(json!({"bytesValue": text}));
        assert_eq!(value, Ok(Some(Value::BytesValue(vec![0xfb, 0xff]))), "{text}");
    }
    assert!(read_value(json!({"bytesValue": "a*b"})).is_err());
}

#[test]
fn wrong_types_are_refused_with_what_was_expected() {
    for (value, expected) in [
        (json!({"resourceSpans": {}}), "an array"),
        (json!([]), "an object"),
        (json!({"resourceSpans": [{"resource": "x"}]}), "an object"),
        (json!({"resourceSpans": [{"schemaUrl": 5}]}), "a string"),
        (json!({"resourceSpans": [7]}), "an object"),
    ] {
        let error = read(&value).unwrap_err();
        assert!(error.what.contains(&format!("expected {expected}")), "{error}");
    }
    assert!(read_value(json!({"boolValue": 1})).is_err());
    assert!(read_value(json!({"stringValue": true})).is_err());
}

#[test]
fn what_is_empty_stays_what_it_is() {
    let empty = [
        Value::StringValue(String::new()),
        Value::BoolValue(false),
        Value::IntValue(0),
        Value::DoubleValue(0.0),
        Value::ArrayValue(ArrayValue::default()),
        Value::KvlistValue(KeyValueList { values: vec![KeyValue::default()] }),
        Value::BytesValue(Vec::new()),
    ];
    let attributes = empty.map(|value| pair("", value)).to_vec();
    let resource = Some(Resource { attributes, ..Resource::default() });
    let resource_spans = vec![ResourceSpans { resource, ..ResourceSpans::default() }];
    let protobuf = ExportTraceServiceRequest { resource_spans }.encode_to_vec();
    assert_eq!(traces_to_protobuf(&traces_to_json(&protobuf).unwrap()).unwrap(), protobuf);
}

#[test]
fn text_after_the_request_is_refused() {
    let error = traces_to_protobuf(b"{}\n {}").unwrap_err();
    assert_eq!((error.line, error.column), (2, 2));
}

#[test]
fn a_message_does_not_repeat_all_of_a_long_value() {
    let error = read_span(json!({"traceId": "z".repeat(100_000)})).unwrap_err();
    assert!(error.what.len() < 400, "{}", error.what.len());
}

#[test]
fn deep_nesting_is_refused_both_ways_without_overflow() {
    let deep = |levels: usize| {
        let (open, close) = (r#"{"arrayValue":{"values":["#, "]}}");
        let value = format!("{}{{}}{}", open.repeat(levels), close.repeat(levels));
        format!(r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"value":{value}}}]}}}}]}}"#)
    };
    assert!(traces_to_protobuf(deep(30).as_bytes()).is_ok());
    let error = traces_to_protobuf(deep(100_000).as_bytes()).unwrap_err();
    assert!(error.what.contains("recursion limit"), "{error}");
    assert!(error.what.len() < 3000);
    assert!(traces_to_protobuf("[".repeat(1_000_000).as_bytes()).is_err());

    let mut value = AnyValue::default().encode_to_vec();
    for _ in 0..5_000 {
        // An array (field 1 of ArrayValue) as a value (field 5 of AnyValue).
        for tag in [1, 5] {
            let mut outer = Vec::new();
            prost::encoding::encode_varint(tag << 3 | 2, &mut outer);
            prost::encoding::encode_varint(value.len() as u64, &mut outer);
            outer.append(&mut value);
            value = outer;
        }
    }
    for tag in [2_u64, 1, 1, 1] {
        let mut outer = vec![(tag << 3 | 2) as u8];
        prost::encoding::encode_varint(value.len() as u64, &mut outer);
        outer.append(&mut value);
        value = outer;
    }
    let error = traces_to_json(&value).unwrap_err();
    assert_eq!(error.what, "values are nested too deeply");
}

#[test]
fn messages_in_pieces_and_out_of_order_are_put_together() {
    let span = |name: &str| Span { name: name.into(), ..Span::default() };
    let scope = |name: &str| ScopeSpans { spans: vec![span(name)], ..ScopeSpans::default() };
    let resource = |count| Resource { dropped_attributes_count: count, ..Resource::default() };
    let attribute = KeyValue { key: "k".into(), ..KeyValue::default() };
    let part = |resource: Option<Resource>, name: &str| ResourceSpans {
        resource,
        scope_spans: vec![scope(name)],
        ..ResourceSpans::default()
    };
    let first = Resource { attributes: vec![attribute.clone()], ..resource(1) };
    // Joined, these are a ResourceSpans with two resources and lists in pieces.
    let mut inner = part(Some(first), "a").encode_to_vec();
    inner.extend(part(Some(resource(2)), "b").encode_to_vec());
    let mut request = vec![0x0a, u8::try_from(inner.len()).unwrap()];
    request.extend(&inner);
    let expected = ExportTraceServiceRequest::decode(&request[..]).unwrap();
    assert_eq!(expected.resource_spans[0].scope_spans.len(), 2);
    let json = traces_to_json(&request).unwrap();
    assert_eq!(traces_to_protobuf(&json).unwrap(), expected.encode_to_vec());
}

#[test]
fn the_json_is_what_the_specification_shows() {
    let span = Span {
        trace_id: (0..16).collect(),
        span_id: vec![0xAB; 8],
        name: "say \"hi\"\n".into(),
        kind: 3,
        start_time_unix_nano: 1_544_712_660_000_000_000,
        attributes: vec![
            pair("s", Value::StringValue("x".into())),
            pair("i", Value::IntValue(-5)),
            pair("d", Value::DoubleValue(2.0)),
            pair("b", Value::BytesValue(vec![1, 2, 3])),
        ],
        status: Some(Status { code: 2, ..Status::default() }),
        ..Span::default()
    };
    let scope_spans = vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
    let request = ExportTraceServiceRequest { resource_spans };
    let json = String::from_utf8(traces_to_json(&request.encode_to_vec()).unwrap()).unwrap();
    assert_eq!(
        json,
        concat!(
            r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"#,
            r#""traceId":"000102030405060708090a0b0c0d0e0f","spanId":"abababababababab","#,
            r#""name":"say \"hi\"\n","kind":3,"startTimeUnixNano":"1544712660000000000","#,
            r#""attributes":[{"key":"s","value":{"stringValue":"x"}},"#,
            r#"{"key":"i","value":{"intValue":"-5"}},{"key":"d","value":{"doubleValue":2.0}},"#,
            r#"{"key":"b","value":{"bytesValue":"AQID"}}],"status":{"code":2}}]}]}]}"#,
        )
    );
}

fn pair(key: &str, value: Value) -> KeyValue {
    let value = Some(AnyValue { value: Some(value) });
    KeyValue { key: key.into(), value, ..KeyValue::default() }
}

#[test]
fn wrong_ids_become_invalid_ids_that_can_be_read_again() {
    let span = Span { trace_id: vec![1, 2, 3], span_id: vec![7; 8], ..Span::default() };
    let scope_spans = vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
    let request = ExportTraceServiceRequest { resource_spans };
    let json = traces_to_json(&request.encode_to_vec()).unwrap();
    let back = ExportTraceServiceRequest::decode(traces_to_protobuf(&json).unwrap()).unwrap();
    let span = &back.resource_spans[0].scope_spans[0].spans[0];
    assert_eq!((span.trace_id.len(), span.span_id.len()), (0, 8));
}

#[test]
fn a_large_request_of_empty_things_stays_small() {
    // Read into prost's types, these 3 MB would take more than 200 MB.
    let spans = vec!["{}"; 1_000_000].join(",");
    let text = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#);
    let protobuf = traces_to_protobuf(text.as_bytes()).unwrap();
    assert!(protobuf.len() < text.len());
}
