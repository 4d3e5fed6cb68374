//! The sparkline in the details panel: drawn anew when its second, its item or its size changes.

use bevy::prelude::*;
use spanfall_collector::reduce::hop::Counts;

use super::tree::Tree;
use crate::figures::rate;
use crate::focus::Item;
use crate::panel::marks::Sign;
use crate::panel::paint::Paint;
use crate::panel::sparkline::{self, Frame, draw, peak};
use crate::picture::Picture;
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
    (traffic, picture): (Res<'_, Traffic>, Res<'_, Picture>),
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
    let Some(past) = past_of(item, &traffic, &picture) else { return };
    let size = node.size().round().as_uvec2();
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

/// The item's past by second, oldest first; that of all that it stands for.
fn past_of(item: Item, traffic: &Traffic, picture: &Picture) -> Option<Vec<Counts>> {
    let mut all: Vec<&Series> = match item {
        Item::Node(id) => traffic.nodes.get(&id).map(|node| &node.series).into_iter().collect(),
        Item::Edge(id) => traffic.edges.get(&id).map(|edge| &edge.series).into_iter().collect(),
    };
    if all.is_empty() {
        all = match item {
            Item::Node(id) => {
                picture.members(id).filter_map(|id| Some(&traffic.nodes.get(&id)?.series)).collect()
            }
            Item::Edge(id) => {
                picture.strands(id).filter_map(|id| Some(&traffic.edges.get(&id)?.series)).collect()
            }
        };
    }
    let length = all.iter().map(|series| series.seconds.len()).max()?;
    let mut past = vec![Counts::default(); length];
    for series in all {
        // All end in the same second.
        for (sum, counts) in past.iter_mut().rev().zip(series.seconds.iter().rev()) {
            sum.add(counts);
        }
    }
    // The newest second is not over: its count would dip at the right edge.
    past.pop();
    Some(past)
}
