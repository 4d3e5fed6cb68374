// Bare triangles, one instance each, all over the picture: the least that a draw of so many of that
// size costs. Only measuring the particles' draw needs them.

@vertex
fn vertex(
    @builtin(vertex_index) index: u32,
    @builtin(instance_index) instance: u32,
) -> @builtin(position) vec4<f32> {
    // px from the middle to a corner; the draw begins at the vertex that says so.
    let reach = f32(index / 3u) / 16.0;
    let corner = index % 3u;
    var local = vec2<f32>(1.0, 0.0);
    if corner == 1u {
        local = vec2<f32>(-0.5, 0.8660254);
    } else if corner == 2u {
        local = vec2<f32>(-0.5, -0.8660254);
    }
    // Two multiplications scatter them well enough.
    let bits = instance * 2654435769u;
    let place = vec2<f32>(f32(bits >> 16u), f32((bits * 2246822519u) >> 16u)) / 65536.0;
    return vec4<f32>(place * 2.0 - 1.0 + local * reach * 2.0 / frame.viewport, 0.5, 1.0);
}

@fragment
fn fragment() -> @location(0) vec4<f32> {
    return vec4<f32>(0.02, 0.04, 0.06, 0.1);
}
