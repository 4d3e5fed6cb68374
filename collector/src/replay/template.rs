//! Requests that are sent again and again, each time as new ones. In: a request as it was recorded.
//! Out: the same request with other times and ids, by copying its bytes and writing over some.
//!
//! What is new in every round: trace ids, span ids (parents and links among them), the ids that
//! spans of different traces are paired by ([`ID_KEYS`]), and the instances that functions run in.
//! What belongs together within a round still does.

use bytes::Bytes;

use super::round::{Round, SUFFIX};
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

/// A request that is ready to be sent with other times and ids.
#[derive(Clone, Debug, Default)]
pub struct Template {
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
    pub fn new(request: &[u8]) -> Result<Self, Malformed> {
        let mut template =
            Self { bytes: Vec::with_capacity(request.len() + 64), ..Self::default() };
        template.copy(Slice::whole(request), Message::Request)?;
        Ok(template)
    }

    /// How many spans are in it.
    pub fn spans(&self) -> u64 {
        self.spans
    }

    /// When the last of its spans ended, in nanoseconds since 1970; when it started, where the end is
    /// missing. `None` if no span says.
    pub fn end(&self) -> Option<u64> {
        self.end
    }

    /// How much memory it takes, about.
    pub fn size(&self) -> usize {
        self.bytes.capacity() + self.marks.capacity() * size_of::<Mark>()
    }

    /// The request with the ids of a round and all times moved by so many nanoseconds.
    pub fn write(&self, round: &Round, shift: i64) -> Bytes {
        let mut bytes = Vec::with_capacity(self.bytes.len());
        self.write_into(round, shift, &mut bytes);
        bytes.into()
    }

    /// As [`Self::write`], at the end of a buffer that is there already.
    pub fn write_into(&self, round: &Round, shift: i64, buffer: &mut Vec<u8>) {
        let begin = buffer.len();
        buffer.extend_from_slice(&self.bytes);
        let Some(bytes) = buffer.get_mut(begin..) else { return };
        for Mark { at, what } in &self.marks {
            let Some(rest) = bytes.get_mut(*at..) else { continue };
            match what {
                Changing::Time => {
                    if let Some(time) = rest.first_chunk_mut::<8>() {
                        *time = moved(u64::from_le_bytes(*time), shift).to_le_bytes();
                    }
                }
                Changing::Trace => {
                    if let Some(id) = rest.first_chunk_mut::<16>() {
                        *id = (u128::from_le_bytes(*id) ^ round.trace).to_le_bytes();
                    }
                }
                Changing::Span => {
                    if let Some(id) = rest.first_chunk_mut::<8>() {
                        *id = (u64::from_le_bytes(*id) ^ round.span).to_le_bytes();
                    }
                }
                Changing::Suffix => {
                    if let Some(suffix) = rest.first_chunk_mut::<SUFFIX>() {
                        *suffix = round.suffix;
                    }
                }
            }
        }
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
pub fn last_end(request: &[u8]) -> Result<Option<u64>, Malformed> {
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

#[cfg(test)]
mod tests;
