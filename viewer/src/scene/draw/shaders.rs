//! The shaders of the picture's layers, whole as the graphics driver gets them.

/// What every layer's shader begins with.
const FRAME: &str = include_str!("../../../../assets/shaders/frame.wgsl");

/// What those of particles go on with.
const SPOT: &str = include_str!("../../../../assets/shaders/spot.wgsl");

/// Each shader: the name of its file in `assets/shaders`, and its complete source, which needs no
/// preprocessor. A test can check them all without a graphics driver.
pub fn all() -> [(&'static str, String); 7] {
    [
        ("edges.wgsl", "", include_str!("../../../../assets/shaders/edges.wgsl")),
        ("particles.wgsl", SPOT, include_str!("../../../../assets/shaders/particles.wgsl")),
        ("plates.wgsl", "", include_str!("../../../../assets/shaders/plates.wgsl")),
        ("nodes.wgsl", "", include_str!("../../../../assets/shaders/nodes.wgsl")),
        ("still.wgsl", "", include_str!("../../../../assets/shaders/still.wgsl")),
        ("bare.wgsl", "", include_str!("../../../../assets/shaders/bare.wgsl")),
        ("place.wgsl", SPOT, include_str!("../../../../assets/shaders/place.wgsl")),
    ]
    .map(|(name, shared, body)| (name, format!("{FRAME}\n{shared}\n{body}")))
}
