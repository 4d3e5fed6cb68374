// Particles: every hop under way, one triangle each, in a few draws. Where they are, place.wgsl has found
// out.

@group(1) @binding(1) var<storage, read> spots: array<Spot>;

struct Dot {
    @builtin(position) position: vec4<f32>,
    // Radii from the middle; then, the same at all corners, its radius in px, and how solid it is.
    @location(0) @interpolate(linear) place: vec4<f32>,
}

struct Sign {
    @builtin(position) position: vec4<f32>,
    // Radii from the middle, where x points the way that it travels; then, the same at all corners, its
    // radius in px, and its class, plus 4 after a cold start.
    @location(0) @interpolate(linear) place: vec4<f32>,
    // Linear colour, and how solid.
    @location(1) @interpolate(flat) color: vec4<f32>,
}

// Where all corners of a triangle are that is not to be seen: in sight, since one that is not makes Mesa's
// software renderer clip the triangles of its whole batch.
const HIDDEN = vec4<f32>(0.0, 0.0, MOVING, 1.0);

fn corner(index: u32) -> vec2<f32> {
    // The corners lie at twice the radius of the circle that the triangle must hold.
    let corner = index % 3u;
    var local = vec2<f32>(2.0, 0.0);
    if corner == 1u {
        local = vec2<f32>(-1.0, 1.7320508);
    } else if corner == 2u {
        local = vec2<f32>(-1.0, -1.7320508);
    }
    return local;
}

// What lies so many px from the middle of a spot.
fn position(spot: Spot, offset: vec2<f32>) -> vec4<f32> {
    return vec4<f32>(spot.center + offset * 2.0 / frame.viewport, MOVING, 1.0);
}

fn radius_of(look: u32) -> f32 {
    return f32(look >> 16u) / RADIUS_STEPS;
}

fn solid_of(look: u32) -> f32 {
    return f32(look & 4095u) / 4095.0;
}

@vertex
fn vertex_dot(@builtin(vertex_index) index: u32) -> Dot {
    var out: Dot;
    out.position = HIDDEN;

    let spot = spots[index / 3u];
    if spot.look == 0u || is_sign(spot.look) {
        return out;
    }
    let radius = radius_of(spot.look);
    // Each pixel of a triangle costs: their light ends where it is hardly seen, unless a person wants
    // it bright.
    let ends = mix(1.2, 1.4, step(0.5, frame.glow));
    let local = corner(index) * max(ends * radius, radius + 0.5);
    out.position = position(spot, local);
    out.place = vec4<f32>(local / radius, radius, solid_of(spot.look));
    return out;
}

@fragment
fn fragment_dot(in: Dot) -> @location(0) vec4<f32> {
    let far = length(in.place.xy);
    return lit(frame.ok.rgb, far, coverage((far - 1.0) * in.place.z), 0.45, in.place.w);
}

@vertex
fn vertex_sign(@builtin(vertex_index) index: u32) -> Sign {
    var out: Sign;
    out.position = HIDDEN;

    let spot = spots[index / 3u];
    if spot.look == 0u || !is_sign(spot.look) {
        return out;
    }
    let sort = class_of(spot.look);
    var color = frame.ok.rgb;
    if sort == 1u {
        color = frame.slow.rgb;
    } else if sort == 2u {
        color = frame.throttled.rgb;
    } else if sort == 3u {
        color = frame.error.rgb;
    }
    let cold = select(0.0, 1.0, is_cold(spot.look));
    let radius = radius_of(spot.look);
    let local = corner(index) * (radius * mix(1.4, 2.15, cold) + 0.8);
    let way = unpack2x16snorm(spot.way);
    out.position = position(spot, way * local.x + vec2<f32>(-way.y, way.x) * local.y);
    out.color = vec4<f32>(color, solid_of(spot.look));
    out.place = vec4<f32>(local / radius, radius, f32(sort) + cold * 4.0);
    return out;
}

@fragment
fn fragment_sign(in: Sign) -> @location(0) vec4<f32> {
    let local = in.place.xy;
    let radius = in.place.z;
    let cold = step(3.5, in.place.w);
    let sort = in.place.w - cold * 4.0;
    let far = length(local);
    let p = abs(local);

    // Outlines, in radii: a dot; a long diamond; a hollow square on its tip; an arrowhead.
    let disc = far - 1.0;
    let diamond = (p.x * 0.62 + p.y) * 0.85 - 0.8;
    let square = abs((p.x + p.y) * 0.7071 - 0.72) - 0.26;
    let arrow = max(-local.x - 0.75, p.y * 0.921 + local.x * 0.389 - 0.583);
    let ill = select(select(diamond, square, sort > 1.5), arrow, sort > 2.5);
    let outline = coverage(select(disc, ill, sort > 0.5) * radius);
    let heart = select(0.45, 0.1, sort > 0.5);
    let body = lit(in.color.rgb, far, outline, heart, in.color.a);

    // After a cold start, a ring beyond.
    let halo = coverage(abs(far - 1.85) * radius - max(radius * 0.2, 0.6)) * cold;
    let ring = halo * in.color.a * 0.9;
    return body + vec4<f32>(frame.cold.rgb, mix(0.85, 1.0, frame.day)) * ring;
}

// A body, a soft light around it, and a heart that stands out, where `far` is radii from the middle.
fn lit(color: vec3<f32>, far: f32, outline: f32, heart: f32, solid: f32) -> vec4<f32> {
    let light = max(1.0 - far * 0.7143, 0.0);
    let alpha = max(outline, light * light * frame.glow) * solid;
    // On a light ground what is darker stands out, and light added would only wash out.
    let bright = mix(vec3<f32>(1.0), color * 0.6, frame.day);
    let body = mix(color, bright, max(1.0 - far, 0.0) * heart);
    // A little less cover than light: crowds grow brighter, and never glare.
    return vec4<f32>(body * alpha, alpha * mix(0.85, 1.0, frame.day));
}
