//! OTLP/JSON to protobuf. Strict about what would be lost or misread, lenient about spelling:
//! SDKs write 64-bit integers as numbers or strings, enumerations as numbers or names, ids in
//! either case, and `null` or nothing for what is absent.

use std::fmt;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use serde::de::{
    self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor,
};

use super::schema::{Field, Kind, Message, REQUEST};

/// The text is not an `ExportTraceServiceRequest` in OTLP/JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed OTLP/JSON at line {line}, byte {column}: {what}")]
pub struct JsonError {
    /// The line where reading stopped, from 1.
    pub line: usize,
    /// The byte within that line, from 1: at, or just after, what is wrong.
    pub column: usize,
    /// The field, and what is wrong with it.
    pub what: String,
}

/// Translates one `ExportTraceServiceRequest` from OTLP/JSON to protobuf.
///
/// # Errors
/// [`JsonError`] where the text is not one, with the place and the field's path.
pub fn traces_to_protobuf(json: &[u8]) -> Result<Bytes, JsonError> {
    let json = json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json);
    // Protobuf is about a third as long as the same JSON.
    let mut writer = Writer { out: Vec::with_capacity(json.len() / 3), path: Vec::new() };
    let mut text = serde_json::Deserializer::from_slice(json);
    let read = MessageSeed { message: &REQUEST, writer: &mut writer }
        .deserialize(&mut text)
        .and_then(|()| text.end());
    match read {
        Ok(()) => Ok(writer.out.into()),
        Err(error) => Err(JsonError {
            line: error.line().max(1),
            column: error.column().max(1),
            what: describe(&writer.path, &error),
        }),
    }
}

/// Longer messages, which quote their input, are cut.
const MAX_MESSAGE: usize = 200;

fn describe(path: &[Step], error: &serde_json::Error) -> String {
    let mut what = String::new();
    for step in path {
        match step {
            Step::Field(name) if what.is_empty() => what.push_str(name),
            Step::Field(name) => what.extend([".", name]),
            Step::Item(index) => what.extend(["[", &index.to_string(), "]"]),
        }
    }
    if !what.is_empty() {
        what.push_str(": ");
    }
    let message = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let message = message.strip_suffix(&place).unwrap_or(&message);
    match message.char_indices().nth(MAX_MESSAGE) {
        Some((cut, _)) => what.extend([&message[..cut], "..."]),
        None => what.push_str(message),
    }
    what
}

/// Where the reader is, for messages.
enum Step {
    Field(&'static str),
    Item(usize),
}

/// The protobuf written so far, and the way to the field that is being read.
struct Writer {
    out: Vec<u8>,
    path: Vec<Step>,
}

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const LENGTH: u32 = 2;
const FIXED32: u32 = 5;

impl Writer {
    fn key(&mut self, tag: u32, wire_type: u32) {
        prost::encoding::encode_varint(u64::from(tag << 3 | wire_type), &mut self.out);
    }

    fn bytes(&mut self, tag: u32, bytes: &[u8]) {
        self.key(tag, LENGTH);
        prost::encoding::encode_varint(bytes.len() as u64, &mut self.out);
        self.out.extend_from_slice(bytes);
    }

    fn varint(&mut self, tag: u32, value: u64) {
        self.key(tag, VARINT);
        prost::encoding::encode_varint(value, &mut self.out);
    }

    fn fixed(&mut self, tag: u32, wire_type: u32, value: &[u8]) {
        self.key(tag, wire_type);
        self.out.extend_from_slice(value);
    }

    /// Starts a message whose length is not known yet; returns where it starts.
    fn open(&mut self, tag: u32) -> usize {
        self.key(tag, LENGTH);
        self.out.push(0);
        self.out.len()
    }

    /// Ends the message that starts there: writes its length, moving it if that takes more than
    /// the one byte that was left for it.
    fn close(&mut self, start: usize) {
        let length = (self.out.len() - start) as u64;
        let more = prost::encoding::encoded_len_varint(length) - 1;
        if more > 0 {
            let end = self.out.len();
            self.out.resize(end + more, 0);
            self.out.copy_within(start..end, start + more);
        }
        let mut place = &mut self.out[start - 1..start + more];
        prost::encoding::encode_varint(length, &mut place);
    }
}

/// Reads one message's fields into the writer.
struct MessageSeed<'w> {
    message: &'static Message,
    writer: &'w mut Writer,
}

