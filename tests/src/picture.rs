//! Pictures compared. In: the picture that came out and the golden one. Out: whether they show the
//! same to a person, and, where not, a picture of the difference to look at.

use std::path::{Path, PathBuf};

use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};

/// How far pictures may differ and still be the same to a person. Drivers round differently: edges
/// of shapes and text are a shade lighter or darker, here and there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// The difference of a channel (0..=255) up to which pixels are equal.
    pub channel: u8,
    /// The share (0..=1) of pixels that may differ by more.
    pub pixels: f64,
    /// The difference of a channel that no pixel may exceed in pictures of an eighth of the size:
    /// something small that is missing shows there even though it is few pixels.
    pub blurred: u8,
}

impl Default for Tolerance {
    fn default() -> Self {
        Self { channel: 24, pixels: 0.005, blurred: 16 }
    }
}

/// How far two pictures are apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// The share of pixels that differ by more than [`Tolerance::channel`].
    pub pixels: f64,
    /// The largest difference of a channel in pictures of an eighth of the size.
    pub blurred: u8,
}

fn apart(a: &Rgb<u8>, b: &Rgb<u8>) -> u8 {
    a.0.iter().zip(b.0).map(|(a, b)| a.abs_diff(b)).max().unwrap_or(0)
}

/// Measures two pictures of one size.
pub fn difference(expected: &RgbImage, actual: &RgbImage, channel: u8) -> Difference {
    let pairs = expected.pixels().zip(actual.pixels());
    let differing = pairs.filter(|(a, b)| apart(a, b) > channel).count();
    let (width, height) = ((expected.width() / 8).max(1), (expected.height() / 8).max(1));
    let blurred = |picture| imageops::resize(picture, width, height, FilterType::Triangle);
    let (expected_small, actual_small) = (blurred(expected), blurred(actual));
    Difference {
        pixels: differing as f64 / f64::from((expected.width() * expected.height()).max(1)),
        blurred: expected_small
            .pixels()
            .zip(actual_small.pixels())
            .map(|(a, b)| apart(a, b))
            .max()
            .unwrap_or(0),
    }
}

/// Fails unless `actual` looks like the golden picture `tests/golden/NAME.png`. A failure leaves
/// expected, actual and difference side by side in `folder`. `UPDATE_GOLDEN=1` writes the golden
/// picture instead.
///
/// # Panics
/// If they differ, or a file cannot be read or written.
#[track_caller]
pub fn assert_golden(name: &str, actual: &RgbImage, tolerance: Tolerance, folder: &Path) {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(format!("{name}.png"));
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
        actual.save(&golden).expect("the golden picture can be written");
        return;
    }
    let again = "if the new picture is as it should be, write it with UPDATE_GOLDEN=1 tests/run";
    let expected = match image::open(&golden) {
        Ok(expected) => expected.into_rgb8(),
        Err(error) => {
            let left = folder.join(format!("{name}.actual.png"));
            actual.save(&left).expect("the picture can be written");
            panic!("{}: {error}; the picture is {}; {again}", golden.display(), left.display());
        }
    };
    if expected.dimensions() != actual.dimensions() {
        let beside = save_beside(name, &expected, actual, folder);
        panic!(
            "{name} is {:?} pixels large and should be {:?}; see {}",
            actual.dimensions(),
            expected.dimensions(),
            beside.display()
        );
    }
    let found = difference(&expected, actual, tolerance.channel);
    if found.pixels > tolerance.pixels || found.blurred > tolerance.blurred {
        let beside = save_beside(name, &expected, actual, folder);
        panic!(
            "{name} looks different: {found:?}, allowed {tolerance:?}; look at {} (expected, \
             actual, difference); {again}",
            beside.display()
        );
    }
}

/// Expected, actual and difference side by side.
fn save_beside(name: &str, expected: &RgbImage, actual: &RgbImage, folder: &Path) -> PathBuf {
    let (width, height) =
        (expected.width().max(actual.width()), expected.height().max(actual.height()));
    let mut beside = RgbImage::from_pixel(width * 3 + 16, height, Rgb([90, 90, 90]));
    imageops::replace(&mut beside, expected, 0, 0);
    imageops::replace(&mut beside, actual, i64::from(width) + 8, 0);
    let mut changed = RgbImage::new(width, height);
    for (x, y, pixel) in changed.enumerate_pixels_mut() {
        let (a, b) = (expected.get_pixel_checked(x, y), actual.get_pixel_checked(x, y));
        let apart = a.zip(b).map_or(255, |(a, b)| apart(a, b));
        // Small differences must be seen, too.
        let shade = apart.saturating_mul(4);
        *pixel = Rgb([shade, shade / 2, 0]);
    }
    imageops::replace(&mut beside, &changed, i64::from(width) * 2 + 16, 0);
    let path = folder.join(format!("{name}.diff.png"));
    beside.save(&path).expect("the difference can be written");
    actual.save(folder.join(format!("{name}.actual.png"))).expect("the picture can be written");
    path
}

