// Nodes: a disc with a symbol, and around it a ring divided by class. Drawn from distances, so that
// every outline is sharp at every zoom.

struct Node {
    center: vec2<f32>,
    radius: f32,
    form: f32,      // 0 circle: what computes; 1 rounded square: what stores; 2 hexagon: what passes on
    icon: f32,      // its place in the atlas
    bright: f32,    // 0..1: 1 is in focus, or nothing is
    chosen: f32,    // 0..1: selected or under the pointer
    pulse: f32,     // 0..1: requests have just arrived
    // Where the ring's parts end, clockwise from the top: errors, throttled, slow; ok is the rest.
    // All zero, and `traffic` zero: nothing ever arrived.
    parts: vec3<f32>,
    traffic: f32,   // 0..1
    alarm: f32,     // 0..1: how much of a red light around it
    cold: f32,      // 0..1: how much of a cyan ring around it
    several: f32,   // 1: it stands for several nodes, and looks like a stack of them
    blamed: f32,    // 1: requests begin to fail here, and a second, red ring says so
}

@group(1) @binding(2) var<storage, read> nodes: array<Node>;
@group(1) @binding(4) var icons: texture_2d<f32>;
@group(1) @binding(5) var icons_sampler: sampler;

// The atlas: a grid of distance fields, in which SPREAD texels of a cell of CELL span 0..1.
const COLUMNS: f32 = 4.0;
const ROWS: f32 = 3.0;
const CELL: f32 = 128.0;
const SPREAD: f32 = 16.0;
// How far beyond its radius a node's lights reach.
const REACH: f32 = 1.5;

struct Disc {
    @builtin(position) position: vec4<f32>,
    // px from the centre, y up.
    @location(0) local: vec2<f32>,
    @location(1) @interpolate(flat) shape: vec4<f32>,  // radius px, form, icon, bright
    @location(2) @interpolate(flat) parts: vec4<f32>,
    @location(3) @interpolate(flat) state: vec4<f32>,  // chosen, pulse, alarm, cold
    @location(4) @interpolate(flat) marks: vec2<f32>,  // several, blamed
}

@vertex
fn vertex(@builtin(vertex_index) index: u32) -> Disc {
    let node = nodes[index / 6u];
    let corner = vec2<f32>(
        f32((0x1Au >> (index % 6u)) & 1u),
        f32((0x34u >> (index % 6u)) & 1u),
    ) * 2.0 - 1.0;
    let radius = node.radius / frame.pixel;
    // Only what shines needs the room to shine in.
    let lit = max(max(max(node.alarm, node.pulse), max(node.chosen, node.cold)), node.several);
    let local = corner * (radius * select(1.12, REACH, lit > 0.004) + 2.0);

    var out: Disc;
    out.position = clip_from_world(node.center + local * frame.pixel);
    out.local = local;
    out.shape = vec4<f32>(radius, node.form, node.icon, node.bright);
    out.parts = vec4<f32>(node.parts, node.traffic);
    out.state = vec4<f32>(node.chosen, node.pulse, node.alarm, node.cold);
    out.marks = vec2<f32>(node.several, node.blamed);
    return out;
}

fn rounded_box(p: vec2<f32>, half_size: f32, corner: f32) -> f32 {
    let q = abs(p) - vec2<f32>(half_size - corner);
    return length(max(q, vec2<f32>(0.0))) + min(max(q.x, q.y), 0.0) - corner;
}

fn hexagon(p: vec2<f32>, apothem: f32, corner: f32) -> f32 {
    let inner = apothem - corner;
    var q = abs(p);
    let fold = vec2<f32>(-0.8660254, 0.5);
    q -= 2.0 * min(dot(fold, q), 0.0) * fold;
    q -= vec2<f32>(clamp(q.x, -0.57735027 * inner, 0.57735027 * inner), inner);
    return length(q) * sign(q.y) - corner;
}

// px to the outline; negative inside.
fn outline(p: vec2<f32>, radius: f32, form: f32) -> f32 {
    let circle = length(p) - radius;
    let square = rounded_box(p, radius * 0.9, radius * 0.34);
    let six = hexagon(p, radius * 0.93, radius * 0.2);
    return select(select(circle, square, form > 0.5), six, form > 1.5);
}

