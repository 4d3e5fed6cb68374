//! Covers: what lies on the picture itself, such as cards that come and go. In: nodes of the user interface
//! that are marked so. Out: where they are on the screen.

use bevy::ecs::system::SystemParam;
use bevy::prelude::*;
use bevy::ui::UiGlobalTransform;

/// Marks a card that lies on the picture while it is there: labels keep clear of it. Panels at the window's
/// edges take room from the picture instead ([`PanelInsets`](crate::interaction::PanelInsets)).
#[derive(Component, Clone, Copy, Debug, Default)]
pub struct Cover;

/// All covers.
#[derive(SystemParam)]
pub(super) struct Covers<'w, 's> {
    nodes: Query<
        'w,
        's,
        (&'static ComputedNode, &'static UiGlobalTransform, Option<&'static InheritedVisibility>),
        With<Cover>,
    >,
}

impl Covers<'_, '_> {
    /// Where those are that are seen, in logical pixels of which one has `density` physical ones.
    pub(super) fn rects(&self, density: f32) -> Vec<Rect> {
        let seen = self.nodes.iter().filter(|(node, _, visible)| {
            !node.is_empty() && visible.is_none_or(|visible| visible.get())
        });
        let mut rects: Vec<Rect> = seen
            .map(|(node, transform, _)| {
                let (center, size) = (transform.translation / density, node.size() / density);
                Rect::from_center_size(center.round(), size.round())
            })
            .collect();
        // The order of entities says nothing.
        rects.sort_by(|a, b| a.min.y.total_cmp(&b.min.y).then(a.min.x.total_cmp(&b.min.x)));
        rects
    }
}
