//! Recordings: files of OTLP export requests. In: a file, standard input or bytes in memory, as JSON
//! (one request, or one a line) or as protobuf with lengths, plain or compressed. Out: the requests,
//! one after the other, as protobuf bytes with their place in the file.
//!
//! The format is told by the content, so that a renamed file still reads. A recording is never held
//! in memory; one request is, up to [`MAX_REQUEST_BYTES`].

#[cfg(test)]
pub(crate) mod any;
mod detect;
mod error;
mod request;
mod source;
mod split;
#[cfg(test)]
mod tests;
mod zstd_again;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

pub use error::{Fault, Place, ReadError};
pub use request::{Decoded, Raw, Request};
pub use source::{Compression, Input};

use source::Content;
use split::Splitter;

/// The largest request that is read, in bytes, both as it is in the file and decompressed. Sixteen
/// times what exporters send at most, and little enough to hold a few of them at once.
pub const MAX_REQUEST_BYTES: usize = 64 << 20;

/// Reads one recording, piece by piece.
pub struct Reader {
    splitter: Splitter,
}

impl Reader {
    /// Opens a recording and looks at its first bytes. `read` counts the bytes of the file itself
    /// as they are read, for progress bars.
    ///
    /// # Errors
    /// [`ReadError`] if it cannot be opened, or is no recording.
    pub fn open(input: &Input, read: Arc<AtomicU64>) -> Result<Self, ReadError> {
        Self::begin(Content::open(input, read)?)
    }

    /// Looks at the first bytes.
    fn begin(mut content: Content) -> Result<Self, ReadError> {
        content.grow_to(detect::LOOK);
        let (head, whole) = (content.window(), content.is_at_end());
        let framing = match detect::framing(head, whole, names_lines(content.file())) {
            Ok(framing) => framing,
            Err(fault) => {
                // Content that cannot be read on explains why it makes no sense.
                let bad = content.bad_end(None).filter(|bad| !bad.is_cut());
                return Err(bad.unwrap_or_else(|| ReadError { place: content.place(None), fault }));
            }
        };
        Ok(Self { splitter: Splitter::new(content, framing) })
    }
}

impl Iterator for Reader {
    type Item = Result<Raw, ReadError>;

    /// The next piece. After an error that leaves a way to go on (a line that is too long), the next
    /// piece after it; after any other, nothing.
    fn next(&mut self) -> Option<Self::Item> {
        self.splitter.next()
    }
}

/// Whether a name says that there is one request a line.
fn names_lines(name: &str) -> bool {
    let path = Path::new(name);
    let bare = match path.extension().and_then(|extension| extension.to_str()) {
        Some("zst" | "gz") => path.with_extension(""),
        _ => path.to_path_buf(),
    };
    bare.extension().is_some_and(|extension| extension == "jsonl" || extension == "ndjson")
}

/// Reads the requests of one recording, and counts what else is in it.
pub struct Requests {
    reader: Reader,
    keep_going: bool,
    losses: Losses,
}

/// What was in a recording besides requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Pieces with logs, metrics or profiles.
    pub other: u64,
    /// Requests that could not be read and were passed over.
    pub unreadable: u64,
    /// What is wrong with the first of these.
    pub first: Option<String>,
    /// Where the recordings end in the middle of a request.
    pub cut: Vec<String>,
}

impl Losses {
    /// Takes what is wrong with one piece: counts it if it may be passed over.
    ///
    /// # Errors
    /// The same error, if it may not.
    pub fn pass_over(&mut self, error: ReadError, keep_going: bool) -> Result<(), ReadError> {
        if error.is_cut() {
            self.cut.push(error.to_string());
        } else if keep_going {
            self.unreadable += 1;
            self.first.get_or_insert_with(|| error.to_string());
        } else {
            return Err(error);
        }
        Ok(())
    }

    /// Adds another's.
    pub fn add(&mut self, other: Self) {
        self.other += other.other;
        self.unreadable += other.unreadable;
        self.first = self.first.take().or(other.first);
        self.cut.extend(other.cut);
    }

    /// Says in the log what was lost, if anything.
    pub fn warn(&self) {
        for cut in &self.cut {
            tracing::warn!("{cut}");
        }
        if self.other > 0 {
            tracing::info!(
                "passed over logs, metrics or profiles ({}): only spans make edges",
                self.other
            );
        }
        if let Some(first) = &self.first {
            tracing::warn!(
                "passed over what cannot be read ({}); the first: {first}",
                self.unreadable
            );
        }
    }
}

impl Requests {
    /// Opens a recording. What cannot be read is an error, or, with `keep_going`, passed over; what
    /// is merely cut off at the end is passed over always.
    ///
    /// # Errors
    /// [`ReadError`] if it cannot be opened, or is no recording.
    pub fn open(input: &Input, keep_going: bool) -> Result<Self, ReadError> {
        Self::open_counted(input, keep_going, Arc::default())
    }

    /// Opens a recording; `read` counts the bytes of the file itself as they are read.
    ///
    /// # Errors
    /// As [`Requests::open`].
    pub fn open_counted(
        input: &Input,
        keep_going: bool,
        read: Arc<AtomicU64>,
    ) -> Result<Self, ReadError> {
        let reader = Reader::open(input, read)?;
        Ok(Self { reader, keep_going, losses: Losses::default() })
    }

    /// Takes what turned out to be wrong with a request after it was read.
    ///
    /// # Errors
    /// The same error, unless it may be passed over.
    pub fn pass_over(&mut self, error: ReadError) -> Result<(), ReadError> {
        self.losses.pass_over(error, self.keep_going)
    }

    /// What else there was so far.
    pub fn losses(&self) -> &Losses {
        &self.losses
    }
}

impl Iterator for Requests {
    type Item = Result<Request, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let error = match self.reader.next()?.and_then(Raw::decode) {
                Ok(Decoded::Traces(request)) => return Some(Ok(request)),
                Ok(Decoded::Other) => {
                    self.losses.other += 1;
                    continue;
                }
                Err(error) => error,
            };
            if let Err(error) = self.losses.pass_over(error, self.keep_going) {
                return Some(Err(error));
            }
        }
    }
}
