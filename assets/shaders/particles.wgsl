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
    // Radii from the middle, where x points the way that it travels; then, the same at all corners, its
    // radius in px, and its class, plus 4 after a cold start.
    @location(0) @interpolate(linear) place: vec4<f32>,
    // Linear colour, and how solid.
    @location(1) @interpolate(flat) color: vec4<f32>,
}

const HIDDEN = vec4<f32>(2.0, 2.0, 2.0, 1.0);

@vertex
fn vertex(@builtin(vertex_index) index: u32) -> Dot {
    var out: Dot;
    out.position = HIDDEN;

    let particle = particles[index / 3u];
    // The clock wraps; a particle's age is the short way round.
    let since = frame.clock - particle.start;
    let age = since - frame.period * round(since / frame.period);
    let t = age / particle.travel;
    let edge = edges[particle.edge];
    if t < 0.0 || t > 1.0 || edge.bright <= 0.0 {
        return out;
    }

    let sort = particle.look & 3u;
    let cold = f32((particle.look >> 2u) & 1u);
    let lane = f32((particle.look >> 8u) & 255u) / 127.5 - 1.0;
    let seed = f32(particle.look >> 16u) / 65535.0;

    var color = frame.ok.rgb;
    var size = mix(0.86, 1.1, seed) * edge.grain;
    // The finest fade too: they lie on each other, and a crowd is not to glare.
    var solid = mix(0.55, 1.0, saturate(edge.grain * 2.0 - 1.0)) * saturate(edge.grain * 2.0);
    if sort > 0u {
        solid = 1.0;
    }
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
    // Not below 1.2 px: a dot must stay a dot on a wall seen from afar.
    let radius = max(frame.particle * frame.stroke * size, 1.2);
    // The triangle's corners lie at twice the radius of the circle that it must hold. Most particles
    // are ordinary dots, and each pixel of a triangle costs: their light ends where it is hardly seen,
    // unless a person wants it bright.
    let lit = mix(1.2, 1.4, step(0.5, frame.glow));
    var holds = max(lit * radius, radius + 0.5);
    if sort > 0u || cold > 0.0 {
        holds = radius * mix(1.4, 2.15, cold) + 0.8;
    }
    let corner = index % 3u;
    var local = vec2<f32>(2.0, 0.0);
    if corner == 1u {
        local = vec2<f32>(-1.0, 1.7320508);
    } else if corner == 2u {
        local = vec2<f32>(-1.0, -1.7320508);
    }
    local *= holds;

    let way = heading(edge, t);
    let across = vec2<f32>(-way.y, way.x);
    // Streams have body, and gather where they leave and arrive.
    let gather = smoothstep(0.0, 0.22, t) * smoothstep(1.0, 0.78, t);
    let stray = lane * edge.body * frame.stroke * mix(0.35, 1.0, gather);
    let offset = way * local.x + across * (local.y + stray);

    out.position = clip_from_world(along(edge, t) + offset * frame.pixel);
    out.position.z = MOVING;
    let middle = clip_from_world(along(edge, t) + across * stray * frame.pixel).xy;
    let seen = (vec2<f32>(middle.x, -middle.y) * 0.5 + 0.5) * frame.viewport / SHADE;
    let unshaded = 1.0 - textureLoad(shade, vec2<i32>(seen), 0).r;
    let there = smoothstep(0.0, 0.03, t) * smoothstep(1.0, 0.97, t) * unshaded;
    out.color = vec4<f32>(color, there * edge.bright * solid);
    out.place = vec4<f32>(local / radius, radius, f32(sort) + cold * 4.0);
    return out;
}

@fragment
fn fragment(in: Dot) -> @location(0) vec4<f32> {
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
    let shape = select(disc, ill, sort > 0.5) * radius;

    // A soft light around it, and, after a cold start, a ring beyond.
    let light = max(1.0 - far * 0.7143, 0.0);
    let halo = coverage(abs(far - 1.85) * radius - max(radius * 0.2, 0.6)) * cold;
    let alpha = max(coverage(shape), light * light * frame.glow) * in.color.a;
    let ring = halo * in.color.a * 0.9;
    // On a light ground what is darker stands out, and light added would only wash out. Its heart
    // stands out more.
    let heart = max(-disc, 0.0) * select(0.45, 0.1, sort > 0.5);
    let body = mix(in.color.rgb, mix(vec3<f32>(1.0), in.color.rgb * 0.6, frame.day), heart);
    let color = body * alpha + frame.cold.rgb * ring;
    // A little less cover than light: crowds grow brighter, and never glare.
    return vec4<f32>(color, (alpha + ring) * mix(0.85, 1.0, frame.day));
}
