// Particles: every hop under way, one triangle each, in a few draws. Nothing moves them: where one is
// follows from the clock.

struct Particle {
    edge: u32,
    start: f32,   // seconds of the playback clock, modulo the frame's period
    travel: f32,  // seconds
    look: u32,    // bits 0-1 class, 2 cold, 8-15 lane, 16-31 seed
}

@group(1) @binding(1) var<storage, read> particles: array<Particle>;
// How much of their light labels take, a texel for a square of so many px: SHADE_SCALE of
// viewer/src/scene/draw/pipeline.rs.
@group(2) @binding(0) var shade: texture_2d<f32>;
const SHADE: f32 = 4.0;

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

const HIDDEN = vec4<f32>(2.0, 2.0, 2.0, 1.0);

// How far on its way a particle is: 0 where it sets out, 1 where it arrives.
fn progress(particle: Particle) -> f32 {
    // The clock wraps; a particle's age is the short way round.
    let since = frame.clock - particle.start;
    let age = since - frame.period * round(since / frame.period);
    return age / particle.travel;
}

// Classes other than ok, and cold starts, are signs: Spawn::form in viewer/src/particles/spawn.rs.
fn is_sign(particle: Particle) -> bool {
    return (particle.look & 7u) != 0u;
}

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

struct Spot {
    // Of the corner on screen.
    position: vec4<f32>,
    // How much of its light is seen, by where it is.
    there: f32,
}

// Where on its edge a particle is, and there a corner that lies `local` px from its middle.
fn spot(particle: Particle, edge: Edge, t: f32, local: vec2<f32>) -> Spot {
    let way = heading(edge, t);
    let across = vec2<f32>(-way.y, way.x);
    let lane = f32((particle.look >> 8u) & 255u) / 127.5 - 1.0;
    // Streams have body, and gather where they leave and arrive.
    let gather = smoothstep(0.0, 0.22, t) * smoothstep(1.0, 0.78, t);
    let stray = lane * edge.body * frame.stroke * mix(0.35, 1.0, gather);
    let middle = along(edge, t) + across * stray * frame.pixel;
    let offset = way * local.x + across * local.y;

    var out: Spot;
    out.position = clip_from_world(middle + offset * frame.pixel);
    out.position.z = MOVING;
    let center = clip_from_world(middle).xy;
    let seen = (vec2<f32>(center.x, -center.y) * 0.5 + 0.5) * frame.viewport / SHADE;
    let unshaded = 1.0 - textureLoad(shade, vec2<i32>(seen), 0).r;
    out.there = smoothstep(0.0, 0.03, t) * smoothstep(1.0, 0.97, t) * unshaded * edge.bright;
    return out;
}

// Not below 1.2 px: a dot must stay a dot on a wall seen from afar.
fn radius_of(size: f32) -> f32 {
    return max(frame.particle * frame.stroke * size, 1.2);
}

@vertex
fn vertex_dot(@builtin(vertex_index) index: u32) -> Dot {
    var out: Dot;
    out.position = HIDDEN;

    let particle = particles[index / 3u];
    let t = progress(particle);
    let edge = edges[particle.edge];
    if t < 0.0 || t > 1.0 || edge.bright <= 0.0 || is_sign(particle) {
        return out;
    }
    let seed = f32(particle.look >> 16u) / 65535.0;
    let radius = radius_of(mix(0.86, 1.1, seed) * edge.grain);
    // Each pixel of a triangle costs: their light ends where it is hardly seen, unless a person wants
    // it bright.
    let ends = mix(1.2, 1.4, step(0.5, frame.glow));
    let local = corner(index) * max(ends * radius, radius + 0.5);
    let here = spot(particle, edge, t, local);
    // The finest fade too: they lie on each other, and a crowd is not to glare.
    let solid = mix(0.55, 1.0, saturate(edge.grain * 2.0 - 1.0)) * saturate(edge.grain * 2.0);
    out.position = here.position;
    out.place = vec4<f32>(local / radius, radius, here.there * solid);
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

    let particle = particles[index / 3u];
    let t = progress(particle);
    let edge = edges[particle.edge];
    if t < 0.0 || t > 1.0 || edge.bright <= 0.0 || !is_sign(particle) {
        return out;
    }
    let sort = particle.look & 3u;
    let cold = f32((particle.look >> 2u) & 1u);
    let seed = f32(particle.look >> 16u) / 65535.0;
    var color = frame.ok.rgb;
    var size = mix(0.86, 1.1, seed) * edge.grain;
    if sort == 1u {
        color = frame.slow.rgb;
        size = 1.25;
    } else if sort == 2u {
        color = frame.throttled.rgb;
        size = 1.3;
    } else if sort == 3u {
        color = frame.error.rgb;
        size = 1.6;
    }
    let radius = radius_of(size);
    let local = corner(index) * (radius * mix(1.4, 2.15, cold) + 0.8);
    let here = spot(particle, edge, t, local);
    out.position = here.position;
    out.color = vec4<f32>(color, here.there);
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
