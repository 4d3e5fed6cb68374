//! OTLP/JSON to protobuf. Strict about what would be lost or misread, lenient about spelling:
//! SDKs write 64-bit integers as numbers or strings, enumerations as numbers or names, ids in
//! either case, and `null` or nothing for what is absent.

use std::fmt;

use bytes::Bytes;
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::protobuf::{Step, Writer};
use super::schema::{Field, Message, REQUEST};
use super::value::ValueSeed;

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
    let mut writer = Writer::with_capacity(json.len() / 3);
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

/// Reads one message's fields into the writer.
pub(super) struct MessageSeed<'w> {
    pub(super) message: &'static Message,
    pub(super) writer: &'w mut Writer,
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