impl<'de> DeserializeSeed<'de> for MessageSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for MessageSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(field) = map.next_key_seed(NameSeed(self.message))? {
            let Some(field) = field else {
                map.next_value::<IgnoredAny>()?; // as the specification wants
                continue;
            };
            self.writer.path.push(Step::Field(field.name));
            let explicit = self.message.one_of;
            map.next_value_seed(FieldSeed { field, explicit, writer: self.writer })?;
            self.writer.path.pop();
        }
        Ok(())
    }
}

/// Reads a field's name.
struct NameSeed(&'static Message);

impl<'de> DeserializeSeed<'de> for NameSeed {
    type Value = Option<&'static Field>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for NameSeed {
    type Value = Option<&'static Field>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field's name")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.field_named(name))
    }
}

/// Reads a field's value, or its values, or `null`.
struct FieldSeed<'w> {
    field: &'static Field,
    /// Whether a value that is the type's default has to be written all the same.
    explicit: bool,
    writer: &'w mut Writer,
}

impl<'de> DeserializeSeed<'de> for FieldSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for FieldSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.field.repeated { "an array" } else { "a value" })
    }

    fn visit_none<E: de::Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.field.repeated {
            deserializer.deserialize_seq(self)
        } else {
            let Self { field, explicit, writer } = self;
            ValueSeed { field, explicit, writer }.deserialize(deserializer)
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Self { field, writer, .. } = self;
        for index in 0.. {
            writer.path.push(Step::Item(index));
            let item = ValueSeed { field, explicit: true, writer };
            let more = items.next_element_seed(item)?.is_some();
            writer.path.pop();
            if !more {
                break;
            }
        }
        Ok(())
    }
}

