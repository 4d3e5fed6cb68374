//! Panels are drawn into a texture of their own, and anew only when they would look different, as often as
//! the still picture ([`still`](super::still)); each frame copies what there is of them. In: what Bevy's UI
//! is about to draw. Out: [`Panels`].
//!
//! Only where there is no graphics card: there a pixel of a panel costs four times a copied one, since its
//! shader is made for all that a panel may be. A graphics card does not notice.

use std::hash::{BuildHasher as _, Hash as _, Hasher};
use std::time::Instant;

use bevy::camera::Camera2d;
use bevy::platform::hash::FixedHasher;
use bevy::prelude::*;
use bevy::render::camera::ExtractedCamera;
use bevy::render::render_asset::RenderAssets;
use bevy::render::render_resource::{
    BindGroupEntries, PipelineCache, StorageBuffer, TextureFormat, TextureUsages, TextureView,
};
use bevy::render::renderer::{RenderAdapterInfo, RenderDevice, RenderQueue};
use bevy::render::texture::GpuImage;
use bevy::render::view::ExtractedView;
use bevy::ui_render::{ExtractedUiItem, ExtractedUiNodes, NodeType};

use super::frame::Look;
use super::pipeline::Pipelines;
use super::still::{Copied, EVERY, Still, is_software, texture};
use super::tiles::Tiles;

/// The picture of all panels.
#[derive(Resource, Default)]
pub(super) struct Panels {
    /// Where it is drawn; nowhere, if panels are drawn into the window.
    pub(super) texture: Option<Texture>,
    /// Where on the window panels are.
    pub(super) copied: Option<Copied>,
    stretches: StorageBuffer<Vec<Vec4>>,
    /// Whether it is to be drawn in this frame.
    pub(super) fresh: bool,
    /// What it shows; `None` when something was missing as it was drawn.
    shows: Option<u64>,
    drawn: Option<Instant>,
}

/// Its texture.
pub(super) struct Texture {
    size: UVec2,
    format: TextureFormat,
    /// Its colours, each times its opacity.
    pub(super) color: TextureView,
}

/// Makes a texture of the view's size, and decides whether panels are drawn in this frame.
pub(super) fn judge_panels(
    views: Query<'_, '_, (&ExtractedView, &ExtractedCamera), With<Camera2d>>,
    (nodes, images): (Res<'_, ExtractedUiNodes>, Res<'_, RenderAssets<GpuImage>>),
    (look, still): (Res<'_, Look>, Res<'_, Still>),
    (device, queue): (Res<'_, RenderDevice>, Res<'_, RenderQueue>),
    (cache, pipelines): (Res<'_, PipelineCache>, Res<'_, Pipelines>),
    adapter: Res<'_, RenderAdapterInfo>,
    mut panels: ResMut<'_, Panels>,
) {
    panels.fresh = false;
    let Some((view, camera)) = views.iter().next().filter(|_| is_software(&adapter)) else {
        panels.texture = None;
        return;
    };
    let (Some(size), format) = (camera.physical_target_size, view.target_format) else { return };
    if size.min_element() == 0 {
        return;
    }
    if panels.texture.as_ref().is_none_or(|now| (now.size, now.format) != (size, format)) {
        let usage = TextureUsages::TEXTURE_BINDING;
        let color = texture(&device, "spanfall panels", format, size, usage);
        panels.texture = Some(Texture { size, format, color });
        (panels.shows, panels.drawn) = (None, None);
    }
    let now = look_of(&nodes, still.images(), view.viewport);
    let rested = panels.drawn.is_none_or(|drawn| drawn.elapsed() >= EVERY);
    let Panels { texture: Some(texture), copied, stretches, fresh, shows, drawn } = &mut *panels
    else {
        return;
    };
    *fresh = shows.is_none_or(|shows| shows != now && (look.at_once || rested));
    if !*fresh {
        return;
    }
    let there = |image| image == AssetId::default() || images.get(image).is_some();
    let complete = cache.waiting_pipelines().next().is_none()
        && nodes.uinodes.iter().all(|node| there(node.image));
    *shows = complete.then_some(now);
    *drawn = Some(Instant::now());
    let list = stretches.get_mut();
    *list = tiles(&nodes, size, view.viewport.xy().as_vec2()).stretches();
    *copied = Copied::of(stretches, (&device, &queue), |stretches| {
        device.create_bind_group(
            "spanfall panels",
            &cache.get_bind_group_layout(&pipelines.still),
            &BindGroupEntries::sequential((&texture.color, stretches)),
        )
    });
}

