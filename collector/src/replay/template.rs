//! Requests that are sent again and again, each time as new ones. In: a request as it was recorded.
//! Out: the same request with other times and ids, by copying its bytes and writing over some.
//!
//! What is new in every round: trace ids, span ids (parents and links among them), the ids that
//! spans of different traces are paired by ([`ID_KEYS`]), and the instances that functions run in.
//! What belongs together within a round still does.

use bytes::Bytes;

use crate::reduce::Malformed;
use crate::span::wire::{Field, Slice, Value};

/// The attributes that hold ids of requests, messages and instances. They get a suffix.
const ID_KEYS: [&[u8]; 8] = [
    b"aws.lambda.request_id",
    b"aws.request.id",
    b"aws.request_id",
    b"faas.execution",
    b"faas.instance",
    b"faas.invocation_id",
    b"messaging.message.id",
    b"messaging.message_id",
];

/// Sets ids of different rounds apart: as hexadecimal digits, after a mark that ids do not hold.
const SUFFIX: usize = 17;

/// What is new in one round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Round {
    trace: [u8; 16],
    span: [u8; 8],
    suffix: [u8; SUFFIX],
}

impl Round {
    /// The ids of one round out of many. The same seed and number give the same ids.
    pub(crate) fn new(seed: u64, number: u64) -> Self {
        let mut state = seed ^ mix(number.wrapping_add(1));
        let mut next = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            mix(state)
        };
        let (high, low, span, text) = (next(), next(), next(), next());
        let mut trace = [0; 16];
        let (first, second) = trace.split_at_mut(8);
        first.copy_from_slice(&high.to_le_bytes());
        second.copy_from_slice(&low.to_le_bytes());
        let mut suffix = [b'~'; SUFFIX];
        for (index, digit) in suffix.iter_mut().skip(1).enumerate() {
            let nibble = (text >> (4 * index)) & 15;
            *digit = b"0123456789abcdef".get(nibble as usize).copied().unwrap_or(b'0');
        }
        Self { trace, span: span.to_le_bytes(), suffix }
    }
}

/// The finalizer of splitmix64: every bit of the result depends on every bit of the input.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A request that is ready to be sent with other times and ids.
#[derive(Clone, Debug, Default)]
pub(crate) struct Template {
    bytes: Vec<u8>,
    marks: Vec<Mark>,
    spans: u64,
    end: Option<u64>,
}

/// A piece of a template that differs from round to round.
#[derive(Clone, Copy, Debug)]
struct Mark {
    at: usize,
    what: Changing,
}

#[derive(Clone, Copy, Debug)]
enum Changing {
    /// Eight bytes: nanoseconds since 1970, little-endian.
    Time,
    /// Sixteen bytes.
    Trace,
    /// Eight bytes.
    Span,
    /// The suffix of a text.
    Suffix,
}

/// The messages on the way to what changes.
#[derive(Clone, Copy, Debug)]
enum Message {
    Request,
    ResourceSpans,
    Resource,
    ScopeSpans,
    Span,
    Event,
    Link,
    /// An attribute that holds an id.
    IdAttribute,
    /// Its value.
    Id,
}

/// What a field is to a template.
#[derive(Clone, Copy, Debug)]
enum Role {
    Nested(Message),
    Attribute,
    Changing(Changing),
    Same,
}

impl Message {
    /// What is in its field of this number, after `trace.proto` and `common.proto`.
    fn role(self, number: u32) -> Role {
        match (self, number) {
            (Self::Request, 1) => Role::Nested(Self::ResourceSpans),
            (Self::ResourceSpans, 1) => Role::Nested(Self::Resource),
            (Self::ResourceSpans, 2) => Role::Nested(Self::ScopeSpans),
            (Self::ScopeSpans, 2) => Role::Nested(Self::Span),
            (Self::Span, 11) => Role::Nested(Self::Event),
            (Self::Span, 13) => Role::Nested(Self::Link),
            (Self::Resource, 1) | (Self::Span, 9) | (Self::Link, 4) => Role::Attribute,
            (Self::IdAttribute, 2) => Role::Nested(Self::Id),
            (Self::Span | Self::Link, 1) => Role::Changing(Changing::Trace),
            (Self::Span, 2 | 4) | (Self::Link, 2) => Role::Changing(Changing::Span),
            (Self::Span, 7 | 8) | (Self::Event, 1) => Role::Changing(Changing::Time),
            (Self::Id, 1) => Role::Changing(Changing::Suffix),
            _ => Role::Same,
        }
    }
}

