//! Which file a line goes to. In: lines and the time. Out: files of limited size and age, the oldest
//! of them removed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::file::RecordingFile;
use super::settings::{Options, Settings};
use super::stamp::Stamp;

/// Why nothing can be recorded, or no more.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The folder cannot be made.
    #[error("cannot make the folder {path}: {error}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The file is there already.
    #[error("{0} is there already; move it away, or record to another name")]
    Exists(PathBuf),
    /// The name asks for what is not written.
    #[error(
        "{0} does not tell what to write: name a folder, or a single file that ends in .jsonl or \
         .jsonl.zst"
    )]
    Name(PathBuf),
    /// The name says that the file is not compressed, and the options that it is.
    #[error("{path} would not be compressed; name it {path}.zst, or leave out --compress")]
    Plain {
        /// The file.
        path: PathBuf,
    },
    /// A file cannot be opened or written.
    #[error("cannot write {path}: {error}{}", advice(error))]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The thread that writes cannot be had.
    #[error("cannot start the recorder: {0}")]
    Thread(io::Error),
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "; make room (see --keep-files and --keep-size), then start again"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "; choose a folder that this user may write to"
        }
        _ => "",
    }
}

/// Where lines go.
pub(super) struct Output {
    target: Target,
    options: Options,
    current: Option<Current>,
}

enum Target {
    Folder(PathBuf),
    File { path: PathBuf, compress: bool },
}

struct Current {
    file: RecordingFile,
    opened: SystemTime,
}

impl Output {
    /// Makes the folder and the first file, so that what cannot work fails now.
    pub(super) fn open(settings: Settings, now: SystemTime) -> Result<Self, RecordError> {
        let Settings { target, options } = settings;
        let target = Target::new(target, options.compress)?;
        let folder = match &target {
            Target::Folder(path) => Some(path.as_path()),
            Target::File { path, .. } => path.parent(),
        };
        if let Some(path) = folder.filter(|path| !path.as_os_str().is_empty()) {
            fs::create_dir_all(path)
                .map_err(|error| RecordError::Folder { path: path.to_path_buf(), error })?;
        }
        let mut output = Self { target, options, current: None };
        output.begin(now)?;
        Ok(output)
    }

    /// Writes to this file and no other.
    #[cfg(test)]
    pub(super) fn on(file: RecordingFile) -> Self {
        Self {
            target: Target::File { path: file.path().clone(), compress: false },
            options: Options::default(),
            current: Some(Current { file, opened: SystemTime::now() }),
        }
    }

    /// The file that is being written, if there is one.
    pub(super) fn path(&self) -> Option<&Path> {
        self.current.as_ref().map(|current| current.file.path().as_path())
    }

    /// Writes one line, to a new file if the last one is full or too old.
    pub(super) fn write_line(&mut self, line: &[u8], now: SystemTime) -> Result<(), RecordError> {
        self.end_old(now)?;
        let current = match &mut self.current {
            Some(current) => current,
            None => self.begin(now)?,
        };
        current.file.write_line(line).map_err(|error| failed(&current.file, error))
    }

    /// Hands everything to the system; ends a file that is too old, so that it can be taken away.
    pub(super) fn flush(&mut self, now: SystemTime) -> Result<(), RecordError> {
        if let Some(current) = &mut self.current {
            current.file.flush().map_err(|error| failed(&current.file, error))?;
        }
        self.end_old(now)
    }

    /// Ends the current file.
    pub(super) fn finish(&mut self) -> Result<(), RecordError> {
        let Some(Current { file, .. }) = self.current.take() else { return Ok(()) };
        let path = file.path().clone();
        file.finish().map_err(|error| RecordError::Write { path, error })
    }

