//! What is drawn instead of the particles while their draw is measured. In: [`Standin`] of the main
//! world, which only `measure` sets. Out: what is drawn in their place.

use std::ops::Range;

use bevy::prelude::*;
use bevy::render::extract_resource::ExtractResource;

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
    /// The vertices and instances of the bare triangles. `bare.wgsl` reads their size from the
    /// vertices' numbers, so that it needs no data at all.
    pub(super) fn draw(&self) -> Option<(Range<u32>, Range<u32>)> {
        let Self::Bare { count, sixteenths } = *self else { return None };
        Some((3 * sixteenths..3 * sixteenths + 3, 0..count))
    }
}