impl Template {
    /// Finds what changes in a request.
    ///
    /// # Errors
    /// [`Malformed`] if the bytes are no protobuf.
    pub(crate) fn new(request: &[u8]) -> Result<Self, Malformed> {
        let mut template =
            Self { bytes: Vec::with_capacity(request.len() + 64), ..Self::default() };
        template.copy(Slice::whole(request), Message::Request)?;
        Ok(template)
    }

    /// How many spans are in it.
    pub(crate) fn spans(&self) -> u64 {
        self.spans
    }

    /// When the last of its spans ended, in nanoseconds since 1970; when it started, where the end is
    /// missing. `None` if no span says.
    pub(crate) fn end(&self) -> Option<u64> {
        self.end
    }

    /// How much memory it takes, about.
    pub(crate) fn size(&self) -> usize {
        self.bytes.capacity() + self.marks.capacity() * size_of::<Mark>()
    }

    /// The request with the ids of a round and all times moved by so many nanoseconds.
    pub(crate) fn write(&self, round: &Round, shift: i64) -> Bytes {
        let mut bytes = self.bytes.clone();
        for Mark { at, what } in &self.marks {
            let Some(rest) = bytes.get_mut(*at..) else { continue };
            match what {
                Changing::Time => {
                    if let Some(time) = rest.first_chunk_mut::<8>() {
                        *time = moved(u64::from_le_bytes(*time), shift).to_le_bytes();
                    }
                }
                Changing::Trace => mask(rest, &round.trace),
                Changing::Span => mask(rest, &round.span),
                Changing::Suffix => {
                    if let Some(suffix) = rest.first_chunk_mut::<SUFFIX>() {
                        *suffix = round.suffix;
                    }
                }
            }
        }
        bytes.into()
    }

    /// Copies a message, and makes a note of what changes in it.
    fn copy(&mut self, message: Slice<'_>, kind: Message) -> Result<(), Malformed> {
        if matches!(kind, Message::Span) {
            self.spans += 1;
            self.end = self.end.max(end_of(message)?);
        }
        let mut fields = message.fields();
        let mut copied = message.at;
        while let Some(field) = fields.next_field()? {
            let role = match kind.role(field.number) {
                Role::Attribute if is_id(&field)? => Role::Nested(Message::IdAttribute),
                role => role,
            };
            match (role, field.value) {
                (Role::Nested(inner), Value::Bytes(body)) => {
                    self.copy_bytes(message, copied, field.at);
                    prost::encoding::encode_varint(tag(field.number), &mut self.bytes);
                    self.copy_nested(body, inner)?;
                    copied = body.at + body.bytes.len();
                }
                (Role::Changing(Changing::Suffix), Value::Bytes(text)) => {
                    self.copy_bytes(message, copied, field.at);
                    prost::encoding::encode_varint(tag(field.number), &mut self.bytes);
                    let length = (text.bytes.len() + SUFFIX) as u64;
                    prost::encoding::encode_varint(length, &mut self.bytes);
                    self.bytes.extend_from_slice(text.bytes);
                    self.mark(self.bytes.len(), Changing::Suffix);
                    self.bytes.extend_from_slice(&[b'~'; SUFFIX]);
                    copied = text.at + text.bytes.len();
                }
                (Role::Changing(what), value) if changes(what, value) => {
                    // It is as long as before: only its place in the copy is of interest.
                    if let Some(at) = place(message, &field) {
                        self.mark(self.bytes.len() + (at - copied), what);
                    }
                }
                _ => {}
            }
        }
        self.copy_bytes(message, copied, message.at + message.bytes.len());
        Ok(())
    }

    /// Copies a nested message after its length, which may be another than it was.
    fn copy_nested(&mut self, body: Slice<'_>, kind: Message) -> Result<(), Malformed> {
        let (start, first_mark) = (self.bytes.len(), self.marks.len());
        self.copy(body, kind)?;
        let mut length = Vec::with_capacity(5);
        prost::encoding::encode_varint((self.bytes.len() - start) as u64, &mut length);
        let moved = length.len();
        self.bytes.splice(start..start, length);
        for mark in self.marks.iter_mut().skip(first_mark) {
            mark.at += moved;
        }
        Ok(())
    }

