//! The messages of OTLP traces as a table: which JSON name is which protobuf field. Both ways of
//! translation follow it. Fields stand in the order of their tags, which is the order in which
//! protobuf is customarily written.

/// A protobuf message.
#[derive(Debug)]
pub(super) struct Message {
    /// Whether at most one of its fields is set: of several, the last one counts.
    pub(super) one_of: bool,
    /// Its fields, by tag.
    pub(super) fields: &'static [Field],
}

/// A field of a message.
#[derive(Debug)]
pub(super) struct Field {
    /// Its number in protobuf.
    pub(super) tag: u32,
    /// Its name in JSON.
    pub(super) name: &'static str,
    /// What it holds.
    pub(super) kind: Kind,
    /// Whether it is a list.
    pub(super) repeated: bool,
}

/// What a field holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Text,
    /// An id of so many bytes; hexadecimal in JSON.
    Id(usize),
    /// Any bytes; base64 in JSON.
    Bytes,
    Bool,
    /// Signed; a string in JSON.
    Int64,
    Uint32,
    Fixed32,
    /// Unsigned; a string in JSON.
    Fixed64,
    Double,
    /// A number in JSON. The names, by number, are read as well.
    Enum(&'static [&'static str]),
    Message(&'static Message),
}

/// A message has no more fields than this, so that a bit or a small array can stand for them.
pub(super) const MAX_FIELDS: usize = 16;

impl Message {
    /// The field with that name in JSON. The names of the protobuf definition (`trace_id`) are
    /// taken too, as protobuf's own JSON parsers do.
    pub(super) fn field_named(&self, name: &str) -> Option<&'static Field> {
        self.fields
            .iter()
            .find(|field| field.name == name)
            .or_else(|| self.fields.iter().find(|field| is_snake_case_of(name, field.name)))
    }

    /// The place in the table of the field with that tag.
    pub(super) fn index_of(&self, tag: u32) -> Option<usize> {
        self.fields.iter().position(|field| field.tag == tag)
    }
}

impl Kind {
    /// The number of an enumeration's value by its name, with or without the enumeration's own
    /// name in front: `SPAN_KIND_SERVER`, `SERVER`.
    pub(super) fn number_of(self, name: &str) -> Option<i128> {
        let Self::Enum(names) = self else { return None };
        let name = name.to_ascii_uppercase();
        let is = |full: &&str| {
            full.strip_suffix(&name).is_some_and(|rest| rest.is_empty() || rest.ends_with('_'))
        };
        names.iter().position(is).and_then(|number| i128::try_from(number).ok())
    }
}

/// Whether `snake` is `camel` written with underscores.
fn is_snake_case_of(snake: &str, camel: &str) -> bool {
    let mut rest = snake.bytes();
    let same = camel.bytes().all(|wanted| match rest.next() {
        Some(b'_') => {
            wanted.is_ascii_uppercase() && rest.next() == Some(wanted.to_ascii_lowercase())
        }
        given => given == Some(wanted) && !wanted.is_ascii_uppercase(),
    });
    same && rest.next().is_none()
}

const fn one(tag: u32, name: &'static str, kind: Kind) -> Field {
    Field { tag, name, kind, repeated: false }
}

const fn many(tag: u32, name: &'static str, kind: Kind) -> Field {
    Field { tag, name, kind, repeated: true }
}

const fn message(fields: &'static [Field]) -> Message {
    Message { one_of: false, fields }
}

/// `ExportTraceServiceRequest`, and `TracesData`, which is the same.
pub(super) static REQUEST: Message =
    message(&[many(1, "resourceSpans", Kind::Message(&RESOURCE_SPANS))]);

static RESOURCE_SPANS: Message = message(&[
    one(1, "resource", Kind::Message(&RESOURCE)),
    many(2, "scopeSpans", Kind::Message(&SCOPE_SPANS)),
    one(3, "schemaUrl", Kind::Text),
]);

static RESOURCE: Message = message(&[
    many(1, "attributes", Kind::Message(&KEY_VALUE)),
    one(2, "droppedAttributesCount", Kind::Uint32),
    many(3, "entityRefs", Kind::Message(&ENTITY_REF)),
]);

static ENTITY_REF: Message = message(&[
    one(1, "schemaUrl", Kind::Text),
    one(2, "type", Kind::Text),
    many(3, "idKeys", Kind::Text),
    many(4, "descriptionKeys", Kind::Text),
]);

static SCOPE_SPANS: Message = message(&[
    one(1, "scope", Kind::Message(&SCOPE)),
    many(2, "spans", Kind::Message(&SPAN)),
    one(3, "schemaUrl", Kind::Text),
]);

