//! The protobuf wire format, read without a schema: a message's bytes in, its fields one by one
//! out. Nothing is copied and nothing nests, so hostile lengths and depths cost nothing.

use crate::reduce::Malformed;

/// A field of a message.
pub(super) struct WireField<'a> {
    /// Its number.
    pub(super) tag: u32,
    /// Where it starts, counted from the request's first byte.
    pub(super) at: usize,
    /// Its value.
    pub(super) value: Value<'a>,
    /// Where the value starts: for bytes, after their length.
    pub(super) value_at: usize,
}

/// A field's value.
#[derive(Clone, Copy)]
pub(super) enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32(u32),
}

/// Reads a message field by field.
pub(super) struct Fields<'a> {
    rest: &'a [u8],
    /// Where `rest` starts, counted from the request's first byte.
    at: usize,
    /// No field that starts after this is read.
    last: usize,
}

impl<'a> Fields<'a> {
    /// All fields of the message that starts at `base` of the request.
    pub(super) fn new(message: &'a [u8], base: usize) -> Self {
        Self { rest: message, at: base, last: usize::MAX }
    }

    /// The fields that start at `first` to `last` of the message.
    pub(super) fn between(message: &'a [u8], base: usize, first: usize, last: usize) -> Self {
        let rest = message.get(first..).unwrap_or_default();
        Self { rest, at: base + first, last: base + last }
    }

    /// Where the next field starts, counted from the request's first byte.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// The next field, or nothing at the end.
    pub(super) fn next_field(&mut self) -> Result<Option<WireField<'a>>, Malformed> {
        if self.rest.is_empty() || self.at > self.last {
            return Ok(None);
        }
        let at = self.at;
        let key = self.varint()?;
        let tag = match u32::try_from(key >> 3) {
            Ok(tag @ 1..=0x1fff_ffff) => tag,
            _ => return Err(Malformed { at, what: "no field has this number" }),
        };
        let mut value_at = self.at;
        let value = match key & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let length = self.varint()?;
                value_at = self.at;
                Value::Bytes(self.take(length)?)
            }
            5 => Value::Fixed32(u32::from_le_bytes(self.array()?)),
            // 3 and 4 are groups, which OTLP never used.
            _ => return Err(Malformed { at, what: "unknown wire type" }),
        };
        Ok(Some(WireField { tag, at, value, value_at }))
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], Malformed> {
        let taken =
            usize::try_from(length).ok().and_then(|length| self.rest.split_at_checked(length));
        let (taken, rest) =
            taken.ok_or(Malformed { at: self.at, what: "a field is longer than its message" })?;
        self.rest = rest;
        self.at += taken.len();
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let cut = Malformed { at: self.at, what: "the message ends within a field" };
        let (array, rest) = self.rest.split_first_chunk().ok_or(cut)?;
        self.rest = rest;
        self.at += N;
        Ok(*array)
    }

    fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0;
        for (index, byte) in self.rest.iter().take(10).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                self.rest = &self.rest[index + 1..];
                self.at += index + 1;
                return Ok(value);
            }
        }
        let what = if self.rest.len() < 10 {
            "the message ends within a number"
        } else {
            "a number is longer than ten bytes"
        };
        Err(Malformed { at: self.at, what })
    }
}