    /// Copies what lies between two offsets of the request.
    fn copy_bytes(&mut self, message: Slice<'_>, from: usize, to: usize) {
        let range = from - message.at..to - message.at;
        self.bytes.extend_from_slice(message.bytes.get(range).unwrap_or_default());
    }

    fn mark(&mut self, at: usize, what: Changing) {
        self.marks.push(Mark { at, what });
    }
}

/// The tag of a field that holds bytes.
fn tag(number: u32) -> u64 {
    u64::from(number) << 3 | 2
}

/// Whether a value can change: ids of another length, and ids and times of zero, mean that there is
/// none, and are left alone.
fn changes(what: Changing, value: Value<'_>) -> bool {
    match (what, value) {
        (Changing::Time, Value::Fixed64(time)) => time != 0,
        (Changing::Trace, Value::Bytes(id)) => id.bytes.len() == 16 && is_some(id),
        (Changing::Span, Value::Bytes(id)) => id.bytes.len() == 8 && is_some(id),
        _ => false,
    }
}

/// Where in the request a field's value begins.
fn place(message: Slice<'_>, field: &Field<'_>) -> Option<usize> {
    match field.value {
        Value::Bytes(bytes) => Some(bytes.at),
        _ => {
            // Numbers below 16 have a tag of one byte, unless somebody wrote a longer one.
            let tag = message.bytes.get(field.at - message.at)?;
            (u32::from(tag >> 3) == field.number).then_some(field.at + 1)
        }
    }
}

fn is_some(id: Slice<'_>) -> bool {
    id.bytes.iter().any(|byte| *byte != 0)
}

/// Whether an attribute holds an id.
fn is_id(attribute: &Field<'_>) -> Result<bool, Malformed> {
    let Value::Bytes(attribute) = attribute.value else { return Ok(false) };
    let mut fields = attribute.fields();
    let mut is_id = false;
    while let Some(field) = fields.next_field()? {
        if let (1, Value::Bytes(key)) = (field.number, field.value) {
            is_id = ID_KEYS.contains(&key.bytes);
        }
    }
    Ok(is_id)
}

/// When a span ended, or started where that is missing.
fn end_of(span: Slice<'_>) -> Result<Option<u64>, Malformed> {
    let (mut start, mut end) = (0, 0);
    let mut fields = span.fields();
    while let Some(field) = fields.next_field()? {
        match (field.number, field.value) {
            (7, Value::Fixed64(time)) => start = time,
            (8, Value::Fixed64(time)) => end = time,
            _ => {}
        }
    }
    Ok(Some(if end == 0 { start } else { end }).filter(|time| *time != 0))
}

/// When the last span of a request ended, in nanoseconds since 1970.
///
/// # Errors
/// [`Malformed`] if the bytes are no protobuf.
pub(crate) fn last_end(request: &[u8]) -> Result<Option<u64>, Malformed> {
    fn search(message: Slice<'_>, kind: Message) -> Result<Option<u64>, Malformed> {
        if matches!(kind, Message::Span) {
            return end_of(message);
        }
        let mut last = None;
        let mut fields = message.fields();
        while let Some(field) = fields.next_field()? {
            let inner = match (kind.role(field.number), field.value) {
                (Role::Nested(Message::Resource), _) => continue,
                (Role::Nested(kind), Value::Bytes(body)) => search(body, kind)?,
                _ => continue,
            };
            last = last.max(inner);
        }
        Ok(last)
    }
    search(Slice::whole(request), Message::Request)
}

fn moved(time: u64, shift: i64) -> u64 {
    // 1 is the earliest time that is not "none".
    time.saturating_add_signed(shift).max(1)
}

