//! Where a recording's bytes come from. In: a file, standard input, or bytes in memory, compressed
//! or not. Out: [`Content`], a growing window on the decompressed bytes.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Buf, Bytes, BytesMut};

use super::error::{Fault, Place, ReadError};
use super::zstd_again;

/// A recording that can be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A file.
    File(PathBuf),
    /// Standard input.
    Stdin,
    /// Bytes in memory, such as a bundled sample.
    Memory {
        /// What messages call it.
        name: String,
        /// The file's content, compressed or not.
        bytes: Bytes,
    },
}

impl Input {
    /// What messages call it.
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Stdin => "standard input".to_owned(),
            Self::Memory { name, .. } => name.clone(),
        }
    }

    /// Whether it can be opened, as far as that can be told without reading from it.
    ///
    /// # Errors
    /// [`ReadError`] if there is no such file, or it is a folder, or may not be read.
    pub fn check(&self) -> Result<(), ReadError> {
        let Self::File(path) = self else { return Ok(()) };
        let file: Arc<str> = self.name().into();
        let is = path.metadata().map_err(|error| failed(&file, Fault::Open(error)))?;
        if is.is_dir() {
            return Err(failed(&file, Fault::Folder(file.trim_end_matches('/').to_owned())));
        }
        if is.is_file() {
            // A pipe is left alone: whoever writes to it would notice.
            File::open(path).map_err(|error| failed(&file, Fault::Open(error)))?;
        }
        Ok(())
    }

    /// Its size in bytes as it is stored, if that is known beforehand.
    pub fn size(&self) -> Option<u64> {
        match self {
            Self::File(path) => {
                path.metadata().ok().filter(std::fs::Metadata::is_file).map(|file| file.len())
            }
            Self::Stdin => None,
            Self::Memory { bytes, .. } => Some(bytes.len() as u64),
        }
    }

    /// Whether it can be read more than once; pipes cannot.
    pub fn is_repeatable(&self) -> bool {
        match self {
            Self::File(path) => path.metadata().is_ok_and(|file| file.is_file()),
            Self::Stdin => false,
            Self::Memory { .. } => true,
        }
    }
}

impl From<PathBuf> for Input {
    fn from(path: PathBuf) -> Self {
        if path == Path::new("-") { Self::Stdin } else { Self::File(path) }
    }
}

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// zstd.
    Zstd,
    /// gzip.
    Gzip,
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
        })
    }
}

/// What every zstd frame begins with.
pub(super) const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// How much is read at a time: large enough that a system call is nothing to it, small enough to
/// stay in a processor's cache.
pub(super) const CHUNK: usize = 256 << 10;

/// A window on the decompressed bytes of a recording.
pub(super) struct Content {
    file: Arc<str>,
    inner: Box<dyn Read + Send>,
    compression: Option<Compression>,
    /// Bytes of the file itself that were read so far.
    read: Arc<AtomicU64>,
    window: BytesMut,
    /// Bytes consumed before the window.
    consumed: u64,
    end: Option<End>,
}

/// How the content ends.
enum End {
    /// As it should.
    Whole,
    /// The compressed stream is not finished.
    Cut,
    /// Reading failed; told once.
    Failed(Option<io::Error>),
}

impl Content {
    /// Opens a recording; `read` counts the bytes of the file itself as they are read.
    pub(super) fn open(input: &Input, read: Arc<AtomicU64>) -> Result<Self, ReadError> {
        let file: Arc<str> = input.name().into();
        let raw: Box<dyn Read + Send> = match input {
            Input::File(path) => {
                input.check()?;
                Box::new(File::open(path).map_err(|error| failed(&file, Fault::Open(error)))?)
            }
            Input::Stdin => Box::new(io::stdin()),
            Input::Memory { bytes, .. } => Box::new(Cursor::new(bytes.clone())),
        };
        Self::from_read(file, raw, read)
    }

    /// Reads a recording from wherever `raw` gets it.
    pub(super) fn from_read(
        file: Arc<str>,
        raw: Box<dyn Read + Send>,
        read: Arc<AtomicU64>,
    ) -> Result<Self, ReadError> {
        let counted = Counted { inner: raw, read: Arc::clone(&read) };
        let (inner, compression) =
            decompressed(counted).map_err(|error| failed(&file, Fault::Read(error)))?;
        let window = BytesMut::new();
        Ok(Self { file, inner, compression, read, window, consumed: 0, end: None })
    }