static SCOPE: Message = message(&[
    one(1, "name", Kind::Text),
    one(2, "version", Kind::Text),
    many(3, "attributes", Kind::Message(&KEY_VALUE)),
    one(4, "droppedAttributesCount", Kind::Uint32),
]);

static SPAN: Message = message(&[
    one(1, "traceId", Kind::Id(16)),
    one(2, "spanId", Kind::Id(8)),
    one(3, "traceState", Kind::Text),
    one(4, "parentSpanId", Kind::Id(8)),
    one(5, "name", Kind::Text),
    one(6, "kind", Kind::Enum(SPAN_KINDS)),
    one(7, "startTimeUnixNano", Kind::Fixed64),
    one(8, "endTimeUnixNano", Kind::Fixed64),
    many(9, "attributes", Kind::Message(&KEY_VALUE)),
    one(10, "droppedAttributesCount", Kind::Uint32),
    many(11, "events", Kind::Message(&EVENT)),
    one(12, "droppedEventsCount", Kind::Uint32),
    many(13, "links", Kind::Message(&LINK)),
    one(14, "droppedLinksCount", Kind::Uint32),
    one(15, "status", Kind::Message(&STATUS)),
    one(16, "flags", Kind::Fixed32),
]);

const SPAN_KINDS: &[&str] = &[
    "SPAN_KIND_UNSPECIFIED",
    "SPAN_KIND_INTERNAL",
    "SPAN_KIND_SERVER",
    "SPAN_KIND_CLIENT",
    "SPAN_KIND_PRODUCER",
    "SPAN_KIND_CONSUMER",
];

static EVENT: Message = message(&[
    one(1, "timeUnixNano", Kind::Fixed64),
    one(2, "name", Kind::Text),
    many(3, "attributes", Kind::Message(&KEY_VALUE)),
    one(4, "droppedAttributesCount", Kind::Uint32),
]);

static LINK: Message = message(&[
    one(1, "traceId", Kind::Id(16)),
    one(2, "spanId", Kind::Id(8)),
    one(3, "traceState", Kind::Text),
    many(4, "attributes", Kind::Message(&KEY_VALUE)),
    one(5, "droppedAttributesCount", Kind::Uint32),
    one(6, "flags", Kind::Fixed32),
]);

static STATUS: Message =
    message(&[one(2, "message", Kind::Text), one(3, "code", Kind::Enum(STATUS_CODES))]);

const STATUS_CODES: &[&str] = &["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"];

// The fields for indexes into a string table belong to profiles alone; in traces they say nothing.
static KEY_VALUE: Message =
    message(&[one(1, "key", Kind::Text), one(2, "value", Kind::Message(&ANY_VALUE))]);

static ANY_VALUE: Message = Message {
    one_of: true,
    fields: &[
        one(1, "stringValue", Kind::Text),
        one(2, "boolValue", Kind::Bool),
        one(3, "intValue", Kind::Int64),
        one(4, "doubleValue", Kind::Double),
        one(5, "arrayValue", Kind::Message(&ARRAY_VALUE)),
        one(6, "kvlistValue", Kind::Message(&KEY_VALUE_LIST)),
        one(7, "bytesValue", Kind::Bytes),
    ],
};

static ARRAY_VALUE: Message = message(&[many(1, "values", Kind::Message(&ANY_VALUE))]);

static KEY_VALUE_LIST: Message = message(&[many(1, "values", Kind::Message(&KEY_VALUE))]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_keeps_to_the_bound_and_to_the_order_of_tags() {
        for message in [
            &REQUEST,
            &RESOURCE_SPANS,
            &RESOURCE,
            &ENTITY_REF,
            &SCOPE_SPANS,
            &SCOPE,
            &SPAN,
            &EVENT,
            &LINK,
            &STATUS,
            &KEY_VALUE,
            &ANY_VALUE,
            &ARRAY_VALUE,
            &KEY_VALUE_LIST,
        ] {
            assert!(message.fields.len() <= MAX_FIELDS);
            assert!(message.fields.is_sorted_by_key(|field| field.tag), "{message:?}");
        }
    }

    #[test]
    fn names_are_read_in_both_spellings_and_no_other() {
        assert_eq!(SPAN.field_named("startTimeUnixNano").map(|f| f.tag), Some(7));
        assert_eq!(SPAN.field_named("start_time_unix_nano").map(|f| f.tag), Some(7));
        assert_eq!(SPAN.field_named("name").map(|f| f.tag), Some(5));
        for wrong in ["starttimeunixnano", "start_timeUnixNano_", "_name", "nam", "name_", ""] {
            assert!(SPAN.field_named(wrong).is_none(), "{wrong}");
        }
    }
}