/// Reads one value of a field.
struct ValueSeed<'w> {
    field: &'static Field,
    explicit: bool,
    writer: &'w mut Writer,
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.field.kind {
            // As bytes, because JavaScript may cut a string within a surrogate pair; one such
            // attribute must not cost the whole request.
            Kind::Text => deserializer.deserialize_bytes(self),
            Kind::Id(_) | Kind::Bytes => deserializer.deserialize_str(self),
            _ => deserializer.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field.kind {
            Kind::Text => f.write_str("a string"),
            Kind::Id(bytes) => write!(f, "{} hexadecimal digits", 2 * bytes),
            Kind::Bytes => f.write_str("a string in base64"),
            Kind::Bool => f.write_str("true or false"),
            Kind::Int64 => f.write_str("an integer of 64 bits"),
            Kind::Uint32 | Kind::Fixed32 => f.write_str("an unsigned integer of 32 bits"),
            Kind::Fixed64 => f.write_str("an unsigned integer of 64 bits"),
            Kind::Double => f.write_str("a number"),
            Kind::Enum(names) => write!(f, "a number, or one of {}", names.join(", ")),
            Kind::Message(_) => f.write_str("an object"),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let Kind::Message(message) = self.field.kind else {
            return Err(de::Error::invalid_type(Unexpected::Map, &self));
        };
        let start = self.writer.open(self.field.tag);
        MessageSeed { message, writer: self.writer }.visit_map(map)?;
        self.writer.close(start);
        Ok(())
    }

    /// `null` as an item of a list: an empty value.
    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        let Kind::Message(_) = self.field.kind else {
            return Err(E::invalid_type(Unexpected::Unit, &self));
        };
        self.writer.bytes(self.field.tag, b"");
        Ok(())
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<(), E> {
        let Kind::Bool = self.field.kind else {
            return Err(E::invalid_type(Unexpected::Bool(value), &self));
        };
        self.number(Number::Varint(u64::from(value)));
        Ok(())
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<(), E> {
        self.integer(i128::from(value), Unexpected::Signed(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<(), E> {
        self.integer(i128::from(value), Unexpected::Unsigned(value))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<(), E> {
        let unexpected = Unexpected::Float(value);
        match (self.field.kind, exact_integer(value)) {
            (Kind::Double, _) => {
                self.number(Number::Fixed64(value.to_bits()));
                Ok(())
            }
            (_, Some(integer)) => self.integer(integer, unexpected),
            (_, None) => Err(E::invalid_value(unexpected, &self)),
        }
    }

    fn visit_bytes<E: de::Error>(self, text: &[u8]) -> Result<(), E> {
        let text = String::from_utf8_lossy(text);
        if !text.is_empty() || self.explicit {
            self.writer.bytes(self.field.tag, text.as_bytes());
        }
        Ok(())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<(), E> {
        let unexpected = Unexpected::Str(text);
        match self.field.kind {
            Kind::Text => return self.visit_bytes(text.as_bytes()),
            Kind::Id(bytes) => return self.id(text, bytes),
            Kind::Message(_) => return Err(E::invalid_type(unexpected, &self)),
            Kind::Bytes => {
                if let Some(bytes) = decode_base64(text) {
                    self.writer.bytes(self.field.tag, &bytes);
                    return Ok(());
                }
            }
            Kind::Bool => {
                if let Ok(value) = text.parse() {
                    return self.visit_bool(value);
                }
            }
            Kind::Double => {
                if let Ok(value) = text.parse() {
                    return self.visit_f64(value);
                }
            }
            Kind::Enum(_) | Kind::Int64 | Kind::Uint32 | Kind::Fixed32 | Kind::Fixed64 => {
                let named = self.field.kind.number_of(text);
                if let Some(integer) = named.or_else(|| parse_integer(text)) {
                    return self.integer(integer, unexpected);
                }
            }
        }
        Err(E::invalid_value(unexpected, &self))
    }
}

impl ValueSeed<'_> {
    /// Writes an id given in hexadecimal digits; an empty one is absent.
    fn id<E: de::Error>(self, text: &str, bytes: usize) -> Result<(), E> {
        if text.is_empty() {
            return Ok(());
        }
        if let Some(id) = decode_hex(text).filter(|id| id.len() == bytes) {
            self.writer.bytes(self.field.tag, &id);
            return Ok(());
        }
        if decode_base64(text).is_some_and(|id| id.len() == bytes) {
            let hint = format!("string {text:?}, which looks like base64");
            return Err(E::invalid_value(Unexpected::Other(&hint), &self));
        }
        Err(E::invalid_value(Unexpected::Str(text), &self))
    }

    fn integer<E: de::Error>(self, value: i128, given: Unexpected<'_>) -> Result<(), E> {
        match Number::of(self.field.kind, value) {
            Some(number) => {
                self.number(number);
                Ok(())
            }
            None => Err(E::invalid_value(given, &self)),
        }
    }

    /// Writes a number, unless it is zero and so as good as absent.
    fn number(self, number: Number) {
        let tag = self.field.tag;
        match number {
            Number::Varint(0) | Number::Fixed32(0) | Number::Fixed64(0) if !self.explicit => {}
            Number::Varint(value) => self.writer.varint(tag, value),
            Number::Fixed32(value) => self.writer.fixed(tag, FIXED32, &value.to_le_bytes()),
            Number::Fixed64(value) => self.writer.fixed(tag, FIXED64, &value.to_le_bytes()),
        }
    }
}

/// A number as protobuf writes it.
enum Number {
    Varint(u64),
    Fixed32(u32),
    Fixed64(u64),
}

impl Number {
    /// The integer as a value of that kind, if it is one.
    fn of(kind: Kind, value: i128) -> Option<Self> {
        match kind {
            Kind::Double => Some(Self::Fixed64((value as f64).to_bits())),
            Kind::Int64 => i64::try_from(value).ok().map(|n| Self::Varint(n.cast_unsigned())),
            Kind::Enum(_) => {
                let number = i32::try_from(value).ok()?;
                Some(Self::Varint(i64::from(number).cast_unsigned()))
            }
            Kind::Uint32 => u32::try_from(value).ok().map(|n| Self::Varint(u64::from(n))),
            Kind::Fixed32 => u32::try_from(value).ok().map(Self::Fixed32),
            Kind::Fixed64 => u64::try_from(value).ok().map(Self::Fixed64),
            Kind::Text | Kind::Id(_) | Kind::Bytes | Kind::Bool | Kind::Message(_) => None,
        }
    }
}

/// An integer in a string: `12`, or, as protobuf's JSON parsers allow, `1.2e1`.
fn parse_integer(text: &str) -> Option<i128> {
    text.parse().ok().or_else(|| text.parse().ok().and_then(exact_integer))
}

/// The integer that a floating-point number is, if it is one.
fn exact_integer(value: f64) -> Option<i128> {
    // Everything larger is out of every integer's range anyway.
    (value.fract() == 0.0 && value.abs() < 1e20).then_some(value as i128)
}

fn decode_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let pair = |pair: &[u8]| match pair {
        [high, low] => u8::try_from(digit(high)? << 4 | digit(low)?).ok(),
        _ => None,
    };
    text.as_bytes().chunks(2).map(pair).collect()
}

/// Reads base64 in either alphabet, padded or not, as protobuf's JSON parsers do.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    const ENGINE: GeneralPurpose = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    if text.contains(['-', '_']) {
        ENGINE.decode(text.replace('-', "+").replace('_', "/")).ok()
    } else {
        ENGINE.decode(text).ok()
    }
}
