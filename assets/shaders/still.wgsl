// A texture, copied into the frame where there is something in it: the still picture, and panels.

@group(2) @binding(0) var still: texture_2d<f32>;
// Left, top, right and bottom in clip space.
@group(2) @binding(1) var<storage, read> stretches: array<vec4<f32>>;

@vertex
fn vertex(@builtin(vertex_index) index: u32) -> @builtin(position) vec4<f32> {
    let stretch = stretches[index / 6u];
    let right = ((0x1Au >> (index % 6u)) & 1u) == 1u;
    let bottom = ((0x34u >> (index % 6u)) & 1u) == 1u;
    return vec4<f32>(
        select(stretch.x, stretch.z, right),
        select(stretch.y, stretch.w, bottom),
        0.0,
        1.0,
    );
}

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    return textureLoad(still, vec2<i32>(position.xy), 0);
}
