// Plates: a soft dark ground under each label, so that names are legible over edges and particles.

struct Plate {
    center: vec2<f32>,
    half_size: vec2<f32>,  // px
    corner: f32,           // px
    solid: f32,            // 0..1
}

@group(1) @binding(3) var<storage, read> plates: array<Plate>;

// How far the soft border reaches, px of a design pixel.
const SOFT: f32 = 7.0;

struct Ground {
    @builtin(position) position: vec4<f32>,
    @location(0) local: vec2<f32>,
    @location(1) @interpolate(flat) box: vec4<f32>,
}

@vertex
fn vertex(@builtin(vertex_index) index: u32) -> Ground {
    let plate = plates[index / 6u];
    let soft = SOFT * plate.corner / 8.0;
    let corner = vec2<f32>(
        f32((0x1Au >> (index % 6u)) & 1u),
        f32((0x34u >> (index % 6u)) & 1u),
    ) * 2.0 - 1.0;
    let local = corner * (plate.half_size + soft);

    var out: Ground;
    out.position = clip_from_world(plate.center + local * frame.pixel);
    out.local = local;
    out.box = vec4<f32>(plate.half_size, plate.corner, plate.solid);
    if plate.solid <= 0.0 {
        out.position = vec4<f32>(2.0, 2.0, 2.0, 1.0);
    }
    return out;
}

fn solid(in: Ground) -> f32 {
    let soft = SOFT * in.box.z / 8.0;
    let outside = max(abs(in.local) - in.box.xy + in.box.z, vec2<f32>(0.0));
    let distance = length(outside) - in.box.z;
    return smoothstep(soft, -soft * 0.6, distance) * in.box.w;
}

@fragment
fn fragment(in: Ground) -> @location(0) vec4<f32> {
    let alpha = solid(in);
    return vec4<f32>(frame.background.rgb * alpha, alpha);
}

// How much of the light of particles it takes: they are drawn later, and hardly seen under a label.
@fragment
fn shade(in: Ground) -> @location(0) vec4<f32> {
    return vec4<f32>(solid(in));
}