/// A number that changes when panels do. `images` does when an image has.
fn look_of(nodes: &ExtractedUiNodes, images: u64, place: UVec4) -> u64 {
    let mut hasher = FixedHasher.build_hasher();
    (images, place).hash(&mut hasher);
    for node in &nodes.uinodes {
        (node.image, node.render_entity).hash(&mut hasher);
        let clip = node
            .clip
            .iter()
            .flat_map(|clip| [clip.min, clip.max])
            .flat_map(|corner| corner.to_array());
        let place = node.transform.to_cols_array().into_iter().chain([node.z_order]).chain(clip);
        numbers(&mut hasher, place);
        match &node.item {
            ExtractedUiItem::Node {
                color,
                rect,
                atlas_scaling,
                flip_x,
                flip_y,
                border_radius,
                border,
                node_type,
            } => {
                (*flip_x, *flip_y).hash(&mut hasher);
                match node_type {
                    NodeType::Rect => 0,
                    NodeType::Inverted => 1,
                    NodeType::Border(flags) => 2 + u64::from(*flags),
                }
                .hash(&mut hasher);
                let corners: [f32; 4] = (*border_radius).into();
                numbers(&mut hasher, color.to_f32_array());
                numbers(&mut hasher, corners);
                let sizes = [rect.min, rect.max, border.min_inset, border.max_inset];
                numbers(
                    &mut hasher,
                    sizes.into_iter().chain(*atlas_scaling).flat_map(|size| size.to_array()),
                );
            }
            ExtractedUiItem::Glyphs { range } => {
                for glyph in nodes.glyphs.get(range.clone()).into_iter().flatten() {
                    numbers(&mut hasher, glyph.color.to_f32_array());
                    let places = [glyph.translation, glyph.rect.min, glyph.rect.max];
                    numbers(&mut hasher, places.into_iter().flat_map(|place| place.to_array()));
                }
            }
        }
    }
    hasher.finish()
}

fn numbers(hasher: &mut impl Hasher, numbers: impl IntoIterator<Item = f32>) {
    numbers.into_iter().for_each(|number| number.to_bits().hash(hasher));
}

/// The tiles that panels are on, of a window of this size, in which the view begins at `place`.
fn tiles(nodes: &ExtractedUiNodes, size: UVec2, place: Vec2) -> Tiles {
    let mut tiles = Tiles::none(size);
    for node in &nodes.uinodes {
        let mut take = |middle: Vec2, size: Vec2| {
            let matrix2 = node.transform.matrix2;
            let half_size = (matrix2.x_axis.abs() * size.x + matrix2.y_axis.abs() * size.y) / 2.0;
            // One more pixel: edges are soft.
            tiles.take(place + node.transform.transform_point2(middle), half_size + 1.0);
        };
        match &node.item {
            ExtractedUiItem::Node { rect, .. } => take(Vec2::ZERO, rect.size()),
            ExtractedUiItem::Glyphs { range } => {
                for glyph in nodes.glyphs.get(range.clone()).into_iter().flatten() {
                    take(glyph.translation, glyph.rect.size());
                }
            }
        }
    }
    tiles
}

#[cfg(test)]
mod tests {
    use bevy::math::Affine2;
    use bevy::render::sync_world::MainEntity;
    use bevy::ui_render::{ExtractedGlyph, ExtractedUiNode};

    use super::*;

