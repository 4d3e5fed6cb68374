//! Small signs in panels: the shapes of the classes as particles have them, the symbols of the
//! kinds as nodes have them, and a few of the panels' own. In: [`Sign`] components. Out: images,
//! drawn for the exact size that they have on screen, white, to be tinted.

use bevy::asset::RenderAssetUsages;
use bevy::prelude::*;
use bevy::render::render_resource::{Extent3d, TextureDimension, TextureFormat};
use image::{GrayImage, ImageFormat};
use spanfall_collector::feed::message::Severity;
use spanfall_collector::reduce::hop::Class;
use spanfall_collector::reduce::node::NodeKind;

use crate::scene::theme::Colors;

/// Draws the signs.
pub(super) struct MarksPlugin;

impl Plugin for MarksPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Drawn>()
            .add_systems(PostUpdate, draw_signs.before(bevy::ui::UiSystems::Prepare));
    }
}

/// What a sign shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// A class of requests.
    Class(Class),
    /// A cold start.
    Cold,
    /// A kind of node.
    Kind(NodeKind),
    /// How much attention a notice deserves.
    Severity(Severity),
    /// Closes something.
    Cross,
    /// Stopped.
    Pause,
}

impl Mark {
    /// The colour that it has everywhere.
    pub(super) fn color(self, colors: &Colors) -> Color {
        match self {
            Self::Class(class) => colors.of(class),
            Self::Cold => colors.cold,
            Self::Kind(_) => colors.icon,
            Self::Severity(Severity::Info) => colors.accent,
            Self::Severity(Severity::Warning) | Self::Pause => colors.slow,
            Self::Severity(Severity::Critical) => colors.error,
            Self::Cross => colors.text_secondary,
        }
    }
}

/// Shows a mark in the UI node's own size. The colour is the [`ImageNode`]'s.
#[derive(Component, Clone, Copy, Debug, PartialEq, Eq)]
#[require(ImageNode)]
pub(super) struct Sign {
    /// What it shows.
    pub(super) mark: Mark,
    /// How many logical pixels it is wide and high.
    pub(super) size: u8,
}

/// The images drawn so far, by mark and size in physical pixels. They are few: a mark has two
/// sizes at most, and a window's scale changes when somebody drags its border; then all go.
#[derive(Resource, Default)]
struct Drawn {
    scale: f32,
    images: Vec<(Mark, u32, Handle<Image>)>,
    symbols: Option<GrayImage>,
}

