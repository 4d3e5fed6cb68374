//! One value of OTLP/JSON to protobuf, by what its field holds and however it is spelled.

use std::fmt;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, Unexpected, Visitor};

use super::protobuf::{Number, Writer};
use super::read::MessageSeed;
use super::schema::{Field, Kind};

/// Reads one value of a field.
pub(super) struct ValueSeed<'w> {
    pub(super) field: &'static Field,
    /// Whether a value that is the type's default has to be written all the same.
    pub(super) explicit: bool,
    pub(super) writer: &'w mut Writer,
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
        match integer_as(self.field.kind, value) {
            Some(number) => {
                self.number(number);
                Ok(())
            }
            None => Err(E::invalid_value(given, &self)),
        }
    }

    /// Writes a number, unless it is zero and so as good as absent.
    fn number(self, number: Number) {
        let zero = matches!(number, Number::Varint(0) | Number::Fixed32(0) | Number::Fixed64(0));
        if !zero || self.explicit {
            self.writer.number(self.field.tag, number);
        }
    }
}

/// The integer as a value of that kind, if it is one.
fn integer_as(kind: Kind, value: i128) -> Option<Number> {
    match kind {
        Kind::Double => Some(Number::Fixed64((value as f64).to_bits())),
        Kind::Int64 => i64::try_from(value).ok().map(|n| Number::Varint(n.cast_unsigned())),
        Kind::Enum(_) => {
            let number = i32::try_from(value).ok()?;
            Some(Number::Varint(i64::from(number).cast_unsigned()))
        }
        Kind::Uint32 => u32::try_from(value).ok().map(|n| Number::Varint(u64::from(n))),
        Kind::Fixed32 => u32::try_from(value).ok().map(Number::Fixed32),
        Kind::Fixed64 => u64::try_from(value).ok().map(Number::Fixed64),
        Kind::Text | Kind::Id(_) | Kind::Bytes | Kind::Bool | Kind::Message(_) => None,
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
