//! The symbols of nodes: one a kind, in an atlas that is part of the program; and each kind's form.

use bevy::asset::RenderAssetUsages;
use bevy::image::ImageSampler;
use bevy::prelude::*;
use bevy::render::extract_resource::ExtractResource;
use bevy::render::render_resource::{Extent3d, TextureDimension, TextureFormat};
use image::ImageFormat;
use spanfall_collector::reduce::node::NodeKind;

/// Made by `assets/icons/atlas.py`, in the order of [`NodeKind::ALL`].
const ATLAS: &[u8] = include_bytes!("../../../assets/icons/atlas.png");

/// The atlas as a texture: distances to the icons' outlines.
#[derive(Resource, ExtractResource, Clone, Debug)]
pub struct IconAtlas(pub Handle<Image>);

impl FromWorld for IconAtlas {
    fn from_world(world: &mut World) -> Self {
        let picture = match image::load_from_memory_with_format(ATLAS, ImageFormat::Png) {
            Ok(picture) => picture.into_luma8(),
            Err(error) => {
                // A program that was built from a broken file still shows its graph.
                error!("the icons cannot be read, so nodes have none: {error}");
                image::GrayImage::new(1, 1)
            }
        };
        let (width, height) = picture.dimensions();
        let mut atlas = Image::new(
            Extent3d { width, height, depth_or_array_layers: 1 },
            TextureDimension::D2,
            picture.into_raw(),
            TextureFormat::R8Unorm,
            RenderAssetUsages::RENDER_WORLD,
        );
        atlas.sampler = ImageSampler::linear();
        Self(world.resource_mut::<Assets<Image>>().add(atlas))
    }
}

/// The outline of a node, so that what it does shows before its symbol can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// What computes, and who asks.
    Circle,
    /// What stores.
    Square,
    /// What passes messages on.
    Hexagon,
}

impl Form {
    /// The form of nodes of this kind.
    pub const fn of(kind: NodeKind) -> Self {
        match kind {
            NodeKind::Function
            | NodeKind::Service
            | NodeKind::Api
            | NodeKind::Host
            | NodeKind::Schedule
            | NodeKind::Users => Self::Circle,
            NodeKind::Table | NodeKind::Database | NodeKind::Bucket => Self::Square,
            NodeKind::Queue | NodeKind::Topic | NodeKind::Stream => Self::Hexagon,
        }
    }

    /// The number that `nodes.wgsl` knows it by.
    pub(super) const fn number(self) -> f32 {
        match self {
            Self::Circle => 0.0,
            Self::Square => 1.0,
            Self::Hexagon => 2.0,
        }
    }
}

/// The place of a kind's symbol in the atlas.
pub(super) fn icon(kind: NodeKind) -> f32 {
    let place = NodeKind::ALL.iter().position(|other| *other == kind).unwrap_or_default();
    f32::from(u8::try_from(place).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_symbol_of_its_own_in_the_atlas() {
        let atlas = image::load_from_memory_with_format(ATLAS, ImageFormat::Png).unwrap();
        let atlas = atlas.into_luma8();
        assert_eq!(atlas.dimensions(), (4 * 128, 3 * 128));
        let cells: Vec<Vec<u8>> = NodeKind::ALL
            .iter()
            .map(|kind| {
                let place = icon(*kind) as u32;
                let (x, y) = (place % 4 * 128, place / 4 * 128);
                let cell = image::imageops::crop_imm(&atlas, x, y, 128, 128).to_image();
                let inside = cell.pixels().filter(|pixel| pixel.0[0] > 127).count();
                assert!((800..8000).contains(&inside), "{kind}: {inside} texels inside");
                // Nothing touches a cell's edge, or it would bleed into its neighbour.
                let edge = (0..128).flat_map(|i| [(i, 0), (i, 127), (0, i), (127, i)]);
                assert!(edge.into_iter().all(|(x, y)| cell.get_pixel(x, y).0[0] < 64), "{kind}");
                cell.into_raw()
            })
            .collect();
        for (index, cell) in cells.iter().enumerate() {
            assert!(!cells[..index].contains(cell));
        }
    }
}