/// A patch of touching pixels of about one colour.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Patch {
    /// Its middle, in pixels.
    pub center: (u32, u32),
    /// Width and height.
    pub size: (u32, u32),
    /// Its pixels.
    pub pixels: u32,
}

/// How many pixels are within `tolerance` of a colour.
pub fn count(picture: &RgbImage, color: Rgb<u8>, tolerance: u8) -> usize {
    picture.pixels().filter(|pixel| apart(pixel, &color) <= tolerance).count()
}

/// The patches of about one colour, largest first.
pub fn patches(picture: &RgbImage, color: Rgb<u8>, tolerance: u8) -> Vec<Patch> {
    let (width, height) = picture.dimensions();
    let mut seen = vec![false; (width * height) as usize];
    let mut patches = Vec::new();
    let wanted = |x: u32, y: u32| apart(picture.get_pixel(x, y), &color) <= tolerance;
    for start in 0..width * height {
        let (x, y) = (start % width, start / width);
        if seen[start as usize] || !wanted(x, y) {
            continue;
        }
        seen[start as usize] = true;
        let mut reached = vec![(x, y)];
        let (mut low, mut high, mut pixels) = ((x, y), (x, y), 0);
        while let Some((x, y)) = reached.pop() {
            pixels += 1;
            low = (low.0.min(x), low.1.min(y));
            high = (high.0.max(x), high.1.max(y));
            let right = (x + 1 < width).then(|| (x + 1, y));
            let below = (y + 1 < height).then(|| (x, y + 1));
            let left = x.checked_sub(1).map(|x| (x, y));
            let above = y.checked_sub(1).map(|y| (x, y));
            for (x, y) in [right, below, left, above].into_iter().flatten() {
                let place = (y * width + x) as usize;
                if !seen[place] && wanted(x, y) {
                    seen[place] = true;
                    reached.push((x, y));
                }
            }
        }
        patches.push(Patch {
            center: (low.0.midpoint(high.0), low.1.midpoint(high.1)),
            size: (high.0 - low.0 + 1, high.1 - low.1 + 1),
            pixels,
        });
    }
    patches.sort_by_key(|patch| std::cmp::Reverse(patch.pixels));
    patches
}

/// `#RRGGBB` as a colour.
///
/// # Panics
/// If it is none.
#[track_caller]
pub fn color(hex: &str) -> Rgb<u8> {
    let number = u32::from_str_radix(hex.trim_start_matches('#'), 16).expect("#RRGGBB");
    let [_, red, green, blue] = number.to_be_bytes();
    Rgb([red, green, blue])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(at: u32, color: Rgb<u8>) -> RgbImage {
        let mut picture = RgbImage::from_pixel(160, 160, Rgb([10, 15, 22]));
        for x in at..at + 20 {
            for y in at..at + 20 {
                picture.put_pixel(x, y, color);
            }
        }
        picture
    }

    #[test]
    fn a_shade_is_no_difference_and_something_moved_or_missing_is() {
        let tolerance = Tolerance::default();
        let golden = square(40, Rgb([200, 200, 200]));
        let close = difference(&golden, &square(40, Rgb([190, 205, 200])), tolerance.channel);
        assert!(
            close.pixels <= tolerance.pixels && close.blurred <= tolerance.blurred,
            "{close:?}"
        );
        let moved = difference(&golden, &square(60, Rgb([200, 200, 200])), tolerance.channel);
        assert!(moved.pixels > tolerance.pixels && moved.blurred > tolerance.blurred, "{moved:?}");
    }

    #[test]
    fn a_patch_is_found_with_its_middle_and_size() {
        let found = patches(&square(40, Rgb([200, 0, 0])), Rgb([200, 0, 0]), 0);
        let expected = Patch { center: (49, 49), size: (20, 20), pixels: 400 };
        assert_eq!(found, [expected]);
    }

    #[test]
    #[should_panic(expected = "golden")]
    fn a_missing_golden_picture_fails() {
        let folder = tempfile::tempdir().unwrap();
        let picture = RgbImage::new(8, 8);
        assert_golden("no-such-picture", &picture, Tolerance::default(), folder.path());
    }
}
