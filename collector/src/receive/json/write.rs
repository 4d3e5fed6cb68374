//! Protobuf to OTLP/JSON, as the OpenTelemetry Collector's file exporter writes it: ids in
//! hexadecimal digits, 64-bit integers as strings, enumerations as numbers, absent fields left
//! out, all on one line.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::schema::{Field, Kind, MAX_FIELDS, Message, REQUEST};
use crate::span::{Fields, Malformed, Slice, Value};

/// Objects and arrays within each other. JSON parsers commonly stop at 128, and what is written here
/// has to be read again.
const MAX_DEPTH: usize = 120;

/// Translates one `ExportTraceServiceRequest` from protobuf to OTLP/JSON, on one line without a
/// line break at its end. Ids of a wrong length, which OTLP calls invalid, are written as the
/// empty (and so invalid) id; text that is not UTF-8 gets replacement characters.
///
/// # Errors
/// [`Malformed`] where the bytes are not one, or nest deeper than JSON parsers will read.
pub fn traces_to_json(protobuf: &[u8]) -> Result<Vec<u8>, Malformed> {
    // JSON is about three times as long as the same protobuf.
    let mut writer = Writer { out: Vec::with_capacity(protobuf.len() * 3), depth: 0 };
    writer.message(&REQUEST, Slice::whole(protobuf))?;
    Ok(writer.out)
}

struct Writer {
    out: Vec<u8>,
    depth: usize,
}

/// Where a field occurs in a message: the positions of the first and the last time.
#[derive(Clone, Copy)]
struct Occurrence {
    first: usize,
    last: usize,
}

impl Occurrence {
    /// The fields of the message from the first to the last time, others in between included.
    fn fields(self, message: Slice<'_>) -> Within<'_> {
        let bytes = message.bytes.get(self.first - message.at..).unwrap_or_default();
        Within { fields: Slice { bytes, at: self.first }.fields(), last: self.last }
    }

    /// The field as it is the last time.
    fn last_field(self, message: Slice<'_>) -> Within<'_> {
        Self { first: self.last, last: self.last }.fields(message)
    }
}

/// Fields up to one that starts at `last`.
struct Within<'a> {
    fields: Fields<'a>,
    last: usize,
}

impl<'a> Within<'a> {
    /// The next value of that field, and where the field starts.
    fn next_of(&mut self, field: &Field) -> Result<Option<(usize, Value<'a>)>, Malformed> {
        while let Some(found) = self.fields.next_field()? {
            if found.at > self.last {
                break;
            }
            if found.number == field.tag {
                return Ok(Some((found.at, found.value)));
            }
        }
        Ok(None)
    }
}

/// Finds the message's fields. Protobuf allows them in any order, and lists in pieces; JSON does
/// not. Remembering only where to look takes no memory that grows with the message.
fn occurrences(
    message: &Message,
    slice: Slice<'_>,
) -> Result<[Option<Occurrence>; MAX_FIELDS], Malformed> {
    let mut found = [None; MAX_FIELDS];
    let mut fields = slice.fields();
    while let Some(field) = fields.next_field()? {
        if let Some(index) = message.index_of(field.number) {
            let first = found[index].map_or(field.at, |earlier: Occurrence| earlier.first);
            found[index] = Some(Occurrence { first, last: field.at });
        }
    }
    Ok(found)
}

impl Writer {
    fn message(&mut self, message: &Message, slice: Slice<'_>) -> Result<(), Malformed> {
        let mut found = occurrences(message, slice)?;
        if message.one_of {
            let latest = found.iter().flatten().map(|occurrence| occurrence.last).max();
            for slot in &mut found {
                *slot = slot.filter(|occurrence| Some(occurrence.last) == latest);
            }
        }
        self.enter(b'{', slice.at)?;
        let mut separator = None;
        for (field, occurrence) in message.fields.iter().zip(found) {
            let Some(occurrence) = occurrence else { continue };
            self.out.extend(separator.replace(b','));
            self.name(field.name);
            match field.kind {
                _ if field.repeated => self.list(field, occurrence, slice)?,
                Kind::Message(inner) if occurrence.first != occurrence.last => {
                    // A message in pieces: protobuf merges them, which is to join their bytes.
                    let joined = join(field, occurrence.fields(slice))?;
                    self.message(inner, Slice { bytes: &joined, at: occurrence.first })?;
                }
                _ => {
                    if let Some((at, value)) = occurrence.last_field(slice).next_of(field)? {
                        self.value(field.kind, value, at)?;
                    }
                }
            }
        }
        self.leave(b'}');
        Ok(())
    }

