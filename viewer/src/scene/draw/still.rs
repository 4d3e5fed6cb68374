//! What stands still from one frame to the next (edges, nodes, labels) is drawn into a texture, and anew
//! only when it would look different; each frame copies it and draws what moves on top. In: what the
//! picture would show now. Out: [`Still`], its textures, and whether they are to be drawn in this frame.
//!
//! Without a graphics card that is most of a frame's cost; with one it is power that nobody pays for.

use std::hash::{BuildHasher as _, Hash as _, Hasher};
use std::time::{Duration, Instant};

use bevy::camera::Camera2d;
use bevy::platform::hash::FixedHasher;
use bevy::prelude::*;
use bevy::render::camera::ExtractedCamera;
use bevy::render::render_asset::ExtractedAssets;
use bevy::render::render_resource::{
    BindGroup, BindGroupEntries, BindingResource, Extent3d, PipelineCache, StorageBuffer,
    TextureDescriptor, TextureDimension, TextureFormat, TextureUsages, TextureView,
    TextureViewDescriptor,
};
use bevy::render::renderer::{RenderAdapterInfo, RenderDevice, RenderQueue};
use bevy::render::texture::GpuImage;
use bevy::render::view::ExtractedView;
use bevy::sprite_render::{ExtractedSlices, ExtractedSpriteKind, ExtractedSprites};

use super::buffer::Buffer;
use super::frame::{Frame, Look, ViewFrame};
use super::layers::Bindings;
use super::pipeline::{COVER_FORMAT, MOVES_Z, Pipelines, SHADE_FORMAT, SHADE_SCALE};
use super::records::{EdgeRecord, NodeRecord, PlateRecord};
use super::tiles::{Tiles, on_window};

/// Without a graphics card, what stands still is drawn anew at most so often, as often as ticks come, unless
/// somebody is at the controls or the camera moves.
pub(super) const EVERY: Duration = Duration::from_millis(200);

/// The still picture.
#[derive(Resource, Default)]
pub(super) struct Still {
    /// Where it is drawn.
    pub(super) textures: Option<Textures>,
    /// What of it is more than bare ground.
    pub(super) copied: Option<Copied>,
    stretches: StorageBuffer<Vec<Vec4>>,
    /// Whether it is to be drawn in this frame.
    pub(super) fresh: bool,
    /// What it shows; `None` when something was missing as it was drawn.
    shows: Option<Shows>,
    drawn: Option<Instant>,
    /// Grows with every image that has changed: the letters of labels are in images.
    images: u64,
}

impl Still {
    /// A number that grows with every image that has changed.
    pub(super) fn images(&self) -> u64 {
        self.images
    }
}

/// The still picture's textures.
pub(super) struct Textures {
    size: UVec2,
    format: TextureFormat,
    /// Its colours.
    pub(super) color: TextureView,
    /// Where nodes lie above particles: nearer than they are.
    pub(super) cover: TextureView,
    /// How much of the light of particles plates take, smaller by [`SHADE_SCALE`].
    pub(super) shade: TextureView,
}

/// What is copied of a texture into each frame.
pub(super) struct Copied {
    pub(super) binding: BindGroup,
    pub(super) stretches: u32,
}

