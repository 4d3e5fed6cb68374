//! The last minutes as a small picture: requests a second, stacked by class. In: counts by second.
//! Out: pixels. The worst class lies at the bottom, where its height can be read.

use bevy::asset::RenderAssetUsages;
use bevy::prelude::*;
use bevy::render::render_resource::{Extent3d, TextureDimension, TextureFormat};
use spanfall_collector::reduce::hop::{Class, Counts};

/// The classes from the baseline upward.
const STACK: [Class; 4] = [Class::Error, Class::Throttled, Class::Slow, Class::Ok];
/// Seconds that one column averages over, so that single requests make a curve and not a comb.
const SMOOTH: f64 = 3.0;
/// Of the height, what the highest second takes.
const HEADROOM: f64 = 0.94;

/// How solid the ground under the curve of requests that are well is, and how many pixels its
/// line is high.
const GROUND: f32 = 0.35;
const LINE: f64 = 2.0;

/// What a sparkline shows, and how large.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Frame {
    /// Pixels across and down.
    pub(super) size: UVec2,
    /// Seconds from its left to its right edge.
    pub(super) seconds: usize,
    /// Requests a second at the top; at least [`peak`] of what is drawn, else it is cut off.
    pub(super) peak: f64,
}

/// The highest smoothed rate of the last `seconds` seconds: what a sparkline's scale needs.
pub(super) fn peak(past: &[Counts], seconds: usize) -> f64 {
    let first = past.len().saturating_sub(seconds);
    (first..past.len()).map(|second| mean(past, second as f64 + 0.5).total()).fold(0.0, f64::max)
}

/// Draws the past, oldest second first, as RGBA with straight alpha. `color` gives a class's
/// colour. What is older than the past is transparent.
pub(super) fn draw(past: &[Counts], frame: Frame, color: impl Fn(Class) -> Srgba) -> Vec<u8> {
    let Frame { size, seconds, peak } = frame;
    let (width, height) = (size.x as usize, size.y as usize);
    let mut pixels = vec![0; width * height * 4];
    if peak <= 0.0 || peak.is_nan() {
        return pixels;
    }
    let scale = HEADROOM * f64::from(size.y) / peak;
    let oldest = past.len() as f64 - seconds as f64;
    for x in 0..width {
        let at = oldest + (x as f64 + 0.5) / width as f64 * seconds as f64;
        if at < 0.0 {
            continue;
        }
        let counts = mean(past, at);
        let mut from = 0.0;
        for class in STACK {
            let count = counts.of(class).max(0.0);
            // Trouble that is there is seen, however little it is.
            let least = if count > 0.0 && class != Class::Ok { 1.0 } else { 0.0 };
            let to = from + (count * scale).max(least);
            let color = color(class);
            if class == Class::Ok {
                // What is well is quiet: a faint ground below a clear line.
                let line = (to - LINE).max(from);
                fill(&mut pixels, size, x, (from, line), color.with_alpha(color.alpha * GROUND));
                fill(&mut pixels, size, x, (line, to), color);
            } else {
                fill(&mut pixels, size, x, (from, to), color);
            }
            from = to;
        }
    }
    pixels
}

/// What [`draw`] has drawn, for a UI node.
pub(super) fn image(size: UVec2, pixels: Vec<u8>) -> Image {
    Image::new(
        Extent3d { width: size.x, height: size.y, depth_or_array_layers: 1 },
        TextureDimension::D2,
        pixels,
        TextureFormat::Rgba8UnormSrgb,
        RenderAssetUsages::RENDER_WORLD,
    )
}

/// Counts a second around a moment, averaged over [`SMOOTH`] seconds.
fn mean(past: &[Counts], at: f64) -> Counts {
    let (from, to) = (at - SMOOTH / 2.0, at + SMOOTH / 2.0);
    let mut sum = Counts::default();
    let mut covered = 0.0;
    let first = from.floor().max(0.0) as usize;
    for (second, counts) in past.iter().enumerate().skip(first) {
        let start = second as f64;
        if start >= to {
            break;
        }
        let part = (to.min(start + 1.0) - from.max(start)).max(0.0);
        covered += part;
        let Counts { ok, slow, throttled, error, cold } = *counts;
        sum.add(&Counts {
            ok: ok * part,
            slow: slow * part,
            throttled: throttled * part,
            error: error * part,
            cold: cold * part,
        });
    }
    if covered <= 0.0 {
        return Counts::default();
    }
    Counts {
        ok: sum.ok / covered,
        slow: sum.slow / covered,
        throttled: sum.throttled / covered,
        error: sum.error / covered,
        cold: sum.cold / covered,
    }
}

