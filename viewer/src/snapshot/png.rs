//! A rendered image becomes a PNG file: whole, or not at all. In: an [`Image`]. Out: a file.

use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use bevy::image::IntoDynamicImageError;
use bevy::prelude::Image;
use image::ImageFormat;

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The file cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The image cannot be encoded.
    #[error("cannot encode {}: {source}", path.display())]
    Encode {
        /// The file.
        path: PathBuf,
        /// What the encoder says.
        source: image::ImageError,
    },
    /// The renderer's image has a form that PNG has not.
    #[error("cannot turn the rendered image into a PNG: {0}")]
    Convert(#[from] IntoDynamicImageError),
    /// The graphics driver cannot draw so large.
    #[error(
        "{width}x{height} is too large for this graphics driver, which draws {most}x{most} at most"
    )]
    TooLarge {
        /// Pixels across that were asked for.
        width: u32,
        /// Pixels down that were asked for.
        height: u32,
        /// Pixels in either direction at most.
        most: u32,
    },
    /// No node or edge of that name.
    #[error("no node is called {name:?} at that time; there are {known}")]
    NoSuchNode {
        /// The name that was asked for.
        name: String,
        /// The names of some that are there.
        known: String,
    },
    /// The renderer came to nothing.
    #[error("the renderer gave no picture within {0} seconds; its own messages above say more")]
    NothingRendered(u64),
}

/// Writes the image as a PNG. The file appears when it is complete: who watches it never reads
/// half a picture.
///
/// # Errors
/// [`SnapshotError`], with the path, when the folder is missing or cannot be written to.
pub(super) fn write(image: Image, path: &Path) -> Result<(), SnapshotError> {
    // The alpha channel holds nothing that a viewer of the PNG should see through.
    let picture = image.try_into_dynamic()?.into_rgb8();
    let told = |source| SnapshotError::Write { path: path.to_owned(), source };
    let unfinished = unfinished(path);
    let file = std::fs::File::create(&unfinished).map_err(told)?;
    let mut file = BufWriter::new(file);
    let result = picture
        .write_to(&mut file, ImageFormat::Png)
        .map_err(|source| SnapshotError::Encode { path: path.to_owned(), source })
        .and_then(|()| file.flush().map_err(told))
        .and_then(|()| std::fs::rename(&unfinished, path).map_err(told));
    if result.is_err() {
        // What matters is the first error; the remains may stay where they cannot be removed.
        let _ = std::fs::remove_file(&unfinished);
    }
    result
}

/// Where a file is written until it is complete: beside it, so that renaming it is one step.
pub(super) fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    path.with_file_name(name)
}
