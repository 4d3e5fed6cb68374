//! Small files that are read as a whole, and written as a whole or not at all. In: a path. Out: its text.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

/// What a file says; none where there is none.
///
/// # Errors
/// When it cannot be read, is no text, or has more than `largest` bytes.
pub(crate) fn read(file: &Path, largest: u64) -> io::Result<Option<String>> {
    match fs::metadata(file) {
        Ok(about) if about.len() > largest => {
            Err(io::Error::new(io::ErrorKind::InvalidData, "it is too large"))
        }
        Ok(_) => fs::read_to_string(file).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes a file beside it and puts that in its place: whoever reads finds the old one or the new
/// one, also when the power goes. Its folder is made where there is none.
///
/// # Errors
/// When it cannot be written; then nothing is left beside it.
pub(crate) fn write(file: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    // Two viewers may write at the same time.
    let mut beside = OsString::from(file);
    beside.push(format!(".{}", std::process::id()));
    let written = (|| {
        let mut new = fs::File::create(&beside)?;
        new.write_all(text.as_bytes())?;
        new.sync_all()?;
        fs::rename(&beside, file)
    })();
    if written.is_err() {
        // Nothing more can be done about what was left there.
        let _ = fs::remove_file(&beside);
    }
    written
}
