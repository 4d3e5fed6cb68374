//! What is drawn instead of the particles while their draw is measured. In: [`Standin`] of the main
//! world, which only `measure` sets. Out: which layers there are.

use std::ops::Range;

use bevy::prelude::*;
use bevy::render::extract_resource::ExtractResource;

use super::pipeline::Layer;

/// Stands in for the particles' layer.
#[derive(Resource, ExtractResource, Clone, Copy, Debug, Default, PartialEq)]
pub enum Standin {
    /// The particles themselves.
    #[default]
    None,
    /// Nothing: what is left is the frame's other cost.
    Nothing,
    /// So many bare triangles, with corners so many sixteenths of a pixel from their middle: what
    /// no draw of as many particles can be faster than.
    Bare {
        /// How many.
        count: u32,
        /// How large.
        sixteenths: u32,
    },
}

impl Standin {
    /// Whether a layer is drawn.
    pub(super) fn shows(self, layer: Layer) -> bool {
        match layer {
            Layer::Particles => self == Self::None,
            Layer::Bare => matches!(self, Self::Bare { .. }),
            Layer::Edges | Layer::Plates | Layer::Nodes => true,
        }
    }

    /// The vertices and instances of the bare triangles. `bare.wgsl` reads their size from the
    /// vertices' numbers, so that it needs no data at all.
    pub(super) fn draw(&self) -> Option<(Range<u32>, Range<u32>)> {
        let Self::Bare { count, sixteenths } = *self else { return None };
        Some((3 * sixteenths..3 * sixteenths + 3, 0..count))
    }
}