/// Fills a column from one height above the baseline to another; ends that fall within a pixel
/// cover part of it.
fn fill(pixels: &mut [u8], size: UVec2, x: usize, (from, to): (f64, f64), color: Srgba) {
    let height = size.y as usize;
    let lowest = from.floor() as usize;
    let highest = (to.ceil() as usize).min(height);
    for row in lowest..highest {
        let bottom = row as f64;
        let cover = (to.min(bottom + 1.0) - from.max(bottom)).clamp(0.0, 1.0) as f32;
        let at = ((height - 1 - row) * size.x as usize + x) * 4;
        let Some(pixel) = pixels.get_mut(at..at + 4) else { continue };
        blend(pixel, color, cover * color.alpha);
    }
}

/// Adds a colour to a pixel of which it covers a part that nothing else does.
fn blend(pixel: &mut [u8], color: Srgba, cover: f32) {
    let before = f32::from(pixel[3]) / 255.0;
    let after = (before + cover).min(1.0);
    if after <= 0.0 {
        return;
    }
    let share = 1.0 - before / after;
    for (part, wanted) in pixel.iter_mut().zip([color.red, color.green, color.blue]) {
        let mixed = f32::from(*part) / 255.0 * (1.0 - share) + wanted * share;
        *part = (mixed * 255.0 + 0.5) as u8;
    }
    pixel[3] = (after * 255.0 + 0.5) as u8;
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SIZE: UVec2 = UVec2::new(60, 20);

    fn color(class: Class) -> Srgba {
        match class {
            Class::Ok => Srgba::BLUE,
            Class::Error => Srgba::RED,
            _ => Srgba::GREEN,
        }
    }

    fn drawn(past: &[Counts]) -> Vec<[u8; 4]> {
        let frame = Frame { size: SIZE, seconds: 60, peak: peak(past, 60) };
        let bytes = draw(past, frame, color);
        bytes.chunks(4).map(|pixel| [pixel[0], pixel[1], pixel[2], pixel[3]]).collect()
    }

    fn at(pixels: &[[u8; 4]], x: u32, above_base: u32) -> [u8; 4] {
        pixels[((SIZE.y - 1 - above_base) * SIZE.x + x) as usize]
    }

    #[test]
    fn errors_lie_at_the_bottom_and_the_rest_above_them() {
        let past = vec![Counts { ok: 10.0, error: 10.0, ..Counts::default() }; 60];
        let pixels = drawn(&past);
        assert_eq!(at(&pixels, 30, 2), [255, 0, 0, 255]);
        assert_eq!(at(&pixels, 30, 17), [0, 0, 255, 255]);
        assert_eq!(at(&pixels, 30, 14)[..3], [0, 0, 255]);
        assert_eq!(at(&pixels, 30, 19)[3], 0, "a little room is left at the top");
    }

    #[test]
    fn a_single_error_among_many_requests_is_seen() {
        let mut past = vec![Counts { ok: 1e6, ..Counts::default() }; 60];
        past[30].error = 1.0;
        let pixels = drawn(&past);
        assert_eq!(at(&pixels, 30, 0), [255, 0, 0, 255]);
        assert_eq!(at(&pixels, 10, 0)[..3], [0, 0, 255]);
    }

    #[test]
    fn a_young_past_fills_the_right_side_only() {
        let past = vec![Counts { ok: 5.0, ..Counts::default() }; 20];
        let pixels = drawn(&past);
        assert_eq!(at(&pixels, 30, 0)[3], 0);
        assert!(at(&pixels, 50, 0)[3] > 0);
    }

    #[test]
    fn silence_draws_nothing() {
        assert!(drawn(&[Counts::default(); 60]).iter().all(|pixel| pixel[3] == 0));
        assert!(drawn(&[]).iter().all(|pixel| pixel[3] == 0));
    }

    proptest! {
        #[test]
        fn any_past_and_size_is_drawn(
            past in prop::collection::vec((0f64..1e9, -5f64..1e9, 0f64..3.0), 0..400),
            width in 1u32..200, height in 1u32..80, top in prop::num::f64::ANY,
        ) {
            let past: Vec<Counts> = past
                .into_iter()
                .map(|(ok, error, slow)| Counts { ok, error, slow, ..Counts::default() })
                .collect();
            let frame = Frame { size: UVec2::new(width, height), seconds: 300, peak: top };
            let bytes = draw(&past, frame, color);
            prop_assert_eq!(bytes.len(), (width * height * 4) as usize);
        }
    }
}
