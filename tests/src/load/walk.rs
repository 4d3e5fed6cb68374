//! The least that any reader of OTLP has to do: one step for every field of every message, attributes
//! and their values included, without asking what any of them means. In: a request in protobuf. Out:
//! how many fields it has. What reads and also understands is measured against this.

/// Messages by number; 0 is none. Which field of which message is a message, after `trace.proto`,
/// `common.proto` and `resource.proto`.
const NESTED: [[u8; 17]; 13] = {
    let mut nested = [[0; 17]; 13];
    nested[REQUEST as usize][1] = RESOURCE_SPANS;
    nested[RESOURCE_SPANS as usize][1] = RESOURCE;
    nested[RESOURCE_SPANS as usize][2] = SCOPE_SPANS;
    nested[RESOURCE as usize][1] = KEY_VALUE;
    nested[SCOPE_SPANS as usize][1] = SCOPE;
    nested[SCOPE_SPANS as usize][2] = SPAN;
    nested[SCOPE as usize][3] = KEY_VALUE;
    nested[SPAN as usize][9] = KEY_VALUE;
    nested[SPAN as usize][11] = EVENT;
    nested[SPAN as usize][13] = LINK;
    nested[SPAN as usize][15] = STATUS;
    nested[EVENT as usize][3] = KEY_VALUE;
    nested[LINK as usize][4] = KEY_VALUE;
    nested[KEY_VALUE as usize][2] = ANY_VALUE;
    nested[ANY_VALUE as usize][5] = LIST;
    nested[ANY_VALUE as usize][6] = KEY_VALUES;
    nested[LIST as usize][1] = ANY_VALUE;
    nested[KEY_VALUES as usize][1] = KEY_VALUE;
    nested
};

const REQUEST: u8 = 0;
const RESOURCE_SPANS: u8 = 1;
const RESOURCE: u8 = 2;
const SCOPE_SPANS: u8 = 3;
const SCOPE: u8 = 4;
const SPAN: u8 = 5;
const EVENT: u8 = 6;
const LINK: u8 = 7;
const STATUS: u8 = 8;
const KEY_VALUE: u8 = 9;
const ANY_VALUE: u8 = 10;
const LIST: u8 = 11;
const KEY_VALUES: u8 = 12;

/// How many fields a request has; `None` if it is none. Only for requests that one made oneself:
/// values may nest as deeply as the stack allows.
pub fn fields(request: &[u8]) -> Option<u64> {
    message(request, REQUEST)
}

fn message(mut rest: &[u8], kind: u8) -> Option<u64> {
    let mut count = 0;
    while !rest.is_empty() {
        let tag = varint(&mut rest)?;
        count += 1;
        match tag & 7 {
            0 => {
                varint(&mut rest)?;
            }
            1 => rest = rest.get(8..)?,
            2 => {
                let length = usize::try_from(varint(&mut rest)?).ok()?;
                let (body, after) = rest.split_at_checked(length)?;
                let number = usize::try_from(tag >> 3).ok()?;
                let inner = NESTED.get(usize::from(kind))?.get(number).copied().unwrap_or(0);
                if inner != 0 {
                    count += message(body, inner)?;
                }
                rest = after;
            }
            5 => rest = rest.get(4..)?,
            _ => return None,
        }
    }
    Some(count)
}

#[inline]
fn varint(rest: &mut &[u8]) -> Option<u64> {
    let (&first, after) = rest.split_first()?;
    *rest = after;
    if first < 0x80 {
        return Some(u64::from(first));
    }
    let mut value = u64::from(first & 0x7f);
    for shift in (7..64).step_by(7) {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::resource::v1::Resource;
    use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
    use prost::Message as _;

    use super::*;
    use crate::world::attributes::Attributes;

    #[test]
    fn every_field_of_every_message_is_counted() {
        let attributes = Attributes::of(&[("key", "value")]).0; // itself, key, value, text: 4
        let span = Span {
            name: "name".to_owned(),
            kind: 3,
            attributes: attributes.clone(),
            ..Span::default()
        };
        let scope = ScopeSpans { spans: vec![span.clone(), span], ..ScopeSpans::default() };
        let resource = Some(Resource { attributes, ..Resource::default() });
        let spans = ResourceSpans { resource, scope_spans: vec![scope], ..Default::default() };
        let request = ExportTraceServiceRequest { resource_spans: vec![spans] }.encode_to_vec();
        let (span, resource) = (1 + 1 + 1 + 4, 1 + 4);
        assert_eq!(fields(&request), Some(1 + resource + 1 + 2 * span));
        assert_eq!(fields(&request[..request.len() - 1]), None);
    }
}
