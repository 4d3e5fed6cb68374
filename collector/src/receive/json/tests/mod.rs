//! What OTLP/JSON allows, what SDKs really write, and what nobody should.

mod generate;
mod properties;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::Event;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
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
