// Bare triangles, one instance each, all over the picture: the least that a draw of so many of that
// size costs. Only measuring the particles' draw needs them. They come in one colour, and as discs, which is
// the least that anything round costs.

struct Disc {
    @builtin(position) position: vec4<f32>,
    // Twice the disc's radii from the middle.
    @location(0) @interpolate(linear) local: vec2<f32>,
}

fn corner(index: u32) -> vec2<f32> {
    let corner = index % 3u;
    var local = vec2<f32>(1.0, 0.0);
    if corner == 1u {
        local = vec2<f32>(-0.5, 0.8660254);
    } else if corner == 2u {
        local = vec2<f32>(-0.5, -0.8660254);
    }
    return local;
}

fn position(index: u32, instance: u32) -> vec4<f32> {
    // px from the middle to a corner; the draw begins at the vertex that says so.
    let reach = f32(index / 3u) / 16.0;
    // Two multiplications scatter them well enough.
    let bits = instance * 2654435769u;
    let place = vec2<f32>(f32(bits >> 16u), f32((bits * 2246822519u) >> 16u)) / 65536.0;
    return vec4<f32>(place * 2.0 - 1.0 + corner(index) * reach * 2.0 / frame.viewport, 0.5, 1.0);
}

@vertex
fn vertex(
    @builtin(vertex_index) index: u32,
    @builtin(instance_index) instance: u32,
) -> @builtin(position) vec4<f32> {
    return position(index, instance);
}

@fragment
fn fragment() -> @location(0) vec4<f32> {
    return vec4<f32>(0.02, 0.04, 0.06, 0.1);
}

@vertex
fn vertex_disc(@builtin(vertex_index) index: u32, @builtin(instance_index) instance: u32) -> Disc {
    return Disc(position(index, instance), corner(index));
}

@fragment
fn fragment_disc(in: Disc) -> @location(0) vec4<f32> {
    return vec4<f32>(0.02, 0.04, 0.06, 0.1) * step(length(in.local), 0.5);
}
