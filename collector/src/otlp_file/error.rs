//! What can be wrong with a recording. Every error says where (file, line, byte), what, and what to
//! do about it.

use std::fmt;
use std::io;
use std::sync::Arc;

use crate::reduce::Malformed;

use super::{MAX_REQUEST_BYTES, source::Compression};

/// A place in a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file's name as it was given, or `standard input`.
    pub file: Arc<str>,
    /// The line, from 1; protobuf has none.
    pub line: Option<u64>,
    /// The byte, from 0, in the decompressed content.
    pub byte: u64,
    /// Whether the file is compressed, so that `byte` is not one of the file itself.
    pub compressed: bool,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        write!(f, ", byte {}", self.byte)?;
        if self.compressed { f.write_str(" (decompressed)") } else { Ok(()) }
    }
}

/// What is wrong, and where.
#[derive(Debug)]
pub struct ReadError {
    /// Where.
    pub place: Place,
    /// What, and what to do.
    pub fault: Fault,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.fault {
            // There is no place in a file that is not open.
            fault @ (Fault::Open(_) | Fault::Folder(_)) => write!(f, "{} {fault}", self.place.file),
            fault => write!(f, "{}: {fault}", self.place),
        }
    }
}

impl std::error::Error for ReadError {}

impl ReadError {
    /// Whether the recording merely ends in the middle of a request, as it does while it is still
    /// being written: a warning, not a failure.
    pub fn is_cut(&self) -> bool {
        matches!(self.fault, Fault::Cut)
    }

    /// The request that begins at `place` is no request.
    pub fn malformed(mut place: Place, malformed: Malformed) -> Self {
        // Where the request is JSON, the fault's byte is one of its translation.
        if place.line.is_none() {
            place.byte += malformed.at as u64;
        }
        Self { place, fault: Fault::Malformed(malformed) }
    }
}

/// What can be wrong.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The file cannot be opened.
    #[error("cannot be opened: {0}")]
    Open(io::Error),
    /// The file is a folder.
    #[error("is a folder; name the files in it, such as {0}/*.jsonl")]
    Folder(String),
    /// Reading failed halfway.
    #[error("cannot be read any further: {0}")]
    Read(io::Error),
    /// The compressed data is damaged.
    #[error(
        "the {format} data is damaged near byte {at} of the file ({error}); copy it anew, or save \
         what is left with `{} {file} > saved.jsonl`",
        if *format == Compression::Zstd { "zstd -dc" } else { "gzip -dc" }
    )]
    Damaged {
        /// How the file is compressed.
        format: Compression,
        /// The file's name.
        file: Arc<str>,
        /// How far the file itself was read.
        at: u64,
        /// What the decompressor says.
        error: io::Error,
    },
    /// The content is in no format that is known here.
    #[error(
        "is neither OTLP JSON nor OTLP protobuf with lengths (it begins with {0}); give files as \
         the OpenTelemetry Collector's file exporter writes them"
    )]
    Unknown(String),
    /// A JSON array at the top.
    #[error("is a JSON array; put one request on a line: `jq -c '.[]' FILE > requests.jsonl`")]
    Array,
    /// One request is larger than is read at once.
    #[error(
        "a request of more than {} MiB; split it: `jq -c '.resourceSpans[] | {{resourceSpans: \
         [.]}}' FILE > smaller.jsonl`",
        MAX_REQUEST_BYTES >> 20
    )]
    TooLong,
    /// A length that no request has.
    #[error(
        "a request of {size} bytes, more than the {} MiB that are read at once; more likely the \
         file is damaged here",
        MAX_REQUEST_BYTES >> 20
    )]
    Length {
        /// The length.
        size: u64,
    },
    /// The text is not a request in JSON.
    #[error("{0}; mend it, or pass over it with --keep-going")]
    Json(String),
    /// JSON of something else.
    #[error("holds no `resourceSpans` ({0}); is this OTLP?")]
    NotOtlp(String),
    /// The bytes are not a request in protobuf.
    #[error("{0}; pass over it with --keep-going")]
    Malformed(Malformed),
    /// A compressed request within the file cannot be decompressed.
    #[error("a zstd-compressed request is damaged ({0}); pass over it with --keep-going")]
    DamagedRequest(io::Error),
    /// A JSON document that spans lines does not end.
    #[error("the JSON value that begins here does not end; is the file complete?")]
    Unfinished,
    /// The recording ends in the middle of a request.
    #[error(
        "ends in the middle of a request, as a recording does while it is still being written; \
         everything before was read"
    )]
    Cut,
}