    /// Ends the current file if it is full or too old, and not the only one there may be.
    fn end_old(&mut self, now: SystemTime) -> Result<(), RecordError> {
        let (Target::Folder(_), Some(current)) = (&self.target, &self.current) else {
            return Ok(());
        };
        // A clock that was set back makes the file no older.
        let age = now.duration_since(current.opened).unwrap_or_default();
        let written = current.file.written();
        if written > 0 && (written >= self.options.rotate_size || age >= self.options.rotate_age) {
            self.finish()?;
        }
        Ok(())
    }

    fn begin(&mut self, now: SystemTime) -> Result<&mut Current, RecordError> {
        let file = match &self.target {
            Target::Folder(folder) => create_numbered(folder, self.options.compress, now)?,
            Target::File { path, compress } => create(path.clone(), *compress)?,
        };
        if let Target::Folder(folder) = &self.target {
            remove_oldest(folder, file.path(), &self.options);
        }
        Ok(self.current.insert(Current { file, opened: now }))
    }
}

impl Target {
    fn new(path: PathBuf, compress: bool) -> Result<Self, RecordError> {
        if path.is_dir() {
            return Ok(Self::Folder(path));
        }
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.ends_with(".jsonl.zst") {
            Ok(Self::File { path, compress: true })
        } else if name.ends_with(".jsonl") {
            if compress {
                Err(RecordError::Plain { path })
            } else {
                Ok(Self::File { path, compress })
            }
        } else if [".json", ".zst", ".gz", ".pb"].iter().any(|ending| name.ends_with(ending)) {
            Err(RecordError::Name(path))
        } else {
            Ok(Self::Folder(path))
        }
    }
}

fn failed(file: &RecordingFile, error: io::Error) -> RecordError {
    RecordError::Write { path: file.path().clone(), error }
}

fn create(path: PathBuf, compress: bool) -> Result<RecordingFile, RecordError> {
    RecordingFile::create(path.clone(), compress).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => RecordError::Exists(path),
        _ => RecordError::Write { path, error },
    })
}

/// Makes a file with a name of its own; two may begin in the same second.
fn create_numbered(
    folder: &Path,
    compress: bool,
    now: SystemTime,
) -> Result<RecordingFile, RecordError> {
    let mut number = 1;
    loop {
        let path = folder.join(Stamp::new(now, number).file_name(compress));
        match create(path, compress) {
            Err(RecordError::Exists(_)) if number < 10_000 => number += 1,
            created => return created,
        }
    }
}

/// Removes recordings until what is left is within the limits; never the current one. What cannot
/// be removed stays, and the log says so.
fn remove_oldest(folder: &Path, current: &Path, options: &Options) {
    let mut recordings = match recordings(folder) {
        Ok(recordings) => recordings,
        Err(error) => {
            tracing::warn!("cannot look for old recordings in {}: {error}", folder.display());
            return;
        }
    };
    recordings.retain(|recording| recording.path != current);
    recordings.sort_by(|a, b| b.stamp.cmp(&a.stamp));
    // The current file is one of those to keep.
    let (mut files, mut bytes) = (1, 0_u64);
    for recording in recordings {
        files += 1;
        bytes = bytes.saturating_add(recording.size);
        let too_many = options.keep_files > 0 && files > options.keep_files;
        let too_large = options.keep_size > 0 && bytes > options.keep_size;
        if !too_many && !too_large {
            continue;
        }
        match fs::remove_file(&recording.path) {
            Ok(()) => tracing::info!("removed the old recording {}", recording.path.display()),
            Err(error) => {
                let path = recording.path.display();
                tracing::warn!("cannot remove the old recording {path}: {error}");
            }
        }
    }
}

struct Recording {
    stamp: Stamp,
    path: PathBuf,
    size: u64,
}

fn recordings(folder: &Path) -> io::Result<Vec<Recording>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let stamp = entry.file_name().to_str().and_then(Stamp::of_file_name);
        if let (Some(stamp), Ok(metadata)) = (stamp, entry.metadata())
            && metadata.is_file()
        {
            found.push(Recording { stamp, path: entry.path(), size: metadata.len() });
        }
    }
    Ok(found)
}
