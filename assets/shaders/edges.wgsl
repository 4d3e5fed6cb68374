// Edges: curved ribbons, one instance an edge, drawn as a triangle strip of 2 * (SEGMENTS + 1)
// vertices. They grow a little more solid from source to target, so that a still picture tells the
// direction too.

const SEGMENTS: f32 = 32.0;

// How far a segment may stray from its curve, px.
const STRAY: f32 = 0.3;

// How many segments a curve needs, so that none strays further: what is left of the strip has no
// area, and costs next to nothing.
fn segments(edge: Edge) -> f32 {
    let first = length(edge.start - 2.0 * edge.start_control + edge.end_control);
    let second = length(edge.start_control - 2.0 * edge.end_control + edge.end);
    let bend = max(first, second) / frame.pixel;
    return clamp(ceil(sqrt(bend * 0.75 / STRAY)), 1.0, SEGMENTS);
}

struct Ribbon {
    @builtin(position) position: vec4<f32>,
    // px from the middle of the ribbon, half of its width in px, and where along the edge.
    @location(0) place: vec3<f32>,
    @location(1) @interpolate(flat) color: vec4<f32>,
}

@vertex
fn vertex(@builtin(vertex_index) index: u32, @builtin(instance_index) instance: u32) -> Ribbon {
    let edge = edges[instance];
    let t = min(f32(index / 2u) / segments(edge), 1.0);
    let side = f32(index % 2u) * 2.0 - 1.0;
    let way = heading(edge, t);

    // A line thinner than a pixel stays a pixel wide and is drawn fainter instead.
    let wanted = edge.width * frame.stroke * 0.5 * mix(0.8, 1.1, t);
    let half_width = max(wanted, 0.5);
    let reach = half_width + 1.0;
    let world = along(edge, t) + vec2<f32>(-way.y, way.x) * side * reach * frame.pixel;

    let trouble = mix(frame.edge.rgb, frame.slow.rgb, edge.warm * 0.55);
    var out: Ribbon;
    out.position = clip_from_world(world);
    out.place = vec3<f32>(side * reach, half_width, t);
    out.color = vec4<f32>(
        mix(trouble, frame.error.rgb, edge.alarm * 0.6),
        edge.bright * mix(0.45, 1.0, edge.busy) * min(wanted * 2.0, 1.0),
    );
    if edge.bright <= 0.0 {
        out.position = vec4<f32>(2.0, 2.0, 2.0, 1.0);
    }
    return out;
}

@fragment
fn fragment(in: Ribbon) -> @location(0) vec4<f32> {
    let solid = mix(0.24, 0.52, smoothstep(0.0, 1.0, in.place.z));
    let alpha = coverage(abs(in.place.x) - in.place.y) * solid * in.color.a;
    return vec4<f32>(in.color.rgb * alpha, alpha);
}