impl Copied {
    /// These stretches, once they are on the graphics card.
    pub(super) fn of(
        stretches: &mut StorageBuffer<Vec<Vec4>>,
        (device, queue): (&RenderDevice, &RenderQueue),
        bind: impl FnOnce(BindingResource<'_>) -> BindGroup,
    ) -> Option<Self> {
        let list = stretches.get_mut();
        let count = u32::try_from(list.len()).unwrap_or(u32::MAX);
        if list.is_empty() {
            // None cannot be bound.
            list.push(Vec4::ZERO);
        }
        stretches.write_buffer(device, queue);
        Some(Self { binding: bind(stretches.binding()?), stretches: count })
    }
}

/// All that the still picture depends on.
#[derive(Clone, PartialEq)]
struct Shows {
    view: Entity,
    /// Where on the window it is, and how large, in pixels.
    place: UVec4,
    frame: Frame,
    ground: Color,
    edges: Option<u64>,
    nodes: Option<u64>,
    plates: Option<u64>,
    labels: u64,
    images: u64,
}

impl Shows {
    /// Whether the picture, which shows `before`, is to be drawn anew. What only looks different may wait
    /// for its turn; what is elsewhere on the screen would come apart from what moves.
    fn is_due(&self, before: &Self, turn: bool) -> bool {
        let place = |shows: &Self| (shows.view, shows.place);
        self != before && (turn || place(self) != place(before) || self.frame != before.frame)
    }
}

/// Counts images that have changed.
pub(super) fn watch_images(
    images: Res<'_, ExtractedAssets<GpuImage>>,
    mut still: ResMut<'_, Still>,
) {
    if !images.extracted.is_empty() {
        still.images += 1;
    }
}

/// Makes textures of the view's size.
pub(super) fn prepare_textures(
    views: Query<'_, '_, (&ExtractedView, &ExtractedCamera), With<Camera2d>>,
    device: Res<'_, RenderDevice>,
    mut still: ResMut<'_, Still>,
) {
    let Some((view, camera)) = views.iter().next() else { return };
    let (Some(size), format) = (camera.physical_target_size, view.target_format) else { return };
    let now = still.textures.as_ref();
    if size.min_element() == 0 || now.is_some_and(|now| (now.size, now.format) == (size, format)) {
        return;
    }
    let read = TextureUsages::TEXTURE_BINDING;
    let color = texture(&device, "spanfall still picture", format, size, read);
    let cover = texture(&device, "spanfall covers", COVER_FORMAT, size, TextureUsages::empty());
    let small = UVec2::new(size.x.div_ceil(SHADE_SCALE), size.y.div_ceil(SHADE_SCALE));
    let shade = texture(&device, "spanfall shades", SHADE_FORMAT, small, read);
    still.textures = Some(Textures { size, format, color, cover, shade });
    still.copied = None;
    still.shows = None;
    still.drawn = None;
}

/// A texture of this size to draw into.
pub(super) fn texture(
    device: &RenderDevice,
    label: &'static str,
    format: TextureFormat,
    size: UVec2,
    usage: TextureUsages,
) -> TextureView {
    let texture = device.create_texture(&TextureDescriptor {
        label: Some(label),
        size: Extent3d { width: size.x, height: size.y, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: TextureDimension::D2,
        format,
        usage: TextureUsages::RENDER_ATTACHMENT | usage,
        view_formats: &[],
    });
    texture.create_view(&TextureViewDescriptor::default())
}

/// Decides whether the still picture is drawn in this frame.
pub(super) fn judge(
    views: Query<'_, '_, (Entity, &ExtractedView, &ViewFrame), With<Camera2d>>,
    (look, ground): (Res<'_, Look>, Res<'_, ClearColor>),
    (edges, nodes, plates): (
        Res<'_, Buffer<EdgeRecord>>,
        Res<'_, Buffer<NodeRecord>>,
        Res<'_, Buffer<PlateRecord>>,
    ),
    (sprites, slices): (Res<'_, ExtractedSprites>, Res<'_, ExtractedSlices>),
    (bindings, cache): (Option<Res<'_, Bindings>>, Res<'_, PipelineCache>),
    adapter: Res<'_, RenderAdapterInfo>,
    mut still: ResMut<'_, Still>,
) {
    let Some((view, extracted, frame)) = views.iter().next() else { return };
    let now = Shows {
        view,
        place: extracted.viewport,
        frame: frame.frame.still(),
        ground: ground.0,
        edges: edges.revision,
        nodes: nodes.revision,
        plates: plates.revision,
        labels: labels(&sprites, &slices),
        images: still.images,
    };
    let urgent = look.at_once || !is_software(&adapter);
    let rested = still.drawn.is_none_or(|drawn| drawn.elapsed() >= EVERY);
    still.fresh = still.shows.as_ref().is_none_or(|shows| now.is_due(shows, urgent || rested));
    if still.fresh {
        let complete = bindings.is_some() && cache.waiting_pipelines().next().is_none();
        still.shows = complete.then_some(now);
        still.drawn = Some(Instant::now());
    }
}

/// Binds what of the still picture is copied, when it is drawn anew.
pub(super) fn bind_copy(
    views: Query<'_, '_, (&ExtractedView, &ViewFrame), With<Camera2d>>,
    (edges, nodes, plates): (
        Res<'_, Buffer<EdgeRecord>>,
        Res<'_, Buffer<NodeRecord>>,
        Res<'_, Buffer<PlateRecord>>,
    ),
    (sprites, slices): (Res<'_, ExtractedSprites>, Res<'_, ExtractedSlices>),
    (device, queue): (Res<'_, RenderDevice>, Res<'_, RenderQueue>),
    (cache, pipelines): (Res<'_, PipelineCache>, Res<'_, Pipelines>),
    adapter: Res<'_, RenderAdapterInfo>,
    mut still: ResMut<'_, Still>,
) {
    let Still { textures: Some(textures), stretches, fresh: true, copied, .. } = &mut *still else {
        return;
    };
    let Some((view, frame)) = views.iter().next() else { return };
    let tiles = if is_software(&adapter) {
        let (edges, nodes, plates) =
            (edges.storage.get(), nodes.storage.get(), plates.storage.get());
        let view = (&frame.frame, view.viewport);
        let mut tiles = Tiles::of(textures.size, view, edges, nodes, plates);
        // A label may be wider than its plate, until that has followed.
        for (middle, half_size) in letters(&sprites, &slices) {
            tiles.take(on_window(view, middle), half_size / frame.frame.pixel);
        }
        tiles
    } else {
        Tiles::all(textures.size)
    };
    *stretches.get_mut() = tiles.stretches();
    *copied = Copied::of(stretches, (&device, &queue), |stretches| {
        device.create_bind_group(
            "spanfall still picture",
            &cache.get_bind_group_layout(&pipelines.still),
            &BindGroupEntries::sequential((&textures.color, stretches)),
        )
    });
}

/// Whether no graphics card draws.
pub(super) fn is_software(adapter: &RenderAdapterInfo) -> bool {
    adapter.device_type == wgpu_types::DeviceType::Cpu
}

/// Where in the world the letters of labels are, and half their sizes.
fn letters(
    sprites: &ExtractedSprites,
    slices: &ExtractedSlices,
) -> impl Iterator<Item = (Vec2, Vec2)> {
    sprites.sprites.iter().flat_map(|sprite| {
        let indices = match &sprite.kind {
            ExtractedSpriteKind::Slices { indices } => indices.clone(),
            ExtractedSpriteKind::Single { .. } => 0..0,
        };
        slices.slices.get(indices).into_iter().flatten().map(|slice| {
            let middle = sprite.transform.transform_point(slice.offset.extend(0.0));
            let half_size = sprite.transform.affine().transform_vector3(slice.size.extend(0.0));
            (middle.xy(), half_size.xy().abs() / 2.0)
        })
    })
}

/// A number that changes when what labels show does.
fn labels(sprites: &ExtractedSprites, slices: &ExtractedSlices) -> u64 {
    let mut hasher = FixedHasher.build_hasher();
    let number = |hasher: &mut _, number: f32| number.to_bits().hash(hasher);
    let pair = |hasher: &mut _, pair: Vec2| {
        number(hasher, pair.x);
        number(hasher, pair.y);
    };
    for sprite in &sprites.sprites {
        let transform = sprite.transform.affine();
        if transform.translation.z >= MOVES_Z {
            continue;
        }
        for part in transform.to_cols_array().into_iter().chain(sprite.color.to_f32_array()) {
            number(&mut hasher, part);
        }
        sprite.image_handle_id.hash(&mut hasher);
        match &sprite.kind {
            ExtractedSpriteKind::Single { anchor, rect, custom_size, .. } => {
                pair(&mut hasher, *anchor);
                for corner in rect.iter().flat_map(|rect| [rect.min, rect.max]).chain(*custom_size)
                {
                    pair(&mut hasher, corner);
                }
            }
            ExtractedSpriteKind::Slices { indices } => {
                for slice in slices.slices.get(indices.clone()).into_iter().flatten() {
                    for corner in [slice.offset, slice.rect.min, slice.rect.max, slice.size] {
                        pair(&mut hasher, corner);
                    }
                }
            }
        }
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use bevy::sprite_render::{ExtractedSlice, ExtractedSprite};

    use super::*;

    fn shows() -> Shows {
        Shows {
            view: Entity::PLACEHOLDER,
            place: UVec4::ZERO,
            frame: Frame::default(),
            ground: Color::BLACK,
            edges: Some(1),
            nodes: Some(1),
            plates: None,
            labels: 7,
            images: 0,
        }
    }

    #[test]
    fn what_looks_different_waits_for_its_turn_and_what_moves_with_the_camera_does_not() {
        let before = shows();
        assert!(!shows().is_due(&before, true), "the same is not drawn again");
        let changes: [fn(&mut Shows); 6] = [
            |shows| shows.ground = Color::WHITE,
            |shows| shows.edges = Some(2),
            |shows| shows.nodes = None,
            |shows| shows.plates = Some(1),
            |shows| shows.labels = 8,
            |shows| shows.images = 1,
        ];
        for change in changes {
            let mut now = shows();
            change(&mut now);
            assert!(now.is_due(&before, true) && !now.is_due(&before, false));
        }
        let moved = Shows { frame: Frame::of_middle(Vec2::ONE, 2.0), ..shows() };
        assert!(moved.is_due(&before, false));
        let drifted = Shows { place: UVec4::X, ..shows() };
        assert!(drifted.is_due(&before, false));
    }

    fn letter(transform: GlobalTransform, indices: std::ops::Range<usize>) -> ExtractedSprite {
        ExtractedSprite {
            main_entity: Entity::PLACEHOLDER,
            render_entity: Entity::PLACEHOLDER,
            transform,
            color: LinearRgba::WHITE,
            image_handle_id: AssetId::default(),
            flip_x: false,
            flip_y: false,
            kind: ExtractedSpriteKind::Slices { indices },
        }
    }

    #[test]
    fn letters_are_found_where_they_are_drawn() {
        let transform = Transform::from_xyz(100.0, 50.0, 1.0).with_scale(Vec3::splat(2.0));
        let sprites = ExtractedSprites { sprites: vec![letter(transform.into(), 1..2)] };
        let slice = |x: f32| ExtractedSlice {
            offset: Vec2::new(x, 4.0),
            rect: Rect::default(),
            size: Vec2::new(6.0, 10.0),
        };
        let slices = ExtractedSlices { slices: vec![slice(-99.0), slice(10.0), slice(99.0)] };
        let found: Vec<_> = letters(&sprites, &slices).collect();
        assert_eq!(found, [(Vec2::new(120.0, 58.0), Vec2::new(6.0, 10.0))]);
    }

    #[test]
    fn labels_count_where_they_are_and_what_they_say_and_the_marker_does_not() {
        let label = |at: Vec3, rect: Rect| {
            let sprites = ExtractedSprites {
                sprites: vec![letter(GlobalTransform::from_translation(at), 0..1)],
            };
            let slice = ExtractedSlice { offset: Vec2::ZERO, rect, size: rect.size() };
            labels(&sprites, &ExtractedSlices { slices: vec![slice] })
        };
        let a = Rect::new(0.0, 0.0, 8.0, 8.0);
        let first = label(Vec3::ZERO, a);
        assert_eq!(first, label(Vec3::ZERO, a));
        assert_ne!(first, label(Vec3::X, a), "elsewhere");
        assert_ne!(first, label(Vec3::ZERO, Rect::new(8.0, 0.0, 16.0, 8.0)), "another letter");
        let marker = |x| label(Vec3::new(x, 0.0, MOVES_Z), a);
        assert_eq!(marker(0.0), marker(1.0));
    }
}
