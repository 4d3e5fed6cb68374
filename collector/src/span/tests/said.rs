//! What a request says, as the reader has it and as prost has it. In: bytes. Out: all fields that the
//! reader knows, or that one of the two refuses the bytes.
//!
//! prost decodes messages that have the fields that the reader knows, and no others: what is in a field
//! that means nothing here is not looked into. For the same reason texts are bytes but for those of
//! attributes (a span's name that is no UTF-8 is no reason to lose the request), and so are lists'
//! elements, of which the first is decoded by itself. All that is only looked into when it is asked
//! for is asked for here. One difference is left: prost passes over groups in unknown fields, and the
//! reader refuses them wherever they are.

use prost::{DecodeError, Message as _};

use crate::span::{Attributes, Malformed, Scalar, for_each_resource};

/// `trace.proto` and `common.proto`, as far as the reader knows them.
mod known {
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Request {
        #[prost(message, repeated, tag = "1")]
        pub(super) resource_spans: Vec<ResourceSpans>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct ResourceSpans {
        #[prost(message, optional, tag = "1")]
        pub(super) resource: Option<Resource>,
        #[prost(message, repeated, tag = "2")]
        pub(super) scope_spans: Vec<ScopeSpans>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Resource {
        #[prost(message, repeated, tag = "1")]
        pub(super) attributes: Vec<KeyValue>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct ScopeSpans {
        #[prost(message, repeated, tag = "2")]
        pub(super) spans: Vec<Span>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Span {
        #[prost(bytes, tag = "1")]
        pub(super) trace_id: Vec<u8>,
        #[prost(bytes, tag = "2")]
        pub(super) span_id: Vec<u8>,
        #[prost(bytes, tag = "3")]
        pub(super) trace_state: Vec<u8>,
        #[prost(bytes, tag = "4")]
        pub(super) parent_span_id: Vec<u8>,
        #[prost(bytes, tag = "5")]
        pub(super) name: Vec<u8>,
        #[prost(int32, tag = "6")]
        pub(super) kind: i32,
        #[prost(fixed64, tag = "7")]
        pub(super) start: u64,
        #[prost(fixed64, tag = "8")]
        pub(super) end: u64,
        #[prost(message, repeated, tag = "9")]
        pub(super) attributes: Vec<KeyValue>,
        #[prost(message, repeated, tag = "11")]
        pub(super) events: Vec<Event>,
        #[prost(message, repeated, tag = "13")]
        pub(super) links: Vec<Link>,
        #[prost(message, optional, tag = "15")]
        pub(super) status: Option<Status>,
        #[prost(fixed32, tag = "16")]
        pub(super) flags: u32,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Status {
        #[prost(bytes, tag = "2")]
        pub(super) message: Vec<u8>,
        #[prost(int32, tag = "3")]
        pub(super) code: i32,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Event {
        #[prost(bytes, tag = "2")]
        pub(super) name: Vec<u8>,
        #[prost(message, repeated, tag = "3")]
        pub(super) attributes: Vec<KeyValue>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Link {
        #[prost(bytes, tag = "1")]
        pub(super) trace_id: Vec<u8>,
        #[prost(bytes, tag = "2")]
        pub(super) span_id: Vec<u8>,
        #[prost(message, repeated, tag = "4")]
        pub(super) attributes: Vec<KeyValue>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct KeyValue {
        #[prost(bytes, tag = "1")]
        pub(super) key: Vec<u8>,
        #[prost(message, optional, tag = "2")]
        pub(super) value: Option<AnyValue>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct AnyValue {
        #[prost(oneof = "Value", tags = "1, 2, 3, 4, 5, 6, 7")]
        pub(super) value: Option<Value>,
    }

    #[derive(Clone, PartialEq, prost::Oneof)]
    pub(super) enum Value {
        #[prost(string, tag = "1")]
        Text(String),
        #[prost(bool, tag = "2")]
        Bool(bool),
        #[prost(int64, tag = "3")]
        Int(i64),
        #[prost(double, tag = "4")]
        Double(f64),
        #[prost(message, tag = "5")]
        Array(ArrayValue),
        #[prost(bytes, tag = "6")]
        KeyValues(Vec<u8>),
        #[prost(bytes, tag = "7")]
        Bytes(Vec<u8>),
    }

    /// An `AnyValue` in a list, of which no list is followed.
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Element {
        #[prost(oneof = "Inner", tags = "1, 2, 3, 4, 5, 6, 7")]
        pub(super) value: Option<Inner>,
    }

    #[derive(Clone, PartialEq, prost::Oneof)]
    pub(super) enum Inner {
        #[prost(string, tag = "1")]
        Text(String),
        #[prost(bool, tag = "2")]
        Bool(bool),
        #[prost(int64, tag = "3")]
        Int(i64),
        #[prost(double, tag = "4")]
        Double(f64),
        #[prost(bytes, tag = "5")]
        Array(Vec<u8>),
        #[prost(bytes, tag = "6")]
        KeyValues(Vec<u8>),
        #[prost(bytes, tag = "7")]
        Bytes(Vec<u8>),
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct ArrayValue {
        #[prost(bytes, repeated, tag = "1")]
        pub(super) values: Vec<Vec<u8>>,
    }
}

/// An attribute, its value by its bits where that is a number.
type Read = (Vec<u8>, String);

/// A request, in the terms of both.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Said {
    pub(crate) resources: Vec<(Vec<Read>, Vec<SpanSaid>)>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct SpanSaid {
    ids: ([u8; 16], u64, u64),
    texts: [Vec<u8>; 3],
    numbers: (i32, i32, u64, u64, u32),
    pub(crate) attributes: Vec<Read>,
    events: Vec<(Vec<u8>, Vec<Read>)>,
    links: Vec<([u8; 16], u64, Vec<Read>)>,
}

fn shown(value: Scalar<'_>) -> String {
    match value {
        // NaN is no equal of itself.
        Scalar::Double(value) => format!("Double({:x})", value.to_bits()),
        value => format!("{value:?}"),
    }
}

fn read(attributes: Attributes<'_>) -> Result<Vec<Read>, Malformed> {
    let mut all = Vec::new();
    attributes.for_each(|attribute| {
        all.push((attribute.key.to_vec(), shown(attribute.value()?)));
        Ok(())
    })?;
    Ok(all)
}

/// What the reader says of a request, all of it.
pub(crate) fn by_reader(bytes: &[u8]) -> Result<Said, Malformed> {
    let mut said = Said::default();
    for_each_resource(bytes, |resource| {
        let mut spans = Vec::new();
        resource.for_each_span(|span| {
            let mut links = Vec::new();
            span.for_each_link(|link| {
                links.push((link.trace_id, link.span_id, read(link.attributes())?));
                Ok(())
            })?;
            let mut events = Vec::new();
            span.for_each_event(|event| {
                events.push((event.name.to_vec(), read(event.attributes())?));
                Ok(())
            })?;
            spans.push(SpanSaid {
                ids: (span.trace_id, span.span_id, span.parent_id),
                texts: [span.trace_state, span.name, span.status_message].map(<[u8]>::to_vec),
                numbers: (
                    span.kind as i32,
                    span.status as i32,
                    span.start_ns,
                    span.end_ns,
                    span.flags,
                ),
                attributes: read(span.attributes())?,
                events,
                links,
            });
            Ok(())
        })?;
        said.resources.push((read(resource.resource()?.attributes())?, spans));
        Ok(())
    })?;
    Ok(said)
}

fn scalar(value: Option<known::AnyValue>) -> Result<String, DecodeError> {
    Ok(match value.and_then(|value| value.value) {
        Some(known::Value::Text(text)) => shown(Scalar::Text(&text)),
        Some(known::Value::Bool(value)) => shown(Scalar::Bool(value)),
        Some(known::Value::Int(value)) => shown(Scalar::Int(value)),
        Some(known::Value::Double(value)) => shown(Scalar::Double(value)),
        Some(known::Value::Array(list)) => {
            // Without an element, this is of an empty message.
            let first = list.values.into_iter().next().unwrap_or_default();
            match known::Element::decode(&first[..])?.value {
                Some(known::Inner::Text(text)) => shown(Scalar::Text(&text)),
                Some(known::Inner::Int(value)) => shown(Scalar::Int(value)),
                _ => shown(Scalar::None),
            }
        }
        _ => shown(Scalar::None),
    })
}

fn decoded(attributes: Vec<known::KeyValue>) -> Result<Vec<Read>, DecodeError> {
    attributes.into_iter().map(|it| Ok((it.key, scalar(it.value)?))).collect()
}

/// What prost says of it.
fn by_prost(bytes: &[u8]) -> Result<Said, DecodeError> {
    let trace = |id: Vec<u8>| <[u8; 16]>::try_from(id).unwrap_or_default();
    let id = |id: Vec<u8>| <[u8; 8]>::try_from(id).map_or(0, u64::from_be_bytes);
    let within = |number: i32, most: i32| if (0..=most).contains(&number) { number } else { 0 };
    let span = |span: known::Span| {
        let status = span.status.unwrap_or_default();
        let event =
            |it: known::Event| -> Result<_, DecodeError> { Ok((it.name, decoded(it.attributes)?)) };
        let link = |it: known::Link| -> Result<_, DecodeError> {
            Ok((trace(it.trace_id), id(it.span_id), decoded(it.attributes)?))
        };
        Ok(SpanSaid {
            ids: (trace(span.trace_id), id(span.span_id), id(span.parent_span_id)),
            texts: [span.trace_state, span.name, status.message],
            numbers: (
                within(span.kind, 5),
                within(status.code, 2),
                span.start,
                span.end,
                span.flags,
            ),
            attributes: decoded(span.attributes)?,
            events: span.events.into_iter().map(event).collect::<Result<_, _>>()?,
            links: span.links.into_iter().map(link).collect::<Result<_, _>>()?,
        })
    };
    let resource = |it: known::ResourceSpans| {
        let spans = it.scope_spans.into_iter().flat_map(|it| it.spans).map(span);
        let spans = spans.collect::<Result<_, DecodeError>>()?;
        Ok((decoded(it.resource.unwrap_or_default().attributes)?, spans))
    };
    let request = known::Request::decode(bytes)?;
    let resources = request.resource_spans.into_iter().map(resource);
    Ok(Said { resources: resources.collect::<Result<_, DecodeError>>()? })
}

/// The same verdict, and the same fields; a group is the one thing that only the reader refuses.
#[track_caller]
pub(crate) fn assert_same(bytes: &[u8]) {
    match (by_reader(bytes), by_prost(bytes)) {
        (Ok(ours), Ok(theirs)) => assert_eq!(ours, theirs, "{bytes:02x?}"),
        (Err(_), Err(_)) => {}
        (Err(ours), Ok(_)) => assert_eq!(ours.what, "groups are not allowed", "{bytes:02x?}"),
        (Ok(_), Err(theirs)) => panic!("only prost refuses {bytes:02x?}: {theirs}"),
    }
}
