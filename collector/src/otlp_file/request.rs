//! From a recording's pieces to requests. In: one piece, in JSON or protobuf, perhaps compressed.
//! Out: the request as protobuf bytes.

use std::io::Read;

use bytes::Bytes;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::receive::{JsonError, traces_to_protobuf};

use super::MAX_REQUEST_BYTES;
use super::detect::Scanner;
use super::error::{Fault, Place, ReadError};
use super::source::ZSTD_MAGIC;

/// One piece of a recording, not yet looked into, so that several threads can do that.
#[derive(Clone, Debug)]
pub struct Raw {
    /// The piece as it is in the file.
    pub(super) bytes: Bytes,
    /// Where it begins.
    pub(super) place: Place,
    /// Whether it is JSON, if the file's format says so.
    pub(super) json: Option<bool>,
    /// Whether the file says where it ends; the last line of a recording that is being written may
    /// lack that.
    pub(super) complete: bool,
}

/// One export request of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The `ExportTraceServiceRequest` in protobuf. Not checked: the reducer does that.
    pub bytes: Bytes,
    /// Where it stands in the recording.
    pub place: Place,
}

/// What a piece of a recording turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decoded {
    /// Spans.
    Traces(Request),
    /// Logs, metrics or profiles, which are not for us.
    Other,
}

impl Raw {
    /// How large it is as it is in the file, in bytes.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Where it begins.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Makes protobuf of it.
    ///
    /// # Errors
    /// [`ReadError`] if it is not an export request; [`ReadError::is_cut`] if only because the
    /// recording ends in the middle of it.
    pub fn decode(self) -> Result<Decoded, ReadError> {
        let Self { bytes, place, json, complete } = self;
        let text = bytes.clone();
        let decoded = match json {
            Some(true) => decode_json(&bytes),
            Some(false) => Ok(Some(bytes)),
            None => decode_unknown(bytes),
        };
        match decoded {
            Ok(Some(bytes)) => Ok(Decoded::Traces(Request { bytes, place })),
            Ok(None) => Ok(Decoded::Other),
            Err((Fault::Json(_), _)) if !complete && !is_whole(&text) => {
                Err(ReadError { place, fault: Fault::Cut })
            }
            Err((fault, at)) => {
                Err(ReadError { place: at.map_or(place.clone(), |at| at.of(&place)), fault })
            }
        }
    }
}

/// Whether the outermost JSON object ends, whatever is in it.
fn is_whole(text: &[u8]) -> bool {
    let mut scanner = Scanner::default();
    text.iter().any(|byte| scanner.step(*byte))
}

/// Where in a piece of JSON something is wrong.
struct Within {
    /// Lines before it.
    lines: u64,
    /// Bytes before it.
    bytes: u64,
}

impl Within {
    fn new(text: &[u8], error: &JsonError) -> Self {
        let lines = error.line.saturating_sub(1);
        let before: usize =
            text.split_inclusive(|byte| *byte == b'\n').take(lines).map(<[u8]>::len).sum();
        Self { lines: lines as u64, bytes: (before + error.column.saturating_sub(1)) as u64 }
    }

    fn of(&self, start: &Place) -> Place {
        Place {
            line: start.line.map(|line| line + self.lines),
            byte: start.byte + self.bytes,
            ..start.clone()
        }
    }
}

type Outcome = Result<Option<Bytes>, (Fault, Option<Within>)>;

/// A framed request: compressed or not, JSON or protobuf.
fn decode_unknown(bytes: Bytes) -> Outcome {
    let bytes = if bytes.starts_with(&ZSTD_MAGIC) {
        decompress(&bytes).map_err(|fault| (fault, None))?
    } else {
        bytes
    };
    // No protobuf request begins with a brace: that would be field 15 of a message that has one.
    if bytes.starts_with(b"{") {
        // Lines and bytes within a compressed request lead nowhere in the file.
        decode_json(&bytes).map_err(|(fault, _)| (fault, None))
    } else {
        Ok(Some(bytes))
    }
}

fn decompress(bytes: &[u8]) -> Result<Bytes, Fault> {
    let decoder = zstd::stream::read::Decoder::new(bytes).map_err(Fault::DamagedRequest)?;
    let mut plain = Vec::new();
    let limit = MAX_REQUEST_BYTES as u64 + 1;
    decoder.take(limit).read_to_end(&mut plain).map_err(Fault::DamagedRequest)?;
    if plain.len() > MAX_REQUEST_BYTES { Err(Fault::TooLong) } else { Ok(plain.into()) }
}

fn decode_json(text: &[u8]) -> Outcome {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    match first_key(text) {
        Some(b"resourceSpans" | b"resource_spans") | None => {}
        Some(key) if is_other_signal(key) => return Ok(None),
        // Some other key comes first, which JSON allows; or this is something else.
        Some(_) => match top_keys(text) {
            Some(keys) if keys.iter().any(|key| is_other_signal(key.as_bytes())) => {
                return Ok(None);
            }
            Some(keys)
                if !keys.iter().any(|key| key == "resourceSpans" || key == "resource_spans") =>
            {
                let keys = keys.iter().take(4).map(|key| format!("`{key}`")).collect::<Vec<_>>();
                return Err((Fault::NotOtlp(format!("but {}", keys.join(", "))), None));
            }
            _ => {}
        },
    }
    traces_to_protobuf(text).map(Some).map_err(|error| {
        let within = Within::new(text, &error);
        (Fault::Json(error.what), Some(within))
    })
}

fn is_other_signal(key: &[u8]) -> bool {
    matches!(
        key,
        b"resourceLogs"
            | b"resourceMetrics"
            | b"resourceProfiles"
            | b"resource_logs"
            | b"resource_metrics"
    )
}

/// The first key of an object, where that is easily told.
fn first_key(text: &[u8]) -> Option<&[u8]> {
    let rest =
        text.trim_ascii_start().strip_prefix(b"{")?.trim_ascii_start().strip_prefix(b"\"")?;
    let end = rest.iter().take(64).position(|byte| *byte == b'"')?;
    rest.get(..end)
}

/// The keys of a JSON object; `None` if the text is not one.
fn top_keys(text: &[u8]) -> Option<Vec<String>> {
    struct Keys;

    impl<'de> Visitor<'de> for Keys {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut keys = Vec::new();
            while let Some((key, IgnoredAny)) = map.next_entry::<String, IgnoredAny>()? {
                keys.push(key);
            }
            Ok(keys)
        }
    }

    serde_json::Deserializer::from_slice(text).deserialize_map(Keys).ok()
}