    /// Writes all occurrences of a field as an array.
    fn list(
        &mut self,
        field: &Field,
        occurrence: Occurrence,
        slice: Slice<'_>,
    ) -> Result<(), Malformed> {
        self.enter(b'[', occurrence.first)?;
        let mut separator = None;
        let mut values = occurrence.fields(slice);
        while let Some((at, value)) = values.next_of(field)? {
            self.out.extend(separator.replace(b','));
            self.value(field.kind, value, at)?;
        }
        self.leave(b']');
        Ok(())
    }

    fn value(&mut self, kind: Kind, value: Value<'_>, at: usize) -> Result<(), Malformed> {
        match (kind, value) {
            (Kind::Message(message), Value::Bytes(slice)) => self.message(message, slice)?,
            (Kind::Text, Value::Bytes(slice)) => self.text(&String::from_utf8_lossy(slice.bytes)),
            (Kind::Id(length), Value::Bytes(slice)) => {
                self.id(if slice.bytes.len() == length { slice.bytes } else { b"" });
            }
            (Kind::Bytes, Value::Bytes(slice)) => self.quoted(&STANDARD.encode(slice.bytes)),
            (Kind::Bool, Value::Varint(bits)) => {
                self.plain(if bits == 0 { "false" } else { "true" });
            }
            (Kind::Int64, Value::Varint(bits)) => self.quoted(&bits.cast_signed().to_string()),
            // Protobuf keeps the lower 32 bits.
            (Kind::Uint32, Value::Varint(bits)) => self.plain(&(bits as u32).to_string()),
            (Kind::Enum(_), Value::Varint(bits)) => self.plain(&(bits as i32).to_string()),
            (Kind::Fixed32, Value::Fixed32(bits)) => self.plain(&bits.to_string()),
            (Kind::Fixed64, Value::Fixed64(bits)) => self.quoted(&bits.to_string()),
            (Kind::Double, Value::Fixed64(bits)) => self.double(f64::from_bits(bits)),
            _ => return Err(Malformed { at, what: "a field has the wrong wire type" }),
        }
        Ok(())
    }

    fn enter(&mut self, bracket: u8, at: usize) -> Result<(), Malformed> {
        if self.depth == MAX_DEPTH {
            return Err(Malformed { at, what: "values are nested too deeply" });
        }
        self.depth += 1;
        self.out.push(bracket);
        Ok(())
    }

    fn leave(&mut self, bracket: u8) {
        self.depth -= 1;
        self.out.push(bracket);
    }

    fn name(&mut self, name: &str) {
        self.quoted(name);
        self.out.push(b':');
    }

    fn plain(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    /// Writes a string that needs no escapes.
    fn quoted(&mut self, text: &str) {
        self.out.push(b'"');
        self.plain(text);
        self.out.push(b'"');
    }

    fn id(&mut self, id: &[u8]) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        self.out.push(b'"');
        for byte in id {
            let digits = [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
            self.out.extend_from_slice(&digits);
        }
        self.out.push(b'"');
    }

    fn double(&mut self, value: f64) {
        if value.is_finite() {
            // Always with a point or an exponent, so that `-0.0` and whole numbers stay doubles.
            self.plain(&format!("{value:?}"));
        } else if value.is_nan() {
            self.quoted("NaN");
        } else {
            self.quoted(if value > 0.0 { "Infinity" } else { "-Infinity" });
        }
    }

    fn text(&mut self, text: &str) {
        // Writing to memory does not fail, and every string is JSON.
        let _always = serde_json::to_writer(&mut self.out, text);
    }
}

/// Joins all occurrences of a field.
fn join(field: &Field, mut within: Within<'_>) -> Result<Vec<u8>, Malformed> {
    let mut joined = Vec::new();
    while let Some((_, value)) = within.next_of(field)? {
        if let Value::Bytes(slice) = value {
            joined.extend_from_slice(slice.bytes);
        }
    }
    Ok(joined)
}