    /// The recording's name.
    pub(super) fn file(&self) -> &str {
        &self.file
    }

    /// What is read and not consumed.
    pub(super) fn window(&self) -> &[u8] {
        &self.window
    }

    /// Whether there is nothing after the window.
    pub(super) fn is_at_end(&self) -> bool {
        self.end.is_some()
    }

    /// Reads some more into the window. Returns false at the end, be it a good one or a bad one.
    pub(super) fn grow(&mut self) -> bool {
        if self.end.is_some() {
            return false;
        }
        let held = self.window.len();
        self.window.resize(held + CHUNK, 0);
        let outcome = loop {
            let free = self.window.get_mut(held..).unwrap_or_default();
            match self.inner.read(free) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                outcome => break outcome,
            }
        };
        self.window.truncate(held + outcome.as_ref().map_or(0, |count| *count));
        self.end = match outcome {
            Ok(0) => Some(End::Whole),
            Ok(_) => None,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Some(End::Cut),
            Err(error) => Some(End::Failed(Some(error))),
        };
        self.end.is_none()
    }

    /// Reads until the window holds `size` bytes or the content ends.
    pub(super) fn grow_to(&mut self, size: usize) {
        while self.window.len() < size && self.grow() {}
    }

    /// Takes the window's first bytes; at most what it holds.
    pub(super) fn take(&mut self, count: usize) -> Bytes {
        let count = count.min(self.window.len());
        self.consumed += count as u64;
        self.window.split_to(count).freeze()
    }

    /// Drops the window's first bytes; at most what it holds.
    pub(super) fn skip(&mut self, count: usize) {
        let count = count.min(self.window.len());
        self.consumed += count as u64;
        self.window.advance(count);
    }

    /// The place of the window's first byte.
    pub(super) fn place(&self, line: Option<u64>) -> Place {
        Place {
            file: Arc::clone(&self.file),
            line,
            byte: self.consumed,
            compressed: self.compression.is_some(),
        }
    }

    /// A cut that has been told need not be told again.
    pub(super) fn forget_cut(&mut self) {
        if matches!(self.end, Some(End::Cut)) {
            self.end = Some(End::Whole);
        }
    }

    /// What is wrong with how the content ends, if anything; a failure is told once.
    pub(super) fn bad_end(&mut self, line: Option<u64>) -> Option<ReadError> {
        let fault = match self.end.as_mut()? {
            End::Whole => return None,
            End::Cut => {
                self.forget_cut();
                Fault::Cut
            }
            End::Failed(error) => match (error.take()?, self.compression) {
                (error, None) => Fault::Read(error),
                (error, Some(format)) => Fault::Damaged {
                    format,
                    file: Arc::clone(&self.file),
                    at: self.read.load(Ordering::Relaxed),
                    error,
                },
            },
        };
        Some(ReadError { place: self.place(line), fault })
    }
}

/// What is wrong before anything was read.
fn failed(file: &Arc<str>, fault: Fault) -> ReadError {
    let place = Place { file: Arc::clone(file), line: None, byte: 0, compressed: false };
    ReadError { place, fault }
}

/// Counts what is read.
struct Counted {
    inner: Box<dyn Read + Send>,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// Decompresses what is compressed. The content tells, not the name: recordings get renamed.
fn decompressed(mut raw: Counted) -> io::Result<(Box<dyn Read + Send>, Option<Compression>)> {
    let mut head = Vec::with_capacity(4);
    raw.by_ref().take(4).read_to_end(&mut head)?;
    let compression = if head == ZSTD_MAGIC {
        Some(Compression::Zstd)
    } else if head.starts_with(&[0x1f, 0x8b]) {
        Some(Compression::Gzip)
    } else {
        None
    };
    let whole = Read::chain(Cursor::new(head), raw);
    Ok((
        match compression {
            None => Box::new(whole),
            Some(Compression::Zstd) => Box::new(zstd_again::decompressed(whole)?),
            Some(Compression::Gzip) => {
                let buffered = BufReader::with_capacity(CHUNK, whole);
                Box::new(flate2::bufread::MultiGzDecoder::new(buffered))
            }
        },
        compression,
    ))
}
