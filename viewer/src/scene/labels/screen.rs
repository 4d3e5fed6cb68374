//! Where the world is on the screen: what labels need to keep their size at every zoom and to stand
//! on whole pixels.

use bevy::camera::Camera2d;
use bevy::prelude::*;

use crate::scene::theme::Theme;

/// The camera, in logical pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Screen {
    /// The world's point in the middle of the window.
    pub(super) center: Vec2,
    /// World units in a logical pixel.
    pub(super) pixel: f32,
    /// Width and height of the window in logical pixels.
    pub(super) size: Vec2,
    /// Physical pixels in a logical one.
    pub(super) density: f32,
}

impl Screen {
    /// What the camera shows; `None` as long as it has no window or image to show it in.
    pub(super) fn of(
        camera: &Camera,
        transform: &Transform,
        projection: &Projection,
    ) -> Option<Self> {
        let size = camera.logical_viewport_size()?;
        let Projection::Orthographic(projection) = projection else { return None };
        if size.min_element() < 1.0 || projection.scale <= 0.0 {
            return None;
        }
        Some(Self {
            center: transform.translation.truncate(),
            pixel: projection.scale,
            size,
            density: camera.target_scaling_factor().unwrap_or(1.0),
        })
    }

    /// Logical pixels from the window's top left corner.
    pub(super) fn of_world(&self, world: Vec2) -> Vec2 {
        (world - self.center) / self.pixel * Vec2::new(1.0, -1.0) + self.size / 2.0
    }

    /// The world's point under that pixel.
    pub(super) fn to_world(self, screen: Vec2) -> Vec2 {
        (screen - self.size / 2.0) * Vec2::new(1.0, -1.0) * self.pixel + self.center
    }

    /// The nearest whole physical pixel: text between pixels is blurred.
    pub(super) fn snap(&self, screen: Vec2) -> Vec2 {
        (screen * self.density).round() / self.density
    }

    /// By how much text is larger than in the theme: with the window, and a little with the zoom.
    /// `before` is what it was, so that it does not flicker at a border. Steps, since each size of
    /// text is drawn anew.
    pub(super) fn text_scale(&self, before: f32) -> f32 {
        let window = Theme::scale(self.size.y);
        let zoom = 1.0 / (self.pixel * window);
        let now = before / window;
        // (from this zoom on, this size)
        let steps = [(0.0, 0.88), (0.42, 1.0), (1.3, 1.15), (2.2, 1.35)];
        let step = |zoom: f32| steps.iter().rfind(|(from, _)| zoom >= *from).map_or(1.0, |s| s.1);
        let stays = step(zoom * 0.92) <= now && now <= step(zoom * 1.08);
        window * if stays { now } else { step(zoom) }
    }
}

/// The first 2D camera, as the screen that it shows.
pub(super) fn first(
    cameras: &Query<'_, '_, (&Camera, &Transform, &Projection), With<Camera2d>>,
) -> Option<Screen> {
    cameras
        .iter()
        .find_map(|(camera, transform, projection)| Screen::of(camera, transform, projection))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn screen(pixel: f32, height: f32) -> Screen {
        let size = Vec2::new(height * 16.0 / 9.0, height);
        Screen { center: Vec2::new(30.0, -70.0), pixel, size, density: 1.5 }
    }

    proptest! {
        #[test]
        fn there_and_back(x in -1e3..1e3_f32, y in -1e3..1e3_f32, pixel in 0.1..5.0_f32) {
            let screen = screen(pixel, 1080.0);
            let back = screen.to_world(screen.of_world(Vec2::new(x, y)));
            prop_assert!(back.distance(Vec2::new(x, y)) < 0.01);
        }

        #[test]
        fn snapped_text_stands_on_physical_pixels(x in 0.0..2e3_f32, y in 0.0..2e3_f32) {
            let snapped = screen(1.0, 1080.0).snap(Vec2::new(x, y)) * 1.5;
            prop_assert!((snapped - snapped.round()).length() < 1e-2);
        }
    }

    #[test]
    fn text_is_twice_as_large_at_4k_and_grows_a_little_with_the_zoom() {
        assert_eq!(screen(1.0, 1080.0).text_scale(1.0), 1.0);
        assert_eq!(screen(0.5, 2160.0).text_scale(2.0), 2.0);
        assert!(screen(0.2, 1080.0).text_scale(1.0) > 1.3);
        assert!(screen(9.0, 1080.0).text_scale(1.0) > 0.85);
    }

    #[test]
    fn text_does_not_change_its_size_to_and_fro_at_a_border() {
        let near = |zoom: f32, before| screen(1.0 / zoom, 1080.0).text_scale(before);
        assert_eq!(near(1.29, 1.15), 1.15);
        assert_eq!(near(1.31, 1.0), 1.0);
        assert_eq!(near(1.5, 1.0), 1.15);
    }
}
