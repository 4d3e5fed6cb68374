//! Which file, and what it is about: `FILE`, `NAME=FILE`, `-`. In: an argument. Out: its text, and
//! the name that its listing lacks.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::error::{TriggersError, Wrong};

/// One argument of the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Input {
    /// What messages call it.
    pub(super) file: String,
    /// The bucket or rule that was named before a `=`.
    pub(super) given: Option<String>,
    /// `None` is standard input.
    path: Option<PathBuf>,
}

impl Input {
    /// A file that exists may have a `=` in its name.
    pub(super) fn parse(argument: &OsStr) -> Self {
        if !Path::new(argument).exists()
            && let Some((name, file)) = argument.to_str().and_then(|text| text.split_once('='))
            && !name.is_empty()
        {
            return Self { given: Some(name.to_owned()), ..Self::parse_file(OsStr::new(file)) };
        }
        Self::parse_file(argument)
    }

    fn parse_file(file: &OsStr) -> Self {
        if file == "-" {
            return Self { file: "standard input".to_owned(), given: None, path: None };
        }
        let path = PathBuf::from(file);
        Self { file: path.display().to_string(), given: None, path: Some(path) }
    }

    /// The file's name without folder and extension, as far as it is text.
    pub(super) fn stem(&self) -> Option<&str> {
        self.path.as_ref()?.file_stem()?.to_str()
    }

    /// Its text.
    pub(super) fn read(&self) -> Result<String, TriggersError> {
        let read = match &self.path {
            Some(path) => fs::read_to_string(path),
            None => {
                let mut text = String::new();
                io::stdin().read_to_string(&mut text).map(|_| text)
            }
        };
        let text = read.map_err(|error| Wrong::Read(error).in_file(&self.file))?;
        // Some shells begin a file with a byte order mark.
        Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
    }
}

/// Standard input can be read once.
pub(super) fn check(inputs: &[Input]) -> Result<(), TriggersError> {
    match inputs.iter().filter(|input| input.path.is_none()).nth(1) {
        Some(twice) => Err(Wrong::Twice.in_file(&twice.file)),
        None => Ok(()),
    }
}
