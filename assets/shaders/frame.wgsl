// What every layer of the picture shares. Each layer's shader is this file followed by its own:
// viewer/src/scene/draw/shaders.rs puts them together.
//
// Lengths called "px" are pixels of the screen; all others are world units. Colours are linear and
// already dimmed when the feed is lost.

struct Frame {
    clip_from_world: mat4x4<f32>,
    viewport: vec2<f32>,   // px
    pixel: f32,            // world units in a px
    stroke: f32,           // px that one design pixel of dots and lines takes at this zoom
    clock: f32,            // the playback clock in seconds, modulo `period`
    period: f32,           // seconds; longer than twice any particle's life
    particle: f32,         // radius of an ordinary particle, design pixels
    glow: f32,             // the light around particles; 0 is none
    day: f32,              // 1 on a light ground, 0 on a dark one
    background: vec4<f32>,
    ok: vec4<f32>,
    slow: vec4<f32>,
    throttled: vec4<f32>,
    error: vec4<f32>,
    cold: vec4<f32>,
    edge: vec4<f32>,
    node: vec4<f32>,
    icon: vec4<f32>,
    accent: vec4<f32>,
}

// The curve that an edge and its particles follow, and how it looks now.
struct Edge {
    start: vec2<f32>,
    start_control: vec2<f32>,
    end_control: vec2<f32>,
    end: vec2<f32>,
    width: f32,            // design pixels
    bright: f32,           // 0 is not there, 1 is in focus or nothing is
    busy: f32,             // 0..1: how solid the ribbon is, by whether it has traffic
    body: f32,             // how far its particles stray to either side, design pixels
    grain: f32,            // 0.5..1: size of its ordinary particles; finer in dense streams
    warm: f32,             // 0..1: how amber, by the share of slow and throttled
    alarm: f32,            // 0..1: how red, by the share of errors
}

// Depths: what covers particles is nearer (1 is nearest) than they are.
const COVER: f32 = 0.5;
const MOVING: f32 = 0.25;

@group(0) @binding(0) var<uniform> frame: Frame;
@group(1) @binding(0) var<storage, read> edges: array<Edge>;

fn clip_from_world(world: vec2<f32>) -> vec4<f32> {
    let clip = frame.clip_from_world * vec4<f32>(world, 0.0, 1.0);
    return vec4<f32>(clip.xy, COVER, 1.0);
}

fn along(edge: Edge, t: f32) -> vec2<f32> {
    let u = 1.0 - t;
    return u * u * u * edge.start + 3.0 * u * u * t * edge.start_control
        + 3.0 * u * t * t * edge.end_control + t * t * t * edge.end;
}

// Which way the edge runs at t. Unit length, also where a curve's points coincide.
fn heading(edge: Edge, t: f32) -> vec2<f32> {
    let u = 1.0 - t;
    let slope = u * u * (edge.start_control - edge.start)
        + 2.0 * u * t * (edge.end_control - edge.start_control)
        + t * t * (edge.end - edge.end_control) + vec2<f32>(1e-6, 0.0);
    return normalize(slope);
}

// How much of a pixel lies inside, where `distance` px is to the outline and negative inside.
fn coverage(distance: f32) -> f32 {
    return clamp(0.5 - distance, 0.0, 1.0);
}
