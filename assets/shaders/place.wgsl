// Places particles: where each hop under way is on screen in this frame, and how it looks there.
// Nothing moves them: that follows from the clock.

struct Particle {
    edge: u32,
    start: f32,   // seconds of the playback clock, modulo the frame's period
    travel: f32,  // seconds
    look: u32,    // bits 0-1 class, 2 cold, 8-15 lane, 16-31 seed
}

// A part of the ring, which may go on at the ring's beginning.
struct Span {
    first: u32,
    count: u32,
}

@group(1) @binding(1) var<storage, read> particles: array<Particle>;
@group(1) @binding(2) var<storage, read_write> spots: array<Spot>;
@group(1) @binding(3) var<uniform> span: Span;
// How much of their light labels take, a texel for a square of so many px: SHADE_SCALE of
// viewer/src/scene/draw/pipeline.rs.
@group(1) @binding(4) var shade: texture_2d<f32>;
const SHADE: f32 = 4.0;

// Particles that are placed together: GROUP of viewer/src/scene/draw/place.rs.
const GROUP: u32 = 64u;

// How far on its way a particle is: 0 where it sets out, 1 where it arrives.
fn progress(particle: Particle) -> f32 {
    // The clock wraps; a particle's age is the short way round.
    let since = frame.clock - particle.start;
    let age = since - frame.period * round(since / frame.period);
    return age / particle.travel;
}

// Its size, in radii of an ordinary particle.
fn size_of(particle: Particle, edge: Edge) -> f32 {
    let sort = particle.look & 3u;
    let seed = f32(particle.look >> 16u) / 65535.0;
    var size = mix(0.86, 1.1, seed) * edge.grain;
    size = select(size, 1.25, sort == 1u);
    size = select(size, 1.3, sort == 2u);
    return select(size, 1.6, sort == 3u);
}

fn place(particle: Particle) -> Spot {
    var out: Spot;
    let t = progress(particle);
    let edge = edges[particle.edge];
    if t < 0.0 || t > 1.0 || edge.bright <= 0.0 {
        return out;
    }
    let way = heading(edge, t);
    let across = vec2<f32>(-way.y, way.x);
    let lane = f32((particle.look >> 8u) & 255u) / 127.5 - 1.0;
    // Streams have body, and gather where they leave and arrive.
    let gather = smoothstep(0.0, 0.22, t) * smoothstep(1.0, 0.78, t);
    let stray = lane * edge.body * frame.stroke * mix(0.35, 1.0, gather);
    let center = clip_from_world(along(edge, t) + across * stray * frame.pixel).xy;

    let seen = (vec2<f32>(center.x, -center.y) * 0.5 + 0.5) * frame.viewport / SHADE;
    let unshaded = 1.0 - textureLoad(shade, vec2<i32>(seen), 0).r;
    var solid = smoothstep(0.0, 0.03, t) * smoothstep(1.0, 0.97, t) * unshaded * edge.bright;
    let signs = particle.look & 7u;
    if signs == 0u {
        // The finest dots fade too: they lie on each other, and a crowd is not to glare.
        solid *= mix(0.55, 1.0, saturate(edge.grain * 2.0 - 1.0)) * saturate(edge.grain * 2.0);
    }
    let opacity = u32(round(saturate(solid) * 4095.0));
    if opacity == 0u {
        return out;
    }
    // Not below 1.2 px: a dot must stay a dot on a wall seen from afar.
    let radius = max(frame.particle * frame.stroke * size_of(particle, edge), 1.2);
    // Nothing of it is seen beyond three radii (particles.wgsl), and clip space is two units wide.
    if any(abs(center) > vec2<f32>(1.0) + 6.0 * radius / frame.viewport) {
        return out;
    }
    out.center = center;
    out.way = pack2x16snorm(way);
    out.look = opacity | (signs << 12u) | (u32(min(radius * RADIUS_STEPS, 65535.0)) << 16u);
    return out;
}

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x < span.count {
        let slot = (span.first + id.x) % arrayLength(&particles);
        spots[id.x] = place(particles[slot]);
    }
}