fn mask(bytes: &mut [u8], mask: &[u8]) {
    for (byte, mask) in bytes.iter_mut().zip(mask) {
        *byte ^= mask;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value as Any};
    use proptest::prelude::*;
    use prost::Message as _;

    use super::*;
    use crate::otlp_file::any::{request, small, text};

    /// What a template does, on decoded messages.
    fn expected(
        mut request: ExportTraceServiceRequest,
        round: &Round,
        shift: i64,
    ) -> ExportTraceServiceRequest {
        let suffix = std::str::from_utf8(&round.suffix).unwrap();
        let rename = |attributes: &mut Vec<KeyValue>| {
            for attribute in attributes {
                let is_id = ID_KEYS.contains(&attribute.key.as_bytes());
                let value = attribute.value.as_mut().and_then(|value| value.value.as_mut());
                if let (true, Some(Any::StringValue(id))) = (is_id, value) {
                    id.push_str(suffix);
                }
            }
        };
        let change = |id: &mut Vec<u8>, mask: &[u8]| {
            if id.len() == mask.len() && id.iter().any(|byte| *byte != 0) {
                id.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
            }
        };
        let shifted = |time: &mut u64| {
            if *time != 0 {
                *time = time.saturating_add_signed(shift).max(1);
            }
        };
        for resource in &mut request.resource_spans {
            rename(&mut resource.resource.as_mut().unwrap().attributes);
            for span in resource.scope_spans.iter_mut().flat_map(|scope| &mut scope.spans) {
                change(&mut span.trace_id, &round.trace);
                change(&mut span.span_id, &round.span);
                change(&mut span.parent_span_id, &round.span);
                shifted(&mut span.start_time_unix_nano);
                shifted(&mut span.end_time_unix_nano);
                rename(&mut span.attributes);
                span.events.iter_mut().for_each(|event| shifted(&mut event.time_unix_nano));
                for link in &mut span.links {
                    change(&mut link.trace_id, &round.trace);
                    change(&mut link.span_id, &round.span);
                    rename(&mut link.attributes);
                }
            }
        }
        request
    }

    fn latest(request: &ExportTraceServiceRequest) -> Option<u64> {
        let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
        let spans = scopes.flat_map(|scope| &scope.spans);
        let ends = spans.map(|span| match span.end_time_unix_nano {
            0 => span.start_time_unix_nano,
            end => end,
        });
        ends.max().filter(|end| *end != 0)
    }

    proptest! {
        #[test]
        fn times_and_ids_change_and_nothing_else(
            request in request(),
            seed in any::<u64>(),
            shift in any::<i64>(),
        ) {
            let bytes = request.encode_to_vec();
            let template = Template::new(&bytes).unwrap();
            let round = Round::new(seed, 3);
            let written = ExportTraceServiceRequest::decode(template.write(&round, shift)).unwrap();
            prop_assert_eq!(template.end(), latest(&request));
            prop_assert_eq!(last_end(&bytes).unwrap(), latest(&request));
            prop_assert_eq!(written, expected(request, &round, shift));
        }

        #[test]
        fn random_and_damaged_bytes_never_panic(
            request in request(),
            random in proptest::collection::vec(any::<u8>(), 0..200),
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
        ) {
            let mut damaged = request.encode_to_vec();
            let at = at.index(damaged.len());
            damaged[at] = byte;
            for bytes in [random, damaged] {
                if let Ok(template) = Template::new(&bytes) {
                    template.write(&Round::new(0, 0), i64::MIN);
                }
                let _ = last_end(&bytes);
            }
        }
    }

    #[test]
    fn ids_of_all_rounds_differ() {
        let rounds: Vec<_> = (0..10_000).map(|number| Round::new(7, number)).collect();
        let traces: HashSet<_> = rounds.iter().map(|round| round.trace).collect();
        let spans: HashSet<_> = rounds.iter().map(|round| round.span).collect();
        let texts: HashSet<_> = rounds.iter().map(|round| round.suffix).collect();
        assert_eq!((traces.len(), spans.len(), texts.len()), (10_000, 10_000, 10_000));
        assert_eq!(Round::new(7, 1), Round::new(7, 1));
        assert_ne!(Round::new(7, 1), Round::new(8, 1));
    }

    #[test]
    fn an_id_that_two_requests_share_stays_shared_within_a_round() {
        let with_id = |key: &str| {
            let mut request = small(1, 7);
            request.resource_spans[0].scope_spans[0].spans[0].attributes = vec![text(key, "4711")];
            Template::new(&request.encode_to_vec()).unwrap()
        };
        let id = |template: &Template, number| {
            let bytes = template.write(&Round::new(0, number), 0);
            let request = ExportTraceServiceRequest::decode(bytes).unwrap();
            let span = &request.resource_spans[0].scope_spans[0].spans[0];
            span.attributes[0].value.clone().unwrap().value.unwrap()
        };
        let (caller, callee) = (with_id("aws.request_id"), with_id("faas.invocation_id"));
        assert_eq!(id(&caller, 1), id(&callee, 1));
        assert_ne!(id(&caller, 1), id(&callee, 2));
    }
}
