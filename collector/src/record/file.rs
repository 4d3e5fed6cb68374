//! One file of a recording. In: lines. Out: a file that can be read while it grows, and after a
//! crash up to the last flush.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

/// zstd's own default: at higher levels recordings shrink by some percent at many times the work.
const LEVEL: i32 = 3;

/// A file that is being written.
pub(super) struct RecordingFile {
    path: PathBuf,
    sink: Sink,
    /// Bytes written, before compression.
    written: u64,
    /// Whether there is something that a crash would lose.
    unflushed: bool,
}

enum Sink {
    Plain(BufWriter<File>),
    Zstd(Box<zstd::stream::write::Encoder<'static, BufWriter<File>>>),
}

impl RecordingFile {
    /// Makes a new file.
    pub(super) fn create(path: PathBuf, compress: bool) -> io::Result<Self> {
        let file = File::create_new(&path)?;
        Self::on(file, path, compress)
    }

    /// Writes to an open file; `path` is what messages call it.
    pub(super) fn on(file: File, path: PathBuf, compress: bool) -> io::Result<Self> {
        let file = BufWriter::new(file);
        let sink = if compress {
            let mut encoder = zstd::stream::write::Encoder::new(file, LEVEL)?;
            encoder.include_checksum(true)?;
            Sink::Zstd(Box::new(encoder))
        } else {
            Sink::Plain(file)
        };
        Ok(Self { path, sink, written: 0, unflushed: false })
    }

    pub(super) fn path(&self) -> &PathBuf {
        &self.path
    }

    pub(super) fn written(&self) -> u64 {
        self.written
    }

    pub(super) fn write_line(&mut self, line: &[u8]) -> io::Result<()> {
        self.unflushed = true;
        let writer: &mut dyn Write = match &mut self.sink {
            Sink::Plain(file) => file,
            Sink::Zstd(encoder) => encoder,
        };
        writer.write_all(line)?;
        writer.write_all(b"\n")?;
        self.written += line.len() as u64 + 1;
        Ok(())
    }

    /// Hands everything to the system, in such a way that a reader can make sense of it.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if !std::mem::take(&mut self.unflushed) {
            return Ok(());
        }
        match &mut self.sink {
            Sink::Plain(file) => file.flush(),
            Sink::Zstd(encoder) => encoder.flush(),
        }
    }

    /// Ends the file and waits until it is on the disk. A file with nothing in it is removed.
    pub(super) fn finish(self) -> io::Result<()> {
        let file = match self.sink {
            Sink::Plain(file) => file,
            Sink::Zstd(encoder) => encoder.finish()?,
        };
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        if self.written > 0 {
            return file.sync_all();
        }
        match std::fs::remove_file(&self.path) {
            // Somebody else has tidied up.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }
}
