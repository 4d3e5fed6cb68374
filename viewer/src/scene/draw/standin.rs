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
    /// Bare triangles of one colour: what no draw of as many particles can be faster than.
    Bare(Bare),
    /// The same as discs: not one colour at every pixel, and nothing else.
    BareDiscs(Bare),
}

/// Triangles that stand in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bare {
    /// How many.
    pub count: u32,
    /// How far their corners are from their middle, in sixteenths of a pixel.
    pub sixteenths: u32,
}

impl Bare {
    /// The vertices of each one. `bare.wgsl` reads their size from the vertices' numbers, so that it needs
    /// no data at all.
    pub(super) fn vertices(&self) -> Range<u32> {
        3 * self.sixteenths..3 * self.sixteenths + 3
    }
}