fn icon_coverage(p: vec2<f32>, radius: f32, icon: f32) -> f32 {
    let size = radius * 1.14;  // px of the whole cell
    let cell = vec2<f32>(icon % COLUMNS, floor(icon / COLUMNS));
    let inside = vec2<f32>(p.x, -p.y) / size + 0.5;
    let uv = (cell + clamp(inside, vec2<f32>(0.01), vec2<f32>(0.99))) / vec2<f32>(COLUMNS, ROWS);
    let field = textureSampleLevel(icons, icons_sampler, uv, 0.0).r - 0.5;
    return coverage(-field * SPREAD * size / CELL);
}

fn ring_color(p: vec2<f32>, radius: f32, parts: vec4<f32>) -> vec3<f32> {
    let turn = fract(atan2(p.x, p.y) / 6.2831853 + 1.0);
    // One px, measured in turns, so that parts meet without steps.
    let soft = 0.16 / radius;
    var after = smoothstep(parts.xyz - soft, parts.xyz + soft, vec3<f32>(turn));
    // Where the ring begins and ends, a part that does not exist must not shine through.
    after = select(after, vec3<f32>(1.0), parts.xyz <= vec3<f32>(0.0));
    after = select(after, vec3<f32>(0.0), parts.xyz >= vec3<f32>(1.0));
    var color = mix(frame.error.rgb, frame.throttled.rgb, after.x);
    color = mix(color, frame.slow.rgb, after.y);
    return mix(color, frame.ok.rgb, after.z);
}

@fragment
fn fragment(in: Disc) -> @location(0) vec4<f32> {
    let radius = in.shape.x;
    let bright = in.shape.w;
    let traffic = in.parts.w;
    let distance = outline(in.local, radius, in.shape.y);

    // The disc, its ring and its symbol.
    let ring_width = max(radius * 0.125, 1.5);
    let ring = coverage(abs(distance + ring_width * 0.5) - ring_width * 0.5);
    let busy = ring_color(in.local, radius, in.parts);
    let rim = mix(frame.edge.rgb * 0.55, busy, traffic * mix(0.82, 1.0, in.state.y));
    let symbol = icon_coverage(in.local, radius, in.shape.z) * mix(0.55, 0.92, traffic);
    var face = mix(frame.node.rgb, frame.ok.rgb, in.state.y * 0.06);
    face = mix(face, frame.icon.rgb, symbol);
    face = mix(face, rim, ring);
    face = mix(frame.background.rgb, face, mix(0.25, 1.0, bright));
    let disc = coverage(distance);

    // Lights around it: arrivals, errors, cold starts, and the mark of what is chosen.
    let out = max(distance, 0.0) / radius;
    let fall = max(1.0 - out / (REACH - 1.06), 0.0);
    let shine = in.state.y * 0.20 * fall * fall * fall;
    let alarm = in.state.z * 0.55 * fall * fall;
    let band = max(radius * 0.055, 1.0);
    let frost = coverage(abs(distance - radius * 0.16) - band * 0.5) * in.state.w * (1.0 - in.marks.y);
    let blame = coverage(abs(distance - radius * 0.14) - band * 0.9) * in.marks.y;
    let mark = coverage(abs(distance - radius * 0.25) - band * 0.6) * in.state.x;
    var light = frame.ok.rgb * shine * (1.0 - alarm) + frame.error.rgb * alarm;
    var glow = max(shine, alarm);
    light = mix(light, frame.cold.rgb, frost);
    glow = mix(glow, 1.0, frost);
    light = mix(light, frame.error.rgb, blame);
    glow = mix(glow, 1.0, blame);
    light = mix(light, frame.accent.rgb, mark);
    glow = mix(glow, 1.0, mark) * bright;

    // The next one of a stack looks out from behind.
    let shifted = outline(in.local - vec2<f32>(0.17, 0.17) * radius, radius, in.shape.y);
    let behind = coverage(shifted) * in.marks.x * mix(0.25, 1.0, bright);
    let edge = coverage(abs(shifted + ring_width * 0.35) - ring_width * 0.35);
    let next = mix(frame.node.rgb, rim, edge) * 0.7;

    let around = (1.0 - disc);
    let beyond = around * (1.0 - behind);
    return vec4<f32>(
        face * disc + next * behind * around + light * bright * beyond,
        disc + behind * around + glow * beyond,
    );
}

// Under a node no particle is seen, nor under the next one of a stack.
@fragment
fn cover(in: Disc) {
    let radius = in.shape.x;
    let distance = outline(in.local, radius, in.shape.y);
    let shifted = outline(in.local - vec2<f32>(0.17, 0.17) * radius, radius, in.shape.y);
    if distance > 0.0 && (shifted > 0.0 || in.marks.x < 0.5) {
        discard;
    }
}