    /// A card with a letter on it.
    fn card() -> ExtractedUiNodes {
        let node = |item, z_order| ExtractedUiNode {
            z_order,
            image: AssetId::default(),
            clip: None,
            extracted_camera_entity: Entity::PLACEHOLDER,
            item,
            main_entity: MainEntity::from(Entity::PLACEHOLDER),
            render_entity: Entity::PLACEHOLDER,
            transform: Affine2::from_translation(Vec2::new(100.0, 80.0)),
        };
        let plate = ExtractedUiItem::Node {
            color: LinearRgba::WHITE,
            rect: Rect::new(0.0, 0.0, 60.0, 20.0),
            atlas_scaling: None,
            flip_x: false,
            flip_y: false,
            border_radius: default(),
            border: BorderRect::ZERO,
            node_type: NodeType::Rect,
        };
        let letter = ExtractedGlyph {
            color: LinearRgba::BLACK,
            translation: Vec2::new(150.0, 0.0),
            rect: Rect::new(0.0, 0.0, 8.0, 12.0),
        };
        let uinodes = vec![node(plate, 1.0), node(ExtractedUiItem::Glyphs { range: 0..1 }, 2.0)];
        ExtractedUiNodes { uinodes, glyphs: vec![letter] }
    }

    #[test]
    fn whatever_changes_on_a_panel_makes_another_number_and_nothing_else_does() {
        let look = |cards: &ExtractedUiNodes| look_of(cards, 1, UVec4::ZERO);
        let before = look(&card());
        assert_eq!(before, look(&card()));
        assert_ne!(before, look_of(&card(), 2, UVec4::ZERO), "an image");
        assert_ne!(before, look_of(&card(), 1, UVec4::X), "elsewhere on the window");
        let plate: [fn(&mut ExtractedUiItem); 4] = [
            |item| {
                let ExtractedUiItem::Node { color, .. } = item else { return };
                color.red = 0.5;
            },
            |item| {
                let ExtractedUiItem::Node { rect, .. } = item else { return };
                rect.max.x = 61.0;
            },
            |item| {
                let ExtractedUiItem::Node { border, .. } = item else { return };
                border.max_inset.y = 1.0;
            },
            |item| {
                let ExtractedUiItem::Node { node_type, .. } = item else { return };
                *node_type = NodeType::Border(1);
            },
        ];
        for change in plate {
            let mut cards = card();
            change(&mut cards.uinodes[0].item);
            assert_ne!(before, look(&cards));
        }
        let others: [fn(&mut ExtractedUiNodes); 6] = [
            |cards| cards.uinodes[0].clip = Some(Rect::new(0.0, 0.0, 9.0, 9.0)),
            |cards| cards.uinodes[1].z_order = 0.0,
            |cards| cards.uinodes[1].transform.translation.x += 1.0,
            |cards| cards.glyphs[0].rect.min.x = 1.0,
            |cards| cards.glyphs[0].color.alpha = 0.5,
            |cards| cards.glyphs[0].translation.y = 1.0,
        ];
        for change in others {
            let mut cards = card();
            change(&mut cards);
            assert_ne!(before, look(&cards));
        }
    }

    #[test]
    fn the_tiles_of_panels_are_those_that_they_and_their_letters_are_on() {
        let size = UVec2::new(640, 320);
        let pixel =
            |clip: Vec2| (clip + Vec2::new(1.0, -1.0)) * Vec2::new(0.5, -0.5) * size.as_vec2();
        let stretches = tiles(&card(), size, Vec2::new(6.0, 4.0)).stretches();
        let pixels: Vec<_> =
            stretches.iter().map(|it| (pixel(it.xy()).round(), pixel(it.zw()).round())).collect();
        // The card is from 76 to 136 and from 74 to 94, the letter from 252 to 260 and from 78 to 90.
        let rect = |left, top, right, bottom| (Vec2::new(left, top), Vec2::new(right, bottom));
        assert_eq!(pixels, [rect(64.0, 64.0, 160.0, 96.0), rect(224.0, 64.0, 288.0, 96.0)]);
    }
}