fn draw_signs(
    ui_scale: Res<'_, UiScale>,
    cameras: Query<'_, '_, &Camera, With<IsDefaultUiCamera>>,
    mut drawn: ResMut<'_, Drawn>,
    mut images: ResMut<'_, Assets<Image>>,
    mut signs: Query<'_, '_, (Ref<'_, Sign>, &mut ImageNode)>,
) {
    let factor = cameras.iter().find_map(Camera::target_scaling_factor).unwrap_or(1.0);
    let scale = ui_scale.0 * factor;
    let all = drawn.scale != scale;
    if all {
        drawn.scale = scale;
        drawn.images.clear();
    }
    for (sign, mut node) in &mut signs {
        if !all && !sign.is_changed() {
            continue;
        }
        let pixels = (f32::from(sign.size) * scale).round().max(4.0) as u32;
        node.image = drawn.image(sign.mark, pixels, &mut images);
    }
}

impl Drawn {
    fn image(&mut self, mark: Mark, pixels: u32, images: &mut Assets<Image>) -> Handle<Image> {
        let known = |(of, size, _): &&(Mark, u32, _)| (*of, *size) == (mark, pixels);
        if let Some((_, _, image)) = self.images.iter().find(known) {
            return image.clone();
        }
        let symbols = self.symbols.get_or_insert_with(read_symbols);
        let image = images.add(picture(mark, pixels, symbols));
        self.images.push((mark, pixels, image.clone()));
        image
    }
}

/// White, and as solid as the mark covers each pixel.
fn picture(mark: Mark, pixels: u32, symbols: &GrayImage) -> Image {
    let half = pixels as f32 / 2.0;
    let mut bytes = Vec::with_capacity((pixels * pixels * 4) as usize);
    for y in 0..pixels {
        for x in 0..pixels {
            let p = Vec2::new(x as f32 + 0.5 - half, half - y as f32 - 0.5);
            let cover = (0.5 - distance(mark, p, half, symbols)).clamp(0.0, 1.0);
            bytes.extend([255, 255, 255, (cover * 255.0 + 0.5) as u8]);
        }
    }
    Image::new(
        Extent3d { width: pixels, height: pixels, depth_or_array_layers: 1 },
        TextureDimension::D2,
        bytes,
        TextureFormat::Rgba8UnormSrgb,
        RenderAssetUsages::RENDER_WORLD,
    )
}

/// Pixels from `p` to the mark's outline, negative inside; `p` from the middle, y up. The shapes
/// of the classes are those of `particles.wgsl`.
fn distance(mark: Mark, p: Vec2, half: f32, symbols: &GrayImage) -> f32 {
    let q = p.abs();
    // The longest shape, the diamond, just fits at this radius.
    let radius = half * 0.62;
    match mark {
        Mark::Class(Class::Ok) => p.length() - radius,
        Mark::Class(Class::Slow) => (q.x * 0.62 + q.y) * 0.85 - radius * 0.8,
        Mark::Class(Class::Throttled) => {
            ((q.x + q.y) * std::f32::consts::FRAC_1_SQRT_2 - radius * 0.86).abs() - radius * 0.3
        }
        Mark::Class(Class::Error) => {
            let radius = radius * 1.2;
            let x = p.x + radius * 0.31;
            (-x).max(q.y * 0.866_025_4 + x * 0.5) - radius * 0.62
        }
        Mark::Cold => {
            let dot = p.length() - radius * 0.55;
            let ring = (p.length() - radius * 1.22).abs() - (radius * 0.16).max(0.6);
            dot.min(ring)
        }
        Mark::Kind(kind) => symbol_distance(kind, p, half, symbols),
        Mark::Severity(Severity::Info) => letter_i(p, half),
        Mark::Severity(Severity::Warning) => diamond_outline(p, half).max(-exclamation(p, half)),
        Mark::Severity(Severity::Critical) => (p.length() - half * 0.9).max(-exclamation(p, half)),
        Mark::Cross => segment(q, Vec2::ZERO, Vec2::splat(0.55) * half) - half * 0.11,
        Mark::Pause => {
            segment(q, Vec2::new(0.3, 0.0) * half, Vec2::new(0.3, 0.5) * half) - half * 0.16
        }
    }
}

/// A disc with an i in it.
fn letter_i(p: Vec2, half: f32) -> f32 {
    let turned = Vec2::new(p.x, -p.y);
    (p.length() - half * 0.9).max(-exclamation(turned, half))
}

fn exclamation(p: Vec2, half: f32) -> f32 {
    let stroke = segment(p, Vec2::new(0.0, 0.45) * half, Vec2::new(0.0, -0.02) * half);
    let dot = p.distance(Vec2::new(0.0, -0.42) * half) - half * 0.02;
    stroke.min(dot) - half * 0.12
}

/// A square on its tip with round corners.
fn diamond_outline(p: Vec2, half: f32) -> f32 {
    let corner = half * 0.12;
    let turned = Vec2::new(p.x + p.y, p.x - p.y) * std::f32::consts::FRAC_1_SQRT_2;
    let q = turned.abs() - Vec2::splat(half * 0.68 - corner);
    q.max(Vec2::ZERO).length() + q.x.max(q.y).min(0.0) - corner
}

fn segment(p: Vec2, from: Vec2, to: Vec2) -> f32 {
    let along = to - from;
    let t = ((p - from).dot(along) / along.length_squared().max(1e-6)).clamp(0.0, 1.0);
    p.distance(from + along * t)
}

/// The nodes' symbols: made by `assets/icons/atlas.py`, in the order of [`NodeKind::ALL`].
const ATLAS: &[u8] = include_bytes!("../../../assets/icons/atlas.png");
const COLUMNS: u32 = 4;
/// Texels that one symbol's cell measures, and that lie between 0 and 1 of its distances.
const CELL: u32 = 128;
const SPREAD: f32 = 16.0;

fn read_symbols() -> GrayImage {
    match image::load_from_memory_with_format(ATLAS, ImageFormat::Png) {
        Ok(picture) => picture.into_luma8(),
        Err(error) => {
            error!("the icons cannot be read, so panels have none: {error}");
            GrayImage::new(1, 1)
        }
    }
}

fn symbol_distance(kind: NodeKind, p: Vec2, half: f32, symbols: &GrayImage) -> f32 {
    let place = NodeKind::ALL.iter().position(|other| *other == kind).unwrap_or_default() as u32;
    let corner = Vec2::new((place % COLUMNS * CELL) as f32, (place / COLUMNS * CELL) as f32);
    let texels = CELL as f32 / (half * 2.0);
    let inside = (Vec2::new(p.x + half, half - p.y) * texels).clamp(Vec2::ONE, Vec2::splat(126.0));
    // Texels' values lie in their middles.
    let at = corner + inside - 0.5;
    let (whole, part) = (at.floor(), at.fract());
    let texel = |x: f32, y: f32| {
        let (x, y) = ((whole.x + x) as u32, (whole.y + y) as u32);
        symbols.get_pixel_checked(x, y).map_or(0.0, |pixel| f32::from(pixel.0[0]) / 255.0)
    };
    let upper = texel(0.0, 0.0) * (1.0 - part.x) + texel(1.0, 0.0) * part.x;
    let lower = texel(0.0, 1.0) * (1.0 - part.x) + texel(1.0, 1.0) * part.x;
    let value = upper * (1.0 - part.y) + lower * part.y;
    (0.5 - value) * SPREAD / texels
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Mark> {
        let severities = [Severity::Info, Severity::Warning, Severity::Critical];
        let mut marks: Vec<Mark> = Class::ALL.map(Mark::Class).to_vec();
        marks.extend(NodeKind::ALL.map(Mark::Kind));
        marks.extend(severities.map(Mark::Severity));
        marks.extend([Mark::Cold, Mark::Cross, Mark::Pause]);
        marks
    }

    #[test]
    fn every_mark_is_seen_fits_its_square_and_looks_like_no_other() {
        let symbols = read_symbols();
        let mut seen: Vec<Vec<u8>> = Vec::new();
        for mark in all() {
            for pixels in [14, 48] {
                let image = picture(mark, pixels, &symbols);
                let bytes = image.data.unwrap();
                let cover: Vec<u8> = bytes.chunks(4).map(|pixel| pixel[3]).collect();
                let solid = cover.iter().filter(|&&cover| cover > 127).count();
                assert!(solid * 20 > cover.len(), "{mark:?} at {pixels}: {solid} pixels");
                let side = pixels as usize;
                let rim = (0..side)
                    .flat_map(|i| [i, (side - 1) * side + i, i * side, i * side + side - 1]);
                let cut = rim.filter(|&at| cover[at] > 200).count();
                assert!(cut < side / 4, "{mark:?} at {pixels} is cut off: {cut}");
                assert!(!seen.contains(&cover), "{mark:?}");
                seen.push(cover);
            }
        }
    }
}
