//! The marker of a followed request: one bright spot with a short tail, which goes along edges and waits at
//! nodes. In: [`Following`], [`Curves`]. Out: sprites, above everything else in the picture.

use bevy::asset::RenderAssetUsages;
use bevy::prelude::*;
use bevy::render::render_resource::{Extent3d, TextureDimension, TextureFormat};
use bevy::time::Real;

use super::Following;
use super::journey::{Moment, Step};
use crate::app::Flow;
use crate::interaction::{CameraSystems, MainCamera};
use crate::layout::Curves;
use crate::picture::Picture;
use crate::scene::Theme;
use crate::scene::draw::MOVES_Z;

/// Shows the marker.
pub(super) struct MarkerPlugin;

impl Plugin for MarkerPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Theme>()
            .init_resource::<Curves>()
            .init_resource::<Picture>()
            .add_systems(Startup, spawn)
            .add_systems(Update, place.in_set(Flow::Scene).after(CameraSystems));
    }
}

/// A spot of the marker: 0 is its head, the others follow it.
#[derive(Component, Clone, Copy, Debug)]
struct Spot(u8);

/// The head and the spots of its tail.
const SPOTS: u8 = 14;
/// Of an edge's way, how far each spot is behind the one before.
const BEHIND: f32 = 0.012;
/// The head's width in logical pixels at 1080, with its glow.
const WIDTH: f32 = 46.0;
/// The tail's last spot is as large as this share of the head.
const LAST: f32 = 0.3;
/// Pixels of the spot's image.
const IMAGE: u32 = 128;
/// How often a second a marker that waits breathes.
const BREATHS: f32 = 1.2;

fn spawn(mut commands: Commands<'_, '_>, images: Option<ResMut<'_, Assets<Image>>>) {
    let Some(mut images) = images else { return };
    let image = images.add(spot());
    for number in 0..SPOTS {
        // The head lies above its tail.
        let z = MOVES_Z + 1.0 - f32::from(number) * 0.01;
        commands.spawn((
            Name::new("marker"),
            Spot(number),
            Sprite { image: image.clone(), ..default() },
            Transform::from_xyz(0.0, 0.0, z),
            Visibility::Hidden,
        ));
    }
}

/// A white core in a soft glow.
fn spot() -> Image {
    let half = IMAGE as f32 / 2.0;
    let mut bytes = Vec::with_capacity((IMAGE * IMAGE * 4) as usize);
    for y in 0..IMAGE {
        for x in 0..IMAGE {
            let from = Vec2::new(x as f32 + 0.5 - half, y as f32 + 0.5 - half).length() / half;
            let core = ((0.34 - from) * half + 0.5).clamp(0.0, 1.0);
            let glow = (1.0 - from).clamp(0.0, 1.0).powi(2) * 0.6;
            bytes.extend([255, 255, 255, (core.max(glow) * 255.0 + 0.5) as u8]);
        }
    }
    Image::new(
        Extent3d { width: IMAGE, height: IMAGE, depth_or_array_layers: 1 },
        TextureDimension::D2,
        bytes,
        TextureFormat::Rgba8UnormSrgb,
        RenderAssetUsages::RENDER_WORLD,
    )
}

fn place(
    time: Res<'_, Time<Real>>,
    following: Res<'_, Following>,
    (curves, picture): (Res<'_, Curves>, Res<'_, Picture>),
    theme: Res<'_, Theme>,
    cameras: Query<'_, '_, (&Camera, &GlobalTransform), With<MainCamera>>,
    mut spots: Query<'_, '_, (&Spot, &mut Transform, &mut Sprite, &mut Visibility)>,
) {
    let moment = following.moment();
    let unit = cameras.single().ok().and_then(|(camera, at)| world_unit(camera, at));
    for (spot, mut transform, mut sprite, mut visibility) in &mut spots {
        let shown = moment.zip(unit).and_then(|(moment, unit)| {
            let (at, size) = place_of(&following, moment, (&curves, &picture), *spot)?;
            Some((at, size * unit * WIDTH * breath(moment, *spot, time.elapsed_secs())))
        });
        let Some((at, width)) = shown else {
            visibility.set_if_neq(Visibility::Hidden);
            continue;
        };
        visibility.set_if_neq(Visibility::Visible);
        transform.translation = at.extend(transform.translation.z);
        sprite.custom_size = Some(Vec2::splat(width));
        let color = match (moment, following.known()) {
            (Some(moment), Some(known)) => {
                let hop = known.hops.get(moment.step.hop());
                hop.map_or(theme.colors.text, |hop| theme.colors.of(hop.class))
            }
            _ => theme.colors.text,
        };
        let faded = 1.0 - f32::from(spot.0) / f32::from(SPOTS);
        sprite.color = if spot.0 == 0 { color } else { color.with_alpha(0.5 * faded) };
    }
}

/// World units in a logical pixel at 1080, however large the window is.
fn world_unit(camera: &Camera, at: &GlobalTransform) -> Option<f32> {
    let window = camera.logical_viewport_size()?;
    let corner = |x| camera.viewport_to_world_2d(at, Vec2::new(x, 0.0)).ok();
    let across = corner(window.x)?.distance(corner(0.0)?);
    Some(across / window.x * Theme::scale(window.y))
}

/// Where a spot is, and how large as a share of the head. A marker that waits has no tail.
fn place_of(
    following: &Following,
    moment: Moment,
    (curves, picture): (&Curves, &Picture),
    spot: Spot,
) -> Option<(Vec2, f32)> {
    let hop = following.known()?.hops.get(moment.step.hop())?;
    // Within a group, or on another level, there is nothing to be seen of it.
    let curve = curves.of.get(&picture.edge_of(hop.edge)?)?;
    let behind = f32::from(spot.0) * BEHIND;
    let along = match moment.step {
        Step::Goes(_) => moment.part - behind,
        Step::Returns(_) => 1.0 - moment.part + behind,
        Step::Stays(_) if spot.0 == 0 => 1.0,
        Step::Stays(_) => return None,
    };
    let size = 1.0 - (1.0 - LAST) * f32::from(spot.0) / f32::from(SPOTS);
    (0.0..=1.0).contains(&along).then(|| (curve.point(along), size))
}

/// A marker that waits is seen to be alive.
fn breath(moment: Moment, spot: Spot, seconds: f32) -> f32 {
    match moment.step {
        Step::Stays(_) if spot.0 == 0 => {
            1.15 + 0.2 * (seconds * BREATHS * std::f32::consts::TAU).sin()
        }
        _ => 1.0,
    }
}
