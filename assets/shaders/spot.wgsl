// How a particle is drawn in this frame: what place.wgsl finds out once for each, and particles.wgsl
// needs at each corner of its triangle.

struct Spot {
    center: vec2<f32>,  // clip space
    way: u32,           // the way that it travels, of unit length: two 16-bit signed norms
    // Bits 0-11 how solid, of 4095; 12-13 class; 14 cold; 16-31 radius in RADIUS_STEPS of a px. Zero: it
    // is not seen.
    look: u32,
}

// Steps of a radius in a px.
const RADIUS_STEPS: f32 = 128.0;

fn class_of(look: u32) -> u32 {
    return (look >> 12u) & 3u;
}

fn is_cold(look: u32) -> bool {
    return (look & 0x4000u) != 0u;
}

// Classes other than ok, and cold starts, are signs: Spawn::form in viewer/src/particles/spawn.rs.
fn is_sign(look: u32) -> bool {
    return (look & 0x7000u) != 0u;
}
