//! What the graphics card reads of edges, nodes and plates: one flat record each. The fields are
//! those of the structs of the same names in `assets/shaders`, in the same order.

use bevy::prelude::*;
use bevy::render::render_resource::ShaderType;

/// One edge: its curve and how it looks now.
#[derive(Clone, Copy, Debug, Default, PartialEq, ShaderType)]
pub struct EdgeRecord {
    /// Where the curve begins, in world units.
    pub start: Vec2,
    /// Its first control point.
    pub start_control: Vec2,
    /// Its second control point.
    pub end_control: Vec2,
    /// Where it ends.
    pub end: Vec2,
    /// Width of the ribbon in design pixels.
    pub width: f32,
    /// 0 is not there, 1 is in focus, or nothing is. Dims the ribbon and its particles.
    pub bright: f32,
    /// 0 to 1: how solid the ribbon is, by whether it has traffic.
    pub busy: f32,
    /// How far particles stray to either side, in design pixels.
    pub body: f32,
    /// Size of its ordinary particles, 1 or less: dense streams are finer.
    pub grain: f32,
    /// 0 to 1: how amber, by the share of slow and throttled hops.
    pub warm: f32,
    /// 0 to 1: how red, by the share of errors.
    pub alarm: f32,
}

/// One node: its disc, ring and lights.
#[derive(Clone, Copy, Debug, Default, PartialEq, ShaderType)]
pub struct NodeRecord {
    /// Where it stands, in world units.
    pub center: Vec2,
    /// Its radius in world units.
    pub radius: f32,
    /// 0 circle, 1 rounded square, 2 hexagon.
    pub form: f32,
    /// Its symbol's place in the atlas.
    pub icon: f32,
    /// 0 to 1: 1 is in focus, or nothing is.
    pub bright: f32,
    /// 0 to 1: selected or under the pointer.
    pub chosen: f32,
    /// 0 to 1: requests have just arrived.
    pub pulse: f32,
    /// Where the ring's parts end, in turns clockwise from the top: errors, throttled, slow.
    pub parts: Vec3,
    /// 0 to 1: whether the ring shows traffic.
    pub traffic: f32,
    /// 0 to 1: how much of a red light is around it.
    pub alarm: f32,
    /// 0 to 1: how much of a cyan ring is around it.
    pub cold: f32,
    /// 1: it stands for several nodes, and looks like a stack of them.
    pub several: f32,
    /// 1: requests begin to fail here, and a second, red ring says so.
    pub blamed: f32,
}

/// The dark ground under one label.
#[derive(Clone, Copy, Debug, Default, PartialEq, ShaderType)]
pub struct PlateRecord {
    /// Its middle, in world units.
    pub center: Vec2,
    /// Half of its width and height, in pixels of the screen.
    pub half_size: Vec2,
    /// Radius of its corners, in pixels of the screen.
    pub corner: f32,
    /// 0 to 1.
    pub solid: f32,
}

/// Every record of one sort, as the scene wants them drawn.
#[derive(Resource, Clone, Debug)]
pub struct Records<T: Send + Sync + 'static> {
    records: Vec<T>,
    revision: u64,
}

impl<T: Send + Sync + 'static> Default for Records<T> {
    fn default() -> Self {
        Self { records: Vec::new(), revision: 0 }
    }
}

impl<T: Clone + PartialEq + Send + Sync + 'static> Records<T> {
    /// The records.
    pub fn as_slice(&self) -> &[T] {
        &self.records
    }

    /// Takes `fresh` for what is to be drawn; nothing is sent to the graphics card when it is the
    /// same as before. `fresh` comes back with the old records, to be filled anew without
    /// allocation.
    pub fn replace(&mut self, fresh: &mut Vec<T>) {
        if self.records != *fresh {
            std::mem::swap(&mut self.records, fresh);
            self.revision += 1;
        }
    }

    /// Grows whenever the records change.
    pub fn revision(&self) -> u64 {
        self.revision
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_that_stay_the_same_are_not_sent_again() {
        let mut records = Records::<PlateRecord>::default();
        let plate = PlateRecord { solid: 1.0, ..default() };
        records.replace(&mut vec![plate]);
        assert_eq!(records.revision(), 1);
        records.replace(&mut vec![plate]);
        assert_eq!(records.revision(), 1);
        records.replace(&mut vec![plate, plate]);
        assert_eq!(records.revision(), 2);
        assert_eq!(records.as_slice().len(), 2);
    }

    #[test]
    fn records_are_as_large_as_the_shaders_read_them() {
        // Strides that WGSL gives to array<Edge>, array<Node> and array<Plate>.
        let stride = |size: u64, align: u64| size.next_multiple_of(align);
        assert_eq!(stride(EdgeRecord::min_size().get(), 8), 64);
        assert_eq!(stride(NodeRecord::min_size().get(), 16), 64);
        assert_eq!(stride(PlateRecord::min_size().get(), 8), 24);
    }
}
