//! The sparkline in the details panel: drawn anew when its second, its item or its size changes.

use bevy::prelude::*;
use spanfall_collector::reduce::hop::Counts;

use super::tree::Tree;
use crate::figures::rate;
use crate::focus::Item;
use crate::panel::marks::Sign;
use crate::panel::paint::Paint;
use crate::panel::sparkline::{self, Frame, draw, peak};
use crate::scene::Theme;
use crate::traffic::model::SERIES_SECONDS;
use crate::traffic::{Series, Traffic};

/// Marks the UI node that shows the sparkline.
#[derive(Component)]
pub(super) struct Past;

/// What the sparkline was drawn from.
#[derive(Default, PartialEq)]
pub(super) struct Drawn {
    /// The UI node that shows it.
    field: Option<Entity>,
    item: Option<Item>,
    size: UVec2,
    past: Vec<Counts>,
}

pub(super) fn draw_past(
    shown: Res<'_, super::ShownItem>,
    traffic: Res<'_, Traffic>,
    theme: Res<'_, Theme>,
    tree: Option<Res<'_, Tree>>,
    mut field: Query<'_, '_, (Entity, &ComputedNode, &mut ImageNode), (With<Past>, Without<Sign>)>,
    mut images: ResMut<'_, Assets<Image>>,
    mut drawn: Local<'_, Drawn>,
    mut paint: Paint<'_, '_>,
) {
    let (Some(tree), Some(item), Ok((field, node, mut image))) =
        (tree, shown.0, field.single_mut())
    else {
        return;
    };
    let Some(series) = series_of(item, &traffic) else { return };
    let size = node.size().round().as_uvec2();
    // The newest second is not over: its count would dip at the right edge.
    let past: Vec<Counts> =
        series.seconds.iter().take(series.seconds.len().saturating_sub(1)).copied().collect();
    let next = Drawn { field: Some(field), item: Some(item), size, past };
    if size.min_element() == 0 || *drawn == next {
        return;
    }
    let peak = peak(&next.past, SERIES_SECONDS);
    let frame = Frame { size, seconds: SERIES_SECONDS, peak };
    let colors = theme.colors;
    let bytes = draw(&next.past, frame, |class| colors.of(class).to_srgba());
    image.image = images.add(sparkline::image(size, bytes));
    let text = if peak > 0.0 { format!("peak {}", rate(peak)) } else { String::new() };
    paint.text(tree.peak, &text);
    *drawn = next;
}

fn series_of(item: Item, traffic: &Traffic) -> Option<&Series> {
    match item {
        Item::Node(id) => traffic.nodes.get(&id).map(|node| &node.series),
        Item::Edge(id) => traffic.edges.get(&id).map(|edge| &edge.series),
    }
}
